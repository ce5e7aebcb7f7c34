// The sections of the benchmark. Each prints a table and returns what belongs in the results file.
// Without the program (MILLGATE_BIN) the baselines run alone.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { RawClient } from '../http/support/raw_client.mjs';
import { startRedis } from '../rigs/redis.mjs';
import { manyRoutes, orderBody, PLAIN, startGateway, stopGateway } from './gateway.mjs';
import { cpuMicros, interleave, measure, median, memoryMiB, spread, summarize } from './measure.mjs';
import { table, verdict } from './report.mjs';
import { startHaproxyPlain, startHaproxyPolicy, startNginxProxy, startUpstream } from './targets.mjs';

export { limits } from './limits.mjs';

const LIMIT = 10; // of the storm's plan, per minute
const NEW_TOKENS = 20_000; // per run of the row in which each token is new
const NEW_SECONDS = 2; // in which most of them are used; wrk waits to the end of it

/** Everything the sections share, started once. */
export async function makeStage({ dir, tokens, ...options }) {
  const bodyPath = join(dir, 'order.json');
  writeFileSync(bodyPath, orderBody());
  const stage = { ...options, dir, tokens, bodyPath, upstream: await startUpstream(dir) };
  if (options.hasGateway) stage.redis = await startRedis({ dir: join(dir, 'redis'), socket: true });
  return stage;
}

function progress(name, pair, run) {
  process.stderr.write(`  ${name} #${pair + 1}: ${run.micros.toFixed(2)} us, ${run.requests} requests\n`);
}

async function compare(title, stage, targets, base, options = {}) {
  const { pairs, seconds } = stage;
  const runs = await interleave(targets, { pairs, seconds, progress, ...options });
  const rows = summarize(runs, base);
  table(`${title} (${options.connections ?? 64} connections, ${options.pairs ?? pairs} pairs)`, rows, base);
  return rows;
}

// Twice: at 64 connections, which is judged, and at 4, which is not.
async function compareBoth(title, stage, targets, base, options = {}) {
  const judged = await compare(title, stage, targets, base, options);
  const few = await compare(title, stage, targets, base, { ...options, connections: 4, pairs: 3 });
  return { at64: judged, at4: few };
}

export async function proxy(stage) {
  const targets = [await startHaproxyPlain(stage.dir, stage.upstream)];
  if (stage.hasGateway) targets.push(await startGateway(stage.dir, { ...stage, redis: undefined, ...PLAIN }));
  targets.push(await startNginxProxy(stage.dir, stage.upstream));
  const rows = await compareBoth('Plain proxy, GET', stage, targets, 'haproxy');
  verdict('plain proxy / HAProxy', rows.at64.find((row) => row.name === 'millgate')?.ratio.median, 1.2);
  return rows;
}

export async function policy(stage) {
  const tokensPath = await stage.tokens.file(1000);
  const load = { body: stage.bodyPath, tokens: tokensPath };
  const targets = [await startHaproxyPolicy(stage.dir, stage.upstream, stage.tokens)];
  if (stage.hasGateway) targets.push(await startGateway(stage.dir, stage));
  const rows = await compareBoth('888-byte POST, 1,000 tokens in turn: RS256 JWT + limit (+ schema)', stage,
    targets, 'haproxy+jwt', { load });
  const own = rows.at64.find((row) => row.name === 'millgate');
  verdict('policy chain / HAProxy with jwt_verify + stick table', own?.ratio.median, 0.65);
  return rows;
}

// Each token once: nothing in a cache can help. The gateway is started anew for each run.
export async function tokens(stage) {
  const tokensPath = await stage.tokens.file(NEW_TOKENS, { subjects: 1000, name: 'tokens-new' });
  const load = { body: stage.bodyPath, tokens: tokensPath, once: 1 };
  const base = await startHaproxyPolicy(stage.dir, stage.upstream, stage.tokens);
  const runs = new Map([[base.name, []]]);
  for (let pair = 0; pair < stage.pairs; pair++) {
    runs.get(base.name).push(await measure(base, { seconds: NEW_SECONDS, load }));
    progress(base.name, pair, runs.get(base.name).at(-1));
    if (!stage.hasGateway) continue;
    const own = await startGateway(stage.dir, { ...stage, name: 'millgate' });
    if (!runs.has(own.name)) runs.set(own.name, []);
    runs.get(own.name).push(await measure(own, { seconds: NEW_SECONDS, load }));
    progress(own.name, pair, runs.get(own.name).at(-1));
    await stopGateway(own);
  }
  const rows = summarize(runs, base.name);
  table(`888-byte POST, every token new (${NEW_TOKENS} per run)`, rows, base.name);
  return rows;
}

// wrk opens a closed connection again without a word, so this is asked apart: do 100 requests, most of
// them refused, pass over one connection?
async function assertKept(target, stage, tokensPath) {
  const token = readFileSync(tokensPath, 'utf8').split('\n')[0];
  const body = readFileSync(stage.bodyPath, 'latin1');
  const client = await RawClient.open(target.port);
  let refused = 0;
  for (let i = 0; i < 100; i++) {
    client.send(`POST /system/bench/v1/item HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n` +
      `Authorization: Bearer ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const answer = await client.response();
    if (!answer) throw new Error(`${target.name} closed the connection after ${i} answers`);
    if (answer.status === 429) refused++;
  }
  client.destroy();
  if (refused < 80) throw new Error(`${target.name} refused only ${refused} of 100`);
}

// Nearly every request is over its limit, and the connections are kept.
export async function storm(stage) {
  const tokensPath = await stage.tokens.file(10, { name: 'tokens-storm' });
  const load = { body: stage.bodyPath, tokens: tokensPath, expect: 'refused' };
  const targets = [
    await startHaproxyPolicy(stage.dir, stage.upstream, { ...stage.tokens, limit: LIMIT, name: 'haproxy+jwt' }),
  ];
  if (stage.hasGateway)
    targets.push(await startGateway(stage.dir, { ...stage, limit: { limit: LIMIT, window: '60s', burst: 1 } }));
  for (const target of targets) await assertKept(target, stage, tokensPath);
  return compare('429 storm, 888-byte POST', stage, targets, 'haproxy+jwt', { load });
}

// Closed loop with pauses: 64 connections that together ask half of what the target can do.
async function latencyOf(target, stage, load, pauseMs) {
  const runs = [];
  for (let i = 0; i < Math.min(stage.pairs, 5); i++)
    runs.push(await measure(target, { seconds: stage.seconds, load: { ...load, pause_ms: pauseMs } }));
  return {
    name: target.name,
    rate: median(runs.map((run) => run.requests / run.seconds)),
    p50: spread(runs.map((run) => run.p50_us)),
    p99: spread(runs.map((run) => run.p99_us)),
  };
}

export async function latency(stage) {
  const load = { body: stage.bodyPath, tokens: await stage.tokens.file(1000) };
  const direct = { ...stage.upstream, name: 'upstream alone', url: `http://127.0.0.1:${stage.upstream.port}/` };
  const targets = [await startHaproxyPolicy(stage.dir, stage.upstream, stage.tokens)];
  if (stage.hasGateway) targets.push(await startGateway(stage.dir, stage));
  const rows = [];
  for (const target of targets) {
    const full = await measure(target, { seconds: stage.seconds, load });
    const pauseMs = Math.max(1, Math.round((64 * 1000) / (full.requests / full.seconds / 2)));
    const alone = await latencyOf(direct, stage, load, pauseMs);
    const through = await latencyOf(target, stage, load, pauseMs);
    rows.push({ ...through, pauseMs, alone, addedP50: through.p50.median - alone.p50.median,
      addedP99: through.p99.median - alone.p99.median });
  }
  process.stdout.write('\n## Added latency at half load (64 connections, 888-byte POST, policies on)\n\n');
  process.stdout.write('| target | requests/s | p50 us (alone) | p99 us (alone) | added p50 us | added p99 us |\n');
  process.stdout.write('|---|---|---|---|---|---|\n');
  for (const row of rows)
    process.stdout.write(`| ${row.name} | ${row.rate.toFixed(0)} | ${row.p50.median} (${row.alone.p50.median}) | ` +
      `${row.p99.median} (${row.alone.p99.median}) | ${row.addedP50} | ${row.addedP99} |\n`);
  return rows;
}

export async function memory(stage) {
  const load = { body: stage.bodyPath, tokens: await stage.tokens.file(1000) };
  const targets = [await startHaproxyPolicy(stage.dir, stage.upstream, stage.tokens)];
  if (stage.hasGateway) targets.push(await startGateway(stage.dir, stage));
  const rows = [];
  for (const target of targets) {
    const idle = memoryMiB(target.pid);
    for (const connections of [64, 1000]) await measure(target, { seconds: stage.seconds, load, connections });
    rows.push({ name: target.name, idle, loaded: memoryMiB(target.pid), highest: memoryMiB(target.pid, 'VmHWM') });
  }
  process.stdout.write('\n## Memory, MiB resident\n\n| target | idle | after 64 and 1,000 connections | highest |\n|---|---|---|---|\n');
  for (const row of rows)
    process.stdout.write(`| ${row.name} | ${row.idle.toFixed(1)} | ${row.loaded.toFixed(1)} | ${row.highest.toFixed(1)} |\n`);
  return rows;
}

export async function routes(stage) {
  if (!stage.hasGateway) {
    process.stdout.write('\n## Routes: nothing to measure without the program\n');
    return [];
  }
  const targets = [];
  for (const count of [10, 1000, 10_000]) {
    const { paths, called } = manyRoutes(count);
    const pathsPath = join(stage.dir, `paths-${count}`);
    writeFileSync(pathsPath, `${called.join('\n')}\n`);
    const target = await startGateway(stage.dir, {
      ...stage, redis: undefined, ...PLAIN, name: `routes-${count}`, contract: { ...PLAIN.contract, paths },
    });
    targets.push({ ...target, load: { paths: pathsPath }, startMicros: cpuMicros(target.pid) });
  }
  const rows = await compare('Routes', stage, targets, 'routes-10');
  for (const target of targets)
    process.stdout.write(`${target.name}: ${(target.startMicros / 1e6).toFixed(2)} s CPU to start, ` +
      `${memoryMiB(target.pid).toFixed(1)} MiB\n`);
  return rows;
}
