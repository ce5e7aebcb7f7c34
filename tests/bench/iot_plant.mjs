// What the telemetry section measures on: edge nodes, their devices and signals, as files; the gateway with them.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startTelemetry } from '../http/support/iot.mjs';
import { startMosquitto } from '../rigs/iot/mosquitto.mjs';
import { startRedis } from '../rigs/redis.mjs';
import { cpuMicros } from './measure.mjs';

export const SHAPE = { nodes: 4, devices: 50, metrics: 50 }; // 10,000 series

export const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

function write(dir, name, value) {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify(value)); // which is YAML, too
  return path;
}

/** nodes x devices of one type `m`, or of `type` if that is known already. */
export function writeRegistry(dir, { nodes, devices, metrics }, type) {
  const names = Array.from({ length: metrics ?? 0 }, (_, i) => i);
  const types = type ? {} : { types: { m: { metrics: Object.fromEntries(names.map((i) => [`x${i}`, { source: `Axis/${i}/Position` }])) } } };
  const list = Array.from({ length: nodes * devices }, (_, i) => ({
    group: 'g', edge_node: `n${Math.floor(i / devices)}`, device: `d${i % devices}`, type: type ?? 'm', equipment: `E${i}`, plant: '1010' }));
  return write(dir, 'registry.yaml', { ...types, devices: list });
}

/** Of each series an alarm with hysteresis that waits for nothing, a window's mean and what a counter went on by; windows are
 * told where they are out of bounds. */
export function writeSignals(dir, { metrics }) {
  const head = (i, kind) => ({ signal: `${kind}-${i}`, devices: ['m'], inputs: { x: { metric: `x${i}` } } });
  const beyond = { value: 'v', above: 1e9 };
  for (let i = 0; i < metrics; i++) {
    write(dir, `alarm-${i}.signal.yaml`, { ...head(i, 'alarm'), lateness: 'PT0S',
      alarm: { raised: 'bench.raised.v1', cleared: 'bench.cleared.v1', raise: { value: 'x', above: 90, clearBelow: 80 } } });
    write(dir, `mean-${i}.signal.yaml`, { ...head(i, 'mean'), window: { tumbling: 'PT1M' }, values: { v: { mean: 'x' } },
      event: { type: 'bench.mean.v1', when: beyond } });
    write(dir, `delta-${i}.signal.yaml`, { ...head(i, 'delta'), window: { tumbling: 'PT5M' }, values: { v: { delta: 'x' } },
      event: { type: 'bench.delta.v1', when: beyond } });
  }
  return dir;
}

/** One alarm, on the first metric. */
export function writeThreshold(dir) {
  write(dir, 'threshold.signal.yaml', { signal: 'threshold', devices: ['m'], inputs: { x: { metric: 'x0' } }, lateness: 'PT0S',
    alarm: { raised: 'bench.raised.v1', cleared: 'bench.cleared.v1', raise: { value: 'x', above: 90, clearBelow: 80 } } });
  return dir;
}

/** Its state is written at the end, not with each change: it is not the broker that is measured. */
export async function startBroker(scope, dir) {
  const broker = await startMosquitto({ dir, settings: ['queue_qos0_messages true', 'autosave_on_changes false', 'autosave_interval 0', 'set_tcp_nodelay true'] });
  scope.after(() => broker.kill());
  return broker;
}

/** As the private one: each write is on disk before it is answered. */
export async function startRecords(scope, dir) {
  const redis = await startRedis({ dir, socket: true, settings: ['--appendfsync', 'always'] });
  scope.after(() => redis.stop('SIGKILL'));
  return redis;
}

/** {telemetry, broker, redis, pids}: a gateway with these signals on that registry. */
export async function startPlantGateway(scope, { dir, broker, redis, registry, signals, ...options }) {
  const telemetry = await startTelemetry(scope, {
    dir, layout: [], broker, iot: { registry: [registry].flat(), signals: [signals].flat(), checkpoint: '10s', ...options.iot },
    config: { redis: redis.url }, start: options.start,
  });
  const own = telemetry.gw;
  return { telemetry, broker, redis, gw: own, get pids() { return { gateway: own.pid, redis: redis.process.pid, broker: broker.pid }; } };
}

export const spentMicros = (pids) => Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuMicros(pid)]));

export function perUnit(before, after, count) {
  return Object.fromEntries(Object.keys(before).map((name) => [name, (after[name] - before[name]) / count]));
}

/** All events of the log with the time at which Redis took them: [{ms, event}]. */
export function readLog(redis) {
  const events = [];
  for (let partition = 0; partition < 8; partition++) {
    const text = execFileSync('redis-cli', ['-s', redis.socketPath, '--raw', 'XRANGE', `{millgate:events:${partition}}:stream`, '-', '+'],
      { encoding: 'utf8', maxBuffer: 1 << 29 });
    const lines = text.split('\n').filter(Boolean); // an entry is three: its place, the field's name, the event
    for (let i = 0; i + 2 < lines.length; i += 3) events.push({ ms: Number(lines[i].split('-')[0]), event: JSON.parse(lines[i + 2]) });
  }
  return events;
}
