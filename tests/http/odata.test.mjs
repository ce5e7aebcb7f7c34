// Flows over the connector `odata`: the real gateway before the real server with its second plant, V4 and V2.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { odataClient, odataIsInstalled, startOdata } from '../rigs/odata.mjs';
import { startRedis } from '../rigs/redis.mjs';
import { peerContract } from './support/config.mjs';
import { assertProblem, makeFolder, startGateway, suiteScope } from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

if (!odataIsInstalled()) {
  process.stdout.write('skipped: the OData rig is not installed: run script/bootstrap\n');
  process.exit(77);
}

const ROOT = '/system/erp/v1';
const grants = ['/system/*'];
const POLICIES = ['body_limit', 'headers', 'jwt', 'authorise', 'schema', 'idempotency'].map((name) => ({ [name]: {} }));

const flow = (name, list) => ({ document: { dsl: '1.0.0', namespace: 'erp', name, version: '1.0.0' }, do: list });
const answer = (body, more = {}) => ({ answer: { set: { body, ...more } } });

const flowsOf = (backend) => ({
  [`levels-${backend}`]: flow(`levels-${backend}`, [
    { read: { call: 'odata.list', with: {
      backend, entity: 'A_MaterialStock', filter: { Plant: '1020', Material: '${ .parameters.material }' },
      select: ['Material', 'Batch', 'Quantity', 'BaseUnit'], count: true,
    } } },
    answer('${ . }'),
  ]),
  [`order-${backend}`]: flow(`order-${backend}`, [
    { read: { call: 'odata.read', with: {
      backend, entity: 'A_ProductionOrder', key: '${ .parameters.order }', expand: ['to_ProductionOrderOperation'],
    } } },
    answer('${ . }', { headers: { etag: '${ .["@etag"] }' } }),
  ]),
  [`confirm-${backend}`]: flow(`confirm-${backend}`, [
    { post: { call: 'odata.create', with: {
      backend, entity: 'A_ProductionConfirmation', adopt: { field: 'ExternalReference', length: 40, prefix: 'MG-' },
      body: {
        ManufacturingOrder: '${ .parameters.order }', ManufacturingOrderOperation: '${ .body.operation }',
        ConfirmationYieldQuantity: { $decimal: '${ .body.quantity }' },
      },
    } } },
    answer({ number: '${ .ConfirmationNumber }', reference: '${ .ExternalReference }' }),
  ]),
});

const text = { type: 'string' };
const inPath = (name) => ({ name, in: 'path', required: true, schema: text });
const done = { default: { description: 'As the flow answers.' } };

function paths(backend) {
  const by = (name) => ({ 'x-millgate': { flow: `erp/${name}-${backend}` } });
  return {
    [`/${backend}/levels/{material}`]: { parameters: [inPath('material')], get: { operationId: `levels-${backend}`, responses: done, ...by('levels') } },
    [`/${backend}/orders/{order}`]: { parameters: [inPath('order')], get: { operationId: `order-${backend}`, responses: done, ...by('order') } },
    [`/${backend}/orders/{order}/confirmations`]: { parameters: [inPath('order')], post: {
      operationId: `confirm-${backend}`, ...by('confirm'), responses: { 201: { description: 'Confirmed.' }, ...done },
      requestBody: { required: true, content: { 'application/json': { schema: {
        type: 'object', required: ['operation', 'quantity'], properties: { operation: text, quantity: text },
      } } } },
    } },
  };
}

describe('odata', () => {
  const suite = suiteScope();
  let gw, erp;

  before(async () => {
    const url = await startOdata(suite, { RIG_FAULTS: '1' });
    erp = odataClient(url);
    const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
    suite.after(() => redis.stop('SIGKILL'));
    const folder = join(makeFolder(), 'flows');
    mkdirSync(folder, { recursive: true });
    for (const [name, document] of Object.entries({ ...flowsOf('v4'), ...flowsOf('v2') }))
      writeFileSync(join(folder, `${name}.flow.yaml`), JSON.stringify(document));
    const backend = (version) => ({
      url: `${url}/odata/${version}/erp`, grants, headers: { authorization: erp.authorization }, odata: { version },
    });
    gw = await startGateway(suite, {
      issuer: new Issuer(), peer: null,
      contracts: { 'erp.v1.yaml': peerContract({ name: 'erp', backend: 'v4', paths: { ...paths('v4'), ...paths('v2') } }) },
      config: { redis: redis.url, extra: { flows: [folder] }, backends: { v4: backend('v4'), v2: backend('v2') }, policies: POLICIES },
    });
  });

  const levels = async (version, material) => gw.get(`${ROOT}/${version}/levels/${encodeURIComponent(material)}`);

  test('a list says what the server says, in both versions', async () => {
    const { value } = await erp.get("/odata/v4/erp/A_MaterialStock?$filter=Plant%20eq%20'1020'%20and%20Material%20eq%20'PUMP-NW25'");
    assert.equal(value.length, 1);
    for (const version of ['v4', 'v2']) {
      const got = await levels(version, 'PUMP-NW25');
      assert.equal(got.status, 200, got.text);
      assert.equal(got.json.count, 1);
      assert.equal(got.json.items[0].Batch, value[0].Batch);
      assert.equal(Number(got.json.items[0].Quantity), value[0].Quantity);
    }
  });

  test('a caller\'s words stay a value', async () => {
    for (const version of ['v4', 'v2'])
      for (const material of ["' or 1 eq 1 or Material eq '", "PUMP-NW25'", 'a&$top=1', '%27', 'x)']) {
        const got = await levels(version, material);
        assert.equal(got.status, 200, got.text);
        assert.deepEqual(got.json.items, [], material);
      }
  });

  test('an order with its operations, its tag, and none', async () => {
    for (const version of ['v4', 'v2']) {
      const got = await gw.get(`${ROOT}/${version}/orders/2000001`);
      assert.equal(got.status, 200, got.text);
      assert.equal(got.json.to_ProductionOrderOperation.length, 4);
      assert.match(got.json.PlannedStartDate, /^\d{4}-\d\d-\d\d$/);
      assert.equal((await gw.get(`${ROOT}/${version}/orders/2000001`, { headers: { 'if-none-match': got.headers.etag } })).status, 304);
      assertProblem(await gw.get(`${ROOT}/${version}/orders/none`), 404);
    }
  });

  test('a confirmation is there once, also when the answer is lost', async () => {
    for (const [version, order] of [['v4', '2000011'], ['v2', '2000012']]) {
      const confirm = (key) => gw.post(`${ROOT}/${version}/orders/${order}/confirmations`,
        { operation: '0010', quantity: '3.000' }, { headers: { 'idempotency-key': key } });
      await erp.spoil('lost', `/${version}/erp/A_ProductionConfirmation`, { method: 'POST' });
      let made = await confirm(`"${version}-1"`);
      if (made.status !== 201) made = await confirm(`"${version}-1"`);
      assert.equal(made.status, 201, made.text);
      const { value } = await erp.get(`/odata/v4/erp/A_ProductionConfirmation?$filter=ManufacturingOrder%20eq%20'${order}'`);
      assert.equal(value.length, 1);
      assert.equal(value[0].ConfirmationNumber, made.json.number);
      assert.equal(value[0].ExternalReference, made.json.reference);
      assert.equal(value[0].ConfirmationYieldQuantity, 3);
    }
  });

  test('what stands before the server and answers in its place confirms nothing', async () => {
    const confirm = () => gw.post(`${ROOT}/v4/orders/2000013/confirmations`, { operation: '0010', quantity: '1.000' },
      { headers: { 'idempotency-key': '"shape"' } });
    await erp.spoil('shape', '/v4/erp/A_ProductionConfirmation', { method: 'POST' });
    const first = await confirm();
    const made = first.status === 201 ? first : await confirm();
    assert.equal(made.status, 201, made.text);
    const { value } = await erp.get("/odata/v4/erp/A_ProductionConfirmation?$filter=ManufacturingOrder%20eq%20'2000013'");
    assert.deepEqual(value.map(({ ConfirmationNumber }) => ConfirmationNumber), [made.json.number]);
  });

  test('the server\'s rules are a refusal, its words are not the caller\'s', async () => {
    for (const version of ['v4', 'v2']) {
      const tooMuch = await gw.post(`${ROOT}/${version}/orders/2000013/confirmations`, { operation: '0010', quantity: '99999' },
        { headers: { 'idempotency-key': `"${version}-2"` } });
      const problem = assertProblem(tooMuch, 422);
      assert.ok(!JSON.stringify(problem).includes('only'), tooMuch.text);
      const notReleased = await gw.post(`${ROOT}/${version}/orders/2000030/confirmations`, { operation: '0010', quantity: '1' },
        { headers: { 'idempotency-key': `"${version}-3"` } });
      assertProblem(notReleased, 409);
    }
  });

  test('rubbish and silence have their problems', async () => {
    for (const [kind, status] of [['html', 502], ['cut-json', 502], ['shape', 502], ['busy', 503]]) {
      await erp.spoil(kind, '/v4/erp/A_ProductionOrder', { times: 5 });
      const got = await gw.get(`${ROOT}/v4/orders/2000001`);
      await erp.mend();
      assertProblem(got, status);
    }
  });
});
