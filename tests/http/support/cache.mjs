// A backend whose answers are kept, its contract, and gateways that keep them.

import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { PATIENT, peerContract } from './config.mjs';
import { eventually } from './harness.mjs';

export const POLICIES = [...PATIENT, { cache: {} }];

/** A backend that counts what it is asked, and answers as the test says. */
export async function startBackend() {
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

export function contract() {
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
      '/open/{name}': {
        parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }],
        ...keeping('open', {}, { security: [{ dev: ['peer:use'] }, { dev: ['peer:other'] }] }),
      },
      '/lenient': keeping('lenient', { stale_if_error: '60s', stale_while_revalidate: '60s' }),
    },
  });
  return { 'peer.v1.yaml': document };
}

/** Each worker drops what it kept until it has seen the log of purges for the first time. */
export async function begin(gw) {
  let hits = 0;
  await eventually(async () => {
    const answer = await gw.get(at('own/begin'));
    hits = /hit/.test(answer.headers['cache-status']) ? hits + 1 : 0;
    await sleep(20);
    return hits === 20;
  }, 'the cache has begun');
}

export const at = (rest) => `/system/peer/v1/${rest}`;
