// erp-purchasing before both real ERPs.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { PLANTS, skipUnlessInstalled, startPair } from './support/erp_pair.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

const API = 'erp-purchasing';
const quantity = (value, unit) => ({ value: String(value), unit });
// What is bought at each plant.
const BOUGHT = {
  1010: { supplier: '17300002', material: 'BOLT-M8', unit: 'H87', other: '17300001' },
  1020: { supplier: '27400001', material: 'BAR-D20', unit: 'MTR', other: '27400002' },
};

describe('system/erp-purchasing', () => {
  let pair;
  const suite = suiteScope();
  before(async () => {
    pair = await startPair(suite, { apis: [API] });
  });
  const get = (plant, rest) => pair.get(plant, API, rest);
  const post = (plant, rest, body, more) => pair.write(plant, API, rest, body, more);
  const step = async (plant, rest, action, body = {}) => {
    const { etag } = (await get(plant, rest)).headers;
    return post(plant, `${rest}/${action}`, body, { etag });
  };
  const newOrder = (plant, more = {}) => {
    const { supplier, material, unit } = BOUGHT[plant];
    return { supplier, currency: 'EUR', lines: [{ material, quantity: quantity(12, unit), price: { amount: '0.25', currency: 'EUR' }, deliverOn: '2027-01-15' }], ...more };
  };

  test('orders: all that the ERPs have, page by page', async () => {
    const theirs = await pair.erp.search('purchase.purchase', [['number', '!=', null]], ['number', 'untaxed_amount'], { order: [['number', 'ASC']] });
    const ours = await pair.all('1010', API, '/purchase-orders', 3);
    assert.deepEqual(ours.map(({ id, total }) => [id, total.amount]), theirs.map((row) => [row.number, row.untaxed_amount.decimal]));
    const { value } = await pair.odata("A_PurchaseOrder?$filter=CompanyCode eq '1020'&$orderby=PurchaseOrder&$expand=to_PurchaseOrderItem");
    const cloud = await pair.all('1020', API, '/purchase-orders?sort=-id', 11);
    assert.deepEqual(cloud.map(({ id, supplier, lines }) => [id, supplier, lines.length]).reverse(),
      value.map((row) => [row.PurchaseOrder, row.Supplier, row.to_PurchaseOrderItem.length]));
    for (const [plant, material] of [['1010', 'SHEET-2MM'], ['1020', 'BEARING-6202']]) {
      const found = (await get(plant, `/purchase-orders?material=${material}&sort=-orderedOn`)).json.items;
      assert.ok(found.length > 0 && found.every(({ lines }) => lines.some((line) => line.material === material)));
      assertProblem(await get(plant, '/purchase-orders/NOPE'), 404);
      assertProblem(await get(plant, '/deliveries/NOPE'), 404);
    }
  });

  test('deliveries and confirmations as the ERPs have them', async () => {
    const shipments = await pair.erp.search('stock.shipment.in', [['number', '!=', null]], ['number']);
    assert.equal((await pair.all('1010', API, '/deliveries')).length, shipments.length);
    const { value } = await pair.odata("A_InboundDelivery?$filter=Plant eq '1020'&$orderby=InboundDelivery");
    assert.deepEqual((await pair.all('1020', API, '/deliveries', 3)).map(({ id }) => id), value.map((row) => row.InboundDelivery));
    const said = await pair.odata('A_PurchaseOrderConfirmation?$orderby=PurchaseOrder');
    assert.deepEqual((await pair.all('1020', API, '/purchase-order-confirmations', 4)).map(({ reference }) => reference), said.value.map((row) => row.SupplierReference));
  });

  test('1010: a line comes in parts, with its lots, and what did not come is still open', async () => {
    const material = 'SHEET-4MM';
    const made = await post('1010', '/purchase-orders', { supplier: '17300001', currency: 'EUR', lines: [{ material, quantity: quantity(12, 'H87'), price: { amount: '94.00', currency: 'EUR' }, deliverOn: '2027-01-15' }] });
    const order = `/purchase-orders/${made.json?.id}`;
    assert.equal((await step('1010', order, 'send')).json?.status, 'sent', made.text);
    const announce = (...lines) => post('1010', '/deliveries', { supplier: '17300001', reference: `LS-${lines[0][1] ?? 0}`, expectedOn: '2027-01-16',
      lines: lines.map(([count, lot]) => ({ purchaseOrder: made.json.id, purchaseOrderLine: '1', material, quantity: quantity(count, 'H87'), lot })) });
    const moves = async () => (await pair.erp.search('stock.move', [['purchase.number', '=', made.json.id]], ['quantity', 'state', 'shipment', 'lot.number']))
      .map((row) => [row.quantity, row.state, row.shipment !== null, row['lot.']?.number]).toSorted((a, b) => a[0] - b[0]);

    const first = await announce([5, 'S-5001']);
    assert.equal(first.status, 201, first.text);
    assert.deepEqual(await moves(), [[5, 'draft', true, 'S-5001'], [7, 'draft', false, undefined]]);
    assert.match(assertProblem(await announce([9]), 422).type, /not-offered$/); // so much is not open any more
    assert.equal((await step('1010', `/deliveries/${first.json.id}`, 'cancel')).json?.status, 'cancelled');
    const second = await announce([4, 'S-5001'], [8, 'S-5003']);
    assert.equal(second.status, 201, second.text);
    assert.equal((await pair.erp.search('stock.lot', [['number', '=', 'S-5001']], ['number'])).length, 1); // told twice, and one lot
    assert.deepEqual(await moves(), [[4, 'draft', true, 'S-5001'], [8, 'draft', true, 'S-5003']]);
    const { line } = second.json.lines.find(({ lot }) => lot === 'S-5003');
    const much = await step('1010', `/deliveries/${second.json.id}`, 'receive', { lines: [{ line, quantity: quantity(9, 'H87') }] });
    assert.equal(assertProblem(much, 422).rule, 'receipt-within-announced');
    const received = await step('1010', `/deliveries/${second.json.id}`, 'receive', { lines: [{ line, quantity: quantity(7, 'H87'), lot: 'S-5004' }] });
    assert.deepEqual([received.status, received.json?.status], [200, 'received'], received.text);
    const bought = (await moves()).map(([count, state, , lot]) => [count, state, lot]);
    assert.deepEqual(bought, [[1, 'draft', undefined], [4, 'done', 'S-5001'], [7, 'done', 'S-5004']]);
    const after = (await get('1010', order)).json.lines[0];
    assert.equal(Number(after.received.value), 11);
    assert.equal((await announce([1, 'S-5005'])).status, 201);
  });

  test('1010: the answer of an announcement is lost, and the delivery is received: with its key it is told, as it is now', async () => {
    const made = await post('1010', '/purchase-orders', newOrder('1010'));
    await step('1010', `/purchase-orders/${made.json.id}`, 'send');
    const { supplier, material, unit } = BOUGHT['1010'];
    const notice = { supplier, reference: 'LS-LOST', expectedOn: '2027-01-16',
      lines: [{ purchaseOrder: made.json.id, purchaseOrderLine: made.json.lines[0].line, material, quantity: quantity(12, unit) }] };
    const key = randomUUID();
    pair.faults['1010'].fault = { kind: 'cut-after', times: 1, match: /shipment\.in\.create"/ };
    assertProblem(await post('1010', '/deliveries', notice, { key }), 503);
    const [{ id }] = (await get('1010', '/deliveries?reference=LS-LOST')).json.items;
    assert.equal((await step('1010', `/deliveries/${id}`, 'receive')).json?.status, 'received');
    const told = await pair.again(() => post('1010', '/deliveries', notice, { key }));
    assert.deepEqual([told.status, told.json.id, told.json.status], [201, id, 'received'], told.text);
    assert.equal((await get('1010', '/deliveries?reference=LS-LOST')).json.items.length, 1);
    assert.match(assertProblem(await post('1010', '/deliveries', notice), 422).type, /orders-sent$|delivery-within-open-quantity$/); // another key, another delivery
  });

  for (const plant of PLANTS) {
    const { supplier, material, unit, other } = BOUGHT[plant];
    test(`${plant}: an order from its first day to the delivery`, async () => {
      const key = randomUUID();
      const made = await post(plant, '/purchase-orders', newOrder(plant, { reference: 'BANF-1' }), { key });
      assert.equal(made.status, 201, made.text);
      assert.equal((await post(plant, '/purchase-orders', newOrder(plant, { reference: 'BANF-1' }), { key })).json.id, made.json.id);
      const order = `/purchase-orders/${made.json.id}`;
      const { line } = made.json.lines[0];
      assert.equal(made.json.status, 'draft');
      assert.deepEqual((await get(plant, order)).json, made.json);
      const early = await step(plant, order, `lines/${line}/confirmations`, { answer: 'accepted', quantity: quantity(12, unit), deliverOn: '2027-01-15', reference: 'AB-1' });
      assert.equal(assertProblem(early, 422).rule, 'purchase-order-sent');
      assertProblem(await post(plant, `${order}/send`, {}, { etag: '"1"' }), 412);
      const sent = await step(plant, order, 'send');
      assert.equal(sent.json.status, 'sent', sent.text);
      assert.equal(assertProblem(await step(plant, order, 'send'), 422).rule, 'purchase-order-draft');

      const much = await step(plant, order, `lines/${line}/confirmations`, { answer: 'changed', quantity: quantity(13, unit), deliverOn: '2027-01-15', reference: 'AB-1' });
      assert.equal(assertProblem(much, 422).rule, 'promise-within-ordered');
      const said = await step(plant, order, `lines/${line}/confirmations`, { answer: 'accepted', quantity: quantity(12, unit), deliverOn: '2027-01-15', reference: 'AB-1' });
      assert.equal(said.json.answer, 'accepted', said.text);
      assert.equal((await get(plant, order)).json.status, 'confirmed');
      const listed = await get(plant, `/purchase-order-confirmations?purchaseOrder=${made.json.id}`);
      assert.deepEqual(listed.json.items.map(({ reference }) => reference), ['AB-1']);

      const notice = { supplier, reference: `LS-${plant}`, expectedOn: '2027-01-16',
        lines: [{ purchaseOrder: made.json.id, purchaseOrderLine: line, material, quantity: quantity(12, unit) }] };
      assert.equal(assertProblem(await post(plant, '/deliveries', { ...notice, supplier: other }), 422).rule, 'orders-of-supplier');
      const announced = await post(plant, '/deliveries', notice);
      assert.equal(announced.status, 201, announced.text);
      const delivery = `/deliveries/${announced.json.id}`;
      const extra = await step(plant, delivery, 'receive', { lines: [{ line: '9', quantity: quantity(1, unit) }] });
      assert.equal(assertProblem(extra, 422).rule, 'receipt-lines-of-delivery');
      const received = await step(plant, delivery, 'receive');
      assert.equal(received.json.status, 'received', received.text);
      assert.equal(assertProblem(await step(plant, delivery, 'cancel'), 422).rule, 'delivery-announced');
      const after = (await get(plant, order)).json.lines[0];
      assert.deepEqual([Number(after.received.value), after.status], [12, 'received']);
      assert.equal(assertProblem(await step(plant, order, 'cancel'), 422).rule.length > 0, true);
      if (plant === '1010') {
        const [theirs] = await pair.erp.search('purchase.purchase', [['number', '=', made.json.id]], ['state', 'lines.note', 'reference']);
        assert.equal(theirs['lines.'][0].note, 'accepted AB-1');
        assert.match(theirs.reference, /^BANF-1 ~[0-9a-f]{30}$/);
      } else {
        assert.equal((await pair.odata(`A_PurchaseOrder('${made.json.id}')`)).PurchasingStatus, 'SENT');
        assert.equal((await pair.odata(`A_InboundDelivery('${announced.json.id}')`)).DeliveryStatus, 'RECD');
      }
    });

    test(`${plant}: what is cancelled, and what is refused`, async () => {
      const made = await post(plant, '/purchase-orders', newOrder(plant));
      const order = `/purchase-orders/${made.json.id}`;
      const cancelled = await step(plant, order, 'cancel');
      assert.equal(cancelled.json.status, 'cancelled', cancelled.text);
      assert.equal(assertProblem(await step(plant, order, 'cancel'), 422).rule, 'purchase-order-cancellable');
      const usd = newOrder(plant);
      usd.lines[0].price.currency = 'USD';
      assert.equal(assertProblem(await post(plant, '/purchase-orders', usd), 422).rule, 'prices-in-currency');
      assertProblem(await post(plant, '/purchase-orders', newOrder(plant, { supplier: '99999999' })), 422);
      assertProblem(await post(plant, '/purchase-orders', newOrder(plant, { lines: [] })), 400);

      const second = await post(plant, '/purchase-orders', newOrder(plant));
      await step(plant, `/purchase-orders/${second.json.id}`, 'send');
      const notice = { supplier, reference: `LC-${plant}`, expectedOn: '2027-01-16',
        lines: [{ purchaseOrder: second.json.id, purchaseOrderLine: second.json.lines[0].line, material, quantity: quantity(12, unit) }] };
      const announced = await post(plant, '/deliveries', notice);
      const gone = await step(plant, `/deliveries/${announced.json.id}`, 'cancel');
      assert.equal(gone.json.status, 'cancelled', gone.text);
      assert.equal((await get(plant, `/purchase-orders/${second.json.id}`)).json.lines[0].status, 'open');
    });

    test(`${plant}: the gateway is killed while an order is on its way: one order`, async () => {
      const key = randomUUID();
      const body = newOrder(plant, { reference: 'KILLED' });
      body.lines[0].quantity.value = '4711';
      const send = (headers) => post(plant, '/purchase-orders', body, { key, headers });
      await pair.killDuring(plant, plant === '1010' ? /purchase\.purchase\.create"/ : /to_PurchaseOrderItem/, send);
      const made = await pair.again(send);
      assert.equal(made.status, 201, made.text);
      const found = (await pair.all(plant, API, '/purchase-orders')).filter(({ lines }) => lines[0]?.quantity.value === '4711');
      assert.deepEqual(found.map(({ id }) => id), [made.json.id]);
    });

    test(`${plant}: the gateway is killed while an order is sent: it is sent once, and its caller is told so`, async () => {
      const made = await post(plant, '/purchase-orders', newOrder(plant));
      const order = `/purchase-orders/${made.json.id}`;
      const { etag } = (await get(plant, order)).headers;
      const key = randomUUID();
      const send = (headers) => post(plant, `${order}/send`, {}, { key, etag, headers });
      await pair.killDuring(plant, plant === '1010' ? /purchase\.purchase\.confirm"/ : /PurchasingStatus/, send);
      const answer = await pair.again(send);
      assert.deepEqual([answer.status, answer.json.status], [200, 'sent'], answer.text);
      assert.deepEqual((await get(plant, order)).json, answer.json);
      assertProblem(await post(plant, `${order}/send`, {}, { etag }), 412);
    });
  }
});
