// Flows over the connector `soap`: the real gateway before a MES that speaks SOAP 1.1 and 1.2.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { startRedis } from '../rigs/redis.mjs';
import { MES_USER, soapIsInstalled, startMes } from '../rigs/soap.mjs';
import { peerContract } from './support/config.mjs';
import { assertProblem, makeFolder, startGateway, suiteScope } from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

if (!soapIsInstalled()) {
  process.stdout.write('skipped: the SOAP rig is not installed: run script/bootstrap\n');
  process.exit(77);
}

const ROOT = '/system/mes/v1';
const NAMESPACE = 'urn:plant:mes:v1';
const VERSIONS = ['v11', 'v12'];
const POLICIES = ['body_limit', 'headers', 'jwt', 'authorise', 'schema', 'idempotency'].map((name) => ({ [name]: {} }));

const flow = (name, list) => ({ document: { dsl: '1.0.0', namespace: 'mes', name, version: '1.0.0' }, do: list });
const answer = (body, more = {}) => ({ answer: { set: { body, ...more } } });
const action = (name) => `${NAMESPACE}/${name}`;

const report = {
  order: '${ .parameters.order }', operation: '${ .body.operation }', quantity: '${ .body.quantity }',
  reference: '${ .body.reference }', serial: '${ .body.serials }',
};

const flowsOf = (backend) => ({
  operations: [
    { read: { call: 'soap.read', with: {
      backend, operation: action('getOperations'), body: { getOperations: { order: '${ .parameters.order }' } },
      arrays: ['operation'], expect: 'getOperationsResponse',
    } } },
    answer('${ . }'),
  ],
  template: [
    { read: { call: 'soap.read', with: {
      backend, operation: action('getOperations'), values: { order: '${ .parameters.order }' },
      template: '<m:getOperations xmlns:m="urn:plant:mes:v1"><m:order>{{order}}</m:order></m:getOperations>',
    } } },
    answer('${ . }'),
  ],
  report: [
    { tries: { try: [
      { post: { call: 'soap.call', with: {
        backend, operation: action('reportProduction'), body: { reportProduction: report }, expect: 'reportProductionResponse',
        lookup: {
          operation: action('findReports'), body: { findReports: { reference: '${ .body.reference }' } },
          expect: 'findReportsResponse', list: 'report', result: { report: 'number' },
        },
      } } },
    ], catch: { errors: { with: { type: 'https://millgate.dev/errors/in-doubt' } },
      retry: { when: '${ true }', delay: { seconds: 1 }, backoff: { constant: {} }, limit: { attempt: { count: 8 } } } } } },
    answer({ number: '${ .report }' }),
  ],
  blind: [
    { post: { call: 'soap.call', with: {
      backend, operation: action('reportProduction'), body: { reportProduction: report }, expect: 'reportProductionResponse',
    } } },
    answer({ number: '${ .report }' }),
  ],
  caught: [
    { tries: { try: [
      { post: { call: 'soap.call', with: { backend, operation: action('reportProduction'), body: { reportProduction: report } } } },
    ], catch: { errors: { with: { type: 'https://millgate.dev/errors/conflict' } }, do: [{ said: { set: { body: { caught: true } } } }] } } },
  ],
});

const text = { type: 'string' };
const done = { default: { description: 'As the flow answers.' } };
const inPath = { name: 'order', in: 'path', required: true, schema: text };

function paths(backend) {
  const read = (name) => ({ parameters: [inPath], get: { operationId: `${name}-${backend}`, responses: done, 'x-millgate': { flow: `mes/${name}-${backend}` } } });
  const write = (name) => ({ parameters: [inPath], post: {
    operationId: `${name}-${backend}`, 'x-millgate': { flow: `mes/${name}-${backend}` },
    responses: { 201: { description: 'Reported.' }, ...done },
    requestBody: { required: true, content: { 'application/json': { schema: {
      type: 'object', required: ['operation', 'quantity', 'reference', 'serials'],
      properties: { operation: text, quantity: text, reference: text, serials: { type: 'array', items: text } },
    } } } },
  } });
  const at = (name) => `/${backend}/${name}/{order}`;
  return { [at('operations')]: read('operations'), [at('template')]: read('template'),
    [at('report')]: write('report'), [at('blind')]: write('blind'), [at('caught')]: write('caught') };
}

describe('soap', () => {
  const suite = suiteScope();
  let gw, mes;

  before(async () => {
    mes = await startMes(suite);
    const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
    suite.after(() => redis.stop('SIGKILL'));
    const folder = join(makeFolder(), 'flows');
    mkdirSync(folder, { recursive: true });
    for (const backend of [...VERSIONS, 'stranger'])
      for (const [name, list] of Object.entries(flowsOf(backend)))
        writeFileSync(join(folder, `${name}-${backend}.flow.yaml`), JSON.stringify(flow(`${name}-${backend}`, list)));
    const backend = (more) => ({
      url: mes.url, grants: ['/system/*'], total_timeout: '3s', retry: { attempts: 1 }, breaker: { failures: 1000 },
      effects: { class: 'C', settle: '1s' },
      soap: { namespace: NAMESPACE, ...MES_USER, faults: { OrderLocked: 'conflict', UnknownOrder: 'not-found' }, ...more },
    });
    gw = await startGateway(suite, {
      issuer: new Issuer(), peer: null,
      contracts: { 'mes.v1.yaml': peerContract({ name: 'mes', backend: 'v11', paths: Object.assign({}, ...[...VERSIONS, 'stranger'].map(paths)) }) },
      config: { redis: redis.url, extra: { flows: [folder] }, policies: POLICIES, backends: {
        v11: backend({ version: 1.1, path: '/mes', password_type: 'text', timestamp: true }),
        v12: backend({ version: '1.2', path: '/mes12' }),
        stranger: backend({ path: '/mes', password: 'wrong' }),
      } },
    });
  });

  let keys = 0;
  const body = (more = {}) => ({ operation: '10', quantity: '1.250', reference: `ref-${keys}`, serials: [], ...more });
  const post = (name, version, order, value, key = `"k-${++keys}"`) =>
    gw.post(`${ROOT}/${version}/${name}/${encodeURIComponent(order)}`, value, { headers: { 'idempotency-key': key } });
  const operations = (version, order, name = 'operations') => gw.get(`${ROOT}/${version}/${name}/${encodeURIComponent(order)}`);

  test('what is read is what the MES holds: lists, nil, digits, umlauts', async () => {
    for (const version of VERSIONS) {
      const got = await operations(version, 'PO-1');
      assert.equal(got.status, 200, got.text);
      assert.deepEqual(got.json, { order: 'PO-1', operation: [
        { number: '10', name: 'Sägen & Bohren', done: '3.250', finished: '2026-11-20T06:00:00Z' },
        { number: '20', name: 'Montage', done: '0', finished: null },
      ] });
      assert.equal((await operations(version, 'PO-2')).json.operation.length, 1);
      assert.equal((await operations(version, 'PO-EMPTY')).json.operation, undefined);
      const filled = await operations(version, 'PO-2', 'template');
      assert.equal(filled.json.getOperationsResponse.operation.name, 'Sägen', filled.text);
    }
  });

  test('a caller\'s words stay a value', async () => {
    for (const version of VERSIONS)
      for (const order of ['</order><order>PO-1', 'PO-1<!--', '&x;', ']]>', '{{order}}', "' \"", '<![CDATA[PO-1]]>'])
        for (const name of ['operations', 'template']) assertProblem(await operations(version, order, name), 404);
  });

  test('a report stands in the MES as it was sent', async () => {
    for (const version of VERSIONS) {
      const made = await post('report', version, 'PO-1', body({ quantity: '12345678901234567.250', reference: `a&<${version}>`, serials: ['x', 'y & z'] }));
      assertProblem(made, 409); // beyond 1000 the rig says that the order is locked
      const right = await post('report', version, 'PO-1', body({ reference: `a&<${version}>`, serials: ['x', 'y & z'] }));
      assert.equal(right.status, 201, right.text);
      const found = (await mes.reports()).filter((one) => one.reference === `a&<${version}>`);
      assert.deepEqual(found, [{ number: right.json.number, order: 'PO-1', operation: '10', quantity: '1.25', reference: `a&<${version}>`, serial: ['x', 'y & z'] }]);
    }
  });

  test('faults are refusals, conflicts, doubts; their words are not the caller\'s', async () => {
    for (const version of VERSIONS) {
      const refused = assertProblem(await post('report', version, 'PO-1', body({ quantity: '-1' })), 422);
      assert.ok(!JSON.stringify(refused).includes('positive'));
      assertProblem(await post('report', version, 'none', body()), 404);
      assertProblem(await post('blind', version, 'PO-1', body({ quantity: '999' })), 502);
      const caught = await post('caught', version, 'PO-1', body({ quantity: '5000' }));
      assert.deepEqual(caught.json, { caught: true }, caught.text);
    }
    const denied = assertProblem(await operations('stranger', 'PO-1'), 502);
    assert.ok(!JSON.stringify(denied).includes('who are you'));
  });

  test('an answer that is lost: with a lookup it is there once, without it is not sent again', async () => {
    for (const version of VERSIONS) {
      const value = body({ reference: `lost-${version}` });
      const count = async (reference) => (await mes.reports()).filter((one) => one.reference === reference).length;
      await mes.spoil('lost', { on: 'reportProduction' });
      const again = await post('report', version, 'PO-2', value, `"lost-${version}"`);
      assert.equal(again.status, 201, again.text);
      assert.equal(await count(value.reference), 1);
      assert.equal((await mes.reports()).find((one) => one.reference === value.reference).number, again.json.number);

      const blind = body({ reference: `blind-${version}` });
      await mes.spoil('lost', { on: 'reportProduction' });
      assertProblem(await post('blind', version, 'PO-2', blind, `"blind-${version}"`), 502);
      for (let i = 0; i < 2; i++) assertProblem(await post('blind', version, 'PO-2', blind, `"blind-${version}"`), 409);
      await mes.mend();
      assert.equal(await count(blind.reference), 1);
    }
  });

  test('rubbish, silence, and documents that would have us read files', async () => {
    for (const [kind, status] of [['html', 502], ['html-500', 503], ['busy', 503], ['cut-xml', 502], ['bomb', 502], ['theft', 502],
      ['empty', 502], ['other', 502], ['mtom', 502], ['slow', 504], ['lost', 503]]) {
      await mes.spoil(kind);
      const got = await operations('v11', 'PO-1');
      await mes.mend();
      assertProblem(got, status);
    }
    for (const kind of ['latin1', 'utf16']) {
      await mes.spoil(kind);
      assert.equal((await operations('v11', 'PO-1')).json.operation?.[0].name, 'Sägen & Bohren', kind);
    }
  });

  test('a write whose answer is rubbish is in doubt', async () => {
    for (const kind of ['html', 'cut-xml', 'mtom', 'html-500', 'empty']) {
      await mes.spoil(kind, { on: 'reportProduction' });
      const problem = assertProblem(await post('blind', 'v11', 'PO-1', body({ reference: kind })), 502);
      assert.match(problem.type, /effect-in-doubt/, kind);
      await mes.mend();
    }
  });
});
