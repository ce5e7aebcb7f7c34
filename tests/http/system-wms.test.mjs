// The API wms before the real Tryton: what is read is what it says, what is written is found there.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { date } from '../rigs/tryton/rpc.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';
import { skipUnlessInstalled, startPlants } from './support/plants.mjs';

skipUnlessInstalled();

describe('wms', () => {
  const suite = suiteScope();
  let plants;
  before(async () => {
    plants = await startPlants(suite, { apis: ['system-wms'] });
  });

  const at = (rest) => `/system/wms/v1/plants/1010${rest}`;
  const get = (rest, headers) => plants.get(at(rest), headers);
  const pieces = (value) => ({ value, unit: 'H87' });
  const bolts = (value) => ({ from: '101B', to: '101D', lines: [{ material: 'BOLT-M6', quantity: pieces(value) }] });
  const create = (body, how) => plants.post(at('/transfers'), body, how);
  const move = async (id, action, how = {}) =>
    plants.post(at(`/transfers/${id}/${action}`), {}, { etag: (await get(`/transfers/${id}`)).headers.etag, ...how });
  const theirs = async (number) => (await plants.erp.search('stock.shipment.internal', [['number', '=', number]],
    ['state', 'from_location.code', 'to_location.code', 'moves.quantity', 'moves.state', 'moves.product.code']))[0];

  test('storage locations', async () => {
    const rows = await plants.erp.search('stock.location', [['type', '=', 'storage'], ['code', '!=', null]], ['code', 'name']);
    const ours = await plants.all(at('/storage-locations'), 2);
    assert.deepEqual(ours.map(({ id, description }) => [id, description]),
      rows.map(({ code, name }) => [code, name]).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const one = await get('/storage-locations/101B');
    assert.deepEqual(one.json, ours.find(({ id }) => id === '101B'));
    assert.equal((await get('/storage-locations/101B', { 'if-none-match': one.headers.etag })).status, 304);
    assertProblem(await get('/storage-locations/NOWHERE'), 404);
  });

  test('what lies where, of one plant and of both', async () => {
    const [place] = await plants.erp.search('stock.location', [['code', '=', '101B']], ['code']);
    const rows = await plants.erp.search('product.product', [['code', '!=', null], ['template.lot_required', '=', null], ['quantity', '!=', 0]], ['code', 'quantity'],
      { context: { locations: [place.id], with_childs: false, stock_date_end: date() } });
    const ours = (await plants.all(at('/stock?storageLocation=101B'), 20)).filter(({ lot }) => lot === undefined);
    assert.deepEqual(ours.map((row) => [row.material, Number(row.onHand.value)]).toSorted(), rows.map((row) => [row.code, row.quantity]).toSorted());
    const cloud = (await plants.odata("A_MaterialStock?$filter=Plant eq '1020' and StorageLocation eq '102A'")).value;
    const theirs = await plants.all('/system/wms/v1/plants/1020/stock?storageLocation=102A', 20);
    assert.deepEqual(theirs.map((row) => [row.material, Number(row.onHand.value)]).toSorted(), cloud.map((row) => [row.Material, row.Quantity]).toSorted());
    const both = await plants.all('/system/wms/v1/plants/-/storage-locations', 5);
    assert.deepEqual([...new Set(both.map(({ plant }) => plant))].toSorted(), ['1010', '1020']);
    assertProblem(await get('/stock?cursor=rubbish'), 400);
  });

  test('a transfer: created, assigned, completed, each once, and Tryton has it', async () => {
    const key = randomUUID();
    const first = await create(bolts('40'), { key });
    assert.equal(first.status, 201, first.text);
    const { id } = first.json;
    assert.equal(first.json.status, 'planned');
    assert.equal((await create(bolts('40'), { key })).json.id, id);
    assertProblem(await create(bolts('41'), { key }), 422);
    const row = await theirs(id);
    assert.deepEqual([row['from_location.'].code, row['to_location.'].code, row['moves.'].map((one) => [one['product.'].code, one.quantity])],
      ['101B', '101D', [['BOLT-M6', 40]]]);

    assertProblem(await move(id, 'assign', { etag: '"stale"' }), 412);
    const assigned = await move(id, 'assign');
    assert.equal(assigned.status, 200, assigned.text);
    assert.equal((await theirs(id)).state, 'assigned');
    const completed = await move(id, 'complete');
    assert.equal(completed.status, 200, completed.text);
    assert.equal(completed.json.status, 'completed');
    assert.deepEqual((await theirs(id))['moves.'].map(({ state }) => state), ['done']);
    assertProblem(await move(id, 'cancel'), 422);

    const other = (await create(bolts('3'))).json.id;
    const cancelled = await move(other, 'cancel');
    assert.equal(cancelled.status, 200, cancelled.text);
    assert.equal((await theirs(other)).state, 'cancelled');
    const ids = (await plants.all(at('/transfers?sort=-id'), 1)).map((one) => one.id);
    assert.ok(ids.includes(id) && ids.includes(other));
    assert.deepEqual((await plants.all(at('/transfers?status=cancelled'))).map((one) => one.id), [other]);
  });

  test('what cannot be is refused before anything is sent', async () => {
    const count = async () => (await plants.erp.search('stock.shipment.internal', [], ['number'])).length;
    const before = await count();
    assertProblem(await create({ ...bolts('5'), to: '101B' }), 422);
    assertProblem(await create({ ...bolts('5'), lines: [{ material: 'NOTHING', quantity: pieces('1') }] }), 422);
    assertProblem(await create({ ...bolts('5'), lines: [] }), 400);
    assertProblem(await plants.gw.post(at('/transfers'), bolts('5'), { headers: plants.bearer }), 400); // no key
    assert.equal(await count(), before);
  });

  test('a count: what was counted is what Tryton has', async () => {
    const key = randomUUID();
    const body = { storageLocation: '101D', material: 'BOLT-M6', counted: pieces('38') };
    const first = await plants.post(at('/counts'), body, { key });
    assert.equal(first.status, 201, first.text);
    const inventories = await plants.erp.search('stock.inventory', [], ['state']);
    assert.equal((await plants.post(at('/counts'), body, { key })).json.id, first.json.id);
    assert.equal((await plants.erp.search('stock.inventory', [], ['state'])).length, inventories.length);
    const read = await get(`/counts/${first.json.id}`);
    assert.equal(read.status, 200, read.text);
    assert.deepEqual([read.json.counted, read.json.storageLocation], [pieces('38'), '101D']);
    assert.ok((await plants.all(at('/counts'), 5)).some(({ id }) => id === first.json.id));
  });
});
