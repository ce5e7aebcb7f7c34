// What is changed on the way to the backend and back; what browsers are told.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { peerPath, prepareGateway, runProgram, startGateway, suiteScope } from './support/harness.mjs';

const FRONT = [{ body_limit: {} }, { jwt: {} }, { authorise: {} }, { headers: {} }, { rate_limit: {} }, { schema: {} }];

function chain(rules) {
  return [{ security_headers: { enabled: true, hsts: '1h' } }, ...FRONT, { transform: { rules } }];
}

function values(pairs, name) {
  return pairs.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

describe('transform', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, {
      config: {
        policies: chain([
          {
            namespaces: ['/system/peer'],
            operations: ['get-mirror'],
            request: {
              rename: { 'X-Old': 'X-New' },
              remove: ['X-Debug'],
              set: { 'X-Plant-Code': 'P-{claim.plant}', 'X-Absent': '{claim.absent}', 'X-Who': '{consumer}' },
              add: { 'X-Tag': 'second' },
            },
            query: { rename: { plant: 'ProductionPlant' }, remove: ['debug'], set: { lang: 'en' }, add: { client: '{{1}}' } },
            response: { set: { 'X-Request': '{request_id}' }, remove: ['Content-Language'] },
          },
          { namespaces: ['/process/*'], request: { set: { 'X-Foreign': 'yes' } } },
        ]),
      },
    });
  });

  async function mirror(query, headers) {
    const token = gw.token({ plant: 'W1' });
    const answer = await gw.get(peerPath(`mirror${query}`), { headers: { authorization: `Bearer ${token}`, ...headers } });
    assert.equal(answer.status, 200, answer.text);
    return answer;
  }

  test('fields of the request', async () => {
    const { headers } = (await mirror('', {
      'x-old': 'v', 'x-debug': '1', 'x-plant-code': 'forged', 'x-absent': 'stays', 'x-tag': 'first',
    })).json;
    assert.deepEqual(values(headers, 'x-new'), ['v']);
    assert.deepEqual(values(headers, 'x-old'), []);
    assert.deepEqual(values(headers, 'x-debug'), []);
    assert.deepEqual(values(headers, 'x-plant-code'), ['P-W1']);
    assert.deepEqual(values(headers, 'x-absent'), ['stays']);
    assert.match(values(headers, 'x-who')[0], /^dev:/);
    assert.deepEqual(values(headers, 'x-tag').sort(), ['first', 'second']);
    assert.deepEqual(values(headers, 'x-foreign'), []);
  });

  test('parameters of the query; the others stay as they came', async () => {
    const answer = await mirror('?a=%7e&plant=10%2b1&debug&lang=de&lang=fr&%64ebug=1&b');
    assert.match(answer.json.target ?? answer.json.url, /\?a=%7e&ProductionPlant=10%2b1&b&lang=en&client=%7B1%7D$/);
  });

  test('fields of the answer', async () => {
    const answer = await mirror('');
    assert.equal(answer.headers['x-request'], answer.headers['x-request-id']);
  });

  test('another operation is left alone', async () => {
    const answer = await gw.post(peerPath('mirror?plant=1'), {});
    assert.match(answer.json.target ?? answer.json.url, /\?plant=1$/);
    assert.equal(answer.headers['x-request'], undefined);
  });

  test('what browsers are told stands on answers and refusals', async () => {
    for (const answer of [await mirror(''), await gw.get(peerPath('mirror'), { headers: { authorization: null } })]) {
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
      assert.equal(answer.headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'");
      assert.equal(answer.headers['referrer-policy'], 'no-referrer');
      assert.equal(answer.headers['strict-transport-security'], undefined, 'not over TLS');
      assert.equal(answer.headers.server, undefined);
    }
  });
});

for (const [what, rule, message] of [
  ['a misspelt place', { request: { set: { 'X-A': '{clam.plant}' } } }, /rules\/0\/request\/set\/X-A.*|at byte 1: \{clam\.plant\}/],
  ['a field of framing', { request: { set: { 'Content-Length': '0' } } }, /the gateway's own/],
  ['a field of framing in an answer', { response: { remove: ['transfer-encoding'] } }, /the gateway's own/],
  ['a rename to one of ours', { request: { rename: { 'X-A': 'Authorization' } } }, /the gateway's own/],
  ['a name that is none', { response: { add: { 'X A': '1' } } }, /no field name/],
])
  test(`${what} is refused by check`, async (t) => {
    const { configPath } = await prepareGateway(t, { config: { policies: chain([rule]) } });
    const result = runProgram(['check', '-c', configPath]);
    assert.equal(result.code, 1, result.stderr);
    assert.match(result.stderr, message);
  });
