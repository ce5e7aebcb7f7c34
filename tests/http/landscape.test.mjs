// One API over two systems: routing, lists over both, and a plant that moves from one to the other.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { assertProblem, eventually, prepareGateway, runProgram } from './support/harness.mjs';
import { COPIED, OLD, ROOT, erpLandscape, move, moveOf, moveOnAll, startLandscape, systemContract } from './support/systems.mjs';

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
      assert.deepEqual(answer.json.at, { landscape: 'erp', system: by, backend: `${by}-erp`, key: plant });
    }
    const made = await gw.post(`${ROOT}/plants/2020/orders`, { text: 'w' });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.json.by, 'new');
  });

  test('a member of the body says it where no parameter does; a plain flow serves all systems', async (t) => {
    const { gw } = await startLandscape(t);
    const answer = await gw.post(`${ROOT}/orders`, { plant: '1010' });
    assert.deepEqual(answer.json, { landscape: 'erp', system: 'old', backend: 'old-erp', key: '1010' });
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
  test('are refused where the system is not granted to the contract', async (t) => {
    const { options } = await startLandscape(t);
    const { backends } = options.config;
    const bad = await prepareGateway(t, { ...options, config: { ...options.config, backends: { ...backends, 'new-erp': { ...backends['new-erp'], grants: ['/system/other'] } } } });
    const result = runProgram(['check', '-c', bad.configPath]);
    assert.notEqual(result.code, 0);
    assert.match(result.stdout + result.stderr, /at the backend "new-erp" of the landscape: this backend is not granted/);
  });

  test('are refused where no landscape gives them one', async (t) => {
    const { options } = await startLandscape(t);
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

/** The admin listener's refusal. */
function refused(answer, problem) {
  assert.equal(answer.status, 409, answer.text);
  assert.equal(answer.json.type, `/problems/${problem}`);
}

function restart(gw) {
  Object.assign(gw, { stderr: '', ports: [] });
  return gw.start();
}

const quiet = erpLandscape({ shadow_ignore: ['by', 'at'] });

async function shadowCounts(gw, operation) {
  const { text } = await gw.admin('/metrics');
  const counts = {};
  for (const [, labels, value] of text.matchAll(/^millgate_landscape_shadow_reads_total\{([^}]*)\} (\d+)$/gm))
    if (labels.includes(`operation="${operation}"`)) counts[/outcome="(\w+)"/.exec(labels)[1]] = Number(value);
  return counts;
}

describe('moving a plant', () => {
  test('shadow reads are compared, counted and told, and never delay', async (t) => {
    const { gw, newErp } = await startLandscape(t, { landscape: quiet, fresh: structuredClone(COPIED) });
    await moveOnAll([gw], '1010', { phase: 'shadow', to: 'new' });
    const read = async (id) => {
      const answer = await gw.get(`${ROOT}/plants/1010/orders/${id}`);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.by, 'old');
    };
    await read('a1');
    await eventually(async () => (await shadowCounts(gw, 'getOrder')).equal === 1, 'one is equal');
    newErp.orders.find((order) => order.number === 'c3').text = 'changed';
    await read('c3');
    await eventually(async () => (await shadowCounts(gw, 'getOrder')).different === 1, 'one differs');
    assert.match(gw.stderr, /landscape erp: getOrder of 1010 differs at new: at "\/text"/);
    assert.doesNotMatch(gw.stderr, /changed/);
    newErp.fault = 503;
    await read('a1');
    await eventually(async () => (await shadowCounts(gw, 'getOrder')).failed === 1, 'one failed');
    newErp.fault = 'hang';
    const before = performance.now();
    for (let i = 0; i < 40; i++) await read('a1');
    assert.ok(performance.now() - before < 10_000, 'they waited for the shadow'); // a shadow read may take 10 s
    assert.ok((await shadowCounts(gw, 'getOrder')).dropped > 0, 'there is a bound');
    newErp.release();
    await moveOnAll([gw], '1010', { phase: 'abort' });
    const asked = newErp.requests.length;
    await read('e5');
    await sleep(100);
    assert.equal(newErp.requests.length, asked);
    assert.equal(await moveOf(gw, '1010'), undefined);
  });

  test('drain refuses writes, waits for those under way, and the switch is for all and for good', async (t) => {
    const { gw, gateways, oldErp } = await startLandscape(t, { count: 2, landscape: quiet, fresh: structuredClone(COPIED) });
    const [, other] = gateways;
    const post = (gateway) => gateway.post(`${ROOT}/plants/1010/orders`, { text: 'n' });
    oldErp.fault = 'hang-writes';
    const underWay = post(other);
    await eventually(() => oldErp.held.length === 1, 'the write is under way');
    refused(await move(gw, '1010', { phase: 'switch', to: 'new' }), 'wrong-phase');
    const drained = await move(gw, '1010', { phase: 'drain', to: 'new' });
    assert.equal(drained.status, 200, drained.text);
    await eventually(async () => (await moveOf(gw, '1010'))?.is_confirmed, 'all have drained', 30_000);
    for (const gateway of gateways) {
      const problem = await post(gateway);
      assert.equal(assertProblem(problem, 503).type, '/problems/draining');
      assert.ok(Number(problem.headers['retry-after']) > 0);
      assert.equal((await gateway.get(`${ROOT}/plants/1010/orders/a1`)).json.by, 'old'); // reads go on
      assert.equal((await gateway.post(`${ROOT}/plants/2020/orders`, {})).status, 201); // so do other plants
    }
    const told = await moveOf(gw, '1010');
    assert.equal(told.writes, 1);
    assert.deepEqual(told.instances.map((each) => each.writes).toSorted(), [0, 1]);
    refused(await move(gw, '1010', { phase: 'switch' }), 'writes-under-way');
    oldErp.release();
    assert.equal((await underWay).json.by, 'old');
    await moveOnAll(gateways, '1010', { phase: 'switch' });
    for (const gateway of gateways) {
      assert.equal((await gateway.get(`${ROOT}/plants/1010/orders/a1`)).json.by, 'new');
      assert.equal((await post(gateway)).json.by, 'new');
      const items = (await gateway.get(`${ROOT}/plants/-/orders`)).json.items.map((item) => item.id);
      assert.equal(new Set(items).size, items.length, 'nothing is told twice');
    }
    await other.kill();
    await restart(other);
    assert.equal((await other.get(`${ROOT}/plants/1010/orders/a1`)).json.by, 'new');

    refused(await move(other, '1010', { phase: 'abort' }), 'wrong-phase');
    for (const phase of ['drain', 'switch']) await moveOnAll(gateways, '1010', { phase, ...(phase === 'drain' ? { to: 'old' } : {}) });
    assert.equal((await gw.get(`${ROOT}/plants/1010/orders/a1`)).json.by, 'old'); // and back
  });

  test('lists leave out what has moved away, and what has not come yet', async (t) => {
    const { gw } = await startLandscape(t, { landscape: quiet, old: [...OLD, { number: 'z9', plant: '1010', due: '09', text: 'left' }], fresh: structuredClone(COPIED) });
    const list = async () => (await gw.get(`${ROOT}/plants/-/orders`)).json.items.map((item) => item.id);
    assert.deepEqual(await list(), ['a1', 'b2', 'c3', 'd4', 'e5', 'z9']);
    await moveOnAll([gw], '1010', { phase: 'drain', to: 'new' });
    await moveOnAll([gw], '1010', { phase: 'switch' });
    assert.deepEqual(await list(), ['a1', 'b2', 'c3', 'd4', 'e5']);
  });

  test('fifty readers see no error, and after the confirmation only the new system', async (t) => {
    const { gateways } = await startLandscape(t, { count: 2, landscape: quiet, fresh: structuredClone(COPIED) });
    let confirmed = false, over = false;
    const seen = { old: 0, new: 0 }, wrong = [];
    const reader = async (index) => {
      const gateway = gateways[index % gateways.length];
      while (!over) {
        const wasConfirmed = confirmed;
        const answer = await gateway.get(`${ROOT}/plants/1010/orders/c3`);
        if (answer.status !== 200 || (wasConfirmed && answer.json.by !== 'new')) wrong.push(answer.text);
        else seen[answer.json.by]++;
      }
    };
    const readers = Array.from({ length: 50 }, (_, index) => reader(index));
    await eventually(() => seen.old > 100, 'they read');
    for (const phase of ['shadow', 'drain', 'switch']) await moveOnAll(gateways, '1010', { phase, ...(phase === 'shadow' ? { to: 'new' } : {}) });
    confirmed = true;
    const at = seen.new;
    await eventually(() => seen.new > at + 200, 'they go on');
    over = true;
    await Promise.all(readers);
    assert.deepEqual(wrong, []);
  });

  test('the command, the audit, and a configuration that contradicts the move', async (t) => {
    const { gw } = await startLandscape(t, { landscape: quiet, fresh: structuredClone(COPIED) });
    const run = (...words) => runProgram(['landscape', ...words, '-a', 'admin.sock'], { cwd: gw.dir });
    assert.equal(run('list').stdout, 'erp 1010: old\nerp 2*: new\nerp 3000-3999: new\n');
    for (const words of [['shadow', 'erp', '1010', '--to', 'new'], ['drain', 'erp', '1010'], ['switch', 'erp', '1010']]) {
      const result = run(...words, '--wait');
      assert.equal(result.code, 0, result.stderr);
      assert.match(result.stdout, /^erp 1010: \w+, from old to new, writes under way: 0, confirmed by all instances\n$/);
    }
    assert.match(run('list').stdout, /erp 1010: switched, from old to new/);
    assert.equal(run('switch', 'erp', '1010').code, 1);
    assert.equal(run('drain', 'erp', '9999', '--to', 'new').code, 1);
    assert.equal(run('drain', 'nowhere', '1010', '--to', 'new').code, 1);
    assert.equal(run('drain').code, 2);
    await gw.stop();
    gw.rewriteConfig((config) => {
      config.landscapes.erp.systems.third = { backend: 'new-erp', flows: 'new' };
      config.landscapes.erp.keys['1010'] = 'third';
    });
    await restart(gw);
    await eventually(() => /landscape erp: key 1010: it has moved, but the configuration has it at a third system/.test(gw.stderr), 'it is told');
    const answer = await gw.get(`${ROOT}/plants/1010/orders/a1`);
    assert.deepEqual(answer.json.at, { landscape: 'erp', system: 'new', backend: 'new-erp', key: '1010' });
    const state = JSON.parse(readFileSync(gw.configPath, 'utf8')).state_dir;
    const audit = readdirSync(state).filter((name) => name.startsWith('audit.log')).map((name) => readFileSync(join(state, name), 'utf8')).join('');
    assert.match(audit, /landscape\.move/);
    assert.match(audit, /switched to new/);
  });

  test('without Redis nothing is written, reads go on', async (t) => {
    const { gw, redis } = await startLandscape(t, { landscape: quiet });
    assert.equal((await gw.get(`${ROOT}/plants/1010/orders/a1`)).status, 200);
    await redis.stop('SIGKILL');
    await eventually(async () => (await gw.post(`${ROOT}/plants/1010/orders`, { text: 'n' })).status === 503, 'writes are refused', 15_000);
    assert.equal((await gw.get(`${ROOT}/plants/1010/orders/a1`)).json.by, 'old');
  });
});

describe('ids', () => {
  const keep = (gw, plant, pairs) => gw.post(`${ROOT}/plants/${plant}/ids`, { pairs: pairs.map(([id, canonical]) => ({ id, canonical })) });
  const find = async (gw, plant, ids) => {
    const answer = await gw.post(`${ROOT}/plants/${plant}/ids`, { ids }, { method: 'PUT' });
    assert.ok([200, 201].includes(answer.status), answer.text);
    return answer.json;
  };

  test('are kept for each system, in both directions, and are their own where nothing is kept', async (t) => {
    const { gateways, gw } = await startLandscape(t, { count: 2, fresh: structuredClone(COPIED) });
    assert.deepEqual(await find(gw, '1010', ['17']), { canonical: ['17'], system: ['17'] });
    assert.equal((await keep(gw, '1010', [['17', 'PO-1'], ['18', 'PO-2']])).status, 201);
    assert.equal((await keep(gw, '1010', [['17', 'PO-1']])).status, 201); // the same again
    assert.equal((await keep(gw, '2020', [['900', 'PO-1']])).status, 201); // the other system's
    for (const gateway of gateways) {
      assert.deepEqual(await find(gateway, '1010', ['17', 'x', 'PO-2']), { canonical: ['PO-1', 'x', 'PO-2'], system: ['17', 'x', '18'] });
      assert.deepEqual(await find(gateway, '2020', ['900', 'PO-1']), { canonical: ['PO-1', 'PO-1'], system: ['900', '900'] });
    }
    for (const pairs of [[['17', 'PO-9']], [['99', 'PO-1']], [['a', 'A'], ['a', 'B']]])
      assert.equal(assertProblem(await keep(gw, '1010', [['50', 'PO-50'], ...pairs]), 409).type, '/problems/changed-meanwhile');
    assert.deepEqual(await find(gw, '1010', ['50']), { canonical: ['50'], system: ['50'] }, 'all or none');
    await moveOnAll(gateways, '1010', { phase: 'drain', to: 'new' });
    await moveOnAll(gateways, '1010', { phase: 'switch' });
    assert.deepEqual((await find(gw, '1010', ['PO-1'])).system, ['900'], 'it kept its id');
  });

  test('are imported and exported, and outlive kill -9', async (t) => {
    const { gw } = await startLandscape(t);
    const lines = Array.from({ length: 700 }, (_, i) => JSON.stringify({ system: i % 2 ? 'old' : 'new', id: `${i}`, canonical: `C${i}` }));
    const load = (text) => gw.admin('/landscapes/erp/ids/order', { method: 'POST', body: JSON.stringify({ lines: text }), headers: { 'content-type': 'application/json' } });
    const loaded = await load(lines.join('\n'));
    assert.equal(loaded.status, 200, loaded.text);
    assert.equal(loaded.json.kept, 700);
    assert.equal((await load(lines.join('\n'))).json.kept, 0);
    for (const bad of ['{', '{"system":"old"}', '{"system":"older","id":"1","canonical":"2"}'])
      assert.equal((await load(bad)).status, 400, bad);
    assert.equal((await load('{"system":"old","id":"1","canonical":"other"}')).status, 409);
    await gw.kill();
    await restart(gw);
    assert.deepEqual((await find(gw, '1010', ['1', 'C3'])), { canonical: ['C1', 'C3'], system: ['1', '3'] });
    const exported = [];
    for (let cursor = '0'; ;) {
      const page = await gw.admin(`/landscapes/erp/ids/order?cursor=${cursor}`);
      assert.equal(page.status, 200, page.text);
      exported.push(...page.json.lines.split('\n').filter(Boolean));
      cursor = page.json.next;
      if (cursor === undefined) break;
    }
    assert.deepEqual([...new Set(exported)].toSorted(), lines.toSorted());
  });
});
