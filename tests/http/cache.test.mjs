// Answers that are kept: fresh ones, nobody else's, and not for longer than they may be.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { at, begin, contract, POLICIES, startBackend } from './support/cache.mjs';
import { assertProblem, eventually, startGateway, suiteScope } from './support/harness.mjs';

describe('cache', () => {
  const suite = suiteScope();
  let backend, gw;
  before(async () => {
    backend = await startBackend();
    suite.after(() => backend.stop());
    gw = await startGateway(suite, { peer: backend, contracts: contract(), config: { policies: POLICIES } });
    await begin(gw);
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

  test('nor one with other scopes, or another token', async () => {
    const one = { authorization: `Bearer ${gw.token({ sub: 'eve', scope: 'peer:use' })}` };
    const two = { authorization: `Bearer ${gw.token({ sub: 'eve', scope: 'peer:use peer:more' })}` };
    const texts = [];
    for (const headers of [one, two, one, two]) texts.push((await gw.get(at('own/scopes'), { headers })).text);
    assert.equal(texts[0], texts[2]);
    assert.equal(texts[1], texts[3]);
    assert.notEqual(texts[0], texts[1]);
  });

  test('nor one without a good token', async () => {
    assert.equal((await gw.get(at('shared/guarded'))).status, 200);
    for (const authorization of [null, 'Bearer x', `Bearer ${gw.token({ scope: 'peer:none' })}`]) {
      const answer = await gw.get(at('shared/guarded'), { headers: { authorization } });
      assert.ok([401, 403].includes(answer.status), String(answer.status));
    }
  });

  test('many consumers at once, each with an answer that takes a while: nobody gets another\'s', async () => {
    backend.answers.set('/own/busy', (request, response) => {
      setTimeout(() => {
        response.writeHead(200, { 'cache-control': 'max-age=60' });
        response.end(`${backend.hits.indexOf(request)}`);
      }, 50);
    });
    const people = Array.from({ length: 12 }, (_, i) => `busy-${i}`);
    const asked = [...people, ...people, ...people, ...people];
    const answers = await Promise.all(asked.map((who) => gw.get(at('own/busy'), { headers: as(who) })));
    const owners = new Map();
    answers.forEach((answer, i) => {
      assert.equal(owners.get(answer.text) ?? asked[i], asked[i]);
      owners.set(answer.text, asked[i]);
    });
    assert.equal(backend.count('/own/busy'), people.length);
  });

  test('a shared answer serves all, if it says that it may', async () => {
    backend.answers.set('/shared/public', () => ({ headers: { 'cache-control': 'public, max-age=60' } }));
    const one = await gw.get(at('shared/public'), { headers: as('ann') });
    const two = await gw.get(at('shared/public'), { headers: as('bob') });
    assert.equal(one.text, two.text);
    for (const control of ['max-age=60', 'private, max-age=60', 'private="x", s-maxage=60']) {
      backend.answers.set('/shared/not', () => ({ headers: { 'cache-control': control } }));
      const texts = new Set();
      for (const who of ['ann', 'bob', 'ann']) texts.add((await gw.get(at('shared/not'), { headers: as(who) })).text);
      assert.equal(texts.size, 3, control);
    }
  });

  test('a field that nobody thought of makes an answer of its own', async () => {
    backend.answers.set('/shared/poison', (request) => ({
      headers: { 'cache-control': 'public, max-age=60' },
      body: JSON.stringify([request.headers['x-original-url'], request.headers['x-forwarded-host'], request.headers.cookie]),
    }));
    const bad = { 'x-original-url': '/admin', 'x-forwarded-host': 'evil.test', cookie: 'a=1' };
    assert.equal((await gw.get(at('shared/poison'), { headers: bad })).text, '["/admin",null,"a=1"]');
    const clean = await gw.get(at('shared/poison'), { headers: as('bob') });
    assert.equal(clean.text, '[null,null,null]');
    const host = await gw.get(at('shared/poison'), { headers: { host: 'evil.test' } });
    assert.match(host.headers['cache-status'], /fwd=miss/);
  });

  test('a query is part of what is asked for', async () => {
    const texts = new Set();
    for (const query of ['', '?a=1', '?a=2', '?a=1&b=1']) texts.add((await gw.get(at(`own/query${query}`))).text);
    assert.equal(texts.size, 4);
  });

  test('Vary tells answers apart', async () => {
    backend.answers.set('/own/vary', (request) => ({
      headers: { 'cache-control': 'max-age=60', vary: 'Accept-Language, Accept' },
      body: `${request.headers['accept-language']} ${backend.count('/own/vary')}`,
    }));
    const ask = async (language) => (await gw.get(at('own/vary'), { headers: { 'accept-language': language } })).text;
    assert.equal(await ask('de'), 'de 1');
    assert.equal(await ask('en'), 'en 2');
    assert.equal(await ask('de'), 'de 1');
    assert.equal(await ask('en, fr'), 'en, fr 3');
    assert.equal(await ask('en,fr'), 'en, fr 3');
    for (const vary of ['*', 'accept, *', 'Forwarded', 'X-Request-Id']) {
      backend.answers.set('/own/star', () => ({ headers: { 'cache-control': 'max-age=60', vary } }));
      const before = backend.count('/own/star');
      await gw.get(at('own/star'));
      await gw.get(at('own/star'));
      assert.equal(backend.count('/own/star'), before + 2, vary);
    }
  });

  test('what must not be kept is not', async () => {
    for (const headers of [{}, { 'cache-control': 'no-store' }, { 'cache-control': 'max-age=60', 'set-cookie': 'a=b' },
      { 'cache-control': 'max-age=0' }, { 'cache-control': 'max-age=x' }, { expires: '0' }, { 'cache-control': 'max-age=60, x="' }]) {
      backend.answers.set('/own/never', () => ({ headers }));
      const before = backend.count('/own/never');
      for (let i = 0; i < 3; i++) assert.equal((await gw.get(at('own/never'))).status, 200);
      assert.equal(backend.count('/own/never'), before + 3, JSON.stringify(headers));
    }
  });

  test('an answer that states nothing is kept as the contract says', async () => {
    backend.answers.set('/timed', () => ({ headers: {} }));
    assert.equal((await gw.get(at('timed'))).text, (await gw.get(at('timed'))).text);
    assert.equal(backend.count('/timed'), 1);
  });

  test('304 from what is kept', async () => {
    backend.answers.set('/own/tagged', (request) => ({
      headers: { 'cache-control': 'max-age=60', etag: '"v1"', 'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT' },
      body: String(request.headers['if-none-match']),
    }));
    const cold = await gw.get(at('own/tagged'), { headers: { 'if-none-match': '"v1"' } });
    assert.equal(cold.status, 304); // by us: the backend was asked for all of it
    for (const headers of [{ 'if-none-match': 'W/"v1"' }, { 'if-none-match': '"v0", "v1"' }, { 'if-none-match': '*' },
      { 'if-modified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' }]) {
      const answer = await gw.get(at('own/tagged'), { headers });
      assert.equal(answer.status, 304, JSON.stringify(headers));
      assert.equal(answer.text, '');
      assert.equal(answer.headers.etag, '"v1"');
      assert.equal(answer.headers['content-type'], undefined);
    }
    for (const headers of [{ 'if-none-match': '"v2"' }, { 'if-modified-since': 'Sat, 05 Nov 1994 08:49:37 GMT' },
      { 'if-none-match': '"v2"', 'if-modified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' }]) {
      const answer = await gw.get(at('own/tagged'), { headers });
      assert.equal(answer.status, 200, JSON.stringify(headers));
      assert.equal(answer.text, 'undefined');
    }
    assert.equal(backend.count('/own/tagged'), 1);
  });

  test('a stale answer is asked about, and freshened', async () => {
    backend.answers.set('/own/checked', (request) => {
      const isSame = request.headers['if-none-match'] === '"v1"';
      return { status: isSame ? 304 : 200, headers: { 'cache-control': 'no-cache', etag: '"v1"', 'x-round': String(backend.count('/own/checked')) }, body: isSame ? '' : 'v1' };
    });
    assert.equal((await gw.get(at('own/checked'))).text, 'v1');
    const second = await gw.get(at('own/checked'));
    assert.equal(second.status, 200);
    assert.equal(second.text, 'v1');
    assert.equal(second.headers['x-round'], '2');
    assert.match(second.headers['cache-status'], /fwd=stale; fwd-status=304/);
    const third = await gw.get(at('own/checked'), { headers: { 'if-none-match': '"v1"' } });
    assert.equal(third.status, 304);
    assert.equal(backend.last('/own/checked').headers['if-none-match'], '"v1"');
    backend.answers.set('/own/checked', () => ({ headers: { 'cache-control': 'no-store' }, body: 'v2' }));
    assert.equal((await gw.get(at('own/checked'))).text, 'v2');
    await gw.get(at('own/checked'));
    assert.equal(backend.last('/own/checked').headers['if-none-match'], undefined); // it was forgotten
  });

  test('an answer grows stale', async () => {
    backend.answers.set('/own/brief', () => ({ headers: { 'cache-control': 'max-age=1' } }));
    const first = await gw.get(at('own/brief'));
    await sleep(2100);
    assert.notEqual((await gw.get(at('own/brief'))).text, first.text);
  });

  test('what a caller says of caches counts', async () => {
    const get = (control) => gw.get(at('own/said'), { headers: { 'cache-control': control } });
    assertProblem(await get('only-if-cached'), 504);
    assert.equal(backend.count('/own/said'), 0);
    const first = await gw.get(at('own/said'));
    assert.equal((await get('only-if-cached')).text, first.text);
    assert.equal((await get('min-fresh=5')).text, first.text);
    const second = await get('no-cache');
    assert.notEqual(second.text, first.text);
    assert.equal((await gw.get(at('own/said'))).text, second.text);
    assert.notEqual((await get('max-age=0')).text, second.text);
    assert.notEqual((await get('no-store')).text, second.text);
    assert.match((await get('no-store')).headers['cache-status'], /fwd=bypass/);
  });

  test('HEAD has the head of what is kept; parts pass by', async () => {
    backend.answers.set('/own/head', () => ({ headers: { 'cache-control': 'max-age=60' }, body: 'x'.repeat(1234) }));
    const cold = await gw.request(at('own/head'), { method: 'HEAD' });
    assert.match(cold.headers['cache-status'], /^millgate; fwd=miss$/);
    assert.equal((await gw.get(at('own/head'))).text.length, 1234);
    const warm = await gw.request(at('own/head'), { method: 'HEAD' });
    assert.match(warm.headers['cache-status'], /hit/);
    assert.equal(warm.headers['content-length'], '1234');
    assert.equal(warm.text, '');
    const part = await gw.get(at('own/head'), { headers: { range: 'bytes=0-9' } });
    assert.match(part.headers['cache-status'], /bypass/);
    assert.equal(backend.last('/own/head').headers.range, 'bytes=0-9');
  });

  test('50 at once make one call', async () => {
    for (const size of [10, 200_000]) {
      const path = `/own/crowd-${size}`;
      backend.answers.set(path, (request, response) => {
        setTimeout(() => {
          response.writeHead(200, { 'cache-control': 'max-age=60' });
          response.write('x'.repeat(size / 2));
          setTimeout(() => response.end('x'.repeat(size / 2)), 100);
        }, 200);
      });
      const answers = await Promise.all(Array.from({ length: 50 }, () => gw.get(at(path.slice(1)))));
      for (const answer of answers) assert.equal(answer.text.length, size);
      assert.equal(backend.count(path), 1);
    }
  });

  test('those who wait do not wait for what cannot be kept', async () => {
    let isFirst = true;
    backend.answers.set('/own/crowded', (request, response) => {
      const wait = isFirst ? 300 : 0;
      isFirst = false;
      setTimeout(() => {
        response.writeHead(200, { 'cache-control': 'no-store' });
        response.end(String(backend.hits.indexOf(request)));
      }, wait);
    });
    const answers = await Promise.all(Array.from({ length: 20 }, () => gw.get(at('own/crowded'))));
    assert.equal(new Set(answers.map((answer) => answer.text)).size, 20);
    assert.equal(backend.count('/own/crowded'), 20);
  });

  test('when the first one leaves, another goes in its place', async () => {
    backend.answers.set('/own/left', (request, response) => {
      if (backend.count('/own/left') === 1) return; // the first gets nothing
      response.writeHead(200, { 'cache-control': 'max-age=60' });
      response.end('here');
    });
    const client = await gw.raw();
    client.send(`GET ${at('own/left')} HTTP/1.1\r\nHost: 127.0.0.1:${gw.port}\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n`);
    await eventually(() => backend.count('/own/left') === 1, 'the first is there');
    const others = Promise.all(Array.from({ length: 10 }, () => gw.get(at('own/left'), { headers: { host: `127.0.0.1:${gw.port}` } })));
    await sleep(300);
    assert.equal(backend.count('/own/left'), 1);
    client.destroy();
    for (const answer of await others) assert.equal(answer.text, 'here');
    assert.equal(backend.count('/own/left'), 2);
  });

  test('an answer that breaks off is not kept', async () => {
    let breaks = 2;
    backend.answers.set('/own/broken', (request, response) => {
      const isWhole = breaks-- <= 0;
      response.writeHead(200, { 'cache-control': 'max-age=60', ...(breaks === 0 ? {} : { 'content-length': 200_000 }) });
      response.write('x'.repeat(100_000));
      setTimeout(() => (isWhole ? response.end('x'.repeat(100_000)) : response.destroy()), 50);
    });
    for (let i = 0; i < 2; i++) await assert.rejects(gw.get(at('own/broken')));
    const whole = await gw.get(at('own/broken'));
    assert.equal(whole.text.length, 200_000);
    assert.equal(backend.count('/own/broken'), 3);
  });

  test('what is too large passes whole, and is not kept', async () => {
    for (const isKnown of [true, false]) {
      const path = `/own/large-${isKnown}`;
      const body = Buffer.alloc(600_000, 'y');
      backend.answers.set(path, () => ({ headers: { 'cache-control': 'max-age=60', ...(isKnown ? { 'content-length': body.length } : {}) }, body }));
      for (let i = 0; i < 2; i++) assert.equal((await gw.get(at(path.slice(1)))).bytes.length, body.length);
      assert.equal(backend.count(path), 2);
    }
  });

  test('what is changed is forgotten, for all who had it', async () => {
    for (const who of ['ann', 'bob']) await gw.get(at('own/item?x=1'), { headers: as(who) });
    assert.equal((await gw.post(at('own/item'), {}, { headers: as('cem') })).status, 200);
    for (const who of ['ann', 'bob']) assert.match((await gw.get(at('own/item?x=1'), { headers: as(who) })).headers['cache-status'], /fwd=miss/);
    await gw.post(at('own/%69tem'), {}); // the same, spelt otherwise
    assert.match((await gw.get(at('own/item?x=1'), { headers: as('ann') })).headers['cache-status'], /fwd=miss/);
    backend.answers.set('/own/item', (request) => ({ status: request.method === 'POST' ? 409 : 200, headers: { 'cache-control': 'max-age=60' } }));
    await gw.post(at('own/item'), {});
    assert.match((await gw.get(at('own/item?x=1'), { headers: as('ann') })).headers['cache-status'], /hit/);
    backend.answers.set('/own/item', (request) => ({ status: request.method === 'POST' ? 500 : 200, headers: { 'cache-control': 'max-age=60' } }));
    await gw.post(at('own/item'), {}); // nobody knows what came of it
    assert.match((await gw.get(at('own/item?x=1'), { headers: as('ann') })).headers['cache-status'], /fwd=miss/);
  });

  test('while one asks, the others get what is a little stale', async () => {
    let held = [];
    backend.answers.set('/lenient', (request, response) => {
      const answer = () => {
        response.writeHead(200, { 'cache-control': 'max-age=1' });
        response.end(`round ${backend.count('/lenient')}`);
      };
      if (backend.count('/lenient') === 1) answer();
      else held.push(answer);
    });
    assert.equal((await gw.get(at('lenient'))).text, 'round 1');
    await sleep(1200);
    const asking = gw.get(at('lenient'));
    await eventually(() => held.length === 1, 'one asks');
    for (let i = 0; i < 5; i++) {
      const answer = await gw.get(at('lenient'));
      assert.equal(answer.text, 'round 1');
      assert.match(answer.headers['cache-status'], /hit; ttl=-?\d/);
    }
    held[0]();
    assert.equal((await asking).text, 'round 2');
    assert.equal(backend.count('/lenient'), 2);
  });

  test('what is kept is counted', async () => {
    const { text } = await gw.admin('/metrics');
    for (const name of ['requests_total{result="hit"}', 'requests_total{result="miss"}', 'stored_total', 'waits_total', 'bytes', 'entries'])
      assert.match(text, new RegExp(`^millgate_cache_${name.replace(/[{}]/g, '\\$&')} [1-9]`, 'm'), name);
  });
});

describe('a cache whose backend is gone', () => {
  test('stands in where it may', async (t) => {
    const backend = await startBackend();
    t.after(() => backend.stop());
    const gw = await startGateway(t, { peer: backend, contracts: contract(), config: { policies: POLICIES } });
    await begin(gw);
    backend.answers.set('/lenient', () => ({ headers: { 'cache-control': 'max-age=1' }, body: 'kept' }));
    backend.answers.set('/timed', () => ({ headers: { 'cache-control': 'max-age=1, must-revalidate, stale-if-error=60' } }));
    backend.answers.set('/own/x', () => ({ headers: { 'cache-control': 'max-age=1, stale-if-error=60' }, body: 'kept' }));
    for (const path of ['lenient', 'timed', 'own/x']) assert.equal((await gw.get(at(path))).status, 200);
    backend.answers.set('/own/x', () => ({ status: 503, body: 'x'.repeat(300_000) }));
    await sleep(1200);
    assert.equal((await gw.get(at('own/x'))).text, 'kept');
    await backend.stop();
    for (const path of ['lenient', 'own/x']) {
      const answer = await gw.get(at(path));
      assert.equal(answer.text, 'kept', path);
      assert.match(answer.headers['cache-status'], /stale-if-error/);
    }
    assertProblem(await gw.get(at('timed')), 502);
    assertProblem(await gw.get(at('lenient'), { headers: { 'cache-control': 'no-cache' } }), 502);
  });
});
