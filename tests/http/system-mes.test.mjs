// The API mes before both real ERPs: what is read is what the ERP says, what is written is found there.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { assertProblem, suiteScope } from './support/harness.mjs';
import { skipUnlessInstalled, startPlants } from './support/plants.mjs';

skipUnlessInstalled();

describe('mes', () => {
  const suite = suiteScope();
  let plants;
  before(async () => {
    plants = await startPlants(suite, { apis: ['system-mes'] });
  });

  const at = (plant, rest) => `/system/mes/v1/plants/${plant}${rest}`;
  const get = (plant, rest, headers) => plants.get(at(plant, rest), headers);
  const works = (domain) => plants.erp.search('production.work', domain, ['state', 'sequence', 'production.number', 'operation.name', 'work_center.name']);
  const placeOf = (work) => `/production-orders/${work['production.'].number}/operations/${work.sequence}`;
  const post = async (work, action, body, how = {}) =>
    plants.post(at('1010', `${placeOf(work)}/${action}`), body, { etag: (await get('1010', placeOf(work))).headers.etag, ...how });

  test('Tryton: work centres, and who of them is at work', async () => {
    const theirs = await plants.erp.search('production.work.center', [['parent', '!=', null]], ['name', 'parent.name', 'category.name']);
    const busy = new Set((await works([['state', '=', 'running']])).map((work) => work['work_center.'].name));
    const ours = await plants.all(at('1010', '/work-centers'), 3);
    assert.deepEqual(ours.map(({ id }) => id), theirs.map(({ name }) => name).toSorted());
    for (const center of ours) {
      const row = theirs.find(({ name }) => name === center.id);
      assert.deepEqual([center.description, center.status], [row['category.'].name, busy.has(center.id) ? 'in-use' : 'available'], center.id);
    }
    const one = await get('1010', `/work-centers/${ours[0].id}`);
    assert.deepEqual(one.json, ours[0]);
    assert.equal((await get('1010', `/work-centers/${ours[0].id}`, { 'if-none-match': one.headers.etag })).status, 304);
    assertProblem(await get('1010', '/work-centers/NOBODY'), 404);
    assertProblem(await get('1010', '/work-centers?sort=price'), 400);
  });

  test('Tryton: operations, filtered and page by page', async () => {
    const theirs = await works([]);
    const ours = await plants.all(at('1010', '/operations'), 4);
    const nameOf = (order, line, center) => `${order}/${Number(line)}/${center}`;
    assert.deepEqual(ours.map((one) => nameOf(one.productionOrder, one.line, one.workCenter)).toSorted(),
      theirs.map((work) => nameOf(work['production.'].number, work.sequence, work['work_center.'].name)).toSorted());
    const started = await plants.all(at('1010', '/operations?status=started'));
    assert.equal(started.length, theirs.filter(({ state }) => state === 'running').length);
    const center = theirs[0]['work_center.'].name;
    assert.equal((await plants.all(at('1010', `/operations?workCenter=${center}`))).length,
      theirs.filter((work) => work['work_center.'].name === center).length);
  });

  test('OData: operations of the plant', async () => {
    const { value } = await plants.odata("A_ProductionOrder?$filter=ProductionPlant eq '1020'&$expand=to_ProductionOrderOperation");
    const ours = await plants.all(at('1020', '/operations'), 20);
    assert.deepEqual(ours.map((one) => `${one.productionOrder}/${one.line}`).toSorted(),
      value.flatMap((order) => order.to_ProductionOrderOperation.map((step) => `${order.ManufacturingOrder}/${step.ManufacturingOrderOperation}`)).toSorted());
    const { productionOrder, line } = ours[0];
    assert.equal((await get('1020', `/production-orders/${productionOrder}/operations/${line}`)).status, 200);
  });

  test('an operation is started, reported and completed, each once, and Tryton has it', async () => {
    const [work] = await works([['state', 'in', ['draft', 'waiting']], ['production.state', '=', 'running']]);
    assert.ok(work, 'an operation of a running order that has not begun');
    const stateOf = async () => (await works([['id', '=', work.id]]))[0].state;
    const cycles = () => plants.erp.search('production.work.cycle', [['work', '=', work.id]], ['state', 'duration']);
    const etag = (await get('1010', placeOf(work))).headers.etag;

    assert.equal(assertProblem(await post(work, 'report', { duration: { value: '5', unit: 'MIN' } }), 422).rule, 'operation-started');
    assertProblem(await post(work, 'start', {}, { etag: '"stale"' }), 412);
    assert.equal(await stateOf(), work.state);

    const key = randomUUID();
    const begun = await post(work, 'start', {}, { key });
    assert.equal(begun.status, 200, begun.text);
    assert.equal(begun.json.status, 'started');
    assert.equal(await stateOf(), 'running');
    const again = await plants.post(at('1010', `${placeOf(work)}/start`), {}, { key, etag });
    assert.deepEqual(again.json, begun.json); // the kept answer
    assert.equal(assertProblem(await post(work, 'start', {}), 422).rule, 'operation-not-begun');

    const before = (await cycles()).filter(({ state }) => state === 'done').length;
    const told = randomUUID();
    for (let i = 0; i < 2; i++) {
      const reported = await plants.post(at('1010', `${placeOf(work)}/report`), { duration: { value: '18.5', unit: 'MIN' } }, { key: told });
      assert.equal(reported.status, 200, reported.text);
    }
    const done = (await cycles()).filter(({ state }) => state === 'done');
    assert.equal(done.length, before + 1);
    assert.ok(done.some(({ duration }) => duration?.seconds === 1110), JSON.stringify(done));

    const completed = await post(work, 'complete', {});
    assert.equal(completed.status, 200, completed.text);
    assert.equal(completed.json.status, 'completed');
    assert.equal(await stateOf(), 'finished');
    assertProblem(await get('1010', '/production-orders/999/operations/1'), 404);
  });

  test('another plant, no scope', async () => {
    const ask = (claims) => plants.gw.get(at('1010', '/operations'), { headers: plants.token(claims) });
    assertProblem(await ask({ plant: ['1020'] }), 403);
    assertProblem(await ask({ scope: 'erp-inventory:read' }), 403);
  });
});
