// 413: a policy that reads the body keeps to its bound, however the body is framed.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { assertProblem, peerPath, startGateway, suiteScope } from './support/harness.mjs';

const LIMIT = 64 * 1024;
const policies = [{ body_limit: { max_bytes: LIMIT } }, { headers: {} }, { jwt: {} }, { authorise: {} }, { schema: {} }];

function order(bytes) {
  const text = JSON.stringify({ supplier: '17300001', items: [{ material: 'BOLT-M8', quantity: 1 }] });
  return text.slice(0, -1).padEnd(bytes - 1) + '}';
}

describe('body limit', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, { config: { policies } });
  });

  test('a body at the limit passes, one byte more is 413', async () => {
    assert.equal((await gw.post(peerPath('orders'), order(LIMIT))).status, 200);
    gw.peer.forget();
    assertProblem(await gw.post(peerPath('orders'), order(LIMIT + 1)), 413);
    assert.equal(gw.peer.requests.length, 0);
  });

  test('a chunked body that passes the limit is 413', async () => {
    gw.peer.forget();
    const client = await gw.raw();
    client.send(`POST ${peerPath('orders')} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const piece = 'x'.repeat(16 * 1024);
    for (let i = 0; i < 6; i++) client.send(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    const answer = await client.response();
    assert.equal(answer.status, 413);
    assert.equal(gw.peer.requests.length, 0);
    client.destroy();
  });

  test('with Expect: 100-continue no byte of the body is asked for', async () => {
    const client = await gw.raw();
    client.send(`POST ${peerPath('orders')} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\nExpect: 100-continue\r\nContent-Length: 10000000\r\n\r\n`);
    const answer = await client.response();
    assert.equal(answer.status, 413, `${answer.status} instead`);
    client.destroy();
  });

  test('with Expect: 100-continue a good request is told to go on', async () => {
    const body = order(300);
    const client = await gw.raw();
    client.send(`POST ${peerPath('orders')} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
    assert.equal((await client.response()).status, 100);
    client.send(body);
    assert.equal((await client.response()).status, 200);
    client.destroy();
  });

  test('with Expect: 100-continue a caller without a token is refused before the body', async () => {
    const client = await gw.raw();
    client.send(`POST ${peerPath('orders')} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n` +
      'Expect: 100-continue\r\nContent-Length: 300\r\n\r\n');
    assert.equal((await client.response()).status, 401);
    client.destroy();
  });

  test('a head beyond the bound is 431', async () => {
    const client = await gw.raw();
    client.send(`GET ${peerPath('mirror')} HTTP/1.1\r\nHost: a\r\nX-Long: ${'a'.repeat(70_000)}\r\n\r\n`);
    const answer = await client.response();
    assert.ok(answer === null || [400, 413, 414, 431].includes(answer.status), String(answer?.status));
    client.destroy();
  });
});
