// The network between the gateways and Redis is cut, and mended: in a network namespace of its own, where
// Redis has the address 127.0.0.2, and the route to it is taken away. Nothing is closed: packets are lost.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const INSIDE = 'MILLGATE_TEST_NAMESPACE';
const ip = (...words) => execFileSync('ip', words, { stdio: 'pipe' });

if (!process.env[INSIDE]) {
  if (spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up']).status !== 0) {
    process.stdout.write('skipped: no right to make a network namespace (unshare -n, ip)\n');
    process.exit(77);
  }
  const words = ['-n', process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)];
  const { status } = spawnSync('unshare', words, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  process.exit(status ?? 1);
}
ip('link', 'set', 'lo', 'up');

const { Node } = await import('../rigs/redis_group.mjs');
const { freePort } = await import('../rigs/redis.mjs');
const { play, startFleet } = await import('./support/fleet.mjs');
const { eventually, makeFolder, peerPath } = await import('./support/harness.mjs');

const grants = ['/system/*'];
const path = peerPath('mirror');
const LIMIT = 200;
const REGAINED = 10; // of 200 in 600 s: one each three seconds
const PATIENCE_S = 5; // a decision takes 20 ms; the machine may be busy
const passed = (answers) => answers.filter((answer) => answer.status === 200).length;
const evenly = (count, gap) => Array.from({ length: count }, (_, i) => i * gap);
const cut = () => ip('route', 'add', 'blackhole', '127.0.0.2/32', 'table', 'local');
const mend = () => ip('route', 'del', 'blackhole', '127.0.0.2/32', 'table', 'local');

function assertDecided(results) {
  for (const { status, sent, answered } of results) {
    assert.ok([200, 429].includes(status), String(status));
    assert.ok(answered - sent < PATIENCE_S, `${answered - sent} s`);
  }
}

describe('the network to redis', () => {
  test('is cut under load, and mended', async (t) => {
    const redis = await new Node({ dir: makeFolder(), host: '127.0.0.2', port: await freePort() })
      .write(['appendonly yes', 'appendfsync always', 'save ""']).start();
    t.after(() => redis.stop());
    const fleet = await startFleet(t, {
      count: 2, redis,
      config: { plans: { standard: { limit: LIMIT, window: '600s', mode: 'exact', grants } } },
    });
    const headers = fleet.headers('one');
    const before = await play(fleet.gateways, evenly(40, 0.01), { path, headers });
    assertDecided(before);
    assert.equal(passed(before), 40);

    const load = play(fleet.gateways, evenly(500, 0.01), { path, headers });
    await sleep(200);
    cut();
    await assert.rejects(redis.command('PING'), 'it is cut');
    assertDecided(await load);
    assert.ok(passed(await load) + 40 <= 2 * LIMIT + REGAINED, `${passed(await load)}`);
    const { json } = await fleet.gateways[0].admin('/readyz');
    assert.equal(json.ready, false);
    assert.deepEqual(json.redis.problems.map(({ name, node }) => ({ name, node })),
      [{ name: 'redis-unreachable', node: redis.name }]);

    mend();
    await eventually(async () => {
      const all = await Promise.all(fleet.gateways.map((gateway) => gateway.admin('/readyz')));
      return all.every((answer) => answer.json.ready);
    }, 'they are connected again', 30_000);
    await sleep(1500); // the breaker's pause
    const spent = await play(fleet.gateways, evenly(40, 0.01), { path, headers });
    assertDecided(spent);
    assert.ok(passed(spent) <= REGAINED, `${passed(spent)}`); // what was admitted meanwhile is counted
    const other = await play(fleet.gateways, evenly(LIMIT + 40, 0.01), { path, headers: fleet.headers('two') });
    assertDecided(other);
    assert.ok(passed(other) >= LIMIT - 20 && passed(other) <= LIMIT + REGAINED, `${passed(other)}`);
  });
});
