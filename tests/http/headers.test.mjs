// What is taken off a request and an answer, and what is put on.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { eventually, peerPath, startGateway, suiteScope } from './support/harness.mjs';

function toMap(pairs) {
  const map = new Map();
  for (const [name, value] of pairs) map.set(name, [...(map.get(name) ?? []), value]);
  return map;
}

describe('headers', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, {
      config: { peerBackend: { headers: { authorization: 'Basic ZXJwY2xpZW50OnB3MQ==', 'x-api-key': 'k1' } } },
    });
  });

  async function sent(headers) {
    const answer = await gw.get(peerPath('mirror'), { headers });
    assert.equal(answer.status, 200, answer.text);
    return toMap(answer.json.headers);
  }

  test('the caller\'s own fields arrive as they are', async () => {
    const seen = await sent({ 'x-own': 'a, b', accept: 'application/json', 'x-empty': '' });
    assert.deepEqual(seen.get('x-own'), ['a, b']);
    assert.deepEqual(seen.get('accept'), ['application/json']);
  });

  test('the token stays here; the operator\'s fields are set in its place', async () => {
    const seen = await sent({ 'x-api-key': 'forged' });
    assert.deepEqual(seen.get('authorization'), ['Basic ZXJwY2xpZW50OnB3MQ==']);
    assert.deepEqual(seen.get('x-api-key'), ['k1']);
  });

  test('the fields of one hop do not pass', async () => {
    const client = await gw.raw();
    client.send(`GET ${peerPath('mirror')} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n` +
      'Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n' +
      'Proxy-Authorization: Basic eDp5\r\nProxy-Connection: close\r\nUpgrade: websocket\r\n\r\n');
    const answer = await client.response();
    assert.equal(answer.status, 200);
    const seen = toMap(JSON.parse(answer.body).headers);
    for (const name of ['x-hop', 'keep-alive', 'te', 'proxy-authorization', 'proxy-connection', 'upgrade'])
      assert.equal(seen.get(name), undefined, name);
    client.destroy();
  });

  test('Connection cannot name away what the gateway sets', async () => {
    const client = await gw.raw();
    client.send(`GET ${peerPath('mirror')} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n` +
      'Connection: host, content-length, x-api-key, forwarded, traceparent\r\n\r\n');
    const seen = toMap(JSON.parse((await client.response()).body).headers);
    for (const name of ['host', 'x-api-key', 'forwarded', 'traceparent'])
      assert.equal(seen.get(name)?.length, 1, name);
    client.destroy();
  });

  test('what a caller says of proxies and of who it is, is dropped', async () => {
    const seen = await sent({
      'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.test',
      'x-real-ip': '6.6.6.6', forwarded: 'for=6.6.6.6', via: '1.0 evil', 'x-request-id': 'mine',
      'x-millgate-consumer': 'admin', 'x-millgate-subject': 'admin', 'x-consumer-id': 'admin',
      'x-authenticated-user': 'admin',
    });
    for (const values of seen.values())
      for (const value of values) assert.doesNotMatch(value, /6\.6\.6\.6|evil|^admin$|^mine$/);
  });

  test('Via, Forwarded, traceparent and a request id are set', async () => {
    const seen = await sent({});
    assert.match(seen.get('via')[0], /^1\.1 /);
    assert.match(seen.get('forwarded')[0], /for="?127\.0\.0\.1/);
    assert.match(seen.get('traceparent')[0], /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    assert.equal(seen.get('x-request-id')?.length, 1);
    assert.equal(seen.get('host')[0], `127.0.0.1:${gw.peer.port}`);
  });

  test('a trace is continued with a span of its own', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const seen = await sent({ traceparent, tracestate: 'vendor=1' });
    assert.match(seen.get('traceparent')[0], /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/);
    assert.deepEqual(seen.get('tracestate'), ['vendor=1']);
  });

  test('a broken traceparent begins a new trace', async () => {
    for (const traceparent of ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', 'x', 'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01']) {
      const seen = await sent({ traceparent });
      assert.match(seen.get('traceparent')[0], /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/);
    }
  });

  test('an answer loses the fields of its hop and keeps the rest', async () => {
    const answer = await gw.get(peerPath('hop'));
    assert.equal(answer.status, 200);
    for (const name of ['x-secret-hop', 'keep-alive', 'upgrade'])
      assert.equal(answer.headers[name], undefined, name);
    assert.equal(answer.headers['x-kept'], '1');
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
  });

  test('the raw target arrives undecoded', async () => {
    const client = await gw.raw();
    client.send(`GET ${peerPath('mirror?q=a%2Fb%00c%20d+e&empty&x=')} HTTP/1.1\r\nHost: a\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\n\r\n`);
    const answer = await client.response();
    assert.equal(JSON.parse(answer.body).target, '/mirror?q=a%2Fb%00c%20d+e&empty&x=');
    client.destroy();
  });

  test('the access log has a JSON line for it', async () => {
    const answer = await gw.get(peerPath('mirror'), {
      headers: { traceparent: '00-11111111111111111111111111111111-2222222222222222-01' },
    });
    const line = await eventually(
      () => gw.accessLog().find((entry) => entry.trace_id === '1'.repeat(32)), 'the line is written');
    assert.equal(line.status, 200);
    assert.equal(line.method, 'GET');
    assert.equal(line.route, peerPath('mirror'));
    assert.equal(line.backend, 'peer');
    assert.equal(line.upstream_status, 200);
    assert.match(line.consumer, /tester/);
    assert.equal(line.response_bytes, answer.bytes.length);
    assert.ok(line.duration_ms >= line.upstream_ms);
    assert.ok(!JSON.stringify(line).includes(gw.cachedToken));
  });
});
