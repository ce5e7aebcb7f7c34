// Answers that are kept: fresh ones, nobody else's, and not for longer than they may be.

import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { before, describe, test } from 'node:test';

import { PATIENT, peerContract } from './support/config.mjs';
import { assertProblem, eventually, startGateway, suiteScope } from './support/harness.mjs';

const POLICIES = [...PATIENT, { cache: {} }];

/** A backend that counts what it is asked, and answers as the test says. */
async function startBackend() {
  const backend = { hits: [], answers: new Map(), open: new Set() };
  const server = http.createServer((request, response) => {
    backend.hits.push(request);
    const path = request.url.split('?')[0];
    const answer = backend.answers.get(path) ?? (() => ({ headers: { 'cache-control': 'max-age=60' } }));
    const what = answer(request, response);
    if (what === undefined) return; // it answers by itself
    response.writeHead(what.status ?? 200, { 'content-type': 'text/plain', ...what.headers });
    response.end(what.body ?? `${request.url} ${backend.hits.length}`);
  });
  server.on('connection', (socket) => {
    backend.open.add(socket);
    socket.on('close', () => backend.open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  backend.port = server.address().port;
  backend.url = `http://127.0.0.1:${backend.port}`;
  backend.count = (path) => backend.hits.filter((hit) => hit.url.split('?')[0] === path).length;
  backend.last = (path) => backend.hits.filter((hit) => hit.url.split('?')[0] === path).at(-1);
  backend.stop = async () => {
    for (const socket of backend.open) socket.destroy();
    if (server.listening) await new Promise((done) => server.close(done));
  };
  return backend;
}

const responses = { default: { description: 'As the backend answers.' } };
const anyBody = { requestBody: { content: { '*/*': {} } } };

function keeping(id, cache, more = {}) {
  return { get: { operationId: id, responses, 'x-millgate': { cache }, ...more } };
}

function contract() {
  const document = peerContract({
    paths: {
      '/own/{name}': {
        parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }],
        ...keeping('own', {}),
        post: { operationId: 'change', responses, ...anyBody },
      },
      '/shared/{name}': {
        parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }],
        ...keeping('shared', { shared: true, tags: ['shared', 'shared:{name}'] }),
      },
      '/plain/{name}': {
        parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }],
        get: { operationId: 'plain', responses },
      },
      '/timed': keeping('timed', { ttl: '60s' }),
    },
  });
  return { 'peer.v1.yaml': document };
}

const at = (rest) => `/system/peer/v1/${rest}`;

describe('cache', () => {
  const suite = suiteScope();
  let backend, gw;
  before(async () => {
    backend = await startBackend();
    suite.after(() => backend.stop());
    gw = await startGateway(suite, { peer: backend, contracts: contract(), config: { policies: POLICIES } });
  });

  /** As another consumer. */
  const as = (sub) => ({ authorization: `Bearer ${(tokens[sub] ??= gw.token({ sub }))}` });
  const tokens = {};

  test('a fresh answer is given again, with its age', async () => {
    const first = await gw.get(at('own/fresh'));
    assert.equal(first.status, 200);
    assert.equal(first.headers['cache-status'], 'millgate; fwd=miss; stored');
    const second = await gw.get(at('own/fresh'));
    assert.equal(second.text, first.text);
    assert.match(second.headers['cache-status'], /^millgate; hit; ttl=\d+$/);
    assert.match(second.headers.age, /^\d+$/);
    assert.equal(second.headers['content-type'], 'text/plain');
    assert.equal(backend.count('/own/fresh'), 1);
  });

  test('what the contract does not name is not kept', async () => {
    for (let i = 0; i < 2; i++) {
      const answer = await gw.get(at('plain/x'));
      assert.equal(answer.headers['cache-status'], undefined);
    }
    assert.equal(backend.count('/plain/x'), 2);
  });

  test('one consumer never gets what another one asked for', async () => {
    const people = ['ann', 'bob', 'cem', 'dee'];
    const got = new Map();
    for (let round = 0; round < 3; round++)
      for (const who of people) {
        const answer = await gw.get(at('own/mine'), { headers: as(who) });
        got.set(who, [...(got.get(who) ?? []), answer.text]);
      }
    for (const texts of got.values()) assert.deepEqual(texts, Array(3).fill(texts[0]));
    assert.equal(new Set([...got.values()].flat()).size, people.length);
    assert.equal(backend.count('/own/mine'), people.length);
  });
});
