// An edge under load for minutes: its line to the centre is cut again and again, and it is killed. At the end the centre's log
// must have what the samples give, each once and in order.
//
//   script/soak edge [--minutes 10] [--steps 60] [--kills 6]
//   script/soak edge --rate 10000 [--minutes 10] [--samples]     one cut, in a stream of so many samples a second (edge_load.mjs);
//                                                                the edge keeps and forwards them, too
//
// --steps: of the plant (each a second of its time, all machines of line 3) in a second of ours.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { Edge, Line, startCentre } from '../http/support/edge.mjs';
import { eventually } from '../http/support/harness.mjs';
import { assertSame, iotIsInstalled } from '../http/support/iot.mjs';
import { cutUnderLoad } from './edge_load.mjs';
import { Scope } from './scope.mjs';

const text = { type: 'string' };
const { values } = parseArgs({ options: { minutes: { ...text, default: '10' }, steps: { ...text, default: '60' }, kills: { ...text, default: '6' }, rate: text, samples: { type: 'boolean' } } });
if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');

const LINE_3 = LAYOUT.filter(({ edgeNode }) => edgeNode === 'line-3');
const MACHINES = ['lathe-1', 'lathe-2', 'mill-1'];
const FAULTS = ['vibrate', 'breakdown'];
const CYCLE_MS = 20_000; // the line is cut for the first half of each

class Soak {
  seen = { cuts: 0, kills: 0, deepest: 0, oldestSeconds: 0, fileBytes: 0, commits: 0, slowestCommitMs: 0, messages: 0 };

  constructor(scope) {
    this.scope = scope;
  }

  async begin() {
    this.centre = await startCentre(this.scope, { edges: { 'edge-1': { plant: '1020', consumer: 'edges:edge-1' } } });
    this.line = await Line.open(this.scope, this.centre.gw.tlsPorts[0]);
    this.edge = await Edge.prepare(this.scope, { centre: this.centre, port: this.line.port, layout: LINE_3, plant: '1020', iot: { silence: '24h' } });
    await this.edge.start();
    this.plant = await startPlant(this.scope, { broker: this.edge.mqtt, layout: LINE_3, backMs: 24 * 3_600_000 });
    this.sentBefore = 0;
  }

  get sent() {
    return this.plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0);
  }

  async look() {
    const { spool } = await this.edge.status();
    this.seen.deepest = Math.max(this.seen.deepest, spool.events);
    this.seen.oldestSeconds = Math.max(this.seen.oldestSeconds, spool.oldest_seconds);
    this.seen.fileBytes = Math.max(this.seen.fileBytes, spool.file_bytes);
    const { text: metrics } = await this.edge.get('/metrics');
    this.seen.slowestCommitMs = Math.max(this.seen.slowestCommitMs, Number(/^millgate_edge_commit_slowest_ms (\d+)/m.exec(metrics)[1]));
    this.commitsNow = spool.commits;
  }

  async kill() {
    await this.edge.settled(this.sent - this.sentBefore); // what is not journaled is lost with it
    await this.look();
    this.seen.commits += this.commitsNow;
    this.sentBefore = this.sent;
    await this.edge.kill();
    this.seen.kills++;
    await this.plant.step(20); // the broker keeps them
    await this.edge.start();
  }

  async cycle(index, mustKill) {
    const until = Date.now() + CYCLE_MS;
    const machine = MACHINES[index % MACHINES.length];
    const fault = FAULTS[index % FAULTS.length];
    this.line.cut();
    this.seen.cuts++;
    for (let part = 0; Date.now() < until; part++) {
      const from = Date.now();
      if (part % 10 === 0) await this.plant.fault(fault, machine, { by: 9 });
      if (part % 10 === 5) await this.plant.mend(fault, machine);
      await this.plant.step(Number(values.steps));
      if (this.line.isCut && Date.now() > until - CYCLE_MS / 2) this.line.mend();
      if (mustKill && part === 6) await this.kill();
      await this.look();
      await sleep(Math.max(0, 1000 - (Date.now() - from)));
    }
    await this.plant.mend(fault, machine);
  }

  async finish() {
    this.line.mend();
    await this.edge.settled(this.sent - this.sentBefore);
    await this.look();
    await this.edge.forwarded();
    Object.assign(this.centre.telemetry, { registry: this.edge.registry });
    const expected = this.centre.telemetry.expected(this.plant.samples);
    await eventually(async () => (await this.centre.telemetry.read()).length >= expected.length, 'all events', 60_000);
    const events = await this.centre.telemetry.read();
    assertSame(events, expected);
    const last = new Map();
    for (const { subject, time, id } of events) {
      assert.ok(!(last.get(subject) > time), `${id} of ${subject} is out of order`);
      last.set(subject, time);
    }
    const { dropped, repeated } = (await this.edge.status()).spool;
    this.seen.messages = this.sent;
    this.seen.commits += this.commitsNow;
    console.log(JSON.stringify({ minutes: Number(values.minutes), samples: this.plant.samples.length, events: events.length, dropped, repeated, ...this.seen }, null, 2));
  }
}

async function runPlant(scope) {
  const soak = new Soak(scope);
  await soak.begin();
  const cycles = Math.max(2, Math.round(Number(values.minutes) * 60_000 / CYCLE_MS));
  const kills = Math.max(2, Number(values.kills));
  for (let i = 0; i < cycles; i++) await soak.cycle(i, Math.floor((i + 1) * kills / cycles) > Math.floor(i * kills / cycles));
  await soak.finish();
  console.log('the centre has every event, once and in order');
}

const scope = new Scope();
if (values.rate) await scope.run(() => cutUnderLoad(scope, { minutes: Number(values.minutes), rate: Number(values.rate), samples: values.samples }));
else await scope.run(() => runPlant(scope));
process.exit(0);
