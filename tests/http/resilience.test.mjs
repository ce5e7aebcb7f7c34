// Several targets behind one backend: who is asked, what is sent again, and what never is.

import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startPeer } from '../rigs/peer/peer.mjs';
import { grants, inParallel, logLine, metric, startTargets } from './support/targets.mjs';
import { assertProblem, eventually, peerPath, startGateway } from './support/harness.mjs';

describe('several targets', () => {
  test('share the requests by their weights', async (t) => {
    const { gw, peers } = await startTargets(t, { target: (i) => (i === 1 ? { weight: 300 } : {}) });
    const answers = await inParallel(400, 4, () => gw.get(peerPath('mirror')));
    assert.ok(answers.every(({ status }) => status === 200));
    const [a, b, c] = peers.map((peer) => peer.count('/mirror'));
    assert.equal(a + b + c, 400);
    assert.ok(a > 30 && a < 200 && b > 120, `${a} ${b} ${c}`); // the third has the default, 100
    const line = await logLine(gw, peerPath('mirror'));
    assert.equal(line.attempts, 1);
    assert.ok(peers.some(({ url }) => url === line.target));
  });

  test('one that is killed under load costs no read', async (t) => {
    const { gw, peers } = await startTargets(t, { more: { retry: { on: ['connect', 'reset'] } } });
    const { url } = peers[1];
    const answers = await inParallel(600, 8, async (at) => {
      if (at === 200) await peers[1].stop();
      return gw.get(peerPath('mirror'));
    });
    assert.deepEqual(answers.filter(({ status }) => status !== 200), []);
    const ready = (await gw.admin('/readyz')).json;
    const target = ready.backends.peer.targets.find((one) => one.url === url);
    assert.ok(target.ejected, JSON.stringify(ready.backends));
    assert.equal(ready.ready, true);
  });

  test('a connection that cannot be made is no repetition: writes go on to the next target', async (t) => {
    const { gw, peers, total } = await startTargets(t);
    await peers[0].stop();
    const answers = await inParallel(60, 3, (at) => gw.post(peerPath('mirror'), `{"n":${at}}`));
    assert.deepEqual(answers.filter(({ status }) => status !== 200), []);
    assert.equal(total('/mirror'), 60);
    assert.ok(answers.every(({ json }, at) => json.body === `{"n":${at}}`));
  });
});

describe('retries', () => {
  const everything = { attempts: 3, on: ['connect', 'reset', 'timeout', '502', '503', '504'], backoff: '1ms' };

  test('a write that left is never sent again', async (t) => {
    const { gw, total } = await startTargets(t, { more: { retry: everything } });
    const answers = await inParallel(30, 3, () => gw.post(peerPath('die-before'), '{}'));
    assert.ok(answers.every(({ status }) => status === 502));
    assert.equal(total('/die-before'), 30);
    await gw.post(peerPath('status?code=503'), '{}');
    assert.equal(total('/status'), 1);
  });

  test('an idempotent one is, with its body', async (t) => {
    const { gw, peers, total } = await startTargets(t, { more: { retry: everything, outliers: { failures: 0 } } });
    const answer = await gw.request(peerPath('die-before'), { method: 'PUT', body: 'x'.repeat(3000) });
    assert.equal(answer.status, 502);
    assert.equal(total('/die-before'), 3);
    const bodies = peers.flatMap((peer) => peer.requests.map(({ bodyBytes }) => bodyBytes));
    assert.deepEqual(bodies, [3000, 3000, 3000]);
    assert.equal((await gw.get(peerPath('status?code=503'))).status, 503);
    assert.equal(total('/status'), 3);
    assert.equal((await logLine(gw, peerPath('status'))).attempts, 3);
    assert.equal(await metric(gw, 'millgate_backend_retries_total', 'reason="503"'), 2);
    assert.equal(await metric(gw, 'millgate_backend_retries_total', 'reason="reset"'), 2);
  });

  test('what fails at all targets stays within the budget', async (t) => {
    const { gw, total } = await startTargets(t, { more: { retry: { ...everything, budget: 20 }, outliers: { failures: 0 } } });
    await inParallel(200, 8, () => gw.get(peerPath('status?code=503')));
    const sent = total('/status');
    assert.ok(sent > 200 && sent <= 200 + 10 + 40, `${sent} for 200`);
    assert.ok((await metric(gw, 'millgate_backend_over_budget_total')) > 0);
  });
});

/** A TCP proxy before `peer` that cuts each connection after a number of bytes, of the one direction or the other. */
async function startCutter(t, peer, nextCut) {
  const server = createServer((socket) => {
    const onward = connect(peer.port, '127.0.0.1');
    const cut = nextCut();
    const end = () => (socket.destroy(), onward.destroy());
    const pass = (from, to, most) => {
      let left = most;
      from.on('data', (bytes) => {
        to.write(bytes.subarray(0, left));
        left -= bytes.length;
        if (left <= 0) to.end(() => setImmediate(end));
      });
      from.on('error', end).on('close', end);
    };
    pass(socket, onward, cut.request);
    pass(onward, socket, cut.answer);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

describe('what a broken connection leaves behind', () => {
  test('a write is executed once at most, a read or a PUT is answered', async (t) => {
    const peers = [await startPeer(), await startPeer()];
    t.after(() => Promise.all(peers.map((peer) => peer.stop())));
    let connections = 0;
    const nextCut = () => { // of a request's head, of its body, of the answer, and of nothing
      const far = Number.MAX_SAFE_INTEGER;
      const cuts = [{ request: 1 }, { request: 40 }, { request: 900 }, { answer: 1 }, { answer: 60 }, {}, {}];
      return { request: far, answer: far, ...cuts[connections++ % cuts.length] };
    };
    const urls = await Promise.all(peers.map((peer) => startCutter(t, peer, nextCut)));
    const gw = await startGateway(t, {
      peer: null,
      config: {
        backends: {
          peer: {
            targets: urls.map((url) => ({ url })), grants, outliers: { failures: 0 },
            retry: { attempts: 10, on: ['connect', 'reset', 'timeout', '502', '503', '504'], backoff: '1ms', budget: 100 },
          },
        },
      },
    });
    const answers = await inParallel(300, 6, (at) => {
      const method = ['POST', 'PUT', 'GET'][at % 3];
      const body = method === 'GET' ? undefined : `${at} `.padEnd(1500, 'x');
      return gw.request(peerPath('mirror'), { method, body }).then((answer) => ({ method, at, ...answer }));
    });
    const executed = new Map();
    for (const { method, body, isComplete } of peers.flatMap((peer) => peer.requests)) {
      const id = Number(body.split(' ')[0]);
      if (isComplete && method === 'POST') executed.set(id, (executed.get(id) ?? 0) + 1);
    }
    assert.deepEqual([...executed].filter(([, count]) => count > 1), []);
    const posts = answers.filter(({ method }) => method === 'POST');
    assert.ok(posts.some(({ status }) => status === 502), 'some were cut');
    for (const { at, status } of posts) if (status === 200) assert.equal(executed.get(at), 1);
    const others = answers.filter(({ method, status }) => method !== 'POST' && status !== 200);
    assert.deepEqual(others.map(({ method, status }) => [method, status]), []);
    assert.ok(answers.every(({ status, method, at, json }) => status !== 200 || method === 'GET' || json.body.startsWith(`${at} `)));
  });
});

describe('the breaker', () => {
  test('opens, tries again by single requests, and closes', async (t) => {
    const { gw, peers, total } = await startTargets(t, { count: 1, more: { breaker: { failures: 3, pause: '1s', probes: 2 } } });
    for (let i = 0; i < 3; i++) assert.equal((await gw.get(peerPath('status?code=500'))).status, 500);
    const refused = await gw.get(peerPath('mirror'));
    assert.match(assertProblem(refused, 503).type, /backend-unavailable/);
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    assert.equal((await gw.admin('/readyz')).json.backends.peer.targets[0].breaker, 'open');
    await sleep(1100);
    const answers = await Promise.all(Array.from({ length: 20 }, () => gw.get(peerPath('slow?ms=700'))));
    assert.equal(total('/slow'), 2);
    assert.equal(answers.filter(({ status }) => status === 503).length, 18);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    assert.equal(await metric(gw, 'millgate_target_breaker_openings_total'), 1);
    assert.equal(peers[0].count('/mirror'), 1);
  });

  test('its state outlives a reload', async (t) => {
    const { gw, total } = await startTargets(t, { count: 1, more: { breaker: { failures: 2, pause: '5m' } } });
    for (let i = 0; i < 2; i++) await gw.get(peerPath('status?code=500'));
    assertProblem(await gw.get(peerPath('mirror')), 503);
    gw.rewriteConfig((config) => (config.backends.peer.max_waiting = 77));
    assert.equal((await gw.reload()).status, 200);
    assertProblem(await gw.get(peerPath('mirror')), 503);
    assert.equal(total('/mirror'), 0);
  });
});

describe('active probes', () => {
  test('a target whose probe fails gets nothing until it is well again', async (t) => {
    const { gw, peers } = await startTargets(t, {
      count: 2, more: { probe: { path: '/health', interval: '100ms', timeout: '2s', unhealthy: 1 } },
    });
    const { port } = peers[0];
    await peers[0].stop();
    const targetOf = async () => (await gw.admin('/readyz')).json.backends.peer.targets[0];
    await eventually(async () => (await targetOf()).state === 'down', 'the probe sees it');
    peers[1].forget();
    await inParallel(40, 4, () => gw.get(peerPath('mirror')));
    assert.equal(peers[1].count('/mirror'), 40);
    peers[0] = await startPeer({ port });
    await eventually(async () => (await targetOf()).state === 'up', 'the probe sees it again');
    await inParallel(40, 4, () => gw.get(peerPath('mirror')));
    assert.ok(peers[0].count('/mirror') > 0);
  });
});
