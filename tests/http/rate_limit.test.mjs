// The limit per consumer and plan, its fields, and what holds while Redis is away.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { startRedis } from '../rigs/redis.mjs';
import { PATIENT } from './support/config.mjs';
import { assertProblem, eventually, makeFolder, peerPath, startGateway } from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

const grants = ['/system/*'];

function plan(limit, burst = limit) {
  return { standard: { limit, window: '60s', burst, grants } };
}

async function callAs(gw, subject, count) {
  const headers = { authorization: `Bearer ${gw.token({ sub: subject })}` };
  const answers = [];
  for (let i = 0; i < count; i++) answers.push(await gw.get(peerPath('mirror'), { headers }));
  return answers;
}

const statusesOf = (answers) => answers.map((answer) => answer.status);
const passed = (answers) => answers.filter((answer) => answer.status === 200).length;

async function withRedis(t, options = {}) {
  const redis = await startRedis({ dir: join(makeFolder(), 'redis'), ...options });
  t.after(() => redis.stop());
  return redis;
}

describe('rate limit', () => {
  test('a burst passes, then 429 with the fields of the draft and Retry-After', async (t) => {
    const gw = await startGateway(t, { config: { plans: plan(60, 5), policies: PATIENT } });
    const answers = await callAs(gw, 'one', 8);
    assert.deepEqual(statusesOf(answers.slice(0, 5)), [200, 200, 200, 200, 200]);
    assert.ok(passed(answers) <= 6, statusesOf(answers).join()); // a second gives one back
    const refused = answers.find((answer) => answer.status === 429);
    const problem = assertProblem(refused, 429);
    assert.match(problem.type, /rate-limited/);
    assert.match(refused.headers['ratelimit-policy'], /^"standard";q=\d+;w=\d+/);
    assert.match(refused.headers['ratelimit'], /^"standard";r=0;t=\d+/);
    assert.match(refused.headers['retry-after'], /^[1-9]\d*$/);
    assert.match(answers[0].headers['ratelimit'], /^"standard";r=\d+;t=\d+/);
  });

  test('what is left counts down', async (t) => {
    const gw = await startGateway(t, { config: { plans: plan(10), policies: PATIENT } });
    const left = (await callAs(gw, 'one', 4)).map((a) => Number(/r=(\d+)/.exec(a.headers.ratelimit)[1]));
    for (let i = 1; i < left.length; i++) assert.ok(left[i] < left[i - 1], left.join());
  });

  test('each consumer has its own', async (t) => {
    const gw = await startGateway(t, { config: { plans: plan(3), policies: PATIENT } });
    assert.equal(passed(await callAs(gw, 'one', 5)), 3);
    assert.equal(passed(await callAs(gw, 'two', 3)), 3);
  });

  test('what is refused before the limit costs nothing', async (t) => {
    const gw = await startGateway(t, { config: { plans: plan(3), policies: PATIENT } });
    for (let i = 0; i < 10; i++) await gw.get(peerPath('mirror'), { headers: { authorization: null } });
    assert.equal(passed(await callAs(gw, 'tester', 3)), 3);
  });


  test('two gateways with one Redis grant one limit together', async (t) => {
    const redis = await withRedis(t, { socket: true });
    const issuer = new Issuer();
    const config = { plans: plan(20), redis: redis.url };
    const one = await startGateway(t, { issuer, config });
    const two = await startGateway(t, { issuer, config });
    const headers = { authorization: `Bearer ${issuer.token({ sub: 'shared' })}` };
    const answers = [];
    for (let i = 0; i < 40; i++) answers.push(await (i % 2 ? one : two).get(peerPath('mirror'), { headers }));
    assert.ok(passed(answers) >= 20 && passed(answers) <= 22, String(passed(answers)));
    assert.ok(passed(answers.filter((_, i) => i % 2)) >= 9, 'they did not share');
  });

  test('sixty at once are admitted exactly', async (t) => {
    const gw = await startGateway(t, { config: { plans: plan(25), policies: PATIENT, workers: 2 } });
    const headers = { authorization: `Bearer ${gw.token({ sub: 'rush' })}` };
    const answers = await Promise.all(Array.from({ length: 60 }, () => gw.get(peerPath('mirror'), { headers })));
    assert.ok(passed(answers) >= 25 && passed(answers) <= 27, String(passed(answers)));
  });

  test('Redis away: a bounded local share, decided in time; back again: exact', async (t) => {
    const redis = await withRedis(t);
    const gw = await startGateway(t, { config: { plans: plan(10), redis: redis.url } });
    assert.equal(passed(await callAs(gw, 'before', 12)), 10);
    await redis.stop('SIGKILL');
    const started = performance.now();
    const away = await callAs(gw, 'away', 30);
    assert.ok(passed(away) >= 1 && passed(away) <= 12, statusesOf(away).join());
    assert.ok(statusesOf(away).every((status) => [200, 429].includes(status)), statusesOf(away).join());
    assert.ok(performance.now() - started < 10_000);
    await redis.start();
    await eventually(async () => {
      await callAs(gw, 'probe', 1);
      return (await redis.command('DBSIZE')) !== ':0';
    }, 'Redis is asked again');
    assert.equal(passed(await callAs(gw, 'after', 12)), 10);
  });

  test('Redis stopped in its tracks: requests go on within the deadline', async (t) => {
    const redis = await withRedis(t, { socket: true });
    const gw = await startGateway(t, { config: { plans: plan(1000), redis: redis.url } });
    await callAs(gw, 'one', 3);
    redis.process.kill('SIGSTOP');
    t.after(() => redis.process.kill('SIGCONT'));
    const started = performance.now();
    const answers = await callAs(gw, 'one', 20);
    redis.process.kill('SIGCONT');
    assert.deepEqual([...new Set(statusesOf(answers))], [200]);
    assert.ok(performance.now() - started < 5_000, `${performance.now() - started} ms`);
  });

  test('a Redis that forgot its scripts is asked by EVAL', async (t) => {
    const redis = await withRedis(t, { socket: true });
    const gw = await startGateway(t, { config: { plans: plan(5), redis: redis.url } });
    assert.equal(passed(await callAs(gw, 'one', 2)), 2);
    await redis.command('SCRIPT', 'FLUSH');
    assert.equal(passed(await callAs(gw, 'one', 6)), 3);
  });
});
