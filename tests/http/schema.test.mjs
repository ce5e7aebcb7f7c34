// 400 with a JSON Pointer for each violation, for bodies and parameters, as the contract says.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { peerContract } from './support/config.mjs';
import { assertProblem, eventually, peerPath, startGateway, suiteScope } from './support/harness.mjs';
import { metric } from './support/targets.mjs';

const good = { supplier: '17300001', items: [{ material: 'BOLT-M8', quantity: 100, unit: 'PC' }] };

function pointersOf(problem) {
  assert.ok(Array.isArray(problem.errors) && problem.errors.length > 0, JSON.stringify(problem));
  for (const error of problem.errors) assert.equal(typeof error.detail, 'string');
  return problem.errors.map((error) => error.pointer);
}

describe('schema', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite);
  });

  async function refused(body, headers) {
    gw.peer.forget();
    const problem = assertProblem(await gw.post(peerPath('orders'), body, { headers }), 400);
    assert.equal(gw.peer.requests.length, 0, 'it reached the upstream');
    return problem;
  }

  test('a good body passes byte for byte', async () => {
    const text = ' {"supplier":"17300001", "items":[{"material":"\\u0041","quantity":1.50}]} ';
    const answer = await gw.post(peerPath('orders'), text);
    assert.equal(answer.status, 200);
    assert.equal(answer.json.body, text);
  });

  const cases = [
    ['a missing member', { items: good.items }, ''],
    ['a member too many', { ...good, surprise: 1 }, '/surprise'],
    ['a wrong pattern', { ...good, supplier: 'x' }, '/supplier'],
    ['a wrong type', { ...good, supplier: 17300001 }, '/supplier'],
    ['no items', { ...good, items: [] }, '/items'],
    ['a number out of bounds', { ...good, items: [{ material: 'a', quantity: 0 }] }, '/items/0/quantity'],
    ['a word not in the list', { ...good, items: [{ material: 'a', quantity: 1, unit: 'T' }] }, '/items/0/unit'],
    ['deep in the second item', { ...good, items: [good.items[0], { material: '', quantity: 1 }] }, '/items/1/material'],
    ['text too long', { ...good, reference: 'x'.repeat(36) }, '/reference'],
    ['not an object', [good], ''],
  ];
  for (const [what, body, pointer] of cases)
    test(`400: ${what}`, async () => {
      const pointers = pointersOf(await refused(body));
      assert.ok(pointers.includes(pointer), `${pointers} lacks ${pointer}`);
    });

  test('several violations are told at once', async () => {
    const pointers = pointersOf(await refused({ supplier: 'x', items: [{ material: '', quantity: -1 }] }));
    for (const pointer of ['/supplier', '/items/0/material', '/items/0/quantity'])
      assert.ok(pointers.includes(pointer), `${pointers} lacks ${pointer}`);
  });

  test('many violations are told up to a bound', async () => {
    const items = Array.from({ length: 50 }, () => ({ material: 1, quantity: 'x', unit: 1 }));
    const problem = await refused({ ...good, items });
    assert.ok(problem.errors.length >= 1 && problem.errors.length <= 150);
  });

  for (const [what, text] of [
    ['nothing', ''], ['half', '{"supplier":'], ['two values', '{} {}'], ['a comment', '{/**/}'],
    ['a trailing comma', '{"supplier":"17300001",}'], ['NaN', '{"supplier":NaN}'],
    ['a duplicate member', '{"supplier":"17300001","supplier":"17300002","items":[{"material":"a","quantity":1}]}'],
    ['bytes that are no UTF-8', Buffer.from('7b22737570706c696572223a22ff227d', 'hex')],
    ['a byte order mark', '\ufeff{}'], ['deep nesting', '['.repeat(100_000)],
  ])
    test(`400 for ${what} as JSON`, async () => {
      await refused(text);
    });

  test('415 for another media type', async () => {
    assertProblem(await gw.post(peerPath('orders'), '<a/>', { headers: { 'content-type': 'application/xml' } }), 415);
  });

  test('parameters of the media type change nothing', async () => {
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' };
    assert.equal((await gw.post(peerPath('orders'), good, { headers })).status, 200);
    await refused({ ...good, surprise: 1 }, headers);
  });

  test('no media type at all is no way around the schema', async () => {
    gw.peer.forget();
    const client = await gw.raw();
    client.send(`POST ${peerPath('orders')} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\n\r\n{}`);
    assert.ok([400, 415].includes((await client.response()).status));
    assert.equal(gw.peer.requests.length, 0);
    client.destroy();
  });

  test('a body in pieces is read as one', async () => {
    const text = JSON.stringify(good);
    const client = await gw.raw();
    client.send(`POST ${peerPath('orders')} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n` +
      `Authorization: ${gw.bearer.authorization}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (const letter of text) client.send(`1\r\n${letter}\r\n`);
    client.send('0\r\n\r\n');
    const answer = await client.response();
    assert.equal(answer.status, 200, answer.body);
    assert.equal(JSON.parse(answer.body).body, text);
    client.destroy();
  });

  test('path parameters: static before templated, typed', async () => {
    assert.equal((await gw.get(peerPath('items/latest'))).json.target, '/latest/mirror');
    assert.equal((await gw.get(peerPath('items/7'))).json.target, '/items/7/mirror');
    for (const id of ['0', '-1', '1.5', 'x', '7%00', '%37x'])
      assertProblem(await gw.get(peerPath(`items/${id}`)), 400);
  });

  test('query and header parameters', async () => {
    assert.equal((await gw.get(peerPath('items/7?limit=100'))).status, 200);
    assert.equal((await gw.get(peerPath('items/7'), { headers: { 'x-line': '1010' } })).status, 200);
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'limit=', 'limit', 'limit=5&limit=6'])
      assertProblem(await gw.get(peerPath(`items/7?${query}`)), 400);
    assertProblem(await gw.get(peerPath('items/7'), { headers: { 'x-line': 'abc' } }), 400);
  });

  test('a parameter\'s problem names it', async () => {
    const problem = assertProblem(await gw.get(peerPath('items/7?limit=0')), 400);
    assert.match(JSON.stringify(problem), /limit/);
  });
});

// Form bodies and responses, with a contract of their own.

const line = { type: 'object', required: ['id'], properties: { id: { type: 'integer' } }, additionalProperties: false };
const form = {
  type: 'object',
  required: ['id'],
  additionalProperties: false,
  properties: { id: { type: 'integer' }, tags: { type: 'array', items: { type: 'integer' } }, line, file: { type: 'string', maxLength: 100 } },
};

const status = { type: 'object', required: ['status'], properties: { status: { type: 'integer', maximum: 200 } } };

function formContract() {
  const answer = { description: 'ok', content: { 'application/json': { schema: line } } };
  return peerContract({
    paths: {
      '/forms': {
        post: {
          operationId: 'post-form',
          'x-millgate': { backend_path: '/forms/mirror' },
          requestBody: {
            content: {
              'application/x-www-form-urlencoded': { schema: form },
              'multipart/form-data': { schema: form, encoding: { file: { contentType: 'image/png' } } },
            },
          },
          responses: { default: { description: 'any' } },
        },
        get: {
          operationId: 'get-form',
          'x-millgate': { backend_path: '/forms/mirror' },
          parameters: [
            { name: 'filter', in: 'query', style: 'deepObject', explode: true, schema: line },
            { name: 'session', in: 'cookie', schema: { type: 'integer' } },
          ],
          responses: { default: { description: 'any' } },
        },
      },
      '/status': {
        get: {
          operationId: 'get-status',
          responses: {
            200: { description: 'right', content: { 'application/json': { schema: status } } },
            201: { description: 'wrong', content: { 'application/json': { schema: status } } },
            202: { description: 'text', content: { 'text/plain': {} } },
            203: { description: 'headers', headers: { 'X-Count': { required: true, schema: { type: 'integer' } } } },
            204: { description: 'nothing' },
            '4XX': { description: 'as it comes' },
          },
        },
      },
      '/parrot': {
        post: {
          operationId: 'post-parrot',
          requestBody: { content: { 'application/json': {} } },
          responses: { 200: answer, '4XX': { description: 'as it comes' } },
        },
      },
    },
  });
}

function formGateway(options) {
  const policies = [{ jwt: {} }, { authorise: {} }, { schema: options }];
  return { config: { policies }, contracts: { 'peer.v1.yaml': formContract() } };
}

describe('schema of forms and answers', () => {
  let strict, open, lenient;
  const suite = suiteScope();
  before(async () => {
    strict = await startGateway(suite, formGateway({ responses: 'enforce', unknown_query: 'refuse' }));
    open = await startGateway(suite, formGateway({ responses: 'enforce' }));
    lenient = await startGateway(suite, formGateway({ responses: 'report' }));
  });

  for (const [body, status, pointer] of [
    ['id=1&tags=1&tags=2', 200], ['id=1&line=%7B%22id%22:3%7D', 200], ['id=x', 400, '/id'],
    ['id=1&tags=1&tags=b', 400, '/tags/1'], ['id=1&line=%7B%7D', 400, '/line'], ['id=1&id=2', 400, '/id'],
  ])
    test(`urlencoded: ${body}`, async () => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await strict.post(peerPath('forms'), body, { headers });
      assert.equal(answer.status, status, answer.text);
      if (pointer) assert.ok(pointersOf(assertProblem(answer, 400)).includes(pointer), answer.text);
      else assert.equal(answer.json.body, body);
    });

  async function sendParts(file, type) {
    const parts = new FormData();
    parts.append('id', '7');
    parts.append('file', new Blob([file], { type }), 'x.png');
    const request = new Request('http://127.0.0.1/', { method: 'POST', body: parts });
    const body = Buffer.from(await request.arrayBuffer());
    return strict.post(peerPath('forms'), body, { headers: { 'content-type': request.headers.get('content-type') } });
  }

  test('multipart, as a browser writes it', async () => {
    assert.equal((await sendParts(Buffer.alloc(100, 0xff), 'image/png')).status, 200);
    assert.deepEqual(pointersOf(assertProblem(await sendParts(Buffer.alloc(101, 0xff), 'image/png'), 400)), ['/file']);
    assertProblem(await sendParts('x', 'text/html'), 400);
  });

  test('deep objects, cookies, unknown parameters', async () => {
    assert.equal((await strict.get(peerPath('forms?filter[id]=1'))).status, 200);
    assertProblem(await strict.get(peerPath('forms?filter[id]=x')), 400);
    assertProblem(await strict.get(peerPath('forms?filter[id]=1&more=1')), 400);
    assert.equal((await lenient.get(peerPath('forms?filter[id]=1&more=1'))).status, 200);
    assert.equal((await strict.get(peerPath('forms'), { headers: { cookie: 'a=b; session=5' } })).status, 200);
    assertProblem(await strict.get(peerPath('forms'), { headers: { cookie: 'session=x' } }), 400);
  });

  test('a good answer passes byte for byte', async () => {
    const text = ' { "id" :  12345 }      ';
    const answer = await strict.post(peerPath('parrot'), text);
    assert.equal(answer.status, 200);
    assert.equal(answer.text, text);
  });

  for (const [what, body, query] of [
    ['a wrong value', '{"id":"secret-of-the-backend"}', ''], ['no JSON', '{"id":1', ''],
    ['another media type', '{"id":1}', '?type=text/html'], ['an unknown status', '{"id":1}', '?code=201'],
  ])
    test(`enforced: ${what} is 502, told to the operator only`, async () => {
      const answer = await open.post(`${peerPath('parrot')}${query}`, body);
      const problem = assertProblem(answer, 502);
      assert.equal(problem.errors, undefined);
      assert.doesNotMatch(answer.text, /secret-of-the-backend/);
    });

  // How many more of each result the metrics show after `act`.
  async function counted(gw, act) {
    const results = ['valid', 'violated', 'unchecked'];
    const read = async (result) => metric(gw, 'millgate_schema_responses_total', `result="${result}"`);
    const before = await Promise.all(results.map(read));
    await act();
    const after = await Promise.all(results.map(read));
    return Object.fromEntries(results.map((result, i) => [result, after[i] - before[i]]));
  }

  const loggedWith = (gw, code) =>
    eventually(() => gw.accessLog().find((line) => line.status === code && line.path === peerPath('status')), 'its line');

  for (const [what, code, detail] of [
    ['a wrong value', 201, /^body \/status maximum: .*200.*\(1 in all\)$/], ['another media type', 202, /^header Content-Type /],
    ['a header that is missing', 203, /^header X-Count required: /], ['an unknown status', 299, /^header status responses: /],
  ])
    test(`reported: ${what} passes as it came, is counted, and told in the log`, async () => {
      let answer;
      const more = await counted(lenient, async () => (answer = await lenient.get(peerPath(`status?code=${code}`))));
      assert.equal(answer.status, code);
      assert.equal(answer.text, JSON.stringify({ status: code }));
      assert.match(answer.headers['content-type'], /^application\/json/);
      assert.deepEqual(more, { valid: 0, violated: 1, unchecked: 0 });
      assert.match((await loggedWith(lenient, code)).detail ?? '', detail);
      assertProblem(await open.get(peerPath(`status?code=${code}`)), 502); // the same answer, enforced
    });

  for (const code of [200, 204, 404])
    test(`reported: an answer of ${code} that fits is counted as such, and nothing is told`, async () => {
      const more = await counted(lenient, async () =>
        assert.equal((await lenient.get(peerPath(`status?code=${code}`))).status, code));
      assert.deepEqual(more, { valid: 1, violated: 0, unchecked: 0 });
      assert.ok(!(await loggedWith(lenient, code)).detail);
    });

  test('reported: what is not there at once passes unchecked', async () => {
    const text = `{"id":"${'x'.repeat(100)}"}`; // wrong, if one looked
    let answer;
    const more = await counted(lenient, async () => (answer = await lenient.post(peerPath('parrot'), text)));
    assert.equal(answer.status, 200);
    assert.equal(answer.text, text);
    assert.deepEqual(more, { valid: 0, violated: 0, unchecked: 1 });
  });

  test('neither looked at nor counted where it is not asked for', async (t) => {
    const gw = await startGateway(t, formGateway({}));
    const more = await counted(gw, async () =>
      assert.equal((await gw.get(peerPath('status?code=201'))).status, 201));
    assert.deepEqual(more, { valid: 0, violated: 0, unchecked: 0 });
  });

  test('formats are told by default, and held where the operator says so', async (t) => {
    const body = { type: 'object', properties: { due: { type: 'string', format: 'date' } } };
    const contracts = {
      'peer.v1.yaml': peerContract({
        paths: {
          '/mirror': {
            post: {
              operationId: 'post-due',
              requestBody: { content: { 'application/json': { schema: body } } },
              responses: { default: { description: 'any' } },
            },
          },
        },
      }),
    };
    const statusOf = async (gw, due) => (await gw.post(peerPath('mirror'), JSON.stringify({ due }))).status;
    const told = await startGateway(t, { contracts });
    const held = await startGateway(t, { contracts, config: { extra: { floor: { formats: 'assert' } } } });
    assert.equal(await statusOf(told, '2026-02-30'), 200);
    assert.equal(await statusOf(held, '2026-02-30'), 400);
    assert.equal(await statusOf(held, '2026-02-28'), 200);
  });

  test('a body that does not say what it is passes where any is offered', async (t) => {
    const requestBody = { content: { '*/*': {} } };
    const contracts = {
      'peer.v1.yaml': peerContract({
        paths: {
          '/mirror': { post: { operationId: 'post-any', requestBody, responses: { default: { description: 'any' } } } },
        },
      }),
    };
    const gw = await startGateway(t, { contracts });
    const client = await gw.raw();
    client.send(`POST ${peerPath('mirror')} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n` +
      'Content-Length: 2\r\n\r\nhi');
    assert.equal((await client.response()).status, 200);
    client.destroy();
  });
});
