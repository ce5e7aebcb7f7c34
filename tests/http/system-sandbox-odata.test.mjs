// The sandbox's contract against the real OData server.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { odataIsInstalled, startOdata } from '../rigs/odata.mjs';
import { assertProblem, startGateway, suiteScope } from './support/harness.mjs';

const CONTRACT = fileURLToPath(new URL('../../openapi/system-sandbox-odata.v1.yaml', import.meta.url));
const ROOT = '/system/sandbox-odata/v1';

if (!odataIsInstalled()) {
  process.stdout.write('skipped: the OData rig is not installed: run script/bootstrap\n');
  process.exit(77);
}

function order(change = {}) {
  return {
    Supplier: '17300001',
    DocumentCurrency: 'EUR',
    to_PurchaseOrderItem: [{ Material: 'SHEET-2MM', OrderQuantity: 10.5, OrderUnit: 'PC', NetPriceAmount: '48.90' }],
    ...change,
  };
}

describe('system/sandbox-odata', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    const url = await startOdata(suite, { SEED: 'none' });
    const grants = ['/system/sandbox-odata'];
    gw = await startGateway(suite, {
      peer: null,
      contracts: { 'system-sandbox-odata.v1.yaml': readFileSync(CONTRACT, 'utf8') },
      config: {
        backends: {
          'sandbox-erp': {
            url: `${url}/odata/v4/erp`, grants,
            headers: { authorization: `Basic ${Buffer.from('erpclient:pw1').toString('base64')}` },
          },
        },
      },
    });
  });

  const as = (scope) => ({ authorization: `Bearer ${gw.token({ scope })}` });

  test('stock: the list, and one batch by its four keys', async () => {
    const list = await gw.get(`${ROOT}/stock?$top=3&$count=true`);
    assert.equal(list.status, 200, list.text);
    assert.equal(list.json.value.length, 3);
    assert.equal(list.json['@odata.count'], 8);
    const one = await gw.get(`${ROOT}/stock/GREASE-EP2/1010/101D/LOT-0401`);
    assert.equal(one.json.Quantity, 25.125, one.text);
  });

  test('a filter arrives as it was written', async () => {
    const answer = await gw.get(`${ROOT}/stock?$filter=Plant%20eq%20'1020'`);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json.value.map((row) => row.Batch), ['LOT-0202']);
  });

  test('a production order with its operations, 304 by its tag', async () => {
    const answer = await gw.get(`${ROOT}/production-orders/1000001?$expand=to_ProductionOrderOperation`);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.to_ProductionOrderOperation.length, 3);
    const tag = answer.headers.etag;
    const same = await gw.get(`${ROOT}/production-orders/1000001`, { headers: { 'if-none-match': tag } });
    assert.equal(same.status, 304);
  });

  test('a purchase order is created once and read back', async () => {
    const made = await gw.post(`${ROOT}/purchase-orders`, order({ SupplierReference: 'AB-1' }));
    assert.equal(made.status, 201, made.text);
    const number = made.json.PurchaseOrder;
    const read = await gw.get(`${ROOT}/purchase-orders/${number}?$expand=to_PurchaseOrderItem`);
    assert.equal(read.json.SupplierReference, 'AB-1');
    assert.equal(read.json.to_PurchaseOrderItem[0].NetPriceAmount, 48.9);
  });

  test('a refused body does not reach the server', async () => {
    const problem = assertProblem(await gw.post(`${ROOT}/purchase-orders`, order({ Supplier: 'x', Surprise: 1 })), 400);
    const pointers = problem.errors.map((error) => error.pointer);
    assert.ok(pointers.includes('/Supplier') && pointers.includes('/Surprise'), pointers.join());
  });

  test('its own refusals pass as they are', async () => {
    const answer = await gw.post(`${ROOT}/purchase-orders`, order({ Supplier: '99999999' }));
    assert.equal(answer.status, 422);
    assert.equal(answer.json.error.target, 'Supplier');
    assert.equal((await gw.get(`${ROOT}/production-orders/77`)).status, 404);
  });

  test('scopes: reading is not writing', async () => {
    assert.equal((await gw.get(`${ROOT}/stock`, { headers: as('erp:read') })).status, 200);
    assertProblem(await gw.post(`${ROOT}/purchase-orders`, order(), { headers: as('erp:read') }), 403);
    assert.equal((await gw.post(`${ROOT}/purchase-orders`, order(), { headers: as('erp:write') })).status, 201);
    assertProblem(await gw.get(`${ROOT}/stock`, { headers: as('erp:write') }), 403);
  });

  test('keys cannot leave their quotes', async () => {
    for (const id of ["1'or'1", "1000001')/to_X('", '%27', '1000001%27)'])
      assertProblem(await gw.get(`${ROOT}/production-orders/${id.replaceAll("/", "%2F")}`), 400);
  });

  test('the backend\'s credentials are not told', async () => {
    const answer = await gw.get(`${ROOT}/stock?$top=1`);
    assert.ok(!JSON.stringify(answer.rawHeaders).includes('Basic'));
  });
});
