// A Sentinel group and a cluster that speak TLS only, and only to who shows a certificate: two gateways find
// everybody, are served, and follow a fail-over.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { startCluster, startSentinelGroup } from '../rigs/redis_group.mjs';
import { Authority } from './support/certificates.mjs';
import { areReady, assertDecided, evenly, LIMIT, passed, PLANS, readiness, REGAINED } from './support/failover.mjs';
import { play, startFleet } from './support/fleet.mjs';
import { eventually, makeFolder, peerPath } from './support/harness.mjs';

const path = peerPath('mirror');

function certificate(folder) {
  const authority = new Authority(folder, 'redis-root');
  return { ...authority.issue('/CN=redis', { san: 'IP:127.0.0.1' }), ca_file: authority.ca_file };
}

/** Twice the limit is asked for; what Redis counted is all that passes. */
async function assertCounted(fleet, subject) {
  const results = await play(fleet.gateways, evenly(2 * LIMIT, 0.01), { path, headers: fleet.headers(subject) });
  assertDecided(results);
  assert.ok(passed(results) >= LIMIT - 20 && passed(results) <= LIMIT + REGAINED, `${subject}: ${passed(results)}`);
}

const start = async (t, begin) => {
  const folder = makeFolder();
  const redis = await begin({ dir: folder, tls: certificate(folder) });
  t.after(() => redis.stop());
  const fleet = await startFleet(t, { count: 2, redis, config: { plans: PLANS } });
  await areReady(fleet, 'the gateways have found them');
  return { redis, fleet };
};

/** A gateway with that configuration goes on without Redis, and says so. */
async function assertAway(t, config) {
  const { gateways: [gateway], headers } = await startFleet(t, { count: 1, redis: { config }, config: { plans: PLANS } });
  await eventually(async () => {
    const { ready, redis } = await readiness(gateway);
    return !ready && redis.problems.some(({ name }) => name === 'redis-unreachable');
  }, 'it is not ready, for that reason', 20_000);
  assert.equal((await gateway.get(path, { headers: headers('one') })).status, 200);
  const connected = /^millgate_redis_up (\d+)$/m.exec((await gateway.admin('/metrics')).text);
  assert.equal(Number(connected[1]), 0);
}

describe('redis over TLS', () => {
  test('Sentinel: the group is found, counts, and is followed when its primary dies', async (t) => {
    const { redis, fleet } = await start(t, startSentinelGroup);
    await assertCounted(fleet, 'one');
    assert.equal(await redis.servers[0].command('EXISTS', 'millgate:rl:{dev:one}:standard'), ':1');
    await redis.servers[0].stop();
    await eventually(() => redis.servers[1].has(['ROLE'], 'master'), 'the replica is promoted', 40_000);
    await areReady(fleet, 'the gateways follow');
    await assertCounted(fleet, 'two');
    assert.equal(await redis.servers[1].command('EXISTS', 'millgate:rl:{dev:two}:standard'), ':1');
  });

  test('Sentinel: another authority, no certificate, or no TLS at all: away, and it is told', async (t) => {
    const folder = makeFolder();
    const redis = await startSentinelGroup({ dir: folder, tls: certificate(folder) });
    t.after(() => redis.stop());
    const { client_certificate_file, client_key_file, ...bare } = redis.config;
    const stranger = { ...redis.config, ca_file: new Authority(folder, 'stranger').ca_file };
    const { ca_file, tls, ...plain } = bare;
    for (const config of [stranger, bare, plain]) await assertAway(t, config);
  });

  test('Cluster: all nodes are found, count, and a promoted replica is followed', async (t) => {
    const { redis, fleet } = await start(t, startCluster);
    for (const subject of ['one', 'two', 'three']) await assertCounted(fleet, subject);
    const owner = await redis.ownerOf('millgate:rl:{dev:one}:standard');
    await owner.stop();
    await eventually(async () => (await redis.ownerOf('millgate:rl:{dev:one}:standard')) !== undefined,
      'its replica is promoted', 40_000);
    await areReady(fleet, 'the gateways follow');
    const again = await play(fleet.gateways, evenly(40, 0.01), { path, headers: fleet.headers('one') });
    assertDecided(again);
    assert.ok(passed(again) <= REGAINED, `${passed(again)}`); // it was counted there, too
    for (const subject of ['four', 'five', 'six']) await assertCounted(fleet, subject);
  });

  test('Cluster: another authority or no certificate: away', async (t) => {
    const folder = makeFolder();
    const redis = await startCluster({ dir: folder, tls: certificate(folder) });
    t.after(() => redis.stop());
    const { client_certificate_file, client_key_file, ...bare } = redis.config;
    for (const config of [{ ...redis.config, ca_file: new Authority(folder, 'stranger').ca_file }, bare])
      await assertAway(t, config);
  });
});
