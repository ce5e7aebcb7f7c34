// Four gateways on one Redis: what all together admit, beside what the plan says.
//
// With windows of two seconds; script/bench limits --accuracy takes longer ones, and quotas and slots.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { PATIENT } from './support/config.mjs';
import { edgeArrivals, judgeWindow, play, randomArrivals, startFleet } from './support/fleet.mjs';
import { peerPath } from './support/harness.mjs';

const WINDOW = 2;
const LIMIT = 100;
const SECONDS = 2.7 * WINDOW;
const grants = ['/system/*'];
const limits = { exact: { limit: LIMIT, window: `${WINDOW}s`, mode: 'exact' } };

const path = peerPath('mirror');
function assertOnlyDecisions(results) {
  for (const { status } of results) assert.ok(status === 200 || status === 429, String(status));
}

function judge(name, results, windows, { limit = LIMIT, above = 1, below = 0.01 } = {}) {
  assertOnlyDecisions(results);
  const { sent, admitted, ideal, due, most, slowest } = judgeWindow(results, { limit, window: WINDOW });
  process.stdout.write(`# ${name}: ${sent} sent, ${admitted} admitted (ideal ${ideal}), ${most} at most in a window, ` +
    `slowest ${(slowest * 1000).toFixed(0)} ms\n`);
  assert.ok(most <= limit * above, `${name}: ${most} within one window of ${limit}`);
  const lost = Math.ceil(below * limit * windows) + 1;
  assert.ok(admitted >= due - lost, `${name}: ${admitted}, at least ${due} less ${lost} are due`);
}

describe('accuracy of four gateways', () => {
  test('exact: random arrivals at 0.5, 1, 2 and 10 times the limit', async (t) => {
    const fleet = await startFleet(t, { config: { plans: { standard: { limits, grants } }, policies: PATIENT } });
    const runs = [0.5, 1, 2, 10].map(async (factor, i) => {
      const times = randomArrivals((factor * LIMIT) / WINDOW, SECONDS, 11 + i);
      judge(`random, ${factor} x`, await play(fleet.gateways, times, { path, headers: fleet.headers(`r${i}`) }), 3);
    });
    await Promise.all(runs);
  });

  test('exact: arrivals at the edges of a window: no double burst', async (t) => {
    const fleet = await startFleet(t, { config: { plans: { standard: { limits, grants } }, policies: PATIENT } });
    const runs = [0.5, 1, 2, 10].map(async (factor, i) => {
      const times = edgeArrivals((factor * LIMIT) / WINDOW, SECONDS, WINDOW, 21 + i);
      judge(`edges, ${factor} x`, await play(fleet.gateways, times, { path, headers: fleet.headers(`e${i}`) }), 3);
    });
    await Promise.all(runs);
  });

  test('leased: within a tenth of the limit, above and below', async (t) => {
    const plan = { limit: 4 * LIMIT, window: `${WINDOW}s`, grants };
    const fleet = await startFleet(t, { config: { plans: { standard: plan }, policies: PATIENT } });
    for (const [name, times] of [
      ['random', randomArrivals((12 * LIMIT) / WINDOW, SECONDS, 5)],
      ['edges', edgeArrivals((8 * LIMIT) / WINDOW, SECONDS, WINDOW, 6)],
    ]) {
      const results = await play(fleet.gateways, times, { path, headers: fleet.headers(name) });
      judge(`leased, ${name}`, results, 3, { limit: plan.limit, above: 1.1, below: 0.1 });
    }
    const metrics = (await Promise.all(fleet.gateways.map((gw) => gw.admin('/metrics')))).map((m) => m.text).join('');
    const fromMemory = [...metrics.matchAll(/decisions_total\{result="admitted",mode="leased"\} (\d+)/g)];
    assert.ok(fromMemory.reduce((sum, [, value]) => sum + Number(value), 0) > plan.limit, 'leases were used');
  });
});
