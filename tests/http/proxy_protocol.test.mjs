// Listeners behind balancers that speak the PROXY protocol: whom they believe, and what.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Authority, pairOf } from './support/certificates.mjs';
import { PATIENT } from './support/config.mjs';
import {
  assertProblem, eventually, makeFolder, peerPath, prepareGateway, send, startGateway, suiteScope,
} from './support/harness.mjs';
import { local, v1, v2, v2Raw } from './support/proxy_header.mjs';
import { RawClient } from './support/raw_client.mjs';

const mirror = peerPath('mirror');
const behind = { address: '127.0.0.1:0', proxy_protocol: 'v1_v2', trusted_proxies: ['127.0.0.1'] };

const text = (value) => Buffer.from(value, 'latin1');
const requestOf = (gw, { path = mirror, fields = '' } = {}) =>
  text(`GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n${fields}\r\n`);

/** One request behind that header, both in one write. */
async function ask(gw, header, { port = gw.port, ...options } = {}) {
  const client = await RawClient.open(port);
  client.send(Buffer.concat([header, requestOf(gw, options)]));
  const answer = await client.response();
  client.destroy();
  return answer;
}

/** Whom the access log names for an answer. */
async function peerOf(gw, answer) {
  const id = answer.headers['x-request-id'];
  return (await eventually(() => gw.accessLog().find(({ request_id }) => request_id === id), 'it is in the log')).peer;
}

async function counted(gw, reason) {
  const { text: metrics } = await gw.admin('/metrics');
  const found = new RegExp(`^millgate_connections_cut_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(metrics);
  return Number(found?.[1] ?? 0);
}

/** Fails unless those bytes end their connection without an answer, and are counted. */
async function assertRefused(gw, bytes, { reason = 'bad-proxy-header', ...options } = {}) {
  const before = await counted(gw, reason);
  const client = await RawClient.open(options.port ?? gw.port, options);
  client.send(bytes);
  assert.ok(await client.closes(), 'still open');
  assert.equal(client.unread, '');
  client.destroy();
  await eventually(async () => (await counted(gw, reason)) === before + 1, `${reason} is counted`);
}

/** A balancer that passes bytes on: its header and the client's first bytes leave it in one write. */
async function startBalancer(t, port, header) {
  const sockets = new Set();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket.on('error', () => { client.destroy(); upstream.destroy(); }));
    }
    client.once('data', (first) => {
      upstream.write(Buffer.concat([header, first]));
      client.pipe(upstream);
    });
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

describe('what a trusted balancer tells', () => {
  const scope = suiteScope();
  let gw;

  test('starts', async () => {
    gw = await startGateway(scope, {
      config: { listeners: [behind, { ...behind, client_certificate_header: true }, { address: '127.0.0.1:0' }] },
    });
  });

  for (const [what, header, peer] of [
    ['v1 TCP4', v1('192.0.2.7'), '192.0.2.7'],
    ['v1 TCP6', v1('2001:db8::7'), '2001:db8::7'],
    ['v1 UNKNOWN', text('PROXY UNKNOWN\r\n'), '127.0.0.1'],
    ['v1 UNKNOWN with more', text('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), '127.0.0.1'],
    ['v2 of IPv4', v2('192.0.2.8'), '192.0.2.8'],
    ['v2 of IPv6', v2('2001:db8::8'), '2001:db8::8'],
    ['v2 with more told', v2('192.0.2.9', Buffer.from([2, 0, 2, 104, 50, 4, 0, 0])), '192.0.2.9'],
    ['v2 LOCAL', local, '127.0.0.1'],
    ['v2 LOCAL with a block', v2Raw(0x20, 0x11, Buffer.alloc(12)), '127.0.0.1'],
    ['v2 UNSPEC', v2Raw(0x21, 0x00, Buffer.alloc(3)), '127.0.0.1'],
    ['the largest v2', v2('192.0.2.10', Buffer.concat([Buffer.from([4, 1, 0xf1]), Buffer.alloc(497)])), '192.0.2.10'],
  ])
    test(`${what}: the peer is ${peer}`, async () => {
      const answer = await ask(gw, header);
      assert.equal(answer.status, 200, answer.body);
      assert.equal(await peerOf(gw, answer), peer);
    });

  test('byte by byte, and the request behind it', async () => {
    for (const [header, peer] of [[v1('192.0.2.11'), '192.0.2.11'], [v2('2001:db8::11'), '2001:db8::11']]) {
      const client = await gw.raw();
      for (const byte of header) {
        client.send(Buffer.from([byte]));
        await sleep(2);
      }
      client.send(requestOf(gw));
      const answer = await client.response();
      assert.equal(await peerOf(gw, answer), peer);
      client.destroy();
    }
  });

  test('it counts for all requests of the connection, and is read once', async () => {
    const client = await gw.raw();
    client.send(Buffer.concat([v1('192.0.2.12'), requestOf(gw), requestOf(gw)]));
    for (let i = 0; i < 4; i++) {
      if (i >= 2) client.send(requestOf(gw));
      const answer = await client.response();
      assert.equal(answer.status, 200);
      assert.equal(await peerOf(gw, answer), '192.0.2.12');
    }
    client.send(Buffer.concat([v1('192.0.2.13'), requestOf(gw)]));
    assert.equal((await client.response()).status, 400);
    client.destroy();
  });

  test('an upload of a megabyte comes through whole', async () => {
    const client = await gw.raw();
    const body = Buffer.alloc(1 << 20, 'x');
    client.send(Buffer.concat([v2('192.0.2.14'), text(`PUT ${peerPath('echo')} HTTP/1.1\r\nHost: a\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\nContent-Length: ${body.length}\r\n\r\n`), body]));
    const answer = await client.response();
    assert.equal(answer.status, 200, answer.body);
    assert.equal(JSON.parse(answer.body).count, body.length);
    client.destroy();
  });

  test('what counts by the balancer\'s own word looks at the balancer, not at whom it tells of', async () => {
    const fields = 'Client-Cert: no byte sequence\r\n';
    assert.equal((await ask(gw, v1('192.0.2.15'), { port: gw.ports[1], fields })).status, 400);
    assert.equal((await ask(gw, v1('192.0.2.15'), { fields })).status, 200);
  });

  test('garbage, what is too long, and no header at all are closed and counted', async () => {
    for (const bytes of [
      requestOf(gw), text('\r\n\r\nGET'), text('PROXY '.padEnd(108, 'x')), text('PROXY TCP4 192.0.2.7 10.0.0.1 1 x\r\n'),
      text('PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n'), text(`PROXY UNKNOWN ${'x'.repeat(93)}\r\n`),
      v2Raw(0x22, 0x11, Buffer.alloc(12)), v2Raw(0x21, 0x31, Buffer.alloc(216)), v2Raw(0x21, 0x11, Buffer.alloc(513)),
      v2Raw(0x21, 0x11, Buffer.alloc(11)), v2('192.0.2.7', Buffer.from([3, 0, 4, 1, 2, 3, 4])), Buffer.alloc(4096, 0xff),
      Buffer.concat([text('PROXY TCP4 192.0.2.7 10.0.0.1 1 x\r\n'), requestOf(gw)]), Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1]),
    ])
      await assertRefused(gw, bytes);
    const client = await gw.raw();
    client.send('PROXY TCP4');
    client.socket.end();
    assert.ok(await client.closes());
    assert.equal(client.unread, '');
  });

  test('a probe that only connects is not counted', async () => {
    const before = await counted(gw, 'bad-proxy-header');
    for (let i = 0; i < 5; i++) {
      const client = await gw.raw();
      client.socket.end();
      assert.ok(await client.closes());
    }
    assert.equal(await counted(gw, 'bad-proxy-header'), before);
  });

  test('a listener without the option knows no such header', async () => {
    assert.equal((await send({ port: gw.ports[2], path: mirror, headers: gw.bearer })).status, 200);
    const answer = await ask(gw, v1('192.0.2.16'), { port: gw.ports[2] });
    assert.notEqual(answer?.status, 200);
  });
});

describe('who may tell', () => {
  test('only trusted proxies are let in, as the newest configuration has them', async (t) => {
    const gw = await startGateway(t, { config: { listeners: [behind] } });
    const kept = await gw.raw();
    kept.send(Buffer.concat([v1('192.0.2.7'), requestOf(gw)]));
    assert.equal((await kept.response()).status, 200);
    const stranger = { localAddress: '127.0.0.2', reason: 'untrusted-peer' };
    await assertRefused(gw, v1('127.0.0.1'), stranger);

    gw.rewriteConfig((config) => (config.listeners[0].trusted_proxies = ['127.0.0.2/31', '10.0.0.0/8']));
    assert.equal((await gw.reload()).status, 200);
    await assertRefused(gw, v1('192.0.2.7'), { reason: 'untrusted-peer' });
    kept.send(requestOf(gw));
    assert.equal((await kept.response()).status, 200);
    kept.destroy();
    const client = await RawClient.open(gw.port, { localAddress: '127.0.0.2' });
    client.send(Buffer.concat([v1('192.0.2.7'), requestOf(gw)]));
    assert.equal((await client.response()).status, 200);
    client.destroy();

    // What waits for a restart leaves those in place that are let in now.
    for (const change of [(it) => Object.assign(it, { proxy_protocol: 'off', trusted_proxies: [] }), (it) => (it.address = '127.0.0.9:0')]) {
      gw.rewriteConfig((config) => change(config.listeners[0]));
      assert.equal((await gw.reload()).status, 200);
      assert.match(gw.stderr, /takes effect with a restart/);
      const late = await RawClient.open(gw.port, { localAddress: '127.0.0.2' });
      late.send(Buffer.concat([v1('192.0.2.7'), requestOf(gw)]));
      assert.equal((await late.response()).status, 200);
      late.destroy();
      await assertRefused(gw, v1('192.0.2.7'), { reason: 'untrusted-peer' });
    }
  });

  test('proxy_protocol needs trusted_proxies', async (t) => {
    for (const [change, reason] of [
      [{ trusted_proxies: [] }, /proxy_protocol needs trusted_proxies/], [{ proxy_protocol: 'v3' }, /proxy_protocol/],
    ]) {
      const bad = await prepareGateway(t, { config: { listeners: [{ ...behind, ...change }] } });
      await assert.rejects(bad.start(), reason);
      bad.wasKilled = true;
    }
  });

  test('X-Forwarded-For counts from a trusted proxy only, not from whom the header names', async (t) => {
    const gw = await startGateway(t, { config: { listeners: [{ ...behind, client_address: 'x-forwarded-for' }] } });
    const fields = 'X-Forwarded-For: 203.0.113.9\r\n';
    for (const [header, peer] of [[v1('192.0.2.7'), '192.0.2.7'], [v1('127.0.0.1'), '203.0.113.9'], [local, '203.0.113.9']])
      assert.equal(await peerOf(gw, await ask(gw, header, { fields })), peer);
  });

  test('limits are those of the address that is told', async (t) => {
    const limits = { own: { limit: 2, window: '1h', mode: 'exact', scope: 'ip' } };
    const gw = await startGateway(t, {
      config: { listeners: [behind], policies: PATIENT, plans: { standard: { limits, grants: ['/system/*'] } } },
    });
    const statuses = [];
    for (const header of [v1('192.0.2.1'), v2('192.0.2.1'), v1('192.0.2.1'), v1('192.0.2.2'), local, v2('192.0.2.2'),
      v2('192.0.2.2'), v1('2001:db8:0:1::1'), v1('2001:db8:0:1::2'), v1('2001:db8:0:1::3'), v1('2001:db8:0:2::1')])
      statuses.push((await ask(gw, header)).status);
    assert.deepEqual(statuses, [200, 200, 429, 200, 200, 200, 429, 200, 200, 429, 200]);
  });
});

describe('behind a balancer that passes TLS on', () => {
  const authority = new Authority(makeFolder());
  const tls = pairOf(authority.issue('/CN=localhost', { san: 'DNS:localhost,IP:127.0.0.1' }));

  test('the header comes before the handshake', async (t) => {
    const gw = await startGateway(t, { config: { listeners: [{ ...behind, tls }], workers: 2 } });
    for (const [header, peer] of [[v1('192.0.2.7'), '192.0.2.7'], [v2('2001:db8::7'), '2001:db8::7'], [local, '127.0.0.1']]) {
      const port = await startBalancer(t, gw.tlsPorts[0], header);
      const answers = await Promise.all(Array.from({ length: 20 }, () =>
        send({ port, tls: true, path: mirror, headers: gw.bearer })));
      for (const answer of answers) {
        assert.equal(answer.status, 200, answer.text);
        assert.equal(await peerOf(gw, answer), peer);
      }
    }
    await assert.rejects(send({ port: gw.tlsPorts[0], tls: true, path: mirror, headers: gw.bearer }));
  });
});

describe('bounds', () => {
  const openNow = async (gw) =>
    Number(/^millgate_connections (\d+)$/m.exec((await gw.admin('/metrics')).text)[1]);

  test('a header has a deadline', async (t) => {
    const gw = await startGateway(t, { config: { listeners: [{ ...behind, head_timeout: '1s' }] } });
    for (const part of ['', 'PROXY TCP4 192', local.subarray(0, 15)]) {
      const client = await gw.raw();
      if (part) client.send(part);
      assert.ok(await client.closes(), 'still open');
      client.destroy();
    }
    assert.equal(await counted(gw, 'slow-proxy-header'), 3);
    assert.equal((await ask(gw, local)).status, 200);
  });

  test('beyond max_connections the next wait, also for those that have told nothing yet', async (t) => {
    const gw = await startGateway(t, { config: { listeners: [{ ...behind, max_connections: 5 }] } });
    const silent = await Promise.all(Array.from({ length: 12 }, () => gw.raw()));
    const next = await gw.raw();
    next.send(Buffer.concat([local, requestOf(gw)]));
    await sleep(500);
    assert.equal(next.unread, '');
    const open = await openNow(gw);
    assert.ok(open >= 5 && open <= 6, String(open));
    for (const client of silent) client.destroy();
    assert.equal((await next.response()).status, 200);
    next.destroy();
    await eventually(async () => (await openNow(gw)) === 0, 'none is open');
  });

  test('SIGTERM: what the kernel has taken is answered, the silent are closed', async (t) => {
    const gw = await startGateway(t, { config: { listeners: [behind], workers: 2 } });
    const silent = await gw.raw();
    gw.process.kill('SIGSTOP');
    const clients = await Promise.all(Array.from({ length: 20 }, () => gw.raw()));
    for (const client of clients) client.send(Buffer.concat([v1('192.0.2.7'), requestOf(gw, { path: peerPath('slow?ms=300') })]));
    gw.process.kill('SIGTERM');
    gw.process.kill('SIGCONT');
    for (const client of clients) {
      const answer = await client.response();
      assert.equal(answer?.status, 200);
      assert.match(answer.headers.connection ?? '', /close/i);
      assert.ok(await client.closes());
      client.destroy();
    }
    assert.ok(await silent.closes());
    silent.destroy();
    const [code] = await gw.exited;
    assert.equal(code, 0, gw.stderr);
  });

  test('a header that comes in parts while the listener drains is served', async (t) => {
    const gw = await startGateway(t, { config: { listeners: [behind] } });
    const slow = await gw.raw();
    slow.send(Buffer.concat([local, requestOf(gw, { path: peerPath('slow?ms=1500') })]));
    await eventually(() => gw.peer.requests.length > 0, 'it is upstream');
    const late = await gw.raw();
    const bytes = Buffer.concat([v1('192.0.2.7'), requestOf(gw)]);
    late.send(bytes.subarray(0, 9));
    await eventually(async () => (await openNow(gw)) === 2, 'both are in');
    gw.process.kill('SIGTERM');
    await eventually(() => RawClient.open(gw.port).then((c) => c.destroy(), () => true), 'nobody listens');
    late.send(bytes.subarray(9));
    assert.equal((await late.response())?.status, 200);
    assert.equal((await slow.response())?.status, 200);
    for (const client of [late, slow]) client.destroy();
    assert.equal((await gw.exited)[0], 0, gw.stderr);
  });
});

describe('HAProxy', () => {
  const isThere = spawnSync('haproxy', ['-v']).status === 0;

  async function freePort() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
  }

  async function startHaproxy(t, lines) {
    const folder = makeFolder();
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, `${lines.join('\n')}\n`);
    const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (bytes) => (said += bytes));
    const exited = once(child, 'exit');
    t.after(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    return () => said;
  }

  test('send-proxy and send-proxy-v2, by HTTP and by bytes', { skip: !isThere && 'no haproxy' }, async (t) => {
    const gw = await startGateway(t, { config: { listeners: [behind], workers: 2 } });
    const kinds = [['http', 'send-proxy'], ['http', 'send-proxy-v2'], ['tcp', 'send-proxy'],
      ['tcp', 'send-proxy-v2 proxy-v2-options crc32c,unique-id']];
    const ports = [];
    const lines = ['global', '  maxconn 100', 'defaults', '  timeout connect 5s', '  timeout client 30s',
      '  timeout server 30s', '  unique-id-format %[uuid()]'];
    for (const [mode, options] of kinds) {
      const port = await freePort();
      ports.push(port);
      lines.push(`listen own-${port}`, `  mode ${mode}`, `  bind 127.0.0.1:${port}`,
        `  server millgate 127.0.0.1:${gw.port} source 127.0.0.1 ${options} check check-send-proxy inter 200ms`);
    }
    const said = await startHaproxy(t, lines);
    for (const [index, port] of ports.entries()) {
      await eventually(() => RawClient.open(port).then((c) => (c.destroy(), true), () => false), `HAProxy listens: ${said()}`);
      const client = await RawClient.open(port, { localAddress: `127.0.0.${index + 20}` });
      for (let i = 0; i < 3; i++) {
        client.send(requestOf(gw));
        const answer = await client.response();
        assert.equal(answer?.status, 200, `${kinds[index]}: ${answer?.body} ${said()}`);
        assert.equal(await peerOf(gw, answer), `127.0.0.${index + 20}`);
      }
      client.destroy();
    }
    await sleep(500); // some probes
    for (const reason of ['bad-proxy-header', 'slow-proxy-header', 'untrusted-peer']) assert.equal(await counted(gw, reason), 0);
  });
});
