// Coded answers: what clients take, what is left alone, and streams that are not held back.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { describe, test } from 'node:test';
import { createGunzip, gunzipSync, gzipSync } from 'node:zlib';

import { peerContract } from './support/config.mjs';
import { eventually, peerPath, startGateway, suiteScope } from './support/harness.mjs';

const ROWS = JSON.stringify(Array.from({ length: 400 }, (_, i) => ({ id: i, material: `M-${i % 17}`, plant: '1000' })));
const LARGE = Buffer.alloc(40 * 1024 * 1024, ROWS);

function unzstd(bytes) {
  const { status, stdout, stderr } = spawnSync('zstd', ['-dc'], { input: bytes, maxBuffer: 64 * 1024 * 1024 });
  assert.equal(status, 0, String(stderr));
  return stdout;
}

// A backend whose answers are told by the query: ?type=&size=&...
async function startBackend(t) {
  const backend = { held: [] };
  const json = { 'content-type': 'application/json; charset=utf-8' };
  const answers = {
    '/rows': (response) => response.writeHead(200, { ...json, etag: '"v1"', 'accept-ranges': 'bytes', vary: 'Accept' }).end(ROWS),
    '/rows-length': (response) => response.writeHead(200, { ...json, 'content-length': ROWS.length, etag: 'W/"v2"' }).end(ROWS),
    '/problem': (response) => response.writeHead(500, { 'content-type': 'application/problem+json' }).end(ROWS),
    '/small': (response) => response.writeHead(200, json).end('{"a":1}'),
    '/image': (response) => response.writeHead(200, { 'content-type': 'image/png' }).end(ROWS),
    '/coded': (response) => response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(ROWS)),
    '/no-transform': (response) => response.writeHead(200, { ...json, 'cache-control': 'max-age=5, No-Transform' }).end(ROWS),
    '/digest': (response) => response.writeHead(200, { ...json, 'repr-digest': 'sha-256=:AA==:' }).end(ROWS),
    '/partial': (response) => response.writeHead(206, { ...json, 'content-range': `bytes 0-99/${ROWS.length}` }).end(ROWS.slice(0, 100)),
    '/large': (response) => response.writeHead(200, json).end(LARGE),
    '/empty': (response) => response.writeHead(204).end(),
    '/lines': (response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
      backend.held.push(response);
    },
    '/cut': (response) => {
      response.writeHead(200, { ...json, 'content-length': 5000 }).write('x'.repeat(2000));
      setTimeout(() => response.destroy(), 100);
    },
  };
  const server = http.createServer((request, response) => (answers[request.url] ?? answers['/empty'])(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  backend.url = `http://127.0.0.1:${server.address().port}`;
  backend.names = Object.keys(answers);
  return backend;
}

async function start(t, compression = {}) {
  const backend = await startBackend(t);
  const paths = Object.fromEntries(backend.names.map((name) => [name, {
    get: { operationId: name.slice(1), responses: { default: { description: 'As it comes.' } } },
    head: { operationId: `head-${name.slice(1)}`, responses: { default: { description: 'As it comes.' } } },
  }]));
  const gw = await startGateway(t, {
    peer: { url: backend.url }, contracts: { 'peer.v1.yaml': peerContract({ paths }) },
    config: {
      policies: [{ compression: { enabled: true, ...compression } }, { cors: { allow: [{ origins: ['https://a.example'] }] } },
        { jwt: {} }, { authorise: {} }, { schema: {} }],
    },
  });
  gw.backend = backend;
  return gw;
}

function open(gw, path, headers, method = 'GET') {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: gw.port, path: peerPath(path), method, headers: { ...gw.bearer, ...headers }, agent: false };
    http.request(options, resolve).on('error', reject).end();
  });
}

async function get(gw, path, encoding, method) {
  const response = await open(gw, path, encoding === undefined ? {} : { 'accept-encoding': encoding }, method);
  const pieces = [];
  for await (const piece of response) pieces.push(piece);
  return { status: response.statusCode, headers: response.headers, bytes: Buffer.concat(pieces) };
}

describe('what is coded', () => {
  const scope = suiteScope();
  let gw;

  test('starts', async () => {
    gw = await start(scope);
  });

  for (const [coding, decode] of [['gzip', gunzipSync], ['zstd', unzstd]])
    for (const path of ['rows', 'rows-length', 'problem'])
      test(`${path} in ${coding}`, async () => {
        const { headers, bytes } = await get(gw, path, coding);
        assert.equal(headers['content-encoding'], coding);
        assert.equal(headers['content-length'], undefined);
        assert.equal(headers['accept-ranges'], undefined);
        assert.ok(bytes.length < ROWS.length / 4, `${bytes.length} of ${ROWS.length}`);
        assert.equal(String(decode(bytes)), ROWS);
      });

  test('a strong ETag becomes weak, Vary is completed', async () => {
    const coded = await get(gw, 'rows', 'gzip, zstd;q=0.5');
    assert.equal(coded.headers['content-encoding'], 'gzip');
    assert.equal(coded.headers.etag, 'W/"v1"');
    assert.match(coded.headers.vary, /Accept\b.*Accept-Encoding/);
    assert.match(coded.headers.vary, /Origin/);
    assert.equal((await get(gw, 'rows-length', 'gzip')).headers.etag, 'W/"v2"');
    const plain = await get(gw, 'rows', 'identity');
    assert.equal(plain.headers.etag, '"v1"');
    assert.match(plain.headers.vary, /Accept-Encoding/);
    assert.equal(String(plain.bytes), ROWS);
  });

  for (const [encoding, coding] of [[undefined, undefined], ['', undefined], ['br', undefined], ['gzip;q=0', undefined],
    ['*', 'zstd'], ['gzip;q=0.5, zstd;q=0.1', 'gzip'], ['*;q=0', undefined]])
    test(`Accept-Encoding: ${encoding} gets ${coding}`, async () => {
      const { headers, bytes } = await get(gw, 'rows', encoding);
      assert.equal(headers['content-encoding'], coding);
      if (!coding) assert.equal(String(bytes), ROWS);
    });

  for (const path of ['small', 'image', 'no-transform', 'digest', 'partial', 'empty'])
    test(`${path} is left alone`, async () => {
      const { headers } = await get(gw, path, 'gzip');
      assert.equal(headers['content-encoding'], undefined);
    });

  test('what the backend has coded passes', async () => {
    const { headers, bytes } = await get(gw, 'coded', 'gzip');
    assert.equal(headers['content-encoding'], 'gzip');
    assert.equal(String(gunzipSync(bytes)), ROWS);
  });

  test('a small one is coded where the client refuses it uncoded', async () => {
    const { headers, bytes } = await get(gw, 'small', 'gzip, identity;q=0');
    assert.equal(headers['content-encoding'], 'gzip');
    assert.equal(String(gunzipSync(bytes)), '{"a":1}');
  });

  test('HEAD has no coding', async () => {
    const { status, headers } = await get(gw, 'rows-length', 'gzip', 'HEAD');
    assert.equal(status, 200);
    assert.equal(headers['content-encoding'], undefined);
    assert.match(headers.vary, /Accept-Encoding/);
  });

  test('40 MiB in little memory, several at once', async () => {
    const before = gw.memoryBytes();
    const sha = (bytes) => createHash('sha256').update(bytes).digest('hex');
    const answers = await Promise.all(['gzip', 'zstd', 'gzip'].map((coding) => get(gw, 'large', coding)));
    for (const [at, decode] of [gunzipSync, unzstd, gunzipSync].entries())
      assert.equal(sha(decode(answers[at].bytes)), sha(LARGE));
    console.log(`grew by ${((gw.memoryBytes('VmHWM') - before) / 1024 / 1024).toFixed(1)} MiB`);
    if (!process.env.MILLGATE_SANITIZED) assert.ok(gw.memoryBytes('VmHWM') - before < 24 * 1024 * 1024);
  });

  test('each line of a stream arrives before the next is sent', async () => {
    const response = await open(gw, 'lines', { 'accept-encoding': 'gzip' });
    assert.equal(response.headers['content-encoding'], 'gzip');
    let text = '';
    response.pipe(createGunzip()).on('data', (bytes) => (text += bytes));
    const backend = await eventually(() => gw.backend.held.pop(), 'it is upstream');
    for (let i = 0; i < 20; i++) {
      backend.write(`{"line":${i}}\n`);
      await eventually(() => text.endsWith(`{"line":${i}}\n`), `line ${i} has come`);
    }
    backend.end();
    await once(response, 'end');
  });

  test('an answer that the backend cuts short is cut short', async () => {
    await assert.rejects(get(gw, 'cut', 'gzip'));
  });

  test('a client that leaves, and the encoder is used again', async () => {
    for (let i = 0; i < 20; i++) {
      const response = await open(gw, 'large', { 'accept-encoding': i % 2 ? 'gzip' : 'zstd' });
      response.on('error', () => {});
      await once(response, 'data');
      response.destroy();
    }
    assert.equal(String(gunzipSync((await get(gw, 'rows', 'gzip')).bytes)), ROWS);
    assert.equal(String(unzstd((await get(gw, 'rows', 'zstd')).bytes)), ROWS);
  });
});

test('beyond max_streams answers go out as they are', async (t) => {
  const gw = await start(t, { max_streams: 1 });
  const first = await open(gw, 'lines', { 'accept-encoding': 'gzip' });
  assert.equal(first.headers['content-encoding'], 'gzip');
  const second = await get(gw, 'rows', 'gzip');
  assert.equal(second.headers['content-encoding'], undefined);
  assert.equal(String(second.bytes), ROWS);
  first.destroy();
  await eventually(async () => (await get(gw, 'rows', 'gzip')).headers['content-encoding'] === 'gzip', 'there is room again');
});

test('without enabled nothing changes', async (t) => {
  const gw = await start(t, { enabled: false });
  const { headers, bytes } = await get(gw, 'rows', 'gzip, zstd');
  assert.equal(headers['content-encoding'], undefined);
  assert.equal(String(bytes), ROWS);
});
