// Two gateways on a Redis Cluster: a slot moves under load, primaries die, hang and are replaced; during all
// of it every request is decided in time, and no more is admitted than is stated.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startCluster } from '../rigs/redis_group.mjs';
import { PATIENT, peerContract } from './support/config.mjs';
import { areReady, assertDecided, evenly, grants, LIMIT, passed, PLANS, readiness, REGAINED } from './support/failover.mjs';
import { play, startFleet } from './support/fleet.mjs';
import { assertProblem, eventually, makeFolder, peerPath, send } from './support/harness.mjs';

const path = peerPath('mirror');
const keyOf = (subject) => `millgate:rl:{dev:${subject}}:standard`;

async function start(t, config = {}) {
  const cluster = await startCluster({ dir: makeFolder() });
  t.after(() => cluster.stop());
  const fleet = await startFleet(t, {
    count: 2, redis: { config: { ...cluster.config, ...config.redis } },
    config: {
      plans: PLANS,
      policies: config.policies,
    },
  });
  return { cluster, fleet };
}

/** Moves the slot of a key, with what is in it, and leaves time for questions at each step. */
async function moveSlot(cluster, key, { pause }) {
  const slot = Number((await cluster.nodes[0].command('CLUSTER', 'KEYSLOT', key)).slice(1));
  const from = await cluster.ownerOf(key);
  const to = cluster.nodes.slice(0, 3).find((node) => node !== from);
  const [fromId, toId] = [await cluster.idOf(from), await cluster.idOf(to)];
  assert.match(await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId), /OK/);
  assert.match(await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId), /OK/);
  await pause();
  const keys = [...(await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 1000)).matchAll(/\r\n([^$*\r][^\r]*)/g)];
  for (const [, name] of keys)
    assert.match(await from.command('MIGRATE', '127.0.0.1', to.port, name, 0, 5000), /OK/);
  await pause();
  for (const node of [to, from]) assert.match(await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId), /OK/);
  await pause();
  return { from, to, count: keys.length };
}

/** A backend that counts what it executes. */
async function startShop(t) {
  const executions = new Map();
  const server = http.createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    if (request.method !== 'POST') return void response.end(); // the gateway asks whether we are there
    const { n } = JSON.parse(Buffer.concat(pieces));
    executions.set(n, (executions.get(n) ?? 0) + 1);
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ n, count: executions.get(n) }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { executions, url: `http://127.0.0.1:${server.address().port}` };
}

describe('redis cluster', () => {
  test('a slot moves under load: not one decision is lost or made twice', async (t) => {
    const { cluster, fleet } = await start(t, { policies: PATIENT });
    const headers = fleet.headers('mover');
    const ask = (count) => play(fleet.gateways, evenly(count, 0.005), { path, headers });
    const results = await ask(20);
    const moved = await moveSlot(cluster, keyOf('mover'), { pause: async () => results.push(...(await ask(40))) });
    assert.equal(moved.count, 1);
    results.push(...(await ask(100)));
    assertDecided(results);
    assert.equal(passed(results), LIMIT, 'exactly the plan: 240 asked');
    assert.equal(await cluster.ownerOf(keyOf('mover')), moved.to);
    for (const gateway of fleet.gateways) // nobody was decided for without Redis
      assert.doesNotMatch((await gateway.admin('/metrics')).text, /^millgate_rate_limit_decisions_total\{[^}]*mode="local"[^}]*\} [1-9]/m);
  });

  test('a primary is killed: its replica takes over, the other shards go on', async (t) => {
    const { cluster, fleet } = await start(t, { redis: { min_replicas: 0 } });
    assertDecided(await play(fleet.gateways, evenly(40, 0.01), { path, headers: fleet.headers('one') }));
    const owner = await cluster.ownerOf(keyOf('one'));
    await owner.stop();
    const load = play(fleet.gateways, evenly(500, 0.01), { path, headers: fleet.headers('one') });
    await eventually(async () => {
      const { ready, redis } = await readiness(fleet.gateways[0]);
      return !ready && redis.problems.some(({ name, node }) => name === 'redis-unreachable' && node === owner.name);
    }, 'the node is named');
    assertDecided(await load);
    assert.ok(passed(await load) + 40 <= 2 * LIMIT + REGAINED, `${passed(await load)}`); // the shares, on top of what Redis grants
    await areReady(fleet, 'a replica has taken over');
    const spent = await play(fleet.gateways, evenly(40, 0.01), { path, headers: fleet.headers('one') });
    assertDecided(spent);
    assert.ok(passed(spent) <= REGAINED, `${passed(spent)}`); // what was admitted meanwhile is counted
    const other = await play(fleet.gateways, evenly(LIMIT + 40, 0.01), { path, headers: fleet.headers('two') });
    assertDecided(other);
    assert.ok(passed(other) >= LIMIT - 20 && passed(other) <= LIMIT + REGAINED, `${passed(other)}`);
    const { redis } = await readiness(fleet.gateways[0]);
    assert.ok(redis.problems.every(({ name }) => name === 'redis-no-replica'), JSON.stringify(redis));
    const metrics = (await fleet.gateways[0].admin('/metrics')).text;
    assert.equal(metrics.match(/^millgate_redis_node_up\{node="[^"]+"\} 1$/gm).length, 3);
    assert.match(metrics, new RegExp(`^millgate_redis_node_up\\{node="${owner.name}"\\} 0$`, 'm'));
  });

  test('a primary hangs: decisions fall back in time, and its replica takes over', async (t) => {
    const { cluster, fleet } = await start(t);
    assertDecided(await play(fleet.gateways, evenly(20, 0.01), { path, headers: fleet.headers('one') }));
    const owner = await cluster.ownerOf(keyOf('one'));
    owner.kill('SIGSTOP');
    const away = await play(fleet.gateways, evenly(400, 0.01), { path, headers: fleet.headers('one') });
    assertDecided(away);
    assert.ok(passed(away) <= 2 * LIMIT + REGAINED, `${passed(away)}`);
    await areReady(fleet, 'a replica has taken over');
    owner.kill('SIGCONT');
    const other = await play(fleet.gateways, evenly(LIMIT + 40, 0.01), { path, headers: fleet.headers('two') });
    assertDecided(other);
    assert.ok(passed(other) <= LIMIT + REGAINED, `${passed(other)}`);
  });

  test('a node that evicts is named', async (t) => {
    const { cluster, fleet } = await start(t);
    await fleet.gateways[0].admin('/readyz');
    const [node] = cluster.nodes;
    await node.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await node.command('CONFIG', 'SET', 'appendonly', 'no');
    await eventually(async () => {
      const { ready, redis } = await readiness(fleet.gateways[0]);
      const names = redis.problems.filter((problem) => problem.node === node.name).map((problem) => problem.name);
      assert.ok(redis.problems.every((problem) => problem.node === node.name), JSON.stringify(redis.problems));
      return !ready && names.includes('redis-evicts') && names.includes('redis-not-append-only');
    }, 'it is named', 90_000);
  });

  test('keyed writes while a primary dies: done once, or 503; what was answered is answered again', async (t) => {
    const cluster = await startCluster({ dir: makeFolder() });
    t.after(() => cluster.stop());
    const shop = await startShop(t);
    const operation = { operationId: 'order', responses: { default: { description: 'Any.' } }, requestBody: { content: { '*/*': {} } } };
    const fleet = await startFleet(t, {
      count: 2, redis: { config: { ...cluster.config, min_replicas: 1, replica_timeout: '500ms' } },
      contracts: { 'shop.v1.yaml': peerContract({ name: 'shop', backend: 'shop', paths: { '/orders': { post: operation } } }) },
      config: {
        backends: { shop: { url: shop.url, grants } },
        policies: [...PATIENT, { idempotency: { redis_timeout: '1s' } }],
      },
    });
    const headers = { ...fleet.headers('buyer'), 'content-type': 'application/json' };
    const order = (n) => send({
      port: fleet.gateways[n % 2].port, method: 'POST', path: '/system/shop/v1/orders', body: JSON.stringify({ n }),
      headers: { ...headers, 'idempotency-key': `"order-${n}"` },
    });
    const first = await order(0);
    assert.equal(first.status, 201, first.text);

    const [victim] = cluster.nodes;
    const answers = new Map([[0, first]]);
    for (let n = 1; n <= 120; n++) {
      if (n === 20) await victim.stop();
      const answer = await order(n);
      if (answer.status === 201) answers.set(n, answer);
      else assertProblem(answer, 503);
      await sleep(30);
    }
    assert.ok(answers.size > 60 && answers.size < 121, `${answers.size}`); // the other shards go on

    await victim.start(); // as a replica, which its shard needs
    await areReady(fleet, 'every record has its replica again');
    for (const [n, before] of answers) {
      const again = await order(n);
      assert.equal(again.status, 201, again.text);
      assert.equal(again.text, before.text);
    }
    for (let n = 1; n <= 120; n++) assert.ok((shop.executions.get(n) ?? 0) <= 1, `order ${n}`);
    assert.equal((await order(1000)).status, 201);
  });
});
