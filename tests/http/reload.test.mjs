// A new snapshot under load: nothing fails, nothing leaks, a bad one changes nothing.

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { PATIENT, peerContract } from './support/config.mjs';
import { eventually, isSanitized, peerPath, send, startGateway } from './support/harness.mjs';

const MIB = 1024 * 1024;

// Keeps `lanes` connections busy until stop(): {count, failures}.
function startLoad(gw, path, { lanes = 16, headers = gw.bearer } = {}) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: lanes });
  const load = { count: 0, statuses: new Map(), failures: [], isRunning: true };
  const lane = async () => {
    while (load.isRunning && gw.isRunning) {
      try {
        const { status } = await send({ port: gw.port, path, headers, agent });
        load.statuses.set(status, (load.statuses.get(status) ?? 0) + 1);
      } catch (error) {
        load.failures.push(String(error));
      }
      load.count++;
    }
  };
  const ended = Promise.all(Array.from({ length: lanes }, lane));
  load.stop = async () => {
    load.isRunning = false;
    await ended;
    agent.destroy();
    return load;
  };
  return load;
}

// At most four snapshots live: while requests still run on the older ones, a further one is put off.
async function reloadOk(gw) {
  let answer = await gw.reload();
  for (let tries = 0; answer.status === 503 && tries < 200; tries++) {
    await sleep(10);
    answer = await gw.reload();
  }
  assert.ok(answer.status >= 200 && answer.status < 300, `${answer.status}: ${answer.text}`);
}

function withExtra(name) {
  const contract = peerContract();
  contract.paths[`/${name}`] = {
    get: {
      operationId: name, responses: { default: { description: 'x' } }, 'x-millgate': { backend_path: '/mirror' },
    },
  };
  return contract;
}

describe('reload', () => {
  test('a new route appears by POST /reload, another by SIGHUP', async (t) => {
    const gw = await startGateway(t);
    assert.equal((await gw.get(peerPath('fresh'))).status, 404);
    gw.writeContract('peer.v1.yaml', withExtra('fresh'));
    await reloadOk(gw);
    assert.equal((await gw.get(peerPath('fresh'))).status, 200);
    gw.writeContract('peer.v1.yaml', withExtra('fresher'));
    gw.process.kill('SIGHUP');
    await eventually(async () => (await gw.get(peerPath('fresher'))).status === 200, 'SIGHUP takes effect');
    assert.equal((await gw.get(peerPath('fresh'))).status, 404);
  });

  test('under load no request fails', async (t) => {
    const gw = await startGateway(t, { config: { workers: 2 } });
    const load = startLoad(gw, peerPath('mirror'));
    for (let i = 0; i < 30; i++) {
      gw.writeContract('peer.v1.yaml', withExtra(`fresh-${i}`));
      if (i % 2) gw.process.kill('SIGHUP');
      else await reloadOk(gw);
      await sleep(50);
    }
    const { count, statuses, failures } = await load.stop();
    assert.deepEqual(failures, []);
    assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]));
    console.log(`${count} requests during 30 reloads`);
    assert.ok(count > 100);
  });

  test('a request in flight ends on what it began with', async (t) => {
    const gw = await startGateway(t);
    const slow = gw.get(peerPath('slow?ms=1000'));
    await eventually(() => gw.peer.requests.length > 0, 'it is upstream');
    const contract = peerContract({ paths: { '/other': withExtra('other').paths['/other'] } });
    gw.writeContract('peer.v1.yaml', contract);
    await reloadOk(gw);
    assert.equal((await gw.get(peerPath('slow'))).status, 404);
    assert.equal((await slow).status, 200);
  });

  const mistakes = {
    'a broken document': (gw) => gw.writeContract('peer.v1.yaml', { openapi: '3.1.0', paths: 7 }),
    'an unknown backend': (gw) => gw.writeContract('peer.v1.yaml', peerContract({ backend: 'nowhere' })),
    'an unknown plan': (gw) => gw.writeContract('peer.v1.yaml', peerContract({ plan: 'golden' })),
    'an unknown key of the configuration': (gw) => gw.rewriteConfig((config) => (config.surprise = 1)),
    'a missing key file': (gw) => gw.rewriteConfig((config) => (config.issuers.dev.jwks_file = '/nowhere')),
  };
  for (const [what, spoil] of Object.entries(mistakes))
    test(`${what}: refused with the reason, and the old one serves on`, async (t) => {
      const gw = await startGateway(t);
      spoil(gw);
      const answer = await gw.reload();
      assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}: ${answer.text}`);
      assert.ok(answer.text.length > 40, `no reason: ${answer.text}`);
      assert.equal((await gw.get(peerPath('mirror'))).status, 200);
      gw.process.kill('SIGHUP');
      await sleep(300);
      assert.ok(gw.isRunning);
      assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    });

  test('1,000 reloads leave no memory behind', { timeout: 540_000 }, async (t) => {
    const gw = await startGateway(t);
    const count = isSanitized ? 60 : 1000;
    const load = startLoad(gw, peerPath('mirror'), { lanes: 2 });
    for (let i = 0; i < count / 5; i++) await reloadOk(gw);
    const settled = gw.memoryBytes();
    for (let i = 0; i < (count * 4) / 5; i++) await reloadOk(gw);
    const grown = gw.memoryBytes() - settled;
    const { failures, statuses } = await load.stop();
    assert.deepEqual(failures, []);
    assert.deepEqual([...statuses.keys()], [200]);
    console.log(`${count} reloads: ${(settled / MIB).toFixed(1)} MiB after a fifth, ${(grown / MIB).toFixed(2)} MiB more at the end`);
    if (!isSanitized) assert.ok(grown < 4 * MIB, `${grown} bytes more`);
  });

  test('a limit holds over ten reloads a second', { timeout: 120_000 }, async (t) => {
    // 100 a second asked at twice the limit for five seconds: 500 and the burst pass. The burst is
    // large enough that a pause of this (busy) client loses nothing.
    const [rate, burst, seconds] = [100, 100, 5];
    const plans = { standard: { limit: rate * 60, window: '60s', burst, grants: ['/system/*'] } };
    const gw = await startGateway(t, { config: { plans, policies: PATIENT } });
    const started = performance.now();
    const outcomes = [];
    let reloads = 0;
    while (performance.now() - started < seconds * 1000) {
      const due = ((performance.now() - started) / 1000) * rate * 2;
      while (outcomes.length < due) outcomes.push(gw.get(peerPath('mirror')).then((a) => a.status));
      if (performance.now() - started > reloads * 100) {
        reloads++;
        await reloadOk(gw);
      }
      await sleep(2);
    }
    const statuses = await Promise.all(outcomes);
    const elapsed = (performance.now() - started) / 1000;
    const passed = statuses.filter((status) => status === 200).length;
    assert.ok(statuses.every((status) => [200, 429].includes(status)));
    const most = (elapsed * rate + burst) * 1.01 + 1;
    console.log(`${reloads} reloads, ${outcomes.length} requests, ${passed} admitted, ${most.toFixed(0)} at most`);
    assert.ok(passed <= most, `${passed} passed, ${most} at most`);
    const least = (seconds * rate + burst) * 0.99 - 1;
    assert.ok(passed >= least, `${passed} passed, ${least} at least`);
  });
});
