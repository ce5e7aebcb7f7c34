// A write with an Idempotency-Key takes effect once: a backend that counts, real gateways, real Redis.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { startRedis } from '../rigs/redis.mjs';
import { assertProblem, eventually, makeFolder, startGateway } from './support/harness.mjs';
import { configOf, order, ROOT, sf, Shop, shopContract, start, typeOf } from './support/shop.mjs';

describe('idempotency', () => {
  test('a second request with the key gets the first answer, byte for byte', async (t) => {
    const { gw, shop } = await start(t, { options: { headers: ['X-Kept'] } });
    const key = sf(randomUUID());
    const first = await order(gw, key);
    assert.equal(first.status, 201);
    assert.equal(first.headers['idempotency-replayed'], undefined);
    assert.equal(first.headers['set-cookie']?.[0], 'session=secret');
    const second = await order(gw, key);
    assert.equal(shop.executions.length, 1);
    assert.equal(second.status, 201);
    assert.deepEqual(second.bytes, first.bytes);
    for (const name of ['content-type', 'location', 'etag', 'x-kept']) assert.equal(second.headers[name], first.headers[name]);
    assert.equal(second.headers['idempotency-replayed'], 'true');
    assert.equal(second.headers['set-cookie'], undefined);
    assert.notEqual(second.headers['x-request-id'], first.headers['x-request-id']);
    await eventually(() => gw.accessLog().filter((line) => line.idempotency_key === key.slice(1, -1)).length === 2, 'the log');
  });

  test('a key is a quoted string; where it must be given, it must', async (t) => {
    const { gw, shop } = await start(t, { options: { documentation: 'https://docs.example.test/keys' } });
    for (const bad of ['bare-key', '"open', '""', '"a" "b"', '"a", "b"', '"\\x"', `"${'k'.repeat(256)}"`]) {
      const answer = await order(gw, bad);
      assert.match(assertProblem(answer, 400).type, /idempotency-key-invalid/, bad);
    }
    assert.equal(assertProblem(await order(gw, ['"a"', '"b"']), 400).type, '/problems/idempotency-key-invalid');
    const missing = await order(gw, undefined, { path: '/must' });
    assert.match(assertProblem(missing, 400).type, /idempotency-key-missing/);
    assert.equal(missing.headers.link, '<https://docs.example.test/keys>; rel="describedby"');
    assert.equal((await order(gw, undefined, { path: '/wanted', method: 'PUT' })).status, 400);
    assert.equal(shop.requests.length, 0);
    assert.equal((await order(gw, undefined)).status, 201);
    assert.equal((await order(gw, '"with parameters";a=1;b="x"', { path: '/must' })).status, 201);
    assert.equal((await order(gw, 'whatever', { path: '/never' })).status, 201);
    assert.equal((await order(gw, 'whatever', { method: 'PUT' })).status, 201);
  });

  test('lenient: a bare UUID is a key', async (t) => {
    const { gw, shop } = await start(t, { options: { lenient: true } });
    const key = randomUUID();
    await order(gw, key);
    assert.equal((await order(gw, sf(key))).headers['idempotency-replayed'], 'true');
    assert.equal((await order(gw, 'a b')).status, 400);
    assert.equal(shop.executions.length, 1);
  });

  test('another body, query or media type under the key: 422; another consumer or operation: another key', async (t) => {
    const { gw, shop } = await start(t);
    const key = sf('order-1');
    assert.equal((await order(gw, key)).status, 201);
    for (const options of [{ body: { n: 2 } }, { path: '/orders?do=create' }, { headers: { 'content-type': 'text/plain' } }]) {
      const answer = await order(gw, key, options);
      assert.match(assertProblem(answer, 422).type, /idempotency-key-reused/);
    }
    assert.equal(shop.executions.length, 1);
    assert.equal((await order(gw, key, { path: '/must' })).status, 201);
    const other = { authorization: `Bearer ${gw.token({ sub: 'another' })}` };
    assert.equal((await order(gw, key, { headers: other })).headers['idempotency-replayed'], undefined);
    assert.equal(shop.executions.length, 3);
  });

  test('while the first is under way: 409 with Retry-After', async (t) => {
    const { gw, shop } = await start(t);
    const key = sf(randomUUID());
    const first = order(gw, key, { path: '/orders?do=hold' });
    await eventually(() => shop.held.length === 1, 'the first is at the shop');
    const second = await order(gw, key, { path: '/orders?do=hold' });
    assert.match(assertProblem(second, 409).type, /request-in-flight/);
    assert.equal(second.headers['retry-after'], '1');
    shop.release();
    const answer = await first;
    assert.equal(answer.status, 201);
    assert.deepEqual((await order(gw, key, { path: '/orders?do=hold' })).bytes, answer.bytes);
    assert.equal(shop.executions.length, 1);
  });

  test('two gateways race fifty times on one key: one execution', async (t) => {
    const { gateways, shop } = await start(t, { gateways: 2 });
    const key = sf(randomUUID());
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => order(gateways[i % 2], key)));
    assert.equal(shop.executions.length, 1);
    assert.ok(answers.every(({ status }) => status === 201 || status === 409), answers.map((a) => a.status).join());
    const bodies = new Set(answers.filter((a) => a.status === 201).map((a) => a.text));
    assert.equal(bodies.size, 1);
  });

  test('what the backend did not execute may be tried again at once', async (t) => {
    const { gw, shop } = await start(t);
    for (const what of ['refuse', 'throttle']) {
      const key = sf(randomUUID());
      shop.next = what;
      assert.ok([503, 429].includes((await order(gw, key)).status));
      shop.next = undefined;
      assert.equal((await order(gw, key)).status, 201);
    }
    assert.equal(shop.executions.length, 2);
  });

  test('a backend that is not there: the key is free again', async (t) => {
    const { gw, shop } = await start(t);
    const key = sf(randomUUID());
    const { port } = shop.server.address();
    await shop.stop();
    assert.equal((await order(gw, key)).status, 502);
    shop.server.listen(port, '127.0.0.1');
    await once(shop.server, 'listening');
    assert.equal((await order(gw, key)).status, 201);
    assert.equal(shop.executions.length, 1);
  });

  test('a refusal of the backend is an answer, too', async (t) => {
    const { gw, shop } = await start(t);
    const key = sf(randomUUID());
    const options = { path: '/orders?do=missing' };
    assert.equal((await order(gw, key, options)).status, 404);
    const second = await order(gw, key, options);
    assert.equal(second.status, 404);
    assert.equal(second.text, 'none');
    assert.equal(second.headers['idempotency-replayed'], 'true');
    assert.equal(shop.requests.length, 1);
  });

  for (const [what, first] of [['die', 502], ['fail', 500], ['half', 502]]) {
    test(`outcome unknown (${what}): class D is not sent again`, async (t) => {
      const { gw, shop } = await start(t);
      const key = sf(randomUUID());
      assert.equal((await order(gw, key, { path: `/orders?do=${what}` })).status, first);
      const again = await order(gw, key, { path: `/orders?do=${what}` });
      assert.match(assertProblem(again, 409).type, /outcome-unknown/);
      assert.equal(shop.requests.length, 1);
    });
  }

  test('outcome unknown: class A is sent again under the same key, which is not the caller\'s', async (t) => {
    const { gw, shop } = await start(t, { effects: { class: 'A' } });
    const key = sf(randomUUID());
    shop.next = 'die';
    assert.equal((await order(gw, key)).status, 502);
    shop.next = undefined;
    const again = await order(gw, key);
    assert.equal(again.status, 201);
    assert.equal(shop.requests.length, 2);
    assert.equal(shop.effects.size, 1); // the shop would have known it
    assert.match(shop.requests[0].key, /^"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"$/);
    assert.notEqual(shop.requests[0].key, key);
    assert.deepEqual((await order(gw, key)).bytes, again.bytes);
  });

  test('kill -9 between send and answer: D is not sent again, A is, under the same key', async (t) => {
    for (const effects of [undefined, { class: 'A', key_header: 'Idempotency-Key' }]) {
      const { gateways: [one, two], shop } = await start(t, { gateways: 2, effects, options: { claim: '2s' } });
      const key = sf(randomUUID());
      shop.next = 'hold';
      order(one, key).catch(() => {});
      await eventually(() => shop.held.length === 1, 'the first is at the shop');
      await one.kill();
      shop.next = undefined;
      const at = await order(two, key);
      assert.equal(at.status, 409, at.text);
      const last = await eventually(async () => {
        const answer = await order(two, key);
        return typeOf(answer) !== 'request-in-flight' && answer;
      }, 'the claim has run out');
      assert.equal(last.status, effects ? 201 : 409);
      if (!effects) assert.equal(typeOf(last), 'outcome-unknown');
      assert.equal(shop.requests.length, effects ? 2 : 1);
      if (effects) assert.equal(shop.effects.size, 1);
    }
  });

  for (const leaves of ['destroy', 'resetAndDestroy']) {
    test(`the client leaves (${leaves}): the request goes on, and its answer is kept`, async (t) => {
      const { gw, shop } = await start(t);
      const key = sf(randomUUID());
      shop.next = 'hold';
      const request = http.request({
        host: '127.0.0.1', port: gw.port, method: 'POST', path: `${ROOT}/orders`,
        headers: { ...gw.bearer, 'content-type': 'application/json', 'idempotency-key': key },
      });
      request.on('error', () => {});
      request.end(JSON.stringify({ n: 1 }));
      await eventually(() => shop.held.length === 1, 'it is at the shop');
      (leaves === 'destroy' ? request : request.socket)[leaves]();
      await new Promise((resolve) => setTimeout(resolve, 600));
      shop.release();
      shop.next = undefined;
      const answer = await eventually(async () => {
        const again = await order(gw, key);
        return again.status !== 409 && again;
      }, 'the answer is there');
      assert.equal(answer.headers['idempotency-replayed'], 'true');
      assert.equal(answer.status, 201);
      assert.equal(shop.requests.length, 1);
      await eventually(() => gw.accessLog().some((line) => line.aborted && line.upstream_status === 201), 'the log tells');
    });
  }

  test('large and chunked: kept if it fits, else told', async (t) => {
    const { gw, shop } = await start(t, { options: { max_body: '64KiB' } });
    const chunked = await order(gw, '"chunked"', { path: '/orders?do=chunked' });
    assert.equal(chunked.text, 'part '.repeat(5));
    assert.deepEqual((await order(gw, '"chunked"', { path: '/orders?do=chunked' })).bytes, chunked.bytes);
    for (const what of ['large', 'large-chunked']) {
      const first = await order(gw, sf(what), { path: `/orders?do=${what}` });
      assert.equal(first.status, 201);
      assert.equal(first.bytes.length, what === 'large' ? 300 * 1024 : 600 * 1024);
      assert.match(assertProblem(await order(gw, sf(what), { path: `/orders?do=${what}` }), 409).type, /answer-not-kept/);
    }
    assert.equal(shop.requests.length, 3);
    const big = 'b'.repeat(70 * 1024);
    assertProblem(await order(gw, '"big"', { body: big }), 413);
    assert.equal((await order(gw, undefined, { body: big })).status, 201);
    const upload = { headers: { 'transfer-encoding': 'chunked' }, body: 'c'.repeat(60 * 1024) };
    assert.equal((await order(gw, '"upload"', upload)).status, 201);
    assert.equal((await order(gw, '"upload"', { body: upload.body })).headers['idempotency-replayed'], 'true');
  });

  test('a key is forgotten after its time', async (t) => {
    const { gw, shop } = await start(t, { options: { ttl: '2s', claim: '1s' } });
    await order(gw, '"short"');
    assert.equal((await order(gw, '"short"')).headers['idempotency-replayed'], 'true');
    await eventually(async () => (await order(gw, '"short"')).headers['idempotency-replayed'] === undefined, 'it is forgotten');
    assert.equal(shop.executions.length, 2);
  });

  test('Redis away before: 503 and nothing is sent; without a key all goes on', async (t) => {
    const { gw, shop, redis } = await start(t, { options: { redis_timeout: '250ms' } });
    await order(gw, '"before"');
    await redis.stop('SIGKILL');
    const refused = await order(gw, '"away"');
    assertProblem(refused, 503);
    assert.ok(refused.headers['retry-after']);
    assert.equal((await order(gw, undefined)).status, 201);
    assert.equal(shop.executions.length, 2);
    await redis.start();
    const answer = await eventually(async () => {
      const again = await order(gw, '"away"');
      return again.status === 201 && again;
    }, 'Redis is back');
    assert.equal(answer.headers['idempotency-replayed'], undefined);
    assert.equal(shop.executions.length, 3);
  });

  test('Redis stopped in its tracks while it claims: nothing is sent, and the key is free again', async (t) => {
    const { gw, shop, redis } = await start(t, { options: { redis_timeout: '250ms' } });
    await order(gw, '"before"');
    redis.process.kill('SIGSTOP');
    const refused = await order(gw, '"stopped"');
    redis.process.kill('SIGCONT');
    assertProblem(refused, 503);
    assert.equal(shop.executions.length, 1);
    await eventually(async () => (await order(gw, '"stopped"')).status === 201, 'the claim was taken back', 20_000);
    assert.equal(shop.executions.length, 2);
  });

  test('Redis away between send and answer: 503, then the kept answer; never twice', async (t) => {
    const { gw, shop, redis } = await start(t, { options: { redis_timeout: '250ms' } });
    const key = sf(randomUUID());
    shop.next = 'hold';
    const first = order(gw, key);
    await eventually(() => shop.held.length === 1, 'it is at the shop');
    await redis.stop('SIGKILL');
    shop.release();
    const answer = await first;
    assert.match(assertProblem(answer, 503).type, /outcome-not-recorded/);
    assert.ok(answer.headers['retry-after']);
    assert.equal((await order(gw, key)).status, 503);
    await redis.start();
    const kept = await eventually(async () => {
      const again = await order(gw, key);
      assert.ok([201, 409, 503].includes(again.status), again.text);
      return again.status === 201 && again;
    }, 'the answer was written late', 20_000);
    assert.equal(kept.headers['idempotency-replayed'], 'true');
    assert.equal(shop.executions.length, 1);
  });

  test('Redis is full: 503, nothing is sent; full between: the answer is written when there is room', async (t) => {
    const { gw, shop, redis } = await start(t);
    await order(gw, '"before"');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    assertProblem(await order(gw, '"full"'), 503);
    assert.equal(shop.executions.length, 1);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    shop.next = 'hold';
    const first = order(gw, '"full"');
    await eventually(() => shop.held.length === 1, 'it is at the shop');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    shop.release();
    assertProblem(await first, 503);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    const kept = await eventually(async () => {
      const again = await order(gw, '"full"');
      return again.status === 201 && again;
    }, 'the answer was written late', 20_000);
    assert.equal(kept.headers['idempotency-replayed'], 'true');
    assert.equal(shop.executions.length, 2);
  });

  test('too few replicas confirm the claim: nothing is sent, and the claim is taken back', async (t) => {
    const shop = await new Shop().start();
    t.after(() => shop.stop());
    const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
    t.after(() => redis.stop('SIGKILL'));
    const config = configOf(shop, { redis: redis.url });
    config.extra = { redis: { url: redis.url, min_replicas: 1, replica_timeout: '100ms' } };
    const gw = await startGateway(t, { peer: null, contracts: { 'shop.v1.yaml': shopContract() }, config });
    assertProblem(await order(gw, '"alone"'), 503);
    assert.equal(shop.executions.length, 0);
    await eventually(async () => !(await redis.command('KEYS', '*')).includes('millgate:idem'), 'it is taken back');
    const replica = await startRedis({ dir: join(makeFolder(), 'redis'), settings: ['--replicaof', '127.0.0.1', String(redis.port)] });
    t.after(() => replica.stop('SIGKILL'));
    await eventually(async () => (await order(gw, '"alone"')).status === 201, 'the replica is there', 20_000);
    assert.match(await replica.command('KEYS', '*'), /millgate:idem/);
    assert.equal(shop.executions.length, 1);
  });

  test('operations look at a key, and settle an unknown outcome', async (t) => {
    const { gw, shop } = await start(t);
    const look = (key, operation = 'create-order') => gw.admin(`/idempotency?${new URLSearchParams({
      consumer: 'dev:tester', operation, key }).toString().replaceAll('+', '%20')}`);
    const resolve = (key, outcome) => gw.admin('/idempotency/resolve', {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ consumer: 'dev:tester', operation: `POST ${ROOT}/orders`, key, outcome }),
    });
    assert.equal((await look('none')).status, 404);
    assert.equal((await look('none', 'no-such')).status, 400);
    await order(gw, '"good"');
    const known = (await look('good')).json;
    assert.equal(known.state, 'answered');
    assert.equal(known.backend, 'shop');
    assert.equal((await resolve('good', 'executed')).status, 409);
    assert.equal((await resolve('none', 'executed')).status, 404);
    shop.next = 'die';
    for (const key of ['did', 'did-not']) {
      assert.equal((await order(gw, sf(key))).status, 502);
      const { state, attempts, request_id: id } = (await look(key, `POST ${ROOT}/orders`)).json;
      assert.deepEqual({ state, attempts }, { state: 'unknown', attempts: 1 });
      await eventually(() => gw.accessLog().some((line) => line.request_id === id), 'the log has its request');
    }
    shop.next = undefined;
    assert.equal((await resolve('did', 'executed')).status, 204);
    assert.equal((await resolve('did-not', 'not-executed')).status, 204);
    assert.equal(typeOf(await order(gw, '"did"')), 'already-executed');
    assert.equal((await order(gw, '"did-not"')).status, 201);
    assert.equal(shop.executions.length, 4);
    const bad = await gw.admin('/idempotency', { headers: { authorization: 'Bearer none' } });
    assert.equal(bad.status, 401);
  });

  test('class A with a field of its own, bare', async (t) => {
    const { gw, shop } = await start(t, { effects: { class: 'A', key_header: 'Repeatability-Request-ID', bare_key: true } });
    await order(gw, '"mine"', { headers: { 'repeatability-request-id': 'forged' } });
    const { headers } = shop.requests[0];
    assert.match(headers['repeatability-request-id'], /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(headers['idempotency-key'], undefined);
    await order(gw, '"mine"', { headers: { authorization: `Bearer ${gw.token({ sub: 'another' })}` } });
    assert.notEqual(shop.requests[1].headers['repeatability-request-id'], headers['repeatability-request-id']);
  });

  test('class A and a retry of the gateway: the caller sees one answer', async (t) => {
    const { gw, shop } = await start(t, { effects: { class: 'A' }, backend: { retry: { attempts: 3, on: ['reset'], budget: 100 } } });
    shop.next = 'die-once';
    const first = await order(gw, '"again"');
    assert.equal(first.status, 201);
    assert.equal(shop.requests.length, 2);
    assert.equal(shop.effects.size, 1);
    assert.deepEqual((await order(gw, '"again"')).bytes, first.bytes);
  });

  test('class D is not retried, nor is a request without a key', async (t) => {
    const { gw, shop } = await start(t, { backend: { retry: { attempts: 3, on: ['reset'], budget: 100 } } });
    shop.next = 'die';
    assert.equal((await order(gw, '"once"')).status, 502);
    assert.equal((await order(gw, undefined)).status, 502);
    assert.equal(shop.requests.length, 2);
  });

  test('it is counted', async (t) => {
    const { gw } = await start(t);
    await order(gw, '"one"');
    await order(gw, '"one"');
    await order(gw, '"one"', { body: { n: 2 } });
    const text = (await gw.admin('/metrics')).text;
    for (const result of ['answered', 'replayed', 'reused'])
      assert.match(text, new RegExp(`^millgate_idempotency_requests_total\\{result="${result}"\\} 1$`, 'm'));
  });
});
