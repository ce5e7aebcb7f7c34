// CPU time of a process per request, under wrk. What a machine's other work takes away from one run
// it takes away from the next as well: so runs are interleaved, and ratios are medians over pairs.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const TICKS_PER_SECOND = 100; // USER_HZ: fixed in Linux's interface
const SCRIPT = fileURLToPath(new URL('load.lua', import.meta.url));

/** User and system time of all the process's threads, in microseconds. */
export function cpuMicros(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
}

export function memoryMiB(pid, key = 'VmRSS') {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)[1]) / 1024;
}

/** Runs wrk, below the words of `prefix`; `load` is given to load.lua by the environment (see there). */
export function wrk({ url, connections, seconds, load = {}, withScript = true, prefix = [] }) {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '--latency'];
  if (withScript) args.push('-s', SCRIPT);
  const env = { ...process.env };
  for (const [name, value] of Object.entries(load)) env[`LOAD_${name.toUpperCase()}`] = String(value);
  const [program, ...words] = [...prefix, 'wrk', ...args, url];
  const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (bytes) => (output += bytes));
  child.stderr.on('data', (bytes) => (output += bytes));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      const line = /^RESULT (.*)$/m.exec(output);
      if (code !== 0 || !line) reject(new Error(`wrk failed (${code}):\n${output}`));
      else resolve(JSON.parse(line[1]));
    });
  });
}

/** One run against `target` {pid, url, redisPid}: per-request CPU of it, and of its Redis. */
export async function measure(target, { connections = 64, seconds, load = {} }) {
  await target.before?.();
  const pids = [target.pid, target.redisPid].filter(Boolean);
  const before = pids.map(cpuMicros);
  const result = await wrk({ url: target.url, connections, seconds, load: { ...target.load, ...load } });
  await sleep(20); // the last log lines
  const spent = pids.map((pid, i) => cpuMicros(pid) - before[i]);
  check(target, result, load);
  return {
    ...result,
    micros: spent[0] / result.requests,
    redisMicros: target.redisPid ? spent[1] / result.requests : undefined,
  };
}

// A benchmark of error pages is worthless: every answer has the class that the row is about.
function check(target, result, load) {
  const { requests, errors } = result;
  const wanted = load.expect === 'refused' ? requests : 0;
  const wrong = Math.abs(errors.status - wanted);
  const allowed = load.expect === 'refused' ? requests * 0.05 + 64 : 0; // what the limit still grants
  if (requests === 0 || wrong > allowed)
    throw new Error(`${target.name}: ${wrong} of ${requests} answers have the wrong status`);
  if (errors.connect + errors.read + errors.write + errors.timeout > 0)
    throw new Error(`${target.name}: socket errors ${JSON.stringify(errors)}`);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Measures every target once per round, `pairs` rounds, always in the same order. */
export async function interleave(targets, { pairs, progress = () => {}, ...options }) {
  const runs = new Map(targets.map((target) => [target.name, []]));
  for (const target of targets) await measure(target, { ...options, seconds: 1 }); // warm
  for (let pair = 0; pair < pairs; pair++) {
    for (const target of targets) {
      runs.get(target.name).push(await measure(target, options));
      progress(target.name, pair, runs.get(target.name).at(-1));
    }
  }
  return runs;
}

/** Per target its numbers, and the ratio to `base` pair by pair. */
export function summarize(runs, base) {
  const baseRuns = runs.get(base);
  return [...runs].map(([name, list]) => ({
    name,
    micros: spread(list.map((run) => run.micros)),
    redisMicros: list[0].redisMicros === undefined ? undefined : spread(list.map((r) => r.redisMicros)),
    rate: median(list.map((run) => run.requests / run.seconds)),
    ratio: spread(list.map((run, i) => run.micros / baseRuns[i].micros)),
  }));
}
