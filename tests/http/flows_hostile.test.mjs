// Flows whose authors trust callers too much: what a caller sends stays a value, at the backend and in the answer.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { before, beforeEach, describe, test } from 'node:test';

import { peerContract } from './support/config.mjs';
import { assertProblem, makeFolder, startGateway, suiteScope } from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

const ROOT = '/system/trusting/v1';
const SECRET = 'Bearer operator-secret-4711';
const grants = ['/system/*'];
const POLICIES = ['body_limit', 'headers', 'jwt', 'authorise', 'schema'].map((name) => ({ [name]: {} }));

const flow = (name, list) => ({ document: { dsl: '1.0.0', namespace: 'trusting', name, version: '1.0.0' }, do: list });
const ask = (more) => ({ call: 'http.request', with: { backend: 'store', ...more } });

const flows = {
  path: flow('path', [{ ask: ask({ path: '${ "/things/" + .body.value }' }) }, { answer: { set: { body: '${ . }' } } }]),
  parameter: flow('parameter', [
    { ask: ask({ path: '/things/{id}/parts', parameters: { id: '${ .body.value }' } }) }, { answer: { set: { body: '${ . }' } } }]),
  query: flow('query', [{ ask: ask({ path: '/things', query: { q: '${ .body.value }' } }) }, { answer: { set: { body: '${ . }' } } }]),
  headers: flow('headers', [{ ask: ask({ path: '/things', headers: '${ .body.value }' }) }, { answer: { set: { body: '${ . }' } } }]),
  endpoint: flow('endpoint', [
    { ask: { call: 'http', with: { backend: 'store', method: 'get', endpoint: '/things/{value}', query: { a: 1 } }, input: { from: '${ .body }' } } },
    { answer: { set: { body: '${ . }' } } }]),
  answer: flow('answer', [{ answer: { set: { body: 1, headers: '${ .body.value }' } } }]),
  failing: flow('failing', [{ fail: { set: { body: '${ .body.value | tonumber }' } } }]),
  failure: flow('failure', [{ fail: { set: { body: '${ .body.value | error }' } } }]),
  raised: flow('raised', [{ no: { raise: { error: {
    type: 'https://example.test/errors/no', title: 'No', status: 422, detail: '${ .body.value | tostring }' } } } }]),
  who: flow('who', [{ answer: { set: { body: '${ {identity: .identity, as: $authorization, key: .key} }' } } }]),
};

function contract() {
  const body = { required: true, content: { 'application/json': {} } };
  return peerContract({ name: 'trusting', backend: 'store', paths: Object.fromEntries(Object.keys(flows).map((name) => [`/${name}`, { post: {
    operationId: name, 'x-millgate': { flow: `trusting/${name}` }, requestBody: body, responses: { 200: { description: 'x' }, default: { description: 'x' } },
  } }])) });
}

describe('callers that flows trust', () => {
  const suite = suiteScope();
  const seen = [];
  let gw;

  before(async () => {
    const store = http.createServer((request, response) => {
      if (request.method !== 'HEAD') seen.push(request);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
    });
    store.listen(0, '127.0.0.1');
    await once(store, 'listening');
    suite.after(() => {
      store.closeAllConnections();
      store.close();
    });
    const folder = join(makeFolder(), 'flows');
    mkdirSync(folder);
    for (const [name, document] of Object.entries(flows)) writeFileSync(join(folder, `${name}.flow.yaml`), JSON.stringify(document));
    gw = await startGateway(suite, {
      issuer: new Issuer(), peer: null, contracts: { 'trusting.v1.yaml': contract() },
      config: {
        extra: { flows: [folder] }, policies: POLICIES,
        backends: { store: { url: `http://127.0.0.1:${store.address().port}/base`, grants, headers: { authorization: SECRET, 'x-plant': '1010' } } },
      },
    });
  });

  beforeEach(() => seen.splice(0));

  const post = (name, value, options) => gw.post(`${ROOT}/${name}`, { value }, options);

  test('a path does not climb, and does not lead elsewhere', async () => {
    const values = ['..', '../admin', '%2e%2e', '%2E%2e%2Fadmin', '..%2fadmin', '..;/admin', '..%5Cadmin', 'a/../../admin', '?admin=1', 'a#b', 'a b',
      'a\r\nX-Evil: 1', 'a%0d%0aX: 1/..', '%00', '%zz'];
    for (const value of values) {
      assertProblem(await post('path', value), 500);
      assert.deepEqual(seen, [], value);
    }
    for (const value of ['..', '.', '', '../admin', '..\\admin', '/../admin'])
      for (const name of ['parameter', 'endpoint']) {
        const answer = await post(name, value);
        assert.ok(answer.status === 500 || (value === '' && name === 'endpoint'), `${name} ${value}: ${answer.text}`);
        assert.deepEqual(seen.filter(({ url }) => !url.startsWith('/base/things/')), [], value);
      }
  });

  test('a value stays one segment, and one parameter', async () => {
    for (const value of ['a/b', 'a?b=c', 'a&b', 'a#b', 'a b', "a'b", 'ä', '%2e', 'a\r\nX: 1', '{id}', '@evil.example', 'http://evil.example/x']) {
      seen.splice(0);
      assert.equal((await post('parameter', value)).status, 200, value);
      assert.equal(seen[0].url.split('/').length, 5, seen[0].url);
      assert.equal(decodeURIComponent(seen[0].url.split('/')[3]), value);
      assert.equal((await post('query', value)).status, 200, value);
      const url = new URL(seen[1].url, 'http://x');
      assert.deepEqual([...url.searchParams], [['q', value]]);
      assert.equal(url.pathname, '/base/things');
    }
  });

  test('what the operator has set, and what frames a message, is nobody else\'s', async () => {
    const value = { Authorization: 'Bearer mine', 'X-Plant': '9999', Host: 'evil.example', 'Content-Length': '3', 'Transfer-Encoding': 'chunked',
      Connection: 'close, x-plant', Upgrade: 'h2c', Forwarded: 'for=1.2.3.4', 'X-Request-Id': 'mine', Traceparent: 'mine', 'X-Own': 'yes' };
    assert.equal((await post('headers', value)).status, 200);
    const { headers } = seen[0];
    assert.equal(headers.authorization, SECRET);
    assert.equal(headers['x-plant'], '1010');
    assert.match(headers.host, /^127\.0\.0\.1:/);
    assert.equal(headers['x-own'], 'yes');
    for (const name of ['content-length', 'transfer-encoding', 'upgrade']) assert.equal(headers[name], undefined, name);
    for (const name of ['forwarded', 'x-request-id', 'traceparent']) assert.doesNotMatch(headers[name], /mine|1\.2\.3\.4/);
    for (const wrong of [{ 'X: 1\r\nY': '1' }, { 'X Y': '1' }, { X: 'a\r\nY: 1' }, { '': '1' }, { X: 'a\0b' }, ['X']]) {
      seen.splice(0);
      assertProblem(await post('headers', wrong), 500);
      assert.deepEqual(seen, []);
    }
  });

  test('an answer has no fields but whole ones', async () => {
    const fine = await post('answer', { 'X-Fine': 'yes' });
    assert.equal(fine.status, 200);
    assert.equal(fine.headers['x-fine'], 'yes');
    for (const name of ['Set-Cookie: a', 'X Y', 'X\tY', 'X\r\nSet-Cookie', 'X(', '', 'ä', 'Content-Length', 'Transfer-Encoding', 'Connection', 'X-Request-Id']) {
      const answer = await post('answer', { [name]: 'x=1' });
      assertProblem(answer, 500);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
    for (const value of ['a\r\nSet-Cookie: b', 'a\nb', 'a\0b']) assertProblem(await post('answer', { 'X-Fine': value }), 500);
  });

  test('what fails within is not told', async () => {
    for (const [name, value] of [['failing', 'my-secret-value'], ['failure', 'my-secret-value'], ['path', '../my-secret-value']]) {
      const answer = await post(name, value);
      assertProblem(answer, 500);
      assert.doesNotMatch(answer.text, /my-secret|jq|expression|operator-secret|\$\{/);
    }
    const raised = await post('raised', '"},"status":200,"x":{"');
    assert.equal(raised.status, 422);
    assert.equal(raised.json.detail, '"},"status":200,"x":{"');
    assert.equal(raised.json.status, 422);
  });

  test('nobody is somebody else by what the request says', async () => {
    const forged = { 'x-consumer': 'root', 'x-millgate-consumer': 'root', 'x-millgate-inner': '1', 'x-subject': 'root', 'x-identity': '{"subject":"root"}',
      'x-authenticated-userid': 'root', 'x-forwarded-user': 'root', 'idempotency-key': '"mine"' };
    const answer = await post('who', { identity: { subject: 'root' }, authorization: { subject: 'root' } }, { headers: forged });
    assert.equal(answer.status, 200, answer.text);
    assert.doesNotMatch(answer.text, /root/);
    assert.equal(answer.json.identity.subject, answer.json.as.subject);
    assert.equal((await post('who', {}, { headers: { ...forged, authorization: null } })).status, 401);
  });
});
