// Large documents in flows: one worker, a backend that answers with fifteen megabytes, and small requests beside it. What
// is large is read and written on other threads: small ones are answered before it is.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { before, after, describe, test } from 'node:test';

import { peerContract } from './support/config.mjs';
import { eventually, makeFolder, startGateway, suiteScope } from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

const ROOT = '/system/archive/v1';
const ROWS = 150_000;
const FEW = 4_000;
const row = (i) => `{"id":${i},"text":"${String(i).padStart(9, '0')}${'-'.repeat(70)}"}`;
const documentOf = (rows) => `[${Array.from({ length: rows }, (_, i) => row(i)).join(',')}]`;
const LARGE = documentOf(ROWS);

/** The backend: says all of a large answer but its last byte, which waits until it is released. */
class Archive {
  held = [];

  async start() {
    this.server = http.createServer((request, response) => this.#serve(request, response));
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async #serve(request, response) {
    const text = request.url === '/large' ? LARGE : request.url === '/few' ? documentOf(FEW) : '{"n":1}';
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
    if (request.url !== '/large') return void response.end(request.method === 'HEAD' ? undefined : text);
    response.write(text.slice(0, -1));
    this.held.push(() => response.end(text.slice(-1)));
  }

  release() {
    for (const end of this.held.splice(0)) end();
  }

  async stop() {
    this.release();
    this.server.close();
    this.server.closeAllConnections();
  }
}

const read = (path) => ({ read: { call: 'http.request', with: { backend: 'archive', path } } });
const flowOf = (name, ...list) => ({ document: { dsl: '1.0.0', namespace: 'archive', name, version: '1.0.0' }, do: list });
const answer = (body) => ({ answer: { set: { body } } });
const FLOWS = [
  flowOf('large', read('/large'), answer('${ . }')),
  flowOf('small', read('/small'), answer('${ .n }')),
  flowOf('few', read('/few'), answer('${ map({id, text: (.text | ascii_downcase)}) }')),
  flowOf('through', { read: { call: 'openapi', with: { document: { endpoint: 'x' }, operationId: 'few' } } }, answer('${ . }')),
];

function contract() {
  const paths = FLOWS.map(({ document: { name } }) => [`/${name}`, { get: {
    operationId: name, responses: { default: { description: 'As the flow answers.' } }, 'x-millgate': { flow: `archive/${name}` } } }]);
  return peerContract({ name: 'archive', backend: 'archive', paths: Object.fromEntries(paths) });
}

async function whole(response) {
  const pieces = [];
  for await (const piece of response) pieces.push(piece);
  return { statusCode: response.statusCode, text: Buffer.concat(pieces).toString() };
}

describe('large documents in flows', () => {
  const scope = suiteScope();
  let archive, gw;

  before(async () => {
    archive = await new Archive().start();
    const folder = join(makeFolder(), 'flows');
    mkdirSync(folder);
    for (const each of FLOWS) writeFileSync(join(folder, `${each.document.name}.flow.yaml`), JSON.stringify(each));
    gw = await startGateway(scope, {
      issuer: new Issuer(), peer: null, contracts: { 'archive.v1.yaml': contract() },
      config: {
        workers: 1, extra: { flows: [folder] }, backends: { archive: { url: archive.url, grants: ['/system/*'] } },
        policies: ['headers', 'jwt', 'authorise'].map((name) => ({ [name]: {} })),
      },
    });
  });
  after(() => archive.stop());

  const small = async () => assert.equal((await gw.get(`${ROOT}/small`)).text, '1');

  const askLarge = (onRequest = () => {}) => new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port: gw.port, path: `${ROOT}/large`, headers: gw.bearer }, resolve);
    onRequest(request.on('error', reject));
  });

  test('while one is read and written, small requests of the same worker are answered', async () => {
    await small();
    let isThere = false; // its head: it is written then
    const large = askLarge().then((response) => { isThere = true; return response; });
    await eventually(() => archive.held.length > 0, 'the backend answers');
    await small();
    archive.release();
    let answered = 0;
    for (; !isThere; answered++) await small();
    const { statusCode: status, text } = await whole(await large);
    assert.equal(status, 200);
    assert.equal(text.length, LARGE.length);
    assert.ok(text === LARGE, 'the answer is the backend\'s');
    assert.ok(answered > 3, `only ${answered} small ones were answered meanwhile`);
  });

  test('what libjq makes of a large one, through an operation called in-process', async () => {
    const answers = await Promise.all([gw.get(`${ROOT}/through`), small(), gw.get(`${ROOT}/few`)]);
    for (const { status, json, text } of [answers[0], answers[2]]) {
      assert.equal(status, 200, text.slice(0, 500));
      assert.equal(json.length, FEW);
      assert.deepEqual(json[FEW - 1], JSON.parse(row(FEW - 1)));
    }
  });

  test('a client that leaves while it is read or written hurts nobody', async () => {
    for (let i = 0; i < 6; i++) {
      let request;
      askLarge((it) => { request = it; }).then((response) => response.on('error', () => {}), () => {});
      await eventually(() => archive.held.length > 0, 'the backend answers');
      archive.release();
      for (let n = 0; n < i; n++) await small();
      request.destroy();
      await small();
    }
    const { text } = await gw.get(`${ROOT}/few`);
    assert.equal(JSON.parse(text).length, FEW);
  });
});
