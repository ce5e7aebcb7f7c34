// Transitions at the OData server whose answer is lost: who asks again with the same key and the same If-Match is told what came of it.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { skipUnlessInstalled, startCloud } from './support/cloud.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

describe('a transition whose answer is lost is asked for again', () => {
  const suite = suiteScope();
  let cloud;
  before(async () => {
    cloud = await startCloud(suite, { apis: ['erp-production', 'erp-inventory', 'mes', 'wms'] });
  });

  const NEW = {
    order: ['/production-orders', { material: 'PUMP-NW25', quantity: { value: '3', unit: 'H87' }, plannedStart: '2026-11-25', plannedEnd: '2026-11-27' }],
    reservation: ['/reservations', { material: 'BAR-D20', lot: 'L260082', storageLocation: '102A', quantity: { value: '2.5', unit: 'MTR' } }],
    transfer: ['/transfers', { from: '102A', to: '102L', lines: [{ material: 'BAR-D20', lot: 'L260082', quantity: { value: '2.5', unit: 'MTR' } }] }],
  };
  // Of each thing, one after the other: the action, its body, the request that makes it, the state after it.
  const WAYS = [
    ['erp-production', 'order', ['release', {}, 'Release', 'released'], ['start', {}, 'Start', 'started'], ['complete', { reason: 'Enough' }, 'TechnicallyComplete', 'completed']],
    ['erp-production', 'order', ['cancel', {}, 'Cancel', 'cancelled']],
    ['erp-production', '/production-confirmations/7000000001', ['reverse', { reason: 'Wrong order' }, 'Reverse', 'reversed']],
    ['mes', '/production-orders/2000011/operations/0010', ['start', {}, 'Start', 'started'], ['complete', {}, 'A_ProductionConfirmation', 'completed']],
    ['erp-inventory', 'reservation', ['cancel', {}, 'Cancel', 'cancelled']],
    ['wms', 'transfer', ['assign', {}, 'Assign', 'assigned'], ['complete', {}, 'Complete', 'completed']],
    ['wms', 'transfer', ['cancel', {}, 'Cancel', 'cancelled']],
  ];

  async function thing(api, which) {
    if (which.startsWith('/')) return which;
    const [list, body] = NEW[which];
    const made = await cloud.post(api, '1020', list, body);
    assert.equal(made.status, 201, made.text);
    return `${list}/${made.json.id}`;
  }

  const tagOf = async (api, path) => (await cloud.get(api, '1020', path)).headers.etag;

  for (const [api, which, ...steps] of WAYS) {
    test(`${api} ${which}: ${steps.map(([action]) => action).join(', ')}`, async () => {
      const path = await thing(api, which);
      for (const [action, body, match, status] of steps) {
        const how = { key: randomUUID(), etag: await tagOf(api, path) };
        const send = (other) => cloud.post(api, '1020', `${path}/${action}`, body, { ...how, ...other });
        await cloud.erp.spoil('lost', match, { method: 'POST' });
        const lost = await send();
        await cloud.erp.mend();
        assert.ok(lost.status === 502 || lost.status === 503, lost.text);
        const after = await tagOf(api, path);
        assert.notEqual(after, how.etag, `${action}: the server has done it`);
        assertProblem(await send({ key: randomUUID() }), 412);
        const answer = await cloud.settled(send);
        assert.deepEqual([answer.status, answer.json.status, answer.headers.etag], [200, status, after], answer.text);
        assert.equal(await tagOf(api, path), after, `${action}: once`);
      }
    });
  }
});
