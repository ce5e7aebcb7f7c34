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
    assert.deepEqual(answer.json, {});
    assert.equal((await get('/inspection-lots/31000001', { 'if-none-match': answer.headers.etag })).status, 304);
    assertProblem(await get('/inspection-lots/99'), 404);
    assertProblem(await cloud.get(API, '1010', '/inspection-lots/31000001'), 404);
  });
});
