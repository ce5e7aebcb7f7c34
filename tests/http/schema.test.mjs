// 400 with a JSON Pointer for each violation, for bodies and parameters, as the contract says.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { assertProblem, peerPath, startGateway, suiteScope } from './support/harness.mjs';

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
