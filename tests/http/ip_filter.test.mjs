// Whose request it is behind balancers, and from where APIs may be called.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { assertProblem, eventually, peerPath, prepareGateway, runProgram, startGateway } from './support/harness.mjs';

function chain(rules) {
  return [{ ip_filter: { rules } }, { jwt: {} }, { authorise: {} }, { schema: {} }];
}

function listener(options) {
  return [{ address: '127.0.0.1:0', ...options }];
}

async function seen(gw, headers) {
  const answer = await gw.get(peerPath('mirror'), { headers });
  assert.equal(answer.status, 200, answer.text);
  return gw.peer.requests.at(-1);
}

function forwardedOf(request) {
  const at = request.headers.findIndex(([name]) => name.toLowerCase() === 'forwarded');
  return request.headers[at][1];
}

describe('the client behind balancers', () => {
  test('X-Forwarded-For of a trusted one counts, from its end', async (t) => {
    const gw = await startGateway(t, {
      config: { listeners: listener({ trusted_proxies: ['127.0.0.0/8', '10.0.0.0/8'], client_address: 'x-forwarded-for' }) },
    });
    const request = await seen(gw, { 'x-forwarded-for': '1.1.1.1, 203.0.113.9, 10.0.0.7', forwarded: 'for=6.6.6.6' });
    assert.match(forwardedOf(request), /^for=203\.0\.113\.9;/);
    assert.ok(!request.headers.some(([name]) => /^x-forwarded-for$/i.test(name)));
    assert.match(forwardedOf(await seen(gw, { 'x-forwarded-for': '2001:db8::0:1' })), /^for="\[2001:db8::1\]";/);
    assert.match(forwardedOf(await seen(gw, { 'x-forwarded-for': 'nonsense' })), /^for=127\.0\.0\.1;/);
    assert.match(forwardedOf(await seen(gw, {})), /^for=127\.0\.0\.1;/);
    await eventually(() => gw.accessLog().some((line) => Object.values(line).includes('203.0.113.9')), 'it is logged');
  });

  test('Forwarded counts where it is named', async (t) => {
    const gw = await startGateway(t, {
      config: { listeners: listener({ trusted_proxies: ['127.0.0.1'], client_address: 'forwarded' }) },
    });
    const request = await seen(gw, { forwarded: 'for=1.1.1.1, for="[2001:db8::9]:47011";proto=https', 'x-forwarded-for': '6.6.6.6' });
    assert.match(forwardedOf(request), /^for="\[2001:db8::9\]";/);
  });

  test('what the client speaks to a trusted one is what counts: HTTPS by proto, in either spelling', async (t) => {
    const policies = [{ security_headers: { hsts: '1d' } }, { jwt: {} }, { authorise: {} }, { schema: {} }];
    const ask = async (gw, headers) => {
      const answer = await gw.get(peerPath('mirror'), { headers });
      assert.equal(answer.status, 200, answer.text);
      const backend = /;proto=(\w+)$/.exec(forwardedOf(gw.peer.requests.at(-1)))[1];
      assert.equal(answer.headers['strict-transport-security'] !== undefined, backend === 'https');
      return backend;
    };
    const start = (options) => startGateway(t, { config: { policies, listeners: listener(options) } });
    const standard = await start({ trusted_proxies: ['127.0.0.1', '10.0.0.0/8'], client_address: 'forwarded' });
    assert.equal(await ask(standard, { forwarded: 'for=203.0.113.9;proto=https, for=10.0.0.1;proto=http' }), 'https');
    assert.equal(await ask(standard, { forwarded: 'for=6.6.6.6;proto=https, for=203.0.113.9;proto=http' }), 'http');
    assert.equal(await ask(standard, { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' }), 'http');
    const usual = await start({ trusted_proxies: ['127.0.0.1'], client_address: 'x-forwarded-for' });
    assert.equal(await ask(usual, { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' }), 'https');
    assert.equal(await ask(usual, { 'x-forwarded-proto': 'http' }), 'http');
    assert.equal(await ask(usual, { forwarded: 'for=203.0.113.9;proto=https' }), 'http');
    for (const options of [{ trusted_proxies: ['10.0.0.0/8'], client_address: 'x-forwarded-for' }, { trusted_proxies: ['127.0.0.1'] }])
      assert.equal(await ask(await start(options), { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' }), 'http');
  });

  test('nobody else is believed', async (t) => {
    const gw = await startGateway(t, {
      config: { listeners: listener({ trusted_proxies: ['10.0.0.0/8'], client_address: 'x-forwarded-for' }) },
    });
    assert.match(forwardedOf(await seen(gw, { 'x-forwarded-for': '203.0.113.9' })), /^for=127\.0\.0\.1;/);
  });

  test('it needs to be said who is trusted', async (t) => {
    const gw = await prepareGateway(t, { config: { listeners: listener({ client_address: 'forwarded' }) } });
    const { code, stderr, stdout } = runProgram(['check', '-c', gw.configPath], { cwd: gw.dir });
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /client_address needs trusted_proxies/);
  });
});

describe('ip_filter', () => {
  test('allow and deny, by namespace', async (t) => {
    const gw = await startGateway(t, {
      config: {
        listeners: listener({ trusted_proxies: ['127.0.0.1'], client_address: 'x-forwarded-for' }),
        policies: chain([
          { deny: ['203.0.113.0/28'] },
          { namespaces: ['/system/*'], allow: ['203.0.113.0/24', '2001:db8::/32'] },
          { namespaces: ['/experience/*'], allow: ['192.0.2.1'] },
        ]),
      },
    });
    const status = async (address) => (await gw.get(peerPath('mirror'), { headers: { 'x-forwarded-for': address } })).status;
    assert.equal(await status('203.0.113.99'), 200);
    assert.equal(await status('2001:db8:1::5'), 200);
    assert.equal(await status('::ffff:203.0.113.99'), 200);
    for (const address of ['203.0.113.5', '198.51.100.1', '2001:db9::1', '127.0.0.1', '::ffff:203.0.113.5'])
      assert.equal(await status(address), 403, address);
    const before = gw.peer.requests.length;
    const headers = { 'x-forwarded-for': '198.51.100.1', authorization: null };
    assertProblem(await gw.get(peerPath('mirror'), { headers }), 403); // before any 401
    assert.equal(gw.peer.requests.length, before);
  });

  test('a network that is none is told at its place', async (t) => {
    const gw = await prepareGateway(t, { config: { policies: chain([{ allow: ['10.0.0.1/8'] }]) } });
    const { code, stderr, stdout } = runProgram(['check', '-c', gw.configPath], { cwd: gw.dir });
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /"10\.0\.0\.1\/8" is no IP address or network/);
  });
});
