// Flows under everything at once, by a seed: a backend that fails, callers who leave or come again, reloads, Redis
// and the helper for expressions killed. Each request is answered or left; no effect is made twice;
// nothing stays behind.
//
//   CHAOS_SECONDS=120 CHAOS_SEED=7 CHAOS_LANES=24

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startRedis } from '../rigs/redis.mjs';
import { makeRandom } from './support/chaos.mjs';
import { Crowd, Factory, ROOT, childrenOf, contract, descriptorsOf, flows } from './support/chaos_flows.mjs';
import { eventually, isSanitized, makeFolder, send, startGateway } from './support/harness.mjs';

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 8);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 100_000);
const LANES = Number(process.env.CHAOS_LANES ?? 16);
const MIB = 1024 * 1024;
const HELPER = 'millgate-jq';
const grants = ['/system/*'];
const POLICIES = [{ body_limit: {} }, { headers: {} }, { jwt: {} }, { authorise: {} }, { schema: {} }, { idempotency: { redis_timeout: '5s' } }];

function writeFlows(folder, all) {
  mkdirSync(folder, { recursive: true });
  for (const [name, document] of Object.entries(all))
    writeFileSync(join(folder, `${name}.flow.yaml`), typeof document === 'string' ? document : JSON.stringify(document));
}

async function tormentRedis(redis, random, crowd) {
  while (!crowd.isOver) {
    await sleep(500 + random.below(2000));
    if (random.chance(0.6)) {
      redis.process.kill('SIGSTOP');
      await sleep(random.below(800));
      redis.process.kill('SIGCONT');
    } else {
      await redis.stop('SIGKILL');
      await sleep(random.below(600));
      await redis.start();
    }
  }
}

function resume(pid) {
  try {
    process.kill(pid, 'SIGCONT');
  } catch { /* it has ended */ }
}

async function killHelpers(gw, random, crowd, kills) {
  while (!crowd.isOver) {
    await sleep(50 + random.below(500));
    for (const { pid, state } of childrenOf(gw.pid, HELPER)) {
      if (state === 'Z' || random.chance(0.5)) continue;
      try {
        process.kill(pid, random.chance(0.8) ? 'SIGKILL' : 'SIGSTOP');
        kills.count++;
        setTimeout(() => resume(pid), 2500);
      } catch { /* it has ended by itself */ }
    }
  }
}

async function reloadAlways(gw, folder, random, crowd, kills) {
  const outcomes = {};
  for (let i = 0; !crowd.isOver; i++) {
    await sleep(random.below(600));
    const isGood = random.chance(0.7);
    writeFlows(folder, { ...flows(i), ...(isGood ? {} : { level: random.pick(['document: {dsl: 1', '[]', JSON.stringify(flows().tour)]) }) });
    gw.writeContract('chaos.v1.yaml', contract({ [`/fresh-${i}`]: contract().paths['/levels/{material}'] && {
      get: { operationId: `fresh-${i}`, 'x-millgate': { flow: 'chaos/level' }, responses: { default: { description: 'x' } } },
    } }));
    const before = kills.count;
    const { status } = await gw.reload();
    // The one that compiles is asked twice; killed each time it is the document's fault, to all that anybody knows.
    if (isGood && status === 422 && kills.count > before + 1) continue;
    outcomes[status] = (outcomes[status] ?? 0) + 1;
    if (isGood ? ![200, 202, 204, 503].includes(status) : ![400, 409, 422, 503].includes(status))
      crowd.wrong.push({ reason: `reload (${isGood ? 'good' : 'bad'}): ${status}` });
  }
  return outcomes;
}

function sum(text, name) {
  const lines = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'));
  return [...lines].reduce((total, [, value]) => total + Number(value), 0);
}

async function assertQuiet(gw, descriptors) {
  const names = ['millgate_exchanges', 'millgate_connections', 'millgate_exchanges_suspended', 'millgate_late_writes'];
  let now = [];
  try {
    await eventually(async () => {
      const { text } = await send({ port: gw.adminPort, path: '/metrics' });
      now = names.map((name) => sum(text, name));
      return now.every((value) => value === 0);
    }, 'exchanges, connections and late writes end', 40_000);
  } catch (error) {
    assert.fail(`${error.message}: ${names.map((name, i) => `${name} ${now[i]}`)}`);
  }
  await eventually(() => childrenOf(gw.pid, HELPER).length <= 2 && !childrenOf(gw.pid).some(({ state }) => state === 'Z'),
    'one helper for each worker, and no dead one', 60_000); // further ones end after 30 s without work
  await eventually(() => descriptorsOf(gw.pid) <= descriptors + 2, // a helper each
    `descriptors come back to ${descriptors}`, 30_000).catch((error) => assert.fail(`${error.message}, not ${descriptorsOf(gw.pid)}`));
}

function assertOnce(factory, crowd) {
  assert.deepEqual([...factory.effects].filter(([, count]) => count > 1), [], 'effects that were made twice');
  const lost = [...crowd.ordered].filter((order) => {
    const [where, name] = order.split(' ');
    const wanted = where === '/orders' ? ['/ordered', '/direct', '/booked'] : ['/booked'];
    return wanted.some((path) => !factory.effects.has(`${path} ${name}`));
  });
  assert.deepEqual(lost, [], 'what was confirmed and never made');
}

/** What broke within must be an expression that the helper could not end. */
function assertReasons(gw) {
  const inner = gw.accessLog().filter(({ status, path }) => status === 500 && path.startsWith(ROOT)).map(({ detail }) => detail ?? '');
  const strange = inner.filter((detail) => !/helper|did not end within|more memory|compile in time|operation answers with an error/.test(detail));
  assert.deepEqual(strange, [], 'inner errors');
}

async function assertServes(gw) {
  for (const path of ['/levels/bolt', '/tours/bolt', '/heavy/10'])
    await eventually(async () => (await gw.get(`${ROOT}${path}`)).status === 200, `${path} is served`, 20_000);
  const order = { by: 'the last', material: 'bolt' };
  await eventually(async () => (await gw.post(`${ROOT}/orders`, order, { headers: { 'idempotency-key': '"last"' } })).status === 201, 'an order is taken', 20_000);
}

describe('chaos of flows', () => {
  test(`${SECONDS} s of all at once, seed ${SEED}`, { timeout: (SECONDS + 180) * 1000 }, async (t) => {
    const random = makeRandom(SEED);
    const factory = await new Factory(random).start();
    t.after(() => factory.stop());
    const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
    t.after(() => redis.stop('SIGKILL'));
    const folder = join(makeFolder(), 'flows');
    writeFlows(folder, flows());
    const backend = { url: factory.url, grants, first_byte_timeout: '2s', total_timeout: '6s', connect_timeout: '2s', idle_timeout: '2s' };
    const gw = await startGateway(t, {
      peer: null,
      contracts: { 'chaos.v1.yaml': contract() },
      config: {
        workers: 2, redis: redis.url, extra: { flows: [folder] }, policies: POLICIES,
        backends: { plain: backend, keyed: { ...backend, effects: { class: 'A' } } },
      },
    });
    t.after(() => console.log(/Sanitizer[^]*/.exec(gw.stderr)?.[0].slice(0, 9000) ?? 'no sanitizer spoke'));
    gw.cachedToken = gw.token();
    await eventually(async () => (await gw.get(`${ROOT}/heavy/10`)).status === 200, 'it serves');
    const before = { memory: gw.memoryBytes(), descriptors: descriptorsOf(gw.pid) };
    const crowd = new Crowd(gw, { random, until: Date.now() + SECONDS * 1000 });
    const lanes = Array.from({ length: LANES }, () => crowd.lane());
    const kills = { count: 0 };
    const [reloads] = await Promise.all([
      reloadAlways(gw, folder, random, crowd, kills), killHelpers(gw, random, crowd, kills), tormentRedis(redis, random, crowd), ...lanes]);

    console.log(`seed ${SEED}: answers`, crowd.statuses, 'left', crowd.left, 'reloads', reloads, 'helpers killed', kills.count, 'faults', factory.faults);
    for (const wrong of crowd.wrong) console.log('WRONG', wrong);
    assert.ok(gw.isRunning, gw.stderr.slice(-4000));
    assert.deepEqual(crowd.wrong, []);
    factory.mend();
    writeFlows(folder, flows());
    assert.ok((await gw.reload()).status < 300);
    await assertServes(gw);
    await assertQuiet(gw, before.descriptors);
    assertOnce(factory, crowd);
    assertReasons(gw);
    const after = gw.memoryBytes();
    console.log(`${factory.effects.size} effects; ${(before.memory / MIB).toFixed(1)} MiB before, ${(after / MIB).toFixed(1)} after`);
    if (!isSanitized) assert.ok(after < before.memory + 48 * MIB, `${after} bytes, ${before.memory} before`);
  });
});
