// What the tests of a Redis that fails over have in common: a plan, load on a fleet, and what is due of it.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually } from './harness.mjs';

export const grants = ['/system/*'];
export const LIMIT = 200;
export const REGAINED = 10; // of 200 in 600 s: one each three seconds
export const PLANS = { standard: { limit: LIMIT, window: '600s', mode: 'exact', grants } };
const PATIENCE_S = 5; // a decision takes 20 ms; the machine may be busy

export const passed = (answers) => answers.filter((answer) => answer.status === 200).length;
export const evenly = (count, gap) => Array.from({ length: count }, (_, i) => i * gap);

/** Nothing but yes and no, in time. */
export function assertDecided(results) {
  for (const { status, sent, answered } of results) {
    assert.ok([200, 429].includes(status), String(status));
    assert.ok(answered - sent < PATIENCE_S, `${answered - sent} s`);
  }
}

export const readiness = async (gateway) => (await gateway.admin('/readyz')).json;

/** And ask Redis again: the limits leave one that failed alone for a second. */
export async function areReady(fleet, what) {
  await eventually(async () => {
    const all = await Promise.all(fleet.gateways.map(readiness));
    return all.every((state) => state?.ready);
  }, what, 40_000);
  await sleep(1500);
}
