// The APIs erp-costing and erp-assets before the real OData server (plant 1020).

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { skipUnlessInstalled, startCloud } from './support/cloud.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

describe('erp-costing and erp-assets, OData', () => {
  const suite = suiteScope();
  let cloud;
  before(async () => {
    cloud = await startCloud(suite, { apis: ['erp-costing', 'erp-assets'] });
  });
  const costs = (rest, headers) => cloud.get('erp-costing', '1020', `/cost-postings${rest}`, headers);
  const post = (more, how) => cloud.post('erp-costing', '1020', '/cost-postings', {
    amount: { amount: '156.25', currency: 'EUR' }, costElement: '620000', text: 'Mechanic', ...more }, how);
  const reverse = async (id, body, how) => cloud.post('erp-costing', '1020', `/cost-postings/${id}/reverse`, body, { etag: (await costs(`/${id}`)).headers.etag, ...how });
  const theirs = (query = '') => cloud.read('erp', `A_CostPosting${query}`);
  const assets = (rest, headers) => cloud.get('erp-assets', '1020', rest, headers);

  test('postings are listed in pages, by receiver and day', async () => {
    const rows = await theirs('?$orderby=PostingDate desc,AccountingDocument desc');
    const ours = await cloud.all('erp-costing', '1020', '/cost-postings?sort=-postedOn', 3);
    assert.deepEqual(ours.map(({ id }) => id), rows.map((row) => row.AccountingDocument));
    const from = rows[5].PostingDate;
    const late = await cloud.all('erp-costing', '1020', `/cost-postings?sort=postedOn&from=${from}`, 2);
    assert.deepEqual(late.map(({ id }) => id).sort(), rows.filter((row) => row.PostingDate >= from).map((row) => row.AccountingDocument).sort());
    assert.equal((await costs('?productionOrder=2000003')).json.items.length, 1);
    assert.equal((await costs('?costCenter=200101')).json.items.length, rows.filter((row) => row.CostCenter === '200101').length);
    assert.deepEqual((await costs('?to=2001-01-01')).json, { items: [] });
    assert.equal((await cloud.all('erp-costing', '-', '/cost-postings', 50)).length, rows.length);
    assert.deepEqual((await cloud.get('erp-costing', '1010', '/cost-postings')).json, { items: [] });
  });

  test('a cost is posted to each kind of receiver, and taken back once', async () => {
    for (const receiver of [{ productionOrder: '2000001' }, { maintenanceOrder: '4100005' }, { costCenter: '200100' }]) {
      const made = await post({ ...receiver, reference: 'W-7', postedOn: '2026-11-20' });
      assert.equal(made.status, 201, made.text);
      assert.equal(made.headers.location, `cost-postings/${made.json.id}`);
      const read = await costs(`/${made.json.id}`);
      assert.deepEqual([read.json, read.headers.etag], [made.json, made.headers.etag]);
      assert.deepEqual([read.json.amount, read.json.period, read.json.status], [{ amount: '156.25', currency: 'EUR' }, '2026-11', 'posted']);
      const [row] = await theirs(`?$filter=AccountingDocument eq '${made.json.id}'`);
      assert.deepEqual([Number(row.AmountInCurrency), row.GLAccount, row.OrderID ?? row.MaintenanceOrder ?? row.CostCenter], [156.25, '620000', Object.values(receiver)[0]]);

      const back = await reverse(made.json.id, { reason: 'Wrong order' });
      assert.deepEqual([back.status, back.json.status], [200, 'reversed'], back.text);
      assert.deepEqual((await costs(`/${made.json.id}`)).json, back.json);
      assert.notEqual(back.headers.etag, made.headers.etag);
      const [other] = await theirs(`?$filter=ReversedDocument eq '${made.json.id}'`);
      assert.deepEqual([other.AccountingDocument, Number(other.AmountInCurrency), other.DocumentText], [back.json.reversedBy, -156.25, 'Wrong order']);
      assert.equal(cloud.rule(await reverse(made.json.id, { reason: 'Again' })), 'cost-posting-not-reversed');
      assert.equal(cloud.rule(await reverse(back.json.reversedBy, { reason: 'Again' })), 'cost-posting-is-no-reversal');
      assertProblem(await reverse(made.json.id, { reason: 'Again' }, { etag: made.headers.etag }), 412);
    }
  });

  test('what cannot be meant is refused, and nothing is posted', async () => {
    const before = (await theirs()).length;
    assert.equal(cloud.rule(await post({ costCenter: '200100', amount: { amount: '0.00', currency: 'EUR' } })), 'amount-not-zero');
    await fetch(`${cloud.url}/odata/v4/maintenance/A_MaintenanceOrder('4100007')/MaintenanceService.Cancel`, {
      method: 'POST', body: '{}', headers: { authorization: cloud.erp.authorization, 'content-type': 'application/json', 'if-match': '*' } });
    assert.equal(cloud.rule(await post({ maintenanceOrder: '4100007' })), 'receiver-open');
    assert.match(assertProblem(await post({ productionOrder: '99' }), 422).type, /not-found$/);
    assert.match(assertProblem(await post({ costCenter: '200100', activity: { value: '1', unit: 'HUR' } }), 422).type, /not-offered$/);
    assertProblem(await post({}), 400);
    assertProblem(await cloud.post('erp-costing', '1010', '/cost-postings', { amount: { amount: '1', currency: 'EUR' }, costElement: '1', productionOrder: '2000001' }), 422);
    assertProblem(await costs('/99'), 404);
    assertProblem(await cloud.get('erp-costing', '1010', '/cost-postings/1900000001'), 404);
    assert.equal((await theirs()).length, before);
  });

  test('the same key twice is one posting; so it is when the gateway dies behind it', async () => {
    const how = { key: randomUUID() };
    const before = (await theirs()).length;
    const [first, second] = [await post({ costCenter: '200100' }, how), await post({ costCenter: '200100' }, how)];
    assert.deepEqual([first.status, second.json], [201, first.json], first.text);
    const dead = { key: randomUUID() };
    await cloud.dieBehind('A_CostPosting', () => post({ costCenter: '200102' }, dead), async () => (await theirs()).length === before + 2);
    const again = await cloud.settled(() => post({ costCenter: '200102' }, dead));
    assert.equal(again.status, 201, again.text);
    assert.equal((await theirs()).length, before + 2);
    assert.equal((await costs(`/${again.json.id}`)).status, 200);
  });

  test('things and the places where they stand are listed and read', async () => {
    const rows = await cloud.read('maintenance', "A_Equipment?$filter=MaintenancePlant eq '1020'&$orderby=Equipment");
    const things = await cloud.all('erp-assets', '1020', '/physical-assets', 4);
    assert.deepEqual(things.map(({ id }) => id), rows.map(({ Equipment }) => Equipment));
    const old = await cloud.all('erp-assets', '1020', '/physical-assets?sort=acquiredOn', 4);
    assert.deepEqual(old.map(({ acquiredOn }) => acquiredOn), rows.map(({ AcquisitionDate }) => AcquisitionDate).sort());
    assert.deepEqual((await assets('/physical-assets?serialNumber=SN70013')).json.items.map(({ id }) => id), ['LATHE-2']);
    assert.deepEqual((await assets('/physical-assets?status=planned')).json.items, []);
    const thing = await assets('/physical-assets/GRIND-1');
    assert.deepEqual(thing.json, {
      id: 'GRIND-1', plant: '1020', description: 'Cylindrical grinder', status: 'active', equipment: 'GRIND-1', manufacturer: 'Keller', serialNumber: 'SN70052',
      acquiredOn: rows.find(({ Equipment }) => Equipment === 'GRIND-1').AcquisitionDate, changedAt: thing.headers.etag.slice(1, -1),
      record: { system: 'cloud', id: "A_Equipment('GRIND-1')" },
    });
    const places = await cloud.all('erp-assets', '1020', '/equipment?sort=-id', 3);
    assert.deepEqual(places.map(({ id }) => id), [...new Set(rows.map(({ WorkCenter }) => WorkCenter))].sort().reverse());
    const turning = (await assets('/equipment/TURN-1')).json;
    assert.deepEqual([turning.level, turning.parent, turning.status, turning.physicalAsset], ['work-center', 'P2-H1', 'available', undefined]);
    assert.equal((await assets('/equipment/GRIND-1')).json.physicalAsset, 'GRIND-1');
    assert.deepEqual((await assets('/equipment?level=storage-zone')).json.items, []);
    assertProblem(await assets('/equipment/NOWHERE'), 404);
    assertProblem(await assets('/physical-assets/NONE'), 404);
    assertProblem(await cloud.get('erp-assets', '1010', '/physical-assets/GRIND-1'), 404);
  });
});
