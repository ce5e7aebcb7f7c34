// The APIs logistics and field-service before the real OData server.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { skipUnlessInstalled, startCloud } from './support/cloud.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

const callsOf = (api) => (cloud) => {
  const get = (rest, headers) => cloud().get(api, '1020', rest, headers);
  const post = (rest, body, how) => cloud().post(api, '1020', rest, body, how);
  const move = async (rest, action, body, how) => post(`${rest}/${action}`, body, { etag: (await get(rest)).headers.etag, ...how });
  return { get, post, move };
};

describe('logistics and field-service', () => {
  const suite = suiteScope();
  let cloud;
  before(async () => {
    cloud = await startCloud(suite, { apis: ['logistics', 'field-service', 'erp-inventory'] });
  });
  const logistics = callsOf('logistics')(() => cloud);
  const service = callsOf('field-service')(() => cloud);
  const ship = (more, how) => logistics.post('/shipments', {
    customer: 'C-100', shipTo: { name: 'Gate 4', city: 'Graz', country: 'AT' }, plannedDeparture: '2026-11-25T14:00:00+01:00',
    lines: [{ material: 'PUMP-NW25', quantity: { value: '2', unit: 'H87' }, lot: 'L260001' }, { material: 'CAST-RAW', quantity: { value: '7.125', unit: 'KGM' } }], ...more,
  }, how);
  const order = (more, how) => service.post('/service-orders', {
    customer: 'Molkerei Almgrund eG', type: 'repair', description: 'Pump leaks', priority: 'high', site: { city: 'Graz', country: 'AT' }, ...more }, how);

  test('shipments are listed in pages, by state, customer and day', async () => {
    const theirs = await cloud.read('logistics', 'A_Shipment');
    const ours = await cloud.all('logistics', '1020', '/shipments?sort=-plannedDeparture', 5);
    assert.deepEqual(ours.map(({ id }) => id), theirs.map((row) => [row.PlannedDepartureDateTime, row.Shipment]).sort().reverse().map(([, id]) => id));
    assert.equal((await logistics.get('/shipments?status=dispatched')).json.items.length, 3);
    const one = (await logistics.get(`/shipments?customer=${encodeURIComponent('Kraftwerk Inntal')}`)).json.items;
    assert.deepEqual(one.map(({ id }) => id), theirs.filter((row) => row.Customer === 'Kraftwerk Inntal').map((row) => row.Shipment));
    const day = theirs[4].PlannedDepartureDateTime.slice(0, 10);
    assert.deepEqual((await logistics.get(`/shipments?from=${day}&to=${day}`)).json.items.map(({ id }) => id), [theirs[4].Shipment]);
    assertProblem(await logistics.get('/shipments/99'), 404);
    assertProblem(await cloud.get('logistics', '1010', '/shipments/8100001'), 404);
  });

  test('a shipment is made, leaves, is reported on, and arrives', async () => {
    const made = await ship({ reference: 'SO-118' });
    assert.equal(made.status, 201, made.text);
    const rest = `/shipments/${made.json.id}`;
    assert.deepEqual((await logistics.get(rest)).json, made.json);
    const items = await cloud.read('logistics', `A_ShipmentItem?$filter=Shipment eq '${made.json.id}'`);
    assert.deepEqual(items.map((row) => [row.Material, row.Batch, Number(row.Quantity), row.QuantityUnit]), [['PUMP-NW25', 'L260001', 2, 'PC'], ['CAST-RAW', null, 7.125, 'KG']]);
    assert.equal(cloud.rule(await logistics.post(`${rest}/events`, { at: '2026-11-25T15:20:00Z', code: 'passed' })), 'shipment-on-its-way');
    assertProblem(await logistics.move(rest, 'dispatch', { carrier: 'Roth', at: '2026-11-25T14:00:00Z' }), 422);
    const gone = await logistics.move(rest, 'dispatch', { carrier: 'Spedition Roth', trackingNumber: '0034-1', packages: 2, grossWeight: { value: '84.2', unit: 'KGM' }, expectedAt: '2026-11-26T08:00:00Z' });
    assert.equal(gone.json.status, 'dispatched', gone.text);
    assert.deepEqual(gone.json, (await logistics.get(rest)).json);
    const row = await cloud.read('logistics', `A_Shipment('${made.json.id}')`);
    assert.deepEqual([row.ShipmentStatus, row.Carrier, row.TrackingNumber, row.NumberOfPackages], ['DISP', 'Spedition Roth', '0034-1', 2]);
    assert.equal(cloud.rule(await logistics.move(rest, 'cancel', {})), 'shipment-planned');

    const key = randomUUID();
    const tell = () => logistics.post(`${rest}/events`, { at: '2126-11-25T15:20:00Z', code: 'delayed', place: 'Hub Kassel' }, { key });
    const [told] = [await tell(), await tell()];
    assert.equal(told.status, 200, told.text);
    assert.deepEqual(told.json, (await logistics.get(rest)).json);
    assert.notEqual(told.headers.etag, gone.headers.etag);
    assert.deepEqual(told.json.events.map(({ code }) => code), ['dispatched', 'delayed']);
    assert.equal(await cloud.count('logistics', `A_ShipmentEvent?$filter=Shipment eq '${made.json.id}'`), 1);
    assert.match(assertProblem(await logistics.post(`${rest}/events`, { at: '2026-11-25T15:20:00Z', code: 'delivered' }), 422).type, /not-offered$/);

    const arrived = await logistics.move(rest, 'deliver', { signedBy: 'K. Huber' });
    assert.equal(arrived.json.status, 'delivered', arrived.text);
    assert.equal((await cloud.read('logistics', `A_Shipment('${made.json.id}')`)).SignedBy, 'K. Huber');
    assert.equal(cloud.rule(await logistics.move(rest, 'deliver', {})), 'shipment-on-its-way');
  });

  test('nothing leaves that may not, and nothing is named that is not there', async () => {
    const before = await cloud.count('logistics', 'A_Shipment');
    const blocked = await cloud.read('erp', "A_Batch?$filter=BatchStatus eq 'BLKD'&$top=1");
    const { Material: material, Batch: lot } = blocked[0];
    assert.equal(cloud.rule(await ship({ lines: [{ material, lot, quantity: { value: '1', unit: 'H87' } }] })), 'lots-released');
    assert.match(assertProblem(await ship({ lines: [{ material: 'NONE', quantity: { value: '1', unit: 'H87' } }] }), 422).type, /not-found$/);
    assert.match(assertProblem(await ship({ lines: [{ material, lot: 'NONE', quantity: { value: '1', unit: 'H87' } }] }), 422).type, /not-found$/);
    await fetch(`${cloud.url}/odata/v4/erp/A_Material('LABEL-S')`, {
      method: 'PATCH', body: '{"IsMarkedForDeletion":true}',
      headers: { authorization: `Basic ${Buffer.from('erpadmin:pw2').toString('base64')}`, 'content-type': 'application/json' },
    });
    assert.equal(cloud.rule(await ship({ lines: [{ material: 'LABEL-S', quantity: { value: '1', unit: 'H87' } }] })), 'materials-active');
    assertProblem(await ship({ lines: [] }), 400);
    assert.equal(await cloud.count('logistics', 'A_Shipment'), before);
    assertProblem(await logistics.post('/shipments/8100009/cancel', {}, { etag: '"old"' }), 412);
    assert.equal((await logistics.move('/shipments/8100009', 'cancel', { reason: 'Customer withdrew' })).json.status, 'cancelled');
    assert.equal((await cloud.read('logistics', "A_Shipment('8100009')")).ShipmentStatus, 'CANC');
  });

  test('the same key twice is one shipment, one service order', async () => {
    for (const [make, of] of [[ship, ['logistics', 'A_Shipment']], [order, ['field-service', 'A_ServiceOrder']]]) {
      const how = { key: randomUUID() };
      const before = await cloud.count(...of);
      const [first, second] = [await make({}, how), await make({}, how)];
      assert.deepEqual([first.status, second.json], [201, first.json], first.text);
      assert.equal(await cloud.count(...of), before + 1);
    }
  });

  test('class A: an answer that is lost costs no second shipment, and the one that is there is told', async () => {
    const how = { key: randomUUID() };
    const before = await cloud.count('logistics', 'A_Shipment');
    await cloud.erp.spoil('lost', 'A_Shipment', { method: 'POST' });
    const first = await ship({ reference: 'LOST' }, how);
    const again = first.status === 201 ? first : await cloud.settled(() => ship({ reference: 'LOST' }, how));
    assert.equal(again.status, 201, again.text);
    assert.equal(again.json.lines.length, 2);
    assert.equal(await cloud.count('logistics', 'A_Shipment'), before + 1);
  });

  test('service orders are listed, and one is read', async () => {
    const theirs = await cloud.read('field-service', 'A_ServiceOrder?$orderby=ServiceOrder');
    assert.deepEqual((await cloud.all('field-service', '1020', '/service-orders', 3)).map(({ id }) => id), theirs.map((row) => row.ServiceOrder));
    const inspections = (await service.get('/service-orders?type=inspection&status=open')).json.items;
    assert.deepEqual(inspections.map(({ id }) => id), theirs.filter((row) => row.ServiceOrderType === 'SM03').map((row) => row.ServiceOrder));
    const answer = await service.get('/service-orders/6100001');
    assert.deepEqual(answer.json, {
      id: '6100001', plant: '1020', customer: 'Stadtwerke Rheintal', type: 'repair', description: 'Pump loses pressure', priority: 'urgent', status: 'open',
      changedAt: theirs.find(({ ServiceOrder }) => ServiceOrder === '6100001').LastChangeDateTime, record: { system: 'cloud', id: "A_ServiceOrder('6100001')" },
    });
    assert.equal((await service.get('/service-orders/6100001', { 'if-none-match': answer.headers.etag })).status, 304);
    assertProblem(await cloud.get('field-service', '1010', '/service-orders/6100001'), 404);
  });

  test('a technician is sent, begins, and reports', async () => {
    const made = await order({ serialNumber: 'NW40-2207', reference: 'CALL-9', text: 'At night only' });
    assert.equal(made.status, 201, made.text);
    const rest = `/service-orders/${made.json.id}`;
    assert.deepEqual((await service.get(rest)).json, made.json);
    assert.equal(cloud.rule(await service.move(rest, 'start', {})), 'service-order-dispatched');
    assert.equal(cloud.rule(await service.move(rest, 'complete', { text: 'x' })), 'service-order-under-way');
    for (const technician of ['T-07', 'T-08']) {
      const sent = await service.move(rest, 'dispatch', { technician, appointment: { start: '2026-11-24T08:00:00+01:00', end: '2026-11-24T12:00:00+01:00' } });
      assert.deepEqual([sent.json.status, sent.json.technician], ['dispatched', technician], sent.text);
    }
    assert.equal((await service.move(rest, 'start', {})).json.status, 'started');
    assert.equal(cloud.rule(await service.move(rest, 'dispatch', { technician: 'T-09', appointment: { start: '2026-11-24T08:00:00Z' } })), 'service-order-open');
    assert.equal(cloud.rule(await service.move(rest, 'cancel', {})), 'service-order-not-begun');
    const report = { text: 'Seal changed', duration: { value: '1.5', unit: 'HUR' }, parts: [{ material: 'SEAL-24', quantity: { value: '1', unit: 'H87' } }] };
    const done = await service.move(rest, 'complete', report);
    assert.deepEqual([done.status, done.json.status, done.json.report], [200, 'completed', report], done.text);
    assert.deepEqual((await service.get(rest)).json, done.json);
    const row = await cloud.read('field-service', `A_ServiceOrder('${made.json.id}')`);
    assert.deepEqual([row.ServiceOrderStatus, row.Technician, row.ReportText], ['DONE', 'T-08', 'Seal changed']);
    assert.equal((await cloud.read('field-service', `A_ServicePart?$filter=ServiceOrder eq '${made.json.id}'`))[0].Material, 'SEAL-24');
    assertProblem(await service.post('/service-orders/6100003/cancel', {}, { etag: '"old"' }), 412);
    assert.equal((await service.move('/service-orders/6100003', 'cancel', {})).json.status, 'cancelled');
  });
});
