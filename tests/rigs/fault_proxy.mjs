// A proxy on raw TCP that stands between the gateway and a real server and misbehaves when told to.
//
//   const proxy = await startFaultProxy({ target: erp.url });   proxy.url
//   proxy.fault = { kind: 'cut-after' };       for the requests from now on
//   proxy.fault = { kind: 'slow', ms: 500, times: 1, match: /"method":"model\.production\./ };
//   await proxy.stop();
//
//   slow        the request goes on after `ms`
//   hang        the request is read and never answered
//   cut-before  the connection is closed; the server has seen nothing
//   cut-after   the server has done it; its answer is lost
//   cut-within  half of the answer, then the end
//   hold-after  the server has done it; its answer is kept back for good
//   status      answered with `status` (503), without the server
//   rubbish     answered with status 200 and a page of HTML, without the server
//   answer      answered with `status` (200), `headers` and `body`, without the server
//   short       the same, and the connection is closed before all of `body` was sent
//   endless     answered with status 200 and a body of JSON that never ends, without the server
//   gone        the request goes on; when it is answered nobody listens any more, until `back()`
//
// `times`: so many requests, then none; `match`: only those in whose line (`POST /path`) or body it is
// found; several stand in an array, of which the first that matches counts. A fault has how many requests it was for
// (`hits`), and whether the server has done one of them (`isDone`). Each connection carries one request: the answer says
// close. `seen` counts by kind, and what went through as `passed`; of hold-after when the server has done it.
//
// Requests that belong to one trace can have a fate of their own, so that many go wrong at once, each in its way:
//
//   proxy.traces.set(traceId, { decide: (request) => fault, log: [], memory });
//
// `log` gets each request as {method, url, text, isWrite, key}. With a `memory` (a Map), what the server answers to
// reads is kept there, and answers the same read again without the server.

import { once } from 'node:events';
import http from 'node:http';

const HTML = '<!doctype html><title>Maintenance</title>';
const ENDLESS_BYTES = 256 * 1024;
const RPC_READS = /"method": ?"(common\.|model\.[a-z_.-]+\.(search_read|search_count|search|read|get_preferences|fields_get)")/;

async function bodyOf(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const EFFECT_KEY = /[0-9a-f]{30}/g; // of a flow's write, another one in each request

/** What tells a request from others; JSON-RPC is all POST, and counts its requests by `id`. Of two that differ in an effect
 * key alone the `key` is the same: what a memory answers to who looks for its own document is that there is none yet. */
function describe({ method, url }, body) {
  const text = body.toString();
  const isRpc = text.startsWith('{"id":');
  const isRead = isRpc ? RPC_READS.test(text) : ['GET', 'HEAD'].includes(method);
  return { method, url, text, isRpc, isWrite: !isRead, key: `${method} ${url} ${text.replace(/^\{"id":\d+/, '')}`.replace(EFFECT_KEY, '') };
}

const traceOf = (request) => /^00-([0-9a-f]{32})-/.exec(request.headers.traceparent ?? '')?.[1];

class FaultProxy {
  fault = null;
  seen = {};
  traces = new Map();
  #sockets = new Set();

  constructor(target) {
    this.target = new URL(target);
    this.server = http.createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  async listen() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  // The fault that this request gets, or none.
  #take(asked, trace) {
    if (trace) {
      trace.log.push(asked);
      return trace.decide(asked) ?? { kind: 'passed' };
    }
    const faults = [this.fault ?? []].flat();
    const fault = faults.find(({ match, times }) => times !== 0 && (!match || match.test(`${asked.method} ${asked.url}\n${asked.text}`)));
    if (fault?.times !== undefined) fault.times--;
    if (fault) fault.hits = (fault.hits ?? 0) + 1;
    return fault ?? { kind: 'passed' };
  }

  #forward(request, body) {
    const { hostname: host, port } = this.target;
    const headers = { ...request.headers, connection: 'close' };
    const onward = http.request({ host, port, method: request.method, path: request.url, headers });
    onward.end(body);
    return once(onward, 'response').then(async ([answer]) => {
      const { connection, 'transfer-encoding': framing, ...fields } = answer.headers;
      return { status: answer.statusCode, fields, bytes: await bodyOf(answer) };
    });
  }

  // What the server answers, or has answered before.
  async #answer(request, body, asked, memory) {
    const kept = asked.isWrite ? undefined : memory?.get(asked.key);
    if (kept) {
      const id = /^\{"id":(\d+)/.exec(asked.text)?.[1];
      return asked.isRpc ? { ...kept, bytes: Buffer.from(kept.bytes.toString().replace(/"id": ?\d+/, `"id": ${id}`)) } : kept;
    }
    const answer = await this.#forward(request, body);
    if (!asked.isWrite) memory?.set(asked.key, answer);
    return answer;
  }

  #invent(fault, response) {
    const { kind, status = kind === 'status' ? 503 : 200, headers = { 'content-type': 'application/json' }, body = '' } = fault;
    const bytes = Buffer.from(body);
    const close = { connection: 'close' };
    if (kind === 'status') return response.writeHead(status, close).end();
    if (kind === 'rubbish') return response.writeHead(200, { 'content-type': 'text/html', ...close }).end(HTML);
    if (kind === 'answer') return response.writeHead(status, { ...headers, 'content-length': bytes.length, ...close }).end(bytes);
    if (kind === 'short') {
      response.writeHead(status, { ...headers, 'content-length': bytes.length + 100, ...close });
      return response.write(bytes, () => response.destroy());
    }
    return this.#flood(response.writeHead(200, { ...headers, ...close }));
  }

  #flood(response) {
    let isOver = false;
    const pour = () => {
      while (!isOver && response.write('7'.repeat(ENDLESS_BYTES)));
    };
    response.on('drain', pour);
    response.on('close', () => (isOver = true));
    response.write('{"result": [{"number": "');
    pour();
  }

  async #serve(request, response) {
    const body = await bodyOf(request);
    const asked = describe(request, body);
    const trace = this.traces.get(traceOf(request));
    const fault = this.#take(asked, trace);
    const count = () => (this.seen[fault.kind] = (this.seen[fault.kind] ?? 0) + 1);
    if (fault.kind !== 'hold-after') count();
    if (fault.kind === 'hang') return;
    if (fault.kind === 'cut-before') return response.destroy();
    if (['status', 'rubbish', 'answer', 'short', 'endless'].includes(fault.kind)) return this.#invent(fault, response);
    if (fault.kind === 'slow') await sleep(fault.ms ?? 1000);
    const { status, fields, bytes } = await this.#answer(request, body, asked, trace?.memory);
    fault.isDone = true;
    if (fault.kind === 'hold-after') return count();
    if (fault.kind === 'cut-after') return response.destroy();
    if (fault.kind === 'gone') this.server.close();
    response.writeHead(status, { ...fields, 'content-length': bytes.length, connection: 'close' });
    if (fault.kind !== 'cut-within') return response.end(bytes);
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
  }

  /** Nobody listens there any more, until `back()`. */
  async away() {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  /** Listens again, where it did before. */
  async back() {
    if (this.server.listening) return;
    const { port } = new URL(this.url);
    for (const socket of this.#sockets) socket.destroy();
    this.server.listen(Number(port), '127.0.0.1');
    await once(this.server, 'listening');
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

export function startFaultProxy({ target }) {
  return new FaultProxy(target).listen();
}
