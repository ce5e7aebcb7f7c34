// Everything at once that has to do with who a caller is, by a seed: tokens, proofs, keys, certificates, limits;
// a provider, a Redis and backends that fail; reloads, flushes, clients that leave, and an end in the middle.
//
//   CHAOS_SECONDS=120 CHAOS_SEED=7 CHAOS_LANES=40

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { startPeer } from '../rigs/peer/peer.mjs';
import { makeRandom } from './support/chaos.mjs';
import { Authority, pairOf } from './support/certificates.mjs';
import { eventually, isSanitized, makeFolder, prepareGateway, send } from './support/harness.mjs';
import { change, makeKey, redisFor } from './support/records.mjs';
import { Issuer } from './support/tokens.mjs';

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 8);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 100_000);
const LANES = Number(process.env.CHAOS_LANES ?? 24);
const ASKED = '/token/introspection';
const TICKS_PER_SECOND = 100;
const RIG = fileURLToPath(new URL('../rigs/oidc/', import.meta.url));
const grants = ['/system/*'];

if (!existsSync(`${RIG}node_modules/dpop`)) {
  process.stdout.write('skipped: the OpenID provider is not installed: run script/bootstrap\n');
  process.exit(77);
}
const { OidcRig, SECRET } = await import('../rigs/oidc/provider.mjs');
const proofs = await import('../rigs/oidc/node_modules/dpop/build/index.js');
const { Callers, HONEST, identityContract } = await import('./support/chaos_identity.mjs');

function issuersOf(provider) {
  const idp = {
    issuer: provider.issuer, audiences: [provider.audience], grants, discovery: true, typ: 'at+jwt',
    introspection: { url: `${provider.issuer}${ASKED}`, client_id: 'gateway', client_secret: SECRET, cache: '1s' },
  };
  return { idp, asked: { ...idp, introspection: { ...idp.introspection, always: true, cache: '0s', timeout: '2s' } } };
}

const plans = {
  standard: {
    limits: { second: { limit: 2000, window: '1s', burst: 2000 }, minute: { limit: 200_000, mode: 'exact' }, slots: { concurrent: 500 } },
    grants,
  },
  tight: {
    limits: {
      second: { limit: 10, window: '1s', burst: 5 }, exact: { limit: 20, window: '4s', mode: 'exact' },
      slots: { concurrent: 2, slot_ttl: '1s' }, api: { limit: 40, window: '4s', scope: 'api' },
    },
    grants,
  },
};

const chain = (realm, perSecond) => [{ body_limit: {} },
  { jwt: { realm, bad_signatures_per_second: perSecond, dpop: { redis_timeout: '500ms', max_age: '120s' } } },
  { api_key: {} }, { client_certificate: {} }, { authorise: {} }, { headers: {} },
  { rate_limit: { redis_timeout: '50ms' } }, { schema: {} }];

async function startAll(t) {
  const redis = await redisFor(t);
  const provider = await new OidcRig().listen();
  const peers = await Promise.all(Array.from({ length: 3 }, () => startPeer()));
  t.after(() => Promise.all([provider.stop(), ...peers.map((peer) => peer.stop())]));
  const folder = makeFolder();
  const authority = new Authority(folder);
  const server = authority.issue('/CN=localhost', { san: 'IP:127.0.0.1' });
  const tls = { ...pairOf(server), client_certificates: 'optional', client_ca_file: authority.ca_file };
  const gw = await prepareGateway(t, {
    issuer: new Issuer({ alg: 'ES256' }),
    peer: null,
    contracts: { 'peer.v1.yaml': identityContract(), 'tight.v1.yaml': identityContract('tight') },
    config: {
      workers: 2, redis: redis.url, plans, policies: chain('one', 50),
      listeners: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', tls }],
      backends: {
        peer: {
          targets: peers.map(({ url }) => ({ url })), grants, hedge: { delay: '40ms', budget: 50 },
          retry: { attempts: 3, on: ['connect', 'reset', 'timeout', '503'], backoff: '5ms', budget: 50 },
          bulkhead: { max_requests: 30, max_queued: 30, queue_timeout: '200ms' },
          mirror: { backend: 'copy', percent: 20 }, outliers: { base_ejection: '1s' },
          first_byte_timeout: '2s', total_timeout: '10s',
        },
        copy: { url: peers[0].url, grants, first_byte_timeout: '1s' },
      },
      extra: {
        drain_timeout: '2s', api_keys: { partners: { grants } },
        client_certificates: { certs: { consumer: 'cn', any: true, grants } },
      },
    },
  });
  gw.rewriteConfig((config) => Object.assign(config.issuers, issuersOf(provider)));
  await gw.start();
  return { redis, provider, peers, gw, leaf: authority.issue('/O=Acme/CN=supplier-1') };
}

// --- what goes wrong meanwhile ---

async function tormentRedis(redis, random, chaos) {
  while (!chaos.isOver) {
    await sleep(300 + random.below(1500));
    redis.process.kill('SIGSTOP');
    await sleep(random.below(random.pick([100, 700])));
    redis.process.kill('SIGCONT');
  }
}

async function tormentProvider(provider, random, chaos) {
  while (!chaos.isOver) {
    provider.mode = random.pick(['ok', 'ok', 'ok', 'error', 'hang', 'cut']);
    provider.delayMs = random.pick([0, 0, 200, 700]);
    provider.spoilt = random.chance(0.4) ? {} : { [ASKED]: random.pick([300, 900, 1500, 'hang', 'cut', 'error', 'rubbish']) };
    await sleep(random.below(700));
  }
  Object.assign(provider, { mode: 'ok', delayMs: 0, spoilt: {} });
}

async function tormentBackends(peers, random, chaos) {
  while (!chaos.isOver) {
    await sleep(random.below(250));
    const open = random.pick(peers).connections.filter(({ closedAt }) => closedAt === null);
    if (open.length > 0) random.pick(open).socket.destroy();
  }
}

async function reloadAlways(gw, random, chaos) {
  const outcomes = {};
  for (let i = 0; !chaos.isOver; i++) {
    await sleep(random.below(500));
    gw.rewriteConfig((config) => {
      config.policies = chain(random.pick(['one', 'two']), random.pick([50, 60]));
      config.issuers.asked.introspection.timeout = random.pick(['2s', '3s']);
      config.plans.tight.limits.second.limit = random.pick([10, 11]);
    });
    const { status } = random.chance(0.7) ? await gw.reload() : await change(gw, 'POST', '/issuers/idp/flush', {});
    outcomes[status] = (outcomes[status] ?? 0) + 1;
    if (![200, 202, 204, 503].includes(status)) chaos.wrong.push({ reason: `the administrator got ${status}` });
  }
  return outcomes;
}

// --- what must hold afterwards ---

function sum(text, name) {
  const lines = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'));
  return [...lines].reduce((total, [, value]) => total + Number(value), 0);
}

async function becomesQuiet(gw) {
  const names = ['millgate_exchanges', 'millgate_connections', 'millgate_exchanges_suspended'];
  let now;
  await eventually(async () => {
    const { text } = await send({ port: gw.adminPort, path: '/metrics' });
    now = names.map((name) => sum(text, name));
    return now.every((value) => value === 0);
  }, 'exchanges and connections end', 20_000).catch((error) => assert.fail(`${error.message}: ${names} are ${now}`));
}

function cpuTicks(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Nobody asks: a loop that spins shows itself. */
async function isIdle(gw) {
  const before = cpuTicks(gw.pid);
  await sleep(2000);
  const seconds = (cpuTicks(gw.pid) - before) / TICKS_PER_SECOND;
  assert.ok(seconds < (isSanitized ? 1 : 0.5), `${seconds} s of CPU in 2 s without a request`);
}

/** Each worker comes back in its own time; then every one of many must be served. */
async function servesEverybody(chaos, random) {
  for (const kind of HONEST) {
    let inRow = 0;
    await eventually(async () => {
      const answer = await chaos.ask(await chaos.make(kind, random, { what: 'mirror' }));
      inRow = answer?.status === 200 ? inRow + 1 : 0;
      return inRow === 12;
    }, `${kind} is served again`, 25_000);
  }
}

/** SIGTERM while requests wait for keys, for a provider, for Redis, for their refusal and for backends. */
async function endInTheMiddle({ gw, provider, redis }, chaos, random) {
  provider.spoilt = { [ASKED]: 'hang' };
  provider.mode = 'hang';
  await change(gw, 'POST', '/issuers/idp/flush', {}).catch(() => {});
  const crowd = ['jwt', 'opaque', 'asked', 'dpop', 'strangeKey', 'forged', 'stale', 'tight', 'local', 'unknownOpaque'];
  const clients = [];
  redis.process.kill('SIGSTOP');
  for (let i = 0; i < 60; i++) {
    const request = await chaos.make(crowd[i % crowd.length], random, { what: random.pick(['hold', 'slow?ms=5000', 'mirror']) });
    const client = await chaos.open(request).catch(() => null);
    clients.push(client?.send(chaos.bytesOf(request)));
  }
  await sleep(random.below(60));
  gw.process.kill('SIGTERM');
  await sleep(random.below(300));
  for (const client of clients.filter(() => random.chance(0.3))) client?.destroy();
  await gw.stop();
  for (const client of clients) client?.destroy();
}

describe('chaos of identities', () => {
  test(`${SECONDS} s of all at once, seed ${SEED}`, { timeout: (SECONDS + 180) * 1000 }, async (t) => {
    const all = await startAll(t);
    const { gw, provider, redis, peers, leaf } = all;
    const random = makeRandom(SEED);
    t.after(() => console.log(/Sanitizer[^]*|runtime error[^]*/.exec(gw.stderr)?.[0].slice(0, 8000) ?? 'no sanitizer spoke'));
    const keys = await Promise.all([1, 2, 3].map(async (i) => (await makeKey(gw, { consumer: `acme-${i}` })).key));
    gw.cachedToken = gw.token();
    const chaos = new Callers(gw, { seed: SEED, until: 0, provider, keys, leaf, proofs });
    await chaos.prepare();
    assert.equal((await change(gw, 'POST', '/revocations', { issuer: 'dev', jti: 'banned' })).status, 201);
    await sleep(1500);
    await servesEverybody(chaos, random);

    chaos.until = Date.now() + SECONDS * 1000;
    const [reloads] = await Promise.all([
      reloadAlways(gw, random, chaos), tormentRedis(redis, random, chaos), tormentProvider(provider, random, chaos),
      tormentBackends(peers, random, chaos), ...Array.from({ length: LANES }, (_, number) => chaos.lane(number)),
    ]);
    console.log(`seed ${SEED}:`, chaos.statuses, 'reloads', reloads);
    for (const wrong of chaos.wrong) console.log('WRONG', wrong);
    assert.ok(gw.isRunning, gw.stderr.slice(-4000));
    await becomesQuiet(gw);
    await isIdle(gw);
    await servesEverybody(chaos, random);
    assert.deepEqual(chaos.wrong, []);
    for (const secret of [SECRET, ...keys, ...chaos.jwts, ...chaos.opaques])
      assert.ok(!gw.stderr.includes(secret), 'a secret in the log');
    await endInTheMiddle(all, chaos, random);
  });
});
