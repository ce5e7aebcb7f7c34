// The API erp-quality before the real OData server: what is read is what the server says, what is written is there.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { skipUnlessInstalled, startCloud } from './support/cloud.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

const API = 'erp-quality';

describe('erp-quality', () => {
  const suite = suiteScope();
  let cloud;
  before(async () => {
    cloud = await startCloud(suite, { apis: [API] });
  });

  const get = (rest, headers) => cloud.get(API, '1020', rest, headers);
  const post = (rest, body, how) => cloud.post(API, '1020', rest, body, how);
  const tagOf = async (rest) => (await get(rest)).headers.etag;
  const move = async (rest, action, body, how) => post(`${rest}/${action}`, body, { etag: await tagOf(rest), ...how });
  const open = (more, how) => post('/nonconformances', {
    severity: 'major', defect: { code: 'D104', description: 'Bore too wide' }, material: 'PUMP-NW32', lot: 'L260002', quantity: { value: '2.5', unit: 'H87' }, ...more,
  }, how);

  test('inspection lots are listed in pages, filtered and in order', async () => {
    const theirs = await cloud.read('quality', 'A_InspectionLot');
    const ours = await cloud.all(API, '1020', '/inspection-lots', 5);
    assert.deepEqual(ours.map(({ id }) => id), theirs.map(({ InspectionLot }) => InspectionLot).sort());
    const down = await cloud.all(API, '-', '/inspection-lots?sort=-changedAt', 5);
    assert.deepEqual(new Set(down.map(({ id }) => id)), new Set(ours.map(({ id }) => id)));
    assert.equal((await get('/inspection-lots?material=PUMP-NW32&origin=production&status=open')).json.items.length, 1);
    assert.deepEqual((await get('/inspection-lots?status=cancelled')).json, { items: [] });
    assert.deepEqual((await cloud.get(API, '1010', '/inspection-lots')).json, { items: [] });
    assertProblem(await get('/inspection-lots?cursor=e30'), 400);
  });
  test('one is read as it is, and only in its plant', async () => {
    const answer = await get('/inspection-lots/31000001');
    assert.deepEqual(answer.json, {
      id: '31000001', plant: '1020', material: 'PUMP-NW25', lot: 'L260001', origin: 'production', productionOrder: '2000001',
      quantity: { value: '10', unit: 'H87' }, status: 'open', changedAt: answer.headers.etag.slice(1, -1),
      characteristics: [
        { line: '0010', description: 'Bore diameter', unit: 'MMT', target: '40', lowerLimit: '39.975', upperLimit: '40.025' },
        { line: '0020', description: 'Surface' },
      ],
      record: { system: 'cloud-quality', id: "A_InspectionLot('31000001')" },
    });
    assert.equal((await get('/inspection-lots/31000001', { 'if-none-match': answer.headers.etag })).status, 304);
    assertProblem(await get('/inspection-lots/99'), 404);
    assertProblem(await cloud.get(API, '1010', '/inspection-lots/31000001'), 404);
  });

  test('results are recorded, then the lot is decided, which frees or blocks its batch', async () => {
    const lot = '/inspection-lots/31000002';
    assert.equal(cloud.rule(await move(lot, 'results', { characteristics: [{ line: '30' }] })), 'characteristics-of-lot');
    const results = { characteristics: [{ line: '0010', results: ['40.001', '39.98'], valuation: 'accepted' }] };
    const recorded = await move(lot, 'results', results);
    assert.equal(recorded.status, 200, recorded.text);
    assert.deepEqual(recorded.json, (await get(lot)).json);
    assert.equal(recorded.headers.etag, await tagOf(lot));
    const rows = await cloud.read('quality', "A_InspectionCharacteristic?$filter=InspectionLot eq '31000002'");
    assert.deepEqual(rows.map(({ Results, Valuation }) => [Results.map(Number), Valuation]), [[[40.001, 39.98], 'A'], [[], null]]);
    assert.equal(cloud.rule(await move(lot, 'decide', { code: 'accepted' })), 'all-characteristics-valuated');
    assert.equal((await move(lot, 'results', { characteristics: [{ line: '0020', valuation: 'rejected' }] })).json.status, 'measured');
    assert.equal(cloud.rule(await move(lot, 'decide', { code: 'accepted' })), 'accepted-means-no-rejection');
    const decided = await move(lot, 'decide', { code: 'rejected', text: 'Scratched' });
    assert.equal(decided.status, 200, decided.text);
    const there = await cloud.read('quality', "A_InspectionLot('31000002')");
    assert.deepEqual([there.InspectionStatus, there.UsageDecision, there.UsageDecisionText], ['UD', 'R', 'Scratched']);
    assert.deepEqual(decided.json.decision, { code: 'rejected', decidedAt: there.UsageDecisionDateTime, text: 'Scratched' });
    assert.equal((await cloud.read('erp', "A_Batch(Material='PUMP-NW32',Plant='1020',Batch='L260002')")).BatchStatus, 'BLKD');
    assert.equal(cloud.rule(await move(lot, 'results', results)), 'inspection-lot-undecided');
  });

  test('nonconformances are listed in every order and by every member', async () => {
    const theirs = await cloud.read('quality', 'A_Nonconformance');
    for (const [sort, key] of [['id', 'Nonconformance'], ['-openedAt', 'CreationDateTime']]) {
      const ours = await cloud.all(API, '1020', `/nonconformances?sort=${sort}`, 3);
      const expected = theirs.map((row) => [row[key], row.Nonconformance]).sort();
      if (sort.startsWith('-')) expected.reverse();
      assert.deepEqual(ours.map(({ id }) => id), expected.map(([, id]) => id));
    }
    const critical = await get('/nonconformances?severity=critical&status=open');
    assert.equal(critical.json.items.length, theirs.filter(({ DefectClass }) => DefectClass === '01').length);
    assert.deepEqual((await get(`/nonconformances?changedSince=${new Date(Date.now() + 60_000).toISOString()}`)).json.items, []);
    assert.equal((await get('/nonconformances?lot=L260003')).json.items.length, 1);
  });

  test('one is opened, disposed of and closed; each step is found at the server', async () => {
    const made = await open({ reference: 'SHIFT-7', openedBy: 'm.kern' });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.headers.location, `nonconformances/${made.json.id}`);
    const rest = `/nonconformances/${made.json.id}`;
    assert.deepEqual((await get(rest)).json, made.json);
    const there = await cloud.read('quality', `A_Nonconformance('${made.json.id}')`);
    assert.deepEqual([there.Material, there.DefectiveQuantity, there.DefectiveQuantityUnit, there.DefectClass, there.ReferenceNumber],
      ['PUMP-NW32', 2.5, 'PC', '02', 'SHIFT-7']);
    assert.deepEqual((await get('/nonconformances?reference=SHIFT-7')).json.items, [made.json]);

    assert.equal(cloud.rule(await move(rest, 'close', {})), 'nonconformance-has-disposition');
    const disposed = await move(rest, 'dispose', { disposition: 'rework' });
    assert.equal(disposed.json.disposition, 'rework', disposed.text);
    assert.equal(disposed.headers.etag, await tagOf(rest));
    assertProblem(await move(rest, 'close', { at: '2026-11-23T08:00:00Z' }), 422);
    const closed = await move(rest, 'close', { cause: 'Tool worn', correctiveAction: 'Shorter tool life' });
    assert.deepEqual([closed.status, closed.json.status, closed.json.cause], [200, 'closed', 'Tool worn'], closed.text);
    const after = await cloud.read('quality', `A_Nonconformance('${made.json.id}')`);
    assert.deepEqual([after.NonconformanceStatus, after.Disposition, after.RootCause], ['CLSD', 'RWRK', 'Tool worn']);
    assert.equal(cloud.rule(await move(rest, 'cancel', undefined)), 'nonconformance-open');
  });

  test('what cannot be meant, is not there or has changed is told, and nothing is sent', async () => {
    const before = await cloud.count('quality', 'A_Nonconformance');
    assert.equal(cloud.rule(await open({ quantity: { value: '100000', unit: 'H87' } })), 'concerned-within-lot');
    assertProblem(await open({ lot: 'NONE' }), 422);
    assertProblem(await open({ severity: 'awful' }), 400);
    assertProblem(await open({ material: undefined }), 400);
    assert.equal(await cloud.count('quality', 'A_Nonconformance'), before);
    assertProblem(await post('/nonconformances/20000001/cancel', {}, { etag: '"of yesterday"' }), 412);
    assertProblem(await post('/nonconformances/20000001/cancel', {}), 428);
    assertProblem(await post('/nonconformances/99/cancel', {}, { etag: '"x"' }), 404);
    assertProblem(await cloud.post(API, '1010', '/nonconformances/20000001/cancel', {}, { etag: await tagOf('/nonconformances/20000001') }), 404);
    assert.equal((await cloud.read('quality', "A_Nonconformance('20000001')")).NonconformanceStatus, 'OPEN');
  });

  test('a change between the read and the write is a stale state, too', async () => {
    const etag = await tagOf('/nonconformances/20000002');
    await cloud.erp.spoil('slow', 'Cancel', { method: 'POST', ms: 800 });
    const pending = post('/nonconformances/20000002/cancel', {}, { etag });
    await new Promise((resolve) => setTimeout(resolve, 400));
    await fetch(`${cloud.url}/odata/v4/quality/A_Nonconformance('20000002')`, {
      method: 'PATCH', body: '{"RootCause":"by hand"}',
      headers: { authorization: cloud.erp.authorization, 'content-type': 'application/json', 'if-match': '*' },
    });
    assertProblem(await pending, 412);
  });

  test('a lot is blocked and released, but not over an open nonconformance', async () => {
    const lot = '/materials/VALVE-DN15/lots/L260009';
    const batch = "A_Batch(Material='VALVE-DN15',Plant='1020',Batch='L260009')";
    const tag = async () => `"${(await cloud.read('erp', batch)).LastChangeDateTime}"`;
    assertProblem(await post(`${lot}/block`, {}, { etag: '"old"' }), 412);
    assert.equal(cloud.rule(await post(`${lot}/release`, {}, { etag: await tag() })), 'lot-is-blocked');
    const blocked = await post(`${lot}/block`, { reason: 'Leak' }, { etag: await tag() });
    assert.equal(blocked.status, 200, blocked.text);
    const [stock] = await cloud.read('erp', "A_MaterialStock?$filter=Batch eq 'L260009'");
    assert.deepEqual([blocked.json.status, blocked.json.quantity], ['blocked', { value: String(stock.Quantity), unit: 'H87' }]);
    assert.equal((await cloud.read('erp', batch)).BatchStatus, 'BLKD');
    assert.equal(cloud.rule(await post(`${lot}/block`, {}, { etag: await tag() })), 'lot-can-be-blocked');
    assert.equal(cloud.rule(await post(`${lot}/release`, {}, { etag: await tag() })), 'lot-without-open-nonconformance');
    for (const { id } of (await get('/nonconformances?lot=L260009&status=open')).json.items)
      assert.equal((await move(`/nonconformances/${id}`, 'cancel', {})).json.status, 'cancelled');
    const released = await post(`${lot}/release`, {}, { etag: await tag() });
    assert.equal(released.json.status, 'released', released.text);
  });

  test('the same key twice is one document', async () => {
    const key = randomUUID();
    const before = await cloud.count('quality', 'A_Nonconformance');
    const [first, second] = [await open({}, { key }), await open({}, { key })];
    assert.deepEqual([first.status, second.headers['idempotency-replayed']], [201, 'true']);
    assert.deepEqual(second.json, first.json);
    assert.equal(await cloud.count('quality', 'A_Nonconformance'), before + 1);
  });

  test('a server that is slow, broken, busy or talks nonsense is said to be so', async () => {
    for (const [kind, status] of [['html', 502], ['cut-json', 502], ['shape', 502], ['busy', 503], ['broken', 502], ['refuse', 503], ['hang', 504]]) {
      await cloud.erp.spoil(kind, 'A_InspectionLot', { times: 10 });
      const answer = await get('/inspection-lots');
      assertProblem(answer, status);
      await cloud.erp.mend();
    }
    assert.equal((await get('/inspection-lots')).status, 200);
  });

  test('class A: the gateway dies behind a create; with the same key there is one document', async () => {
    const key = randomUUID();
    const before = await cloud.count('quality', 'A_Nonconformance');
    const isThere = async () => (await cloud.count('quality', 'A_Nonconformance')) === before + 1;
    await cloud.dieBehind('A_Nonconformance', () => open({ reference: 'DIED' }, { key }), isThere);
    const answer = await cloud.settled(() => open({ reference: 'DIED' }, { key }));
    assert.equal(answer.status, 201, answer.text);
    const rows = await cloud.read('quality', "A_Nonconformance?$filter=ReferenceNumber eq 'DIED'");
    assert.deepEqual(rows.map(({ Nonconformance }) => Nonconformance), [answer.json.id]);
  });

  test('class B: the gateway dies behind a transition; with the same key it is not made again, and told', async () => {
    const rest = '/nonconformances/20000004';
    const how = { key: randomUUID(), etag: await tagOf(rest) };
    const read = () => cloud.read('quality', "A_Nonconformance('20000004')");
    await cloud.dieBehind('Cancel', () => post(`${rest}/cancel`, {}, how), async () => (await read()).NonconformanceStatus === 'CANC');
    const { LastChangeDateTime } = await read();
    const again = await cloud.settled(() => post(`${rest}/cancel`, {}, how));
    assert.deepEqual([again.status, again.json.status], [200, 'cancelled'], again.text);
    assert.deepEqual((await get(rest)).json, again.json);
    assertProblem(await post(`${rest}/cancel`, {}, { etag: how.etag }), 412);
    assert.equal((await read()).LastChangeDateTime, LastChangeDateTime);
  });
});
