// What the contracts of a plant's APIs say to callers, whoever fulfils them: here each operation is answered by
// the peer, which says what it was asked. What comes of an operation in an ERP is tested with its flow.

import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { gatewayConfig } from './support/config.mjs';
import { assertProblem, makeFolder, startGateway, suiteScope } from './support/harness.mjs';

const OPENAPI = fileURLToPath(new URL('../../openapi/', import.meta.url));
const ROOT = '/system/erp-production/v1/plants';
const POLICIES = [{ body_limit: {} }, { headers: {} }, { jwt: {} }, { authorise: {} }, { rate_limit: {} }, { schema: {} }, { idempotency: { redis_timeout: '5s' } }];

/** A copy of openapi/ in which the peer stands for every flow and builtin. */
function copyContracts(t) {
  const folder = makeFolder();
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(OPENAPI, folder, { recursive: true });
  for (const name of ['sandbox-odata', 'edge']) rmSync(join(folder, `system-${name}.v1.yaml`)); // no plant's API
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.v1.yaml'))) {
    const text = readFileSync(join(folder, name), 'utf8');
    writeFileSync(join(folder, name), text.replace(/\{(flow|builtin): [^}]*\}/g, '{backend: peer, backend_path: /count}'));
  }
  return folder;
}

describe('the APIs of a plant', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    const folder = copyContracts(suite);
    const grants = ['/system/*', '/experience/*'];
    const { issuers } = gatewayConfig({ dir: '', issuer: { alg: 'RS256' }, peerUrl: '' });
    gw = await startGateway(suite, {
      contracts: {},
      config: {
        policies: POLICIES,
        peerBackend: { grants },
        plans: { standard: { limit: 1_000_000, window: '60s', burst: 100_000, grants } },
        issuers: { ...issuers, factory: { ...issuers.dev, grants } },
        extra: { contracts: [folder] },
      },
    });
  });

  const as = (claims, more = {}) => ({ headers: { authorization: `Bearer ${gw.token({
    scope: 'erp-production:read erp-production:write', plant: '1010', ...claims })}`, ...more } });
  const order = { material: 'BRACKET-A', quantity: { value: '50', unit: 'H87' }, plannedStart: '2026-11-24', plannedEnd: '2026-11-26' };

  test('a token is for its plants', async () => {
    assert.equal((await gw.get(`${ROOT}/1010/production-orders`, as())).status, 200);
    assert.equal((await gw.get(`${ROOT}/1020/production-orders`, as({ plant: ['1010', '1020'] }))).status, 200);
    assertProblem(await gw.get(`${ROOT}/1020/production-orders`, as()), 403);
    assertProblem(await gw.get(`${ROOT}/1010/production-orders`, as({ plant: undefined })), 403);
  });

  test('all plants are read by who may see all of them, and only in lists', async () => {
    const all = { scope: 'erp-production:read plants:all', plant: undefined };
    assert.equal((await gw.get(`${ROOT}/-/production-orders`, as(all))).status, 200);
    assertProblem(await gw.get(`${ROOT}/-/production-orders`, as()), 403);
    assertProblem(await gw.get(`${ROOT}/-/production-orders/17`, as(all)), 400);
  });

  test('lists are bounded, sorted by what the contract names, and filtered by what fits', async () => {
    const list = (query) => gw.get(`${ROOT}/1010/production-orders?${query}`, as());
    assert.equal((await list('limit=200&sort=-plannedStart&status=released&from=2026-11-01')).status, 200);
    for (const query of ['limit=201', 'limit=0', 'sort=material', 'status=REL', 'from=yesterday', 'cursor=a/b'])
      assertProblem(await list(query), 400);
  });

  test('a write needs its scope, its key and a body that fits', async () => {
    const create = (body, ...how) => gw.post(`${ROOT}/1010/production-orders`, body, as(...how));
    assertProblem(await create(order, { scope: 'erp-production:read' }, { 'idempotency-key': '"a-1"' }), 403);
    const missing = assertProblem(await create(order), 400);
    assert.deepEqual(missing.errors.map((error) => error.name), ['Idempotency-Key']);
    const wrong = assertProblem(await create({ ...order, quantity: { value: 50, unit: 'PC1X' }, plant: '1020' }, {}, { 'idempotency-key': '"a-2"' }), 400);
    const pointers = wrong.errors.map((error) => error.pointer);
    for (const pointer of ['/quantity/value', '/quantity/unit', '/plant']) assert.ok(pointers.includes(pointer), `${pointers} lacks ${pointer}`);
  });

  test('a write that comes again with its key is not sent again', async () => {
    gw.peer.forget();
    const create = () => gw.post(`${ROOT}/1010/production-orders`, order, as({}, { 'idempotency-key': '"a-3"' }));
    const [first, second] = [await create(), await create()];
    assert.equal(first.status, 200, first.text);
    assert.equal(second.headers['idempotency-replayed'], 'true');
    assert.equal(gw.peer.requests.length, 1);
  });

  test('a change names the state that it means', async () => {
    const release = (more) => gw.post(`${ROOT}/1010/production-orders/17/release`, undefined, as({}, { 'idempotency-key': `"${Math.random()}"`, ...more }));
    assertProblem(await release({}), 428);
    assertProblem(await release({ 'if-match': '*' }), 400);
    assert.equal((await release({ 'if-match': '"1795415735-0"' })).status, 200);
  });

  test('the experience API is for the plants of the token alone', async () => {
    const path = '/experience/plant/v1/plants/1010/inventory/BOLT-M8';
    assert.equal((await gw.get(path, as({ scope: 'plant:read' }))).status, 200);
    assertProblem(await gw.get(path, as({ scope: 'plant:read plants:all', plant: '1020' })), 403);
  });
});
