// Plans of several limits, over four gateways on one Redis: weights, quotas, slots, refunds.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { PATIENT, peerContract } from './support/config.mjs';
import { startFleet } from './support/fleet.mjs';
import { assertProblem, eventually, peerPath, runProgram, send, startGateway } from './support/harness.mjs';

const grants = ['/system/*'];
const mirror = peerPath('mirror');
const statusesOf = (answers) => answers.map((answer) => answer.status);
const passed = (answers) => answers.filter((answer) => answer.status === 200).length;

const planOf = (limits) => ({ config: { plans: { standard: { limits, grants } }, policies: PATIENT } });

async function callInTurn(fleet, count, headers, path = mirror) {
  const answers = [];
  for (let i = 0; i < count; i++)
    answers.push(await send({ port: fleet.gateways[i % fleet.gateways.length].port, path, headers }));
  return answers;
}

/** r and t of one limit in an answer's RateLimit. */
function leftOf(answer, name) {
  const found = new RegExp(`"${name}";r=(\\d+)(?:;t=(\\d+))?`).exec(answer.headers.ratelimit);
  assert.ok(found, `${name} in ${answer.headers.ratelimit}`);
  return { r: Number(found[1]), t: Number(found[2]) };
}

describe('plans of several limits', { concurrency: 3 }, () => {
  test('all are told, the one that refuses is named, and a refusal charges none', async (t) => {
    const limits = {
      second: { limit: 100, window: '1s', burst: 50 },
      minute: { limit: 6, mode: 'exact' },
      month: { quota: 1000 },
    };
    const fleet = await startFleet(t, planOf(limits));
    const answers = await callInTurn(fleet, 10, fleet.headers('one'));
    assert.deepEqual(statusesOf(answers), [...Array(6).fill(200), ...Array(4).fill(429)]);
    assert.equal(answers[0].headers['ratelimit-policy'],
      '"standard.second";q=100;w=1;burst=50, "standard.minute";q=6;w=60, "standard.month";q=1000');
    const problem = assertProblem(answers[9], 429);
    assert.equal(problem.limit, 'standard.minute');
    assert.match(problem.detail, /standard\.minute/);
    assert.equal(leftOf(answers[9], 'standard.minute').r, 0);
    assert.equal(leftOf(answers[9], 'standard.month').r, 994);
    const wait = Number(answers[9].headers['retry-after']);
    assert.ok(wait > 30 && wait <= 60, String(wait));
    assert.equal(wait, leftOf(answers[9], 'standard.minute').t);
  });

  test('an operation weighs what its contract says', async (t) => {
    const contract = peerContract();
    contract.paths['/count'].get['x-millgate'] = { weight: 10 };
    const fleet = await startFleet(t, { ...planOf({ minute: { limit: 25 } }), contracts: { 'peer.v1.yaml': contract } });
    const heavy = await callInTurn(fleet, 3, fleet.headers('one'), peerPath('count'));
    assert.deepEqual(statusesOf(heavy), [200, 200, 429]);
    assert.equal(leftOf(heavy[2], 'standard.minute').r, 5);
    assert.deepEqual(statusesOf(await callInTurn(fleet, 6, fleet.headers('one'))), [200, 200, 200, 200, 200, 429]);
  });

  test('a weight that is none is a finding', async (t) => {
    const contract = peerContract();
    const gateway = await startGateway(t, {});
    for (const weight of [0, 1.5, 'much', 1_000_001]) {
      contract.paths['/count'].get['x-millgate'] = { weight };
      gateway.writeContract('peer.v1.yaml', contract);
      const { code, stdout, stderr } = runProgram(['check', '-c', gateway.configPath], { cwd: gateway.dir });
      assert.notEqual(code, 0, String(weight));
      assert.match(stdout + stderr, /weight/);
    }
  });

  test('scopes: api, operation, plan, ip and claim', async (t) => {
    const exact = { window: '60s', mode: 'exact' };
    const limits = {
      tenant: { ...exact, limit: 4, scope: 'claim:tenant' },
      operation: { ...exact, limit: 6, scope: 'operation' },
      api: { ...exact, limit: 9, scope: 'api' },
      ip: { ...exact, limit: 100, scope: 'ip' },
      plan: { ...exact, limit: 100, scope: 'plan' },
    };
    const fleet = await startFleet(t, { ...planOf(limits), count: 2 });
    const tenant = (name, sub) => fleet.headers(sub, { tenant: name });
    assert.equal(passed(await callInTurn(fleet, 3, tenant('a', 'one'))), 3);
    const other = await callInTurn(fleet, 3, tenant('a', 'two')); // another consumer, the same tenant
    assert.deepEqual(statusesOf(other), [200, 429, 429]);
    assert.equal(other[2].json.limit, 'standard.tenant');
    const third = await callInTurn(fleet, 4, tenant('b', 'three')); // another tenant, the same operation
    assert.deepEqual(statusesOf(third), [200, 200, 429, 429]);
    assert.equal(third[3].json.limit, 'standard.operation');
    const fourth = await callInTurn(fleet, 5, fleet.headers('four'), peerPath('count')); // the same API
    assert.deepEqual(statusesOf(fourth), [200, 200, 200, 429, 429]);
    assert.equal(fourth[4].json.limit, 'standard.api');
    assert.equal(leftOf(fourth[2], 'standard.ip').r, 100 - 9);
    assert.equal(leftOf(fourth[2], 'standard.plan').r, 100 - 9);
  });

  test('what one subject granted is given back when another refuses', async (t) => {
    const limits = {
      minute: { limit: 10, mode: 'exact' },
      leased: { limit: 1000, scope: 'ip' },
      api: { limit: 3, mode: 'exact', scope: 'api' },
    };
    const fleet = await startFleet(t, planOf(limits));
    const answers = await callInTurn(fleet, 30, fleet.headers('one'));
    assert.equal(passed(answers), 3);
    assert.equal(answers[29].json.limit, 'standard.api');
    await eventually(async () => {
      const [answer] = await callInTurn(fleet, 1, fleet.headers('one'));
      return leftOf(answer, 'standard.minute').r >= 6;
    }, 'only what passed is counted');
  });

  test('a quota ends at the edge of its day, in its zone', async (t) => {
    const limits = {
      day: { quota: 3, per: 'day', zone: '+05:30' },
      month: { quota: 100 },
    };
    const fleet = await startFleet(t, planOf(limits));
    const answers = await callInTurn(fleet, 5, fleet.headers('one'));
    assert.deepEqual(statusesOf(answers), [200, 200, 200, 429, 429]);
    assert.equal(answers[4].json.limit, 'standard.day');
    const now = Date.now() / 1000;
    const midnight = 86400 - ((now + 5.5 * 3600) % 86400);
    const wait = Number(answers[4].headers['retry-after']);
    assert.ok(Math.abs(wait - midnight) < 30 || Math.abs(wait - midnight) > 86_370, `${wait}, ${midnight}`);
    const date = new Date();
    const end = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / 1000 - now;
    const { t: left } = leftOf(answers[2], 'standard.month');
    assert.ok(Math.abs(left - end) < 30, `${left}, ${end}`);
  });
});

describe('what is under way', { concurrency: 3 }, () => {
  const slots = { slots: { concurrent: 4, slot_ttl: '2s' } };
  const slow = (ms) => peerPath(`slow?ms=${ms}`);

  test('so many at once over all gateways, and a place is free again at the end', async (t) => {
    const fleet = await startFleet(t, planOf(slots));
    const headers = fleet.headers('one');
    const answers = await Promise.all(fleet.gateways.flatMap((gw) =>
      [1, 2, 3].map(() => send({ port: gw.port, path: slow(1500), headers }))));
    assert.equal(passed(answers), 4, statusesOf(answers).join());
    const refused = answers.find((answer) => answer.status === 429);
    assert.equal(refused.json.limit, 'standard.slots');
    assert.equal(refused.headers['retry-after'], '1');
    assert.match(refused.headers['ratelimit-policy'], /"standard\.slots";q=4;qu="concurrent-requests"/);
    await eventually(async () => {
      const again = await Promise.all([1, 2, 3, 4].map((_, i) => send({ port: fleet.gateways[i].port, path: slow(300), headers })));
      return passed(again) === 4;
    }, 'all places are free again');
  });

  test('a client that leaves frees its place', async (t) => {
    const fleet = await startFleet(t, { ...planOf({ slots: { concurrent: 1, slot_ttl: '60s' } }), count: 1 });
    const [gw] = fleet.gateways;
    const headers = fleet.headers('one');
    const client = await gw.raw();
    client.send(`GET ${slow(60_000)} HTTP/1.1\r\nHost: a\r\nAuthorization: ${headers.authorization}\r\n\r\n`);
    await eventually(async () => (await send({ port: gw.port, path: mirror, headers })).status === 429, 'it is under way');
    client.destroy();
    await eventually(async () => (await send({ port: gw.port, path: mirror, headers })).status === 200, 'it is free');
  });

  test('the places of a gateway that was killed are free after a while, those of the living are not', async (t) => {
    const fleet = await startFleet(t, planOf(slots));
    const headers = fleet.headers('one');
    const [dying, living, third] = fleet.gateways;
    const held = [dying, dying, living, living].map((gw) =>
      send({ port: gw.port, path: slow(9000), headers }).catch(() => ({ status: 0 })));
    await eventually(() => fleet.peer.requests.length === 4, 'all are under way');
    assert.equal((await send({ port: third.port, path: mirror, headers })).status, 429);
    await dying.kill();
    assert.equal((await send({ port: third.port, path: mirror, headers })).status, 429);
    await eventually(async () => (await send({ port: third.port, path: mirror, headers })).status === 200,
      'those of the dead are free', 6000);
    await sleep(2500); // longer than a slot lives unless it is renewed
    const answers = await Promise.all([1, 2, 3, 4].map(() => send({ port: third.port, path: slow(800), headers })));
    assert.equal(passed(answers), 2, statusesOf(answers).join());
    assert.deepEqual(statusesOf(await Promise.all(held)), [0, 0, 200, 200]);
  });
});
