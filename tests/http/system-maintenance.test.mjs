// The API maintenance before the real OData server.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { skipUnlessInstalled, startCloud } from './support/cloud.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

const API = 'maintenance';
const ORDERS = '/maintenance-orders';
const NOTIFICATIONS = '/maintenance-notifications';

describe('maintenance', () => {
  const suite = suiteScope();
  let cloud;
  before(async () => {
    cloud = await startCloud(suite, { apis: [API, 'erp-assets'] });
  });

  const get = (rest, headers) => cloud.get(API, '1020', rest, headers);
  const post = (rest, body, how) => cloud.post(API, '1020', rest, body, how);
  const move = async (rest, action, body, how) => post(`${rest}/${action}`, body, { etag: (await get(rest)).headers.etag, ...how });
  const there = (entity, id) => cloud.read('maintenance', `${entity}('${id}')`);
  const notify = (more, how) => post(NOTIFICATIONS, { type: 'malfunction', description: 'Spindle is hot', priority: 'high', equipment: 'GRIND-1', ...more }, how);
  const order = (more, how) => post(ORDERS, { type: 'corrective', description: 'Change the bearing', priority: 'urgent', ...more }, how);

  test('orders are listed in pages, by equipment and by state', async () => {
    const theirs = await cloud.read('maintenance', 'A_MaintenanceOrder?$expand=to_Equipment');
    const ours = await cloud.all(API, '1020', `${ORDERS}?sort=-plannedStart`, 5);
    const expected = theirs.map((row) => [row.PlannedStartDateTime, row.MaintenanceOrder]).sort().reverse();
    assert.deepEqual(ours.map(({ plannedStart, id }) => [plannedStart, id]), expected);
    const started = (await get(`${ORDERS}?status=started`)).json.items;
    assert.deepEqual(started.map(({ id }) => id), ['4100001', '4100002']);
    const turning = (await get(`${ORDERS}?equipment=TURN-1`)).json.items;
    assert.deepEqual(turning.map(({ id }) => id), theirs.filter((row) => row.to_Equipment.WorkCenter === 'TURN-1').map((row) => row.MaintenanceOrder));
    assert.deepEqual((await get(`${ORDERS}?equipment=NOWHERE`)).json.items, []);
    assert.equal((await cloud.all(API, '-', ORDERS, 50)).length, theirs.length);
    assert.deepEqual((await cloud.get(API, '1010', ORDERS)).json, { items: [] });
  });

  test('notifications are listed, and one is read', async () => {
    const theirs = await cloud.read('maintenance', 'A_MaintenanceNotification?$orderby=MaintenanceNotification');
    assert.deepEqual((await cloud.all(API, '1020', `${NOTIFICATIONS}?sort=id`, 3)).map(({ id }) => id), theirs.map((row) => row.MaintenanceNotification));
    assert.equal((await get(`${NOTIFICATIONS}?priority=urgent&type=malfunction&status=open`)).json.items.length, 2);
    const answer = await get(`${NOTIFICATIONS}/10000002`);
    const [, row] = theirs;
    assert.deepEqual(answer.json, {
      id: '10000002', plant: '1020', type: 'malfunction', description: 'Oil leak at gear box', equipment: 'TURN-1', physicalAsset: 'LATHE-2',
      priority: 'high', isBreakdown: false, status: 'open', reportedAt: row.ReportedDateTime, reportedBy: 'operator2',
      malfunctionStart: '2026-11-08T06:00:00.000Z', changedAt: row.LastChangeDateTime,
      record: { system: 'cloud', id: "A_MaintenanceNotification('10000002')" },
    });
    assert.equal((await get(`${NOTIFICATIONS}/10000002`, { 'if-none-match': answer.headers.etag })).status, 304);
    assertProblem(await cloud.get(API, '1010', `${NOTIFICATIONS}/10000002`), 404);
    assertProblem(await get(`${ORDERS}/4`), 404);
  });

  test('from a notification to the work done', async () => {
    const told = await notify({ malfunctionStart: '2026-11-23T07:12:00+01:00', reference: 'signal-7', text: 'Since this morning' });
    assert.equal(told.status, 201, told.text);
    const notification = `${NOTIFICATIONS}/${told.json.id}`;
    assert.deepEqual((await get(notification)).json, told.json);
    assert.deepEqual([told.json.physicalAsset, told.json.status], ['GRIND-1', 'open']);
    assert.equal(Date.parse((await there('A_MaintenanceNotification', told.json.id)).MalfunctionStartDateTime), Date.parse('2026-11-23T06:12:00Z'));

    const made = await order({
      notification: told.json.id, workCenter: 'MECH', plannedStart: '2026-11-24T06:00:00Z', plannedEnd: '2026-11-24T14:00:00Z',
      operations: [{ line: '0010', description: 'Change it', plannedDuration: { value: '2.5', unit: 'HUR' } }],
    });
    assert.equal(made.status, 201, made.text);
    const work = `${ORDERS}/${made.json.id}`;
    assert.deepEqual(made.json, (await get(work)).json);
    assert.deepEqual(made.json.operations, [{ line: '0010', description: 'Change it', plannedDuration: { value: '2.5', unit: 'HUR' } }]);
    const { status, maintenanceOrder } = (await get(notification)).json;
    assert.deepEqual([status, maintenanceOrder], ['in-process', made.json.id]);
    assert.equal(cloud.rule(await order({ notification: told.json.id })), 'notification-without-order');
    assert.equal(cloud.rule(await move(notification, 'complete', {})), 'notification-order-done');

    assert.equal(cloud.rule(await move(work, 'start', {})), 'order-released');
    assert.equal((await move(work, 'release', {})).json.status, 'released');
    assert.equal(cloud.rule(await move(work, 'release', {})), 'order-planned');
    assertProblem(await move(work, 'start', { at: '2026-11-23T08:00:00Z' }), 422);
    const started = await move(work, 'start', { reason: 'In time' });
    assert.equal(started.json.status, 'started', started.text);
    assert.equal(cloud.rule(await move(work, 'cancel', {})), 'order-not-begun');
    const done = await move(work, 'complete', { cause: 'Bearing worn', text: 'Changed', malfunctionEnd: '2026-11-23T11:40:00Z', duration: { value: '2.5', unit: 'HUR' } });
    assert.equal(done.json.status, 'completed', done.text);
    assert.deepEqual(done.json, (await get(work)).json);
    const row = await there('A_MaintenanceOrder', made.json.id);
    assert.deepEqual([row.OrderStatus, row.MaintenanceCause, row.ActualWorkQuantity], ['CNF', 'Bearing worn', 2.5]);
    assert.equal(cloud.rule(await move(work, 'complete', { cause: 'Again' })), 'order-started');
    const closed = await move(notification, 'complete', {});
    assert.deepEqual([closed.status, closed.json.status, closed.json.malfunctionEnd], [200, 'completed', '2026-11-23T11:40:00.000Z'], closed.text);
    assert.equal(cloud.rule(await move(notification, 'complete', {})), 'notification-open');
  });

  test('what cannot be meant is refused before anything is sent', async () => {
    const before = await cloud.count('maintenance', 'A_MaintenanceOrder');
    assert.match(assertProblem(await order({ equipment: 'TURN-1' }), 422).type, /ambiguous$/);
    assert.match(assertProblem(await order({ physicalAsset: 'NONE' }), 422).type, /not-found$/);
    assert.match(assertProblem(await order({ notification: '99' }), 422).type, /not-found$/);
    assert.equal(cloud.rule(await order({ physicalAsset: 'LATHE-1', plannedStart: '2026-11-24T06:00:00Z', plannedEnd: '2026-11-23T06:00:00Z' })), 'dates-in-order');
    assertProblem(await order({}), 400);
    assertProblem(await cloud.post(API, '1010', ORDERS, { type: 'corrective', description: 'x', priority: 'low', physicalAsset: 'LATHE-1' }), 422);
    await fetch(`${cloud.url}/odata/v4/maintenance/A_Equipment('CRANE-1')`, {
      method: 'PATCH', body: '{"EquipmentStatus":"SCRP"}',
      headers: { authorization: `Basic ${Buffer.from('erpadmin:pw2').toString('base64')}`, 'content-type': 'application/json' },
    });
    assert.equal(cloud.rule(await order({ physicalAsset: 'CRANE-1' })), 'object-in-service');
    assert.equal(cloud.rule(await notify({ equipment: undefined, physicalAsset: 'CRANE-1' })), 'object-in-service');
    assert.equal(await cloud.count('maintenance', 'A_MaintenanceOrder'), before);
    assertProblem(await post(`${ORDERS}/4100005/release`, {}, { etag: '"old"' }), 412);
    assertProblem(await post(`${ORDERS}/4100005/release`, {}), 428);
  });

  test('an order is cancelled, and the same key twice is one order', async () => {
    const how = { key: randomUUID() };
    const before = await cloud.count('maintenance', 'A_MaintenanceOrder');
    const [first, second] = [await order({ physicalAsset: 'WASH-1' }, how), await order({ physicalAsset: 'WASH-1' }, how)];
    assert.deepEqual([first.status, second.json], [201, first.json], first.text);
    assert.equal(await cloud.count('maintenance', 'A_MaintenanceOrder'), before + 1);
    assert.equal((await move(`${ORDERS}/${first.json.id}`, 'cancel', {})).json.status, 'cancelled');
    assert.equal((await there('A_MaintenanceOrder', first.json.id)).OrderStatus, 'CANC');
  });

  test('a service that is away is said to be so, and what was not sent may be sent again', async () => {
    const how = { key: randomUUID() };
    await cloud.erp.spoil('busy', 'A_MaintenanceOrder', { method: 'POST' });
    assertProblem(await order({ physicalAsset: 'WASH-1' }, how), 503);
    assert.equal((await order({ physicalAsset: 'WASH-1' }, how)).status, 201);
  });
});
