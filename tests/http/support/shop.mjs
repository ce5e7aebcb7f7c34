// A backend that counts executions, gateways in front of it, and orders sent with keys.

import { once } from 'node:events';
import http from 'node:http';
import { join } from 'node:path';

import { startRedis } from '../../rigs/redis.mjs';
import { peerContract } from './config.mjs';
import { makeFolder, startGateway } from './harness.mjs';
import { Issuer } from './tokens.mjs';

export const ROOT = '/system/shop/v1';
export const grants = ['/system/*'];

/** Counts executions; `?do=` says how it answers, `known` are the keys of class A it has seen. */
export class Shop {
  executions = [];
  requests = [];
  effects = new Map(); // by key, for class A
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
    const query = new URL(request.url, 'http://shop').searchParams;
    const key = request.headers['idempotency-key'];
    this.requests.push({ key, body, headers: request.headers });
    let what = this.next ?? query.get('do') ?? 'create';
    if (what === 'die-once') [what, this.next] = ['die', undefined];
    if (what === 'refuse') return void response.writeHead(503, { 'retry-after': '1' }).end('busy');
    if (what === 'throttle') return void response.writeHead(429).end('slow down');
    if (what === 'fail') return void response.writeHead(500).end('oops');
    this.#execute(key, body);
    if (what === 'hold') await new Promise((resolve) => this.held.push(resolve));
    if (what === 'die') return void request.socket.destroy();
    if (what === 'half') return this.#half(response);
    if (what === 'missing') return void response.writeHead(404, { 'content-type': 'text/plain' }).end('none');
    if (what === 'large') return void response.writeHead(201, { 'content-type': 'text/plain' }).end('x'.repeat(300 * 1024));
    if (what === 'large-chunked') return this.#chunks(response, 30, 'y'.repeat(20 * 1024));
    if (what === 'chunked') return this.#chunks(response, 5, 'part ');
    const id = this.executions.length;
    response.writeHead(201, {
      'content-type': 'application/json', location: `/orders/${id}`, etag: `"v${id}"`, 'set-cookie': 'session=secret',
      'x-request-id': 'theirs', 'x-kept': 'yes',
    });
    response.end(JSON.stringify({ id, body }));
  }

  #half(response) {
    response.writeHead(201, { 'content-length': '1000' });
    response.write('half');
    setTimeout(() => response.destroy(), 50);
  }

  async #chunks(response, count, text) {
    response.writeHead(201, { 'content-type': 'text/plain' });
    for (let i = 0; i < count; i++) {
      response.write(text);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    response.end();
  }

  #execute(key, body) {
    if (key !== undefined) this.effects.set(key, (this.effects.get(key) ?? 0) + 1);
    this.executions.push({ key, body });
  }

  release() {
    for (const resolve of this.held.splice(0)) resolve();
  }

  async stop() {
    this.release();
    const closed = new Promise((resolve) => this.server.close(resolve)); // first, so that none is new
    this.server.closeAllConnections();
    await closed;
  }
}

export function operation(operationId, more = {}) {
  return {
    operationId, responses: { default: { description: 'As the shop answers.' } },
    requestBody: { content: { '*/*': {} } },
    parameters: [{ name: 'do', in: 'query', schema: { type: 'string' } }],
    ...more,
  };
}

export function shopContract() {
  const must = { 'x-millgate': { idempotency: 'required', backend_path: '/orders' } };
  const never = { 'x-millgate': { idempotency: 'off', backend_path: '/orders' } };
  return peerContract({
    name: 'shop', backend: 'shop',
    paths: {
      '/orders': { post: operation('create-order'), put: operation('put-order') },
      '/must': { post: operation('must-order', must) },
      '/never': { post: operation('never-order', never) },
      '/wanted': {
        'x-millgate': { idempotency: 'required' },
        put: operation('wanted-order', { 'x-millgate': { backend_path: '/orders' } }),
      },
    },
  });
}

const CHAIN = ['body_limit', 'headers', 'jwt', 'authorise', 'rate_limit', 'schema'].map((name) => ({ [name]: {} }));

export function configOf(shop, { redis, options = {}, effects, backend = {}, plans } = {}) {
  return {
    redis, plans, backends: { shop: { url: shop.url, grants, ...(effects ? { effects } : {}), ...backend } },
    policies: [...CHAIN.map((p) => ('rate_limit' in p ? { rate_limit: { redis_timeout: '1s' } } : p)),
      { idempotency: { redis_timeout: '5s', ...options } }],
  };
}

export async function start(t, { gateways = 1, settings, contract = shopContract(), ...options } = {}) {
  const shop = await new Shop().start();
  t.after(() => shop.stop());
  const redis = await startRedis({ dir: join(makeFolder(), 'redis'), settings });
  t.after(() => redis.stop('SIGKILL'));
  const issuer = new Issuer();
  const all = [];
  for (let i = 0; i < gateways; i++)
    all.push(await startGateway(t, {
      issuer, peer: null, contracts: { 'shop.v1.yaml': contract },
      config: configOf(shop, { redis: redis.url, ...options }),
    }));
  return { shop, redis, issuer, gw: all[0], gateways: all };
}

export const sf = (key) => `"${key}"`;

export function order(gw, key, { body = { n: 1 }, path = '/orders', ...options } = {}) {
  const headers = { ...(key === undefined ? {} : { 'idempotency-key': key }), ...options.headers };
  return gw.post(`${ROOT}${path}`, body, { ...options, headers });
}

export const typeOf = (answer) => answer.json?.type?.split('/').at(-1);
