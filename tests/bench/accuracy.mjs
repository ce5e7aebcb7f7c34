// script/bench limits --accuracy: what four gateways on one Redis admit together in a minute, beside what the
// plan says; and what is left in doubt of keyed writes when gateways and backends are killed (in_doubt.mjs).
//
// The numbers are requests: `over` more than the stated bound's limit within one window, `under` less than an
// ideal limit would have admitted. They are judged from when requests were sent and answered, so that a busy
// machine makes them coarser, never wrong.

import http from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { PATIENT, peerContract } from '../http/support/config.mjs';
import { edgeArrivals, judgeWindow, play, randomArrivals, startFleet } from '../http/support/fleet.mjs';
import { inDoubt } from './in_doubt.mjs';

const SECONDS = 60;
const WINDOW = 10;
const WINDOWS = SECONDS / WINDOW;
const GATEWAYS = 4; // of one worker each
const FACTORS = [0.5, 1, 2, 10];
const LIMIT = 100; // exact: a window, and a rate with a burst of BURST
const BURST = 20;
const LEASED = 400;
const LEASED_BOUND = 1 + Math.min(0.1, 0.02 * GATEWAYS); // policies/rate_limit/README.md, "What is promised"
const QUOTA = 500;
const SLOTS = 20;
const HOLD_MS = 200;
const DAY_MIN = 24 * 60;
const grants = ['/system/*'];

/** Takes clean-ups as a test's context does. */
function scope() {
  const cleanUps = [];
  return {
    after: (cleanUp) => cleanUps.push(cleanUp),
    end: async () => {
      for (const cleanUp of cleanUps.reverse()) await cleanUp();
    },
  };
}

function print(title, head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  process.stdout.write(`\n## ${title}\n\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`);
}

/** Says it, and remembers it. */
function verdict(held, what, isHeld) {
  held.push(isHeld);
  process.stdout.write(`\n${what}: ${isHeld ? 'held' : 'MISSED'}\n`);
}

// --- windows ---------------------------------------------------------------------------------------------

const arrivalsOf = {
  random: (rate, seed) => randomArrivals(rate, SECONDS, seed),
  edges: (rate, seed) => edgeArrivals(rate, SECONDS, WINDOW, seed),
};

/** Random and edge-aligned arrivals at all factors of the limit, all at once, each of a consumer of its own. */
async function playWindows(fleet, plan, limit) {
  const runs = Object.entries(arrivalsOf).flatMap(([kind, arrivals]) => FACTORS.map(async (factor, i) => {
    const results = await play(fleet.gateways, arrivals((factor * limit) / WINDOW, 31 + i),
      { path: `/system/peer/v1/${plan}`, headers: fleet.headers(`${plan}-${kind}-${i}`) });
    return { kind, factor, results, ...judgeWindow(results, { limit, window: WINDOW }) };
  }));
  return Promise.all(runs);
}

/** Decisions of the whole fleet: by leases, by Redis, and without it. */
async function decisionsOf(fleet) {
  const text = (await Promise.all(fleet.gateways.map((gw) => gw.admin('/metrics')))).map((m) => m.text).join('');
  const sum = (mode, result = '\\w+') => [...text.matchAll(new RegExp(`decisions_total\\{result="${result}",mode="${mode}"\\} (\\d+)`, 'g'))]
    .reduce((all, [, value]) => all + Number(value), 0);
  return { leased: sum('leased'), exact: sum('exact'), local: sum('local'), admittedWithoutRedis: sum('local', 'admitted') };
}

/** On a machine so busy that Redis did not answer within a second, the local share decides: what that admitted
 * is within its own bound (README, "Without Redis"), and comes on top here. */
function tellWindows(held, title, runs, { limit, above, below, decisions }) {
  const allowedUnder = below * limit * WINDOWS + 1;
  const allowedOver = limit * (above - 1) + decisions.admittedWithoutRedis;
  print(`${title}: ${limit} in any ${WINDOW} s, ${SECONDS} s`,
    ['arrivals', 'x limit', 'sent', 'admitted', 'ideal', 'most in a window', 'over the limit', 'under the ideal', 'slowest, ms'],
    runs.map((run) => [run.kind, run.factor, run.sent, run.admitted, run.ideal, run.most, run.over, run.under,
      (run.slowest * 1000).toFixed(0)]));
  const worst = (key) => Math.max(...runs.map((run) => run[key]));
  const wrong = runs.flatMap((run) => run.results).filter(({ status }) => status !== 200 && status !== 429).length;
  verdict(held, `${title}: at most ${worst('over')} over (bound ${Math.floor(allowedOver)}` +
    `${decisions.admittedWithoutRedis > 0 ? `, of which ${decisions.admittedWithoutRedis} without Redis: the machine is too busy` : ''}), ` +
    `${worst('under')} under (bound ${Math.floor(allowedUnder)}), ${wrong} that were neither 200 nor 429`,
    worst('over') <= allowedOver && worst('under') <= allowedUnder && wrong === 0);
}

// --- a rate ----------------------------------------------------------------------------------------------

/** How many more than burst + limit * T / window surely passed within any stretch T. */
function excessOfRate(results) {
  const admitted = results.filter(({ status }) => status === 200);
  let worst = -Infinity;
  for (const [i, { sent: from }] of admitted.entries()) {
    const behind = admitted.slice(i).sort((a, b) => a.answered - b.answered); // all were sent after `from`
    behind.forEach(({ answered }, n) => {
      worst = Math.max(worst, n + 1 - BURST - (LIMIT * (answered - from)) / WINDOW);
    });
  }
  return worst;
}

async function playRate(fleet) {
  return Promise.all([1, 10].map(async (factor) => {
    const results = await play(fleet.gateways, randomArrivals((factor * LIMIT) / WINDOW, SECONDS, 71 + factor),
      { path: '/system/peer/v1/rate', headers: fleet.headers(`rate-${factor}`) });
    return { factor, results };
  }));
}

function tellRate(held, runs) {
  const due = BURST + LIMIT * WINDOWS;
  const rows = runs.map(({ factor, results }) => {
    const admitted = results.filter(({ status }) => status === 200).length;
    return { factor, sent: results.length, admitted, excess: excessOfRate(results) };
  });
  print(`Exact rate: ${LIMIT} in ${WINDOW} s, ${BURST} at once`, ['x limit', 'sent', 'admitted', 'most over burst + rate * T'],
    rows.map((row) => [row.factor, row.sent, row.admitted, row.excess.toFixed(2)]));
  const full = rows.find(({ factor }) => factor === 10);
  verdict(held, `Exact rate: ${Math.max(0, full.admitted - due)} over and ${Math.max(0, due - full.admitted)} under the ` +
    `${due} that are due at ten times the limit (bound 1 %)`,
    rows.every(({ excess }) => excess <= 0) && Math.abs(full.admitted - due) <= 0.01 * due + 1);
}

// --- a calendar quota ------------------------------------------------------------------------------------

/** A zone whose midnight is the next full minute that is at least `lead` seconds away: {at (ms), zone}. */
function midnightSoon(lead) {
  const at = Math.ceil((Date.now() + lead * 1000) / 60_000) * 60_000;
  const minute = Math.floor(at / 60_000) % DAY_MIN;
  const offset = minute <= 14 * 60 ? -minute : DAY_MIN - minute;
  const two = (number) => String(number).padStart(2, '0');
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return { at, zone: `${offset < 0 ? '-' : '+'}${two(hours)}:${two(minutes)}` };
}

async function playQuota(fleet, edgeMs) {
  const start = performance.now();
  const edge = (edgeMs - Date.now()) / 1000; // in play()'s time, which begins now, give or take a millisecond
  const results = await play(fleet.gateways, randomArrivals((4 * QUOTA) / SECONDS, SECONDS, 91),
    { path: '/system/peer/v1/quota', headers: fleet.headers('quota') });
  return { results, edge, tookMs: performance.now() - start };
}

function tellQuota(held, { results, edge }) {
  const days = [results.filter(({ sent }) => sent < edge), results.filter(({ answered }) => answered > edge)];
  const rows = days.map((day, i) => {
    // A request that was under way at midnight may belong to either day.
    const sure = day.filter(({ sent, answered }) => (i === 0 ? answered < edge - 0.01 : sent > edge + 0.01));
    const count = (list) => list.filter(({ status }) => status === 200).length;
    return { sent: day.length, sure: count(sure), all: count(day) };
  });
  print(`Calendar quota: ${QUOTA} a day, midnight ${edge.toFixed(0)} s into the minute`, ['day', 'sent', 'admitted'],
    rows.map((row, i) => [i === 0 ? 'before' : 'after', row.sent, row.all]));
  const over = Math.max(0, ...rows.map(({ sure }) => sure - QUOTA));
  const under = Math.max(0, ...rows.map(({ sent, all }) => Math.min(sent, QUOTA) - all));
  verdict(held, `Calendar quota: ${over} over, ${under} under (bound 0)`, over === 0 && under === 0);
}

// --- requests under way ----------------------------------------------------------------------------------

/** A backend that holds each request, and knows how many it holds. */
async function startHolder(t) {
  const holder = { now: 0, most: 0, area: 0, since: performance.now() };
  const change = (by) => {
    const at = performance.now();
    holder.area += holder.now * (at - holder.since);
    holder.since = at;
    holder.now += by;
    holder.most = Math.max(holder.most, holder.now);
  };
  const server = http.createServer(async (request, response) => {
    if (request.method !== 'GET') return void response.end();
    change(1);
    await sleep(HOLD_MS);
    change(-1);
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => (server.closeAllConnections(), server.close()));
  return Object.assign(holder, { url: `http://127.0.0.1:${server.address().port}` });
}

async function playSlots(fleet, holder) {
  const capacity = (SLOTS * 1000) / HOLD_MS; // a second
  holder.area = 0;
  const start = performance.now();
  const results = await play(fleet.gateways, randomArrivals(3 * capacity, SECONDS, 95),
    { path: '/system/peer/v1/slots', headers: fleet.headers('slots') });
  return { results, holder, mean: holder.area / (performance.now() - start) };
}

function tellSlots(held, { results, holder, mean }) {
  const admitted = results.filter(({ status }) => status === 200).length;
  print(`Requests under way: ${SLOTS} at once, each held ${HOLD_MS} ms`,
    ['sent', 'admitted', 'most at the backend', 'on average there'],
    [[results.length, admitted, holder.most, mean.toFixed(1)]]);
  // A slot is given back after the last byte: what lies between that and the next arrival is not granted.
  verdict(held, `Requests under way: ${Math.max(0, holder.most - SLOTS)} over (bound 0); ` +
    `${(SLOTS - mean).toFixed(1)} under on average (no bound is stated)`, holder.most <= SLOTS);
}

// --- all -------------------------------------------------------------------------------------------------

function contractOf(plans) {
  const paths = {};
  for (const plan of Object.keys(plans))
    paths[`/${plan}`] = {
      get: {
        operationId: plan, responses: { default: { description: 'Any.' } },
        'x-millgate': { plan, backend_path: '/mirror', ...(plan === 'slots' ? { backend: 'holder' } : {}) },
      },
    };
  return { 'peer.v1.yaml': peerContract({ plan: 'exact', paths }) };
}

async function withFleet(t, plans, holder) {
  const backends = { holder: { url: holder.url, grants } };
  return startFleet(t, {
    count: GATEWAYS, contracts: contractOf(plans), config: { plans, policies: PATIENT, backends },
  });
}

async function playExact(held) {
  const t = scope();
  try {
    const holder = await startHolder(t);
    const midnight = midnightSoon(25);
    const plans = {
      exact: { limit: LIMIT, window: `${WINDOW}s`, mode: 'exact', grants },
      rate: { limit: LIMIT, window: `${WINDOW}s`, burst: BURST, mode: 'exact', grants },
      quota: { limits: { day: { quota: QUOTA, per: 'day', zone: midnight.zone } }, grants },
      slots: { limits: { slots: { concurrent: SLOTS } }, grants },
    };
    const fleet = await withFleet(t, plans, holder);
    await sleep(Math.max(0, midnight.at - (SECONDS / 2) * 1000 - Date.now())); // midnight is half-way
    const [windows, rate, quota, slots] = await Promise.all([
      playWindows(fleet, 'exact', LIMIT), playRate(fleet), playQuota(fleet, midnight.at), playSlots(fleet, holder)]);
    tellWindows(held, 'Exact', windows, { limit: LIMIT, above: 1, below: 0.01, decisions: await decisionsOf(fleet) });
    tellRate(held, rate);
    tellQuota(held, quota);
    tellSlots(held, slots);
  } finally {
    await t.end();
  }
}

async function playLeased(held) {
  const t = scope();
  try {
    const plans = {
      exact: { limit: LIMIT, window: `${WINDOW}s`, mode: 'exact', grants },
      leased: { limit: LEASED, window: `${WINDOW}s`, grants },
    };
    const fleet = await withFleet(t, plans, await startHolder(t));
    const windows = await playWindows(fleet, 'leased', LEASED);
    const decisions = await decisionsOf(fleet);
    tellWindows(held, 'Leased', windows, { limit: LEASED, above: LEASED_BOUND, below: LEASED_BOUND - 1, decisions });
    process.stdout.write(`\nDecisions from memory: ${decisions.leased}; asked of Redis: ${decisions.exact}; ` +
      `without Redis: ${decisions.local}\n`);
  } finally {
    await t.end();
  }
}

export async function accuracy() {
  const held = [];
  await playExact(held);
  await playLeased(held);
  const doubts = await inDoubt(scope, (title, head, rows) => print(title, head, rows),
    (what, isHeld) => verdict(held, what, isHeld));
  process.stdout.write(`\nAccuracy: ${held.every(Boolean) ? 'all bounds held' : 'a bound was MISSED'}\n`);
  return { isHeld: held.every(Boolean), doubts };
}
