// A scripted upstream on raw TCP. It records the exact bytes of every connection, and the last part
// of a request's path picks what it does (see behaviours.mjs). No packages.
//
//   import { startPeer } from '.../peer.mjs';   const peer = await startPeer();   await peer.stop();
//   node peer.mjs [PORT]                        prints `listening on http://127.0.0.1:PORT`

import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

import { behaviours } from './behaviours.mjs';
import { RequestReader, valuesOf } from './http_reader.mjs';

const KEEP_RAW_BYTES = 1024 * 1024; // of one connection; what comes behind is counted only
const KEEP_BODY_BYTES = 256 * 1024; // of one request; likewise

/** One request as it arrived. `complete` resolves when its body is there. */
class Request {
  #hash = createHash('sha256');
  #finish;

  constructor(connection, head, framing) {
    Object.assign(this, { connection, framing, method: head.method, target: head.target });
    Object.assign(this, { headers: head.headers, rawHead: head.raw, bodyBytes: 0, body: '' });
    const url = new URL(head.target, 'http://peer');
    this.path = url.pathname;
    this.query = url.searchParams;
    this.name = url.pathname.split('/').at(-1);
    this.isComplete = false;
    this.complete = new Promise((resolve) => (this.#finish = resolve));
  }

  header(name) {
    return valuesOf(this, name).join(', ') || undefined;
  }

  number(name, otherwise) {
    return Number(this.query.get(name) ?? otherwise);
  }

  received(bytes) {
    this.#hash.update(bytes);
    if (this.bodyBytes < KEEP_BODY_BYTES) this.body += bytes.toString('latin1');
    this.bodyBytes += bytes.length;
  }

  ended() {
    this.isComplete = true;
    this.sha256 = this.#hash.digest('hex');
    this.#finish(this);
  }
}

/** One connection: answers its requests in their order. Times are performance.now()'s. */
class Connection {
  #answering = Promise.resolve();
  #raw = [];

  constructor(peer, socket) {
    Object.assign(this, { peer, socket, rawBytes: 0, requests: [], violations: [] });
    this.readEndedAt = null; // the gateway has shut its sending side
    this.closedAt = null;
    this.reader = new RequestReader({
      head: (head, framing) => this.#begin(head, framing),
      data: (bytes) => this.requests.at(-1).received(bytes),
      end: () => this.requests.at(-1).ended(),
      violation: (error) => this.#refuse(error),
    });
    socket.on('data', (bytes) => this.#received(bytes));
    socket.on('end', () => this.#readEnded());
    socket.on('close', () => (this.closedAt = performance.now()));
    socket.on('error', () => {});
  }

  /** The bytes received, as latin1 text. */
  get raw() {
    return Buffer.concat(this.#raw).toString('latin1');
  }

  write(text) {
    return this.socket.write(text, 'latin1');
  }

  #received(bytes) {
    if (this.rawBytes < KEEP_RAW_BYTES) this.#raw.push(bytes);
    this.rawBytes += bytes.length;
    this.reader.push(bytes);
  }

  #begin(head, framing) {
    const request = new Request(this, head, framing);
    this.requests.push(request);
    // "/" is what a gateway asks to see whether the peer is ready: no behaviour has that path.
    if (request.path !== '/') this.peer.requests.push(request);
    const behave = behaviours[request.name] ?? behaviours.mirror;
    this.#answering = this.#answering
      .then(() => behave(request, this))
      .catch(() => this.socket.destroy());
  }

  #readEnded() {
    this.readEndedAt = performance.now();
    if (this.reader.isIdle && this.requests.every((request) => request.isComplete))
      this.#answering.then(() => this.socket.end());
  }

  #refuse(error) {
    this.violations.push(error.message);
    this.peer.violations.push({ reason: error.message, raw: this.raw });
    this.socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  }
}

class Peer {
  #server;

  constructor(server) {
    this.#server = server;
    this.forget();
    server.on('connection', (socket) => {
      socket.setNoDelay(true);
      this.connections.push(new Connection(this, socket));
    });
  }

  get port() {
    return this.#server.address().port;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Drops the records; connections stay open. */
  forget() {
    this.connections = (this.connections ?? []).filter((c) => c.closedAt === null);
    for (const connection of this.connections) connection.requests.splice(0);
    this.requests = [];
    this.violations = [];
  }

  /** How often the request with this path was executed. */
  count(path) {
    return this.requests.filter((request) => request.path === path).length;
  }

  async stop() {
    for (const connection of this.connections) connection.socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function startPeer({ port = 0, host = '127.0.0.1' } = {}) {
  const server = createServer({ allowHalfOpen: true, highWaterMark: 256 * 1024 });
  const peer = new Peer(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, 4096, () => resolve(peer));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const peer = await startPeer({ port: Number(process.argv[2] ?? 0) });
  process.stdout.write(`listening on ${peer.url}\n`);
  for (const signal of ['SIGTERM', 'SIGINT'])
    process.once(signal, () => peer.stop().then(() => process.exit(0)));
}
