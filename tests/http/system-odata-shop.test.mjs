// erp-production and mes where the OData server keeps the record: what is started, reported, completed and taken back is found there.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { skipUnlessInstalled, startCloud } from './support/cloud.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

const PLANT = '1020';
const ORDERS = 'erp-production';
const pieces = (value) => ({ value, unit: 'H87' });
const STALE = { etag: '"of yesterday"' };

describe('orders and operations at the OData server', () => {
  const suite = suiteScope();
  let cloud;
  before(async () => {
    cloud = await startCloud(suite, { apis: [ORDERS, 'mes', 'erp-inventory', 'erp-costing'] });
  });

  const get = (api, rest, headers) => cloud.get(api, PLANT, rest, headers);
  const post = (api, rest, body, how) => cloud.post(api, PLANT, rest, body, how);
  const change = async (api, thing, action, body = {}, how = {}) =>
    post(api, `${thing}/${action}`, body, { etag: (await get(api, thing)).headers.etag, ...how });
  const order = (id) => `/production-orders/${id}`;
  const step = (id, line) => `/production-orders/${id}/operations/${line}`;
  const theirs = (id) => cloud.read('erp', `A_ProductionOrder('${id}')?$expand=to_ProductionOrderOperation`);
  const theirStep = async (id, line) => (await theirs(id)).to_ProductionOrderOperation.find((one) => one.ManufacturingOrderOperation === line);
  const stock = async (material, place, lot) => (await cloud.read('erp', `A_MaterialStock?$filter=Plant eq '1020' and Material eq '${material}' and StorageLocation eq '${place}' and Batch eq '${lot}'`))[0]?.Quantity;

  test('an order is started; one that has not begun is cancelled', async () => {
    const key = randomUUID();
    assertProblem(await change(ORDERS, order('2000016'), 'start', {}, STALE), 412);
    const { etag } = (await get(ORDERS, order('2000016'))).headers;
    const started = await change(ORDERS, order('2000016'), 'start', { at: '2026-11-20T06:30:00Z' }, { key });
    assert.equal(started.status, 200, started.text);
    assert.deepEqual([started.json.status, started.json.startedOn], ['started', '2026-11-20']);
    assert.deepEqual((await post(ORDERS, `${order('2000016')}/start`, { at: '2026-11-20T06:30:00Z' }, { key, etag })).json, started.json);
    assert.equal((await theirs('2000016')).OrderStatus, 'INPR');
    assert.ok((await cloud.all(ORDERS, PLANT, '/production-orders?status=started', 50)).some(({ id }) => id === '2000016'));
    assert.equal(cloud.rule(await change(ORDERS, order('2000016'), 'start')), 'order-released');
    assert.equal(cloud.rule(await change(ORDERS, order('2000016'), 'cancel')), 'order-not-begun');
    assert.equal(cloud.rule(await change(ORDERS, order('2000021'), 'start')), 'order-released');

    for (const id of ['2000017', '2000022']) {
      assertProblem(await change(ORDERS, order(id), 'cancel', {}, STALE), 412);
      const cancelled = await change(ORDERS, order(id), 'cancel', { reason: 'The customer withdrew' });
      assert.deepEqual([cancelled.json.status, cancelled.json.operations[0].status], ['cancelled', 'cancelled'], cancelled.text);
      assert.equal((await theirs(id)).OrderStatus, 'CANC');
    }
    assert.deepEqual((await cloud.all(ORDERS, PLANT, '/production-orders?status=cancelled', 50)).map(({ id }) => id), ['2000017', '2000022']);
    const operations = await cloud.all('mes', PLANT, '/operations?status=cancelled', 3);
    assert.deepEqual([...new Set(operations.map(({ productionOrder }) => productionOrder))], ['2000017', '2000022']);
    assert.equal(operations.length, 8);
    const cost = { productionOrder: '2000017', costElement: '0000510000', amount: { amount: '12.50', currency: 'EUR' }, text: 'Rework' };
    assert.equal(cloud.rule(await post('erp-costing', '/cost-postings', cost)), 'receiver-open');
    for (const action of ['start', 'cancel']) assertProblem(await post(ORDERS, `${order('99')}/${action}`, {}, STALE), 404);
  });

  test('an order keeps all that is said of it', async () => {
    const body = {
      material: 'PUMP-NW25', quantity: pieces('20'), plannedStart: '2026-12-01', plannedEnd: '2026-12-03', description: 'For the fair', priority: 'urgent',
      overdeliveryTolerance: '2.5', storageLocation: '102L', reference: 'FAIR-1',
    };
    const made = await post(ORDERS, '/production-orders', body);
    assert.equal(made.status, 201, made.text);
    for (const name of Object.keys(body).filter((one) => one !== 'quantity')) assert.equal(made.json[name], body[name], name);
    const row = await theirs(made.json.id);
    assert.deepEqual([row.OrderText, row.OrderPriority, row.OverdeliveryTolerance, row.StorageLocation, row.ReferenceNumber], ['For the fair', '1', 2.5, '102L', 'FAIR-1']);
    assert.deepEqual((await get(ORDERS, '/production-orders?reference=FAIR-1&priority=urgent')).json.items.map(({ id }) => id), [made.json.id]);
    assert.deepEqual((await get(ORDERS, '/production-orders?reference=FAIR-1&priority=low')).json.items, []);
    assert.match(assertProblem(await post(ORDERS, '/production-orders', { ...body, storageLocation: 'NONE' }), 422).type, /refused$/);
    assert.equal((await change(ORDERS, order(made.json.id), 'release')).json.status, 'released');
    const confirm = (value) => post(ORDERS, `${order(made.json.id)}/confirmations`, { operation: '0040', yield: pieces(value), lot: 'FAIR-LOT' });
    assert.equal(cloud.rule(await confirm('20.501')), 'confirmation-within-open-quantity');
    assert.equal((await confirm('20.5')).json.storageLocation, '102L');
    assert.equal(await stock('PUMP-NW25', '102L', 'FAIR-LOT'), 20.5);
  });

  test('a confirmation moves what was used and what was made, and is taken back once', async () => {
    const before = [await stock('BAR-D20', '102A', 'L260082'), await stock('SEAL-24', '102A', 'L260052')];
    assert.ok(before.every((quantity) => quantity > 10), before.join());
    const body = {
      operation: '0010', yield: pieces('3'), scrap: pieces('1'), lot: 'NEW-LOT-1', storageLocation: '102L', startedAt: '2026-11-20T07:00:00Z', endedAt: '2026-11-20T07:40:00Z',
      duration: { value: '0.5', unit: 'HUR' }, reference: 'MES-77', text: 'Second shift',
      consumed: [
        { material: 'BAR-D20', lot: 'L260082', quantity: { value: '2.125', unit: 'MTR' }, storageLocation: '102A' },
        { material: 'SEAL-24', lot: 'L260052', quantity: pieces('4'), storageLocation: '102A' },
      ],
    };
    const key = randomUUID();
    const made = await post(ORDERS, `${order('2000018')}/confirmations`, body, { key });
    assert.equal(made.status, 201, made.text);
    assert.equal((await post(ORDERS, `${order('2000018')}/confirmations`, body, { key })).json.id, made.json.id);
    const { material } = (await get(ORDERS, order('2000018'))).json;
    assert.deepEqual(made.json.consumed.map((one) => [one.material, Number(one.quantity.value), one.quantity.unit]), [['BAR-D20', 2.125, 'MTR'], ['SEAL-24', 4, 'H87']]);
    assert.deepEqual([made.json.lot, made.json.storageLocation, made.json.reference, made.json.text], ['NEW-LOT-1', '102L', 'MES-77', 'Second shift']);
    assert.deepEqual([await stock('BAR-D20', '102A', 'L260082'), await stock('SEAL-24', '102A', 'L260052'), await stock(material, '102L', 'NEW-LOT-1')],
      [before[0] - 2.125, before[1] - 4, 3]);
    assert.deepEqual((await get(ORDERS, `/production-confirmations/${made.json.id}`)).json, made.json);
    assert.deepEqual((await get(ORDERS, '/production-confirmations?reference=MES-77')).json.items, [made.json]);
    const moved = (await get('erp-inventory', '/goods-movements?productionOrder=2000018')).json.items;
    assert.deepEqual(moved.map((one) => [one.type, one.material, one.from ?? one.to]), [['issue', 'BAR-D20', '102A'], ['issue', 'SEAL-24', '102A'], ['receipt', material, '102L']]);

    const thing = `/production-confirmations/${made.json.id}`;
    const reason = 'Booked on the wrong order';
    assertProblem(await change(ORDERS, thing, 'reverse', { reason }, STALE), 412);
    assertProblem(await change(ORDERS, thing, 'reverse', {}), 400);
    assert.match(assertProblem(await change(ORDERS, thing, 'reverse', { reason, postedOn: '2026-01-01' }), 422).type, /not-offered$/);
    const back = await change(ORDERS, thing, 'reverse', { reason });
    assert.equal(back.json.status, 'reversed', back.text);
    assert.equal((await cloud.read('erp', `A_ProductionConfirmation('${made.json.id}')`)).ReversalReason, reason);
    assert.equal(cloud.rule(await change(ORDERS, thing, 'reverse', { reason })), 'confirmation-posted');
    assert.deepEqual([await stock('BAR-D20', '102A', 'L260082'), await stock('SEAL-24', '102A', 'L260052'), await stock(material, '102L', 'NEW-LOT-1')], [...before, 0]);
    const row = await theirStep('2000018', '0010');
    assert.deepEqual([row.OperationStatus, row.ConfirmedYieldQuantity, row.ConfirmedScrapQuantity], ['OPEN', 0, 0]);
    assert.equal((await get(ORDERS, order('2000018'))).json.status, 'released');
  });

  test('the last confirmation ends an order, and is taken back unless the order is completed', async () => {
    const confirm = (body) => post(ORDERS, `${order('2000014')}/confirmations`, { operation: '0040', ...body });
    const partial = (await confirm({ yield: pieces('5') })).json;
    const last = await confirm({ yield: pieces('2'), isFinal: true });
    assert.equal(last.json.isFinal, true, last.text);
    const { quantity } = (await get(ORDERS, order('2000014'))).json;
    assert.equal((await theirs('2000014')).OrderStatus, 'CNF');
    assert.equal(cloud.rule(await change(ORDERS, order('2000014'), 'complete')), 'order-confirmed-or-explained', quantity.value);
    assertProblem(await confirm({ yield: pieces('1') }), 409); // as the server says
    assert.equal((await change(ORDERS, `/production-confirmations/${last.json.id}`, 'reverse', { reason: 'Too early' })).json.status, 'reversed');
    assert.deepEqual([(await theirs('2000014')).OrderStatus, (await theirStep('2000014', '0040')).OperationStatus], ['INPR', 'PCNF']);
    const open = (await get(ORDERS, order('2000014'))).json;
    assert.deepEqual([open.status, Number(open.confirmed.value), open.completedOn], ['started', 5, undefined]);
    assert.equal((await change(ORDERS, order('2000014'), 'complete', { reason: 'Enough' })).json.status, 'completed');
    assert.match(assertProblem(await change(ORDERS, `/production-confirmations/${partial.id}`, 'reverse', { reason: 'Too late' }), 422).type, /refused$/);
  });

  test('what a confirmation cannot say posts nothing', async () => {
    const count = () => cloud.count('erp', 'A_MaterialDocument');
    const before = [await count(), await cloud.count('erp', 'A_ProductionConfirmation')];
    const confirm = (more) => post(ORDERS, `${order('2000019')}/confirmations`, { operation: '0010', yield: pieces('1'), ...more });
    const used = { material: 'BAR-D20', lot: 'L260082', quantity: { value: '1', unit: 'MTR' }, storageLocation: '102A' };
    for (const more of [{ lot: 'L1' }, { storageLocation: '102L' }, { consumed: [{ ...used, lot: undefined }] }, { duration: pieces('1') }])
      assert.match(assertProblem(await confirm(more), 422).type, /not-offered$/, JSON.stringify(more));
    assert.match(assertProblem(await confirm({ consumed: [{ ...used, lot: 'NONE' }] }), 422).type, /not-found$/);
    const [blocked] = await cloud.read('erp', "A_Batch?$filter=Plant eq '1020' and BatchStatus eq 'BLKD'&$top=1");
    assert.equal(cloud.rule(await confirm({ consumed: [{ ...used, material: blocked.Material, lot: blocked.Batch }] })), 'lots-released');
    for (const more of [{ quantity: { value: '1', unit: 'KGM' } }, { quantity: { value: '90000', unit: 'MTR' } }, { storageLocation: '102B' }]) // the server says so
      assert.match(assertProblem(await confirm({ consumed: [used, { ...used, ...more }] }), 422).type, /refused$/, JSON.stringify(more));
    assert.deepEqual([await count(), await cloud.count('erp', 'A_ProductionConfirmation')], before);
  });

  test('work centres, and who of them is at work', async () => {
    const rows = await cloud.read('erp', "A_WorkCenter?$filter=Plant eq '1020'&$orderby=WorkCenter");
    const centers = await cloud.all('mes', PLANT, '/work-centers', 4);
    assert.deepEqual(centers.map(({ id, description, parent }) => [id, description, parent]), rows.map((row) => [row.WorkCenter, row.WorkCenterText, row.WorkCenterGroup]));
    const orders = await cloud.read('erp', "A_ProductionOrder?$filter=ProductionPlant eq '1020' and (OrderStatus eq 'REL' or OrderStatus eq 'INPR')&$expand=to_ProductionOrderOperation");
    const busy = new Set(orders.flatMap((one) => one.to_ProductionOrderOperation).filter((one) => ['STRT', 'PCNF'].includes(one.OperationStatus)).map((one) => one.WorkCenter));
    assert.ok(busy.size > 0);
    for (const row of rows) {
      const status = row.WorkCenterStatus === 'DOWN' ? 'down' : busy.has(row.WorkCenter) ? 'in-use' : 'available';
      const one = await get('mes', `/work-centers/${row.WorkCenter}`);
      assert.equal(one.json.status, status, one.text);
      assert.deepEqual(one.json, centers.find(({ id }) => id === row.WorkCenter));
      assert.equal((await get('mes', `/work-centers/${row.WorkCenter}`, { 'if-none-match': one.headers.etag })).status, 304);
    }
    for (const status of ['available', 'in-use', 'down', 'out-of-service'])
      assert.deepEqual((await cloud.all('mes', PLANT, `/work-centers?status=${status}`, 2)).map(({ id }) => id), centers.filter((one) => one.status === status).map(({ id }) => id), status);
    assert.deepEqual((await get('mes', '/work-centers?parent=HALL-3&sort=-id')).json.items.map(({ id }) => id), ['WASH-1', 'PAINT-1']);
    assertProblem(await get('mes', '/work-centers/NOBODY'), 404);
    assertProblem(await get('mes', '/work-centers?cursor=rubbish'), 400);
  });

  test('operations in every order, page by page, and of one work centre', async () => {
    const orders = await cloud.read('erp', "A_ProductionOrder?$filter=ProductionPlant eq '1020'&$expand=to_ProductionOrderOperation");
    const rows = orders.flatMap((one) => one.to_ProductionOrderOperation);
    const name = (one) => `${one.productionOrder ?? one.ManufacturingOrder}/${one.line ?? one.ManufacturingOrderOperation}`;
    for (const sort of ['productionOrder', '-productionOrder', 'startedAt', '-startedAt']) {
      const ours = await cloud.all('mes', PLANT, `/operations?sort=${sort}`, 37);
      assert.deepEqual(ours.map(name).toSorted(), rows.map(name).toSorted(), sort);
      const keys = ours.map((one) => (sort.endsWith('startedAt') ? (one.startedAt ?? '0 ') : '') + name(one));
      assert.deepEqual(keys, sort.startsWith('-') ? keys.toSorted().toReversed() : keys.toSorted(), sort);
    }
    const planned = orders.filter((one) => one.OrderStatus === 'CRTD').flatMap((one) => one.to_ProductionOrderOperation).filter((one) => one.WorkCenter === 'MILL-1');
    assert.deepEqual((await cloud.all('mes', PLANT, '/operations?workCenter=MILL-1&status=planned', 3)).map(name), planned.map(name));
  });

  test('an operation is started, reported and completed, each once', async () => {
    const thing = step('2000020', '0010');
    assert.equal(cloud.rule(await post('mes', `${thing}/report`, { yield: pieces('1') })), 'operation-started');
    assertProblem(await change('mes', thing, 'start', {}, STALE), 412);
    const key = randomUUID();
    const { etag } = (await get('mes', thing)).headers;
    const begun = await post('mes', `${thing}/start`, { at: '2026-11-20T06:00:00Z' }, { key, etag });
    assert.equal(begun.json.status, 'started', begun.text);
    assert.deepEqual((await post('mes', `${thing}/start`, { at: '2026-11-20T06:00:00Z' }, { key, etag })).json, begun.json);
    assert.deepEqual([(await theirStep('2000020', '0010')).OperationStatus, begun.json.startedAt.slice(0, 19)], ['STRT', '2026-11-20T06:00:00']);
    assertProblem(await post('mes', `${thing}/start`, {}, { etag }), 412);
    assert.equal(cloud.rule(await change('mes', thing, 'start')), 'operation-not-begun');
    assert.ok((await cloud.all('mes', PLANT, '/operations?status=started', 5)).some((one) => one.productionOrder === '2000020' && one.line === '0010'));

    const confirmations = () => cloud.read('erp', "A_ProductionConfirmation?$filter=ManufacturingOrder eq '2000020'&$orderby=ConfirmationNumber");
    const told = randomUUID();
    for (let i = 0; i < 2; i++) {
      const reported = await post('mes', `${thing}/report`, { yield: pieces('2'), duration: { value: '18.5', unit: 'MIN' }, text: 'Slow' }, { key: told });
      assert.equal(reported.status, 200, reported.text);
      assert.deepEqual([Number(reported.json.confirmed.value), Number(reported.json.actualDuration.value)], [2, 18.5]);
    }
    assert.deepEqual((await confirmations()).map((one) => [one.ConfirmationYieldQuantity, one.ConfirmedDuration, one.ConfirmationText]), [[2, 18.5, 'Slow']]);
    for (const body of [{ yield: { value: '1', unit: 'KGM' } }, { duration: pieces('1') }])
      assert.match(assertProblem(await post('mes', `${thing}/report`, body), 422).type, /not-offered$/);
    assertProblem(await post('mes', `${thing}/report`, {}), 400);
    assertProblem(await post('mes', `${thing}/report`, { yield: pieces('9000') }), 422);

    assertProblem(await change('mes', thing, 'complete', {}, STALE), 412);
    const done = await change('mes', thing, 'complete', { scrap: pieces('1') });
    assert.deepEqual([done.json.status, Number(done.json.confirmed.value), Number(done.json.scrapped.value)], ['completed', 2, 1], done.text);
    assert.ok(done.json.completedAt);
    assert.deepEqual((await confirmations()).map((one) => one.IsFinalConfirmation), [false, true]);
    assert.equal(cloud.rule(await change('mes', thing, 'complete')), 'operation-started');
    assert.equal(cloud.rule(await change('mes', step('2000030', '0010'), 'start')), 'order-on-shop-floor');
    for (const action of ['start', 'report', 'complete'])
      for (const nowhere of [step('2000020', '0099'), step('99', '0010')]) assertProblem(await post('mes', `${nowhere}/${action}`, { yield: pieces('1') }, STALE), action === 'start' ? 400 : 404);
  });

  test('of two who complete an operation, one does; what another plant has is not there', async () => {
    const thing = step('2000013', '0010');
    assert.equal((await change('mes', thing, 'start')).status, 200);
    const { etag } = (await get('mes', thing)).headers;
    const answers = await Promise.all([1, 2, 3].map(() => post('mes', `${thing}/complete`, { yield: pieces('1') }, { etag })));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1, answers.map(({ text }) => text).join());
    for (const answer of answers.filter(({ status }) => status !== 200)) assertProblem(answer, 412);
    assert.equal(await cloud.count('erp', "A_ProductionConfirmation?$filter=ManufacturingOrder eq '2000013'"), 1);
    const [confirmation] = (await get(ORDERS, '/production-confirmations?limit=1')).json.items;
    for (const [api, rest, action, body] of [
      [ORDERS, order('2000014'), 'start', {}], [ORDERS, order('2000014'), 'cancel', {}], [ORDERS, `/production-confirmations/${confirmation.id}`, 'reverse', { reason: 'x' }],
      ['mes', step('2000014', '0010'), 'start', {}], ['mes', step('2000014', '0010'), 'report', { yield: pieces('1') }], ['mes', step('2000014', '0010'), 'complete', {}],
      ['mes', '/work-centers/MILL-1'],
    ]) {
      assertProblem(await cloud.get(api, '1010', rest), 404);
      if (action) assertProblem(await cloud.post(api, '1010', `${rest}/${action}`, body, action === 'report' ? {} : STALE), 404);
    }
  });

  test('a gateway that dies behind a write does not make it twice', async () => {
    for (const id of ['2000011', '2000012']) assert.equal((await change('mes', step(id, '0010'), 'start')).status, 200);
    const { etag } = (await get('mes', step('2000012', '0010'))).headers;
    const counts = () => Promise.all(['2000011', '2000012'].map((id) => cloud.count('erp', `A_ProductionConfirmation?$filter=ManufacturingOrder eq '${id}'`)));
    assert.deepEqual(await counts(), [0, 0]);
    const [report, complete] = [randomUUID(), randomUUID()];
    const sends = [
      () => post('mes', `${step('2000011', '0010')}/report`, { yield: pieces('1') }, { key: report }),
      () => post('mes', `${step('2000012', '0010')}/complete`, { yield: pieces('1') }, { key: complete, etag }),
    ];
    await cloud.dieBehind('A_ProductionConfirmation', () => Promise.all(sends.map((send) => send())), async () => (await counts()).every((count) => count === 1), 2);
    const answers = await Promise.all(sends.map((send) => cloud.settled(send)));
    assert.deepEqual(answers.map(({ status, json }) => [status, json.status]), [[200, 'started'], [200, 'completed']], answers.map(({ text }) => text).join());
    assert.deepEqual(await counts(), [1, 1]);
  });
});
