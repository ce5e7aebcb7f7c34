// Answers that are kept by two gateways: purged for both, and shared in Redis.

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { at, begin, contract, startBackend } from './support/cache.mjs';
import { PATIENT } from './support/config.mjs';
import { eventually, send, startGateway } from './support/harness.mjs';
import { change, redisFor } from './support/records.mjs';
import { Issuer } from './support/tokens.mjs';

describe('two gateways', () => {
  async function pair(t, options = {}) {
    const redis = await redisFor(t);
    const backend = await startBackend();
    t.after(() => backend.stop());
    const issuer = new Issuer();
    const start = () => startGateway(t, {
      peer: backend, issuer, contracts: contract(),
      config: { policies: [...PATIENT, { cache: options }], redis: redis.url, workers: 2 },
    });
    const gateways = [await start(), await start()];
    return { redis, backend, gateways };
  }

  /** Asks until every worker has it: each new connection may be another's. */
  async function warm(gw, path) {
    for (let hits = 0, i = 0; hits < 8 && i < 200; i++)
      hits = /hit/.test((await gw.get(at(path), { agent: new http.Agent() })).headers['cache-status']) ? hits + 1 : 0;
  }

  const isForgotten = async (gw, path) => /fwd=/.test((await gw.get(at(path), { agent: new http.Agent() })).headers['cache-status']);

  test('a purge by tag reaches both', async (t) => {
    const { backend, gateways } = await pair(t);
    for (const path of ['/shared/a', '/shared/b', '/own/c'])
      backend.answers.set(path, () => ({ headers: { 'cache-control': 'public, max-age=600', 'cache-tag': 'given, other', 'surrogate-key': 'one two' } }));
    for (const gw of gateways) for (const path of ['shared/a', 'shared/b', 'own/c']) await warm(gw, path);
    const kept = await gateways[0].get(at('shared/a'));
    assert.equal(kept.headers['cache-tag'] ?? kept.headers['surrogate-key'], undefined);

    const answer = await change(gateways[0], 'POST', '/cache/purge', { tags: ['shared:a'] });
    assert.equal(answer.status, 202, answer.text);
    const before = backend.count('/shared/b') + backend.count('/own/c');
    for (const gw of gateways) await eventually(() => isForgotten(gw, 'shared/a'), 'a is forgotten');
    for (const gw of gateways) for (const path of ['shared/b', 'own/c']) await warm(gw, path);
    assert.equal(backend.count('/shared/b') + backend.count('/own/c'), before);

    await sleep(600); // as long as a purge may take to be known
    for (const [tag, path] of [['shared', 'shared/b'], ['given', 'own/c'], ['two', 'own/c']]) {
      for (const gw of gateways) await warm(gw, path);
      const asked = backend.count(`/${path}`);
      await change(gateways[1], 'POST', '/cache/purge', { tags: [tag] });
      await sleep(1000);
      for (const gw of gateways) await warm(gw, path);
      assert.ok(backend.count(`/${path}`) >= asked + 2, tag); // each gateway has asked again
    }
    await change(gateways[1], 'POST', '/cache/purge', { all: true });
    await sleep(1000);
    for (const gw of gateways) assert.ok(await isForgotten(gw, 'own/c'));
    for (const body of [{}, { tags: [], all: false }, { tags: ['a'], all: true }, { tags: 'a' }])
      assert.equal((await change(gateways[0], 'POST', '/cache/purge', body)).status, 400);
    assert.equal((await send({ port: gateways[0].adminPort, method: 'POST', path: '/cache/purge', body: '{"all":true}', headers: { 'content-type': 'application/json' } })).status, 401);
  });

  test('a change at one is known at the other', async (t) => {
    const { gateways } = await pair(t);
    for (const gw of gateways) await warm(gw, 'own/item');
    await gateways[0].post(at('own/item'), {});
    for (const gw of gateways) await eventually(() => isForgotten(gw, 'own/item'), 'it is forgotten');
  });

  test('without Redis each keeps its own; what was changed meanwhile is made good', async (t) => {
    const { redis, gateways } = await pair(t);
    for (const gw of gateways) await warm(gw, 'own/item');
    await redis.stop('SIGKILL');
    for (const gw of gateways) assert.match((await gw.get(at('own/other'))).headers['cache-status'], /miss; stored/);
    for (const gw of gateways) await warm(gw, 'own/item');
    assert.equal((await gateways[0].post(at('own/item'), {})).status, 200);
    assert.equal((await change(gateways[0], 'POST', '/cache/purge', { all: true })).status, 503);
    await redis.start();
    for (const gw of gateways) await eventually(() => isForgotten(gw, 'own/item'), 'it is forgotten');
  });

  const SECOND = { redis_bytes: '8MiB', redis_timeout: '1s' };

  test('what one has fetched, the other has in Redis', async (t) => {
    const { redis, backend, gateways: [one, two] } = await pair(t, SECOND);
    for (const gw of [one, two]) await begin(gw);
    backend.answers.set('/own/second', (request) => ({
      headers: { 'cache-control': 'max-age=60', vary: 'accept-language', etag: '"v1"' },
      body: `${request.headers['accept-language']} ${backend.count('/own/second')}`,
    }));
    const get = (gw, who, language) => gw.get(at('own/second'), {
      headers: { authorization: `Bearer ${(tokens[who] ??= one.token({ sub: who }))}`, 'accept-language': language, host: 'api.example.test' },
    });
    const tokens = {};
    const first = await get(one, 'ann', 'de');
    assert.equal(first.text, 'de 1');
    await eventually(async () => (await redis.command('DBSIZE')) !== ':0', 'it is in Redis');
    await sleep(200);
    const second = await get(two, 'ann', 'de');
    assert.equal(second.text, 'de 1');
    assert.match(second.headers['cache-status'], /hit/);
    assert.equal(second.headers.etag, '"v1"');
    assert.match(second.headers.age, /^\d+$/);
    assert.equal(backend.count('/own/second'), 1);
    assert.equal((await get(two, 'ann', 'en')).text, 'en 2'); // another variant
    assert.equal((await get(two, 'bob', 'de')).text, 'de 3'); // another consumer
    assert.match((await two.admin('/metrics')).text, /^millgate_cache_redis_hits_total [1-9]/m);

    assert.equal((await change(one, 'POST', '/cache/purge', { all: true })).status, 202);
    await sleep(1000);
    for (const gw of [one, two]) {
      assert.equal((await get(gw, 'ann', 'de')).text, 'de 4'); // from the backend, then from Redis
      await sleep(500); // it is written behind the answer
    }
  });

  test('a change makes what lies in Redis unusable, too', async (t) => {
    const { redis, backend, gateways: [one, two] } = await pair(t, SECOND);
    for (const gw of [one, two]) await begin(gw);
    const headers = { host: 'api.example.test', authorization: one.bearer.authorization };
    const get = (gw) => gw.get(at('own/item'), { headers });
    const before = await redis.command('DBSIZE');
    assert.match((await get(one)).headers['cache-status'], /stored/);
    await eventually(async () => (await redis.command('DBSIZE')) !== before, 'it is in Redis');
    await two.post(at('own/item'), {}, { headers });
    const asked = backend.count('/own/item');
    assert.match((await get(two)).headers['cache-status'], /fwd=miss/);
    await eventually(async () => /fwd=|collapsed/.test((await get(one)).headers['cache-status']) || backend.count('/own/item') > asked, 'the other knows');
    assert.ok(backend.count('/own/item') > asked);
  });

  test('a Redis that does not answer only costs its time', async (t) => {
    const { redis, gateways: [one] } = await pair(t, { redis_bytes: '8MiB' });
    await begin(one);
    redis.process.kill('SIGSTOP');
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => one.get(at(`own/stopped-${i % 10}`))));
    redis.process.kill('SIGCONT');
    for (const answer of answers) assert.equal(answer.status, 200);
  });
});
