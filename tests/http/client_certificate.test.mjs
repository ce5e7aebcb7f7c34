// Who a client's certificate is: consumers, tokens that are bound to one (RFC 8705), and certificates
// that a balancer tells of (RFC 9440).

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import https from 'node:https';

import { Authority, pairOf } from './support/certificates.mjs';
import { peerContract } from './support/config.mjs';
import {
  assertProblem, eventually, makeFolder, peerPath, prepareGateway, send, startGateway, suiteScope,
} from './support/harness.mjs';

const folder = makeFolder();
const authority = new Authority(folder);
const other = new Authority(folder, 'other');
const server = authority.issue('/CN=localhost', { san: 'DNS:localhost,IP:127.0.0.1' });
const supplier = authority.issue('/O=Acme, Inc./CN=supplier-1', {
  san: 'DNS:Edi.Acme.Test,URI:urn:acme:edi,email:edi@acme.test',
});
const unknown = authority.issue('/O=Nobody/CN=unknown', { san: 'DNS:a.nobody.test,DNS:b.nobody.test' });
const foreign = other.issue('/O=Acme, Inc./CN=supplier-1');

const grants = ['/system/*'];
const fingerprint = supplier.x509.fingerprint256;
const schemes = {
  by_subject: { consumer: 'subject', map: { 'CN=supplier-1,O=Acme\\, Inc.': 'acme' }, scopes: ['orders.read', 'b'], grants },
  by_cn: { consumer: 'cn', any: true, grants },
  by_dns: { consumer: 'san_dns', map: { 'EDI.acme.test': 'acme' }, any: true, grants },
  by_uri: { consumer: 'san_uri', map: { 'urn:acme:edi': 'acme' }, grants },
  by_email: { consumer: 'san_email', any: true, grants },
  by_fingerprint: { consumer: 'fingerprint', map: { [fingerprint]: 'acme' }, grants },
  by_ca: { consumer: 'cn', any: true, ca_file: other.ca_file, grants },
};

function contract() {
  const get = (operationId, security) => ({
    get: {
      operationId, security, responses: { default: { description: 'x' } }, 'x-millgate': { backend_path: '/mirror' },
    },
  });
  const paths = {
    '/token': get('token', [{ dev: ['peer:use'] }]),
    '/strict': get('strict', [{ strict: [] }]),
    '/both': get('both', [{ dev: ['peer:use'], by_cn: [] }]),
    '/scoped': get('scoped', [{ by_subject: ['orders.read'] }]),
    '/unscoped': get('unscoped', [{ by_subject: ['orders.write'] }]),
    '/stream': {
      get: {
        operationId: 'stream', security: [{ by_cn: [] }], responses: { default: { description: 'x' } },
        'x-millgate': { backend_path: '/drip' },
      },
    },
  };
  for (const name of Object.keys(schemes)) paths[`/${name}`] = get(name, [{ [name]: [] }]);
  const made = peerContract({ paths });
  for (const name of Object.keys(schemes)) made.components.securitySchemes[name] = { type: 'mutualTLS' };
  made.components.securitySchemes.strict = { type: 'http', scheme: 'bearer' };
  return { 'peer.v1.yaml': made };
}

async function start(t, listeners, more = {}) {
  const gw = await prepareGateway(t, {
    contracts: contract(), config: { listeners, extra: { client_certificates: schemes, ...more } },
  });
  gw.rewriteConfig((config) => {
    config.issuers.strict = { ...config.issuers.dev, certificate_bound: 'required' };
  });
  return gw.start();
}

function asking(leaf) {
  return new https.Agent({ cert: leaf?.pem, key: leaf?.key });
}

function get(gw, name, { leaf, token, port = gw.tlsPorts[0], tls = true, headers = {} } = {}) {
  const bearer = token ? { authorization: `Bearer ${token}` } : {};
  return send({ port, tls, path: peerPath(name), headers: { ...bearer, ...headers }, agent: tls ? asking(leaf) : undefined });
}

const tls = { ...pairOf(server), client_certificates: 'optional', client_ca_file: authority.ca_file };

async function consumerOf(gw, answer) {
  const id = answer.headers['x-request-id'];
  const line = await eventually(() => gw.accessLog().find(({ request_id }) => request_id === id), 'it is in the log');
  return line.consumer;
}

describe('consumers', () => {
  const scope = suiteScope();
  let gw;

  test('starts', async () => {
    gw = await start(scope, [{ address: '127.0.0.1:0', tls: { ...tls, client_ca_file: authority.ca_file } }]);
  });

  for (const [name, consumer] of [
    ['by_subject', 'acme'], ['by_cn', 'supplier-1'], ['by_dns', 'acme'], ['by_uri', 'acme'],
    ['by_email', 'edi@acme.test'], ['by_fingerprint', 'acme'],
  ])
    test(`${name}: ${consumer}`, async () => {
      for (let i = 0; i < 2; i++) { // read, then known
        const answer = await get(gw, name, { leaf: supplier });
        assert.equal(answer.status, 200, answer.text);
        assert.equal(await consumerOf(gw, answer), `${name}:${consumer}`);
      }
    });

  for (const name of ['by_subject', 'by_dns', 'by_uri', 'by_email', 'by_fingerprint', 'by_ca'])
    test(`${name}: one that is not meant, or none, is 401`, async () => {
      for (const leaf of [unknown, undefined]) {
        const answer = await get(gw, name, { leaf });
        assertProblem(answer, 401);
        assert.match(answer.headers['www-authenticate'], /ClientCertificate/);
      }
    });

  test('by_ca: the authority of this kind is asked, not only the listener\'s', async () => {
    assertProblem(await get(gw, 'by_ca', { leaf: supplier }), 401);
  });

  test('scopes are those of the entry', async () => {
    assert.equal((await get(gw, 'scoped', { leaf: supplier })).status, 200);
    assertProblem(await get(gw, 'unscoped', { leaf: supplier }), 403);
  });

  test('a token and a certificate together, and neither alone', async () => {
    const token = gw.token();
    const answer = await get(gw, 'both', { leaf: unknown, token });
    assert.equal(answer.status, 200);
    assert.equal(await consumerOf(gw, answer), 'dev:tester');
    assertProblem(await get(gw, 'both', { leaf: unknown }), 401);
    assertProblem(await get(gw, 'both', { token }), 401);
  });

  test('an operation that asks for a token alone does not mind a certificate', async () => {
    assert.equal((await get(gw, 'token', { leaf: unknown, token: gw.token() })).status, 200);
  });

  test('it is the connection\'s: other connections do not have it', async () => {
    const kept = new https.Agent({ keepAlive: true, maxSockets: 1, cert: supplier.pem, key: supplier.key });
    for (let i = 0; i < 3; i++) {
      const options = { port: gw.tlsPorts[0], tls: true, path: peerPath('by_cn') };
      assert.equal((await send({ ...options, agent: kept })).status, 200);
      assertProblem(await send({ ...options, agent: asking() }), 401);
    }
    kept.destroy();
  });

  test('one that expires on a kept connection is good no more, and its streams end', async () => {
    const brief = authority.issue('/CN=brief', { to: 6 / 86_400 }); // six seconds
    const end = Date.parse(brief.x509.validTo);
    const kept = new https.Agent({ keepAlive: true, maxSockets: 1, cert: brief.pem, key: brief.key });
    const options = { port: gw.tlsPorts[0], tls: true, agent: kept };
    assert.equal((await send({ ...options, path: peerPath('by_cn') })).status, 200);
    const stream = send({ ...options, agent: asking(brief), path: `${peerPath('stream')}?bytes=1000&ms=100` }).then(() => 'whole', () => 'cut');
    await sleep(Math.max(0, end - Date.now()) + 1500);
    assertProblem(await send({ ...options, path: peerPath('by_cn') }), 401);
    assert.equal(await Promise.race([stream, sleep(8000).then(() => 'open')]), 'cut');
    kept.destroy();
  });

  test('what makes no sense is refused at its place', async (t) => {
    const cases = [
      [{ consumer: 'cn' }, /needs a map, or any/], [{ consumer: 'fingerprint', any: true }, /a fingerprint is no/],
      [{ consumer: 'fingerprint', map: { abc: 'x' } }, /no SHA-256 fingerprint/],
      [{ consumer: 'cn', map: { a: '' } }, /consumer's name/], [{ consumer: 'cn', any: true, scopes: ['a b'] }, /scope/],
      [{ consumer: 'cn', any: true, ca_file: server.key_file }, /no certificate/],
    ];
    for (const [entry, reason] of cases) {
      gw.rewriteConfig((config) => (config.client_certificates.by_cn = { ...entry, grants }));
      const answer = await gw.reload();
      assert.equal(answer.status, 422, answer.text);
      assert.ok(answer.json.errors.some(({ text }) => reason.test(text)), answer.text);
    }
    gw.rewriteConfig((config) => (config.client_certificates.by_cn = schemes.by_cn));
    t.diagnostic(`${cases.length} refused`);
  });
});

describe('tokens that are bound to a certificate (RFC 8705)', () => {
  const scope = suiteScope();
  let gw;
  const bound = (leaf) => ({ cnf: { 'x5t#S256': createHash('sha256').update(leaf.x509.raw).digest('base64url') } });

  test('starts', async () => {
    gw = await start(scope, [{ address: '127.0.0.1:0', tls }, { address: '127.0.0.1:0' }]);
  });

  test('is good with that certificate, and on every connection that has it', async () => {
    const token = gw.token(bound(supplier));
    for (let i = 0; i < 3; i++) assert.equal((await get(gw, 'token', { leaf: supplier, token })).status, 200);
  });

  test('is refused with another, with none, and on a plain listener, also when it is in the cache', async () => {
    const token = gw.token(bound(supplier));
    assert.equal((await get(gw, 'token', { leaf: supplier, token })).status, 200);
    for (const options of [{ leaf: unknown }, {}, { port: gw.ports[0], tls: false }]) {
      const answer = await get(gw, 'token', { token, ...options });
      assertProblem(answer, 401);
      assert.match(answer.headers['www-authenticate'], /error="invalid_token".*bound to another/);
    }
    assert.equal((await get(gw, 'token', { leaf: supplier, token })).status, 200);
  });

  test('a binding that cannot be read does not hold', async () => {
    for (const cnf of [{ 'x5t#S256': '' }, { 'x5t#S256': 7 }, [], 'x'])
      assertProblem(await get(gw, 'token', { leaf: supplier, token: gw.token({ cnf }) }), 401);
  });

  test('certificate_bound: required refuses a token that is not bound', async () => {
    assert.equal((await get(gw, 'strict', { leaf: supplier, token: gw.token(bound(supplier)) })).status, 200);
    const answer = await get(gw, 'strict', { leaf: supplier, token: gw.token() });
    assertProblem(answer, 401);
    assert.match(answer.headers['www-authenticate'], /not bound/);
    assert.equal((await get(gw, 'token', { token: gw.token() })).status, 200);
  });
});

describe('certificates that a balancer tells of (RFC 9440)', () => {
  const scope = suiteScope();
  let gw;
  const PROXY = 0, STRANGER = 1, VERIFIED = 2;
  const field = (leaf) => ({ 'client-cert': `:${leaf.x509.raw.toString('base64')}:` });
  const ask = (index, headers, name = 'by_cn') => get(gw, name, { port: gw.ports[index], tls: false, headers });

  test('starts', async () => {
    const told = { client_certificate_header: true };
    gw = await start(scope, [
      { address: '127.0.0.1:0', trusted_proxies: ['10.0.0.0/8', '127.0.0.0/8'], ...told },
      { address: '127.0.0.1:0', trusted_proxies: ['127.0.0.2', '10.0.0.0/8', '::/0'], ...told },
      { address: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'], ...told, client_certificate_header_ca_file: authority.ca_file },
      { address: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] },
      { address: '127.0.0.1:0', tls, trusted_proxies: ['127.0.0.1'], ...told },
    ]);
  });

  test('from a trusted proxy it counts, and does not go upstream', async () => {
    const answer = await ask(PROXY, field(supplier));
    assert.equal(answer.status, 200, answer.text);
    assert.equal(await consumerOf(gw, answer), 'by_cn:supplier-1');
    assert.doesNotMatch(JSON.stringify(answer.json.headers), /client-cert/i);
    assertProblem(await ask(PROXY, {}), 401);
  });

  test('from anybody else, and where it is not asked for, it is dropped', async () => {
    for (const index of [STRANGER, 3]) {
      assertProblem(await ask(index, field(supplier)), 401);
      const answer = await ask(index, { ...field(supplier), ...gw.bearer }, 'token');
      assert.equal(answer.status, 200);
      assert.doesNotMatch(JSON.stringify(answer.json.headers), /client-cert/i);
    }
  });

  test('other spellings of it do not count', async () => {
    const value = field(supplier)['client-cert'];
    for (const name of ['client_cert', 'x-client-cert', 'ssl-client-cert', 'x-forwarded-client-cert'])
      assertProblem(await ask(PROXY, { [name]: value }), 401);
  });

  test('it can be bound to a token, too', async () => {
    const cnf = { 'x5t#S256': createHash('sha256').update(supplier.x509.raw).digest('base64url') };
    const bearer = { authorization: `Bearer ${gw.token({ cnf })}` };
    assert.equal((await ask(PROXY, { ...field(supplier), ...bearer }, 'token')).status, 200);
    assertProblem(await ask(PROXY, { ...field(unknown), ...bearer }, 'token'), 401);
    assertProblem(await ask(STRANGER, { ...field(supplier), ...bearer }, 'token'), 401);
  });

  test('what is no byte sequence is refused', async () => {
    const good = field(supplier)['client-cert'];
    const base64 = supplier.x509.raw.toString('base64');
    const bad = [':', '::', base64, `"${base64}"`, `:${base64}`, `${good};a=1`, `${good}, ${good}`,
      `:${supplier.x509.raw.toString('base64url')}_:`, `:${base64.slice(0, 40)} ${base64.slice(40)}:`, `:${base64}=:`,
      encodeURIComponent(supplier.pem), 'Subject="CN=supplier-1"'];
    for (const value of [...bad, [good, good]])
      assert.equal((await ask(PROXY, { 'client-cert': value })).status, 400, String(value));
    assertProblem(await ask(PROXY, { 'client-cert': ':AAAA:' }), 401); // bytes, but no certificate: it proves nothing
  });

  test('is verified where an authority is given', async () => {
    assert.equal((await ask(VERIFIED, field(supplier))).status, 200);
    const late = authority.issue('/CN=late', { from: -9, to: -1 });
    const notForClients = authority.issue('/CN=s', { usage: 'serverAuth' });
    for (const headers of [field(foreign), field(late), field(notForClients), { 'client-cert': ':AAAA:' }])
      assert.equal((await ask(VERIFIED, headers)).status, 403);
    const { text } = await gw.admin('/metrics');
    assert.match(text, /^millgate_client_certificates_refused_total\{reason="field"\} 4$/m);
  });

  test('the connection\'s own certificate comes first', async () => {
    const own = await get(gw, 'by_cn', { leaf: unknown, headers: field(supplier) });
    assert.equal(await consumerOf(gw, own), 'by_cn:unknown');
    assert.equal(await consumerOf(gw, await get(gw, 'by_cn', { headers: field(supplier) })), 'by_cn:supplier-1');
  });

  test('a reload changes whom it believes', async () => {
    gw.rewriteConfig((config) => (config.listeners[PROXY].trusted_proxies = ['10.0.0.0/8']));
    assert.equal((await gw.reload()).status, 200);
    assertProblem(await ask(PROXY, field(supplier)), 401);
    gw.rewriteConfig((config) => (config.listeners[PROXY].trusted_proxies = ['127.0.0.0/8']));
    assert.equal((await gw.reload()).status, 200);
    assert.equal((await ask(PROXY, field(supplier))).status, 200);
  });

  test('addresses that cannot be meant are refused', async (t) => {
    for (const [change, reason] of [
      [{ trusted_proxies: ['10.0.0.1/8'] }, /no bits set behind/], [{ trusted_proxies: ['localhost'] }, /IP address/],
      [{ trusted_proxies: [] }, /needs trusted_proxies/],
    ]) {
      const bad = await prepareGateway(t, {
        config: { listeners: [{ address: '127.0.0.1:0', client_certificate_header: true, ...change }] },
      });
      await assert.rejects(bad.start(), reason);
      bad.wasKilled = true;
    }
  });
});
