// What proved credentials are good for: alternatives of two issuers, scopes, and rules between claims and
// requests. And that a chain or a rule that is not right never comes into force.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { peerContract } from './support/config.mjs';
import { assertProblem, eventually, prepareGateway, runProgram, startGateway, suiteScope } from './support/harness.mjs';
import { AUDIENCE, ISSUER, Issuer } from './support/tokens.mjs';

const ROOT = '/system/peer/v1';
const PARTNER = 'https://partner.test/realm';
const SUPPLIER_SAYS = 'a supplier sees only its own purchase orders';

const text = { type: 'string' };
const inPath = (name) => ({ name, in: 'path', required: true, schema: text });
const answers = { responses: { default: { description: 'As the peer answers.' } } };

function contract() {
  const mirror = (more) => ({ ...more, backend_path: '/mirror' });
  return {
    ...peerContract(),
    security: [{ dev: ['peer:use'] }, { partner: [] }],
    components: {
      securitySchemes: {
        dev: { type: 'oauth2', flows: { clientCredentials: {
          tokenUrl: 'https://x.test', scopes: { 'peer:use': '', 'peer:write': '', 'peer:admin': '' } } } },
        partner: { type: 'http', scheme: 'bearer' },
      },
    },
    paths: {
      '/open': { get: { ...answers, operationId: 'open', 'x-millgate': mirror() } },
      '/either': { get: { ...answers, operationId: 'either', 'x-millgate': mirror(),
        security: [{ dev: ['peer:use', 'peer:write', 'peer:admin'] }, { partner: ['orders'] }] } },
      '/both': { get: { ...answers, operationId: 'both', 'x-millgate': mirror(),
        security: [{ dev: [], partner: [] }] } },
      '/anyone': { get: { ...answers, operationId: 'anyone', 'x-millgate': mirror(),
        security: [{ dev: ['peer:use'] }, {}] } },
      '/anyone-with-a-plant': { get: { ...answers, operationId: 'anyone-with-a-plant', security: [{ dev: [] }, {}],
        'x-millgate': mirror({ authorize: ['token.plant != "P9"'] }) } },
      '/orders/{order}': {
        parameters: [inPath('order'), { name: 'supplier', in: 'query', schema: text }],
        get: { ...answers, operationId: 'order', 'x-millgate': {
          backend_path: '/mirror/{order}',
          authorize: [
            'starts_with(path.order, "SUP-")',
            { when: 'query.supplier == token.supplier', say: SUPPLIER_SAYS },
          ] } },
      },
      '/plants/{plant}/stock': {
        parameters: [inPath('plant')],
        'x-millgate': { authorize: ['path.plant in token.plants'] },
        get: { ...answers, operationId: 'stock', 'x-millgate': mirror() },
        post: { ...answers, operationId: 'book', requestBody: { content: { '*/*': {} } },
          'x-millgate': mirror({ authorize: ['scope("peer:write")'] }) },
      },
    },
  };
}

async function gateway(t, change = () => {}) {
  const partner = new Issuer({ alg: 'ES256' });
  const gw = await prepareGateway(t, {
    contracts: { 'peer.v1.json': contract() },
    config: { extra: { floor: {
      anonymous: ['/system/peer'],
      rules: [{ namespaces: ['/system/*'], when: 'issuer != "nobody" or true', say: 'nobody' }],
    } } },
  });
  writeFileSync(join(gw.dir, 'partner.json'), JSON.stringify(partner.jwks));
  gw.rewriteConfig((config) => {
    config.issuers.partner = { issuer: PARTNER, jwks_file: join(gw.dir, 'partner.json'), audiences: [AUDIENCE],
      algorithms: ['ES256'], grants: ['/system/*'], scope_claim: 'permissions',
      claims: { supplier: 'https://partner.test/vendor', plants: '/site/codes' } };
    change(config);
  });
  gw.partnerToken = (claims = {}) => partner.token({ iss: PARTNER, scope: undefined, ...claims });
  return gw;
}

const as = (token) => ({ headers: { authorization: token === null ? null : `Bearer ${token}` } });

describe('authorise', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await (await gateway(suite)).start();
  });

  const ask = (path, token = null, more = {}) => gw.request(`${ROOT}${path}`, { ...as(token), ...more });
  const own = (claims) => gw.token(claims);
  const allowed = async (path, token, more) => {
    const answer = await ask(path, token, more);
    assert.equal(answer.status, 200, `${path}: ${answer.status} ${answer.text}`);
    return answer;
  };
  const forbidden = async (path, token, more) => {
    const answer = await ask(path, token, more);
    const problem = assertProblem(answer, 403);
    assert.equal(problem.type, '/problems/forbidden');
    return problem.detail;
  };

  test('one of two issuers is enough, each with its own scopes', async () => {
    await allowed('/open', own());
    await allowed('/open', gw.partnerToken());
    await allowed('/either', own({ scope: 'peer:admin peer:write peer:use' }));
    await allowed('/either', gw.partnerToken({ permissions: ['x', 'orders'] }));
    assertProblem(await ask('/either', gw.partnerToken({ scope: 'orders' })), 403); // not its claim of scopes
  });

  test('nothing shown: 401 with a challenge and what is needed', async () => {
    for (const headers of [{ authorization: null }, { authorization: 'Basic dTpw' }]) {
      const answer = await gw.get(`${ROOT}/either`, { headers });
      assert.match(answer.headers['www-authenticate'], /^Bearer realm="millgate", DPoP realm="millgate", algs="[^"]+"$/);
      assert.equal(assertProblem(answer, 401).detail, 'Needed: a bearer token (dev), or a bearer token (partner).');
    }
  });

  test('missing scopes are named: those needed in the challenge, those missing in the detail', async () => {
    const answer = await ask('/either', own({ scope: 'peer:use' }));
    assert.equal(assertProblem(answer, 403).type, '/problems/insufficient-scope');
    assert.equal(answer.headers['www-authenticate'],
      'Bearer realm="millgate", error="insufficient_scope", scope="peer:use peer:write peer:admin"');
    assert.match(answer.json.detail, /^A bearer token \(dev\) lacks: peer:write peer:admin$/);
  });

  test('two issuers at once cannot be proved by one token', async () => {
    for (const token of [own(), gw.partnerToken()]) {
      const answer = await ask('/both', token);
      assert.match(assertProblem(answer, 401).detail, /bearer token \(dev\) and a bearer token \(partner\)/);
    }
  });

  test('where nobody need be known, a bad token is still refused, and a weak one is nobody\'s', async () => {
    await allowed('/anyone');
    await allowed('/anyone', own({ scope: '' }));
    assertProblem(await ask('/anyone', own({ exp: 1 })), 401);
    assertProblem(await ask('/anyone', gw.partnerToken()), 401); // that issuer is not accepted here
    const passed = () => gw.accessLog().filter((line) => line.route === `${ROOT}/anyone` && line.status === 200);
    await eventually(() => passed().length === 2, 'the access log has both');
    assert.deepEqual(passed().map((line) => line.consumer ?? null), [null, null]);
  });

  test('a rule over claims is no rule for nobody, also when it says "not equal"', async () => {
    await allowed('/anyone-with-a-plant', own({ plant: 'P1' }));
    await forbidden('/anyone-with-a-plant', own({ plant: 'P9' }));
    await forbidden('/anyone-with-a-plant', own());
    await forbidden('/anyone-with-a-plant');
  });

  test('a supplier sees its own orders, whatever its issuer calls the claim', async () => {
    await allowed('/orders/SUP-1?supplier=4711', own({ supplier: '4711' }));
    await allowed('/orders/SUP-1?supplier=4711', gw.partnerToken({ 'https://partner.test/vendor': '4711' }));
    const detail = await forbidden('/orders/SUP-1?supplier=4711', own({ supplier: '4712' }));
    assert.equal(detail, `A rule of the operation does not hold: ${SUPPLIER_SAYS}`);
    await forbidden('/orders/SUP-1?supplier=4711', gw.partnerToken({ supplier: '4711' })); // not that issuer's claim
    for (const supplier of [4711, ['4711'], '', null, { id: '4711' }, ' 4711', '4711\u0000', '４７１１'])
      await forbidden('/orders/SUP-1?supplier=4711', own({ supplier }));
    await forbidden('/orders/SUP-1?supplier=', own({ supplier: '' }));
  });

  test('a parameter that comes twice, or may be taken to, is none', async () => {
    const token = own({ supplier: '4711' });
    for (const query of ['supplier=4711&supplier=666', 'supplier=666&supplier=4711', 'supplier=4711&supplier=4711',
      'supplier=4711&%73upplier=666', 'supplier=4711&Supplier=666', 'supplier=4711&supplier[]=666',
      'supplier=4711&supplier%5B0%5D=666', 'supplier=4711;supplier=666', 'supplier=666', 'supplier', '',
      'supplier=4711%20', 'supplier=%2534711']) {
      const answer = await ask(`/orders/SUP-1?${query}`, token);
      assert.ok([400, 403].includes(answer.status), `${query}: ${answer.status}`);
    }
    await allowed('/orders/SUP-1?x=1&%73upplier=%34711&y', token);
  });

  test('the spelling of a path changes nothing', async () => {
    const token = own({ supplier: '4711' });
    const at = (order) => `/orders/${order}?supplier=4711`;
    const answer = await allowed(at('%53UP-1'), token);
    assert.match(answer.json.target, /\/mirror\/(%53|S)UP-1\?/);
    for (const order of ['sup-1', '%73up-1', 'XUP-1', '%2553UP-1', '%20SUP-1', 'S%C3%9CP-1', 'SU%EF%BC%B0-1'])
      await forbidden(at(order), token);
    for (const order of ['..', '%2e%2e', 'SUP-1%00', '%2e%2e%2fSUP-1', 'SUP-1%2f..%2f..', 'SUP-1/../X', '%', '%5']) {
      const { status } = await ask(at(order), token);
      assert.ok([400, 403, 404].includes(status), `${order}: ${status}`);
    }
  });

  test('unicode is compared as it is written: another normal form is another plant', async () => {
    const composed = 'M\u00fcnchen', decomposed = 'Mu\u0308nchen';
    const path = (plant) => `/plants/${encodeURIComponent(plant)}/stock`;
    await allowed(path(composed), own({ plants: [composed] }));
    await forbidden(path(decomposed), own({ plants: [composed] }));
    await forbidden(path(composed), own({ plants: [decomposed] }));
    await forbidden(path('m\u00fcnchen'), own({ plants: [composed] }));
  });

  test('a plant is one of the caller\'s; rules of path and operation add up', async () => {
    const body = { method: 'POST', body: 'x' };
    await allowed('/plants/P1/stock', own({ plants: ['P2', 'P1'] }));
    await allowed('/plants/P1/stock', own({ plants: 'P1' })); // a list of one, as some issuers write it
    await allowed('/plants/P1/stock', gw.partnerToken({ site: { codes: ['P1'] } }));
    for (const plants of [['P2'], [], 'P1 P2', null, undefined, [['P1']], { P1: true }])
      await forbidden('/plants/P1/stock', own({ plants }));
    assert.match(await forbidden('/plants/P1/stock', own()), /A rule of the path .*: path\.plant in token\.plants$/);
    await allowed('/plants/P1/stock', own({ plants: ['P1'], scope: 'peer:use peer:write' }), body);
    await forbidden('/plants/P1/stock', own({ plants: ['P2'], scope: 'peer:use peer:write' }), body);
    assert.match(await forbidden('/plants/P1/stock', own({ plants: ['P1'] }), body), /scope\("peer:write"\)/);
  });

  test('HEAD and OPTIONS are no way around', async () => {
    const withMethod = (method, token) => ask('/plants/P1/stock', token, { method });
    assert.equal((await withMethod('HEAD', own({ plants: ['P2'] }))).status, 403);
    assert.equal((await withMethod('HEAD', null)).status, 401);
    const options = await withMethod('OPTIONS', null);
    assert.ok(options.status === 204 || options.status === 401, String(options.status));
    assert.equal(options.text, ''); // ours, not the backend's
    assert.equal((await withMethod('PUT', own({ plants: ['P1'] }))).status, 405);
  });

  test('no claim of the caller is told', async () => {
    const answer = await ask('/orders/SUP-1?supplier=4711', own({ supplier: 'secret-vendor' }));
    assert.equal(answer.status, 403);
    assert.doesNotMatch(JSON.stringify(answer.rawHeaders) + answer.text, /secret-vendor/);
  });

  test('refusals are counted by reason', async () => {
    await ask('/open');
    const { text: metrics } = await gw.admin('/metrics');
    for (const reason of ['unproved', 'scope', 'rule'])
      assert.match(metrics, new RegExp(`millgate_authorise_refused_total\\{reason="${reason}"\\} [1-9]`));
  });
});

describe('authorise: what is refused at load', () => {
  const check = (gw) => runProgram(['check', '-c', gw.configPath]);

  test('a bad rule: check and reload tell its place, and nothing changes', async (t) => {
    const gw = await (await gateway(t)).start();
    const bad = contract();
    bad.paths['/plants/{plant}/stock']['x-millgate'].authorize = ['path.plan in token.plants', 'token.a = 1'];
    gw.writeContract('peer.v1.json', bad);
    const checked = check(gw);
    assert.equal(checked.code, 1);
    assert.match(checked.stderr, /peer\.v1\.json:\d+:\d+: error: column 1 of the rule: GET \/plants\/\{plant\}\/stock has no path parameter "plan"; did you mean "plant"\?/);
    assert.match(checked.stderr, /peer\.v1\.json:\d+:\d+: error: column 9 of the rule: write "=="/);
    const reload = await gw.reload();
    assert.equal(reload.status, 422);
    assert.match(reload.text, /did you mean \\"plant\\"/);
    const path = `${ROOT}/plants/P1/stock`;
    assert.equal((await gw.get(path, as(gw.token({ plants: ['P1'] })))).status, 200);
    assert.equal((await gw.get(path, as(gw.token({ plants: ['P2'] })))).status, 403);
  });

  test('a changed rule is in force after the reload', async (t) => {
    const gw = await (await gateway(t)).start();
    const other = contract();
    other.paths['/plants/{plant}/stock']['x-millgate'].authorize = ['path.plant == token.home'];
    gw.writeContract('peer.v1.json', other);
    assert.equal((await gw.reload()).status, 200);
    const path = `${ROOT}/plants/P1/stock`;
    assert.equal((await gw.get(path, as(gw.token({ home: 'P1' })))).status, 200);
    assert.equal((await gw.get(path, as(gw.token({ plants: ['P1'] })))).status, 403);
  });

  test('the operator\'s floor holds for all, and says what it is to say and no more', async (t) => {
    const gw = await (await gateway(t, (config) => {
      config.floor.rules = [
        { namespaces: ['/system/peer'], when: 'issuer == "partner"', say: 'partners only' },
        { namespaces: ['/process/*'], when: 'false' },
        { namespaces: ['*'], when: 'token.internal_clearance != "none"' },
      ];
    })).start();
    const detail = async (token) => assertProblem(await gw.get(`${ROOT}/open`, as(token)), 403).detail;
    assert.equal(await detail(gw.token()), 'A rule of the gateway does not hold: partners only');
    assert.equal(await detail(gw.partnerToken()), 'A rule of the gateway does not hold');
    assert.equal((await gw.get(`${ROOT}/open`, as(gw.partnerToken({ internal_clearance: 'a' })))).status, 200);
    const refused = () => gw.accessLog().filter((line) => line.status === 403).map((line) => line.detail);
    await eventually(() => refused().some((detail) => detail.includes('token.internal_clearance')),
      'the operator sees which rule it was');
  });

  test('a floor with a fault is refused with its place', async (t) => {
    const gw = await gateway(t, (config) => {
      config.floor.rules = [{ namespaces: ['system'], when: 'isuer == "x"' }, { namespaces: ['*'], when: 'path.site == "x"' }];
    });
    const { code, stderr } = check(gw);
    assert.equal(code, 1);
    assert.match(stderr, /millgate\.yaml:\d+:\d+: error: must be \/layer\/name/);
    assert.match(stderr, /millgate\.yaml:\d+:\d+: error: column 1 of the rule: "isuer" is not known; did you mean "issuer"\?/);
    assert.match(stderr, /peer\.v1\.json:\d+:\d+: error: the floor's rule "path\.site == "x"": GET \/open has no path parameter "site"/);
  });

  const chains = {
    'without authorise': [[{ jwt: {} }, { schema: {} }], /the policy authorise is not in the chain, so nothing would keep GET \/system\/peer\/v1\/\S+ from anybody/],
    'with authorise first': [[{ authorise: {} }, { jwt: {} }], /the policy authorise must stand behind jwt/],
    'without jwt': [[{ authorise: {} }], /no policy of the chain proves a token, which GET \/system\/peer\/v1\/\S+ asks for/],
  };
  for (const [what, [policies, said]] of Object.entries(chains))
    test(`a chain ${what}: check, serve and reload`, async (t) => {
      const gw = await (await gateway(t)).start();
      gw.rewriteConfig((config) => (config.policies = policies));
      const checked = check(gw);
      assert.equal(checked.code, 1);
      assert.match(checked.stderr, said);
      assert.match(checked.stderr, /millgate\.yaml:\d+:\d+: error/);
      const reload = await gw.reload();
      assert.equal(reload.status, 422);
      assert.match(reload.json.errors?.map((e) => e.text ?? e.detail ?? JSON.stringify(e)).join('\n') ?? reload.text, said);
      assertProblem(await gw.get(`${ROOT}/open`, as(null)), 401);
      const served = runProgram(['serve', '-c', gw.configPath]);
      assert.notEqual(served.code, 0);
      assert.match(served.stderr, said);
    });
});
