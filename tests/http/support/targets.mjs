// A gateway in front of several targets, and what the tests of them share.

import { setTimeout as sleep } from 'node:timers/promises';

import { startPeer } from '../../rigs/peer/peer.mjs';
import { eventually, startGateway } from './harness.mjs';

export const grants = ['/system/*'];

/** A gateway whose backend `peer` has `count` targets. `target(i)` gives further members of each, `more` of the
 * backend, `config` of the whole file. */
export async function startTargets(t, { count = 3, target = () => ({}), more = {}, config = {}, contracts } = {}) {
  const peers = await Promise.all(Array.from({ length: count }, () => startPeer()));
  const targets = peers.map(({ url }, i) => ({ url, ...target(i) }));
  const { backends, ...others } = config;
  const gw = await startGateway(t, {
    peer: null, contracts, config: { backends: { peer: { targets, grants, ...more }, ...backends }, ...others },
  });
  t.after(() => Promise.all(peers.map((peer) => peer.stop())));
  return { gw, peers, total: (path) => peers.reduce((sum, peer) => sum + peer.count(path), 0) };
}

/** Calls `one` until `count` calls were made, `width` at a time; gives what they gave. */
export async function inParallel(count, width, one) {
  const results = [];
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (next < count) {
      const at = next++;
      results[at] = await one(at);
    }
  }));
  return results;
}

/** The sum of a metric over all lines that have these labels. */
export async function metric(gw, name, labels = '') {
  await sleep(250); // workers publish theirs each 100 ms
  const { text } = await gw.admin('/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith(name) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

export function logLine(gw, path) {
  return eventually(() => gw.accessLog().find((line) => line.path === path), 'the line is written');
}
