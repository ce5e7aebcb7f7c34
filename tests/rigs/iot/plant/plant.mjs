// The plant: its machines, its edge nodes, its clock and what goes wrong in it.
//
// Simulated time goes by steps of `everyMs` and is never ahead of the wall clock, because a sample of the future is
// rightly put aside. It starts `backMs` ago, goes `speed` times as fast until it has caught up, and on with the clock.

import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

import { EDGE_FAULTS, EdgeNode } from './edge.mjs';
import { LAYOUT } from './layout.mjs';

const TURN_MS = 50;

export class Plant {
  constructor({ broker, seed = 1, speed = 1, from, backMs = speed > 1 ? 3_600_000 : 0, everyMs = 1000, style = 'alias', layout = LAYOUT, keep = true }) {
    Object.assign(this, { speed, everyMs, samples: [], steps: 0 });
    this.clock = from ?? Math.floor((Date.now() - backMs) / everyMs) * everyMs;
    this.machines = {};
    this.edges = layout.map(({ group, edgeNode, devices }) => {
      const made = Object.fromEntries(Object.entries(devices).map(([id, Kind]) => [id, new Kind(`${group}/${edgeNode}/${id}`, seed)]));
      for (const machine of Object.values(made)) this.machines[machine.id] = machine;
      return new EdgeNode({ group, edgeNode, devices: made, broker, style, seed, now: () => this.clock,
        record: (sample) => keep && this.samples.push(sample) });
    });
  }

  async connect() {
    await Promise.all(this.edges.map((edge) => edge.connect()));
    return this;
  }

  /** By hand: so many steps, as fast as the broker takes them. */
  async step(count = 1) {
    for (let i = 0; i < count; i++) {
      this.clock += this.everyMs;
      this.steps++;
      for (const machine of Object.values(this.machines)) machine.step(this.everyMs / 1000);
      for (const edge of this.edges) edge.send();
      await Promise.all(this.edges.map((edge) => edge.flush()));
    }
  }

  /** By the clock, until stop(). */
  run() {
    let last = Date.now();
    let owed = 0;
    const turn = async () => {
      const now = Date.now();
      owed = Math.min(owed + (now - last) * this.speed, now - this.clock);
      last = now;
      const count = Math.floor(owed / this.everyMs);
      owed -= count * this.everyMs;
      if (count > 0) await this.step(count);
      if (!this.isStopping) this.timer = setTimeout(() => (this.turn = turn()), TURN_MS);
    };
    this.turn = turn();
    return this;
  }

  async stop() {
    this.isStopping = true;
    clearTimeout(this.timer);
    await this.turn;
    clearTimeout(this.timer);
    await Promise.all(this.edges.map((edge) => edge.stop()));
  }

  // --- faults ---

  #edge(target) {
    const found = this.edges.filter(({ group, edgeNode }) => target === undefined || target === edgeNode || target === `${group}/${edgeNode}`);
    if (found.length === 0) throw new Error(`no edge node ${target}`);
    return found;
  }

  /** By its whole id, or by how that ends. */
  machine(target) {
    const found = Object.values(this.machines).filter(({ id }) => id === target || id.endsWith(`/${target}`));
    if (found.length !== 1) throw new Error(`${found.length} machines are named ${target}`);
    return found[0];
  }

  /** Of machines: stop, breakdown, vibrate {by}, reset, scrap {share}, open, noCooling. Of edge nodes: drop, duplicate
   * {count or share}, reorder {window}, skew {ms}, kill, vanish (no NDEATH), offline (comes back with what it kept),
   * rebirth, deviceDeath {device}; without a target: of all. */
  async fault(kind, target, settings = {}) {
    if (EDGE_FAULTS.includes(kind)) await Promise.all(this.#edge(target).map((edge) => edge.fault(kind, { ...settings })));
    else this.machine(target).set(kind, settings);
  }

  async mend(kind, target, settings = {}) {
    if (EDGE_FAULTS.includes(kind)) await Promise.all(this.#edge(target).map((edge) => edge.mend(kind, settings)));
    else this.machine(target).set(kind, null);
  }

  // --- samples ---

  /** What was sent, one JSON line each, as `millgate signal --samples` reads it. */
  async writeSamples(path) {
    const out = createWriteStream(path);
    for (const sample of this.samples) if (!out.write(`${JSON.stringify(sample)}\n`)) await once(out, 'drain');
    out.end();
    await once(out, 'finish');
  }

  /** Sends samples that were written: those of one device and time in one message, each at its own time. */
  async replay(samples) {
    for (let i = 0; i < samples.length;) {
      const { group, edgeNode, device, time } = samples[i];
      const end = samples.findIndex((other, k) => k > i && (other.device !== device || other.edgeNode !== edgeNode || other.group !== group || other.time !== time));
      const part = samples.slice(i, end < 0 ? samples.length : end);
      const [edge] = this.#edge(`${group}/${edgeNode}`);
      const types = edge.devices[device].metrics();
      this.clock = Math.max(this.clock, time);
      edge.sendSamples(device, time, part.map((sample) => ({ ...sample, type: types[sample.metric].type })));
      await edge.flush();
      i += part.length;
    }
  }

  state() {
    return {
      clock: this.clock,
      steps: this.steps,
      samples: this.samples.length,
      machines: Object.fromEntries(Object.entries(this.machines).map(([id, machine]) => [id, {
        faults: machine.faults, metrics: Object.fromEntries(Object.entries(machine.metrics()).map(([name, { value }]) => [name, value])) }])),
      edges: this.edges.map(({ group, edgeNode, counts, faults, client }) => ({ id: `${group}/${edgeNode}`, isConnected: Boolean(client), counts, faults })),
    };
  }
}
