// What the peer does, by the last part of the request's path. Each gets the request and its
// connection, and returns when its answer is written.

import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

/** A pause that does not keep the process: who asked may have left long ago. */
const sleep = (ms) => setTimeout(ms, undefined, { ref: false });

const PIECE = Buffer.alloc(64 * 1024, '0123456789abcdef');

function head(status, fields = [], reason = 'Peer') {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}\r\n`;
}

function json(connection, status, value, fields = []) {
  const body = JSON.stringify(value);
  const length = Buffer.byteLength(body);
  const all = [['Content-Type', 'application/json'], ['Content-Length', length], ...fields];
  connection.socket.write(head(status, all) + body);
}

async function drain(socket) {
  if (socket.destroyed || !socket.writableNeedDrain) return;
  await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
}

// `bytes` of the pattern, at the pace of the reader; `frame` wraps each piece.
async function pour(connection, bytes, frame = (piece) => piece) {
  const { socket } = connection;
  for (let left = bytes; left > 0 && !socket.destroyed; ) {
    const piece = PIECE.subarray(0, Math.min(left, PIECE.length));
    left -= piece.length;
    socket.write(frame(piece));
    await drain(socket);
  }
}

function chunk(piece) {
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
}

// Heads that a strict client must refuse: 502, and the connection is not used again.
export const malformedHeads = {
  'two-lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab',
  'length-and-chunked':
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
  'length-no-number': 'HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nab',
  'length-negative': 'HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nab',
  'length-list': 'HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nab',
  'length-overflow': 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nab',
  'coding-unknown': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
  'coding-not-last': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nab',
  'space-before-colon': 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nab',
  'folded-line': 'HTTP/1.1 200 OK\r\nX-A: 1\r\n two\r\nContent-Length: 2\r\n\r\nab',
  'name-no-token': 'HTTP/1.1 200 OK\r\nX A: 1\r\nContent-Length: 2\r\n\r\nab',
  'no-colon': 'HTTP/1.1 200 OK\r\nContent-Length\r\n\r\nab',
  'nul-in-value': 'HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nab',
  'bare-cr': 'HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 2\r\n\r\nab',
  'status-short': 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nab',
  'status-letters': 'HTTP/1.1 2xx OK\r\nContent-Length: 2\r\n\r\nab',
  'status-below-100': 'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nab',
  'version-unknown': 'HTTP/3.7 200 OK\r\nContent-Length: 2\r\n\r\nab',
  'no-http': 'SSH-2.0-OpenSSH_9.2\r\n\r\n',
  'upgrade-unasked': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: ws\r\nConnection: upgrade\r\n\r\n',
};

export const malformedChunks = {
  'size-no-number': 'zz\r\nab\r\n0\r\n\r\n',
  'size-overflow': 'fffffffffffffffff\r\nab\r\n0\r\n\r\n',
  'size-negative': '-2\r\nab\r\n0\r\n\r\n',
  'no-crlf-behind': '2\r\nabXX0\r\n\r\n',
};

export const behaviours = {
  // --- well-behaved -------------------------------------------------------------------------
  async mirror(request, connection) {
    await request.complete;
    const { method, target, headers, bodyBytes, framing, sha256 } = request;
    const body = bodyBytes <= 65536 ? request.body : undefined;
    json(connection, 200, { method, target, headers, bodyBytes, framing: framing.kind, body, sha256 });
  },

  async echo(request, connection) {
    await request.complete;
    json(connection, 200, { count: request.bodyBytes, sha256: request.sha256 });
  },

  async stream(request, connection) {
    const bytes = request.number('bytes', 1024);
    const type = ['Content-Type', 'application/octet-stream'];
    if (request.query.get('framing') === 'chunked') {
      connection.write(head(200, [type, ['Transfer-Encoding', 'chunked']]));
      await pour(connection, bytes, chunk);
      connection.write('0\r\n\r\n');
    } else if (request.query.get('framing') === 'close') {
      connection.write(head(200, [type, ['Connection', 'close']]));
      await pour(connection, bytes);
      connection.socket.end();
    } else {
      connection.write(head(200, [type, ['Content-Length', bytes]]));
      if (request.method !== 'HEAD') await pour(connection, bytes);
    }
  },

  // Answers with the body it was sent, in small pieces: `type` and `code` say as what.
  async parrot(request, connection) {
    await request.complete;
    const type = request.query.get('type') ?? 'application/json';
    connection.write(head(request.number('code', 200), [['Content-Type', type], ['Transfer-Encoding', 'chunked']]));
    const bytes = Buffer.from(request.body);
    for (let at = 0; at < bytes.length; at += 10) {
      connection.write(chunk(bytes.subarray(at, at + 10)));
      await sleep(1);
    }
    connection.write('0\r\n\r\n');
  },

  async count(request, connection) {
    await request.complete;
    json(connection, 200, { count: connection.peer.count(request.path) });
  },

  async status(request, connection) {
    await request.complete;
    const code = request.number('code', 200);
    if (code === 204 || code === 304) connection.write(head(code, [['ETag', '"one"']]));
    else json(connection, code, { status: code });
  },

  async throttled(request, connection) {
    await request.complete;
    json(connection, request.number('code', 429), {}, [['Retry-After', request.number('seconds', 1)]]);
  },

  // As the test has set the peer: `delayMs` and `failsWith`.
  async sluggish(request, connection) {
    await request.complete;
    await sleep(connection.peer.delayMs ?? 0);
    json(connection, connection.peer.failsWith ?? 200, {});
  },

  async whoami(request, connection) {
    await request.complete;
    json(connection, 200, { port: connection.peer.port });
  },

  async conditional(request, connection) {
    if (request.header('if-none-match') === '"one"')
      connection.write(head(304, [['ETag', '"one"']]));
    else json(connection, 200, { fresh: true }, [['ETag', '"one"']]);
  },

  async interim(request, connection) {
    connection.write(head(100, [], 'Continue') + head(103, [['Link', '</a>; rel=preload']]));
    await request.complete;
    json(connection, 200, { interim: 2 });
  },

  async trailers(request, connection) {
    connection.write(head(200, [['Transfer-Encoding', 'chunked'], ['Trailer', 'X-Late']]));
    connection.write('4\r\nlate\r\n0\r\nX-Late: 1\r\n\r\n');
  },

  async hop(request, connection) {
    await request.complete;
    json(connection, 200, {}, [
      ['Connection', 'keep-alive, X-Secret-Hop'], ['X-Secret-Hop', '1'], ['Keep-Alive', 'timeout=9'],
      ['Proxy-Authenticate', 'Basic'], ['Upgrade', 'h2c'], ['X-Kept', '1'],
      ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2'],
    ]);
  },

  // --- slow ---------------------------------------------------------------------------------
  async slow(request, connection) {
    await request.complete;
    await sleep(request.number('ms', 1000));
    json(connection, 200, { slow: true });
  },

  async drip(request, connection) {
    const bytes = request.number('bytes', 10);
    connection.write(head(200, [['Content-Length', bytes]]));
    for (let i = 0; i < bytes && !connection.socket.destroyed; i++) {
      connection.write('x');
      await sleep(request.number('ms', 100));
    }
  },

  async hold(request, connection) {
    await once(connection.socket, 'close'); // never answers
  },

  // --- early, late and faulty ---------------------------------------------------------------
  async early(request, connection) {
    const body = '{"early":true}';
    const fields = [['Content-Length', body.length], ['Connection', 'close']];
    connection.write(head(request.number('code', 413), fields) + body);
    await Promise.race([request.complete, sleep(200)]);
    connection.socket.end();
  },

  async die(request, connection) {
    connection.write(head(200, [['Content-Length', 1_000_000]]));
    await pour(connection, request.number('bytes', 1000));
    await sleep(50); // what was written arrives before the end
    connection.socket.destroy();
  },

  async 'die-chunked'(request, connection) {
    connection.write(head(200, [['Transfer-Encoding', 'chunked']]) + '4\r\nhalf\r\n');
    await sleep(50);
    connection.socket.destroy();
  },

  async 'die-before'(request, connection) {
    await request.complete;
    connection.socket.destroy();
  },

  async 'die-in-upload'(request, connection) {
    await sleep(50);
    connection.socket.destroy();
  },

  async 'big-head'(request, connection) {
    await request.complete;
    json(connection, 200, {}, [['X-Big', 'a'.repeat(request.number('bytes', 100_000))]]);
  },

  async malformed(request, connection) {
    await request.complete;
    connection.write(malformedHeads[request.query.get('kind')]);
    await sleep(200);
    connection.socket.end();
  },

  async 'malformed-chunk'(request, connection) {
    await request.complete;
    connection.write(head(200, [['Transfer-Encoding', 'chunked']]));
    connection.write(malformedChunks[request.query.get('kind')]);
    await sleep(200);
    connection.socket.end();
  },

  // An answer with bytes behind it that nobody asked for: they must not answer the next request.
  async surplus(request, connection) {
    await request.complete;
    connection.write(head(200, [['Content-Length', 2]]) + '{}');
    connection.write(head(200, [['Content-Length', 8]]) + 'poisoned');
  },
};
