// Who may pass: signature, time, issuer, audience, scopes.

import assert from 'node:assert/strict';
import http from 'node:http';
import { before, describe, test } from 'node:test';

import { assertProblem, peerPath, startGateway, suiteScope } from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

const now = () => Math.floor(Date.now() / 1000);

describe('jwt', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite);
  });

  function withToken(token, path = peerPath('mirror')) {
    return gw.get(path, { headers: { authorization: `Bearer ${token}` } });
  }

  const good = {
    'a plain token': () => gw.token(),
    'an audience among several': () => gw.token({ aud: ['other', 'millgate'] }),
    'no kid, when one key fits': () => gw.token({}, { kid: undefined }),
    'typ at+jwt': () => gw.token({}, { typ: 'at+jwt' }),
    'just expired, within the leeway': () => gw.token({ exp: now() - 2 }),
    'scopes beside the one asked for': () => gw.token({ scope: 'a b peer:use c' }),
  };
  for (const [what, make] of Object.entries(good))
    test(`passes: ${what}`, async () => {
      const answer = await withToken(make());
      assert.equal(answer.status, 200, answer.text);
    });

  const claims = () => JSON.parse(Buffer.from(gw.token().split('.')[1], 'base64url'));

  const bad = {
    'expired': () => gw.token({ exp: now() - 3600 }),
    'not yet valid': () => gw.token({ nbf: now() + 3600 }),
    'without exp': () => gw.token({ exp: undefined }),
    'exp as text': () => gw.token({ exp: String(now() + 600) }),
    'another issuer': () => gw.token({ iss: 'https://evil.test' }),
    'without issuer': () => gw.token({ iss: undefined }),
    'another audience': () => gw.token({ aud: 'other' }),
    'without audience': () => gw.token({ aud: undefined }),
    'signed by another key of the same name': () => new Issuer({ kid: gw.issuer.kid }).token(),
    'an unknown key': () => gw.token({}, { kid: 'unknown' }),
    'alg none': () => gw.issuer.unsignedToken(),
    'HMAC with the public key as secret': () => gw.issuer.confusedToken(),
    'alg of the header not the key\'s': () => gw.token({}, { alg: 'RS512' }),
    'a critical extension that nobody knows': () => gw.token({}, { crit: ['x'], x: 1 }),
    'a nested token': () => gw.token({}, { cty: 'JWT' }),
    'an unencoded payload': () => gw.token({}, { b64: false, crit: ['b64'] }),
    'a name that stands twice': () => gw.issuer.sign({ alg: gw.issuer.alg, kid: gw.issuer.kid },
      JSON.stringify({ ...claims(), sub: 'x' }).replace('"sub":"x"', '"sub":"x","sub":"root"')),
    'a header\'s name that stands twice': () => gw.issuer.sign(
      `{"alg":"none","alg":"${gw.issuer.alg}","kid":"${gw.issuer.kid}"}`, claims()),
    'a kid with a NUL behind it': () => gw.token({}, { kid: `${gw.issuer.kid}\0` }),
    'a kid that is a path': () => gw.token({}, { kid: `../${gw.issuer.kid}` }),
    'a kid that is SQL': () => gw.token({}, { kid: `${gw.issuer.kid}' OR '1'='1` }),
    'a kid of 2,000 bytes': () => gw.token({}, { kid: 'k'.repeat(2000) }),
    'a list instead of claims': () => gw.issuer.sign({ alg: gw.issuer.alg, kid: gw.issuer.kid }, [claims()]),
    'a changed payload': () => {
      const [head, , signature] = gw.token().split('.');
      const forged = Buffer.from(JSON.stringify({ sub: 'root', exp: now() + 600 })).toString('base64url');
      return `${head}.${forged}.${signature}`;
    },
    'a changed last letter of the signature': () => {
      const token = gw.token();
      return token.slice(0, -2) + (token.at(-2) === 'A' ? 'B' : 'A') + token.at(-1);
    },
    'an empty signature': () => gw.token().replace(/[^.]+$/, ''),
    'two parts': () => gw.token().split('.').slice(0, 2).join('.'),
    'four parts': () => `${gw.token()}.x`,
    'padding': () => `${gw.token()}=`,
    'no token': () => '',
    'not base64url': () => 'a+b.c/d.e=f',
    'very long': () => 'a'.repeat(9000),
  };
  for (const [what, make] of Object.entries(bad))
    test(`401: ${what}`, async () => {
      const answer = await withToken(make());
      // A field beyond the listener's memory is refused by it, before any policy.
      if (what === 'very long' && answer.status !== 401) return assert.ok([400, 431].includes(answer.status));
      assertProblem(answer, 401);
      assert.match(answer.headers['www-authenticate'], /^Bearer\b/);
    });

  test('what a header says of keys is not followed', async (t) => {
    const mallory = new Issuer({ kid: gw.issuer.kid });
    let asked = 0;
    const server = http.createServer((request, response) => {
      asked++;
      response.end(JSON.stringify(mallory.jwks));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const url = `http://127.0.0.1:${server.address().port}/`;
    for (const header of [{ jku: url }, { x5u: url }, { jwk: mallory.jwk }, { jku: url, kid: undefined },
      { x5c: [mallory.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] }])
      assertProblem(await withToken(mallory.token({}, header)), 401);
    assert.equal(asked, 0);
    assert.equal((await withToken(gw.token({}, { jku: url, jwk: mallory.jwk }))).status, 200, 'they do not matter');
  });

  test('a good token does not open the way for a changed one', async () => {
    const token = gw.token();
    assert.equal((await withToken(token)).status, 200);
    const [head, payload, signature] = token.split('.');
    const other = gw.token({ sub: 'other' }).split('.');
    assert.equal((await withToken(`${head}.${other[1]}.${signature}`)).status, 401);
    assert.equal((await withToken(`${other[0]}.${payload}.${other[2]}`)).status, 401);
    assert.equal((await withToken(token)).status, 200);
  });

  test('a cached token still ends in time', async () => {
    const token = gw.token({ exp: now() + 1, iat: now() - 10, nbf: now() - 10 });
    assert.equal((await withToken(token)).status, 200);
  });

  test('other schemes and several fields are refused', async () => {
    const token = gw.token();
    for (const value of [`Basic ${token}`, token, `Bearer  `, `Bearer ${token} x`, `Bearer ${token}, Bearer ${token}`])
      assertProblem(await gw.get(peerPath('mirror'), { headers: { authorization: value } }), 401);
    const client = await gw.raw();
    client.send(`GET ${peerPath('mirror')} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n` +
      `Authorization: Bearer ${token}\r\n\r\n`);
    assert.ok([400, 401].includes((await client.response()).status));
    client.destroy();
  });

  test('the scheme\'s name has no case', async () => {
    const answer = await gw.get(peerPath('mirror'), { headers: { authorization: `bEaReR ${gw.token()}` } });
    assert.equal(answer.status, 200);
  });

  test('403: scopes that only look alike', async () => {
    for (const scope of ['peer:us', 'peer:user', 'Peer:use', 'xpeer:use', '', undefined])
      assertProblem(await withToken(gw.token({ scope })), 403);
  });

  test('ES256 tokens pass where the issuer uses them', async (t) => {
    const es = await startGateway(t, { issuer: new Issuer({ alg: 'ES256' }) });
    assert.equal((await es.get(peerPath('mirror'))).status, 200);
    const forged = new Issuer({ alg: 'ES256', kid: es.issuer.kid }).token();
    assertProblem(await es.get(peerPath('mirror'), { headers: { authorization: `Bearer ${forged}` } }), 401);
  });
});
