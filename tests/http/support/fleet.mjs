// Several gateways on one Redis, and load on them by a timetable; what was admitted is judged from
// when each request was sent and answered, so that a busy machine cannot make a right answer wrong.

import http from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { startPeer } from '../../rigs/peer/peer.mjs';
import { startRedis } from '../../rigs/redis.mjs';
import { makeFolder, startGateway } from './harness.mjs';
import { Issuer } from './tokens.mjs';

export async function withRedis(t, options = {}) {
  const redis = await startRedis({ dir: join(makeFolder(), 'redis'), socket: true, ...options });
  t.after(async () => {
    redis.process.kill('SIGCONT'); // a stopped one would not end
    await redis.stop('SIGKILL');
  });
  return redis;
}

/** `count` gateways of one issuer, one peer and one Redis: {gateways, redis, issuer, peer, headers(subject)}. */
export async function startFleet(t, { count = 4, redis, config, contracts } = {}) {
  const issuer = new Issuer();
  const peer = await startPeer();
  t.after(() => peer.stop());
  const shared = redis ?? (await withRedis(t));
  const gateways = await Promise.all(Array.from({ length: count }, () =>
    startGateway(t, { issuer, peer, contracts, config: { redis: shared.url ?? shared.config, peerUrl: peer.url, ...config } })));
  const headers = (subject, claims) => ({ authorization: `Bearer ${issuer.token({ sub: subject, ...claims })}` });
  return { gateways, redis: shared, issuer, peer, headers };
}

/** Numbers from 0 to 1, the same for the same seed. */
export function makeNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Arrivals at random, `rate` a second on average. */
export function randomArrivals(rate, seconds, seed) {
  const number = makeNumbers(seed);
  const times = [];
  for (let at = 0; ; ) {
    at -= Math.log(1 - number()) / rate;
    if (at >= seconds) return times;
    times.push(at);
  }
}

/** As many, but all of a window close to its edge, at random, before and behind it. */
export function edgeArrivals(rate, seconds, window, seed) {
  const number = makeNumbers(seed);
  const times = [];
  for (let edge = window * 0.5; edge < seconds; edge += window)
    for (let i = 0; i < Math.round(rate * window); i++) times.push(edge + (number() - 0.5) * window * 0.1);
  return times.filter((time) => time >= 0 && time < seconds).sort((a, b) => a - b);
}

/** Sends one request for each time, to the gateways in turn; [{sent, answered, status}] in seconds. */
export async function play(gateways, times, { path, headers }) {
  const agents = gateways.map(() => new http.Agent({ keepAlive: true, maxSockets: 200 }));
  const start = performance.now();
  const clock = () => (performance.now() - start) / 1000;
  const results = [];
  const pending = [];
  let next = 0;
  while (next < times.length) {
    for (const now = clock(); next < times.length && times[next] <= now; next++)
      pending.push(call(gateways[next % gateways.length], agents[next % agents.length], { path, headers, clock })
        .then((result) => results.push(result)));
    await sleep(1);
  }
  await Promise.all(pending);
  for (const agent of agents) agent.destroy();
  return results.sort((a, b) => a.sent - b.sent);
}

function call(gateway, agent, { path, headers, clock }) {
  const sent = clock();
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port: gateway.port, path, headers, agent }, (response) => {
      const answered = clock();
      response.resume();
      response.on('end', () => resolve({ sent, answered, status: response.statusCode, headers: response.headers }));
    });
    request.setTimeout(20_000, () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
  });
}

/** The most that were certainly admitted within one window, wherever it is laid. */
export function mostWithin(results, window) {
  const admitted = results.filter((result) => result.status === 200);
  let most = 0;
  for (const { sent: from } of admitted) {
    const within = admitted.filter((result) => result.sent >= from && result.answered < from + window);
    most = Math.max(most, within.length);
  }
  return most;
}

/** What a sliding window without any error would have admitted of requests sent at those times. */
export function idealCount(results, limit, window) {
  const admitted = [];
  let first = 0;
  for (const { sent } of results) {
    while (first < admitted.length && admitted[first] + window <= sent) first++;
    if (admitted.length - first < limit) admitted.push(sent);
  }
  return admitted.length;
}

/** What a window of `limit` admitted, beside what is due; `over` and `under` in requests. A decision is made at
 * some moment between a request's sending and its answer: so `most` is what surely lies within one window, and
 * `due` what an ideal window would have admitted that is longer by what the slowest answer took. */
export function judgeWindow(results, { limit, window }) {
  const slowest = Math.max(...results.map(({ sent, answered }) => answered - sent));
  const ideal = idealCount(results, limit, window);
  const due = Math.min(ideal, idealCount(results, limit, window + 2 * slowest));
  const admitted = results.filter(({ status }) => status === 200).length;
  const most = mostWithin(results, window);
  return {
    sent: results.length, admitted, ideal, due, most, slowest,
    over: Math.max(0, most - limit), under: Math.max(0, due - admitted),
  };
}
