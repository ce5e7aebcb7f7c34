// erp-inventory and wms where the OData server keeps the record: movements of all types, reservations, transfers and counts.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import { skipUnlessInstalled, startCloud } from './support/cloud.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

const PLANT = '1020';
const STOCK = 'erp-inventory';
const pieces = (value) => ({ value: String(value), unit: 'H87' });
const STALE = { etag: '"of yesterday"' };
const SCREW = { material: 'SCREW-M8X25', lot: 'L260064' };
const NUT = { material: 'SCREW-M8X40', lot: 'L260065' };

describe('stock at the OData server', () => {
  const suite = suiteScope();
  let cloud;
  before(async () => {
    cloud = await startCloud(suite, { apis: [STOCK, 'wms'] });
  });

  const get = (api, rest, headers) => cloud.get(api, PLANT, rest, headers);
  const post = (api, rest, body, how) => cloud.post(api, PLANT, rest, body, how);
  const change = async (api, thing, action, body = {}, how = {}) =>
    post(api, `${thing}/${action}`, body, { etag: (await get(api, thing)).headers.etag, ...how });
  const row = async ({ material, lot }, place) =>
    (await cloud.read('erp', `A_MaterialStock?$filter=Plant eq '1020' and Material eq '${material}' and StorageLocation eq '${place}' and Batch eq '${lot}'`))[0];
  const amount = async (thing, place) => (await row(thing, place))?.Quantity;
  const document = (id) => cloud.read('erp', `A_MaterialDocument('${id}')`);
  const placeOf = async ({ material, lot }) => (await cloud.read('erp', `A_MaterialStock?$filter=Material eq '${material}' and Batch eq '${lot}'`))[0].StorageLocation;

  test('movements of all types are posted once, found there, and taken back', async () => {
    const home = await placeOf(SCREW);
    const [order] = await cloud.read('erp', "A_PurchaseOrderItem?$top=1&$filter=Plant eq '1020'");
    const cases = [
      [{ type: 'transfer', from: home, to: '102L' }, '311', { [home]: -5, '102L': 5 }, 'transfer'],
      [{ type: 'issue', from: home, costCenter: '200101' }, '201', { [home]: -5 }, 'receipt'],
      [{ type: 'issue', from: home, productionOrder: '2000005' }, '261', { [home]: -5 }, 'receipt'],
      [{ type: 'scrap', from: home, costCenter: '200101', reason: 'Bent' }, '551', { [home]: -5 }, 'receipt'],
      [{ type: 'return', from: home, purchaseOrder: order.PurchaseOrder, reason: 'Wrong thread' }, '122', { [home]: -5 }, 'receipt'],
      [{ type: 'count-gain', to: home }, '701', { [home]: 5 }, 'count-loss'],
      [{ type: 'count-loss', from: home, postedOn: '2026-11-20' }, '702', { [home]: -5 }, 'count-gain'],
      [{ type: 'receipt', to: home, productionOrder: '2000005' }, '131', { [home]: 5 }, 'issue'],
      [{ type: 'receipt', to: home }, '501', { [home]: 5 }, 'issue'],
      [{ type: 'receipt', to: home, purchaseOrder: order.PurchaseOrder, purchaseOrderLine: String(Number(order.PurchaseOrderItem)) }, '101', { [home]: 5 }, 'return'],
    ];
    for (const [about, code, moved, back] of cases) {
      const body = { ...SCREW, quantity: pieces(5), reference: `ALL-${code}`, ...about };
      const before = Object.fromEntries(await Promise.all(Object.keys(moved).map(async (place) => [place, (await amount(SCREW, place)) ?? 0])));
      const after = Object.fromEntries(Object.entries(moved).map(([place, by]) => [place, before[place] + by]));
      const now = async () => Object.fromEntries(await Promise.all(Object.keys(moved).map(async (place) => [place, await amount(SCREW, place)])));
      const key = randomUUID();
      const made = await post(STOCK, '/goods-movements', body, { key });
      assert.equal(made.status, 201, `${code}: ${made.text}`);
      assert.equal((await post(STOCK, '/goods-movements', body, { key })).json.id, made.json.id);
      const { id, plant, quantity, status, postedOn, record, ...told } = made.json;
      const { quantity: asked, postedOn: day = new Date().toISOString().slice(0, 10), ...said } = body;
      assert.deepEqual([told, status, postedOn, Number(quantity.value)], [said, 'posted', day, Number(asked.value)], code);
      assert.equal((await document(id)).GoodsMovementType, code);
      assert.deepEqual(await now(), after, code);
      assert.deepEqual((await get(STOCK, `/goods-movements/${id}`)).json, made.json);
      assert.deepEqual((await get(STOCK, `/goods-movements?reference=ALL-${code}&type=${about.type}`)).json.items, [made.json]);

      const reversal = { reason: 'Wrong lot', reference: `BACK-${code}` };
      const again = randomUUID();
      assertProblem(await change(STOCK, `/goods-movements/${id}`, 'reverse', reversal, STALE), 412);
      const { etag } = (await get(STOCK, `/goods-movements/${id}`)).headers;
      const reversed = await post(STOCK, `/goods-movements/${id}/reverse`, reversal, { key: again, etag });
      assert.equal(reversed.status, 200, `${code}: ${reversed.text}`);
      assert.deepEqual([reversed.json.reverses, reversed.json.type, reversed.json.reason], [id, back, 'Wrong lot'], code);
      assert.equal((await post(STOCK, `/goods-movements/${id}/reverse`, reversal, { key: again, etag })).json.id, reversed.json.id);
      assert.deepEqual(await now(), { ...before }, code);
      const gone = await get(STOCK, `/goods-movements/${id}`);
      assert.deepEqual([gone.json.status, gone.json.reversedBy], ['reversed', reversed.json.id]);
      assert.equal(cloud.rule(await change(STOCK, `/goods-movements/${id}`, 'reverse', reversal)), 'movement-not-reversed');
      assert.equal(cloud.rule(await change(STOCK, `/goods-movements/${reversed.json.id}`, 'reverse', reversal)), 'movement-is-no-reversal');
    }
    assertProblem(await post(STOCK, '/goods-movements/99/reverse', { reason: 'x' }, STALE), 404);
    const all = await cloud.all(STOCK, PLANT, '/goods-movements?sort=-postedOn', 7);
    assert.equal(all.length, await cloud.count('erp', "A_MaterialDocument?$filter=Plant eq '1020'"));
  });

  test('a receipt makes its lot and its row of stock', async () => {
    const fresh = { material: 'SCREW-M8X25', lot: 'FRESH-1' };
    const made = await post(STOCK, '/goods-movements', { type: 'receipt', ...fresh, to: '102Q', quantity: pieces(250) });
    assert.equal(made.status, 201, made.text);
    assert.equal(await amount(fresh, '102Q'), 250);
    const lot = await get(STOCK, `/materials/${fresh.material}/lots/${fresh.lot}`);
    assert.deepEqual([lot.json.status, Number(lot.json.quantity.value)], ['released', 250], lot.text);
  });

  test('what the server would lose or refuse is posted nowhere', async () => {
    const before = await cloud.count('erp', 'A_MaterialDocument');
    const home = await placeOf(SCREW);
    const issue = { type: 'issue', ...SCREW, from: home, quantity: pieces(1) };
    const receipt = { type: 'receipt', ...SCREW, to: home, quantity: pieces(1) };
    for (const body of [issue, { ...issue, productionOrder: '2000005', costCenter: '200101' }, { ...receipt, costCenter: '200101' }, { ...receipt, lot: 'LONGER-THAN-TEN' }])
      assert.match(assertProblem(await post(STOCK, '/goods-movements', body), 422).type, /not-offered$/, JSON.stringify(body));
    assert.equal(cloud.rule(await post(STOCK, '/goods-movements', { ...receipt, lot: undefined })), 'lot-named');
    for (const more of [{ to: 'NONE' }, { purchaseOrder: '4600000001', purchaseOrderLine: '999' }, { postedOn: '2999-01-01' }])
      assert.match(assertProblem(await post(STOCK, '/goods-movements', { ...receipt, ...more }), 422).type, /refused$/, JSON.stringify(more));
    assert.equal(await cloud.count('erp', 'A_MaterialDocument'), before);
  });

  test('a reservation says for what and when, and is given free once', async () => {
    const home = await placeOf(NUT);
    const reserved = async () => (await row(NUT, home)).ReservedQuantity;
    const before = await reserved();
    const body = { ...NUT, storageLocation: home, quantity: pieces(12), requiredOn: '2026-12-01', costCenter: '200102', reference: 'RES-1' };
    const made = await post(STOCK, '/reservations', body);
    assert.equal(made.status, 201, made.text);
    const { id, plant, quantity, status, changedAt, record, ...told } = made.json;
    const { quantity: asked, ...said } = body;
    assert.deepEqual(told, said);
    assert.equal(await reserved(), before + 12);
    for (const query of ['reference=RES-1', 'costCenter=200102', 'status=open&material=SCREW-M8X40'])
      assert.deepEqual((await get(STOCK, `/reservations?${query}`)).json.items, [made.json], query);
    const later = await post(STOCK, '/reservations', { ...body, requiredOn: '2026-11-30', reference: 'RES-2' });
    assert.deepEqual((await cloud.all(STOCK, PLANT, '/reservations?sort=requiredOn&costCenter=200102', 1)).map((one) => one.id), [later.json.id, id]);

    assertProblem(await change(STOCK, `/reservations/${id}`, 'cancel', {}, STALE), 412);
    const key = randomUUID();
    const cancel = () => post(STOCK, `/reservations/${id}/cancel`, {}, { key, etag: made.headers.etag });
    const free = await cancel();
    assert.equal(free.json.status, 'cancelled', free.text);
    assert.deepEqual((await cancel()).json, free.json);
    assert.equal(await reserved(), before + 12);
    assert.equal(cloud.rule(await change(STOCK, `/reservations/${id}`, 'cancel')), 'reservation-open');
    assert.deepEqual((await get(STOCK, '/reservations?status=cancelled')).json.items.map((one) => one.id), [id]);
    assertProblem(await post(STOCK, '/reservations/99/cancel', {}, STALE), 404);
  });

  test('storage locations and what lies in them', async () => {
    const rows = await cloud.read('erp', "A_StorageLocation?$filter=Plant eq '1020'&$orderby=StorageLocation");
    const ours = await cloud.all('wms', PLANT, '/storage-locations', 2);
    assert.deepEqual(ours.map(({ id, description, parent }) => [id, description, parent]), rows.map((one) => [one.StorageLocation, one.StorageLocationName, one.ParentStorageLocation ?? undefined]));
    assert.deepEqual((await get('wms', '/storage-locations?level=storage-unit&parent=102A&sort=-id')).json.items.map(({ id }) => id), ['A-02', 'A-01']);
    const one = await get('wms', '/storage-locations/102A');
    assert.deepEqual(one.json, ours.find(({ id }) => id === '102A'));
    assert.equal((await get('wms', '/storage-locations/102A', { 'if-none-match': one.headers.etag })).status, 304);
    assertProblem(await get('wms', '/storage-locations/NOWHERE'), 404);
    const stock = await cloud.all('wms', PLANT, '/stock?storageLocation=102B&sort=-material', 20);
    const theirs = await cloud.read('erp', "A_MaterialStock?$filter=Plant eq '1020' and StorageLocation eq '102B'&$orderby=Material desc,Batch desc");
    assert.deepEqual(stock.map((each) => [each.material, each.lot, Number(each.onHand.value)]), theirs.map((each) => [each.Material, each.Batch, each.Quantity]));
    for (const list of ['/storage-locations', '/stock', '/transfers', '/counts']) assertProblem(await get('wms', `${list}?cursor=rubbish`), 400);
  });

  test('a transfer is planned, assigned and completed, each once', async () => {
    const home = await placeOf(NUT);
    const level = async () => [await row(NUT, home), await row(NUT, '102L')].map((one) => [one?.Quantity ?? 0, one?.ReservedQuantity ?? 0]);
    const [[there, aside]] = await level();
    const body = { from: home, to: '102L', plannedOn: '2026-11-24', reference: 'KANBAN-9', lines: [{ ...NUT, quantity: pieces(30) }] };
    const key = randomUUID();
    const made = await post('wms', '/transfers', body, { key });
    assert.equal(made.status, 201, made.text);
    assert.equal((await post('wms', '/transfers', body, { key })).json.id, made.json.id);
    const { id } = made.json;
    assert.equal(made.headers.location, `transfers/${id}`);
    assert.deepEqual([made.json.status, made.json.from, made.json.to, made.json.lines.map((line) => line.material)], ['planned', home, '102L', [NUT.material]]);
    assert.deepEqual((await get('wms', '/transfers?reference=KANBAN-9&material=SCREW-M8X40&status=planned')).json.items, [made.json]);

    const thing = `/transfers/${id}`;
    assertProblem(await change('wms', thing, 'assign', {}, STALE), 412);
    assert.equal(cloud.rule(await change('wms', thing, 'complete')), 'transfer-assigned');
    assert.equal((await change('wms', thing, 'assign')).json.status, 'assigned');
    assert.deepEqual(await level(), [[there, aside + 30], [0, 0]]);
    assert.equal(cloud.rule(await change('wms', thing, 'assign')), 'transfer-planned');
    const done = await change('wms', thing, 'complete');
    assert.deepEqual([done.json.status, done.json.completedOn], ['completed', new Date().toISOString().slice(0, 10)], done.text);
    assert.deepEqual(await level(), [[there - 30, aside], [30, 0]]);
    assert.equal(cloud.rule(await change('wms', thing, 'cancel')), 'transfer-cancellable');

    const other = (await post('wms', '/transfers', body)).json.id;
    assert.equal((await change('wms', `/transfers/${other}`, 'assign')).json.status, 'assigned');
    assert.equal((await change('wms', `/transfers/${other}`, 'cancel')).json.status, 'cancelled');
    assert.deepEqual(await level(), [[there - 30, aside], [30, 0]]);
    for (const sort of ['id', '-plannedOn']) {
      const rows = await cloud.all('wms', PLANT, `/transfers?sort=${sort}`, 2);
      assert.equal(rows.length, await cloud.count('erp', 'A_TransferOrder'));
      const keys = rows.map((each) => each[sort.replace('-', '')]);
      assert.deepEqual(keys, sort === 'id' ? keys.toSorted() : keys.toSorted().toReversed());
    }
    for (const action of ['assign', 'complete', 'cancel']) assertProblem(await post('wms', `/transfers/99/${action}`, {}, STALE), 404);
  });

  test('a transfer that cannot be is planned nowhere', async () => {
    const before = await cloud.count('erp', 'A_TransferOrder');
    const home = await placeOf(NUT);
    const wanted = (line, more) => post('wms', '/transfers', { from: home, to: '102L', lines: [{ ...NUT, quantity: pieces(1), ...line }], ...more });
    const [blocked] = await cloud.read('erp', "A_Batch?$filter=Plant eq '1020' and BatchStatus eq 'BLKD' and Material eq 'SEAL-20'");
    assert.equal(cloud.rule(await wanted({}, { to: home })), 'places-differ');
    assert.equal(cloud.rule(await wanted({ quantity: pieces(1e6) })), 'transfer-on-hand');
    assert.equal(cloud.rule(await wanted({ material: blocked.Material, lot: blocked.Batch })), 'lots-not-blocked');
    for (const answer of [await wanted({ lot: undefined }), await wanted({ quantity: { value: '1', unit: 'KGM' } })])
      assert.match(assertProblem(answer, 422).type, /not-offered$/);
    for (const answer of [await wanted({ material: 'NONE' }), await wanted({ lot: 'NONE' }), await wanted({}, { to: 'NONE' })])
      assert.match(assertProblem(answer, 422).type, /not-found$/);
    assert.equal(await cloud.count('erp', 'A_TransferOrder'), before);
  });

  test('a count posts the difference, once', async () => {
    const home = await placeOf(SCREW);
    const book = await amount(SCREW, home);
    const body = { ...SCREW, storageLocation: home, counted: pieces(book - 2), countedBy: 'm.kern', reference: 'COUNT-1' };
    const key = randomUUID();
    const made = await post('wms', '/counts', body, { key });
    assert.equal(made.status, 201, made.text);
    assert.equal((await post('wms', '/counts', body, { key })).json.id, made.json.id);
    assert.deepEqual([Number(made.json.book.value), Number(made.json.difference.value), made.json.countedBy], [book, -2, 'm.kern']);
    assert.equal(await amount(SCREW, home), book - 2);
    assert.deepEqual((await get('wms', `/counts/${made.json.id}`)).json, made.json);
    const { MaterialDocument } = await cloud.read('erp', `A_PhysicalInventoryCount('${made.json.id}')`);
    assert.equal((await get(STOCK, `/goods-movements/${MaterialDocument}`)).json.type, 'count-loss');
    assert.equal((await post('wms', '/counts', { ...body, reference: 'COUNT-2', countedOn: '2026-11-20' })).json.difference.value, '0');
    assert.deepEqual((await get('wms', '/counts?reference=COUNT-1')).json.items, [made.json]);
    assert.deepEqual((await cloud.all('wms', PLANT, `/counts?sort=countedOn&storageLocation=${home}&material=${SCREW.material}`, 1)).map((one) => one.reference), ['COUNT-2', 'COUNT-1']);
    assert.deepEqual((await get('wms', '/counts?to=2026-11-20')).json.items.map((one) => one.reference), ['COUNT-2']);
    assert.equal(cloud.rule(await post('wms', '/counts', { ...body, lot: undefined })), 'lot-named');
    assert.equal(cloud.rule(await post('wms', '/counts', { ...body, counted: { value: '1', unit: 'KGM' } })), 'unit-is-materials');
    for (const more of [{ material: 'NONE' }, { lot: 'NONE' }, { storageLocation: 'NONE' }])
      assert.match(assertProblem(await post('wms', '/counts', { ...body, ...more }), 422).type, /not-found$/);
    assertProblem(await get('wms', '/counts/99'), 404);
  });

  test('of two who take the same back, or give it free, one is told that it has changed', async () => {
    const home = await placeOf(NUT);
    const before = await row(NUT, home);
    const moved = await post(STOCK, '/goods-movements', { type: 'scrap', ...NUT, from: home, quantity: pieces(3), reason: 'Bent' });
    const kept = await post(STOCK, '/reservations', { ...NUT, storageLocation: home, quantity: pieces(2) });
    for (const [rest, { etag }, body] of [
      [`/goods-movements/${moved.json.id}/reverse`, moved.headers, { reason: 'Not bent' }], [`/reservations/${kept.json.id}/cancel`, kept.headers, {}],
    ]) {
      const answers = await Promise.all([1, 2, 3].map(() => post(STOCK, rest, body, { etag })));
      assert.deepEqual(answers.map(({ status }) => status).filter((status) => status === 200), [200], answers.map(({ text }) => text).join());
      for (const answer of answers.filter(({ status }) => status !== 200)) assertProblem(answer, 412);
    }
    const { LastChangeDateTime, '@odata.context': context, ...after } = await row(NUT, home);
    for (const [name, value] of Object.entries(after)) assert.equal(value, before[name], name);
  });

  test('what another plant has is not there', async () => {
    const made = [
      [STOCK, '/goods-movements', (await get(STOCK, '/goods-movements?limit=1')).json.items[0].id, 'reverse', { reason: 'x' }],
      [STOCK, '/reservations', (await get(STOCK, '/reservations?limit=1')).json.items[0].id, 'cancel', {}],
      ['wms', '/transfers', '3400000001', 'assign', {}], ['wms', '/transfers', '3400000001', 'complete', {}], ['wms', '/transfers', '3400000001', 'cancel', {}],
      ['wms', '/counts', (await get('wms', '/counts?limit=1')).json.items[0].id], ['wms', '/storage-locations', '102A'],
    ];
    for (const [api, list, id, action, body] of made) {
      assertProblem(await cloud.get(api, '1010', `${list}/${id}`), 404);
      if (action) assertProblem(await cloud.post(api, '1010', `${list}/${id}/${action}`, body, STALE), 404);
    }
  });

  test('a gateway that dies behind a write does not make it twice', async () => {
    const home = await placeOf(NUT);
    const moved = await post(STOCK, '/goods-movements', { type: 'transfer', ...NUT, from: home, to: '102L', quantity: pieces(1) });
    const cases = [
      [STOCK, `/goods-movements/${moved.json.id}/reverse`, { reason: 'Wrong place' }, { etag: moved.headers.etag }, 'A_MaterialDocument', 200, "?$filter=ReversedMaterialDocument ne null"],
      ['wms', '/transfers', { from: home, to: '102L', lines: [{ ...NUT, quantity: pieces(1) }] }, {}, 'A_TransferOrder', 201],
      ['wms', '/counts', { ...NUT, storageLocation: home, counted: pieces((await amount(NUT, home)) - 7) }, {}, 'A_PhysicalInventoryCount', 201],
    ];
    const counts = async () => Promise.all(cases.map(([, , , , entity, , which]) => cloud.count('erp', `${entity}${which ?? ''}`)));
    const once = (await counts()).map((count) => count + 1);
    const sends = cases.map(([api, rest, body, how]) => {
      const key = randomUUID();
      return () => post(api, rest, body, { ...how, key });
    });
    await cloud.dieBehind('/erp/A_', () => Promise.all(sends.map((send) => send())), async () => isDeepStrictEqual(await counts(), once), cases.length);
    const answers = await Promise.all(sends.map((send) => cloud.settled(send)));
    assert.deepEqual(answers.map(({ status }) => status), cases.map(([, , , , , status]) => status), answers.map(({ text }) => text).join());
    assert.deepEqual(await counts(), once);
  });
});
