// Two systems that keep the record of orders, each in a way of its own, and a gateway in front of both.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

import { startRedis } from '../../rigs/redis.mjs';
import { peerContract } from './config.mjs';
import { eventually, makeFolder, startGateway } from './harness.mjs';
import { Issuer } from './tokens.mjs';

export const ROOT = '/system/orders/v1';

/** A system: orders by number, of several plants; pages by `after`; faults on demand. */
export class System {
  constructor(name, orders) {
    Object.assign(this, { name, orders: [...orders], requests: [], held: [] });
  }

  async start() {
    this.server = http.createServer((request, response) => void this.#serve(request, response));
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async #serve(request, response) {
    if (request.method === 'HEAD') return void response.end(); // the gateway asks whether it is there
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const url = new URL(request.url, this.url);
    this.requests.push({ method: request.method, path: url.pathname, query: Object.fromEntries(url.searchParams) });
    if (this.fault === 'hang') await new Promise((resolve) => this.held.push(resolve));
    if (this.fault === 'hang-writes' && request.method === 'POST') await new Promise((resolve) => this.held.push(resolve));
    if (typeof this.fault === 'number') return void say(response, this.fault, { error: 'inner words' });
    if (this.fault === 'rubbish') return void say(response, 200, { nothing: true });
    const [, collection, number] = url.pathname.split('/');
    if (request.method === 'POST') {
      const order = { number: `${this.name}-${this.orders.length + 1}`, ...JSON.parse(Buffer.concat(pieces)) };
      this.orders.push(order);
      return void say(response, 201, { ...order, by: this.name });
    }
    if (collection === 'orders' && number !== undefined) {
      const order = this.orders.find((each) => each.number === decodeURIComponent(number));
      return void say(response, order ? 200 : 404, order ? { ...order, by: this.name } : { error: 'none' });
    }
    return void say(response, 200, this.#page(url.searchParams));
  }

  #page(query) {
    const descending = query.get('sort')?.startsWith('-');
    const field = { id: 'number', due: 'due' }[(query.get('sort') || 'id').replace('-', '')];
    const sorted = this.orders.toSorted((a, b) => (a[field] < b[field] ? -1 : a[field] > b[field] ? 1 : 0) * (descending ? -1 : 1));
    const from = Number(query.get('after') || 0);
    const top = Number(query.get('top') || 50);
    return { rows: sorted.slice(from, from + top), next: from + top < sorted.length ? from + top : null };
  }

  /** Answers all that was held, and holds nothing more. */
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

function say(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

const named = (namespace, name, list) => ({ document: { dsl: '1.0.0', namespace, name, version: '1.0.0' }, do: list });

// No call names a backend: it is that of the system.
const list = (namespace) => named(namespace, 'list-orders', [
  { read: { call: 'http.request', with: { path: '/orders', query: {
    top: '${ .parameters.limit // 50 | tostring }', after: '${ .parameters.cursor // "" | ltrimstr("p") }', sort: '${ .parameters.sort // "id" }',
  } } } },
  { answer: { set: { body: '${ {items: [.rows[] | {id: .number, plant, due, text}], next: (if .next then "p\\(.next)" else null end)} | with_entries(select(.value != null)) }' } } },
]);

const get = (namespace) => named(namespace, 'get-order', [
  { read: { call: 'http', with: { method: 'get', endpoint: '/orders/{id}' }, input: { from: '${ {id: .parameters.id} }' } } },
  { answer: { set: { body: '${ {id: .number, plant, text, by, at: $runtime.metadata} }' } } },
]);

const create = (namespace) => named(namespace, 'create-order', [
  { write: { call: 'http.request', with: { method: 'POST', path: '/orders', body: '${ .body + {plant: .parameters.plant} }' } } },
  { answer: { set: { body: '${ {id: .number, plant, by, at: $runtime.metadata} }' } } },
]);

export function systemFlows() {
  return {
    'list-old': list('orders-old'), 'list-new': list('orders-new'),
    'get-old': get('orders-old'), 'get-new': get('orders-new'),
    'create-old': create('orders-old'), 'create-new': create('orders-new'),
    'ids-keep': named('orders', 'keep-ids', [
      { keep: { call: 'ids.keep', with: { kind: 'order', pairs: '${ .body.pairs }' } } }, { answer: { set: { body: '${ {kept: true} }' } } },
    ]),
    'ids-find': named('orders', 'find-ids', [
      { both: { fork: { branches: [
        { canonical: { call: 'ids.canonical', with: { kind: 'order', ids: '${ .body.ids }' } } },
        { system: { call: 'ids.system', with: { kind: 'order', ids: '${ .body.ids }' } } },
      ] } } },
      { answer: { set: { body: '${ {canonical: .[0], system: .[1]} }' } } },
    ]),
    plain: named('orders', 'say', [{ answer: { set: { body: '${ $runtime.metadata }' } } }]),
    'only-old': named('orders-old', 'rare', [{ answer: { set: { body: '${ $runtime.metadata }' } } }]),
  };
}

export function systemContract({ landscape = 'erp' } = {}) {
  const plant = { name: 'plant', in: 'path', required: true, schema: { type: 'string' } };
  const query = (name, schema) => ({ name, in: 'query', schema });
  const page = [query('sort', { type: 'string' }), query('limit', { type: 'integer', minimum: 1 }), query('cursor', { type: 'string' })];
  const operation = (operationId, flow, more = {}) => ({
    operationId, 'x-millgate': { flow: `orders/${flow}`, ...(landscape ? { landscape } : {}) },
    responses: { default: { description: 'As the flow answers.' } }, ...more,
  });
  const body = { requestBody: { required: true, content: { 'application/json': { schema: { type: 'object' } } } },
    responses: { 201: { description: 'It is there.' }, default: { description: 'It is not.' } } };
  return peerContract({
    name: 'orders', backend: 'old-erp',
    paths: {
      '/plants/{plant}/orders': {
        parameters: [plant],
        get: operation('listOrders', 'list-orders', { parameters: page }),
        post: operation('createOrder', 'create-order', body),
      },
      '/plants/{plant}/orders/{id}': {
        parameters: [plant, { name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        get: operation('getOrder', 'get-order'),
      },
      '/orders': { get: operation('listAllOrders', 'list-orders', { parameters: [...page, query('plant', { type: 'string' })] }),
        post: operation('postOrder', 'say', body) },
      '/plants/{plant}/ids': { parameters: [plant], post: operation('keepIds', 'keep-ids', body), put: operation('findIds', 'find-ids', body) },
      '/plants/{plant}/rare': { parameters: [plant], get: operation('rare', 'rare') },
    },
  });
}

export function erpLandscape(more = {}) {
  return {
    systems: { old: { backend: 'old-erp', flows: 'old' }, new: { backend: 'new-erp', flows: 'new' } },
    keys: { 1010: 'old', '2*': 'new', '3000-3999': 'new' }, ...more,
  };
}

export const OLD = [{ number: 'a1', plant: '1010', due: '05', text: 'x' }, { number: 'c3', plant: '1010', due: '01', text: 'y' },
  { number: 'e5', plant: '1010', due: '03', text: 'z' }];
export const NEW = [{ number: 'b2', plant: '2020', due: '02', text: 'u' }, { number: 'd4', plant: '3001', due: '04', text: 'v' }];

/** What the new system has once the plant's records were copied there. */
export const COPIED = [...NEW, ...OLD];

/** Moves the plant by one step over the admin listener. */
export function move(gw, key, body) {
  return gw.admin(`/landscapes/erp/keys/${encodeURIComponent(key)}`, {
    method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
  });
}

/** What the gateway says of the key's move. */
export async function moveOf(gw, key) {
  const answer = await gw.admin('/landscapes');
  return answer.json.items[0].moves.find((each) => each.key === key);
}

/** A step, and all gateways act by it. */
export async function moveOnAll(gateways, key, body) {
  const answer = await eventually(async () => {
    const tried = await move(gateways[0], key, body);
    return tried.json?.type === '/problems/writes-under-way' ? undefined : tried;
  }, `${body.phase} is taken`);
  assert.equal(answer.status, 200, answer.text);
  await eventually(async () => {
    const moves = await Promise.all(gateways.map((gw) => moveOf(gw, key)));
    return body.phase === 'abort' ? moves.every((each) => each?.phase !== 'shadow' && each?.phase !== 'drain')
      : moves.every((each) => each?.is_confirmed && each.instances.length === gateways.length);
  }, `${body.phase} is confirmed by all`, 30_000);
}

/** Both systems, and `count` gateways on one Redis in front of them. */
export async function startLandscape(t, { count = 1, flows = systemFlows(), contract = systemContract(), landscape = erpLandscape(), old = OLD, fresh = NEW } = {}) {
  const [oldErp, newErp] = await Promise.all([new System('old', old).start(), new System('new', fresh).start()]);
  const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
  t.after(async () => {
    await redis.stop('SIGKILL');
    await Promise.all([oldErp.stop(), newErp.stop()]);
  });
  const folder = join(makeFolder(), 'flows');
  mkdirSync(folder, { recursive: true });
  for (const [name, document] of Object.entries(flows)) writeFileSync(join(folder, `${name}.flow.yaml`), JSON.stringify(document));
  const grants = ['/system/*'];
  const issuer = new Issuer();
  const options = {
    issuer, peer: null, contracts: { 'orders.v1.yaml': contract },
    config: {
      redis: redis.url, admin: { socket: 'admin.sock' }, extra: { flows: [folder], landscapes: { erp: landscape } },
      backends: { 'old-erp': { url: oldErp.url, grants }, 'new-erp': { url: newErp.url, grants } },
      policies: [{ body_limit: {} }, { headers: {} }, { jwt: {} }, { authorise: {} }, { schema: {} }, { idempotency: { redis_timeout: '5s' } }],
    },
  };
  const gateways = [];
  for (let i = 0; i < count; i++) gateways.push(await startGateway(t, options));
  return { gw: gateways[0], gateways, oldErp, newErp, redis, folder, options };
}
