// Browsers' questions before they send, and what their pages may read.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { peerPath, prepareGateway, runProgram, startGateway, suiteScope } from './support/harness.mjs';

const PORTAL = 'https://portal.example';

function chain(allow) {
  return [
    { body_limit: {} }, { cors: { allow } }, { jwt: {} }, { authorise: {} }, { headers: {} }, { rate_limit: {} }, { schema: {} },
  ];
}

describe('cors', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, {
      config: {
        policies: chain([
          { origins: [PORTAL, 'https://*.plant.example'], namespaces: ['/system/*'], credentials: true, expose: ['ETag'] },
          { origins: ['*'], namespaces: ['/experience/*'] },
        ]),
      },
    });
  });

  function ask(origin, method = 'POST', headers = {}, path = peerPath('echo')) {
    return gw.request(path, {
      method: 'OPTIONS',
      headers: { authorization: null, origin, 'access-control-request-method': method, ...headers },
    });
  }

  test('a preflight needs no token and names what the path offers', async () => {
    const answer = await ask(PORTAL, 'POST', { 'access-control-request-headers': 'authorization, Content-Type,accept' });
    assert.equal(answer.status, 204, answer.text);
    assert.equal(answer.headers['access-control-allow-origin'], PORTAL);
    assert.equal(answer.headers['access-control-allow-credentials'], 'true');
    assert.match(answer.headers['access-control-allow-methods'], /GET.*POST/);
    assert.match(answer.headers['access-control-allow-headers'], /Authorization/);
    assert.equal(answer.headers['access-control-max-age'], '600');
    assert.match(answer.headers.vary, /Origin/);
  });

  for (const [what, origin] of [
    ['another origin', 'https://evil.test'], ['the opaque origin', 'null'],
    ['a name that only ends alike', 'https://evilplant.example'], ['the bare domain', 'https://plant.example'],
    ['a port', `${PORTAL}:8443`], ['http', 'http://portal.example'],
  ])
    test(`${what} is not allowed`, async () => {
      const answer = await ask(origin);
      assert.equal(answer.status, 204);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
      assert.match(answer.headers.vary, /Origin/);
    });

  test('a header that is not listed is not allowed', async () => {
    const answer = await ask(PORTAL, 'POST', { 'access-control-request-headers': 'authorization, x-evil' });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  });

  test('a method that the path lacks, or nobody knows, is not allowed', async () => {
    for (const [method, path] of [['PATCH', peerPath('echo')], ['BREW', peerPath('echo')], ['POST', peerPath('only-get')]]) {
      const answer = await ask(PORTAL, method, {}, path);
      assert.equal(answer.status, 204);
      assert.equal(answer.headers['access-control-allow-origin'], undefined, method);
      assert.match(answer.headers.allow, /GET/);
    }
  });

  test('an answer is readable to the page, a refusal too', async () => {
    const good = await gw.get(peerPath('mirror'), { headers: { origin: 'https://one.plant.example' } });
    assert.equal(good.status, 200);
    assert.equal(good.headers['access-control-allow-origin'], 'https://one.plant.example');
    assert.equal(good.headers['access-control-expose-headers'], 'ETag');
    assert.match(good.headers.vary, /Origin/);
    const refused = await gw.get(peerPath('mirror'), { headers: { authorization: null, origin: PORTAL } });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers['access-control-allow-origin'], PORTAL);
  });

  test('from elsewhere it is served without the fields', async () => {
    const answer = await gw.get(peerPath('mirror'), { headers: { origin: 'https://evil.test' } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
    assert.match(answer.headers.vary, /Origin/);
  });

  test('a preflight reaches no backend; plain OPTIONS is answered as ever', async () => {
    const answer = await gw.request(peerPath('echo'), { method: 'OPTIONS', headers: { authorization: null } });
    assert.equal(answer.status, 204);
    assert.match(answer.headers.allow, /OPTIONS/);
    assert.equal(answer.headers.vary, undefined);
  });
});

test('a chain without the policy answers OPTIONS and allows nobody', async (t) => {
  const gw = await startGateway(t, { config: { policies: chain([]).filter((policy) => !('cors' in policy)) } });
  const answer = await gw.request(peerPath('echo'), {
    method: 'OPTIONS', headers: { authorization: null, origin: PORTAL, 'access-control-request-method': 'POST' },
  });
  assert.equal(answer.status, 204);
  assert.equal(answer.headers['access-control-allow-origin'], undefined);
});

for (const [what, entry, message] of [
  ['a path in an origin', { origins: ['https://portal.example/app'] }, /no origin/],
  ['null', { origins: ['null'] }, /no origin/],
  ['credentials for anybody', { origins: ['*'], credentials: true }, /credentials/],
  ['a header that is none', { origins: [PORTAL], headers: ['X Y'] }, /no field name/],
])
  test(`${what} is refused by check`, async (t) => {
    const { configPath } = await prepareGateway(t, { config: { policies: chain([entry]) } });
    const result = runProgram(['check', '-c', configPath]);
    assert.equal(result.code, 1, result.stderr);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /\/policies\/1\/cors\/allow\/0|millgate\.yaml:\d+/);
  });
