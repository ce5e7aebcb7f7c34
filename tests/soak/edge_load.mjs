// An edge under real load: its line to the centre is cut for minutes, and it is killed twice in between, in the midst of a stream
// that does not stop. The centre's log must have what the samples give, each once and in order.
//
// All messages have QoS 1. What is to arrive is computed offline of all that the edge nodes were told the broker has: what was
// journaled before a kill, and what the broker's session kept. Nothing may be missing.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Edge, Line, startCentre } from '../http/support/edge.mjs';
import { eventually, makeFolder, PROGRAM } from '../http/support/harness.mjs';
import { assertSame } from '../http/support/iot.mjs';
import { startLoad } from './load.mjs';

const SHAPE = { nodes: 4, devices: 25, metrics: 10 };
const BOUNDS = { max_bytes: '64MiB', max_journal_bytes: '64MiB' };
const MIB = 1 << 20;
const BEFORE_MS = 15_000, AFTER_MS = 10_000, DOWN_MS = 3000, LOOK_MS = 1000;
const BROKER = ['autosave_on_changes false', 'autosave_interval 0', 'set_tcp_nodelay true', 'max_queued_bytes 0'];

const out = (text) => process.stdout.write(`${text}\n`);

function writeFiles(dir) {
  mkdirSync(dir, { recursive: true });
  const write = (name, value) => (writeFileSync(join(dir, name), JSON.stringify(value)), join(dir, name));
  const axes = Array.from({ length: SHAPE.metrics }, (_, i) => i);
  const devices = Array.from({ length: SHAPE.nodes * SHAPE.devices }, (_, i) => ({
    group: 'g', edge_node: `n${i % SHAPE.nodes}`, device: `d${Math.floor(i / SHAPE.nodes)}`, type: 'm', equipment: `E${i}`, plant: '1020' }));
  const signal = (name, metric, more) => write(`${name}.signal.yaml`, { signal: name, devices: ['m'], inputs: { x: { metric } }, ...more });
  const window = { tumbling: 'PT10S' };
  return {
    registry: [write('registry.json', { types: { m: { metrics: Object.fromEntries(axes.map((i) => [`x${i}`, { source: `Axis/${i}/Position` }])) } }, devices })],
    signals: [
      signal('limit', 'x0', { alarm: { raised: 'soak.raised.v1', cleared: 'soak.cleared.v1', raise: { value: 'x', above: 90, clearBelow: 80 } } }),
      signal('counted', 'x1', { window, values: { v: { delta: 'x' } }, event: { type: 'soak.counted.v1' } }),
      signal('mean', 'x2', { window, values: { v: { mean: 'x' }, most: { max: 'x' }, samples: { count: 'x' } }, event: { type: 'soak.mean.v1' } }),
      // Computed and not told: what they cost is part of the load.
      ...axes.map((i) => signal(`unheard-${i}`, `x${i}`, { window, values: { v: { percentile: 'x', percent: 95, from: 0, to: 100 } },
        event: { type: 'soak.unheard.v1', when: { value: 'v', above: 1e9 } } })),
    ],
  };
}

class Cut {
  seen = { deepest: 0, spoolBytes: 0, oldestSeconds: 0, fileBytes: 0, walBytes: 0, slowestCommitMs: 0, commits: 0, mostUnacknowledged: 0, memoryMiB: 0 };

  constructor(scope, { minutes, rate, samples = false }) {
    Object.assign(this, { scope, cutMs: minutes * 60_000, rate, keepsSamples: samples });
  }

  async begin() {
    const { scope } = this;
    this.dir = makeFolder();
    this.files = writeFiles(join(this.dir, 'files'));
    const iot = { instance: 'centre', registry: this.files.registry, signals: this.files.signals, history: 0 };
    this.centre = await startCentre(scope, { edges: { 'edge-1': { plant: '1020', consumer: 'edges:edge-1' } }, extra: this.keepsSamples ? { iot } : {} });
    this.line = await Line.open(scope, this.centre.gw.tlsPorts[0]);
    this.edge = await Edge.prepare(scope, { centre: this.centre, port: this.line.port, layout: [], plant: '1020', dir: join(this.dir, 'edge'), settings: BROKER,
      signals: this.files.signals, iot: { silence: '24h', checkpoint: '10s', registry: this.files.registry }, edge: { spool: BOUNDS, ...(this.keepsSamples ? { samples: { max_bytes: '1GiB' } } : {}) } });
    await this.edge.start();
    this.load = await startLoad(scope, { broker: this.edge.mqtt, shape: SHAPE, rate: this.rate / SHAPE.metrics });
  }

  async look() {
    const [{ spool, telemetry, samples }, { text }] = await Promise.all([this.edge.status(), this.edge.get('/metrics')]);
    const size = (end) => statSync(join(this.edge.dir, `edge.db${end}`)).size;
    const metric = (name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)[1]);
    const memory = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.edge.process.pid}/status`, 'utf8'))[1]) / 1024;
    const now = { deepest: spool.events, spoolBytes: spool.bytes, oldestSeconds: spool.oldest_seconds, fileBytes: size(''), walBytes: size('-wal'),
      slowestCommitMs: metric('millgate_edge_commit_slowest_ms'), mostUnacknowledged: metric('millgate_iot_unacknowledged'), memoryMiB: memory };
    for (const [name, value] of Object.entries(now)) this.seen[name] = Math.max(this.seen[name], Math.round(value));
    if (samples) this.seen.samplesMiB = Math.max(this.seen.samplesMiB ?? 0, Math.round(samples.bytes / MIB));
    this.last = { spool, telemetry, samples };
  }

  async watch(ms) {
    for (const until = performance.now() + ms; performance.now() < until;) {
      await sleep(Math.min(LOOK_MS, Math.max(0, until - performance.now())));
      await this.look();
    }
  }

  async kill() {
    await this.edge.kill();
    this.seen.commits += this.last.spool.commits;
    const from = await this.load.ask({});
    await sleep(DOWN_MS);
    const kept = (await this.load.ask({})).sent - from.sent;
    await this.edge.start();
    out(`kill -9 after ${this.last.telemetry.samples} samples; the broker kept ${kept} messages until it was there again`);
  }

  async cut() {
    await this.watch(BEFORE_MS);
    this.line.cut();
    out(`the line is cut for ${this.cutMs / 1000} s`);
    for (let part = 0; part < 3; part++) {
      await this.watch(this.cutMs / 3 - (part > 0 ? DOWN_MS : 0));
      out(`spool: ${this.last.spool.events} events, ${(this.last.spool.bytes / MIB).toFixed(1)} MiB, the oldest of ${Math.round(this.last.spool.oldest_seconds)} s`);
      if (part < 2) await this.kill();
    }
    this.line.mend();
    await this.watch(AFTER_MS);
  }

  async drain() {
    const sent = await this.load.ask({ stop: true });
    await eventually(async () => {
      const before = this.last?.telemetry.messages;
      await sleep(1000);
      await this.look();
      return this.last.telemetry.messages === before && this.last.telemetry.journal_pending_bytes === 0 && this.last.telemetry.events_pending === 0;
    }, 'the broker to have given all', 300_000);
    await eventually(async () => (await this.edge.status()).spool.events === 0, 'the spool to be empty', 300_000);
    this.seen.commits += this.last.spool.commits;
    if (this.keepsSamples) await this.drainSamples();
    return sent;
  }

  async drainSamples() {
    await eventually(async () => (await this.look(), this.last.samples.waiting === 0), 'all samples to be forwarded', 600_000);
    const { kept, forwarded, dropped, refused } = this.last.samples;
    Object.assign(this.seen, { samplesKept: kept, samplesForwarded: forwarded });
    assert.deepEqual([forwarded, dropped, refused], [kept, 0, 0]);
    await eventually(async () => (await this.centre.telemetry.metric('millgate_iot_samples_total')) >= kept, 'the centre to have read them', 120_000);
  }

  async compare() {
    const path = join(this.dir, 'expected.jsonl');
    const args = ['signal', ...this.files.signals, '--registry', this.files.registry[0], '--samples', '-'];
    assert.equal((await this.load.ask({ compute: { program: PROGRAM, args, path } })).code, 0);
    const expected = readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const events = await this.centre.telemetry.read();
    assertSame(events, expected);
    const last = new Map();
    for (const { subject, time, id } of events) {
      assert.ok(!(last.get(subject) > time), `${id} of ${subject} is out of order`);
      last.set(subject, time);
    }
    return events.length;
  }

  async run() {
    await this.begin();
    await this.cut();
    const sent = await this.drain();
    const events = await this.compare();
    const { dropped, repeated, refused } = this.last.spool;
    out(JSON.stringify({ cutSeconds: this.cutMs / 1000, kills: 2, samplesPerSecond: this.rate, ...sent, events, dropped, repeated, refused, ...this.seen }, null, 2));
    assert.deepEqual([dropped, refused], [0, 0]);
    assert.ok(this.seen.spoolBytes <= 64 * MIB && this.seen.fileBytes <= (160 + (this.keepsSamples ? 1024 : 0)) * MIB, 'the disk is not kept within its bounds');
    out(`the centre has all ${events} events of ${sent.samples} samples, once and in order for each asset; none was lost by the kills`);
    out(`spool: ${(this.seen.spoolBytes / MIB).toFixed(1)} MiB of at most 64; the file ${(this.seen.fileBytes / MIB).toFixed(1)} MiB`);
  }
}

export const cutUnderLoad = (scope, options) => new Cut(scope, options).run();
