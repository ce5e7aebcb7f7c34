// Operations that flows fulfil: real gateways, real Redis, a factory behind them that counts what it is asked to do.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startRedis } from '../rigs/redis.mjs';
import { peerContract } from './support/config.mjs';
import { assertProblem, eventually, makeFolder, prepareGateway, runProgram, startGateway } from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

const ROOT = '/system/stock/v1';
const VIEW = '/system/overview/v1';
const grants = ['/system/*'];

/** The backend: levels by material, and movements that it counts. */
class Factory {
  levels = { bolt: { material: 'bolt', quantity: '12.50', unit: 'PC', version: 3 },
    long: { material: 'long', quantity: 12345678901234567890.123456789, raw: true } };
  movements = [];
  requests = [];
  held = [];

  async start() {
    this.server = http.createServer((request, response) => this.#serve(request, response));
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async #serve(request, response) {
    if (request.method === 'HEAD') return void response.end(); // the gateway asks whether we are there
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces).toString();
    this.requests.push({ method: request.method, url: request.url, headers: request.headers, body });
    if (this.fault === 'die') return void request.socket.destroy();
    if (this.fault === 'hang') await new Promise((resolve) => this.held.push(resolve));
    if (this.fault === 'html') return void response.writeHead(200, { 'content-type': 'application/json' }).end('<html>');
    if (typeof this.fault === 'number')
      return void response.writeHead(this.fault, { 'content-type': 'application/json', 'retry-after': '2' })
        .end('{"error":{"code":"E1","message":"secret inner words"}}');
    if (request.method === 'POST') return this.#move(request, response, body);
    const name = decodeURIComponent(request.url.split('?')[0].split('/')[2] ?? '');
    if (name === 'long') return this.#say(response, 200, '{"material":"long","quantity":12345678901234567890.123456789,"version":1}');
    const level = this.levels[name];
    if (name === '') return this.#say(response, 200, JSON.stringify(Object.values(this.levels)));
    return this.#say(response, level ? 200 : 404, JSON.stringify(level ?? { error: { code: 'NONE' } }));
  }

  #say(response, status, text) {
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  }

  #move(request, response, body) {
    this.movements.push({ key: request.headers['idempotency-key'], ...JSON.parse(body) });
    if (this.fault === 'die-after') return void request.socket.destroy();
    return this.#say(response, 201, JSON.stringify({ id: this.movements.length }));
  }

  release() {
    this.fault = undefined;
    for (const resolve of this.held.splice(0)) resolve();
  }

  async stop() {
    this.release();
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

function flow(name, list, more = {}) {
  return { document: { dsl: '1.0.0', namespace: 'stock', name, version: '1.0.0' }, do: list, ...more };
}

const readLevel = { call: 'http.request', with: {
  backend: 'factory', path: '/levels/{material}', parameters: { material: '${ .parameters.material }' },
} };

const flows = {
  'read-level': flow('read-level', [
    { read: readLevel },
    { answer: { set: {
      body: { material: '${ .material }', quantity: '${ .quantity }' },
      headers: { etag: '${ "\\"v\\(.version)\\"" }', 'X-From': 'factory' },
    } } },
  ]),
  'post-movement': flow('post-movement', [
    { move: { call: 'http.request', with: {
      backend: 'factory', method: 'POST', path: '/movements',
      body: { material: '${ .body.material }', by: '${ .identity.subject }', quantity: '${ .body.quantity }' },
    } } },
    { answer: { set: { body: { movement: '${ .id }' } } } },
  ]),
  refuse: flow('refuse', [
    { no: { raise: { error: {
      type: 'https://example.test/errors/blocked-lot', title: 'The lot is blocked', status: 422,
      detail: '${ "Lot \\(.parameters.lot) is blocked" }',
    } } } },
  ]),
  nothing: flow('nothing', [{ done: { set: {} } }]),
  wrong: flow('wrong', [{ done: { set: { body: 1, status: 99 } } }]),
  'show-input': flow('show-input', [{ answer: { set: { body: '${ . }' } } }]),
  'two-writes': flow('two-writes', [
    { first: { call: 'http.request', with: { backend: 'factory', method: 'POST', path: '/movements', body: { n: 1 } } } },
    { second: { call: 'http.request', with: { backend: 'factory', path: '/levels/none' } } },
  ]),
  view: flow('view', [
    { level: { call: 'openapi', with: { document: { endpoint: 'x' }, operationId: 'readLevel', parameters: { material: '${ .parameters.material }' } } } },
    { answer: { set: { body: { level: '${ . }' } } } },
  ]),
  loop: flow('loop', [
    { again: { call: 'openapi', with: { document: { endpoint: 'x' }, operationId: 'loop' } } },
    { answer: { set: { body: '${ . }' } } },
  ]),
  'move-through': flow('move-through', [
    { move: { call: 'openapi', with: { document: { endpoint: 'x' }, operationId: 'postMovement', body: '${ .body }' } } },
    { answer: { set: { body: '${ . }' } } },
  ]),
};

const by = (name, more = {}) => ({ 'x-millgate': { flow: `stock/${name}`, ...more } });
const material = { name: 'material', in: 'path', required: true, schema: { type: 'string' } };

function operation(operationId, more = {}) {
  return { operationId, responses: { default: { description: 'As the flow answers.' } }, ...more };
}

const movement = { requestBody: { required: true, content: { 'application/json': { schema: {
  type: 'object', required: ['material'], properties: { material: { type: 'string' }, quantity: { type: 'string' } },
} } } } };

function stockContract() {
  return peerContract({
    name: 'stock', backend: 'factory',
    paths: {
      '/levels/{material}': { parameters: [material], get: operation('readLevel', by('read-level')) },
      '/movements': { post: operation('postMovement', {
        ...movement, ...by('post-movement'), responses: { 201: { description: 'It is posted.' }, default: { description: 'Not.' } },
      }) },
      '/lots/{lot}': { get: operation('readLot', {
        parameters: [{ name: 'lot', in: 'path', required: true, schema: { type: 'string' } }], ...by('refuse'),
      }) },
      '/nothing': { get: operation('nothing', by('nothing')), delete: operation('deleteNothing', {
        ...by('nothing'), responses: { 204: { description: 'Gone.' } },
      }) },
      '/wrong': { get: operation('wrong', by('wrong')) },
      '/input/{n}': { post: operation('showInput', {
        ...by('show-input'), requestBody: { content: { 'application/json': {} } },
        parameters: [
          { name: 'n', in: 'path', required: true, schema: { type: 'integer' } },
          { name: 'text', in: 'query', schema: { type: 'string' } },
          { name: 'list', in: 'query', schema: { type: 'array', items: { type: 'integer' } } },
          { name: 'flag', in: 'query', schema: { type: 'boolean' } },
          { name: 'X-Line', in: 'header', schema: { type: 'string' } },
        ],
      }) },
      '/two': { post: operation('two', by('two-writes')) },
      '/plain/{material}': { parameters: [material], get: operation('plain', {
        'x-millgate': { backend_path: '/levels/{material}' },
      }) },
    },
  });
}

function viewContract({ scope } = {}) {
  return peerContract({
    name: 'overview', backend: 'factory', scope,
    paths: {
      '/levels/{material}': { parameters: [material], get: operation('viewLevel', by('view')) },
      '/loop': { get: operation('loop', by('loop')) },
      '/movements': { post: operation('moveThrough', { ...movement, ...by('move-through') }) },
    },
  });
}

const CHAIN = ['body_limit', 'headers', 'jwt', 'authorise', 'rate_limit', 'schema'].map((name) => ({ [name]: {} }));

function writeFlows(dir, all) {
  mkdirSync(dir, { recursive: true });
  for (const [name, document] of Object.entries(all))
    writeFileSync(join(dir, `${name}.flow.yaml`), typeof document === 'string' ? document : JSON.stringify(document));
}

async function start(t, { effects, all = flows, contracts = {}, backend = {}, more = {}, prepare = startGateway } = {}) {
  const factory = await new Factory().start();
  t.after(() => factory.stop());
  const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
  t.after(() => redis.stop('SIGKILL'));
  const folder = join(makeFolder(), 'flows');
  writeFlows(folder, all);
  const gw = await prepare(t, {
    issuer: new Issuer(), peer: null,
    contracts: { 'stock.v1.yaml': stockContract(), 'overview.v1.yaml': viewContract(), ...contracts },
    config: {
      redis: redis.url, extra: { flows: [folder] },
      backends: { factory: { url: factory.url, grants, ...(effects ? { effects } : {}), ...backend }, ...more },
      policies: [...CHAIN.map((p) => ('rate_limit' in p ? { rate_limit: { redis_timeout: '1s' } } : p)),
        { idempotency: { redis_timeout: '5s' } }],
    },
  });
  return { gw, factory, folder };
}

const typeOf = (answer) => answer.json?.type?.split('/').at(-1);
const lastLine = async (gw, probe) => {
  const line = await eventually(() => gw.accessLog().reverse().find(probe), 'the line in the log');
  return line;
};

describe('flows', () => {
  test('a read: shaped by the flow, with its ETag, and 304', async (t) => {
    const { gw, factory } = await start(t);
    const answer = await gw.get(`${ROOT}/levels/bolt`);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json, { material: 'bolt', quantity: '12.50' });
    assert.equal(answer.headers.etag, '"v3"');
    assert.equal(answer.headers['x-from'], 'factory');
    assert.equal(answer.headers['content-type'], 'application/json');
    const asked = factory.requests.at(-1);
    assert.match(asked.headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-/);
    assert.equal(asked.headers.authorization, undefined);
    for (const tag of ['"v3"', 'W/"v3"', '"x", "v3"', '*']) {
      const same = await gw.get(`${ROOT}/levels/bolt`, { headers: { 'if-none-match': tag } });
      assert.equal(same.status, 304, tag);
      assert.equal(same.text, '');
      assert.equal(same.headers.etag, '"v3"');
    }
    assert.equal((await gw.get(`${ROOT}/levels/bolt`, { headers: { 'if-none-match': '"v2"' } })).status, 200);
    const line = await lastLine(gw, (l) => l.status === 304);
    assert.equal(line.flow, 'stock/read-level');
    assert.equal((await gw.get(`${ROOT}/plain/bolt`)).status, 200); // a plain proxy beside it
  });

  test('numbers keep every digit', async (t) => {
    const { gw } = await start(t);
    const answer = await gw.get(`${ROOT}/levels/long`);
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.text, /"quantity":12345678901234567890\.123456789/);
  });

  test('the input: typed parameters, body, identity, key', async (t) => {
    const { gw } = await start(t);
    const answer = await gw.post(`${ROOT}/input/7?text=12&list=1&list=2&flag=true`, { a: [1, null] },
      { headers: { 'x-line': '0042', 'idempotency-key': '"k-1"' } });
    assert.equal(answer.status, 200, answer.text);
    const { parameters, body, identity, key, repeated, request_id: id } = answer.json;
    assert.deepEqual(parameters, { n: 7, text: '12', list: [1, 2], flag: true, 'X-Line': '0042' });
    assert.deepEqual(body, { a: [1, null] });
    assert.equal(identity.issuer, 'dev');
    assert.ok(identity.scopes.includes('peer:use'));
    assert.equal(identity.claims.sub, identity.subject);
    assert.equal(key, 'k-1');
    assert.equal(repeated, false);
    assert.equal(id, answer.headers['x-request-id']);
  });

  test('statuses: the first 2xx of the contract, 204 without a body, and what is no output', async (t) => {
    const { gw } = await start(t);
    assert.equal((await gw.get(`${ROOT}/nothing`)).status, 204);
    assert.equal((await gw.request(`${ROOT}/nothing`, { method: 'DELETE' })).status, 204);
    assert.equal((await gw.post(`${ROOT}/movements`, { material: 'bolt' })).status, 201);
    assert.equal(typeOf({ json: assertProblem(await gw.get(`${ROOT}/wrong`), 500) }), 'internal-error');
    assert.match((await lastLine(gw, (l) => l.status === 500)).detail, /status/);
    assert.equal(assertProblem(await gw.post(`${ROOT}/movements`, { quantity: '1' }), 400).type, '/problems/invalid-body');
  });

  test('what a flow raises is told; what fails otherwise is told by its kind', async (t) => {
    const { gw, factory } = await start(t);
    const raised = assertProblem(await gw.get(`${ROOT}/lots/L1`), 422);
    assert.equal(raised.type, 'https://example.test/errors/blocked-lot');
    assert.equal(raised.detail, 'Lot L1 is blocked');
    const cases = [[404, 404, 'not-found'], [409, 409, 'changed-meanwhile'], [422, 422, 'refused'], [410, 410, 'gone'],
      [401, 502, 'bad-gateway'], [405, 500, 'internal-error'], [503, 503, 'unavailable'], ['html', 502, 'bad-gateway'],
      ['die', 503, 'unavailable']];
    for (const [fault, status, type] of cases) {
      factory.fault = fault;
      const answer = await gw.get(`${ROOT}/levels/bolt`);
      assert.equal(typeOf({ json: assertProblem(answer, status) }), type, `${fault}`);
      assert.doesNotMatch(answer.text, /secret inner words/);
      if (fault === 503) assert.equal(answer.headers['retry-after'], '2');
      factory.fault = undefined;
    }
    const line = await lastLine(gw, (l) => l.problem === 'refused');
    assert.match(line.detail, /\/do\/0\/read.*secret inner words/);
    const metrics = (await gw.admin('/metrics')).text;
    assert.match(metrics, /millgate_flow_runs_total\{flow="stock\/refuse",outcome="raised"\} 1/);
    assert.match(metrics, /millgate_flow_runs_total\{flow="stock\/read-level",outcome="failed"\} 9/);
    assert.match(metrics, /millgate_connector_calls_total\{backend="factory",function="http.request",result="not-found"\} 1/);
  });

  test('a write is keyed, and what came of it is kept', async (t) => {
    const { gw, factory } = await start(t, { effects: { class: 'A' } });
    const key = `"${randomUUID()}"`;
    const post = () => gw.post(`${ROOT}/movements`, { material: 'bolt', quantity: '1' }, { headers: { 'idempotency-key': key } });
    const first = await post();
    assert.equal(first.status, 201, first.text);
    assert.deepEqual(first.json, { movement: 1 });
    const second = await post();
    assert.equal(second.headers['idempotency-replayed'], 'true');
    assert.deepEqual(second.bytes, first.bytes);
    assert.equal(factory.movements.length, 1);
    assert.match(factory.movements[0].key, /^"[0-9a-f]{64}\/do\/0\/move"$/);
    assert.ok(factory.movements[0].by);
    const lost = { headers: { 'idempotency-key': `"${randomUUID()}"` } };
    factory.fault = 'die-after'; // the backend knows its keys: the same may be sent again
    assert.equal((await gw.post(`${ROOT}/movements`, { material: 'bolt' }, lost)).status, 502);
    factory.fault = undefined;
    assert.equal((await gw.post(`${ROOT}/movements`, { material: 'bolt' }, lost)).status, 201);
    assert.equal(factory.movements[1].key, factory.movements[2].key);
  });

  test('a lost answer is no second write; what did nothing may be tried again', async (t) => {
    const { gw, factory } = await start(t);
    const key = () => ({ headers: { 'idempotency-key': `"${randomUUID()}"` } });
    factory.fault = 'die-after';
    const lost = key();
    assert.equal(typeOf(await gw.post(`${ROOT}/movements`, { material: 'bolt' }, lost)), 'effect-in-doubt');
    const metrics = (await gw.admin('/metrics')).text; // what guards the call is no call of its own
    assert.match(metrics, /millgate_connector_calls_total\{backend="factory",function="http.request",result="in-doubt"\} 1\n/);
    factory.fault = undefined;
    const again = await gw.post(`${ROOT}/movements`, { material: 'bolt' }, lost);
    assert.equal(typeOf({ json: assertProblem(again, 409) }), 'outcome-unknown');
    assert.equal(factory.movements.length, 1);

    factory.fault = 503;
    const refused = key();
    assert.equal((await gw.post(`${ROOT}/movements`, { material: 'bolt' }, refused)).status, 503);
    factory.fault = undefined;
    assert.equal((await gw.post(`${ROOT}/movements`, { material: 'bolt' }, refused)).status, 201);
    assert.equal(factory.movements.length, 2);

    const half = key(); // the first step has written, the second fails
    assert.equal((await gw.post(`${ROOT}/two`, '', half)).status, 404);
    assert.equal((await gw.post(`${ROOT}/two`, '', half)).status, 404); // run again: the first is not repeated
    assert.equal(factory.movements.length, 3);
  });

  test('a client that leaves ends a read; a write goes on', async (t) => {
    const { gw, factory } = await start(t);
    factory.fault = 'hang';
    const leave = async (method, path, body) => {
      const request = http.request({ host: '127.0.0.1', port: gw.port, path, method,
        headers: { ...gw.bearer, 'content-type': 'application/json' } });
      request.on('error', () => {});
      request.end(body);
      const before = factory.held.length;
      await eventually(() => factory.held.length > before, 'the factory is asked');
      request.destroy();
      await sleep(100);
    };
    await leave('GET', `${ROOT}/levels/bolt`);
    await lastLine(gw, (l) => l.method === 'GET' && l.aborted);
    await leave('POST', `${ROOT}/movements`, '{"material":"bolt"}');
    factory.release();
    await eventually(() => factory.movements.length === 1, 'the movement');
    assert.equal((await gw.get(`${ROOT}/levels/bolt`)).status, 200);
  });

  test('operations are called in-process, for the same caller, with policies and a line of their own', async (t) => {
    const { gw, factory } = await start(t);
    const answer = await gw.get(`${VIEW}/levels/bolt`);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json, { level: { material: 'bolt', quantity: '12.50' } });
    const outer = await lastLine(gw, (l) => l.path === `${VIEW}/levels/bolt`);
    const inner = await lastLine(gw, (l) => l.path === `${ROOT}/levels/bolt`);
    assert.equal(inner.cause_id, outer.request_id);
    assert.equal(inner.trace_id, outer.trace_id);
    assert.notEqual(inner.span_id, outer.span_id);
    assert.equal(inner.consumer, outer.consumer);
    assert.ok(inner.consumer);
    assert.ok(factory.requests.at(-1).headers.traceparent.includes(outer.trace_id));

    const missing = assertProblem(await gw.get(`${VIEW}/levels/none`), 404);
    assert.equal(missing.type, '/problems/not-found');
    assert.equal(missing.instance, `${VIEW}/levels/none`);

    const key = `"${randomUUID()}"`;
    const move = () => gw.post(`${VIEW}/movements`, { material: 'bolt' }, { headers: { 'idempotency-key': key } });
    assert.deepEqual((await move()).json, { movement: 1 });
    assert.equal((await move()).headers['idempotency-replayed'], 'true');
    assert.equal(factory.movements.length, 1);
  });

  test('an operation that the caller may not have is not to be had through another', async (t) => {
    const contract = stockContract();
    contract.paths['/levels/{material}'].get.security = [{ dev: ['stock:secret'] }];
    const { gw, factory } = await start(t, { contracts: { 'stock.v1.yaml': contract } });
    assert.equal((await gw.get(`${VIEW}/levels/bolt`)).status, 403);
    assert.equal(factory.requests.length, 0);
    const scoped = { headers: { authorization: `Bearer ${gw.token({ scope: 'peer:use stock:secret' })}` } };
    assert.equal((await gw.get(`${VIEW}/levels/bolt`, scoped)).status, 200);
  });

  test('operations that call each other come to an end', async (t) => {
    const { gw } = await start(t);
    const answer = await gw.get(`${VIEW}/loop`);
    assert.ok(answer.status >= 500, answer.text);
    assert.ok((await eventually(() => gw.accessLog(), 'a log')).filter((l) => l.path === `${VIEW}/loop`).length <= 9);
    assert.equal((await gw.get(`${VIEW}/levels/bolt`)).status, 200);
  });

  test('a reload under load: no request fails, and the new flow answers', async (t) => {
    const { gw, folder } = await start(t);
    const other = structuredClone(flows['read-level']);
    other.do[1].answer.set.body.version = 2;
    let isOver = false;
    const failures = [];
    const load = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const answer = await gw.get(`${ROOT}/levels/bolt`);
        if (answer.status !== 200) failures.push(answer.text);
      }
    });
    for (let round = 0; round < 5; round++) {
      writeFlows(folder, { 'read-level': round % 2 === 0 ? other : flows['read-level'] });
      await eventually(async () => (await gw.reload()).status === 200, 'the reload is taken');
    }
    isOver = true;
    await Promise.all(load);
    assert.deepEqual(failures, []);
    assert.equal((await gw.get(`${ROOT}/levels/bolt`)).json.version, 2);

    writeFlows(folder, { 'read-level': 'document: {dsl: 1.0.0' });
    await eventually(async () => (await gw.reload()).status === 422, 'it is refused');
    assert.equal((await gw.get(`${ROOT}/levels/bolt`)).json.version, 2);
  });

  test('wrong documents are refused, each with its place', async (t) => {
    const bad = structuredClone(flows);
    bad['read-level'].do[0].read.with.backend = 'nobody';
    bad['post-movement'].do[0].move.call = 'http.nothing';
    const contract = stockContract();
    contract.paths['/nothing'].get['x-millgate'].flow = 'stock/nothin';
    contract.paths['/wrong'].get['x-millgate'].backend = 'factory';
    const { gw } = await start(t, {
      all: bad, contracts: { 'stock.v1.yaml': contract }, prepare: prepareGateway,
    });
    const result = runProgram(['check', '-c', gw.configPath]);
    const text = result.stdout + result.stderr;
    assert.notEqual(result.code, 0);
    for (const pattern of [/read-level\.flow\.yaml:\d+:\d+: error: .*nobody/, /post-movement\.flow\.yaml:\d+:\d+: error: .*http\.nothing/,
      /stock\.v1\.yaml:\d+:\d+: error: backend has no meaning beside flow/])
      assert.match(text, pattern);

    const twins = await start(t, { all: { ...flows, twin: flows.nothing }, prepare: prepareGateway });
    assert.match(runProgram(['check', '-c', twins.gw.configPath]).stderr, /twin\.flow\.yaml: error: the flow stock\/nothing is also in/);
    const lone = structuredClone(flows);
    lone.view.do[0].level.with.operationId = 'noSuchOperation';
    lone.refuse.do[0].no.raise.error.detail = '${ .a | nonsense }';
    const wrong = await start(t, { all: lone, prepare: prepareGateway });
    const told = runProgram(['check', '-c', wrong.gw.configPath]).stderr;
    assert.match(told, /view\.flow\.yaml:\d+:\d+: error: "noSuchOperation": no contract has this operation/);
    assert.match(told, /refuse\.flow\.yaml:\d+:\d+: error: .*nonsense/);
    const gone = structuredClone(flows);
    delete gone.nothing;
    const lost = await start(t, { all: gone, prepare: prepareGateway });
    assert.match(runProgram(['check', '-c', lost.gw.configPath]).stderr, /stock\.v1\.yaml:\d+:\d+: error: there is no flow "stock\/nothing"/);
  });

  test('a flow uses the backends that are granted to the contract which names it', async (t) => {
    const more = { secret: { url: 'http://127.0.0.1:9', grants: ['/system/payroll'] } };
    const literal = structuredClone(flows);
    literal['read-level'].do[0].read.with.backend = 'secret';
    const { gw: refused } = await start(t, { all: literal, more, prepare: prepareGateway });
    assert.match(runProgram(['check', '-c', refused.configPath]).stderr,
      /read-level\.flow\.yaml:\d+:\d+: error: "secret": this backend is not granted to \/system\/stock, whose contract .*stock\.v1\.yaml names/);

    const late = structuredClone(flows); // the name is known when it runs
    late['read-level'].do[0].read.with.backend = '${ if .parameters.material == "bolt" then "factory" else "secret" end }';
    const { gw } = await start(t, { all: late, more });
    assert.equal((await gw.get(`${ROOT}/levels/bolt`)).status, 200);
    assertProblem(await gw.get(`${ROOT}/levels/nut`), 500);
    const line = await lastLine(gw, (l) => l.status === 500);
    assert.match(line.detail, /\/do\/0\/read.*secret/);
  });
});
