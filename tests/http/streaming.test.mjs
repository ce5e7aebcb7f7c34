// Large bodies in both directions with little memory, slow clients, and an upstream that dies.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { withBodyLimit } from './support/config.mjs';
import { eventually, isSanitized, peerPath, startGateway, suiteScope } from './support/harness.mjs';

const MIB = 1024 * 1024;
const LARGE = (isSanitized ? 40 : 200) * MIB;
const MEMORY = 64 * MIB;
const PIECE = Buffer.alloc(64 * 1024, 'abcdefghijklmnop');

function assertMemory(gw) {
  const bytes = gw.memoryBytes('VmHWM');
  console.log(`highest resident memory: ${(bytes / MIB).toFixed(1)} MiB`);
  if (!isSanitized) assert.ok(bytes < MEMORY, `${bytes} bytes`);
}

function hashOfPattern(bytes, pattern = '0123456789abcdef') {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(MIB, pattern);
  for (let left = bytes; left > 0; left -= MIB) hash.update(piece.subarray(0, Math.min(left, MIB)));
  return hash.digest('hex');
}

// A GET whose body the caller reads; resolves with node's response.
function open(gw, path) {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: gw.port, path, headers: gw.bearer, agent: false };
    http.get(options, resolve).on('error', reject);
  });
}

async function hashOf(response) {
  const hash = createHash('sha256');
  let count = 0;
  for await (const piece of response) {
    hash.update(piece);
    count += piece.length;
  }
  return { count, sha256: hash.digest('hex') };
}

function upload(gw, path, bytes, { chunked = false } = {}) {
  return new Promise((resolve, reject) => {
    const framing = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes };
    const headers = { ...gw.bearer, ...framing, 'content-type': 'application/octet-stream' };
    const request = http.request({ host: '127.0.0.1', port: gw.port, path, method: 'PUT', headers, agent: false });
    request.on('error', reject);
    request.on('response', async (response) => {
      let text = '';
      for await (const piece of response) text += piece;
      resolve({ status: response.statusCode, text });
    });
    let left = bytes;
    const more = () => {
      while (left > 0) {
        const piece = PIECE.subarray(0, Math.min(left, PIECE.length));
        left -= piece.length;
        if (!request.write(piece)) return request.once('drain', more);
      }
      request.end();
    };
    more();
  });
}

describe('streaming', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, { config: { policies: withBodyLimit('1GiB') } });
  });

  for (const framing of ['length', 'chunked', 'close'])
    test(`downloads ${LARGE / MIB} MiB framed by ${framing}`, async () => {
      const response = await open(gw, peerPath(`stream?bytes=${LARGE}&framing=${framing}`));
      assert.equal(response.statusCode, 200);
      assert.deepEqual(await hashOf(response), { count: LARGE, sha256: hashOfPattern(LARGE) });
      assertMemory(gw);
    });

  for (const chunked of [false, true])
    test(`uploads ${LARGE / MIB} MiB ${chunked ? 'in chunks' : 'of stated length'}`, async () => {
      const answer = await upload(gw, peerPath('echo'), LARGE, { chunked });
      assert.equal(answer.status, 200, answer.text);
      const expected = { count: LARGE, sha256: hashOfPattern(LARGE, 'abcdefghijklmnop') };
      assert.deepEqual(JSON.parse(answer.text), expected);
      assertMemory(gw);
    });

  test('a client that does not read holds the upstream back', async () => {
    const response = await open(gw, peerPath(`stream?bytes=${LARGE}`));
    response.pause();
    await sleep(1500);
    assertMemory(gw);
    const sent = gw.peer.connections.find((c) => c.requests.at(-1)?.name === 'stream' && !c.closedAt)
      .socket.bytesWritten;
    assert.ok(sent < LARGE / 2, `${sent} bytes were taken from the upstream`);
    const { count } = await hashOf(response);
    assert.equal(count, LARGE);
  });

  test('an upstream that does not read holds the client back', async () => {
    const before = gw.memoryBytes();
    const request = http.request({
      host: '127.0.0.1', port: gw.port, path: peerPath('hold'), method: 'PUT', agent: false,
      headers: { ...gw.bearer, 'content-length': LARGE, 'content-type': 'application/octet-stream' },
    });
    request.on('error', () => {});
    request.write(PIECE);
    const held = await eventually(() => gw.peer.connections.find((c) => c.requests.at(-1)?.name === 'hold'), 'it arrived');
    held.socket.pause();
    let written = 0;
    const until = Date.now() + 1500;
    while (Date.now() < until) {
      if (request.writableLength < MIB) {
        request.write(PIECE);
        written += PIECE.length;
      } else await sleep(5);
    }
    if (!isSanitized) assert.ok(gw.memoryBytes() - before < 16 * MIB, 'the gateway keeps what nobody takes');
    assert.ok(written < LARGE, `${written} bytes were taken from the client`);
    request.destroy();
    held.socket.destroy();
  });

  test('an upstream that dies in its answer cuts the client\'s answer', async () => {
    for (const path of ['die?bytes=1000', 'die?bytes=300000', 'die-chunked']) {
      const client = await gw.raw();
      client.send(`GET ${peerPath(path)} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n`);
      // A 502 is as good, where no byte of the answer had left.
      const answer = await client.response({ deadlineMs: 5000 }).catch((error) => error);
      assert.ok(answer.status === 502 || /ended/.test(answer.message), `${path}: ${answer.message ?? answer.status}`);
      if (!answer.status) assert.ok(await client.closes(2000), 'the connection must not look whole');
      client.destroy();
    }
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test('an upstream that dies in the upload is a 502 or a closed connection', async () => {
    const outcome = await upload(gw, peerPath('die-in-upload'), 20 * MIB).catch((error) => error);
    assert.ok(outcome instanceof Error || outcome.status === 502, String(outcome.status));
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test('a client that leaves in the middle of a download ends it upstream', async () => {
    gw.peer.forget();
    const response = await open(gw, peerPath(`stream?bytes=${LARGE}`));
    await new Promise((resolve) => response.once('data', resolve));
    response.destroy();
    await eventually(() => gw.peer.connections.every((c) => c.closedAt || c.requests.at(-1)?.name !== 'stream'),
      'the upstream\'s connection is closed');
  });

  test('small pieces arrive as they come', async () => {
    const response = await open(gw, peerPath('drip?bytes=5&ms=200'));
    const times = [];
    for await (const piece of response) times.push([performance.now(), piece.length]);
    assert.ok(times.length >= 3, 'the answer was held back until its end');
  });
});
