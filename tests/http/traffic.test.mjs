// How calls to a backend are held back, split, copied and hurried.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { startPeer } from '../rigs/peer/peer.mjs';
import { startRedis } from '../rigs/redis.mjs';
import { makeFolder, assertProblem, eventually, peerPath, startGateway } from './support/harness.mjs';
import { grants, inParallel, logLine, metric, startTargets } from './support/targets.mjs';

function inMinutes(minutes) {
  return new Date(Date.now() + minutes * 60_000).toISOString().replace(/\.\d+Z$/, 'Z');
}

describe('the bulkhead', () => {
  test('lets some in, some wait, and refuses the others', async (t) => {
    const { gw, peers } = await startTargets(t, { count: 1, more: { bulkhead: { max_requests: 2, max_queued: 3, queue_timeout: '20s' } } });
    const answers = await Promise.all(Array.from({ length: 9 }, () => gw.get(peerPath('slow?ms=400'))));
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 503, 503, 503, 503]);
    assert.match(assertProblem(answers.find(({ status }) => status === 503), 503).type, /backend-overloaded/);
    assert.equal(peers[0].count('/slow'), 5);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test('whoever waits too long is told so, and a body that waited arrives', async (t) => {
    const { gw } = await startTargets(t, { count: 1, more: { bulkhead: { max_requests: 1, max_queued: 9, queue_timeout: '700ms' } } });
    const body = 'y'.repeat(200_000);
    const first = gw.get(peerPath('slow?ms=300'));
    const waiting = gw.request(peerPath('echo'), { method: 'PUT', body });
    assert.equal((await first).status, 200);
    assert.equal((await waiting).json.count, body.length);
    const slow = gw.get(peerPath('slow?ms=2500'));
    await eventually(async () => (await metric(gw, 'millgate_target_outstanding')) === 1, 'it is there');
    assertProblem(await gw.get(peerPath('mirror')), 503);
    assert.equal((await slow).status, 200);
  });
});

describe("the caller's deadline", () => {
  const config = { request_timeout_field: 'X-Request-Timeout-Ms' };

  test('shortens the wait, and the backend hears what is left', async (t) => {
    const { gw, peers } = await startTargets(t, { count: 1, config: { extra: config } });
    const answer = await gw.get(peerPath('mirror'), { headers: { 'x-request-timeout-ms': '15000' } });
    const [, heard] = answer.json.headers.find(([name]) => name === 'x-request-timeout-ms');
    assert.ok(Number(heard) > 0 && Number(heard) <= 15_000, heard);
    const late = await gw.get(peerPath('slow?ms=10000'), { headers: { 'x-request-timeout-ms': '300' } });
    assert.match(assertProblem(late, 504).type, /backend-timeout/);
    for (const wrong of ['0', '-1', '1s', '', '99999999999'])
      assertProblem(await gw.get(peerPath('mirror'), { headers: { 'x-request-timeout-ms': wrong } }), 400);
    assert.equal(peers[0].count('/mirror'), 1);
  });

  test('bounds all tries together', async (t) => {
    const { gw, total } = await startTargets(t, {
      config: { extra: config },
      more: { first_byte_timeout: '200ms', retry: { attempts: 10, on: ['timeout'], backoff: '1ms' }, outliers: { failures: 0 } },
    });
    assertProblem(await gw.get(peerPath('hold'), { headers: { 'x-request-timeout-ms': '500' } }), 504);
    assert.ok(total('/hold') >= 2 && total('/hold') <= 3, `${total('/hold')} tries`);
  });
});

describe('maintenance', () => {
  test('is answered 503 until it is over, and then not', async (t) => {
    const { gw, peers } = await startTargets(t, { count: 1, more: { maintenance: [{ from: inMinutes(-5), to: inMinutes(10) }] } });
    const refused = await gw.get(peerPath('mirror'));
    assert.match(assertProblem(refused, 503).type, /maintenance/);
    const wait = Number(refused.headers['retry-after']);
    assert.ok(wait > 500 && wait <= 600, String(wait));
    assert.ok((await gw.admin('/readyz')).json.backends.peer.maintenance_seconds_left > 500);
    gw.rewriteConfig((c) => (c.backends.peer.maintenance = [{ from: inMinutes(-10), to: inMinutes(-5) }, { from: inMinutes(5), to: inMinutes(9) }]));
    assert.equal((await gw.reload()).status, 200);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    assert.equal(peers[0].count('/mirror'), 1);
    gw.rewriteConfig((c) => (c.backends.peer.maintenance = [{ from: '00:00', to: '24:00', offset: '+01:00' }]));
    assert.equal((await gw.reload()).status, 200);
    assertProblem(await gw.get(peerPath('mirror')), 503);
    gw.rewriteConfig((c) => (c.backends.peer.maintenance = [{ from: '00:00', to: inMinutes(5), days: ['Someday'] }]));
    assert.equal((await gw.reload()).status, 422);
  });
});

describe('a backend that throttles', () => {
  test('is left alone by the whole fleet until it says', async (t) => {
    const redis = await startRedis({ dir: makeFolder() });
    t.after(() => redis.stop());
    const peer = await startPeer();
    t.after(() => peer.stop());
    const config = { redis: redis.url, workers: 2, backends: { peer: { url: peer.url, grants, max_retry_after: '5m' } } };
    const [one, other] = await Promise.all([1, 2].map(() => startGateway(t, { peer: null, config })));
    const first = await one.get(peerPath('throttled?seconds=200'));
    assert.equal(first.status, 429);
    const held = await eventually(async () => {
      const answers = await inParallel(20, 4, (at) => (at % 2 ? one : other).get(peerPath('mirror')));
      return answers.every(({ status }) => status === 503) && answers[0];
    }, 'every worker of both gateways knows');
    assert.match(assertProblem(held, 503).type, /backend-throttled/);
    assert.ok(Number(held.headers['retry-after']) > 100 && Number(held.headers['retry-after']) <= 200);
    assert.ok((await metric(other, 'millgate_backend_held_back_total')) > 0);
  });

  test('cannot shut itself away for long, and goes on when the time is over', async (t) => {
    const { gw } = await startTargets(t, { count: 1, more: { max_retry_after: '1s', obey_retry_after_503: true } });
    assert.equal((await gw.get(peerPath('throttled?seconds=86400&code=503'))).status, 503);
    const held = await gw.get(peerPath('mirror'));
    assert.equal(held.headers['retry-after'], '1');
    assertProblem(held, 503);
    await eventually(async () => (await gw.get(peerPath('mirror'))).status === 200, 'it is called again');
  });

  test('is not obeyed where the operator says so', async (t) => {
    const { gw } = await startTargets(t, { count: 1, more: { obey_retry_after: false } });
    assert.equal((await gw.get(peerPath('throttled?seconds=60'))).status, 429);
    assert.equal((await gw.get(peerPath('throttled?seconds=60&code=503'))).status, 503);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });
});

describe('routes', () => {
  const tagged = (i) => (i === 0 ? { tags: ['canary'] } : {});

  test('by header and by claim', async (t) => {
    const { gw, peers } = await startTargets(t, {
      target: tagged,
      more: { routes: [{ tag: 'canary', when: { header: { 'X-Canary': '1' } } }, { tag: 'canary', when: { claim: { tier: 'beta' } } }] },
    });
    await inParallel(20, 4, () => gw.get(peerPath('mirror')));
    await gw.get(peerPath('mirror'), { headers: { 'x-canary': '0' } });
    assert.equal(peers[0].count('/mirror'), 0);
    await inParallel(10, 4, () => gw.get(peerPath('mirror'), { headers: { 'x-canary': '1' } }));
    assert.equal(peers[0].count('/mirror'), 10);
    for (const tier of ['beta', ['alpha', 'beta']])
      await gw.get(peerPath('mirror'), { headers: { authorization: `Bearer ${gw.token({ tier })}` } });
    await gw.get(peerPath('mirror'), { headers: { authorization: `Bearer ${gw.token({ tier: 'alpha' })}` } });
    assert.equal(peers[0].count('/mirror'), 12);
    await peers[0].stop(); // nobody is left for the canary: the others take over
    const answer = await gw.get(peerPath('mirror'), { headers: { 'x-canary': '1' } });
    assert.equal(answer.status, 200);
  });

  test('by share, of requests or of consumers', async (t) => {
    const { gw, peers } = await startTargets(t, { target: tagged, more: { routes: [{ tag: 'canary', percent: 20 }] } });
    await inParallel(500, 8, () => gw.get(peerPath('mirror')));
    const share = peers[0].count('/mirror');
    assert.ok(share > 55 && share < 150, `${share} of 500 for 20 %`); // 5 standard deviations
    gw.rewriteConfig((c) => (c.backends.peer.routes = [{ tag: 'canary', percent: 50, sticky: true }]));
    assert.equal((await gw.reload()).status, 200);
    const sides = new Set();
    for (let i = 0; i < 16; i++) {
      const headers = { authorization: `Bearer ${gw.token({ sub: `consumer-${i}` })}` };
      peers[0].forget();
      for (let n = 0; n < 4; n++) await gw.get(peerPath('mirror'), { headers });
      assert.ok([0, 4].includes(peers[0].count('/mirror')), 'one consumer goes one way');
      sides.add(peers[0].count('/mirror'));
    }
    assert.equal(sides.size, 2, 'and not all go the same');
  });
});

describe('hedges', () => {
  test('a late read is asked of a second target, and the first answer counts', async (t) => {
    const { gw, peers, total } = await startTargets(t, { count: 2, more: { hedge: { delay: '100ms', budget: 10 } } });
    peers[0].delayMs = 3000;
    const answers = await inParallel(10, 1, () => gw.get(peerPath('sluggish')));
    assert.ok(answers.every(({ status }) => status === 200));
    assert.equal(peers[1].count('/sluggish'), 10);
    const hedges = await metric(gw, 'millgate_backend_hedges_total');
    assert.equal(total('/sluggish'), 10 + hedges);
    assert.equal(await metric(gw, 'millgate_backend_hedges_won_total'), hedges);
    assert.ok(hedges > 0);
    assert.equal(await metric(gw, 'millgate_target_outstanding'), 0);
    await gw.post(peerPath('sluggish'), '{}');
    assert.equal(await metric(gw, 'millgate_backend_hedges_total'), hedges);
    assert.equal((await logLine(gw, peerPath('sluggish'))).target, peers[1].url);
  });
});

describe('mirrors', () => {
  test('compare what the other backend says, and nobody waits for it', async (t) => {
    const shadow = await startPeer();
    t.after(() => shadow.stop());
    const { gw, peers } = await startTargets(t, {
      count: 1, more: { mirror: { backend: 'shadow' }, headers: { 'X-Key': 'hush' } },
      config: { backends: { shadow: { url: shadow.url, grants } } },
    });
    const compared = (result) => metric(gw, 'millgate_backend_mirrored_total', `result="${result}"`);
    assert.equal((await gw.get(peerPath('stream?bytes=3000'))).bytes.length, 3000);
    assert.equal((await gw.get(peerPath('stream?bytes=50000&framing=chunked'))).bytes.length, 50_000);
    assert.equal((await gw.get(peerPath('drip?bytes=9&ms=20'))).bytes.length, 9);
    await eventually(async () => (await compared('same')) === 3, 'three are the same');
    assert.equal((await gw.get(peerPath('whoami'))).status, 200);
    await eventually(async () => (await compared('other-body')) === 1, 'one has another body');
    shadow.failsWith = 500;
    assert.equal((await gw.get(peerPath('sluggish'))).status, 200);
    await eventually(async () => (await compared('other-status')) === 1, 'one has another status');
    shadow.failsWith = undefined;
    assert.equal((await gw.get(peerPath('stream?bytes=300000'))).bytes.length, 300_000);
    await eventually(async () => (await compared('uncompared')) === 1, 'one is too long');
    shadow.delayMs = 2000;
    assert.equal((await gw.get(peerPath('sluggish'))).status, 200);
    await gw.post(peerPath('whoami'), '{}');
    assert.equal(shadow.requests.filter(({ method }) => method !== 'GET').length, 0);
    assert.ok(shadow.requests.every((request) => request.header('x-key') === undefined));
    assert.ok(peers[0].requests.every((request) => request.header('x-key') === 'hush'));
    await shadow.stop();
    assert.equal((await gw.get(peerPath('whoami'))).status, 200);
    await eventually(async () => (await compared('failed')) >= 2, 'what cannot be asked is counted');
  });
});
