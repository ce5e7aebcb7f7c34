// A client on raw TCP (or TLS): sends exact bytes, reads answers one by one, sees the close.

import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';

const DEADLINE_MS = 15_000;

// An answer of ours has one form only: what a lax client would let pass is an error here.
function assertHead(lines) {
  const fields = lines.slice(1).filter(Boolean);
  const framing = fields.filter((line) => /^(content-length: \d+|transfer-encoding: chunked)$/i.test(line));
  const framed = fields.filter((line) => /^(content-length|transfer-encoding)[\s:]/i.test(line));
  const isGood = /^HTTP\/1\.[01] [2-5]\d\d [^\r\n]*$|^HTTP\/1\.1 1\d\d /.test(lines[0]) &&
    fields.every((line) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/.test(line)) &&
    framed.length <= 1 && framing.length === framed.length;
  if (!isGood) throw new Error(`a malformed answer: ${JSON.stringify(lines)}`);
}

export class RawClient {
  #bytes = Buffer.alloc(0);
  #waiting = null;

  constructor(socket) {
    this.socket = socket;
    this.isClosed = false;
    this.error = null;
    socket.on('data', (bytes) => {
      this.#bytes = this.#bytes.length ? Buffer.concat([this.#bytes, bytes]) : bytes;
      this.#wake();
    });
    socket.on('error', (error) => (this.error = error));
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
    socket.on('end', () => {
      this.isEnded = true;
      this.#wake();
    });
  }

  static async open(port, { tls = false, ...options } = {}) {
    const where = { host: '127.0.0.1', port, allowHalfOpen: true, ...options };
    const socket = tls ? connectTls({ ...where, rejectUnauthorized: false }) : connectTcp(where);
    await new Promise((resolve, reject) => {
      socket.once(tls ? 'secureConnect' : 'connect', resolve);
      socket.once('error', reject);
    });
    socket.setNoDelay(true);
    return new RawClient(socket);
  }

  send(text) {
    this.socket.write(text, typeof text === 'string' ? 'latin1' : undefined);
    return this;
  }

  /** All that has come and was not read, as latin1. */
  get unread() {
    return this.#bytes.toString('latin1');
  }

  /** The next answer {status, headers, body}; null if the connection ended before its head. */
  async response({ deadlineMs = DEADLINE_MS, isHead = false } = {}) {
    const until = Date.now() + deadlineMs;
    const end = await this.#find('\r\n\r\n', until);
    if (end < 0) return null;
    const lines = this.#take(end + 4).toString('latin1').split('\r\n');
    assertHead(lines);
    const status = Number(lines[0].split(' ')[1]);
    const headers = {};
    for (const line of lines.slice(1).filter(Boolean)) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    if (status < 200 || status === 204 || status === 304 || isHead) return { status, headers, body: '' };
    return { status, headers, body: await this.#body(headers, until) };
  }

  /** True when the other side has closed within the deadline. */
  async closes(deadlineMs = DEADLINE_MS) {
    const until = Date.now() + deadlineMs;
    while (!this.isClosed && !this.isEnded && (await this.#more(until)));
    return Boolean(this.isClosed || this.isEnded);
  }

  destroy() {
    this.socket.destroy();
  }

  async #body(headers, until) {
    if (headers['transfer-encoding'] === 'chunked') return this.#chunks(until);
    if (headers['content-length'] !== undefined) {
      const length = Number(headers['content-length']);
      await this.#atLeast(length, until);
      return this.#take(length).toString('latin1');
    }
    while (await this.#more(until));
    return this.#take(this.#bytes.length).toString('latin1');
  }

  async #chunks(until) {
    let body = '';
    for (;;) {
      const end = await this.#find('\r\n', until);
      if (end < 0) throw new Error('the chunked body ended early');
      const size = parseInt(this.#take(end + 2).toString('latin1'), 16);
      await this.#atLeast(size + 2, until);
      body += this.#take(size + 2).subarray(0, size).toString('latin1');
      if (size === 0) return body;
    }
  }

  async #atLeast(count, until) {
    while (this.#bytes.length < count) {
      if (this.isClosed || this.isEnded) throw new Error(`the body ended after ${this.#bytes.length}`);
      await this.#more(until);
    }
  }

  #take(count) {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  async #find(text, until) {
    for (;;) {
      const isLast = this.isClosed || this.isEnded;
      const at = this.#bytes.indexOf(text);
      if (at >= 0 || isLast) return at;
      await this.#more(until);
    }
  }

  // Waits for bytes or the end; false at the end. Throws when the deadline passes.
  #more(until) {
    if (this.isClosed || this.isEnded) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = null;
        reject(new Error(`nothing came in time; unread: ${JSON.stringify(this.unread.slice(0, 200))}`));
      }, Math.max(until - Date.now(), 1));
      this.#waiting = () => {
        clearTimeout(timer);
        resolve(!this.isClosed && !this.isEnded);
      };
    });
  }

  #wake() {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.();
  }
}
