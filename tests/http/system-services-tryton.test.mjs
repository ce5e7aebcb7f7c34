// Quality, logistics and maintenance of plant 1010: records in the OData server's services, which are for all plants;
// materials, lots and machines in a real Tryton, where a lot is blocked by lying in quarantine.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { date } from '../rigs/tryton/rpc.mjs';
import { skipUnlessInstalled, startPair } from './support/erp_pair.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

const API = 'erp-quality';
const pieces = (value) => ({ value: String(value), unit: 'H87' });

describe('services for all plants, at plant 1010', () => {
  let pair, codes;
  const suite = suiteScope();
  before(async () => {
    pair = await startPair(suite, { apis: [API, 'erp-inventory', 'erp-assets', 'logistics', 'maintenance'] });
    const places = await pair.erp.search('stock.location', [['type', '=', 'storage'], ['code', '!=', null]], ['code']);
    codes = Object.fromEntries(places.map(({ id, code }) => [id, code]));
  });

  const post = (rest, body, more) => pair.write('1010', API, rest, body, more);
  const lotOf = (material, lot) => pair.get('1010', 'erp-inventory', `/materials/${material}/lots/${lot}`);
  const move = async (material, lot, action, more) =>
    post(`/materials/${material}/lots/${lot}/${action}`, { reason: 'Porosity' }, { etag: (await lotOf(material, lot)).headers.etag, ...more });
  const rule = (answer) => assertProblem(answer, 422).rule;

  /** Where it lies, as Tryton itself says: {place: quantity}. */
  async function whereIs(number) {
    const [lot] = await pair.erp.search('stock.lot', [['number', '=', number]], ['product']);
    const context = { product: lot.product, lot: lot.id, with_childs: false, stock_date_end: date() };
    const rows = await pair.erp.search('stock.location', [['type', '=', 'storage'], ['quantity', '!=', 0]], ['quantity'], { context });
    return Object.fromEntries(rows.map(({ id, quantity }) => [codes[id], quantity]));
  }

  test('what lies in quarantine is blocked, and is released when nothing is open against it', async () => {
    const lot = await lotOf('CAST-HOUSING-12', 'LOT-2201');
    assert.deepEqual([lot.json.status, lot.json.quantity], ['blocked', pieces(26)], lot.text);
    const { items } = (await pair.get('1010', 'erp-inventory', '/material-lots?status=blocked')).json;
    assert.deepEqual(items.map(({ id }) => id), ['LOT-2201']);
    assert.equal(rule(await move('CAST-HOUSING-12', 'LOT-2201', 'block')), 'lot-can-be-blocked');

    const opened = await post('/nonconformances', {
      severity: 'major', defect: { code: 'D101', description: 'Porosity in casting' }, material: 'CAST-HOUSING-12', lot: 'LOT-2201', quantity: pieces(4),
    });
    assert.equal(opened.status, 201, opened.text);
    const there = await pair.odata(`A_Nonconformance('${opened.json.id}')`, { service: 'quality' });
    assert.deepEqual([there.Plant, there.Material, there.Batch, there.DefectiveQuantity], ['1010', 'CAST-HOUSING-12', 'LOT-2201', 4]);
    assert.equal(rule(await move('CAST-HOUSING-12', 'LOT-2201', 'release')), 'lot-without-open-nonconformance');
    assert.deepEqual(await whereIs('LOT-2201'), { QUAR: 26 });
    const rest = `/nonconformances/${opened.json.id}`;
    const { etag } = (await pair.get('1010', API, rest)).headers;
    assert.equal((await post(`${rest}/close`, { disposition: 'use-as-is' }, { etag })).json.status, 'closed');

    const released = await move('CAST-HOUSING-12', 'LOT-2201', 'release');
    assert.deepEqual([released.status, released.json?.status], [200, 'released'], released.text);
    assert.deepEqual(await whereIs('LOT-2201'), { STO: 26 }); // nobody brought it there: it lay there from the beginning
    assert.deepEqual((await lotOf('CAST-HOUSING-12', 'LOT-2201')).json, released.json);
    assert.equal((await lotOf('CAST-HOUSING-12', 'LOT-2201')).headers.etag, released.headers.etag);
    assert.equal(rule(await move('CAST-HOUSING-12', 'LOT-2201', 'release')), 'lot-is-blocked');
  });

  test('a lot of several places goes into quarantine as a whole, and back to where it was', async () => {
    const transfer = { type: 'transfer', material: 'SHEET-5MM', lot: 'LOT-0601', from: '101A', to: '101C', quantity: pieces(7) };
    const moved = await pair.write('1010', 'erp-inventory', '/goods-movements', transfer);
    assert.equal(moved.status, 201, moved.text);
    const before = await whereIs('LOT-0601');
    assert.deepEqual(before, { '101A': 73, '101C': 7 });
    const { headers } = await lotOf('SHEET-5MM', 'LOT-0601');
    assertProblem(await post('/materials/SHEET-5MM/lots/LOT-0601/block', {}, { etag: '"1-80-r"' }), 412);
    assertProblem(await post('/materials/SHEET-5MM/lots/LOT-0601/block', {}), 428);
    assertProblem(await post('/materials/SHEET-5MM/lots/NONE/block', {}, { etag: '"1"' }), 404);
    assert.deepEqual(await whereIs('LOT-0601'), before);

    const key = randomUUID();
    const blocked = await move('SHEET-5MM', 'LOT-0601', 'block', { key });
    assert.deepEqual([blocked.status, blocked.json?.status, blocked.json?.quantity], [200, 'blocked', pieces(80)], blocked.text);
    assert.deepEqual(await whereIs('LOT-0601'), { QUAR: 80 });
    const again = await post('/materials/SHEET-5MM/lots/LOT-0601/block', { reason: 'Porosity' }, { etag: headers.etag, key });
    assert.deepEqual([again.headers['idempotency-replayed'], again.json], ['true', blocked.json]);
    const reserve = await pair.write('1010', 'erp-inventory', '/reservations', { material: 'SHEET-5MM', lot: 'LOT-0601', storageLocation: 'QUAR', quantity: pieces(1) });
    assert.equal(rule(reserve), 'lots-released');

    const released = await move('SHEET-5MM', 'LOT-0601', 'release');
    assert.equal(released.json?.status, 'released', released.text);
    assert.deepEqual(await whereIs('LOT-0601'), before);
  });

  test('of what the plant has not, nothing is opened', async () => {
    const open = (more) => post('/nonconformances', { severity: 'minor', defect: { code: 'D1' }, material: 'SHEET-2MM', ...more });
    const count = async () => (await pair.odata("A_Nonconformance?$filter=Plant eq '1010'", { service: 'quality' })).value.length;
    const before = await count();
    assert.equal(rule(await open({ lot: 'LOT-0302', quantity: pieces(100_000) })), 'concerned-within-lot');
    for (const more of [{ lot: 'NONE' }, { material: 'NONE' }]) assert.match(assertProblem(await open(more), 422).type, /not-found$/);
    assert.equal(await count(), before);
    assert.equal((await open({})).status, 201);
    assert.deepEqual((await pair.get('1010', API, '/nonconformances?material=SHEET-2MM')).json.items.length, 1);
  });

  test('a shipment is of what the plant has, and leaves with released lots only', async () => {
    const logistics = (rest, body, more) => pair.write('1010', 'logistics', rest, body, more);
    const ship = (lines) => logistics('/shipments', {
      customer: 'C-100', shipTo: { name: 'Gate 4', city: 'Graz', country: 'AT' }, plannedDeparture: '2026-11-25T14:00:00+01:00', lines });
    const made = await ship([{ material: 'PUMP-7', quantity: pieces(2) }, { material: 'MOTOR-0K37', lot: 'LOT-1301', quantity: pieces(1) }]);
    assert.equal(made.status, 201, made.text);
    const there = await pair.odata(`A_Shipment('${made.json.id}')?$expand=to_ShipmentItem`, { service: 'logistics' });
    assert.deepEqual([there.Plant, there.to_ShipmentItem.map(({ Material, Batch }) => [Material, Batch])], ['1010', [['PUMP-7', null], ['MOTOR-0K37', 'LOT-1301']]]);
    for (const line of [{ material: 'PUMP-NW25' }, { material: 'MOTOR-0K37', lot: 'L260001' }])
      assert.match(assertProblem(await ship([{ quantity: pieces(1), ...line }]), 422).type, /not-found$/);

    const rest = `/shipments/${made.json.id}`;
    const dispatch = async () => logistics(`${rest}/dispatch`, { carrier: 'Roth' }, { etag: (await pair.get('1010', 'logistics', rest)).headers.etag });
    assert.equal((await move('MOTOR-0K37', 'LOT-1301', 'block')).status, 200);
    assert.equal(rule(await ship([{ material: 'MOTOR-0K37', lot: 'LOT-1301', quantity: pieces(1) }])), 'lots-released');
    assert.equal(rule(await dispatch()), 'lots-released');
    assert.equal((await move('MOTOR-0K37', 'LOT-1301', 'release')).status, 200);
    const gone = await dispatch();
    assert.deepEqual([gone.status, gone.json?.status], [200, 'dispatched'], gone.text);
    const blind = pair.token({ scope: 'logistics:write' });
    assertProblem(await pair.write('1010', 'logistics', '/shipments', {}, { headers: blind }), 403);
  });

  test('maintenance is for machines that the plant has, as the plant says they are', async () => {
    const maintenance = (rest, body) => pair.write('1010', 'maintenance', rest, body);
    const order = (more) => maintenance('/maintenance-orders', { type: 'corrective', description: 'Change the clutch', priority: 'high', ...more });
    const told = await maintenance('/maintenance-notifications', { type: 'malfunction', description: 'Clutch slips', priority: 'high', equipment: 'PRESS-4' });
    assert.deepEqual([told.status, told.json?.equipment, told.json?.physicalAsset], [201, 'PRESS-4', '1'], told.text);
    const made = await order({ notification: told.json.id });
    assert.deepEqual([made.status, made.json?.equipment], [201, 'PRESS-4'], made.text);
    assert.equal((await pair.odata(`A_MaintenanceOrder('${made.json.id}')`, { service: 'maintenance' })).MaintenancePlant, '1010');
    for (const more of [{ equipment: 'TURN-1' }, { physicalAsset: 'LATHE-2' }, { physicalAsset: '99' }])
      assert.match(assertProblem(await order(more), 422).type, /not-found$/);
    assert.equal((await order({ physicalAsset: '3' })).status, 201);
    await pair.erp.write('account.asset', 3, { state: 'closed' }); // its button posts the sale, which is not the point here
    assert.equal(rule(await order({ physicalAsset: '3' })), 'object-in-service');
    assertProblem(await pair.write('1010', 'maintenance', '/maintenance-orders', {}, { headers: pair.token({ scope: 'maintenance:write' }) }), 403);
  });

  test('the gateway dies while a lot is on its way: with the same key one shipment', async () => {
    const { etag } = (await lotOf('MOTOR-2K2', 'LOT-1801')).headers;
    const key = randomUUID();
    const send = (headers) => post('/materials/MOTOR-2K2/lots/LOT-1801/block', {}, { key, etag, headers });
    const before = (await pair.erp.search('stock.shipment.internal', [], ['number'])).length;
    await pair.killDuring('1010', /stock\.shipment\.internal\.create/, send);
    const answer = await pair.again(send);
    assert.deepEqual([answer.status, answer.json?.status], [200, 'blocked'], answer.text);
    assert.deepEqual(await whereIs('LOT-1801'), { QUAR: 8 });
    assert.equal((await pair.erp.search('stock.shipment.internal', [], ['number'])).length, before + 1);
  });

  test('the gateway dies when a lot is back: with the same key its caller is told so, and one shipment', async () => {
    assert.equal((await move('MOTOR-2K2', 'LOT-1802', 'block')).status, 200);
    const { etag } = (await lotOf('MOTOR-2K2', 'LOT-1802')).headers;
    const key = randomUUID();
    const send = (headers) => post('/materials/MOTOR-2K2/lots/LOT-1802/release', {}, { key, etag, headers });
    const before = (await pair.erp.search('stock.shipment.internal', [], ['number'])).length;
    await pair.killDuring('1010', /stock\.shipment\.internal\.done/, send);
    assertProblem(await post('/materials/MOTOR-2K2/lots/LOT-1802/release', {}, { etag }), 412);
    const answer = await pair.again(send);
    assert.deepEqual([answer.status, answer.json?.status], [200, 'released'], answer.text);
    assert.equal((await pair.erp.search('stock.shipment.internal', [], ['number'])).length, before + 1);
  });

  test('a lot was released, and the answer was lost: whoever asks again is told', async () => {
    const { etag } = (await lotOf('MOTOR-2K2', 'LOT-1801')).headers;
    const key = randomUUID();
    const send = () => post('/materials/MOTOR-2K2/lots/LOT-1801/release', {}, { key, etag });
    pair.faults['1010'].fault = { kind: 'cut-after', times: 2, match: /stock\.shipment\.internal\.done/ };
    const lost = await send();
    pair.faults['1010'].fault = null;
    const told = lost.status === 200 ? lost : await pair.again(send);
    assert.deepEqual([told.status, told.json?.status], [200, 'released'], told.text);
    assert.deepEqual(await whereIs('LOT-1801'), { '101B': 8 });
  });
});
