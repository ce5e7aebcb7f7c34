// What an administrator sees of issuers' keys and can have done with them, and what a reload keeps.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { peerContract } from './support/config.mjs';
import { assertProblem, eventually, send, startGateway } from './support/harness.mjs';
import {
  ALGORITHMS, ask, issuerOf, logged, metric, passes, refuses, startProvider, withRandomKid,
} from './support/provider.mjs';
import { AUDIENCE, ISSUER, Issuer } from './support/tokens.mjs';

const NEW_CONNECTION = { agent: false };
const JSON_TYPE = { 'content-type': 'application/json' };

/** `remote` is the real provider; `dev`, a file of keys, also opens the admin listener. */
async function start(t, options = {}) {
  const provider = options.provider ?? await startProvider(t);
  const issuer = new Issuer();
  const grants = ['/system/*'];
  const gw = await startGateway(t, {
    issuer,
    config: {
      workers: options.workers ?? 1,
      issuers: {
        dev: { issuer: ISSUER, jwks_file: 'jwks.json', audiences: [AUDIENCE], algorithms: [issuer.alg], grants },
        remote: issuerOf(provider, options.issuer ?? { discovery: true }),
      },
    },
    contracts: { 'peer.v1.yaml': peerContract({ issuers: ['dev', 'remote'] }) },
  });
  return { gw, provider };
}

const flush = (gw, name, options = {}) =>
  gw.admin(`/issuers/${name}/flush`, { method: 'POST', body: '{}', headers: JSON_TYPE, ...options });

async function isRefused(answer, status) {
  const { headers, json } = await answer;
  assert.match(headers['content-type'], /^application\/problem\+json/);
  assert.equal(json.status, status);
}

async function list(gw) {
  const answer = await gw.admin('/issuers');
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.workers_missing, 0);
  return Object.fromEntries(answer.json.issuers.map((issuer) => [issuer.name, issuer]));
}

describe('issuers', () => {
  test('are listed: where keys are from, what they are, how fetching goes', async (t) => {
    const { gw, provider } = await start(t);
    let { dev, remote } = await list(gw);
    assert.deepEqual([dev.is_configured, remote.is_configured], [true, true]);
    assert.deepEqual(dev.workers.map((each) => each.worker), ['admin'], 'it has just read our own token');

    await passes(gw, await provider.token('ES256'));
    ({ dev, remote } = await list(gw));
    const [state] = remote.workers.filter((each) => each.worker === 0);
    assert.equal(state.source, 'discovery');
    assert.equal(state.url, provider.issuer);
    assert.equal(state.key_count, ALGORITHMS.length);
    assert.deepEqual(state.keys.map((key) => key.alg).sort(), [...ALGORITHMS].sort());
    assert.deepEqual(new Set(state.keys.map((key) => key.kty)), new Set(['RSA', 'EC', 'OKP']));
    assert.ok(state.keys.every((key) => key.kid && key.use === 'sig'), JSON.stringify(state.keys));
    assert.equal(state.last_outcome, 'changed');
    assert.ok(Math.abs(state.last_fetch - Date.now() / 1000) < 30, `${state.last_fetch}`);
    assert.ok(state.age_seconds <= 30 && state.next_fetch_seconds <= 300, JSON.stringify(state));
    assert.deepEqual([state.refetches_left, state.waiters, state.flushes], [5, 0, 0]);
    assert.match(state.generation, /^[0-9a-f]{16}$/);
    assert.equal(dev.workers[0].source, 'jwks_file');
    assert.equal(dev.workers[0].keys[0].kid, gw.issuer.kid);
    assert.doesNotMatch(JSON.stringify({ dev, remote }), /"(d|p|q|k|n|x)":/);

    await provider.stop();
    await refuses(gw, withRandomKid(await gw.token({ iss: provider.issuer }, { typ: 'at+jwt' })));
    [state.last] = (await list(gw)).remote.workers;
    assert.equal(state.last.last_outcome, 'failed');
    assert.ok(state.last.last_failure.length > 0);
    assert.equal(state.last.refetches_left, 4);
    assert.equal(state.last.key_count, ALGORITHMS.length, 'those at hand serve on');
  });

  test('a flush drops keys and verdicts in every worker, at once', async (t) => {
    const { gw, provider } = await start(t, { workers: 2 });
    const [old, cached] = [await provider.token('ES256'), await provider.token('RS256')];
    for (let i = 0; i < 20; i++) await passes(gw, cached, NEW_CONNECTION); // over both workers
    for (let i = 0; i < 20; i++) await passes(gw, old, NEW_CONNECTION);
    provider.rotate('ES256', { drop: true });
    await passes(gw, old);

    const before = provider.counts.jwks;
    const answer = await flush(gw, 'remote');
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json, { issuer: 'remote', flushed: 3 }, 'two workers and the admin listener');
    for (let i = 0; i < 20; i++) await refuses(gw, old, NEW_CONNECTION);
    for (let i = 0; i < 20; i++) await passes(gw, cached, NEW_CONNECTION);
    assert.ok(provider.counts.jwks >= before + 2, 'each worker has fetched anew');
    assert.equal(logged(gw, /issuer remote: its keys were flushed/), 2);
    const { remote } = await list(gw);
    assert.deepEqual(remote.workers.map((each) => each.flushes), [1, 1, 1]);
  });

  test('after a flush nothing is served from the old set, even if the issuer is away', async (t) => {
    const { gw, provider } = await start(t);
    const token = await provider.token();
    await passes(gw, token);
    await provider.stop();
    await passes(gw, token);
    assert.equal((await flush(gw, 'remote')).status, 200);
    for (let i = 0; i < 3; i++) assertProblem(await ask(gw, token), 503);
    assert.equal((await list(gw)).remote.workers[0].key_count, 0);
    await provider.listen();
    await eventually(async () => (await ask(gw, token)).status === 200, 'it is back', 15_000);
  });

  test('requests that come during a flush\'s fetch wait for it, and none is refused', async (t) => {
    const { gw, provider } = await start(t);
    const token = await provider.token();
    await passes(gw, token);
    provider.delayMs = 300;
    await flush(gw, 'remote');
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask(gw, token)));
    assert.deepEqual(answers.map((answer) => answer.status), [200, 200, 200, 200]);
    assert.equal(provider.counts.jwks, 2);
  });

  test('a flush breaks off a fetch that may bring what was true before', async (t) => {
    const { gw, provider } = await start(t, { issuer: { discovery: true } });
    const old = await provider.token('ES256');
    await passes(gw, old);
    provider.lagMs = 500; // the answer shows the keys of the moment it was asked for
    const waits = ask(gw, withRandomKid(old));
    const before = provider.counts.jwks;
    await eventually(() => provider.counts.jwks > before, 'a fetch is under way');
    provider.rotate('ES256', { drop: true });
    provider.lagMs = 0;
    assert.equal((await flush(gw, 'remote')).status, 200);
    await refuses(gw, old);
    assert.equal((await waits).status, 401);
    await new Promise((resolve) => setTimeout(resolve, 700)); // the old answer would have come by now
    await refuses(gw, old);
  });

  test('of an issuer with a file, the verdicts are dropped', async (t) => {
    const { gw } = await start(t);
    const token = gw.token();
    const misses = () => metric(gw, 'millgate_jwt_cache_misses_total');
    await passes(gw, token);
    await passes(gw, token);
    const before = await misses();
    await passes(gw, token);
    assert.equal(await misses(), before);
    const { json } = await flush(gw, 'dev');
    assert.equal(json.flushed, 2, 'the worker, and the admin listener itself');
    await passes(gw, token);
    assert.ok((await misses()) > before);
  });

  test('only an administrator may, by the right method, and an issuer that there is', async (t) => {
    const { gw } = await start(t);
    await isRefused(flush(gw, 'nobody'), 404);
    await isRefused(flush(gw, 'remote', { method: 'GET', body: undefined, headers: {} }), 405);
    await isRefused(flush(gw, 'remote', { headers: {} }), 415);
    const headers = { ...JSON_TYPE, authorization: `Bearer ${gw.token()}` };
    await isRefused(flush(gw, 'remote', { headers }), 403);
    const anonymous = { port: gw.adminPort, method: 'POST', path: '/issuers/remote/flush', headers: JSON_TYPE };
    await isRefused(send({ ...anonymous, body: '{}' }), 401);
    await isRefused(send({ port: gw.adminPort, path: '/issuers' }), 401);
  });

  test('a flush stands in the audit', async (t) => {
    const { gw } = await start(t);
    assert.equal((await flush(gw, 'remote')).status, 200);
    await isRefused(flush(gw, 'nobody'), 404);
    const { json } = await gw.admin('/audit');
    const lines = readFileSync(json.file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const acts = lines.filter((line) => line.act === 'issuer.flush').map((line) => line.outcome);
    assert.deepEqual(acts, ['begun', 'done', 'begun', 'refused']);
  });

  test('metrics tell keys and their time by issuer and worker', async (t) => {
    const { gw, provider } = await start(t);
    await passes(gw, await provider.token());
    assert.equal(await metric(gw, 'millgate_jwt_keys{issuer="remote",worker="0"}'), ALGORITHMS.length);
    const at = await metric(gw, 'millgate_jwt_keys_confirmed_timestamp_seconds{issuer="remote",worker="0"}');
    assert.ok(Math.abs(at - Date.now() / 1000) < 30, `${at}`);
    assert.equal(await metric(gw, 'millgate_jwt_key_fetches_total{issuer="remote",result="changed"}'), 1);
  });

  test('a reload of another issuer or policy keeps verified tokens', async (t) => {
    const { gw, provider } = await start(t);
    const [own, remote] = [gw.token(), await provider.token()];
    await passes(gw, own);
    await passes(gw, remote);
    const misses = () => metric(gw, 'millgate_jwt_cache_misses_total');
    const change = async (what, apply) => {
      gw.rewriteConfig(apply);
      assert.equal((await gw.reload()).status, 200, what);
    };
    const jwtOf = (config) => config.policies.find((each) => each.jwt).jwt;

    await change('another policy', (config) => (config.policies.find((each) => each.rate_limit).rate_limit = {
      redis_timeout: '1s',
    }));
    let before = await misses();
    await passes(gw, remote);
    await passes(gw, own);
    assert.equal((await misses()) - before, 0, 'another policy');

    await change('another option', (config) => (jwtOf(config).realm = 'other'));
    before = await misses();
    await passes(gw, remote);
    await passes(gw, own);
    assert.equal((await misses()) - before, 0, 'the realm');

    await change('another issuer', (config) => (config.issuers.remote.leeway = '5s'));
    before = await misses();
    await passes(gw, own);
    assert.equal((await misses()) - before, 0, 'the issuer that is unchanged');
    await passes(gw, remote);
    assert.equal((await misses()) - before, 1, 'the issuer that has changed');

    await change('a new issuer', (config) => (config.issuers.third = {
      ...config.issuers.remote, issuer: `${provider.issuer}/third`,
    }));
    before = await misses();
    await passes(gw, own);
    await passes(gw, remote);
    assert.equal((await misses()) - before, 0, 'both');
  });
});
