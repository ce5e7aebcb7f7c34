// Two gateways on a primary that Redis Sentinel watches: it dies, hangs, and is replaced; during all of it
// every request is decided in time, and no more is admitted than is stated.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startSentinelGroup } from '../rigs/redis_group.mjs';
import { areReady, assertDecided, evenly, grants, LIMIT, passed, PLANS, readiness, REGAINED } from './support/failover.mjs';
import { play, startFleet } from './support/fleet.mjs';
import { eventually, makeFolder, peerPath } from './support/harness.mjs';

const path = peerPath('mirror');

async function start(t) {
  const group = await startSentinelGroup({ dir: makeFolder() });
  t.after(() => group.stop());
  const fleet = await startFleet(t, {
    count: 2, redis: group,
    config: { plans: PLANS },
  });
  return { group, fleet };
}

describe('redis sentinel', () => {
  test('the primary is killed under load, a replica takes over, the old one comes back', async (t) => {
    const { group, fleet } = await start(t);
    const [primary, replica] = group.servers;
    const before = await play(fleet.gateways, evenly(40, 0.01), { path, headers: fleet.headers('one') });
    assertDecided(before);
    assert.equal(passed(before), 40);

    const load = play(fleet.gateways, evenly(500, 0.01), { path, headers: fleet.headers('one') });
    await primary.stop();
    assertDecided(await load);
    assert.ok(passed(await load) + 40 <= 2 * LIMIT + REGAINED, `${passed(await load)}`); // the shares, on top of what Redis grants
    await eventually(() => replica.has(['ROLE'], 'master'), 'the replica is promoted', 40_000);
    await areReady(fleet, 'the gateways follow');
    for (const gateway of fleet.gateways) {
      const { redis } = await readiness(gateway);
      assert.deepEqual(redis.problems.map(({ name, node }) => ({ name, node })),
        [{ name: 'redis-no-replica', node: replica.name }]);
    }
    assert.ok((await replica.command('EXISTS', 'millgate:rl:{dev:one}:standard')) === ':1');
    const spent = await play(fleet.gateways, evenly(40, 0.01), { path, headers: fleet.headers('one') });
    assertDecided(spent);
    assert.ok(passed(spent) <= REGAINED, `${passed(spent)}`); // what was admitted meanwhile is counted
    const other = await play(fleet.gateways, evenly(LIMIT + 40, 0.005), { path, headers: fleet.headers('two') });
    assertDecided(other);
    assert.ok(passed(other) >= LIMIT - 20 && passed(other) <= LIMIT + REGAINED, `${passed(other)}`);

    await primary.start();
    await eventually(() => primary.has(['INFO', 'replication'], 'master_link_status:up'), 'it is a replica now', 40_000);
    await eventually(async () => (await readiness(fleet.gateways[0])).redis.problems.length === 0, 'nothing is wrong', 70_000);
    const text = (await fleet.gateways[0].admin('/metrics')).text;
    assert.match(text, new RegExp(`^millgate_redis_node_up\\{node="${replica.name}"\\} 1$`, 'm'));
    assert.match(text, new RegExp(`^millgate_redis_node_up\\{node="${primary.name}"\\} 0$`, 'm'));
  });

  test('the primary hangs: it is replaced, and not returned to when it wakes', async (t) => {
    const { group, fleet } = await start(t);
    const [primary, replica] = group.servers;
    primary.kill('SIGSTOP');
    const away = await play(fleet.gateways, evenly(300, 0.01), { path, headers: fleet.headers('one') });
    assertDecided(away);
    assert.ok(passed(away) <= 2 * LIMIT + REGAINED, `${passed(away)}`);
    await eventually(() => replica.has(['ROLE'], 'master'), 'the replica is promoted', 40_000);
    await areReady(fleet, 'the gateways follow');
    primary.kill('SIGCONT');
    const after = await play(fleet.gateways, evenly(LIMIT + 40, 0.01), { path, headers: fleet.headers('two') });
    assertDecided(after);
    assert.ok(passed(after) >= LIMIT - 20 && passed(after) <= LIMIT + REGAINED, `${passed(after)}`);
    await areReady(fleet, 'all is well');
    assert.ok(await replica.has(['ROLE'], 'master'));
  });

  test('a key that was made outlives the fail-over', async (t) => {
    const group = await startSentinelGroup({ dir: makeFolder() });
    t.after(() => group.stop());
    const fleet = await startFleet(t, { count: 1, redis: { config: { ...group.config, min_replicas: 1, replica_timeout: '2s' } } });
    const [gateway] = fleet.gateways;
    const revoked = await gateway.admin('/revocations', {
      method: 'POST', body: JSON.stringify({ issuer: 'dev', subject: 'gone', reason: 'test' }),
      headers: { 'content-type': 'application/json' },
    });
    assert.ok([200, 201, 204].includes(revoked.status), `${revoked.status} ${revoked.text}`);
    await group.servers[0].stop();
    await eventually(() => group.servers[1].has(['ROLE'], 'master'), 'the replica is promoted', 40_000);
    assert.match(await group.servers[1].command('HLEN', '{millgate:records}'), /^:[1-9]/);
    await eventually(async () => (await readiness(gateway)).redis.problems.some((problem) =>
      problem.name === 'redis-too-few-replicas' && problem.node === group.servers[1].name), 'it is told', 40_000);
    const refused = await gateway.admin('/revocations', {
      method: 'POST', body: JSON.stringify({ issuer: 'dev', subject: 'other', reason: 'test' }),
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(refused.status, 503, refused.text); // nobody confirms it
  });
});
