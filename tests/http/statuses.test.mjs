// Every status that the gateway gives of itself, in the shape of RFC 9457, and those it passes on.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { assertProblem, peerPath, startGateway, suiteScope } from './support/harness.mjs';

describe('statuses', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, { config: { peerBackend: { first_byte_timeout: '500ms' } } });
  });

  test('200 with the upstream\'s body', async () => {
    const answer = await gw.get(peerPath('mirror?a=1'));
    assert.equal(answer.status, 200);
    assert.equal(answer.json.method, 'GET');
    assert.equal(answer.json.target, '/mirror?a=1');
  });

  for (const code of [201, 202, 404, 409, 412, 428, 500, 503]) {
    test(`${code} of the upstream passes`, async () => {
      const answer = await gw.get(peerPath(`status?code=${code}`));
      assert.equal(answer.status, code);
      assert.deepEqual(answer.json, { status: code });
    });
  }

  test('204 and 304 have no body, and the connection lives on', async () => {
    const client = await gw.raw();
    for (const code of [204, 304, 204]) {
      client.send(`GET ${peerPath(`status?code=${code}`)} HTTP/1.1\r\nHost: a\r\n` +
        `Authorization: ${gw.bearer.authorization}\r\n\r\n`);
      const answer = await client.response();
      assert.equal(answer.status, code);
      assert.equal(answer.headers.etag, '"one"');
    }
    assert.equal(client.unread, '');
    client.destroy();
  });

  test('304 by If-None-Match', async () => {
    const fresh = await gw.get(peerPath('conditional'));
    assert.equal(fresh.status, 200);
    const same = await gw.get(peerPath('conditional'), { headers: { 'if-none-match': fresh.headers.etag } });
    assert.equal(same.status, 304);
    assert.equal(same.text, '');
  });

  test('401 without a token, with the scheme that is asked for', async () => {
    const answer = await gw.get(peerPath('mirror'), { headers: { authorization: null } });
    const problem = assertProblem(answer, 401);
    assert.match(problem.type, /unauthorized/);
    assert.match(answer.headers['www-authenticate'], /^Bearer\b/);
    assert.equal(problem.instance, peerPath('mirror'));
  });

  test('403 when a scope is missing', async () => {
    const answer = await gw.get(peerPath('admin-only'));
    assertProblem(answer, 403);
    assert.match(answer.headers['www-authenticate'], /insufficient_scope/);
    assert.match(answer.headers['www-authenticate'], /scope="peer:admin"/);
  });

  for (const path of ['/', '/system', '/system/peer', '/system/peer/v1', '/system/peer/v2/mirror',
    peerPath('nothing'), peerPath('mirror/deeper'), peerPath('Mirror')]) {
    test(`404 for ${path}`, async () => {
      assertProblem(await gw.get(path), 404);
    });
  }

  test('405 with Allow', async () => {
    const answer = await gw.request(peerPath('only-get'), { method: 'DELETE' });
    assertProblem(answer, 405);
    const allowed = answer.headers.allow.split(', ').sort();
    assert.deepEqual(allowed, ['GET', 'HEAD', 'OPTIONS']);
  });

  test('501 or 405 for a method that nobody knows', async () => {
    const client = await gw.raw();
    client.send(`BREW ${peerPath('mirror')} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const answer = await client.response();
    assert.ok([405, 501].includes(answer.status), String(answer.status));
    client.destroy();
  });

  test('HEAD has the head of GET and no body', async () => {
    const client = await gw.raw();
    client.send(`HEAD ${peerPath('stream?bytes=5000')} HTTP/1.1\r\nHost: a\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\n\r\n`);
    const answer = await client.response({ isHead: true });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-length'], '5000');
    client.send(`GET ${peerPath('mirror')} HTTP/1.1\r\nHost: a\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\n\r\n`);
    assert.equal((await client.response()).status, 200);
    client.destroy();
  });

  test('HEAD of an error has no body either', async () => {
    const client = await gw.raw();
    client.send(`HEAD ${peerPath('nothing')} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal((await client.response({ isHead: true })).status, 404);
    client.send(`GET ${peerPath('nothing')} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal((await client.response()).status, 404);
    client.destroy();
  });

  test('OPTIONS is answered from the contract, without the upstream', async () => {
    gw.peer.forget();
    const answer = await gw.request(peerPath('mirror'), { method: 'OPTIONS', headers: { authorization: null } });
    assert.ok([200, 204].includes(answer.status), String(answer.status));
    assert.deepEqual(answer.headers.allow.split(', ').sort(), ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);
    assert.equal(gw.peer.requests.length, 0);
  });

  test('502 when the upstream is not there', async (t) => {
    const lonely = await startGateway(t, { config: { peerBackend: { url: 'http://127.0.0.1:1' } } });
    const problem = assertProblem(await lonely.get(peerPath('mirror')), 502);
    assert.match(problem.type, /backend-unreachable/);
  });

  test('504 when it does not answer in time', async () => {
    const problem = assertProblem(await gw.get(peerPath('hold')), 504);
    assert.match(problem.type, /backend-timeout/);
  });

  test('503 when the backend takes no more calls', async (t) => {
    const narrow = await startGateway(t, {
      config: { peerBackend: { max_connections: 1, max_waiting: 1 } },
    });
    const answers = await Promise.all(Array.from({ length: 8 }, () => narrow.get(peerPath('slow?ms=400'))));
    const statuses = answers.map((answer) => answer.status);
    assert.ok(statuses.includes(200), statuses.join());
    assert.ok(statuses.includes(503), statuses.join());
    assertProblem(answers.find((answer) => answer.status === 503), 503);
    assert.equal((await narrow.get(peerPath('mirror'))).status, 200);
  });

  test('a problem names the trace that the caller began', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
    const answer = await gw.get(peerPath('nothing'), { headers: { traceparent } });
    assert.equal(assertProblem(answer, 404).trace_id, traceId);
  });
});
