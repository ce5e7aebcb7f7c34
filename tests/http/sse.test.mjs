// Server-sent events: each at once, past the backend's other timeouts, until the token ends.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';

import { peerContract } from './support/config.mjs';
import { eventually, peerPath, startGateway } from './support/harness.mjs';

async function start(t, { backend = {}, policies, type = 'text/event-stream; charset=utf-8' } = {}) {
  const streams = [];
  const server = http.createServer((request, response) => {
    if (request.url !== '/events') return response.writeHead(204).end();
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).flushHeaders();
    streams.push({ request, response });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const paths = { '/events': { get: { operationId: 'events', responses: { default: { description: 'Events.' } } } } };
  const gw = await startGateway(t, {
    peer: { url: `http://127.0.0.1:${server.address().port}` }, contracts: { 'peer.v1.yaml': peerContract({ paths }) },
    config: { peerBackend: backend, policies },
  });
  return { gw, streams };
}

async function listen(gw, headers = {}) {
  const options = { host: '127.0.0.1', port: gw.port, path: peerPath('events'), headers: { ...gw.bearer, ...headers }, agent: false };
  const [response] = await once(http.get(options), 'response');
  const events = { response, text: '', isOver: false };
  response.on('data', (bytes) => (events.text += bytes));
  for (const name of ['end', 'error', 'aborted']) response.on(name, () => (events.isOver = true));
  return events;
}

describe('server-sent events', () => {
  test('the head and each event come before the next is sent; Last-Event-ID passes', async (t) => {
    const { gw, streams } = await start(t);
    const events = await listen(gw, { 'last-event-id': '41' });
    assert.match(events.response.headers['content-type'], /^text\/event-stream/);
    assert.equal(streams[0].request.headers['last-event-id'], '41');
    for (let i = 0; i < 50; i++) {
      streams[0].response.write(`id: ${i}\ndata: {"value":${i}}\n\n`);
      await eventually(() => events.text.endsWith(`id: ${i}\ndata: {"value":${i}}\n\n`), `event ${i} has come`);
    }
    streams[0].response.end();
    await eventually(() => events.isOver, 'the end has come');
    assert.ok(events.response.complete);
  });

  test('they outlast total_timeout and idle_timeout, and have their own', async (t) => {
    const { gw, streams } = await start(t, {
      backend: { total_timeout: '1s', idle_timeout: '500ms', event_stream: { idle_timeout: '3s' } },
    });
    const events = await listen(gw);
    await sleep(1800);
    streams[0].response.write('data: still here\n\n');
    await eventually(() => events.text.includes('still here'), 'it has come');
    await eventually(() => events.isOver, 'a longer pause ends it', 15_000);
    assert.ok(!events.response.complete);
  });

  test('their whole life has a limit where one is set', async (t) => {
    const { gw, streams } = await start(t, { backend: { event_stream: { total_timeout: '1s' } } });
    const events = await listen(gw);
    const timer = setInterval(() => streams[0].response.write(': tick\n\n'), 100);
    await eventually(() => events.isOver, 'it ends', 15_000);
    clearInterval(timer);
    assert.ok(!events.response.complete);
  });

  test('what is no event stream does not outlast them', async (t) => {
    const { gw } = await start(t, { backend: { total_timeout: '1s' }, type: 'application/x-ndjson' });
    const events = await listen(gw);
    await eventually(() => events.isOver, 'it ends', 15_000);
    assert.ok(!events.response.complete);
  });

  test('they end when the token does', async (t) => {
    const { gw, streams } = await start(t);
    const token = gw.token({ exp: Math.floor(Date.now() / 1000) + 3 });
    const events = await listen(gw, { authorization: `Bearer ${token}` });
    const timer = setInterval(() => streams[0].response.write(': tick\n\n'), 100);
    await eventually(() => events.isOver, 'it ends', 20_000);
    clearInterval(timer);
    assert.ok(!events.response.complete);
    await eventually(() => streams[0].response.destroyed, 'the backend is told');
  });

  test('one that is open through many reloads keeps no old configuration, and goes on when its backend is gone', async (t) => {
    const { gw, streams } = await start(t);
    const tick = async (events, stream, text) => {
      stream.response.write(`data: ${text}\n\n`);
      await eventually(() => events.text.endsWith(`data: ${text}\n\n`), `${text} has come`);
    };
    const all = [];
    for (let i = 0; i < 7; i++) { // at most four configurations live at once
      all.push(await listen(gw));
      gw.rewriteConfig((config) => (config.backends.peer.headers = { 'X-Round': String(i) }));
      const answer = await gw.reload();
      assert.equal(answer.status, 200, `reload ${i}: ${answer.text}`);
      for (const [n, events] of all.entries()) await tick(events, streams[n], `${i} of ${n}`);
    }
    assert.equal(streams[6].request.headers['x-round'], '5');
    gw.writeContract('peer.v1.yaml', peerContract({ backend: 'other', paths: { '/other': { get: { operationId: 'other', responses: { default: { description: 'x' } } } } } }));
    gw.rewriteConfig((config) => {
      config.backends = { other: { ...config.backends.peer, url: 'http://127.0.0.1:9' } };
    });
    for (let i = 0; i < 5; i++) {
      gw.rewriteConfig((config) => (config.backends.other.headers = { 'X-Round': String(i) }));
      assert.equal((await gw.reload()).status, 200);
      await tick(all[0], streams[0], `gone ${i}`);
    }
    assert.match((await gw.admin('/metrics')).text, /^millgate_target_outstanding\{backend="peer"[^}]*\} 7$/m);
    streams[1].response.end();
    await eventually(() => all[1].isOver, 'the end has come');
    assert.ok(all[1].response.complete);
    for (const events of all.slice(2)) events.response.destroy();
    await eventually(() => streams.slice(2).every(({ response }) => response.destroyed), 'the backend is told');
    await eventually(() => gw.accessLog().filter((line) => line.route === '/system/peer/v1/events').length === 6, 'they are logged');
    for (const line of gw.accessLog().filter(({ route }) => route === '/system/peer/v1/events'))
      assert.deepEqual([line.backend, line.consumer, line.status], ['peer', 'dev:tester', 200]);
    gw.rewriteConfig((config) => (config.drain_timeout = '1s')); // the last is open when the gateway ends
    assert.equal((await gw.reload()).status, 200);
  });

  test('a client that leaves is noticed at the backend', async (t) => {
    const { gw, streams } = await start(t);
    const events = await listen(gw);
    events.response.destroy();
    await eventually(() => streams[0].response.destroyed, 'the backend is told');
  });

  test('coded ones are flushed, event by event, also when their coder is configured anew', async (t) => {
    const { gw, streams } = await start(t, {
      policies: [{ compression: { enabled: true, types: ['text/*'] } }, { jwt: {} }, { authorise: {} }, { schema: {} }],
    });
    const options = { host: '127.0.0.1', port: gw.port, path: peerPath('events'), headers: { ...gw.bearer, 'accept-encoding': 'gzip' }, agent: false };
    const [response] = await once(http.get(options), 'response');
    assert.equal(response.headers['content-encoding'], 'gzip');
    let text = '';
    response.pipe(createGunzip()).on('data', (bytes) => (text += bytes)).on('error', () => {});
    for (let i = 0; i < 20; i++) {
      streams[0].response.write(`data: ${i}\n\n`);
      await eventually(() => text.endsWith(`data: ${i}\n\n`), `event ${i} has come`);
      if (i < 10) continue;
      gw.rewriteConfig((config) => (config.policies[0].compression.min_bytes = 1000 + i));
      assert.equal((await gw.reload()).status, 200);
    }
    response.destroy();
  });
});
