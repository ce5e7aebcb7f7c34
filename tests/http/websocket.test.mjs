// WebSocket through the gateway: npm's `ws` at both ends, plain and over TLS.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Authority, pairOf } from './support/certificates.mjs';
import { peerContract } from './support/config.mjs';
import { assertProblem, eventually, isSanitized, makeFolder, peerPath, send, startGateway, suiteScope } from './support/harness.mjs';

const RIG = fileURLToPath(new URL('../rigs/ws/', import.meta.url));
if (!existsSync(`${RIG}node_modules/ws`)) {
  process.stdout.write('skipped: ws is not installed: run script/bootstrap\n');
  process.exit(77);
}
const { startWebSocketPeer } = await import('../rigs/ws/peer.mjs');
const { default: WebSocket } = await import('../rigs/ws/node_modules/ws/wrapper.mjs');

const MIB = 1024 * 1024;
const HANDSHAKE = {
  connection: 'keep-alive, Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
const authority = new Authority(makeFolder());
const leaf = authority.issue('/CN=localhost', { san: 'DNS:localhost,IP:127.0.0.1' });

function contract() {
  const paths = Object.fromEntries(
    ['echo', 'die', 'farewell', 'half-frame', 'flood', 'wrong-accept', 'silent', 'refused'].map((name) => [`/${name}`, {
      get: {
        operationId: name, 'x-millgate': { websocket: true },
        parameters: [{ name: 'line', in: 'query', schema: { type: 'integer' } }],
        responses: { 101: { description: 'Switching protocols.' } },
      },
    }]));
  paths['/plain'] = { get: { operationId: 'plain', responses: { default: { description: 'Plain.' } } } };
  return peerContract({ paths });
}

async function start(t, { peerTls, backend = {}, config = {}, ...options } = {}) {
  const peer = await startWebSocketPeer({ tls: peerTls });
  const ca = peerTls ? { tls: { ca_file: authority.ca_file } } : {};
  const gw = await startGateway(t, {
    peer, contracts: { 'peer.v1.yaml': contract() }, config: { peerBackend: { ...ca, ...backend }, ...config }, ...options,
  });
  t.after(() => peer.stop());
  return gw;
}

function open(gw, path, { headers = {}, protocols = [], tls = false, ...options } = {}) {
  const base = tls ? `wss://127.0.0.1:${gw.tlsPorts[0]}` : `ws://127.0.0.1:${gw.port}`;
  const socket = new WebSocket(`${base}${peerPath(path)}`, protocols, {
    headers: { ...gw.bearer, ...headers }, ca: authority.x509, rejectUnauthorized: false, maxPayload: 64 * MIB, ...options,
  });
  socket.on('error', () => {});
  return socket;
}

async function opened(...args) {
  const socket = open(...args);
  await once(socket, 'open', { signal: AbortSignal.timeout(20_000) });
  return socket;
}

// The next `count` messages.
function receive(socket, count) {
  return new Promise((resolve, reject) => {
    const got = [];
    const timer = setTimeout(() => reject(new Error(`${got.length} of ${count} messages came`)), 60_000);
    const onClose = (code) => reject(new Error(`closed with ${code} after ${got.length} of ${count}`));
    socket.on('close', onClose);
    socket.on('message', function take(bytes, isBinary) {
      got.push({ bytes, isBinary });
      if (got.length < count) return;
      clearTimeout(timer);
      socket.off('message', take);
      socket.off('close', onClose);
      resolve(got);
    });
  });
}

async function closed(socket) {
  const [code, reason] = await once(socket, 'close', { signal: AbortSignal.timeout(30_000) });
  return { code, reason: String(reason) };
}

async function metric(gw, name) {
  const { text } = await gw.admin('/metrics');
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

for (const [how, options, client] of [
  ['plain', {}, {}],
  ['TLS at both ends', {
    peerTls: { key: leaf.key, cert: leaf.pem },
    config: { listeners: [{ address: '127.0.0.1:0', tls: pairOf(leaf) }] },
  }, { tls: true }],
])
  describe(`messages, ${how}`, () => {
    const scope = suiteScope();
    let gw;

    test('starts', async () => {
      gw = await start(scope, options);
    });

    test('1,000 messages come back in order', async () => {
      const socket = await opened(gw, 'echo?line=4', client);
      const answers = receive(socket, 1000);
      for (let i = 0; i < 1000; i++) socket.send(`message ${i}`);
      const texts = (await answers).map(({ bytes }) => String(bytes));
      assert.deepEqual(texts, Array.from({ length: 1000 }, (_, i) => `message ${i}`));
      socket.close(4000, 'done');
      assert.deepEqual(await closed(socket), { code: 4000, reason: 'done' });
      await eventually(() => gw.peer.closes.some(({ code }) => code === 4000), 'the backend saw the Close');
    });

    test('a message of 10 MiB', async () => {
      const socket = await opened(gw, 'echo', { ...client, perMessageDeflate: false });
      const message = randomBytes(10 * MIB);
      const answer = receive(socket, 1);
      socket.send(message);
      const [{ bytes, isBinary }] = await answer;
      assert.ok(isBinary && bytes.equals(message));
      socket.terminate();
    });

    test('the last word of a backend that closes at once arrives', async () => {
      const socket = await opened(gw, 'farewell', client);
      const answer = receive(socket, 1);
      const end = closed(socket);
      socket.send('go');
      assert.equal(String((await answer)[0].bytes), 'the last word');
      assert.deepEqual(await end, { code: 4001, reason: 'enough' });
    });

    test('many at once', async () => {
      const sockets = await Promise.all(Array.from({ length: 50 }, () => opened(gw, 'echo', client)));
      const answers = sockets.map((socket) => receive(socket, 20));
      for (let i = 0; i < 20; i++) for (const [at, socket] of sockets.entries()) socket.send(`${at}:${i}`);
      for (const [at, answer] of (await Promise.all(answers)).entries())
        assert.deepEqual(answer.map(({ bytes }) => String(bytes)), Array.from({ length: 20 }, (_, i) => `${at}:${i}`));
      assert.equal(await eventually(async () => (await metric(gw, 'millgate_websockets')) === 50, 'they are counted'), true);
      for (const socket of sockets) socket.terminate();
      await eventually(async () => (await metric(gw, 'millgate_websockets')) === 0, 'they have gone');
      await eventually(() => gw.peer.sockets.size === 0, 'also at the backend');
    });

    test('a client that dies, and a backend that dies', async () => {
      const socket = await opened(gw, 'die', client);
      const end = closed(socket);
      socket.send('die');
      assert.equal((await end).code, 1006);
      const other = await opened(gw, 'echo', client);
      other._socket.destroy();
      await eventually(() => gw.peer.sockets.size === 0, 'the backend is told');
    });

    test('a slow reader holds the backend back', async () => {
      const socket = await opened(gw, 'flood', { ...client, perMessageDeflate: false });
      const before = gw.memoryBytes();
      socket.pause();
      socket.send(String(64 * MIB));
      await sleep(1000);
      if (!isSanitized) assert.ok(gw.memoryBytes() - before < 16 * MIB, `${gw.memoryBytes() - before}`);
      const answers = receive(socket, 1024);
      socket.resume();
      const total = (await answers).reduce((sum, { bytes }) => sum + bytes.length, 0);
      assert.equal(total, 64 * MIB);
      socket.terminate();
    });
  });

describe('the handshake', () => {
  const scope = suiteScope();
  let gw;

  const ask = (path, headers) => gw.get(peerPath(path), { headers: { ...HANDSHAKE, ...headers } });

  test('starts', async () => {
    gw = await start(scope, { backend: { websocket: { max: 2 } } });
  });

  test('is written anew: the backend gets another key, and the query, and no token', async () => {
    const opening = open(gw, 'echo?line=7', { protocols: ['plant.v1', 'plant.v2'] });
    const key = opening._req.getHeader('sec-websocket-key');
    await once(opening, 'open');
    const socket = opening;
    assert.equal(socket.protocol, 'plant.v2');
    assert.equal(socket.extensions, 'permessage-deflate');
    const { url, headers } = gw.peer.requests.at(-1);
    assert.equal(url, '/echo?line=7');
    assert.notEqual(headers['sec-websocket-key'], key);
    assert.equal(headers.authorization, undefined);
    assert.match(headers.forwarded, /for=127\.0\.0\.1/);
    socket.terminate();
    const log = await eventually(() => gw.accessLog().find(({ status }) => status === 101), 'it is logged');
    assert.equal(log.backend, 'peer');
    assert.equal(log.route, peerPath('echo'));
  });

  test('policies come first: without a token 401, with a bad parameter 400, and nothing goes upstream', async () => {
    const before = gw.peer.requests.length;
    assertProblem(await ask('echo', { authorization: null }), 401);
    assertProblem(await ask('echo?line=x'), 400);
    assert.equal(gw.peer.requests.length, before);
  });

  test('without an upgrade it is 426', async () => {
    const answer = await gw.get(peerPath('echo'));
    assertProblem(answer, 426);
    assert.equal(answer.headers.upgrade, 'websocket');
    assert.match(answer.headers.connection, /upgrade/i);
  });

  for (const version of ['8', '12', '14', '13, 8', ''])
    test(`version "${version}" is 426, and the right one is told`, async () => {
      const answer = await ask('echo', { 'sec-websocket-version': version });
      assertProblem(answer, 426);
      assert.equal(answer.headers['sec-websocket-version'], '13');
    });

  for (const key of ['', 'dGhlIHNhbXBsZSBub25jZQ=', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25j!Q==', 'x'.repeat(24)])
    test(`the key "${key}" is 400`, async () => {
      assertProblem(await ask('echo', { 'sec-websocket-key': key }), 400);
    });

  test('an operation that is none ignores the upgrade', async () => {
    const answer = await ask('plain');
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'plain');
  });

  test("a backend's refusal passes as it is", async () => {
    const answer = await ask('refused');
    assert.equal(answer.status, 418);
    assert.equal(answer.headers['x-kept'], '1');
    assert.deepEqual(JSON.parse(answer.text), { why: 'no such behaviour', path: '/refused' });
  });

  test('a backend that does not prove our key is 502', async () => {
    assertProblem(await ask('wrong-accept'), 502);
  });

  test('beyond the bound it is 503', async () => {
    const sockets = [await opened(gw, 'echo'), await opened(gw, 'echo')];
    assertProblem(await ask('echo'), 503);
    sockets[0].terminate();
    const again = await eventually(async () => {
      const socket = open(gw, 'echo');
      return new Promise((resolve) => socket.on('open', () => resolve(socket)).on('close', () => resolve(null)));
    }, 'there is room again');
    again.terminate();
    sockets[1].terminate();
  });
});

test('a page of another origin may not open one, where cors says who may', async (t) => {
  const allow = [{ origins: ['https://portal.example'], namespaces: ['/system/*'] }];
  const gw = await start(t, { config: { policies: [{ cors: { allow } }, { jwt: {} }, { authorise: {} }, { schema: {} }] } });
  const ask = (headers) => gw.get(peerPath('echo'), { headers: { ...HANDSHAKE, ...headers } });
  assertProblem(await ask({ origin: 'https://evil.example' }), 403);
  assertProblem(await ask({ origin: 'null' }), 403);
  for (const headers of [{ origin: 'https://portal.example' }, {}]) (await opened(gw, 'echo', { headers })).terminate();
});

describe('ends', () => {
  test('at the end of the token, with 1008', async (t) => {
    const gw = await start(t);
    const now = Math.floor(Date.now() / 1000);
    const token = gw.token({ exp: now + 3 });
    const socket = await opened(gw, 'echo', { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await closed(socket)).code, 1008);
    await eventually(() => gw.peer.closes.some(({ code }) => code === 1008), 'the backend is told the same');
  });

  test('after silence, and after its whole time, with 1001', async (t) => {
    const gw = await start(t, { backend: { websocket: { idle_timeout: '1s' } } });
    assert.equal((await closed(await opened(gw, 'echo'))).code, 1001);
    assert.equal(await metric(gw, 'millgate_connections_cut_total{reason="websocket-idle"}'), 1);
    const other = await start(t, { backend: { websocket: { total_timeout: '2s' } } });
    const socket = await opened(other, 'echo');
    const timer = setInterval(() => socket.send('tick'), 100);
    assert.equal((await closed(socket)).code, 1001);
    clearInterval(timer);
  });

  test('SIGTERM says 1001, drops no message before it, and exits with 0', async (t) => {
    const gw = await start(t);
    const socket = await opened(gw, 'echo');
    const answers = receive(socket, 100);
    for (let i = 0; i < 100; i++) socket.send(`${i}`);
    await answers;
    const end = closed(socket);
    gw.process.kill('SIGTERM');
    assert.equal((await end).code, 1001);
    assert.deepEqual(await gw.exited, [0, null], gw.stderr);
  });

  test('a frame that never ends does not hold it up', async (t) => {
    const gw = await start(t);
    const socket = await opened(gw, 'half-frame');
    socket.send('go');
    await sleep(300);
    const end = closed(socket);
    gw.process.kill('SIGTERM');
    assert.equal((await end).code, 1006);
    assert.deepEqual(await gw.exited, [0, null], gw.stderr);
  });

  test('reloads do not: five of them, and it goes on', async (t) => {
    const gw = await start(t);
    const socket = await opened(gw, 'echo');
    for (let i = 0; i < 5; i++) {
      gw.rewriteConfig((config) => {
        config.backends.peer.first_byte_timeout = `${20 + i}s`;
        config.plans.standard = { grants: ['/system/*'], limits: { slots: { concurrent: 10 + i } } };
      });
      const answer = await gw.reload();
      assert.equal(answer.status, 200, answer.text);
      const back = receive(socket, 1);
      socket.send(`after ${i}`);
      assert.equal(String((await back)[0].bytes), `after ${i}`);
    }
    socket.close();
    await closed(socket);
  });

  test('a connect that the backend never answers ends with 504', async (t) => {
    const gw = await start(t, { backend: { first_byte_timeout: '500ms' } });
    assertProblem(await gw.get(peerPath('silent'), { headers: HANDSHAKE }), 504);
  });
});
