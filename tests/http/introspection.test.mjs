// Tokens that say nothing by themselves: a real OpenID provider is asked about them (RFC 7662), and all
// that can be wrong with it.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { gatewayConfig, peerContract, writeFiles } from './support/config.mjs';
import {
  assertProblem, eventually, makeFolder, peerPath, runProgram, send, startGateway,
} from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

const RIG = fileURLToPath(new URL('../rigs/oidc/', import.meta.url));
const ASKED = '/token/introspection';
const QUESTIONS_PER_PEER = 4;

if (!existsSync(`${RIG}node_modules/oidc-provider`)) {
  process.stdout.write('skipped: the OpenID provider is not installed: run script/bootstrap\n');
  process.exit(77);
}
const { OidcRig, OPAQUE, SECRET } = await import('../rigs/oidc/provider.mjs');

async function startProvider(t, options) {
  const provider = await new OidcRig(options).listen();
  t.after(() => provider.stop());
  return provider;
}

function issuerOf(provider, introspection = {}, more = {}) {
  return {
    issuer: provider.issuer, audiences: [provider.audience], grants: ['/system/*'], typ: 'at+jwt',
    introspection: {
      url: `${provider.issuer}${ASKED}`, client_id: 'gateway', client_secret: SECRET, ...introspection,
    },
    ...more,
  };
}

function startWith(t, provider, introspection, more, config = {}) {
  return startGateway(t, { config: { issuers: { dev: issuerOf(provider, introspection, more) }, ...config } });
}

function ask(gw, token, options = {}) {
  return gw.get(peerPath('mirror'), { headers: { authorization: `Bearer ${token}` }, ...options });
}

async function passes(gw, token) {
  const answer = await ask(gw, token);
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

async function refuses(gw, token, why = /invalid_token/) {
  const answer = await ask(gw, token);
  assertProblem(answer, 401);
  assert.match(answer.headers['www-authenticate'], why);
}

async function isUnavailable(gw, token) {
  const answer = await ask(gw, token);
  assertProblem(answer, 503);
  assert.ok(Number(answer.headers['retry-after']) >= 1, 'Retry-After');
  assert.doesNotMatch(answer.text, /invalid_client|introspection endpoint|http:/);
}

async function metric(gw, name) {
  const { text } = await send({ port: gw.adminPort, path: '/metrics' });
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.split(' ').at(-1));
}

const questions = (provider) => provider.asked[ASKED] ?? 0;
const count = (text, pattern) => (text.match(pattern) ?? []).length;

/** An answer to the question, in place of the provider's. */
function says(answer, status = 200) {
  return (request, response) => response.writeHead(status, { 'content-type': 'application/json' })
    .end(typeof answer === 'string' ? answer : JSON.stringify(answer));
}

// Most of their time is waiting: side by side they wait together.
describe('introspection', { concurrency: 4 }, () => {
  test('an opaque token is asked about once, and is who the provider says', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, {}, {}, {
      policies: [{ body_limit: {} }, { jwt: {} }, { authorise: {} }, { headers: { claims: { client_id: 'X-Caller' } } }, { schema: {} }],
    });
    const token = await provider.token(OPAQUE);
    assert.equal(token.split('.').length, 1);
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(gw, token)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(questions(provider), 1);
    await passes(gw, token);
    assert.equal(questions(provider), 1);
    assert.equal(await metric(gw, 'millgate_jwt_introspections_total{result="active"}'), 1);
    assert.ok(answers[0].json.headers.some(([name, value]) => name === 'x-caller' && value === `client-${OPAQUE}`));
    const line = await eventually(() => gw.accessLog()[0], 'its line in the access log');
    assert.equal(line.consumer, `dev:client-${OPAQUE}`);

    await refuses(gw, 'never-issued');
    await refuses(gw, 'never-issued');
    assert.equal(questions(provider), 2, 'what is not active is kept, too');
    await refuses(gw, 'has_%_a_byte_that_no_token_has');
    assert.equal(questions(provider), 2, 'and not sent');
  });

  test('client_secret_post', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { client_id: 'gateway-post', auth: 'post' });
    await passes(gw, await provider.token(OPAQUE));
  });

  test('a revocation is seen when the answer is too old', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { cache: '2s' });
    const token = await provider.token(OPAQUE);
    await passes(gw, token);
    await provider.revoke(token);
    await eventually(async () => (await ask(gw, token)).status === 401, 'it is seen', 5000);
    await refuses(gw, token);
  });

  test('with cache: 0 every request asks', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { cache: '0s' });
    const token = await provider.token(OPAQUE);
    await passes(gw, token);
    await passes(gw, token);
    assert.equal(questions(provider), 2);
    await provider.revoke(token);
    await refuses(gw, token);
  });

  test('what was answered survives a reload, but not one of the issuer', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider);
    const token = await provider.token(OPAQUE);
    await passes(gw, token);
    gw.rewriteConfig((config) => (config.policies.find((each) => each.jwt).jwt.realm = 'other'));
    gw.process.kill('SIGHUP');
    await eventually(() => count(gw.stderr, /reloaded/g) === 1, 'the reload');
    await passes(gw, token);
    assert.equal(questions(provider), 1);
    gw.rewriteConfig((config) => (config.issuers.dev.introspection.cache = '30s'));
    gw.process.kill('SIGHUP');
    await eventually(() => count(gw.stderr, /reloaded/g) === 2, 'the second');
    await passes(gw, token);
    assert.equal(questions(provider), 2);
  });

  test('JWTs are verified here, opaque ones asked about; always asks about both', async (t) => {
    const provider = await startProvider(t);
    const keys = { discovery: true };
    const gw = await startWith(t, provider, {}, keys);
    const jwt = await provider.token('ES256');
    await passes(gw, jwt);
    assert.equal(questions(provider), 0);
    await passes(gw, await provider.token(OPAQUE));
    assert.equal(questions(provider), 1);

    const strict = await startWith(t, provider, { always: true, cache: '4s' }, keys);
    provider.spoilt[ASKED] = says({ active: true, aud: provider.audience, sub: 'x' });
    await passes(strict, jwt);
    await passes(strict, jwt);
    assert.equal(questions(provider), 2);
    await refuses(strict, `${jwt.slice(0, -8)}AAAAAAAA`, /signature/);
    assert.equal(questions(provider), 2, 'a forged one is not sent');
    provider.spoilt[ASKED] = says({ active: false });
    await eventually(async () => (await ask(strict, jwt)).status === 401, 'it is not active any more', 20_000);
    await refuses(strict, jwt, /not active/);
  });

  test('an issuer without keys is asked about its JWTs', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider);
    const jwt = await provider.token('RS256');
    provider.spoilt[ASKED] = says({ active: true, aud: provider.audience, sub: 'x', scope: 'peer:use' });
    await passes(gw, jwt);
    assert.equal(questions(provider), 1);
    await refuses(gw, new Issuer().token({ iss: 'https://other.example' }), /issuer/);
    assert.equal(questions(provider), 1);
  });

  test('what is said is judged like a token', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { cache: '0s' });
    const now = Math.floor(Date.now() / 1000);
    const good = { active: true, aud: provider.audience, sub: 's', scope: 'peer:use', exp: now + 60, iss: provider.issuer };
    const tries = [
      [good, 200],
      [{ ...good, iss: undefined, exp: undefined, sub: undefined, client_id: 'c' }, 200],
      [{ ...good, aud: ['x', provider.audience], token_type: 'bearer' }, 200],
      [{ ...good, active: false }, 401],
      [{ ...good, exp: now - 3600 }, 401],
      [{ ...good, nbf: now + 3600 }, 401],
      [{ ...good, iss: 'https://other.example' }, 401],
      [{ ...good, aud: 'another' }, 401],
      [{ ...good, aud: undefined }, 401],
      [{ ...good, sub: undefined }, 401],
      [{ ...good, sub: 7 }, 401],
      [{ ...good, token_type: 'refresh_token' }, 401],
      [{ ...good, token_type: 'DPoP' }, 401],
      [{ ...good, cnf: { jkt: 'x' } }, 401],
      [{ ...good, scope: 'else' }, 403],
      [{ ...good, scope: undefined }, 403],
      [{ ...good, active: 'true' }, 503],
      [{ ...good, active: undefined }, 503],
    ];
    for (const [index, [answer, status]] of tries.entries()) {
      provider.spoilt[ASKED] = says(answer);
      const got = await ask(gw, `token-${index}`);
      assert.equal(got.status, status, `${JSON.stringify(answer)}: ${got.text}`);
      if (status !== 200) assertProblem(got, status);
    }
    const lax = await startWith(t, provider, { needs_audience: false });
    provider.spoilt[ASKED] = says({ ...good, aud: undefined });
    await passes(lax, 'token-a');
    provider.spoilt[ASKED] = says({ ...good, aud: 'another' });
    await refuses(lax, 'token-b', /audience/);
  });

  for (const how of ['error', 'rubbish', 'denied', 'cut', 'huge', 'hang']) {
    test(`the provider answers with ${how}`, async (t) => {
      const provider = await startProvider(t);
      const gw = await startWith(t, provider, { timeout: '1500ms', cache: '1s' });
      const known = await provider.token(OPAQUE);
      await passes(gw, known);
      provider.spoilt[ASKED] = how;
      for (let i = 0; i < 12; i++) await isUnavailable(gw, await provider.token(OPAQUE));
      assert.ok(questions(provider) <= 12, `${questions(provider)}: the breaker opens`);
      assert.equal(count(gw.stderr, /cannot be asked about tokens/g), 1, gw.stderr);
      assert.doesNotMatch(gw.stderr, new RegExp(`${SECRET}|${known}`));
      delete provider.spoilt[ASKED];
      await eventually(async () => (await ask(gw, known)).status === 200, 'it is back', 10_000);
    });
  }

  test('a client that leaves while it waits harms nobody', async (t) => {
    const provider = await startProvider(t);
    provider.spoilt[ASKED] = 400;
    const gw = await startWith(t, provider, { timeout: '5s' });
    const token = await provider.token(OPAQUE);
    const client = await gw.raw();
    client.send(`GET ${peerPath('mirror')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    const other = ask(gw, token);
    await eventually(() => questions(provider) === 1, 'it is asked');
    client.destroy();
    assert.equal((await other).status, 200);
    assert.equal(questions(provider), 1);
  });

  test('two issuers: each is asked in turn, or by its prefix alone', async (t) => {
    const [first, second] = [await startProvider(t), await startProvider(t)];
    const contract = peerContract();
    contract.security = [{ dev: ['peer:use'] }, { two: ['peer:use'] }];
    const scheme = contract.components.securitySchemes.dev;
    contract.components.securitySchemes.two = scheme;
    const start = (one, two) => startGateway(t, {
      config: { issuers: { dev: issuerOf(first, one), two: issuerOf(second, two) } },
      contracts: { 'peer.json': contract },
    });
    const gw = await start({}, {});
    await passes(gw, await second.token(OPAQUE));
    assert.deepEqual([questions(first), questions(second)], [1, 1]);
    await refuses(gw, 'of-nobody', /not active/);
    assert.deepEqual([questions(first), questions(second)], [2, 2]);
    first.spoilt[ASKED] = 'error';
    await passes(gw, await second.token(OPAQUE));
    await isUnavailable(gw, 'of-the-first-perhaps');

    const told = await start({ token_prefix: 'one_' }, { token_prefix: 'two_' });
    const before = questions(first);
    second.spoilt[ASKED] = says({ active: true, aud: 'millgate', sub: 's', scope: 'peer:use' });
    await passes(told, 'two_abc');
    await refuses(told, 'three_abc');
    assert.equal(questions(first), before);
  });

  test('what cannot be meant is refused before anything runs', async (t) => {
    const dir = makeFolder();
    const issuer = new Issuer();
    const good = { url: 'https://l.example/i', client_id: 'i', client_secret: 'hidden-1' };
    const tries = [
      [{ ...good, url: 'http://l.example/i' }, {}, /https/],
      [{ ...good, url: 'nonsense' }, {}, /https/],
      [{ ...good, client_secret: undefined }, {}, /client_secret/],
      [{ ...good, timeout: '1h' }, {}, /timeout/],
      [good, { jwks_uri: 'https://l.example/j', discovery: true }, /exactly one of/],
    ];
    for (const [introspection, more, expected] of tries) {
      const issuers = { dev: { issuer: 'https://l.example', audiences: ['a'], grants: ['/system/*'], introspection, ...more } };
      const config = gatewayConfig({ dir, issuer, peerUrl: 'http://127.0.0.1:9', options: { issuers } });
      const path = writeFiles({ dir, issuer, config, contracts: { 'peer.json': peerContract() } });
      const { code, stdout, stderr } = runProgram(['check', '-c', path]);
      assert.notEqual(code, 0, JSON.stringify(introspection));
      assert.match(stdout + stderr, expected);
      assert.doesNotMatch(stdout + stderr, /hidden-1/);
    }
  });
});

// These fill the machine, or tell the order of answers.
describe('introspection, one at a time', () => {
  test('the wait for keys does not end the wait for the provider that follows it', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { always: true, timeout: '5s' }, { discovery: true });
    const jwt = await provider.token('ES256');
    provider.delayMs = 250; // twice: discovery, keys; a second is the longest that keys are waited for
    provider.spoilt[ASKED] = (request, response) => setTimeout(says({ active: true, aud: provider.audience, sub: 'x' }), 1500, request, response);
    await passes(gw, jwt);
    provider.spoilt[ASKED] = (request, response) => setTimeout(says({ active: false }), 1500, request, response);
    const strict = await startWith(t, provider, { always: true, timeout: '5s' }, { discovery: true });
    await refuses(strict, jwt, /not active/);
  });

  test('a slow provider delays who needs it, for a second', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, {}, { discovery: true });
    const [jwt, opaque] = [await provider.token('ES256'), await provider.token(OPAQUE)];
    await passes(gw, jwt);
    provider.spoilt[ASKED] = 2500;
    const waiting = ask(gw, opaque);
    await passes(gw, jwt);
    assertProblem(await waiting, 503);
  });

  test('one client cannot take all places, and its parallel requests with one token take one', async (t) => {
    const provider = await startProvider(t);
    provider.spoilt[ASKED] = 600;
    const gw = await startWith(t, provider);
    const tokens = await Promise.all(Array.from({ length: 10 }, () => provider.token(OPAQUE)));
    const answers = await Promise.all(tokens.map((token) => ask(gw, token)));
    const statuses = answers.map(({ status }) => status).sort();
    assert.equal(statuses.filter((status) => status === 200).length, QUESTIONS_PER_PEER, statuses.join());
    for (const answer of answers.filter(({ status }) => status !== 200)) assertProblem(answer, 503);
    assert.equal(questions(provider), QUESTIONS_PER_PEER);
    const fresh = await provider.token(OPAQUE);
    const same = await Promise.all(Array.from({ length: 20 }, () => ask(gw, fresh)));
    assert.deepEqual([...new Set(same.map(({ status }) => status))], [200]);
    assert.ok(await metric(gw, 'millgate_jwt_introspections_crowded_total') > 0);
  });
});
