// A strict reader of HTTP/1.1 requests from raw bytes, for the scripted peer.
//
// It stands in for the laxest and the strictest server at once: whatever is not exactly RFC 9112 is
// recorded as a violation, so a test can say "what reached the upstream was one unambiguous request".

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/1\.1$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const MAX_HEAD_BYTES = 256 * 1024;

export class Violation extends Error {}

/** {method, target, headers: [[name, value]...], raw} of a head without its closing empty line. */
export function parseHead(raw) {
  const lines = raw.split('\r\n');
  const first = REQUEST_LINE.exec(lines[0]);
  if (!first) throw new Violation(`request line ${JSON.stringify(lines[0])}`);
  const headers = lines.slice(1).map((line) => {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    if (colon < 1 || !TOKEN.test(name)) throw new Violation(`field line ${JSON.stringify(line)}`);
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    if (!VALUE.test(value)) throw new Violation(`value of ${name}`);
    return [name.toLowerCase(), value];
  });
  return { method: first[1], target: first[2], headers, raw };
}

export function valuesOf(head, name) {
  return head.headers.filter(([n]) => n === name).map(([, value]) => value);
}

/** How the body is framed: {kind: 'none' | 'length' | 'chunked', length}. */
export function framingOf(head) {
  const lengths = valuesOf(head, 'content-length');
  const codings = valuesOf(head, 'transfer-encoding');
  if (valuesOf(head, 'host').length !== 1) throw new Violation('not exactly one Host');
  if (lengths.length + codings.length > 1) throw new Violation('two framings');
  if (codings.length === 1) {
    if (codings[0].toLowerCase() !== 'chunked') throw new Violation(`coding ${codings[0]}`);
    return { kind: 'chunked', length: 0 };
  }
  if (lengths.length === 0) return { kind: 'none', length: 0 };
  if (!/^[0-9]{1,15}$/.test(lengths[0])) throw new Violation(`length ${lengths[0]}`);
  return { kind: 'length', length: Number(lengths[0]) };
}

/** Feeds on a connection's bytes and tells of heads, pieces of bodies and ends. */
export class RequestReader {
  #left = Buffer.alloc(0);
  #state = 'head';
  #need = 0;

  /** @param on {head(head, framing), data(bytes), end(), violation(error)} */
  constructor(on) {
    this.on = on;
  }

  push(bytes) {
    if (this.#state === 'broken') return;
    this.#left = this.#left.length ? Buffer.concat([this.#left, bytes]) : bytes;
    try {
      while (this.#step());
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#state = 'broken';
      this.on.violation(error);
    }
  }

  /** True between requests: a connection that ends now ends cleanly. */
  get isIdle() {
    return this.#state === 'head' && this.#left.length === 0;
  }

  #step() {
    if (this.#left.length === 0) return false;
    if (this.#state === 'head') return this.#readHead();
    if (this.#state === 'data') return this.#readData();
    if (this.#state === 'data-end') return this.#readDataEnd();
    if (this.#state === 'chunk') return this.#readChunkSize();
    return this.#readTrailers();
  }

  #take(bytes) {
    const taken = this.#left.subarray(0, bytes);
    this.#left = this.#left.subarray(bytes);
    return taken;
  }

  #line() {
    const end = this.#left.indexOf('\r\n');
    if (end < 0) return null;
    const line = this.#take(end + 2).subarray(0, end).toString('latin1');
    if (/[\r\n]/.test(line)) throw new Violation('a bare CR or LF');
    return line;
  }

  #readHead() {
    const end = this.#left.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#left.length > MAX_HEAD_BYTES) throw new Violation('an endless head');
      return false;
    }
    const head = parseHead(this.#take(end + 4).subarray(0, end).toString('latin1'));
    const framing = framingOf(head);
    this.isChunked = framing.kind === 'chunked';
    this.#need = framing.length;
    this.on.head(head, framing);
    if (framing.kind === 'chunked') this.#state = 'chunk';
    else if (this.#need > 0) this.#state = 'data';
    else this.#finish();
    return true;
  }

  #readData() {
    const piece = this.#take(Math.min(this.#need, this.#left.length));
    this.#need -= piece.length;
    this.on.data(piece);
    if (this.#need > 0) return true;
    if (this.isChunked) this.#state = 'data-end';
    else this.#finish();
    return true;
  }

  #readDataEnd() {
    if (this.#left.length < 2) return false;
    if (this.#take(2).toString('latin1') !== '\r\n') throw new Violation('no CRLF behind a chunk');
    this.#state = 'chunk';
    return true;
  }

  #readChunkSize() {
    const line = this.#line();
    if (line === null) return false;
    if (!/^[0-9a-fA-F]{1,8}$/.test(line)) throw new Violation(`chunk size ${JSON.stringify(line)}`);
    this.#need = parseInt(line, 16);
    this.#state = this.#need > 0 ? 'data' : 'trailers';
    return true;
  }

  #readTrailers() {
    const line = this.#line();
    if (line === null) return false;
    if (line === '') this.#finish();
    return true;
  }

  #finish() {
    this.#state = 'head';
    this.on.end();
  }
}
