// erp-inventory before both real ERPs.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { date } from '../rigs/tryton/rpc.mjs';
import { PLANTS, skipUnlessInstalled, startPair } from './support/erp_pair.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

const API = 'erp-inventory';
const pieces = (value) => ({ value: String(value), unit: 'H87' });

describe('system/erp-inventory', () => {
  let pair;
  const suite = suiteScope();
  before(async () => {
    pair = await startPair(suite, { apis: [API] });
  });
  const get = (plant, rest, headers) => pair.get(plant, API, rest, headers);
  const post = (plant, rest, body, more) => pair.write(plant, API, rest, body, more);
  const level = async (plant, query) => (await get(plant, `/inventory-levels?${query}`)).json.items[0];

  test('materials: all that the ERPs have, page by page, in both orders', async () => {
    const products = await pair.erp.search('product.product', [['code', '!=', null]], ['code', 'cost_price'], { order: [['code', 'ASC']] });
    const ours = await pair.all('1010', API, '/materials', 40);
    assert.deepEqual(ours.map(({ id, standardCost }) => [id, standardCost.amount]), products.map(({ code, cost_price: cost }) => [code, cost.decimal]));
    const { value } = await pair.odata('A_Material?$orderby=Material');
    const cloud = await pair.all('1020', API, '/materials?sort=-id', 40);
    assert.deepEqual(cloud.map(({ id, description }) => [id, description]).reverse(), value.map((row) => [row.Material, row.MaterialDescription]));
    for (const plant of PLANTS) {
      const changed = await pair.all(plant, API, '/materials?sort=changedAt', 45);
      const times = changed.map(({ changedAt }) => Date.parse(changedAt));
      assert.deepEqual(times, times.toSorted((a, b) => a - b), plant);
      assert.equal(new Set(changed.map(({ id }) => id)).size, plant === '1010' ? products.length : value.length);
      assert.deepEqual((await get(plant, '/materials?status=blocked')).json.items, []);
      assert.ok((await get(plant, '/materials?type=raw')).json.items.every(({ type }) => type === 'raw'));
      assertProblem(await get(plant, '/materials?cursor=rubbish'), 400);
      assertProblem(await get(plant, '/materials?type=wood'), 400);
      assertProblem(await get(plant, '/materials/NOPE'), 404);
    }
  });

  test('a material and its tag', async () => {
    for (const [plant, id] of [['1010', 'SHEET-2MM'], ['1020', 'BAR-D20']]) {
      const answer = await get(plant, `/materials/${id}`);
      assert.equal(answer.json.id, id, answer.text);
      assert.equal(answer.json.isLotManaged, true);
      assert.equal((await get(plant, `/materials/${id}`, { 'if-none-match': answer.headers.etag })).status, 304);
    }
  });

  test('lots: what is left of them', async () => {
    const context = { locations: [3], with_childs: true, stock_date_end: date() };
    const [theirs] = await pair.erp.search('stock.lot', [['number', '=', 'LOT-0302']], ['quantity'], { context });
    const lot = await get('1010', '/materials/SHEET-2MM/lots/LOT-0302');
    assert.deepEqual(lot.json.quantity, pieces(theirs.quantity), lot.text);
    assert.equal((await pair.all('1010', API, '/material-lots', 20)).length, (await pair.erp.search('stock.lot', [], ['number'])).length);
    const { value } = await pair.odata("A_Batch?$filter=Plant eq '1020'");
    const cloud = await pair.all('1020', API, '/material-lots', 60);
    assert.deepEqual(cloud.map(({ id, material }) => `${material} ${id}`).sort(), value.map((row) => `${row.Material} ${row.Batch}`).sort());
    assert.ok((await get('1020', '/material-lots?status=blocked')).json.items.every(({ status }) => status === 'blocked'));
    for (const plant of PLANTS) assertProblem(await get(plant, '/materials/NOPE/lots/NOPE'), 404);
  });

  test('what lies where', async () => {
    const cloud = await pair.all('1020', API, '/inventory-levels', 40);
    const { value } = await pair.odata("A_MaterialStock?$filter=Plant eq '1020'");
    assert.deepEqual(cloud.map((row) => [row.material, row.lot, Number(row.onHand.value)]).sort(), value.map((row) => [row.Material, row.Batch, row.Quantity]).sort());
    const sheets = (await get('1010', '/inventory-levels?material=SHEET-2MM')).json.items.filter((row) => row.storageLocation === '101A');
    const places = await pair.erp.search('stock.location', [['code', '=', '101A']], ['code']);
    const context = { locations: [places[0].id], with_childs: false, stock_date_end: date() };
    const lots = await pair.erp.search('stock.lot', [['product.code', '=', 'SHEET-2MM'], ['quantity', '!=', 0]], ['number', 'quantity'], { context });
    assert.deepEqual(sheets.map((row) => [row.lot, Number(row.onHand.value)]).sort(), lots.map((row) => [row.number, row.quantity]).sort());
  });

  test('a reservation takes from what is available, and gives it back', async () => {
    const before = await level('1010', 'material=BOLT-M8&storageLocation=101B');
    const body = { material: 'BOLT-M8', storageLocation: '101B', quantity: pieces(7), reference: 'RES-7' };
    const key = randomUUID();
    const made = await post('1010', '/reservations', body, { key });
    assert.equal(made.status, 201, made.text);
    assert.equal((await post('1010', '/reservations', body, { key })).json.id, made.json.id);
    assert.match(made.headers.location, new RegExp(`reservations/${made.json.id}$`));
    const shipments = await pair.erp.search('stock.shipment.internal', [['reference', 'like', 'RES-7 ~%']], ['number', 'state']);
    assert.deepEqual(shipments.map(({ number, state }) => [number, state]), [[made.json.id, 'assigned']]);
    const after = await level('1010', 'material=BOLT-M8&storageLocation=101B');
    assert.equal(Number(after.available.value), Number(before.available.value) - 7);
    assert.deepEqual((await get('1010', '/reservations?reference=RES-7')).json.items.map(({ id }) => id), [made.json.id]);
    const { etag } = (await get('1010', `/reservations/${made.json.id}`)).headers;
    assertProblem(await post('1010', `/reservations/${made.json.id}/cancel`, {}, { etag: '"1"' }), 412);
    const cancelled = await post('1010', `/reservations/${made.json.id}/cancel`, {}, { etag });
    assert.equal(cancelled.json.status, 'cancelled', cancelled.text);
    const again = await post('1010', `/reservations/${made.json.id}/cancel`, {}, { etag: cancelled.headers.etag });
    assert.equal(assertProblem(again, 422).rule, 'reservation-open');
    assert.deepEqual((await level('1010', 'material=BOLT-M8&storageLocation=101B')).available, before.available);

    const cloud = await post('1020', '/reservations', { material: 'BAR-D20', lot: 'L260082', storageLocation: '102A', quantity: { value: '2.5', unit: 'MTR' } });
    assert.equal(cloud.status, 201, cloud.text);
    assert.equal((await pair.odata(`A_Reservation('${cloud.json.id}')`)).Quantity, 2.5);
    const free = await post('1020', `/reservations/${cloud.json.id}/cancel`, {}, { etag: cloud.headers.etag });
    assert.equal(free.json.status, 'cancelled', free.text);
  });

  test('rules hold before anything is sent', async () => {
    const cases = [
      ['1010', '/reservations', { material: 'BOLT-M8', storageLocation: '101B', quantity: pieces(9e6) }, 'stock-available'],
      ['1020', '/reservations', { material: 'BAR-D20', lot: 'L260082', storageLocation: '102A', quantity: pieces(1) }, 'unit-is-materials'],
      ['1010', '/goods-movements', { type: 'transfer', material: 'SHEET-2MM', from: '101A', to: '101B', quantity: pieces(1) }, 'lot-named'],
      ['1010', '/goods-movements', { type: 'transfer', material: 'BOLT-M8', from: '101B', to: '101B', quantity: pieces(1) }, 'places-differ'],
      ['1010', '/goods-movements', { type: 'scrap', material: 'BOLT-M8', from: '101B', quantity: pieces(9e6), reason: 'lost' }, 'stock-on-hand'],
      ['1020', '/goods-movements', { type: 'issue', material: 'BAR-D20', lot: 'L260082', from: '102A', quantity: { value: '1', unit: 'MTR' }, productionOrder: '2000040' }, 'order-takes-movements'],
    ];
    for (const [plant, rest, body, rule] of cases) {
      const problem = assertProblem(await post(plant, rest, body), 422);
      assert.equal(problem.rule, rule, JSON.stringify(problem));
    }
    const problem = assertProblem(await post('1010', '/goods-movements', { type: 'return', material: 'BOLT-M8', from: '101B', quantity: pieces(1), reason: 'bent' }), 422);
    assert.equal(problem.type, 'https://millgate.dev/errors/not-offered');
    assertProblem(await post('1010', '/goods-movements', { type: 'scrap', material: 'NOPE', from: '101B', quantity: pieces(1), reason: 'x' }), 422);
    assertProblem(await post('1020', '/goods-movements', { type: 'scrap', material: 'BAR-D20', quantity: pieces(1) }), 400);
  });

  test('a movement is posted once, is found there, and is taken back', async () => {
    const body = { type: 'transfer', material: 'NUT-M8', from: '101B', to: '101D', quantity: pieces(12), reference: 'MOVE-1' };
    const key = randomUUID();
    const made = await post('1010', '/goods-movements', body, { key });
    assert.equal(made.status, 201, made.text);
    assert.equal((await post('1010', '/goods-movements', body, { key })).json.id, made.json.id);
    const moves = await pair.erp.search('stock.move', [['product.code', '=', 'NUT-M8'], ['to_location.code', '=', '101D']], ['state', 'quantity']);
    assert.deepEqual(moves.map(({ id, state, quantity }) => [String(id), state, quantity]), [[made.json.id, 'done', 12]]);
    const reverse = (etag) => post('1010', `/goods-movements/${made.json.id}/reverse`, { reason: 'wrong place' }, { etag });
    assertProblem(await reverse('"1"'), 412);
    const back = await reverse(made.headers.etag);
    assert.equal(back.json.reverses, made.json.id, back.text);
    const after = await get('1010', `/goods-movements/${made.json.id}`);
    assert.equal(after.json.reversedBy, back.json.id, after.text);
    assert.equal(assertProblem(await reverse(after.headers.etag), 422).rule, 'movement-not-reversed');
    assert.deepEqual((await get('1010', '/goods-movements?reference=MOVE-1')).json.items.map(({ id }) => id), [made.json.id]);

    const scrap = await post('1020', '/goods-movements', { type: 'scrap', material: 'BAR-D25', lot: 'L260083', from: '102B', quantity: { value: '1.125', unit: 'MTR' }, reason: 'bent' });
    assert.equal(scrap.status, 201, scrap.text);
    assert.equal((await pair.odata(`A_MaterialDocument('${scrap.json.id}')`)).Quantity, 1.125);
    assert.deepEqual((await get('1020', `/goods-movements/${scrap.json.id}`)).json, scrap.json);
  });

  test('what a count has found is more or less than there was', async () => {
    const count = (type, more) => post('1010', '/goods-movements', { type, material: 'SHEET-3MM', lot: 'LOT-0402', quantity: pieces(3), ...more });
    const there = async () => Number((await level('1010', 'material=SHEET-3MM&storageLocation=101A&lot=LOT-0402')).onHand.value);
    const before = await there();
    const gain = await count('count-gain', { to: '101A' });
    assert.deepEqual([gain.status, gain.json?.type, gain.json?.to], [201, 'count-gain', '101A'], gain.text);
    assert.equal(await there(), before + 3);
    const loss = await count('count-loss', { from: '101A', quantity: pieces(5) });
    assert.deepEqual([loss.status, loss.json?.type, loss.json?.quantity], [201, 'count-loss', pieces(5)], loss.text);
    assert.equal(await there(), before - 2);
    const [move] = await pair.erp.read('stock.move', Number(loss.json.id), ['origin', 'state', 'quantity', 'lot.number']);
    assert.match(move.origin, /^stock\.inventory\.line,/);
    assert.deepEqual([move.state, move.quantity, move['lot.'].number], ['done', 5, 'LOT-0402']);
    assert.deepEqual((await get('1010', `/goods-movements/${loss.json.id}`)).json, loss.json);
    assert.match(assertProblem(await count('count-gain', { to: '101A', lot: 'NONE' }), 422).type, /not-found$/);
  });

  test('the gateway is killed while a write is on its way: one effect', async () => {
    const reserve = { material: 'WASHER-M8', storageLocation: '101B', quantity: pieces(3), reference: 'KILLED' };
    const key = randomUUID();
    const send = (headers) => post('1010', '/reservations', reserve, { key, headers });
    await pair.killDuring('1010', /stock\.shipment\.internal\.create/, send);
    const made = await pair.again(send);
    assert.equal(made.status, 201, made.text);
    const shipments = await pair.erp.search('stock.shipment.internal', [['reference', 'like', 'KILLED ~%']], ['number']);
    assert.equal(shipments.length, 1, made.text);

    const move = { type: 'scrap', material: 'BAR-D32', lot: 'L260084', from: '102B', quantity: { value: '1', unit: 'MTR' }, reason: 'bent', reference: 'KILLED' };
    const other = randomUUID();
    const sendMove = (headers) => post('1020', '/goods-movements', move, { key: other, headers });
    await pair.killDuring('1020', /GoodsMovementType/, sendMove);
    const posted = await pair.again(sendMove);
    assert.equal(posted.status, 201, posted.text);
    assert.equal((await pair.odata("A_MaterialDocument?$filter=ReferenceNumber eq 'KILLED'")).value.length, 1, posted.text);
  });
});
