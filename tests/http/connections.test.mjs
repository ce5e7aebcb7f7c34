// Many connections, slow ones, and those whose client has gone.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { eventually, isSanitized, makeFolder, peerPath, startGateway } from './support/harness.mjs';

const MIB = 1024 * 1024;
const MANY = isSanitized ? 300 : 10_000;
const CROWD = fileURLToPath(new URL('support/crowd.mjs', import.meta.url));

function makeCertificate() {
  const dir = makeFolder();
  const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']);
  assert.equal(made.status, 0, String(made.stderr));
  return { certificate_file: certificate, key_file: key };
}

// A process of its own holds the connections: each does one POST of 900 bytes, then stays idle.
async function holdCrowd(t, gw, port, tls) {
  const args = [CROWD, String(port), String(MANY), peerPath('orders'), gw.cachedToken ?? gw.token(), tls ? 'tls' : ''];
  const crowd = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => crowd.kill());
  let output = '';
  crowd.stdout.on('data', (bytes) => (output += bytes));
  await eventually(() => {
    assert.equal(crowd.exitCode, null, `the crowd ended: ${output}`);
    return output.includes('idle');
  }, `${MANY} connections stand: ${output}`, 240_000);
  assert.match(output, new RegExp(`idle ${MANY}\\b`));
}

const roomy = { max_connections: MANY + 1000, idle_timeout: '10m' };

describe('connections', () => {
  test(`${MANY} idle ones after a POST each`, async (t) => {
    const gw = await startGateway(t, { config: { listeners: [{ address: '127.0.0.1:0', ...roomy }] } });
    const before = gw.memoryBytes();
    await holdCrowd(t, gw, gw.port, false);
    const bytes = gw.memoryBytes();
    console.log(`${MANY} idle connections: ${(bytes / MIB).toFixed(0)} MiB (${(before / MIB).toFixed(0)} before)`);
    if (!isSanitized) assert.ok(bytes < 250 * MIB, `${bytes} bytes`);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test(`${isSanitized ? MANY : 'as many'} idle ones over TLS`, async (t) => {
    const listeners = [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', tls: makeCertificate(), ...roomy }];
    const gw = await startGateway(t, { config: { listeners } });
    await holdCrowd(t, gw, gw.tlsPorts[0], true);
    console.log(`${MANY} idle TLS connections: ${(gw.memoryBytes() / MIB).toFixed(0)} MiB`);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test('beyond max_connections nobody is harmed', async (t) => {
    const gw = await startGateway(t, { config: { listeners: [{ address: '127.0.0.1:0', max_connections: 20 }] } });
    const clients = await Promise.all(Array.from({ length: 40 }, () => gw.raw().catch(() => null)));
    await sleep(200);
    for (const client of clients) client?.destroy();
    await eventually(() => gw.get(peerPath('mirror')).then((a) => a.status === 200, () => false), 'it serves again');
  });

  test('a trickled head is cut at its deadline', async (t) => {
    const listeners = [{ address: '127.0.0.1:0', head_timeout: '1s' }];
    const gw = await startGateway(t, { config: { listeners } });
    const client = await gw.raw();
    const started = performance.now();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n');
    const drip = setInterval(() => client.send('X-A: b\r\n'), 100);
    t.after(() => clearInterval(drip));
    const isClosed = await client.closes(8000).catch(() => false);
    clearInterval(drip);
    assert.ok(isClosed, 'still open after 8 s');
    const took = performance.now() - started;
    assert.ok(took > 800 && took < 6000, `${took} ms`);
    if (client.unread) assert.match(client.unread, /^HTTP\/1\.1 408 /);
    client.destroy();
  });

  test('the deadline counts anew for each head on a kept connection', async (t) => {
    const listeners = [{ address: '127.0.0.1:0', head_timeout: '1s' }];
    const gw = await startGateway(t, { config: { listeners } });
    const client = await gw.raw();
    const request = `GET ${peerPath('mirror')} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n`;
    for (let i = 0; i < 3; i++) {
      client.send(request);
      assert.equal((await client.response()).status, 200);
      await sleep(700);
    }
    client.send('GET / HT');
    assert.ok(await client.closes(8000));
    client.destroy();
  });

  test('an upload slower than its minimum is cut', async (t) => {
    const listeners = [{ address: '127.0.0.1:0', body_min_rate: 1000 }];
    const gw = await startGateway(t, { config: { listeners } });
    const client = await gw.raw();
    client.send(`PUT ${peerPath('echo')} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\n\r\n`);
    const drip = setInterval(() => client.send('x'), 200);
    t.after(() => clearInterval(drip));
    assert.ok(await client.closes(25_000).catch(() => false), 'still open');
    client.destroy();
    await eventually(() => gw.peer.connections.every((c) => c.readEndedAt ?? c.closedAt), 'the half request upstream is closed');
  });

  test('slow clients do not hold up others', async (t) => {
    const gw = await startGateway(t);
    const slow = [];
    for (let i = 0; i < 50; i++) {
      const client = await gw.raw();
      client.send(`POST ${peerPath('orders')} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n` +
        `Content-Type: application/json\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n{"su`);
      slow.push(client);
    }
    const started = performance.now();
    for (let i = 0; i < 50; i++) assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    assert.ok(performance.now() - started < (isSanitized ? 10_000 : 3000));
    for (const client of slow) client.destroy();
  });

  test('a client that leaves while its request waits: the upstream\'s connection is closed', async (t) => {
    const gw = await startGateway(t);
    const client = await gw.raw();
    client.send(`GET ${peerPath('hold')} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n`);
    const held = await eventually(() => gw.peer.requests.find((r) => r.name === 'hold'), 'it arrived');
    await sleep(300); // it is suspended by now
    client.destroy();
    await eventually(() => held.connection.closedAt || held.connection.readEndedAt, 'the read upstream is cancelled');
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test('a write that was sent is not cancelled, and its answer has nowhere to go', async (t) => {
    const gw = await startGateway(t);
    const client = await gw.raw();
    client.send(`POST ${peerPath('slow?ms=800')} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\n\r\n{}`);
    const request = await eventually(() => gw.peer.requests.find((r) => r.name === 'slow' && r.isComplete), 'it arrived');
    client.destroy();
    await sleep(400);
    assert.equal(request.connection.closedAt, null, 'the write was cut off');
    await sleep(800);
    assert.equal(gw.peer.count('/slow'), 1);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test('requests sent ahead are answered in order', async (t) => {
    const gw = await startGateway(t);
    const client = await gw.raw();
    const head = (path) => `GET ${peerPath(path)} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n`;
    client.send(head('slow?ms=300') + head('mirror?n=2') + head('nothing') + head('mirror?n=4'));
    assert.equal(JSON.parse((await client.response()).body).slow, true);
    assert.equal(JSON.parse((await client.response()).body).target, '/mirror?n=2');
    assert.equal((await client.response()).status, 404);
    assert.equal(JSON.parse((await client.response()).body).target, '/mirror?n=4');
    client.destroy();
  });

  test('HTTP/1.0 and Connection: close end the connection', async (t) => {
    const gw = await startGateway(t);
    for (const [version, field] of [['1.0', ''], ['1.1', 'Connection: close\r\n']]) {
      const client = await gw.raw();
      client.send(`GET ${peerPath('mirror')} HTTP/${version}\r\nHost: a\r\n${field}` +
        `Authorization: ${gw.bearer.authorization}\r\n\r\n`);
      assert.equal((await client.response()).status, 200);
      assert.ok(await client.closes());
      client.destroy();
    }
  });
});
