// script/bench iot: from Sparkplug messages on a real broker to events in the log. What a sample costs, how many a second are
// kept up with, how long an alarm is on its way, how few events come of the samples, beside Node-RED with one threshold; and
// how soon another gateway takes over, and one with 10,000 devices is there.
//
// An alarm's way is measured from the sample's time, which the sender sets when it sends, to the time at which Redis took the
// event into the log: both clocks are this machine's. So the broker is in it, and the sender's own queue.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

import { cpuMicros } from './measure.mjs';
import { floor, verdict } from './report.mjs';

const BATCH = 50;
const LEVELS = [25_000, 50_000, 100_000, 150_000, 200_000, 250_000, 300_000, 400_000, 500_000]; // samples a second
const SETTLED_MS = 1000; // after the last message: it was kept up with
const PATIENCE_MS = 60_000;
const FLIPS = 100; // alarms a second that come or go
const LATENCY_SECONDS = 10; // of a row
const WARM_UP_MS = 1000;
const YARDSTICK_MS = 20;
const MEMORY = '/dev/shm';

const out = (text) => process.stdout.write(`${text}\n`);

/** The computing alone, in one thread: bench.iot stands beside the program where that was built with MILLGATE_BENCH. */
function computing(seconds) {
  const program = join(process.env.MILLGATE_BIN, '..', 'tests', 'bench.iot');
  if (!existsSync(program)) return undefined;
  const text = execFileSync(program, [String(seconds)], { encoding: 'utf8' });
  out(`\n## Computing alone, one thread\n\n${text.trim().split('\n').map((line) => `    ${line}`).join('\n')}`);
  const [, rate] = /delta +\d+ ns\/sample +(\d+) samples/.exec(text);
  const [, bytes] = /(\d+) bytes for each series more/.exec(text);
  floor('samples a second and core, decoding to signals / 300,000', Number(rate) / 300_000, 1);
  verdict('bytes for each series more, rings apart / 300', Number(bytes) / 300, 1);
  return { rate: Number(rate), bytes: Number(bytes) };
}

/** Until the gateway has computed `messages` and told all; the milliseconds that took, or undefined: not in time. */
export async function settle(telemetry, messages, patienceMs = PATIENCE_MS) {
  const began = performance.now();
  while (performance.now() - began < patienceMs) {
    const [got, bytes, pending] = await Promise.all(
      ['messages_total', 'journal_pending_bytes', 'events_pending'].map((name) => telemetry.metric(`millgate_iot_${name}`)));
    if (got >= messages && bytes === 0 && pending === 0) return performance.now() - began;
    await sleep(20);
  }
  return undefined;
}

async function quiet({ telemetry }) {
  for (let last = -1, now = 0; last !== now; last = now, now = await telemetry.metric('millgate_iot_messages_total')) await sleep(1500);
  await settle(telemetry, 0);
  return telemetry.metric('millgate_iot_messages_total');
}

async function level({ plant, load, lib }, rate, seconds) {
  const before = await quiet(plant);
  const appends = await plant.telemetry.metric('millgate_iot_journal_appends_total');
  const spent = lib.spentMicros(plant.pids), own = cpuMicros(load.pid);
  const { sent, seconds: took } = await load.run({ rate: rate / BATCH, seconds, batch: BATCH, every: Math.round(rate / BATCH / FLIPS) * 2 + 1 });
  const settledMs = await settle(plant.telemetry, before + sent);
  const samples = sent * BATCH;
  const micros = lib.perUnit(spent, lib.spentMicros(plant.pids), samples);
  const commits = (await plant.telemetry.metric('millgate_iot_journal_appends_total')) - appends;
  return { rate: samples / took, wanted: rate, settledMs, micros, sender: (cpuMicros(load.pid) - own) / samples, perCommit: sent / commits,
    isKept: settledMs !== undefined && settledMs <= SETTLED_MS && took <= seconds * 1.05 };
}

function printLevels(rows) {
  out('\n## From the broker to the log: batches of 50, 10,000 series, three signals each, journaled with `appendfsync always`\n');
  out('| samples/s | all done after the last, ms | gateway us/sample | Redis | broker | sender | messages a commit |\n|---|---|---|---|---|---|---|');
  for (const { rate, settledMs, micros, sender, perCommit, isKept } of rows)
    out(`| ${rate.toFixed(0)}${isKept ? '' : ' (not kept up with)'} | ${settledMs?.toFixed(0) ?? '-'} | ${micros.gateway.toFixed(3)} | ` +
      `${micros.redis.toFixed(3)} | ${micros.broker.toFixed(3)} | ${sender.toFixed(3)} | ${perCommit.toFixed(1)} |`);
}

async function throughput(parts, stage) {
  const rows = [];
  for (const rate of LEVELS) {
    const row = await level(parts, rate, stage.seconds);
    process.stderr.write(`  ${rate} samples/s: ${row.isKept ? 'kept up with' : 'not kept up with'}, ${row.settledMs?.toFixed(0)} ms behind\n`);
    rows.push(row);
    if (!row.isKept) break;
  }
  printLevels(rows);
  return rows;
}

const sorted = (list) => list.sort((a, b) => a - b);

/** What a small write to the disk takes meanwhile, for another process on this machine: an alarm waits for two. */
async function yardstick(dir, until) {
  const times = [];
  const file = await open(join(dir, `yardstick-${process.pid}`), 'w');
  while (!until.isOver) {
    const began = performance.now();
    await file.write('yardstick');
    await file.datasync();
    times.push(performance.now() - began);
    await sleep(YARDSTICK_MS);
  }
  await file.close();
  return sorted(times);
}

/** Of alarms that come and go in the midst of a stream of this rate: [{time, way}], in ms since it began. What waits for the lateness when
 * a stream begins anew is computed at once, which is not what is measured: the first second counts for nothing. */
async function alarms({ plant, load, lib, folder }, rate, seconds) {
  const before = await quiet(plant);
  const over = { isOver: false }, began = Date.now() + WARM_UP_MS;
  const writing = yardstick(folder, over);
  const { sent, pauses } = await load.run({ rate: rate / BATCH, seconds: seconds + WARM_UP_MS / 1000, batch: BATCH, every: Math.round(rate / BATCH / FLIPS) * 2 + 1 });
  over.isOver = true;
  const writes = await writing;
  if ((await settle(plant.telemetry, before + sent)) === undefined) throw new Error('the gateway did not get done');
  const ways = lib.readLog(plant.redis).filter(({ event }) => /raised|cleared/.test(event.type))
    .map(({ ms, event }) => ({ time: Date.parse(event.time) - began, way: ms - Date.parse(event.time) })).filter(({ time }) => time >= 0);
  return { ways, writes, pause: Math.max(0, ...pauses.map(([, ms]) => ms)) };
}

const rowOf = (lib, ways) => ({ count: ways.length, p50: lib.percentile(ways, 0.5), p99: lib.percentile(ways, 0.99), max: ways.at(-1) });

async function latency(parts, stage, rate, where) {
  const count = Math.min(stage.pairs, 5), { lib } = parts;
  out(`\n## An alarm's way from the sample's time to the log, at ${rate.toFixed(0)} samples/s, records ${where}\n`);
  out('| alarms | p50 ms | p99 ms | longest |\n|---|---|---|---|');
  const { ways, writes, pause } = await alarms(parts, rate, count * LATENCY_SECONDS);
  const rows = Array.from({ length: count }, (_, i) => rowOf(lib, sorted(ways.filter(({ time }) => Math.floor(time / 1000 / LATENCY_SECONDS) === i).map(({ way }) => way))));
  for (const row of rows) {
    if (row.count < LATENCY_SECONDS * FLIPS / 4) throw new Error(`only ${row.count} alarms came or went`);
    out(`| ${row.count} | ${row.p50} | ${row.p99} | ${row.max} |`);
  }
  const all = rowOf(lib, sorted(ways.map(({ way }) => way)));
  out(`\nAll: p99 ${all.p99} ms. A small write there meanwhile: p50 ${lib.percentile(writes, 0.5).toFixed(1)}, p99 ${lib.percentile(writes, 0.99).toFixed(1)}, ` +
    `longest ${writes.at(-1).toFixed(0)} ms; the sender stood still for ${pause} ms at the most.`);
  return { rate, rows, p99: all.p99 };
}

/** A gateway on 10,000 series, its broker and a Redis that keeps its files in `folder`. */
async function startBatches(scope, folder, lib) {
  const broker = await lib.startBroker(scope, join(folder, 'broker'));
  const redis = await lib.startRecords(scope, join(folder, 'records'));
  const plant = await lib.startPlantGateway(scope, { dir: join(folder, 'iot'), broker, redis,
    registry: lib.writeRegistry(join(folder, 'registry'), lib.SHAPE), signals: lib.writeSignals(join(folder, 'signals'), lib.SHAPE) });
  const load = await lib.startLoad(scope, { broker: plant.telemetry.edge, shape: lib.SHAPE, kind: 'sparkplug' });
  await load.run({ rate: 500, seconds: 1, batch: BATCH });
  return { plant, load, lib, folder };
}

async function onDisk(scope, stage, lib) {
  const parts = await startBatches(scope, join(stage.dir, 'batches'), lib);
  const levels = await throughput(parts, stage);
  const most = Math.max(...levels.filter(({ isKept }) => isKept).map(({ wanted }) => wanted), 0);
  return { levels, most, way: most > 0 ? await latency(parts, stage, most / 2, 'on the disk') : undefined };
}

/** The same without a disk: what is Millgate's own, on a machine whose disk is slow for others. */
async function inMemory(scope, stage, lib, rate) {
  const folder = mkdtempSync(join(MEMORY, 'millgate-bench-'));
  scope.after(() => rmSync(folder, { recursive: true, force: true }));
  return latency(await startBatches(scope, folder, lib), stage, rate, 'in memory');
}

async function batches(stage, lib) {
  const disk = await inScope((scope) => onDisk(scope, stage, lib));
  if (!disk.way) return disk;
  verdict("99 % of alarms' ways at half load, ms / 20", disk.way.p99 / 20, 1);
  if (!existsSync(MEMORY)) return disk;
  const memory = await inScope((scope) => inMemory(scope, stage, lib, disk.most / 2));
  verdict('the same with the records in memory, ms / 20', memory.p99 / 20, 1);
  return { ...disk, memory };
}

/** The plant of the rig and the signals that ship, an hour of it with some trouble. */
async function reduction(scope, stage, lib) {
  const { startTelemetry } = await import('../http/support/iot.mjs');
  const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');
  const broker = await lib.startBroker(scope, join(stage.dir, 'plant-broker'));
  const telemetry = await startTelemetry(scope, { layout: LAYOUT, broker, dir: join(stage.dir, 'plant') });
  const plant = await startPlant(scope, { broker: telemetry.edge, layout: LAYOUT, backMs: 7_200_000 });
  await plant.step(1200);
  await plant.fault('breakdown', 'cnc-1');
  await plant.fault('vibrate', 'lathe-1', { by: 9 });
  await plant.fault('open', 'cold-store-1');
  await plant.step(1200);
  await plant.mend('breakdown', 'cnc-1');
  await plant.mend('vibrate', 'lathe-1');
  await plant.mend('open', 'cold-store-1');
  await plant.step(1200);
  await telemetry.settled(plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0));
  const samples = await telemetry.metric('millgate_iot_samples_total'), events = (await telemetry.read()).length;
  out(`\n## What comes of an hour of the plant: ${samples} samples, ${events} events: ${(samples / events).toFixed(0)} to 1`);
  return { samples, events };
}

const hasRig = () => existsSync(fileURLToPath(new URL('../rigs/iot/node_modules/sparkplug-client', import.meta.url))) &&
  `${process.env.PATH}:/usr/sbin`.split(':').some((folder) => existsSync(join(folder, 'mosquitto')));

async function inScope(work) {
  const ends = [];
  try {
    return await work({ after: (end) => ends.unshift(end) });
  } finally {
    for (const end of ends) await end();
  }
}

export async function iot(stage) {
  if (!stage.hasGateway || !hasRig()) {
    out('\n## Telemetry: nothing to measure without the program, mosquitto and the packages of tests/rigs/iot');
    return {};
  }
  const lib = { ...(await import('./iot_plant.mjs')), ...(await import('./iot_load.mjs')) };
  const { besideNodeRed } = await import('./iot_nodered.mjs');
  const { starting, takeOver } = await import('./iot_fleet.mjs');
  return {
    computing: computing(stage.seconds),
    batches: await batches(stage, lib),
    reduction: await inScope((scope) => reduction(scope, stage, lib)),
    nodeRed: await inScope((scope) => besideNodeRed(scope, stage, lib)),
    takeOver: await inScope((scope) => takeOver(scope, stage, lib)),
    starting: await inScope((scope) => starting(scope, stage, lib)),
  };
}
