// What the gateway shows a backend in Authorization: its own tokens from a real OpenID provider, kept,
// renewed and given up; user and password; certificates.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import {
  assertProblem, eventually, makeFolder, peerPath, runProgram, send, startGateway,
} from './support/harness.mjs';
import { Authority } from './support/certificates.mjs';
import { gatewayConfig, peerContract, writeFiles } from './support/config.mjs';
import { Issuer } from './support/tokens.mjs';

const RIG = fileURLToPath(new URL('../rigs/oidc/', import.meta.url));

if (!existsSync(`${RIG}node_modules/oidc-provider`)) {
  process.stdout.write('skipped: the OpenID provider is not installed: run script/bootstrap\n');
  process.exit(77);
}
const { OidcRig, SECRET } = await import('../rigs/oidc/provider.mjs');
const { createRemoteJWKSet, jwtVerify } = await import('../rigs/oidc/node_modules/jose/dist/webapi/index.js');

async function startProvider(t, options) {
  const provider = await new OidcRig({ audience: 'erp', scope: 'erp:all', ...options }).listen();
  t.after(() => provider.stop());
  return provider;
}

/** A backend that lets nobody in without a good token of the provider, and keeps what it saw. */
async function startBackend(t, provider) {
  const seen = [];
  const keys = provider && createRemoteJWKSet(new URL(`${provider.issuer}/jwks`), { cooldownDuration: 0 });
  const backend = { seen, refuses: false };
  const server = http.createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const { authorization } = request.headers;
    if (/mirror$/.test(request.url)) seen.push({ authorization, headers: request.headers, body: Buffer.concat(pieces).toString() });
    const isGood = !provider || await jwtVerify(authorization?.slice('Bearer '.length) ?? '', keys,
      { issuer: provider.issuer, audience: 'erp', typ: 'at+jwt' }).then(() => true, () => false);
    if (isGood && !backend.refuses) return response.writeHead(200, { 'content-type': 'text/plain' }).end('in');
    return response.writeHead(401, { 'www-authenticate': 'Bearer realm="erp"' }).end('out');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  backend.url = `http://127.0.0.1:${server.address().port}`;
  return backend;
}

function client(provider, more = {}) {
  return {
    client_credentials: {
      token_url: `${provider.issuer}/token`, client_id: 'gateway', client_secret: SECRET,
      scope: 'erp:all', resource: 'urn:erp', ...more,
    },
  };
}

function startWith(t, backend, credentials, config = {}) {
  return startGateway(t, {
    config: { backends: { own: { url: backend.url, grants: ['/system/*'], credentials } }, ...config },
    contracts: { 'own.json': peerContract({ backend: 'own' }) },
  });
}

const fetches = (provider) => provider.asked['/token'] ?? 0;

async function metric(gw, name) {
  const { text } = await send({ port: gw.adminPort, path: '/metrics' });
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.split(' ').at(-1));
}

// Most of their time is waiting: side by side they wait together.
describe('tokens for a backend', { concurrency: 6 }, () => {
  test('one is fetched for many requests, and the caller\'s own never goes there', async (t) => {
    const provider = await startProvider(t);
    const backend = await startBackend(t, provider);
    const gw = await startWith(t, backend, client(provider));
    const answers = await Promise.all(Array.from({ length: 20 }, () => gw.get(peerPath('mirror'))));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    const post = await gw.request(peerPath('mirror'), { method: 'POST', body: 'x'.repeat(200_000) });
    assert.equal(post.status, 200);
    assert.equal(backend.seen.at(-1).body.length, 200_000);
    assert.equal(fetches(provider), 1);
    assert.ok(backend.seen.every(({ authorization }) => authorization && authorization !== gw.bearer.authorization));
    assert.equal(await metric(gw, 'millgate_backend_token_fetches_total{result="fetched"}'), 1);
  });

  test('the secret in the form, and a body that arrives while the token is fetched', async (t) => {
    const provider = await startProvider(t);
    provider.spoilt['/token'] = 300;
    const backend = await startBackend(t, provider);
    const gw = await startWith(t, backend, client(provider, { client_id: 'gateway-post', auth: 'post' }));
    const body = 'y'.repeat(150_000);
    const answers = await Promise.all([1, 2, 3].map(() => gw.request(peerPath('mirror'), { method: 'POST', body })));
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
    assert.deepEqual(backend.seen.map((each) => each.body.length), [150_000, 150_000, 150_000]);
    assert.equal(fetches(provider), 1);
  });

  test('it is renewed before it expires, and only while it is used', async (t) => {
    const provider = await startProvider(t, { ttl: 4 });
    const backend = await startBackend(t, provider);
    const gw = await startWith(t, backend, client(provider));
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    await eventually(() => fetches(provider) === 2, 'ahead of expiry', 4000);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    assert.equal(fetches(provider), 2, 'nobody asked meanwhile');
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    assert.equal(fetches(provider), 3);
  });

  test('a reload fetches nothing; another configuration does', async (t) => {
    const provider = await startProvider(t);
    const backend = await startBackend(t, provider);
    const gw = await startWith(t, backend, client(provider));
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    gw.process.kill('SIGHUP');
    await eventually(() => (gw.stderr.match(/reloaded/g) ?? []).length === 1, 'the reload');
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    assert.equal(fetches(provider), 1);
    gw.rewriteConfig((config) => (config.backends.own.credentials.client_credentials.timeout = '3s'));
    gw.process.kill('SIGHUP');
    await eventually(() => (gw.stderr.match(/reloaded/g) ?? []).length === 2, 'the second');
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    assert.equal(fetches(provider), 2);
  });

  test('a backend that answers 401 to it is our fault, not the caller\'s', async (t) => {
    const provider = await startProvider(t);
    const backend = await startBackend(t, provider);
    const gw = await startWith(t, backend, client(provider));
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    backend.refuses = true;
    const answer = await gw.get(peerPath('mirror'));
    assertProblem(answer, 502);
    assert.equal(answer.headers['www-authenticate'], undefined);
    assert.equal(fetches(provider), 1, 'one that was just fetched is not fetched again');
    await new Promise((resolve) => setTimeout(resolve, 10_500));
    assertProblem(await gw.get(peerPath('mirror')), 502);
    backend.refuses = false;
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    assert.equal(fetches(provider), 2, 'the next request has a new one');
    assert.equal(await metric(gw, 'millgate_backend_tokens_refused_total'), 1);
  });

  for (const how of ['error', 'rubbish', 'denied', 'cut', 'huge', 'hang']) {
    test(`the token endpoint answers with ${how}`, async (t) => {
      const provider = await startProvider(t);
      provider.spoilt['/token'] = how;
      const backend = await startBackend(t, provider);
      const gw = await startWith(t, backend, client(provider, { timeout: '500ms' }));
      const answers = await Promise.all(Array.from({ length: 8 }, () => gw.get(peerPath('mirror'))));
      for (const answer of answers) {
        assertProblem(answer, 503);
        assert.ok(Number(answer.headers['retry-after']) >= 1);
        assert.doesNotMatch(answer.text, /invalid_client|token_url|token endpoint/);
      }
      for (let i = 0; i < 10; i++) assertProblem(await gw.get(peerPath('mirror')), 503);
      assert.ok(fetches(provider) <= 4, `${fetches(provider)}: requests buy no attempts`);
      assert.equal(backend.seen.length, 0);
      assert.equal((gw.stderr.match(/no token can be fetched/g) ?? []).length, 1, gw.stderr);
      assert.doesNotMatch(gw.stderr, new RegExp(SECRET));
      delete provider.spoilt['/token'];
      await eventually(async () => (await gw.get(peerPath('mirror'))).status === 200, 'it is back', 15_000);
    });
  }

  test('the provider is down: a token that holds serves on', async (t) => {
    const provider = await startProvider(t, { ttl: 12 });
    const backend = await startBackend(t, null);
    const gw = await startWith(t, backend, client(provider));
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    await provider.stop();
    await eventually(() => /no token can be fetched/.test(gw.stderr), 'the renewal fails', 10_000);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    await eventually(async () => (await gw.get(peerPath('mirror'))).status === 503, 'it has expired', 10_000);
    await provider.listen();
    await eventually(async () => (await gw.get(peerPath('mirror'))).status === 200, 'it is back', 35_000);
  });
});

describe('other credentials', () => {
  test('a certificate for a backend that demands one', async (t) => {
    const dir = makeFolder();
    const [ours, theirs] = [new Authority(dir, 'ours'), new Authority(dir, 'theirs')];
    const server = ours.issue('/CN=erp', { san: 'DNS:localhost,IP:127.0.0.1' });
    const shown = [];
    const backend = https.createServer({
      key: server.key, cert: server.pem, ca: readFileSync(ours.ca_file), requestCert: true, rejectUnauthorized: true,
    }, (request, response) => {
      shown.push(request.socket.getPeerCertificate().subject?.CN);
      response.end('in');
    });
    await new Promise((resolve) => backend.listen(0, '127.0.0.1', resolve));
    t.after(() => { backend.closeAllConnections(); backend.close(); });
    const leaf = (from) => {
      const { certificate_file, key_file } = from.issue('/CN=gateway', { usage: 'clientAuth' });
      return { client_certificate_file: certificate_file, client_key_file: key_file };
    };
    const url = `https://127.0.0.1:${backend.address().port}`;
    const of = (tls) => ({ url, grants: ['/system/*'], tls: { ca_file: ours.ca_file, ...tls } });
    const gw = await startGateway(t, {
      config: { backends: { good: of(leaf(ours)), none: of({}), wrong: of(leaf(theirs)) } },
      contracts: Object.fromEntries(['good', 'none', 'wrong'].map((name) =>
        [`${name}.json`, peerContract({ name, backend: name })])),
    });
    assert.equal((await gw.get('/system/good/v1/mirror')).status, 200);
    assert.equal(shown.at(-1), 'gateway');
    assertProblem(await gw.get('/system/none/v1/mirror'), 502);
    assertProblem(await gw.get('/system/wrong/v1/mirror'), 502);
    assert.ok(shown.every((name) => name === 'gateway'), shown.join());
  });

  test('user and password, a fixed token; both are masked', async (t) => {
    const backend = await startBackend(t, null);
    const gw = await startGateway(t, {
      config: {
        backends: {
          own: { url: backend.url, grants: ['/system/*'], credentials: { basic: { user: 'gw', password: 'pa:ß' } } },
          fixed: { url: backend.url, grants: ['/system/*'], credentials: { bearer: 'fixed-token-1' } },
        },
      },
      contracts: {
        'own.json': peerContract({ backend: 'own' }),
        'fixed.json': peerContract({ name: 'fixed', backend: 'fixed' }),
      },
    });
    assert.equal((await gw.get(peerPath('mirror'), { headers: { 'x-user': 'forged', dpop: 'a.b.c' } })).status, 200);
    assert.equal(backend.seen.at(-1).authorization, `Basic ${Buffer.from('gw:pa:ß').toString('base64')}`);
    assert.equal(backend.seen.at(-1).headers['x-user'], undefined);
    assert.equal(backend.seen.at(-1).headers.dpop, undefined);
    assert.equal((await gw.get('/system/fixed/v1/mirror')).status, 200);
    assert.equal(backend.seen.at(-1).authorization, 'Bearer fixed-token-1');
    const { text } = await send({
      port: gw.adminPort, path: '/config',
      headers: { authorization: `Bearer ${gw.token({ scope: 'millgate:admin' })}` },
    });
    assert.match(text, /"credentials"/);
    assert.doesNotMatch(text, /pa:ß|fixed-token-1/);
  });

  test('what cannot be meant is refused before anything runs', async (t) => {
    const dir = makeFolder();
    const issuer = new Issuer();
    const tries = [
      [{ credentials: { bearer: 'a' }, headers: { Authorization: 'Bearer b' } }, /both set Authorization/],
      [{ credentials: { bearer: 'a' }, send_bearer: true }, /both set Authorization/],
      [{ credentials: { bearer: 'a', basic: { user: 'u', password: 'p' } } }, /exactly one of/],
      [{ credentials: {} }, /exactly one of/],
      [{ credentials: { bearer: 'a b' } }, /visible ASCII/],
      [{ credentials: { basic: { user: 'u:v', password: 'p' } } }, /colon/],
      [{ credentials: { client_credentials: { token_url: 'http://login.example/t', client_id: 'i', client_secret: 'hidden-1' } } }, /https/],
      [{ credentials: { client_credentials: { token_url: 'https://l.example/t?x=1', client_id: 'i', client_secret: 'hidden-1' } } }, /query/],
      [{ credentials: { client_credentials: { token_url: 'https://l.example/t', client_id: 'i' } } }, /client_secret/],
    ];
    for (const [more, expected] of tries) {
      const backends = { peer: { url: 'http://127.0.0.1:9', grants: ['/system/*'], ...more } };
      const config = gatewayConfig({ dir, issuer, options: { backends } });
      const path = writeFiles({ dir, issuer, config, contracts: { 'peer.json': peerContract() } });
      const { code, stdout, stderr } = runProgram(['check', '-c', path]);
      assert.notEqual(code, 0, JSON.stringify(more));
      assert.match(stdout + stderr, expected);
      assert.doesNotMatch(stdout + stderr, /hidden-1/);
    }
  });
});
