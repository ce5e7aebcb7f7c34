// Answers that end with their connection: whole, or visibly cut, but never quietly too short.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';

import { peerPath, startGateway } from './support/harness.mjs';

const BYTES = 1024 * 1024;
const PIECE = Buffer.alloc(BYTES, '0123456789abcdef');
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\r\n';
const PATIENCE_MS = 30_000;

/** A server that calls `answer(socket)` once for each connection, when the head of a request is there. */
async function startServer(t, answer) {
  const sockets = new Set();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let head = '';
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', function read(bytes) {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      socket.pause(); // what is still to come stays unread
      if (head.startsWith('HEAD ')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      else answer(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

async function startBehind(t, answer) {
  const url = await startServer(t, answer);
  return startGateway(t, { peer: null, config: { backends: { peer: { url, grants: ['/system/*'] } } } });
}

/** The length of the answer's body; 'cut' if it did not end as its framing says. */
async function lengthOf(gw, request) {
  const client = await gw.raw();
  client.send(request);
  const answer = await client.response({ deadlineMs: PATIENCE_MS }).catch((error) => error);
  client.destroy();
  if (answer === null || answer.status === 502) return 'cut';
  if (!(answer instanceof Error)) return answer.body.length;
  assert.match(answer.message, /ended/);
  return 'cut';
}

async function hammer(gw, request, { rounds = 25, width = 6 } = {}) {
  const lengths = [];
  for (let round = 0; round < rounds; round++)
    lengths.push(...(await Promise.all(Array.from({ length: width }, () => lengthOf(gw, request)))));
  return lengths;
}

function get(gw) {
  return `GET ${peerPath('stream')} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n`;
}

describe('answers framed by their end', () => {
  test('a megabyte and an immediate close: all of it', async (t) => {
    const gw = await startBehind(t, (socket) => socket.end(Buffer.concat([Buffer.from(HEAD), PIECE])));
    const lengths = await hammer(gw, get(gw));
    assert.deepEqual(lengths.filter((length) => length !== BYTES), []);
  });

  test('in pieces, the last one with the close', async (t) => {
    const gw = await startBehind(t, async (socket) => {
      socket.write(HEAD);
      for (let at = 0; at < BYTES; at += 50_000) {
        if (!socket.write(PIECE.subarray(at, at + 50_000))) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
      }
      socket.end();
    });
    const lengths = await hammer(gw, get(gw));
    assert.deepEqual(lengths.filter((length) => length !== BYTES), []);
  });

  test('a reset in the middle is never an end', async (t) => {
    const gw = await startBehind(t, (socket) => {
      socket.write(HEAD);
      socket.write(PIECE.subarray(0, 700_000), () => socket.resetAndDestroy());
    });
    const lengths = await hammer(gw, get(gw), { rounds: 10 });
    assert.deepEqual(lengths.filter((length) => length !== 'cut'), []);
  });

  // The backend closes with the request's body unread: its kernel sends a reset and drops what it had not sent yet.
  // That the gateway notices while it is still writing must not make the end of what it reads a good one.
  test('a close with the upload unread is whole or cut, nothing between', async (t) => {
    const gw = await startBehind(t, (socket) => {
      socket.write(HEAD);
      socket.write(PIECE);
      socket.destroySoon();
    });
    const body = 'x'.repeat(400_000);
    const request = `POST ${peerPath('stream')} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n` +
      `Content-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const lengths = await hammer(gw, request);
    assert.deepEqual(lengths.filter((length) => length !== 'cut' && length !== BYTES), []);
  });
});
