// One API over two systems: routing, lists over both, and a plant that moves from one to the other.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { assertProblem, runProgram } from './support/harness.mjs';
import { ROOT, erpLandscape, startLandscape, systemContract, systemFlows } from './support/systems.mjs';

const ids = (answer) => answer.json.items.map((item) => item.id);

/** All pages of a list. */
async function walk(gw, path) {
  const pages = [];
  for (let cursor = ''; cursor !== undefined && pages.length < 50; ) {
    const answer = await gw.get(`${path}${cursor && `&cursor=${cursor}`}`);
    assert.equal(answer.status, 200, answer.text);
    pages.push(ids(answer));
    cursor = answer.json.next;
  }
  return pages;
}

describe('routing', () => {
  test('a key, a beginning and a range each lead to their system', async (t) => {
    const { gw } = await startLandscape(t);
    const cases = [['1010', 'a1', 'old'], ['2020', 'b2', 'new'], ['3001', 'd4', 'new']];
    for (const [plant, id, by] of cases) {
      const answer = await gw.get(`${ROOT}/plants/${plant}/orders/${id}`);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.by, by);
      assert.deepEqual(answer.json.at, { system: by, backend: `${by}-erp`, key: plant });
    }
    const made = await gw.post(`${ROOT}/plants/2020/orders`, { text: 'w' });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.json.by, 'new');
  });

  test('a member of the body says it where no parameter does; a plain flow serves all systems', async (t) => {
    const { gw } = await startLandscape(t);
    const answer = await gw.post(`${ROOT}/orders`, { plant: '1010' });
    assert.deepEqual(answer.json, { system: 'old', backend: 'old-erp', key: '1010' });
    const missing = assertProblem(await gw.post(`${ROOT}/orders`, {}), 400);
    assert.equal(missing.type, '/problems/invalid-parameter');
  });

  test('an unknown key, and what a system does not offer, are told', async (t) => {
    const { gw } = await startLandscape(t);
    for (const plant of ['4000', '30001', '101', '1010x']) {
      const problem = assertProblem(await gw.get(`${ROOT}/plants/${plant}/orders/a1`), 404);
      assert.equal(problem.type, '/problems/unknown-key');
      assert.equal(problem.rule, 'landscapes/erp/keys');
    }
    assert.equal((await gw.get(`${ROOT}/plants/1010/rare`)).status, 200);
    const problem = assertProblem(await gw.get(`${ROOT}/plants/2020/rare`), 501);
    assert.equal(problem.type, '/problems/not-offered');
    assert.match(problem.detail, /plant 2020/);
  });

  test('check tells what a landscape lacks, and refuses what contradicts itself', async (t) => {
    const { gw, options } = await startLandscape(t);
    const good = runProgram(['check', '-c', gw.configPath]);
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout + good.stderr, /warning: .*the system "new" does not offer this: there is neither a flow "orders-new\/rare" nor "orders\/rare"/);
    const { prepareGateway } = await import('./support/harness.mjs');
    const cases = [
      [{ keys: { 1010: 'old', '1*': 'new' } }, /overlaps with "1010"|overlaps with "1\*"/],
      [{ keys: { '-': 'old' } }, /asks all systems/],
      [{ keys: { 1010: 'older' } }, /has no system "older"/],
      [{ keys: { '3999-3000': 'old' } }, /neither a key/],
      [{ systems: { old: { backend: 'nowhere', flows: 'old' } }, keys: { 1010: 'old' } }, /there is no backend "nowhere"/],
    ];
    for (const [more, words] of cases) {
      const landscapes = { erp: erpLandscape(more) };
      const bad = await prepareGateway(t, { ...options, config: { ...options.config, extra: { ...options.config.extra, landscapes } } });
      const result = runProgram(['check', '-c', bad.configPath]);
      assert.notEqual(result.code, 0, JSON.stringify(more));
      assert.match(result.stdout + result.stderr, words);
    }
    const none = await prepareGateway(t, { ...options, contracts: { 'orders.v1.yaml': systemContract({ landscape: 'mes' }) } });
    assert.match(runProgram(['check', '-c', none.configPath]).stderr, /the landscape "mes" is not configured/);
  });
});

describe('lists over all systems', () => {
  test('one page, in order, whatever way all are asked', async (t) => {
    const { gw } = await startLandscape(t);
    for (const path of [`${ROOT}/plants/-/orders`, `${ROOT}/orders`, `${ROOT}/orders?plant=-`]) {
      const answer = await gw.get(path);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(ids(answer), ['a1', 'b2', 'c3', 'd4', 'e5']);
      assert.equal(answer.json.next, undefined);
      assert.equal(answer.json.missing, undefined);
    }
    assert.deepEqual(ids(await gw.get(`${ROOT}/plants/-/orders?sort=due`)), ['c3', 'b2', 'e5', 'd4', 'a1']);
    assert.deepEqual(ids(await gw.get(`${ROOT}/plants/-/orders?sort=-id`)), ['e5', 'd4', 'c3', 'b2', 'a1']);
    assert.deepEqual(ids(await gw.get(`${ROOT}/plants/1010/orders`)), ['a1', 'c3', 'e5']);
  });

  test('pages: every item once, in order, for every size of page', async (t) => {
    const row = (number, plant) => ({ number, plant, due: '1', text: '' });
    const old = Array.from({ length: 17 }, (_, i) => row(`x${String(i * 2).padStart(3, '0')}`, '1010'));
    const fresh = Array.from({ length: 9 }, (_, i) => row(`x${String(i * 3 + 1).padStart(3, '0')}n`, '2020'));
    const { gw } = await startLandscape(t, { old, fresh });
    const all = [...old, ...fresh].map((each) => each.number).toSorted();
    for (const limit of [1, 2, 3, 5, 7, 100]) {
      const pages = await walk(gw, `${ROOT}/plants/-/orders?limit=${limit}`);
      assert.deepEqual(pages.flat(), all, `limit ${limit}`);
      assert.ok(pages.every((page) => page.length <= limit));
    }
  });

  test('a cursor that is none is refused', async (t) => {
    const { gw } = await startLandscape(t);
    const first = await gw.get(`${ROOT}/plants/-/orders?limit=2`);
    assert.match(first.json.next, /^[0-9A-Za-z_-]{1,1000}$/);
    const broken = first.json.next.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    for (const cursor of [broken, 'x', 'p3', first.json.next.slice(0, -4), 'A'.repeat(1001), `${first.json.next}AAAA`]) {
      const problem = assertProblem(await gw.get(`${ROOT}/plants/-/orders?limit=2&cursor=${cursor}`), 400);
      assert.equal(problem.type, '/problems/invalid-parameter');
    }
  });

  test('a part that fails is named, and comes with a later page', async (t) => {
    const { gw, newErp, oldErp } = await startLandscape(t);
    newErp.fault = 503;
    const partial = await gw.get(`${ROOT}/plants/-/orders?limit=2`);
    assert.equal(partial.status, 200, partial.text);
    assert.deepEqual(ids(partial), ['a1', 'c3']);
    assert.deepEqual(partial.json.missing.map((each) => [each.part, each.status]), [['2*', 503], ['3000-3999', 503]]);
    assert.match(partial.json.missing[0].type, /^\/problems\//);
    assert.equal(typeof partial.json.missing[0].title, 'string');
    assert.doesNotMatch(partial.text, /inner words/);
    newErp.fault = undefined;
    const rest = await gw.get(`${ROOT}/plants/-/orders?limit=5&cursor=${partial.json.next}`);
    assert.deepEqual(ids(rest), ['b2', 'd4', 'e5']);
    newErp.fault = 'rubbish'; // its flow fails with it
    assert.equal((await gw.get(`${ROOT}/plants/-/orders`)).json.missing[0].status, 500);
    newErp.fault = oldErp.fault = 503;
    const none = assertProblem(await gw.get(`${ROOT}/plants/-/orders`), 503);
    assert.match(none.type, /unavailable/);
  });

  test('a slow part does not hold the others', async (t) => {
    const { gw, newErp } = await startLandscape(t, { landscape: erpLandscape({ part_timeout: '300ms' }) });
    newErp.fault = 'hang';
    const answer = await gw.get(`${ROOT}/plants/-/orders`);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(ids(answer), ['a1', 'c3', 'e5']);
    assert.deepEqual(answer.json.missing.map((each) => each.status), [504, 504]);
  });
});

describe('flows without a backend', () => {
  test('are refused where no landscape gives them one', async (t) => {
    const { options } = await startLandscape(t);
    const { prepareGateway } = await import('./support/harness.mjs');
    const flows = systemFlows();
    assert.ok(flows['list-old']);
    const contract = systemContract({ landscape: null });
    for (const item of Object.values(contract.paths)) {
      for (const operation of Object.values(item)) {
        if (operation.operationId) operation['x-millgate'].flow = 'orders-old/list-orders';
      }
    }
    const bad = await prepareGateway(t, { ...options, contracts: { 'orders.v1.yaml': contract } });
    const result = runProgram(['check', '-c', bad.configPath]);
    assert.notEqual(result.code, 0);
    assert.match(result.stdout + result.stderr, /no backend is named/);
  });
});
