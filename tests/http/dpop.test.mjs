// Tokens bound to a key (RFC 9449): from a real OpenID provider, proofs by an independent package, and
// every way in which a proof can be wrong.

import assert from 'node:assert/strict';
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { assertProblem, eventually, makeFolder, peerPath, send, startGateway } from './support/harness.mjs';
import { startRedis } from '../rigs/redis.mjs';

const RIG = fileURLToPath(new URL('../rigs/oidc/', import.meta.url));

if (!existsSync(`${RIG}node_modules/dpop`)) {
  process.stdout.write('skipped: the OpenID provider is not installed: run script/bootstrap\n');
  process.exit(77);
}
const { OidcRig, OPAQUE, SECRET } = await import('../rigs/oidc/provider.mjs');
const { generateKeyPair, generateProof } = await import('../rigs/oidc/node_modules/dpop/build/index.js');

async function startProvider(t, options) {
  const provider = await new OidcRig(options).listen();
  t.after(() => provider.stop());
  return provider;
}

function startWith(t, provider, { issuer = {}, dpop = { redis_timeout: '1s' }, ...config } = {}) {
  return startGateway(t, {
    config: {
      issuers: {
        dev: {
          issuer: provider.issuer, audiences: [provider.audience], grants: ['/system/*'], discovery: true, ...issuer,
        },
      },
      policies: [{ body_limit: {} }, { jwt: { dpop } }, { authorise: {} }, { headers: {} }, { rate_limit: {} }, { schema: {} }],
      ...config,
    },
  });
}

async function startOwnRedis(t) {
  const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
  t.after(() => redis.stop());
  return redis;
}

const urlOf = (gw, path = peerPath('mirror')) => `http://127.0.0.1:${gw.port}${path}`;

function show(gw, token, proof, { scheme = 'DPoP', path = peerPath('mirror'), ...options } = {}) {
  const headers = { host: `127.0.0.1:${gw.port}`, authorization: `${scheme} ${token}` };
  if (proof !== undefined) headers.dpop = proof;
  return gw.request(path, { headers, ...options });
}

async function bound(provider, pair, alg = 'RS256') {
  return provider.token(alg, { proof: await generateProof(pair, `${provider.issuer}/token`, 'POST') });
}

function refused(answer, error = 'invalid_dpop_proof', why = /./) {
  assertProblem(answer, 401);
  const challenge = answer.headers['www-authenticate'];
  assert.match(challenge, new RegExp(`DPoP realm="[^"]*", error="${error}", error_description="[^"]*", algs="ES256 `));
  assert.match(challenge, why);
}

async function metric(gw, name) {
  const { text } = await send({ port: gw.adminPort, path: '/metrics' });
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.split(' ').at(-1));
}

// Proofs made by hand, to be wrong in one thing at a time.
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const ownPair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ownJwk = ownPair.publicKey.export({ format: 'jwk' });

function makeProof(header, payload, key = ownPair.privateKey) {
  const input = `${encode(header)}.${encode(payload)}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

describe('DPoP', () => {
  for (const alg of ['ES256', 'RS256', 'PS256']) {
    test(`a bound token with proofs by ${alg}`, async (t) => {
      const provider = await startProvider(t);
      const gw = await startWith(t, provider);
      const pair = await generateKeyPair(alg);
      const token = await bound(provider, pair);
      for (let i = 0; i < 3; i++) {
        const answer = await show(gw, token, await generateProof(pair, urlOf(gw), 'GET', undefined, token));
        assert.equal(answer.status, 200, answer.text);
        assert.ok(!answer.json.headers.some(([name]) => name === 'dpop' || name === 'authorization'));
      }
      const post = await show(gw, token, await generateProof(pair, `${urlOf(gw)}?x=1#y`, 'POST', undefined, token),
        { method: 'POST', body: 'z'.repeat(100_000), path: `${peerPath('mirror')}?a=b` });
      assert.equal(post.status, 200, post.text);
      assert.equal(await metric(gw, 'millgate_jwt_dpop_proofs_total{result="accepted"}'), 4);
    });
  }

  test('a bound token is no bearer token, a plain one needs no proof and proves nothing with one', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider);
    const pair = await generateKeyPair('ES256');
    const token = await bound(provider, pair);
    const proofOf = (of) => generateProof(pair, urlOf(gw), 'GET', undefined, of);
    refused(await show(gw, token, undefined, { scheme: 'Bearer' }), 'invalid_token', /only be used with a DPoP proof/);
    refused(await show(gw, token, await proofOf(token), { scheme: 'Bearer' }), 'invalid_token');
    const plain = await provider.token();
    assert.equal((await show(gw, plain, undefined, { scheme: 'Bearer' })).status, 200);
    refused(await show(gw, plain, await proofOf(plain)), 'invalid_token', /not bound/);
    const answer = await gw.get(peerPath('mirror'), { headers: { authorization: null } });
    assertProblem(answer, 401);
    assert.match(answer.headers['www-authenticate'], /Bearer realm="millgate", DPoP realm="millgate", algs="ES256 /);
  });

  test('an issuer whose tokens must be bound, and one where proofs are off', async (t) => {
    const provider = await startProvider(t);
    const pair = await generateKeyPair('ES256');
    const [token, plain] = [await bound(provider, pair), await provider.token()];
    const strict = await startWith(t, provider, { issuer: { dpop: 'required' } });
    refused(await show(strict, plain, undefined, { scheme: 'Bearer' }), 'invalid_token');
    assert.equal((await show(strict, token, await generateProof(pair, urlOf(strict), 'GET', undefined, token))).status, 200);
    const off = await startWith(t, provider, { issuer: { dpop: 'off' } });
    for (const scheme of ['Bearer', 'DPoP']) {
      const proof = await generateProof(pair, urlOf(off), 'GET', undefined, token);
      const answer = await show(off, token, proof, { scheme });
      assertProblem(answer, 401);
      assert.doesNotMatch(answer.headers['www-authenticate'], /DPoP/);
    }
    assert.equal((await show(off, plain, undefined, { scheme: 'Bearer' })).status, 200);
  });

  test('proofs that are wrong in one thing', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider);
    const now = Math.floor(Date.now() / 1000);
    const token = await provider.token('RS256', {
      proof: makeProof({ typ: 'dpop+jwt', alg: 'ES256', jwk: ownJwk },
        { jti: randomUUID(), htm: 'POST', htu: `${provider.issuer}/token`, iat: now }),
    });
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: ownJwk };
    const ath = createHash('sha256').update(token).digest('base64url');
    const payload = () => ({ jti: randomUUID(), htm: 'GET', htu: urlOf(gw), iat: now, ath });
    assert.equal((await show(gw, token, makeProof(header, payload()))).status, 200, 'the pattern itself is good');

    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const claims = {
      'another method': [{ htm: 'POST' }, /another method/],
      'another path': [{ htu: urlOf(gw, peerPath('echo')) }, /another URI/],
      'another host': [{ htu: `http://gateway.example${peerPath('mirror')}` }, /another URI/],
      'another scheme': [{ htu: urlOf(gw).replace('http:', 'https:') }, /another URI/],
      'a path alone': [{ htu: peerPath('mirror') }, /another URI/],
      'no method': [{ htm: undefined }, /well-formed/],
      'no URI': [{ htu: undefined }, /well-formed/],
      'too old': [{ iat: now - 120 }, /too old/],
      'from the future': [{ iat: now + 120 }, /too old or not valid yet/],
      'no time': [{ iat: undefined }, /well-formed/],
      'no jti': [{ jti: undefined }, /well-formed/],
      'an endless jti': [{ jti: 'j'.repeat(1000) }, /well-formed/],
      'no ath': [{ ath: undefined }, /another token/],
      'the ath of another': [{ ath: createHash('sha256').update('x').digest('base64url') }, /another token/],
    };
    for (const [what, [change, why]] of Object.entries(claims))
      await t.test(what, async () => refused(await show(gw, token, makeProof(header, { ...payload(), ...change })), 'invalid_dpop_proof', why));

    const headers = {
      'another typ': [{ typ: 'JWT' }, /type/],
      'no typ': [{ typ: undefined }, /type/],
      'alg none': [{ alg: 'none' }, /algorithm/],
      'no key': [{ jwk: undefined }, /no key/],
      'a private key': [{ jwk: ownPair.privateKey.export({ format: 'jwk' }) }, /no key/],
      'a kid instead of a key': [{ jwk: undefined, kid: 'x' }, /no key/],
      'a key of another kind': [{ jwk: generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) }, /no key/],
      'a critical extension': [{ crit: ['x'], x: 1 }, /well-formed/],
    };
    for (const [what, [change, why]] of Object.entries(headers))
      await t.test(what, async () => refused(await show(gw, token, makeProof({ ...header, ...change }, payload())), 'invalid_dpop_proof', why));

    await t.test('signed by another key than it names', async () =>
      refused(await show(gw, token, makeProof(header, payload(), other.privateKey)), 'invalid_dpop_proof', /signature/));
    await t.test('another key altogether', async () => {
      const theirs = makeProof({ ...header, jwk: other.publicKey.export({ format: 'jwk' }) }, payload(), other.privateKey);
      refused(await show(gw, token, theirs), 'invalid_token', /not bound to the key/);
    });
    await t.test('a shared secret', async () => {
      const jwk = { kty: 'oct', k: Buffer.alloc(32, 7).toString('base64url') };
      const input = `${encode({ typ: 'dpop+jwt', alg: 'HS256', jwk })}.${encode(payload())}`;
      const mac = createHmac('sha256', Buffer.alloc(32, 7)).update(input).digest('base64url');
      refused(await show(gw, token, `${input}.${mac}`), 'invalid_dpop_proof', /algorithm/);
    });
    await t.test('none, two, or rubbish', async () => {
      refused(await show(gw, token, undefined));
      refused(await show(gw, token, [makeProof(header, payload()), makeProof(header, payload())]));
      for (const rubbish of ['', 'a.b.c', `${makeProof(header, payload())}.x`, 'x'.repeat(9000)])
        refused(await show(gw, token, rubbish));
    });
    await t.test('the token itself is bad', async () => {
      const answer = await show(gw, `${token.slice(0, -6)}AAAAAA`, makeProof(header, payload()));
      assertProblem(answer, 401);
      assert.match(answer.headers['www-authenticate'], /invalid_token/);
    });
  });

  test('a proof serves once, on all workers and gateways', async (t) => {
    const provider = await startProvider(t);
    const redis = await startOwnRedis(t);
    const options = { workers: 2, redis: redis.url, dpop: { redis_timeout: '1s', origins: ['http://api.example'] } };
    const [one, two] = [await startWith(t, provider, options), await startWith(t, provider, options)];
    const pair = await generateKeyPair('ES256');
    const token = await bound(provider, pair);
    const make = () => generateProof(pair, `http://API.example:80${peerPath('mirror')}`, 'GET', undefined, token);
    const proof = await make();
    assert.equal((await show(one, token, proof)).status, 200);
    for (const gw of [one, two, one, two]) refused(await show(gw, token, proof), 'invalid_dpop_proof', /used before/);
    const raced = await make();
    const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => show(i % 2 ? one : two, token, raced)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal(answers.filter(({ status }) => status === 401).length, 15);
  });

  test('Redis is away: strict refuses, local and plain tokens go on', async (t) => {
    const provider = await startProvider(t);
    const redis = await startOwnRedis(t);
    const pair = await generateKeyPair('ES256');
    const [token, plain] = [await bound(provider, pair), await provider.token()];
    const strict = await startWith(t, provider, { redis: redis.url });
    const local = await startWith(t, provider, { redis: redis.url, dpop: { replay: 'local' } });
    const fresh = (gw) => generateProof(pair, urlOf(gw), 'GET', undefined, token);
    assert.equal((await show(strict, token, await fresh(strict))).status, 200);
    await redis.stop();
    await eventually(async () => (await show(strict, token, await fresh(strict))).status === 503, 'it is noticed');
    const answer = await show(strict, token, await fresh(strict));
    assertProblem(answer, 503);
    assert.ok(Number(answer.headers['retry-after']) >= 1);
    assert.equal((await show(strict, plain, undefined, { scheme: 'Bearer' })).status, 200);
    const proof = await fresh(local);
    assert.equal((await show(local, token, proof)).status, 200);
    refused(await show(local, token, proof), 'invalid_dpop_proof', /used before/);
    local.rewriteConfig((config) => (config.policies.find((each) => each.jwt).jwt.realm = 'other'));
    local.process.kill('SIGHUP');
    await eventually(() => /reloaded/.test(local.stderr), 'the reload');
    refused(await show(local, token, proof), 'invalid_dpop_proof', /used before/);
  });

  test('nonces of ours', async (t) => {
    const provider = await startProvider(t);
    const dpop = { redis_timeout: '1s', nonce_secret: 'a secret of 32 bytes or more, yes' };
    const [gw, sibling] = [await startWith(t, provider, { dpop }), await startWith(t, provider, { dpop })];
    const pair = await generateKeyPair('ES256');
    const token = await bound(provider, pair);
    const make = (nonce, to = gw) => generateProof(pair, urlOf(to), 'GET', nonce, token);
    const first = await show(gw, token, await make());
    refused(first, 'use_dpop_nonce');
    const nonce = first.headers['dpop-nonce'];
    assert.match(nonce, /^[\w-]{32}$/);
    assert.equal((await show(gw, token, await make(nonce))).status, 200);
    assert.equal((await show(gw, token, await make(nonce))).status, 200);
    assert.equal((await show(sibling, token, await make(nonce, sibling))).status, 200);
    refused(await show(gw, token, await make(`${nonce.slice(0, -1)}${nonce.endsWith('A') ? 'B' : 'A'}`)), 'use_dpop_nonce');
    assert.doesNotMatch(gw.stderr, /a secret of/);
  });

  test('an opaque token that is bound', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, {
      issuer: {
        discovery: false,
        introspection: { url: `${provider.issuer}/token/introspection`, client_id: 'gateway', client_secret: SECRET },
      },
    });
    const pair = await generateKeyPair('ES256');
    const token = await bound(provider, pair, OPAQUE);
    const proof = await generateProof(pair, urlOf(gw), 'GET', undefined, token);
    assert.equal((await show(gw, token, proof)).status, 200);
    refused(await show(gw, token, proof), 'invalid_dpop_proof', /used before/);
    refused(await show(gw, token, undefined, { scheme: 'Bearer' }), 'invalid_token');
    const other = await generateKeyPair('ES256');
    refused(await show(gw, token, await generateProof(other, urlOf(gw), 'GET', undefined, token)), 'invalid_token');
  });
});
