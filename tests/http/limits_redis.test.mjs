// Limits while Redis is killed, stopped, full or slow: nobody waits for long, nobody gets a 500, no
// more is admitted than is stated, and nobody gets it twice afterwards.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { play, startFleet, withRedis } from './support/fleet.mjs';
import { assertProblem, eventually, peerPath, send } from './support/harness.mjs';

const grants = ['/system/*'];
const path = peerPath('mirror');
const planOf = (plan) => ({ config: { plans: { standard: { ...plan, grants } } } });
const passed = (answers) => answers.filter((answer) => answer.status === 200).length;
const PATIENCE_S = 5; // a decision takes 20 ms; the machine may be busy

function assertDecided(results, also = []) {
  for (const { status, sent, answered } of results) {
    assert.ok([200, 429, ...also].includes(status), String(status));
    assert.ok(answered - sent < PATIENCE_S, `${answered - sent} s`);
  }
}

async function metric(gateway, name) {
  const { text } = await gateway.admin('/metrics');
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

const sawFleet = (fleet, count) => eventually(async () => {
  const sizes = await Promise.all(fleet.gateways.map((gw) => metric(gw, 'millgate_fleet_instances')));
  return sizes.every((size) => size === count);
}, `all know of ${count}`, 20_000);

/** `count` requests one after another, `gap` apart. */
const evenly = (count, gap = 0.004) => Array.from({ length: count }, (_, i) => i * gap);

async function send1(fleet, headers, index = 0) {
  return send({ port: fleet.gateways[index].port, path, headers });
}

describe('limits without Redis', () => {
  test('killed: the fleet admits one plan together, as it was last seen', async (t) => {
    const fleet = await startFleet(t, planOf({ limit: 80, window: '60s' }));
    await sawFleet(fleet, 4);
    await fleet.redis.stop('SIGKILL');
    const results = await play(fleet.gateways, evenly(400), { path, headers: fleet.headers('away') });
    assertDecided(results);
    assert.equal(passed(results), 80); // 20 each, of one worker each
    const answer = await send1(fleet, fleet.headers('away'));
    assert.equal(answer.status, 429);
    assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
  });

  test('what was admitted without it counts when it is back', async (t) => {
    const fleet = await startFleet(t, { ...planOf({ limit: 60, window: '60s', mode: 'exact' }), count: 2 });
    await sawFleet(fleet, 2);
    const headers = fleet.headers('one');
    await fleet.redis.stop('SIGKILL');
    const away = await play(fleet.gateways, evenly(100), { path, headers });
    assertDecided(away);
    assert.equal(passed(away), 60);
    await fleet.redis.start(); // it has forgotten everything
    await eventually(async () => (await fleet.redis.command('EXISTS', 'millgate:rl:{dev:one}:standard')) === ':1',
      'it was told, though nobody asked');
    await sleep(300);
    await eventually(async () => (await metric(fleet.gateways[0], 'millgate_redis_up')) === 1 &&
      (await metric(fleet.gateways[1], 'millgate_redis_up')) === 1, 'both are connected');
    await sleep(1500); // the breaker's pause
    const after = await play(fleet.gateways, evenly(60), { path, headers });
    assertDecided(after);
    assert.equal(passed(after), 0);
    const other = await play(fleet.gateways, evenly(80), { path, headers: fleet.headers('two') });
    assert.equal(passed(other), 60);
  });

  test('stopped in its tracks, leased: within the deadline, and one plan is the most', async (t) => {
    const fleet = await startFleet(t, planOf({ limit: 400, window: '60s' }));
    await sawFleet(fleet, 4);
    const headers = fleet.headers('one');
    const before = await play(fleet.gateways, evenly(100), { path, headers });
    assert.equal(passed(before), 100);
    fleet.redis.process.kill('SIGSTOP');
    const away = await play(fleet.gateways, evenly(800), { path, headers });
    assertDecided(away);
    assert.ok(passed(away) <= 440 && passed(away) >= 360, String(passed(away))); // the shares, and leases
    fleet.redis.process.kill('SIGCONT');
    await sleep(2500);
    const after = await play(fleet.gateways, evenly(200), { path, headers });
    assertDecided(after);
    assert.equal(passed(after), 0, 'what was admitted meanwhile is counted'); // 100 + 400 of 400
    assert.equal(passed(await play(fleet.gateways, evenly(500), { path, headers: fleet.headers('two') })) >= 360, true);
  });

  test('full: an error of Redis is no error of ours, and room heals it', async (t) => {
    const redis = await withRedis(t);
    const fleet = await startFleet(t, { ...planOf({ limit: 20, window: '60s' }), redis, count: 2 });
    await sawFleet(fleet, 2);
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const full = await play(fleet.gateways, evenly(60), { path, headers: fleet.headers('full') });
    assertDecided(full);
    assert.equal(passed(full), 20);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await eventually(async () => {
      await send1(fleet, fleet.headers('probe'), 0);
      await send1(fleet, fleet.headers('probe'), 1);
      return (await redis.command('EXISTS', 'millgate:rl:{dev:full}:standard')) === ':1';
    }, 'it was told');
    await sleep(500);
    const after = await play(fleet.gateways, evenly(40), { path, headers: fleet.headers('after') });
    assertDecided(after);
    assert.equal(passed(after), 20);
  });

  test('slow: each pause costs at most the deadline', async (t) => {
    const fleet = await startFleet(t, { ...planOf({ limit: 60, window: '60s', mode: 'exact' }), count: 2 });
    await sawFleet(fleet, 2);
    const pauses = (async () => {
      for (let i = 0; i < 4; i++) {
        await fleet.redis.command('CLIENT', 'PAUSE', '300', 'ALL').catch(() => '');
        await sleep(450);
      }
    })();
    const results = await play(fleet.gateways, evenly(400, 0.005), { path, headers: fleet.headers('one') });
    await pauses;
    assertDecided(results);
    assert.ok(passed(results) >= 30 && passed(results) <= 120, String(passed(results)));
    await sleep(1500);
    const after = await play(fleet.gateways, evenly(60), { path, headers: fleet.headers('one') });
    assert.ok(passed(after) <= 60 - Math.min(60, passed(results)), String(passed(after)));
  });

  test('a quota is closed, unless it is said to be open; then it counts afterwards', async (t) => {
    const contracts = undefined;
    const closed = await startFleet(t, { ...planOf({ limits: { month: { quota: 100 } } }), count: 1, contracts });
    const open = await startFleet(t, { ...planOf({ limits: { month: { quota: 100, away: 'open' } } }), count: 1 });
    for (const fleet of [closed, open]) {
      assert.equal(passed(await play(fleet.gateways, evenly(10), { path, headers: fleet.headers('one') })), 10);
      await fleet.redis.stop('SIGKILL');
    }
    const refused = await play(closed.gateways, evenly(10), { path, headers: closed.headers('one') });
    assertDecided(refused, [503]);
    assert.equal(passed(refused), 0);
    const answer = await send1(closed, closed.headers('one'));
    const problem = assertProblem(answer, 503);
    assert.match(problem.type, /unavailable/);
    assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
    const admitted = await play(open.gateways, evenly(30), { path, headers: open.headers('one') });
    assert.equal(passed(admitted), 30);
    await open.redis.start();
    let told = '';
    await eventually(async () => {
      told = await open.redis.command('HGET', 'millgate:rl:{dev:one}:standard', 'q:standard.month');
      return /:(?!10$)\d+$/.test(told);
    }, 'it is told');
    assert.match(told, /:40$/); // the first ten are on its disk: each was a hundredth
  });
});
