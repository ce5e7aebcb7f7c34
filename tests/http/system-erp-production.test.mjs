// The API erp-production before both real ERPs: what is read is what the ERP says, what is written is found there.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { assertProblem, eventually, suiteScope } from './support/harness.mjs';
import { skipUnlessInstalled, startPlants } from './support/plants.mjs';

skipUnlessInstalled();

const UNIT = { u: 'H87', m: 'MTR', l: 'LTR', kg: 'KGM', PC: 'H87', KG: 'KGM', M: 'MTR' };
const pieces = (value) => ({ value, unit: 'H87' });

describe('erp-production', () => {
  const suite = suiteScope();
  let plants;
  before(async () => {
    plants = await startPlants(suite, { apis: ['system-erp-production'] });
  });

  const at = (plant, rest) => `/system/erp-production/v1/plants/${plant}${rest}`;
  const get = (plant, rest, headers) => plants.get(at(plant, rest), headers);
  const post = (plant, rest, body, how) => plants.post(at(plant, rest), body, how);
  const tagOf = async (plant, rest) => (await get(plant, rest)).headers.etag;
  const move = async (plant, id, action, body = {}, how = {}) =>
    post(plant, `/production-orders/${id}/${action}`, body, { etag: await tagOf(plant, `/production-orders/${id}`), ...how });
  const confirm = (plant, id, body, how) => post(plant, `/production-orders/${id}/confirmations`, body, how);
  const tryton = async (number, ...fields) => (await plants.erp.search('production', [['number', '=', number]], fields))[0];
  const odata = (id) => plants.odata(`A_ProductionOrder('${id}')?$expand=to_ProductionOrderOperation`);
  const broken = (answer) => assertProblem(answer, 422).rule;

  describe('what is read', () => {
    test('Tryton: all orders, in every order, page by page', async () => {
      const theirs = await plants.erp.search('production', [], ['number', 'planned_start_date']);
      for (const [sort, down] of [['id', false], ['-plannedStart', true], ['plannedEnd', false], ['-changedAt', true]]) {
        const ours = await plants.all(at('1010', `/production-orders?sort=${sort}`), 5);
        assert.deepEqual(ours.map(({ id }) => id).toSorted(), theirs.map(({ number }) => number).toSorted(), sort);
        const keys = ours.map((order) => order[sort.replace('-', '')]);
        assert.deepEqual(keys, down ? keys.toSorted().toReversed() : keys.toSorted(), sort);
      }
    });

    test('Tryton: filters', async () => {
      const ids = async (query) => (await get('1010', `/production-orders?${query}`)).json.items.map(({ reference }) => reference).toSorted();
      assert.deepEqual(await ids('material=BRACKET-A'), ['1000001', '1000003']);
      assert.deepEqual(await ids('status=started'), ['1000001', '1000006']);
      assert.deepEqual(await ids('status=completed&material=SHAFT-30'), ['1000010']);
      assert.deepEqual(await ids('reference=1000008'), ['1000008']);
      assert.deepEqual(await ids('status=closed'), []);
      assert.deepEqual(await ids('changedSince=2999-01-01T00:00:00Z'), []);
    });

    test('Tryton: one order with its operations and components', async () => {
      const row = await tryton('6', 'reference', 'quantity', 'product.code', 'inputs.product.code', 'inputs.quantity', 'inputs.uom.symbol',
        'inputs.lot.number', 'works.operation.name', 'works.work_center.name', 'works.sequence');
      const answer = await get('1010', '/production-orders/6');
      assert.equal(answer.status, 200, answer.text);
      const order = answer.json;
      assert.deepEqual([order.material, order.reference, Number(order.quantity.value), order.status],
        [row['product.'].code, row.reference, row.quantity, 'started']);
      assert.deepEqual(
        order.components.map((part) => [part.material, Number(part.required.value), part.required.unit, part.lot]).toSorted(),
        row['inputs.'].map((part) => [part['product.'].code, part.quantity, UNIT[part['uom.'].symbol], part['lot.']?.number]).toSorted());
      assert.deepEqual(
        order.operations.map((step) => [Number(step.line), step.description, step.workCenter]),
        row['works.'].map((work) => [work.sequence, work['operation.'].name, work['work_center.'].name]).toSorted((a, b) => a[0] - b[0]));
      assert.equal((await get('1010', '/production-orders/6', { 'if-none-match': answer.headers.etag })).status, 304);
      assertProblem(await get('1010', '/production-orders/999'), 404);
    });

    test('OData: all orders of the plant, in every order, page by page, and by status', async () => {
      const { value } = await plants.odata("A_ProductionOrder?$filter=ProductionPlant eq '1020'");
      for (const sort of ['id', '-id', 'plannedStart', '-plannedEnd', 'changedAt']) {
        const ours = await plants.all(at('1020', `/production-orders?sort=${sort}`), 7);
        assert.deepEqual(ours.map(({ id }) => id).toSorted(), value.map((row) => row.ManufacturingOrder).toSorted(), sort);
        const keys = ours.map((order) => order[sort.replace('-', '')]);
        assert.deepEqual(keys, sort.startsWith('-') ? keys.toSorted().toReversed() : keys.toSorted(), sort);
      }
      const counts = {};
      for (const status of ['planned', 'released', 'started', 'completed', 'cancelled'])
        counts[status] = (await plants.all(at('1020', `/production-orders?status=${status}`))).length;
      assert.equal(Object.values(counts).reduce((a, b) => a + b), value.length, JSON.stringify(counts));
      assert.ok(counts.planned > 0 && counts.released > 0 && counts.started > 0);
    });

    test('OData: one order with its operations and what its bill says', async () => {
      const row = await odata('2000002');
      const { value: bill } = await plants.odata(`A_BillOfMaterialItem?$filter=Material eq '${row.Material}' and Plant eq '1020'`);
      const answer = await get('1020', '/production-orders/2000002');
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.json.quantity, pieces(String(row.TotalQuantity)));
      assert.deepEqual(answer.json.operations.map((step) => [step.line, step.workCenter, step.confirmed.value]),
        row.to_ProductionOrderOperation.map((step) => [step.ManufacturingOrderOperation, step.WorkCenter, String(step.ConfirmedYieldQuantity)]));
      assert.deepEqual(answer.json.components.map((part) => [part.material, Number(part.required.value)]),
        bill.map((item) => [item.Component, item.ComponentQuantity * row.TotalQuantity]));
      assert.equal((await get('1020', '/production-orders/2000002', { 'if-none-match': answer.headers.etag })).status, 304);
      assertProblem(await get('1020', '/production-orders/999'), 404);
      assertProblem(await get('1020', '/production-orders/1000001'), 404); // of another plant
    });

    test('confirmations of both', async () => {
      const moves = await plants.erp.search('stock.move', [['production_output', '!=', null], ['state', '=', 'done']], ['quantity']);
      const ours = await plants.all(at('1010', '/production-confirmations?sort=-postedAt'), 1);
      assert.deepEqual(ours.map(({ id }) => Number(id)).toSorted(), moves.map(({ id }) => id).toSorted());
      const { value } = await plants.odata("A_ProductionConfirmation?$filter=Plant eq '1020'");
      const theirs = await plants.all(at('1020', '/production-confirmations?sort=postedAt'), 4);
      assert.deepEqual(theirs.map(({ id }) => id).toSorted(), value.map((row) => row.ConfirmationNumber).toSorted());
      const some = await get('1020', '/production-confirmations?productionOrder=2000003&workCenter=MILL-1&from=2026-01-01&to=2999-01-01');
      assert.equal(some.json.items.length, value.filter((row) => row.ManufacturingOrder === '2000003' && row.WorkCenter === 'MILL-1').length);
      for (const [plant, id] of [['1010', ours[0].id], ['1020', theirs[0].id]]) {
        const one = await get(plant, `/production-confirmations/${id}`);
        assert.equal(one.json.id, id, one.text);
        assertProblem(await get(plant, '/production-confirmations/77777'), 404);
      }
    });

    test('what is no cursor, no parameter', async () => {
      for (const plant of ['1010', '1020']) {
        assertProblem(await get(plant, '/production-orders?cursor=abc'), 400);
        assertProblem(await get(plant, '/production-orders?status=lost'), 400);
        assertProblem(await get(plant, '/production-orders?limit=0'), 400);
      }
    });
  });

  describe('what is written', () => {
    const wanted = (material, reference) => ({ material, quantity: pieces('8'), plannedStart: '2026-11-25', plannedEnd: '2026-11-27', reference });

    test('Tryton: an order is created with its bill, released, and found there', async () => {
      const made = await post('1010', '/production-orders', wanted('FRAME-S', 'LINE-7/42'));
      assert.equal(made.status, 201, made.text);
      assert.equal(made.headers.location, `production-orders/${made.json.id}`);
      assert.equal(made.json.reference, 'LINE-7/42');
      const row = await tryton(made.json.id, 'state', 'quantity', 'reference', 'bom.name', 'inputs.quantity', 'inputs.product.code', 'outputs.quantity');
      assert.deepEqual([row.state, row.quantity], ['draft', 8]);
      assert.match(row.reference, /^LINE-7\/42 ~[0-9a-f]{30}$/);
      assert.deepEqual(Object.fromEntries(row['inputs.'].map((part) => [part['product.'].code, part.quantity])),
        { 'SHEET-4MM': 2, 'FOOT-M10': 32, 'PAINT-RAL5010': 1.6 });
      const found = await get('1010', '/production-orders?reference=LINE-7/42');
      assert.deepEqual(found.json.items.map(({ id }) => id), [made.json.id]);
      const released = await move('1010', made.json.id, 'release');
      assert.equal(released.json.status, 'released', released.text);
      assert.equal(released.json.operations.length, 3);
      assert.equal(broken(await move('1010', made.json.id, 'release')), 'order-planned');
      const cancelled = await move('1010', made.json.id, 'cancel');
      assert.equal(cancelled.json.status, 'cancelled', cancelled.text);
      assert.equal((await tryton(made.json.id, 'state')).state, 'cancelled');
    });

    test('Tryton: an order is started, confirmed in parts and completed', async () => {
      const started = await move('1010', '4', 'start');
      assert.equal(started.json.status, 'started', started.text);
      const first = await confirm('1010', '4', { yield: pieces('10') });
      assert.equal(first.status, 201, first.text);
      const [there] = await plants.erp.read('stock.move', Number(first.json.id), ['quantity', 'state', 'production_output.number']);
      assert.deepEqual([there.quantity, there.state, there['production_output.'].number], [10, 'done', '4']);
      assert.deepEqual((await get('1010', '/production-confirmations/' + first.json.id)).json, first.json);
      assert.equal((await get('1010', '/production-orders/4')).json.confirmed.value, '10');
      assert.equal(broken(await confirm('1010', '4', { yield: pieces('15.1') })), 'confirmation-within-open-quantity');
      assert.equal(broken(await confirm('1010', '4', { yield: pieces('0') })), 'confirmation-not-empty');
      assert.equal(broken(await confirm('1010', '4', { yield: { value: '1', unit: 'KGM' } })), 'unit-is-orders');
      assert.equal(broken(await confirm('1010', '4', { yield: pieces('1'), operation: '70' })), 'operation-of-order');
      assertProblem(await confirm('1010', '4', { yield: pieces('1'), scrap: pieces('1') }), 422);
      assert.equal(broken(await move('1010', '4', 'complete')), 'order-confirmed-or-explained');
      const last = await confirm('1010', '4', { yield: pieces('15'), isFinal: true });
      assert.equal(last.json.isFinal, true, last.text);
      const order = (await get('1010', '/production-orders/4')).json;
      assert.deepEqual([order.status, order.confirmed.value], ['completed', '25']);
      assert.equal((await tryton('4', 'state')).state, 'done');
      assert.equal(broken(await confirm('1010', '4', { yield: pieces('1') })), 'order-open-for-confirmation');
      const ended = await move('1010', '1', 'complete', { reason: 'The tool broke' });
      assert.deepEqual([ended.json?.status, ended.json?.confirmed.value], ['completed', '0'], ended.text);
    });

    test('Tryton: a confirmation says in which lot it is and what was used', async () => {
      const used = (material, value, storageLocation, lot, unit = 'H87') => ({ material, quantity: { value, unit }, storageLocation, lot });
      const sheet = used('SHEET-1.5MM', '4', '101A', 'LOT-0202');
      assert.match(assertProblem(await confirm('1010', '9', { yield: pieces('5'), consumed: [used('SHEET-1.5MM', '4', '101A', 'NONE')] }), 422).type, /not-found$/);
      assert.match(assertProblem(await confirm('1010', '9', { yield: pieces('5'), consumed: [used('SHEET-1.5MM', '9000', '101A', 'LOT-0202')] }), 422).type, /refused$/);
      const first = await confirm('1010', '9', { yield: pieces('5'), lot: 'GUARD-77', consumed: [sheet] });
      assert.deepEqual([first.status, first.json?.lot], [201, 'GUARD-77'], first.text);
      const [there] = await plants.erp.read('stock.move', Number(first.json.id), ['lot.number', 'lot.product.code', 'quantity']);
      assert.deepEqual([there['lot.'].number, there.quantity], ['GUARD-77', 5]);
      const inputs = async () => (await plants.erp.search('stock.move', [['production_input.number', '=', '9'], ['state', '=', 'done']], ['product.code', 'quantity', 'lot.number', 'from_location.code']))
        .map((row) => [row['product.'].code, row.quantity, row['lot.']?.number, row['from_location.'].code]).toSorted();
      const [, taken] = await inputs();
      assert.deepEqual(taken, ['SHEET-1.5MM', 4, 'LOT-0202', '101A']); // in place of what the bill says, which has no lot
      assert.match(assertProblem(await confirm('1010', '9', { yield: pieces('5'), consumed: [sheet] }), 422).type, /not-offered$/);
      const second = await confirm('1010', '9', { yield: pieces('5'), lot: 'GUARD-77', consumed: [used('BOLT-M8', '12', '101B')] });
      assert.equal(second.status, 201, second.text);
      assert.deepEqual((await inputs())[0], ['BOLT-M8', 12, undefined, '101B']);
      assert.equal((await plants.erp.search('stock.lot', [['number', '=', 'GUARD-77']], ['number'])).length, 1);
    });

    test('Tryton: a confirmation is taken back while its order is started, and the order is open for it again', async () => {
      const back = async (id, how) => post('1010', `/production-confirmations/${id}/reverse`, { reason: 'Counted twice' },
        { etag: await tagOf('1010', `/production-confirmations/${id}`), ...how });
      assert.equal((await move('1010', '11', 'start')).json.status, 'started');
      const first = await confirm('1010', '11', { yield: pieces('30') });
      const wrong = await confirm('1010', '11', { yield: pieces('50') });
      assert.deepEqual([first.status, wrong.status], [201, 201], wrong.text);
      assert.equal((await get('1010', '/production-orders/11')).json.confirmed.value, '80');
      assertProblem(await back(wrong.json.id, { etag: '"old"' }), 412);
      const key = randomUUID();
      const { etag } = wrong.headers;
      const reversed = await back(wrong.json.id, { key, etag });
      assert.deepEqual([reversed.status, reversed.json?.status], [200, 'reversed'], reversed.text);
      assert.deepEqual((await back(wrong.json.id, { key, etag })).json, reversed.json);
      assert.equal(broken(await back(wrong.json.id)), 'confirmation-posted');
      const [there] = await plants.erp.read('stock.move', Number(reversed.json.reversedBy), ['state', 'quantity', 'origin', 'from_location.code', 'production_input.number']);
      assert.deepEqual([there.state, there.quantity, there.origin, there['from_location.'].code, there['production_input.'].number],
        ['done', 50, `stock.move,${wrong.json.id}`, '101C', '11']);
      const order = (await get('1010', '/production-orders/11')).json;
      assert.deepEqual([order.confirmed.value, order.components.some(({ material }) => material === order.material)], ['30', false]);
      const { outputs } = await tryton('11', 'outputs');
      const open = (await plants.erp.read('stock.move', outputs, ['state', 'quantity'])).filter(({ state }) => state === 'draft');
      assert.deepEqual(open.map(({ quantity }) => quantity), [50]);
      assert.equal(broken(await confirm('1010', '11', { yield: pieces('51') })), 'confirmation-within-open-quantity');
      const last = await confirm('1010', '11', { yield: pieces('50'), isFinal: true });
      assert.equal(last.status, 201, last.text);
      assert.match(assertProblem(await back(last.json.id), 422).type, /not-offered$/);
      assert.deepEqual((await get('1010', '/production-confirmations?productionOrder=11')).json.items.map(({ status }) => status).toSorted(),
        ['posted', 'posted', 'reversed']);
    });

    test('OData: an order is created, released, confirmed and completed', async () => {
      const made = await post('1020', '/production-orders', { ...wanted('PUMP-NW25'), quantity: pieces('10.5') });
      assert.equal(made.status, 201, made.text);
      const there = await odata(made.json.id);
      assert.deepEqual([there.TotalQuantity, there.OrderStatus, there.to_ProductionOrderOperation.length], [10.5, 'CRTD', 4]);
      assert.equal(broken(await confirm('1020', made.json.id, { yield: pieces('1') })), 'order-open-for-confirmation');
      assert.equal((await move('1020', made.json.id, 'release')).json.status, 'released');
      const first = await confirm('1020', made.json.id, { yield: pieces('4.25'), scrap: pieces('0.5'), operation: '0010' });
      assert.equal(first.status, 201, first.text);
      const row = await plants.odata(`A_ProductionConfirmation('${first.json.id}')`);
      assert.deepEqual([row.ConfirmationYieldQuantity, row.ConfirmationScrapQuantity, row.ManufacturingOrder], [4.25, 0.5, made.json.id]);
      assert.equal((await get('1020', `/production-orders/${made.json.id}`)).json.status, 'started');
      assert.equal(broken(await confirm('1020', made.json.id, { yield: pieces('11.551') })), 'confirmation-within-open-quantity');
      assertProblem(await confirm('1020', made.json.id, { yield: pieces('1'), lot: 'L1' }), 422);
      const ended = await move('1020', made.json.id, 'complete', { reason: 'Enough' });
      assert.equal(ended.json.status, 'completed', ended.text);
      assert.equal((await odata(made.json.id)).OrderStatus, 'TECO');
    });

    test('what breaks a rule, cannot be meant or is stale changes nothing', async () => {
      const before = [await plants.erp.search('production', [], ['state']), (await plants.odata('A_ProductionOrder')).value.length];
      for (const [plant, made, bought] of [['1010', 'BRACKET-A', 'BOLT-M8'], ['1020', 'PUMP-NW25', 'BEARING-6202']]) {
        assert.equal(broken(await post(plant, '/production-orders', wanted(bought))), 'material-produced');
        assert.equal(broken(await post(plant, '/production-orders', { ...wanted(made), quantity: { value: '1', unit: 'KGM' } })), 'unit-is-materials');
        assert.equal(broken(await post(plant, '/production-orders', { ...wanted(made), plannedEnd: '2026-11-01' })), 'dates-in-order');
        assertProblem(await post(plant, '/production-orders', wanted('NONE')), 422);
        assertProblem(await post(plant, '/production-orders', { ...wanted(made), quantity: 5 }), 400);
      }
      for (const [plant, id] of [['1010', '8'], ['1020', '2000030']]) {
        assertProblem(await post(plant, `/production-orders/${id}/release`, {}, { etag: '"of yesterday"' }), 412);
        assertProblem(await post(plant, `/production-orders/${id}/release`, {}), 428);
        assertProblem(await post(plant, '/production-orders/99/release', {}, { etag: '"x"' }), 404);
        assertProblem(await confirm(plant, '99', { yield: pieces('1') }), 404);
      }
      assert.equal(broken(await move('1010', '6', 'cancel')), 'order-not-begun');
      const after = [await plants.erp.search('production', [], ['state']), (await plants.odata('A_ProductionOrder')).value.length];
      assert.deepEqual(after, before);
    });

    test('the same key twice: one document, one answer', async () => {
      for (const [plant, material] of [['1010', 'BRACKET-B'], ['1020', 'PUMP-NW32']]) {
        const key = randomUUID();
        const [first, second] = [await post(plant, '/production-orders', wanted(material), { key }), await post(plant, '/production-orders', wanted(material), { key })];
        assert.equal(first.status, 201, first.text);
        assert.equal(second.headers['idempotency-replayed'], 'true');
        assert.deepEqual(second.json, first.json);
        assertProblem(await post(plant, '/production-orders', wanted(material, 'other'), { key }), 422);
      }
    });
  });

  describe('when an ERP fails', () => {
    const cases = [['status', 503], ['rubbish', 502], ['hang', 504], ['cut-before', 503]];

    test('a read says what it is, and the other plant goes on', async () => {
      for (const [plant, other, backend, id] of [['1010', '1020', 'plant1', '6'], ['1020', '1010', 'cloud', '2000002']]) {
        for (const [kind, status] of cases) {
          plants.proxies[backend].fault = { kind };
          const [answer, beside] = await Promise.all([
            get(plant, `/production-orders/${id}`), get(other, `/production-orders/${plant === '1010' ? '2000002' : '6'}`)]);
          plants.proxies[backend].fault = null;
          assertProblem(answer, status);
          assert.doesNotMatch(answer.text, /Maintenance|production\.|A_Production/);
          assert.equal(beside.status, 200, `${kind}: ${beside.text}`);
        }
        assert.equal((await get(plant, `/production-orders/${id}`)).status, 200);
      }
    });
  });

  describe('a gateway is killed between send and answer', () => {
    const again = async (send) => {
      let answer;
      await eventually(async () => {
        answer = await send();
        return !/request-in-flight|outcome-not-recorded|effect-settling|unavailable/.test(answer.text);
      }, 'its own turn', 20_000);
      return answer;
    };
    const killAndReturn = (send, isThere) => plants.dieUnder(send, isThere, eventually);

    test('class A: one confirmation at the OData server', async () => {
      const key = randomUUID();
      const send = () => confirm('1020', '2000015', { yield: pieces('3'), operation: '0010' }, { key });
      const count = async () => (await plants.odata("A_ProductionConfirmation?$filter=ManufacturingOrder eq '2000015'")).value.length;
      plants.proxies.cloud.fault = { kind: 'hold-after', match: /ConfirmationYieldQuantity/ };
      await killAndReturn(send, async () => (await count()) === 1);
      const answer = await again(send);
      assert.equal(answer.status, 201, answer.text);
      assert.equal(await count(), 1);
      assert.equal(answer.json.yield.value, '3');
    });

    test('class C: one order in Tryton', async () => {
      const key = randomUUID();
      const order = { material: 'GUARD-S', quantity: pieces('20'), plannedStart: '2026-11-25', plannedEnd: '2026-11-27', reference: 'KILL-C' };
      const send = (timeoutMs) => post('1010', '/production-orders', order, { key, timeoutMs });
      const count = async () => (await plants.erp.search('production', [['reference', 'like', 'KILL-C%']], ['number'])).length;
      plants.proxies.plant1.fault = { kind: 'hold-after', match: /model\.production\.create/ };
      await killAndReturn(() => send(3000), async () => (await count()) === 1);
      const answer = await again(send);
      assert.equal(answer.status, 201, answer.text);
      assert.equal(await count(), 1);
      assert.equal(answer.json.reference, 'KILL-C');
    });

    test('class D: what was confirmed in Tryton is not confirmed twice', async () => {
      const key = randomUUID();
      const send = (timeoutMs) => confirm('1010', '6', { yield: pieces('2') }, { key, timeoutMs });
      const moves = async () => (await plants.erp.search('stock.move', [['production_output.number', '=', '6']], ['quantity'])).filter(({ quantity }) => quantity === 2);
      const { plant1 } = plants.proxies;
      plant1.seen = {};
      plant1.fault = { kind: 'hold-after', match: /model\.production\.write/ }; // its second write, of no key
      await killAndReturn(() => send(3000), () => plant1.seen['hold-after'] === 1);
      const answer = await again(send);
      assert.equal(assertProblem(answer, 409).type, '/problems/outcome-unknown');
      assert.equal((await moves()).length, 1);
    });
  });
});
