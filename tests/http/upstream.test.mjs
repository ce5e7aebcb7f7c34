// What an upstream can do wrong, and what it may do.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { malformedChunks, malformedHeads } from '../rigs/peer/behaviours.mjs';
import { freePort } from '../rigs/redis.mjs';
import { withBodyLimit } from './support/config.mjs';
import { assertProblem, eventually, peerPath, startGateway, suiteScope } from './support/harness.mjs';

describe('upstream', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, {
      config: { policies: withBodyLimit('1GiB'), peerBackend: { first_byte_timeout: '800ms', total_timeout: '3s', connect_timeout: '1s' } },
    });
  });

  for (const kind of Object.keys(malformedHeads))
    test(`502 for a malformed head: ${kind}`, async () => {
      const problem = assertProblem(await gw.get(peerPath(`malformed?kind=${kind}`)), 502);
      assert.match(problem.type, /bad-gateway/);
      const next = await gw.get(peerPath('mirror'));
      assert.equal(next.status, 200, 'the next request met the rest of it');
    });

  for (const kind of Object.keys(malformedChunks))
    test(`a malformed chunk never looks like a whole answer: ${kind}`, async () => {
      const client = await gw.raw();
      client.send(`GET ${peerPath(`malformed-chunk?kind=${kind}`)} HTTP/1.1\r\nHost: a\r\n` +
        `Authorization: ${gw.bearer.authorization}\r\n\r\n`);
      const answer = await client.response({ deadlineMs: 5000 }).catch((error) => error);
      const isCut = answer === null || /ended/.test(answer.message);
      assert.ok(isCut || answer.status === 502, `${answer?.status ?? answer?.message}`);
      client.destroy();
    });

  test('bytes behind an answer answer nobody', async () => {
    for (let i = 0; i < 5; i++) {
      const answer = await gw.get(peerPath('surplus'));
      assert.equal(answer.text, '{}');
      const next = await gw.get(peerPath('mirror'));
      assert.equal(next.status, 200);
      assert.doesNotMatch(next.text, /poisoned/);
    }
  });

  test('interim answers are not the answer', async () => {
    assert.deepEqual((await gw.get(peerPath('interim'))).json, { interim: 2 });
    assert.deepEqual((await gw.post(peerPath('interim'), 'body')).json, { interim: 2 });
  });

  test('an early answer passes, and its connection is not used again', async () => {
    const answer = await gw.post(peerPath('early?code=413'), 'x'.repeat(100));
    assert.equal(answer.status, 413);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test('an early answer to an upload under way', async () => {
    const client = await gw.raw();
    client.send(`PUT ${peerPath('early?code=409')} HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n` +
      'Content-Type: application/octet-stream\r\n' +
      `Authorization: ${gw.bearer.authorization}\r\n\r\n${'x'.repeat(100_000)}`);
    const answer = await client.response({ deadlineMs: 8000 }).catch(() => null);
    assert.ok(answer === null || [409, 502].includes(answer.status), String(answer?.status));
    client.destroy();
  });

  test('trailers are dropped', async () => {
    const answer = await gw.get(peerPath('trailers'));
    assert.equal(answer.text, 'late');
    assert.equal(answer.headers['x-late'], undefined);
  });

  test('an oversized head is a 502', async () => {
    assertProblem(await gw.get(peerPath('big-head?bytes=200000')), 502);
    assert.equal((await gw.get(peerPath('big-head?bytes=2000'))).status, 200);
  });

  test('one that closes before its answer is a 502', async () => {
    assertProblem(await gw.post(peerPath('die-before'), '{}'), 502);
  });

  test('what was sent is never sent again', async () => {
    gw.peer.forget();
    await Promise.all(Array.from({ length: 20 }, () => gw.post(peerPath('die-before'), '{}')));
    assert.equal(gw.peer.count('/die-before'), 20);
  });

  test('a kept connection that died meanwhile costs no request', async () => {
    await Promise.all(Array.from({ length: 10 }, () => gw.get(peerPath('mirror'))));
    for (const connection of gw.peer.connections) connection.socket.end();
    await eventually(() => gw.peer.connections.every((c) => c.closedAt), 'all are closed');
    for (let i = 0; i < 10; i++) assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test('connections are kept and shared', async () => {
    gw.peer.forget();
    for (let i = 0; i < 50; i++) assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    const used = new Set(gw.peer.requests.map((request) => request.connection));
    assert.ok(used.size <= 2, `${used.size} connections for 50 requests in a row`);
  });

  test('the total deadline ends an answer that never does', async () => {
    const started = performance.now();
    const client = await gw.raw();
    client.send(`GET ${peerPath('drip?bytes=1000&ms=100')} HTTP/1.1\r\nHost: a\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\n\r\n`);
    await assert.rejects(client.response({ deadlineMs: 10_000 }), /ended/);
    assert.ok(performance.now() - started < 9_000);
  });

  test('a trap for one request: nothing of the caller\'s becomes a second one', async () => {
    gw.peer.forget();
    const attack = 'a\r\n\r\nGET /admin HTTP/1.1\r\nHost: evil\r\n\r\n';
    for (const path of ['mirror?x=a%0d%0aX-Evil:1', 'items/1%0d%0a', 'mirror?x=%20HTTP/1.1%0d%0a'])
      await gw.get(peerPath(path));
    await gw.post(peerPath('echo'), attack);
    assert.deepEqual(gw.peer.violations, []);
    assert.ok(gw.peer.requests.every((request) => request.path !== '/admin'));
  });

  test('a backend never leads back into the gateway', async (t) => {
    const port = await freePort();
    const looped = await startGateway(t, {
      config: { listeners: [{ address: `127.0.0.1:${port}` }], peerBackend: { url: `http://127.0.0.1:${port}` } },
    });
    const problem = assertProblem(await looped.get(peerPath('mirror')), 502);
    assert.match(problem.type, /backend-unreachable/);
    const lines = await looped.accessLog();
    assert.equal(lines.length, 1, 'it called itself');
  });
});
