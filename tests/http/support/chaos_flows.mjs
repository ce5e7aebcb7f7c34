// What the chaos of flows needs: a factory that fails at random and counts its effects, flows with
// every kind of task, and callers who wait, retry or leave.

import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { peerContract } from './config.mjs';

export const ROOT = '/system/chaos/v1';
const PATIENCE_MS = 40_000;

/** Answers, or not. An effect is counted when it is made, whatever becomes of its answer. */
export class Factory {
  constructor(random) {
    Object.assign(this, { random, effects: new Map(), kept: new Map(), held: new Set(), requests: 0, faults: {}, isMended: false });
  }

  async start() {
    this.server = http.createServer((request, response) => this.#serve(request, response));
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  #choose() {
    if (this.isMended || this.random.chance(0.6)) return 'none';
    return this.random.pick(['die', 'die-after', 'cut', 'html', 'slow', 'hang', 'busy', 'error', 'missing', 'conflict', 'deep', 'trickle']);
  }

  async #serve(request, response) {
    response.on('error', () => {});
    if (request.method === 'HEAD') return void response.end();
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    this.requests++;
    const fault = this.#choose();
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
    if (fault === 'die') return void request.socket.destroy();
    if (fault === 'busy') return void response.writeHead(503, { 'retry-after': '1' }).end();
    if (fault === 'missing') return this.#say(response, 404, '{"error":{"code":"NONE"}}');
    if (fault === 'conflict') return this.#say(response, 409, '{"code":"TAKEN"}');
    const text = request.method === 'POST' ? this.#act(request, Buffer.concat(pieces).toString()) : this.#show(request);
    await this.#answer(request, response, fault, text);
  }

  /** `by` says whose it is; a key that came before gives what it gave. */
  #act(request, body) {
    const { by, material } = JSON.parse(body);
    const key = request.headers['idempotency-key'];
    if (key !== undefined && this.kept.has(key)) return this.kept.get(key);
    const name = `${request.url} ${by}`;
    this.effects.set(name, (this.effects.get(name) ?? 0) + 1);
    const text = JSON.stringify({ id: this.effects.size, by, material });
    if (key !== undefined) this.kept.set(key, text);
    return text;
  }

  #show(request) {
    const material = decodeURIComponent(request.url.split('/').at(-1));
    return JSON.stringify({ material, quantity: '12.5', lots: Array.from({ length: 20 }, (_, i) => ({ lot: `L${i % 7}`, quantity: i })) });
  }

  async #answer(request, response, fault, text) {
    if (fault === 'die-after') return void request.socket.destroy();
    if (fault === 'cut') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length + 10 });
      response.write(text);
      return void setTimeout(() => request.socket.destroy(), 5);
    }
    if (fault === 'html') return this.#say(response, 200, '<html>');
    if (fault === 'error') return this.#say(response, 500, '{"error":{"code":"E1","message":"secret inner words"}}');
    if (fault === 'deep') return this.#say(response, 200, '['.repeat(5000) + ']'.repeat(5000));
    if (fault === 'slow') await sleep(this.random.below(400));
    if (fault === 'hang') await this.#hold(request);
    if (fault === 'trickle') {
      response.writeHead(200, { 'content-type': 'application/json' });
      for (const byte of text.slice(0, 40)) {
        response.write(byte);
        await sleep(2);
      }
      return void response.end(text.slice(40));
    }
    return this.#say(response, request.method === 'POST' ? 201 : 200, text);
  }

  #hold(request) {
    return new Promise((resolve) => {
      const let_go = () => this.held.delete(let_go) && resolve();
      this.held.add(let_go);
      request.socket.once('close', let_go);
    });
  }

  #say(response, status, text) {
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  }

  mend() {
    this.isMended = true;
    for (const let_go of [...this.held]) let_go();
  }

  async stop() {
    this.mend();
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

/* --- flows --- */

const get = (more = {}) => ({ call: 'http.request', with: {
  backend: 'plain', path: '/levels/{material}', parameters: { material: '${ .parameters.material // "bolt" }' },
}, ...more });
const post = (backend, path) => ({ call: 'http.request', with: {
  backend, method: 'POST', path, body: { by: '${ $workflow.input.body.by }', material: '${ $workflow.input.body.material }' },
} });
const operation = (operationId, more = {}) => ({ call: 'openapi', with: { document: { endpoint: 'x' }, operationId, ...more } });
const flow = (name, list, more = {}) => ({ document: { dsl: '1.0.0', namespace: 'chaos', name, version: '1.0.0' }, do: list, ...more });
// Too much for the gateway's own evaluation: the helper is asked.
const summed = '${ .lots // [] | group_by(.lot) | map({lot: .[0].lot, quantity: (map(.quantity) | add)}) }';

export const flows = (version = 1) => ({
  level: flow('level', [
    { read: get() },
    { answer: { set: { body: { material: '${ .material }', lots: summed, version }, headers: { etag: '${ "\\"\\(.quantity)\\"" }' } } } },
  ]),
  tour: flow('tour', [
    { all: { fork: { branches: [
      { plain: { try: [{ read: get() }], catch: { retry: { delay: { milliseconds: 20 }, jitter: { from: { milliseconds: 1 }, to: { milliseconds: 30 } },
        limit: { attempt: { count: 2, duration: { milliseconds: 600 } } } }, do: [{ none: { set: { missing: '${ $error.class }' } } }] } } },
      { operation: { try: [{ ask: operation('level', { parameters: { material: '${ .parameters.material }' } }) }],
        catch: { as: 'wrong', do: [{ none: { set: { status: '${ $wrong.status }' } } }] } } },
      { race: { fork: { compete: true, branches: [
        { slow: { do: [{ pause: { wait: { milliseconds: 150 } } }, { said: { set: { by: 'the clock' } } }] } },
        { fast: get({ timeout: { after: { milliseconds: 300 } } }) },
      ] } } },
    ] }, export: { as: '${ {race: .[2]} }' } } },
    { turns: { for: { each: 'lot', in: '${ [.[0].lots // [] | .[] | select(.quantity < 3)] }', at: 'n' }, while: '${ $n < 3 }', do: [
      { breathe: { wait: { milliseconds: 3 } } },
      { choose: { switch: [{ odd: { when: '${ $lot.quantity == 1 }', then: 'exit' } }, { other: { then: 'continue' } }] } },
    ] } },
    { shape: { set: { body: { parts: '${ . }', race: '${ $context.race }', at: '${ $task.startedAt.iso8601 | length }' } } } },
  ], { timeout: { after: { seconds: 8 } } }),
  book: flow('book', [
    { write: post('plain', '/booked') },
    { answer: { set: { status: 201, body: { id: '${ .id }' } } } },
  ]),
  order: flow('order', [
    { keyed: { try: [{ write: post('keyed', '/ordered') }], catch: { retry: { delay: { milliseconds: 30 }, when: '${ true }', limit: { attempt: { count: 3 } } } } } },
    { both: { fork: { branches: [
      { direct: { do: [{ write: post('plain', '/direct') }] } },
      { through: operation('book', { body: '${ $workflow.input.body }' }) },
    ] } } },
    { sum: { set: { body: { ids: '${ map(.id) | sort }' }, status: 201 } } },
  ]),
  heavy: flow('heavy', [{ sum: { set: { body: '${ [range(.parameters.n)] | length }' } } }]),
  refuse: flow('refuse', [{ no: { raise: { error: { type: 'https://example.test/errors/no', title: 'No', status: 422, detail: '${ "not \\(.parameters.n)" }' } } } }]),
});

const path = (name, type) => ({ name, in: 'path', required: true, schema: { type } });
const by = (name, more = {}) => ({ operationId: name, 'x-millgate': { flow: `chaos/${name}` }, responses: { default: { description: 'As it comes.' } }, ...more });
const body = { requestBody: { required: true, content: { 'application/json': { schema: {
  type: 'object', required: ['by', 'material'], properties: { by: { type: 'string' }, material: { type: 'string' } },
} } } } };

export const contract = (extra = {}) => peerContract({ name: 'chaos', backend: 'plain', paths: {
  '/levels/{material}': { parameters: [path('material', 'string')], get: by('level') },
  '/tours/{material}': { parameters: [path('material', 'string')], get: by('tour') },
  '/booked': { post: by('book', body) },
  '/orders': { post: by('order', body) },
  '/heavy/{n}': { parameters: [path('n', 'integer')], get: by('heavy') },
  '/refused/{n}': { parameters: [path('n', 'integer')], get: by('refuse') },
  ...extra,
} });

/* --- processes --- */

/** The pids of the gateway's children by that name, the dead that nobody has fetched included. */
export function childrenOf(pid, name) {
  const found = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const [, comm, state, parent] = /\((.*)\) (\S) (\d+)/.exec(stat);
      if (Number(parent) === pid && (name === undefined || comm === name)) found.push({ pid: Number(entry), state });
    } catch { /* it has ended meanwhile */ }
  }
  return found;
}

export const descriptorsOf = (pid) => readdirSync(`/proc/${pid}/fd`).length;

/* --- callers --- */

export class Crowd {
  #number = 0;

  constructor(gw, { random, until }) {
    Object.assign(this, { gw, random, until, wrong: [], statuses: {}, left: 0, ordered: new Set() });
  }

  get isOver() {
    return Date.now() > this.until || this.wrong.length > 20;
  }

  async lane() {
    while (!this.isOver) {
      const kind = this.random.pick(['level', 'tour', 'tour', 'order', 'order', 'book', 'heavy', 'refuse', 'rubbish']);
      await this[kind]();
      await sleep(this.random.below(20));
    }
  }

  level() { return this.#ask('GET', `/levels/${this.random.pick(['bolt', 'a%2Fb', '%2e%2e', "x'y"])}`); }
  tour() { return this.#ask('GET', `/tours/bolt-${++this.#number}`); }
  refuse() { return this.#ask('GET', `/refused/${++this.#number}`, { statuses: [422] }); }
  rubbish() { return this.#ask('POST', '/orders', { body: this.random.pick(['{', '{"by":1}', '[]', '']), statuses: [400, 422], key: 'rubbish' }); }

  heavy() {
    const n = this.random.pick([10, 1000, 100_000, 1_000_000_000]);
    return this.#ask('GET', `/heavy/${n}`);
  }

  book() { return this.#writes('/booked'); }
  order() { return this.#writes('/orders'); }

  /** The same key until it is known, or given up; sometimes twice at once. */
  async #writes(where) {
    const name = `n${++this.#number}`;
    const request = { body: JSON.stringify({ by: name, material: 'bolt' }), key: `key-${name}` };
    for (let tries = 0; tries < 4; tries++) {
      const twins = this.random.chance(0.2) ? 2 : 1;
      const answers = await Promise.all(Array.from({ length: twins }, () => this.#ask('POST', where, request)));
      if (answers.some((status) => status === 201)) return void this.ordered.add(`${where} ${name}`);
      await sleep(this.random.below(150));
    }
  }

  /** The status; 0: it has left. Who stays must be answered. */
  async #ask(method, where, { body, key, statuses } = {}) {
    const leavesAfter = this.random.chance(0.3) ? this.random.below(this.random.pick([3, 30, 700])) : Infinity;
    const head = [`${method} ${ROOT}${where} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${this.gw.cachedToken}`, 'Connection: close'];
    if (key !== undefined) head.push(`Idempotency-Key: "${key}"`);
    if (body !== undefined) head.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
    const socket = connect({ port: this.gw.port, host: '127.0.0.1' });
    const begunAt = Date.now();
    let text = '', error;
    socket.on('data', (bytes) => (text += bytes));
    socket.on('error', (met) => (error = met));
    socket.write(`${head.join('\r\n')}\r\n\r\n${body ?? ''}`);
    const closed = once(socket, 'close').catch(() => {});
    const timer = new AbortController();
    const limit = Math.min(leavesAfter, PATIENCE_MS);
    await Promise.race([closed, sleep(limit, null, { signal: timer.signal }).catch(() => {})]);
    timer.abort();
    const hasEnded = socket.closed;
    socket.destroy();
    await closed;
    if (!hasEnded && leavesAfter < PATIENCE_MS) return void this.left++ ?? 0;
    return this.#judge({ method, where, text, error, statuses, ms: Date.now() - begunAt });
  }

  #judge({ method, where, text, error, statuses, ms }) {
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
    const [, ...rest] = text.split('\r\n\r\n');
    const declared = /^content-length: (\d+)/im.exec(text)?.[1];
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    const reason = status === 0 ? 'no answer'
      : declared !== undefined && Number(declared) !== Buffer.byteLength(rest.join('\r\n\r\n')) ? 'it is cut short'
      : statuses && ![...statuses, 503, 409].includes(status) ? 'that is another status'
      : /secret inner words|127\.0\.0\.1|redis/i.test(rest.join('')) ? 'it tells what is inside' : null;
    if (reason) this.wrong.push({ reason, method, where, ms, error: error?.message, text: text.slice(0, 600) });
    return status;
  }
}
