// Everything at once, by a seed: clients of all kinds, an upstream that fails, Redis that is paused
// and killed, reloads. What a patient client gets must be whole and its own; nothing stays behind.
//
//   CHAOS_SECONDS=120 CHAOS_SEED=7 CHAOS_LANES=48

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startRedis } from '../rigs/redis.mjs';
import { Chaos, chaosPaths, makeRandom } from './support/chaos.mjs';
import { peerContract } from './support/config.mjs';
import { eventually, isSanitized, makeFolder, send, startGateway } from './support/harness.mjs';

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 8);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 100_000);
const LANES = Number(process.env.CHAOS_LANES ?? 24);
const MIB = 1024 * 1024;
const grants = ['/system/*'];

function contractOf(name, extra = {}) {
  const plan = name === 'tight' ? 'tight' : 'standard';
  return peerContract({ name, plan, paths: { ...chaosPaths(), ...extra } });
}

function sum(text, name) {
  const lines = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'));
  return [...lines].reduce((total, [, value]) => total + Number(value), 0);
}

async function tormentRedis(redis, random, chaos) {
  while (!chaos.isOver) {
    await sleep(200 + random.below(1500));
    if (random.chance(0.7)) {
      redis.process.kill('SIGSTOP');
      await sleep(random.below(600));
      redis.process.kill('SIGCONT');
    } else {
      await redis.stop('SIGKILL');
      await sleep(random.below(500));
      await redis.start();
    }
  }
}

async function reloadAlways(gw, random, chaos) {
  const outcomes = {};
  for (let i = 0; !chaos.isOver; i++) {
    await sleep(random.below(400));
    const isGood = random.chance(0.7);
    const extra = { [`/fresh-${i}`]: { get: { operationId: `fresh-${i}`, responses: { default: { description: 'x' } } } } };
    gw.writeContract('peer.v1.yaml', isGood ? contractOf('peer', extra) : { openapi: '3.1.0', paths: i });
    const { status } = await gw.reload();
    outcomes[status] = (outcomes[status] ?? 0) + 1;
    if (isGood ? ![200, 202, 204, 503].includes(status) : ![400, 409, 422, 503].includes(status))
      chaos.wrong.push({ reason: `reload (${isGood ? 'good' : 'bad'}): ${status}` });
  }
  return outcomes;
}

async function assertQuiet(gw) {
  let text;
  const now = () => ['millgate_exchanges', 'millgate_connections', 'millgate_exchanges_suspended'].map((name) => sum(text, name));
  try {
    await eventually(async () => {
      text = (await send({ port: gw.adminPort, path: '/metrics' })).text;
      return now().every((value) => value === 0);
    }, 'exchanges and connections end', 20_000);
  } catch (error) {
    assert.fail(`${error.message}: exchanges, connections, suspended: ${now()}`);
  }
  const isOpen = (connection) => connection.closedAt === null && connection.readEndedAt === null;
  const halves = () => gw.peer.connections.filter((connection) => isOpen(connection) &&
    !(connection.reader.isIdle && connection.requests.every((request) => request.isComplete)));
  await eventually(() => halves().length === 0, 'no half request stays upstream');
  return text;
}

function assertOnce(gw, chaos) {
  const counts = new Map();
  for (const { path } of gw.peer.requests) counts.set(path.split('/')[2], (counts.get(path.split('/')[2]) ?? 0) + 1);
  const twice = [...counts].filter(([number, count]) => count > (chaos.safe.has(Number(number)) ? 2 : 1));
  assert.deepEqual(twice, [], 'requests that reached the peer too often');
  return counts.size;
}

describe('chaos', () => {
  test(`${SECONDS} s of all at once, seed ${SEED}`, { timeout: (SECONDS + 120) * 1000 }, async (t) => {
    const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
    t.after(() => redis.stop('SIGKILL'));
    const gw = await startGateway(t, {
      contracts: { 'peer.v1.yaml': contractOf('peer'), 'tight.v1.yaml': contractOf('tight') },
      config: {
        workers: 2,
        redis: redis.url,
        listeners: [{ address: '127.0.0.1:0', head_timeout: '5s', idle_timeout: '10s' }],
        policies: [{ body_limit: { max_bytes: '1MiB' } }, { headers: {} }, { jwt: {} }, { authorise: {} }, { rate_limit: {} }, { schema: {} }],
        peerBackend: { first_byte_timeout: '2s', total_timeout: '15s', connect_timeout: '2s', idle_timeout: '4s' },
        plans: {
          standard: { limit: 1_000_000, window: '60s', burst: 500_000, grants },
          tight: { limit: 20, window: '10s', burst: 5, grants },
        },
      },
    });
    gw.cachedToken = gw.token();
    await send({ port: gw.port, path: '/' });
    const before = gw.memoryBytes();
    const chaos = new Chaos(gw, { seed: SEED, until: Date.now() + SECONDS * 1000 });
    const random = makeRandom(SEED);
    const lanes = Array.from({ length: LANES }, (_, number) => chaos.lane(number));
    t.after(() => console.log(/Sanitizer[^]*/.exec(gw.stderr)?.[0].slice(0, 8000) ?? 'no sanitizer spoke'));
    const [reloads] = await Promise.all([reloadAlways(gw, random, chaos), tormentRedis(redis, random, chaos), ...lanes]);

    console.log(`seed ${SEED}:`, chaos.counts, 'answers', chaos.statuses, 'reloads', reloads);
    for (const wrong of chaos.wrong) console.log('WRONG', wrong);
    assert.ok(gw.isRunning, gw.stderr.slice(-4000));
    const metrics = await assertQuiet(gw);
    console.log(metrics.split('\n').filter((line) => /^millgate_(connections_cut|malformed)/.test(line)).join('\n'));
    const reached = assertOnce(gw, chaos);
    assert.deepEqual(gw.peer.violations, []);
    assert.deepEqual(chaos.wrong, []);
    const after = gw.memoryBytes();
    console.log(`${reached} requests upstream; ${(before / MIB).toFixed(1)} MiB before, ${(after / MIB).toFixed(1)} after`);
    if (!isSanitized) assert.ok(after < before + 32 * MIB, `${after} bytes, ${before} before`);
    gw.writeContract('peer.v1.yaml', contractOf('peer'));
    assert.ok((await gw.reload()).status < 300);
    assert.equal((await gw.get('/system/peer/v1/n/1/mirror')).status, 200, 'it still serves');
  });
});
