// One Sparkplug edge node with its devices, by the Eclipse client. What it sends can be lost, doubled, shuffled or dated
// wrongly on purpose; what reached the broker at least once is recorded.

import { createRequire } from 'node:module';

import { Random } from './random.mjs';

const { newClient } = createRequire(import.meta.url)('sparkplug-client');

const CONNECT_MS = 15_000;
const MAX_BACKLOG = 100_000; // samples kept while off line

/** Faults of the way to the broker; all others are the machines'. */
export const EDGE_FAULTS = ['drop', 'duplicate', 'reorder', 'skew', 'kill', 'vanish', 'offline', 'rebirth', 'deviceDeath'];

export class EdgeNode {
  /** devices: {id: machine}; broker: {url, username, password, options}; style: 'alias' or 'name'; now(): its clock. */
  constructor({ group, edgeNode, devices, broker, style, seed, now, record }) {
    Object.assign(this, { group, edgeNode, devices, broker, style, now, record });
    this.random = new Random(`${seed}/${group}/${edgeNode}`);
    this.faults = {};
    this.kept = []; // messages that are shuffled
    this.backlog = []; // samples of the time off line
    this.last = {}; // by device and metric: what was sent last
    this.dead = new Set(); // devices
    this.pending = new Set(); // messages that are being written
    this.counts = { sent: 0, dropped: 0, duplicated: 0, births: 0 };
    let alias = 0;
    this.aliases = Object.fromEntries(Object.entries(devices).map(([id, machine]) =>
      [id, Object.fromEntries(Object.keys(machine.metrics()).map((name) => [name, ++alias]))]));
  }

  // --- the connection ---

  async connect() {
    const { url, username, password, options } = this.broker;
    const client = newClient({ serverUrl: url, username, password, groupId: this.group, edgeNode: this.edgeNode, keepalive: 30,
      clientId: `${this.group}-${this.edgeNode}`, mqttOptions: options });
    this.client = client;
    this.publish = client.client.publish.bind(client.client);
    client.client.publish = (topic, bytes) => this.#pass(topic, bytes);
    client.on('ncmd', ({ metrics = [] }) => {
      if (metrics.some(({ name, value }) => name === 'Node Control/Rebirth' && value === true)) this.bear();
    });
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.edgeNode} did not reach ${url}`)), CONNECT_MS);
      client.on('birth', () => {
        clearTimeout(timer);
        this.bear();
        resolve();
      });
      client.on('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
    });
    await this.flush();
  }

  /** 'vanish' says goodbye, so that the broker tells nobody; 'kill' does not: NDEATH is published. */
  async disconnect(how = 'vanish') {
    if (!this.client) return;
    const { client } = this.client;
    this.client = undefined;
    this.last = {};
    await new Promise((resolve) => client.end(how === 'kill', {}, resolve));
  }

  /** As an edge node does that goes off in order: its death first. */
  async stop() {
    if (!this.client) return;
    this.#release();
    this.client.publishNDeath(this.client.client);
    await this.settle();
    await this.disconnect();
  }

  /** Until all that was sent is written. */
  async flush() {
    while (this.pending.size > 0) await Promise.all(this.pending);
  }

  /** Until the broker has read it all: a connection that is cut takes with it what was only written. */
  async settle() {
    this.#release();
    await this.flush();
    if (this.client) await new Promise((resolve) => this.client.client.subscribe(`spBv1.0/${this.group}/NCMD/${this.edgeNode}`, resolve));
  }

  // --- messages ---

  bear() {
    if (!this.client) return;
    this.#release();
    this.counts.births++;
    const timestamp = this.#time();
    this.samples = [];
    this.client.publishNodeBirth({ timestamp, metrics: [{ name: 'Node Control/Rebirth', type: 'Boolean', value: false, timestamp }] });
    for (const id of Object.keys(this.devices)) if (!this.dead.has(id)) this.#bearDevice(id, timestamp);
  }

  #bearDevice(id, timestamp) {
    this.last[id] = {};
    const metrics = this.#metricsOf(id, timestamp, ({ name, unit }) => ({ name, alias: this.aliases[id][name],
      ...(unit && { properties: { engUnit: { type: 'String', value: unit } } }) }));
    this.client.publishDeviceBirth(id, { timestamp, metrics });
  }

  /** What changed since it was sent last; remembers it as sent. */
  #metricsOf(id, timestamp, headOf) {
    const metrics = [];
    this.samples = [];
    for (const [name, { type, value, unit }] of Object.entries(this.devices[id].metrics())) {
      if (this.last[id]?.[name] === value) continue;
      (this.last[id] ??= {})[name] = value;
      metrics.push({ ...headOf({ name, unit }), type, value, timestamp });
      this.samples.push({ device: id, metric: name, time: timestamp, value });
    }
    return metrics;
  }

  #headOf(id, name) {
    return this.style === 'alias' ? { alias: this.aliases[id][name] } : { name };
  }

  /** One message for each device that has something new. */
  send() {
    const timestamp = this.#time();
    for (const id of Object.keys(this.devices)) {
      if (this.dead.has(id)) continue;
      const metrics = this.#metricsOf(id, timestamp, ({ name }) => this.#headOf(id, name));
      if (metrics.length === 0) continue;
      if (this.client) this.client.publishDeviceData(id, { timestamp, metrics });
      else if (this.faults.offline) this.#keep(id, metrics);
    }
    if (this.faults.reorder && this.kept.length >= (this.faults.reorder.window ?? 6)) this.#release();
  }

  /** Samples of one device, given from outside: [{metric, type, value, time}]. */
  sendSamples(id, timestamp, samples) {
    this.samples = samples.map(({ metric, time, value }) => ({ device: id, metric, time, value }));
    this.client.publishDeviceData(id, { timestamp, metrics: samples.map(({ metric, type, value, time }) =>
      ({ ...this.#headOf(id, metric), type, value, timestamp: time })) });
  }

  #keep(id, metrics) {
    this.backlog.push({ id, metrics, samples: this.samples });
    if (this.backlog.length > MAX_BACKLOG) this.backlog.shift();
  }

  #sendBacklog() {
    for (const { id, metrics, samples } of this.backlog.splice(0)) {
      this.samples = samples.map((sample) => ({ ...sample, isHistorical: true }));
      this.client.publishDeviceData(id, { timestamp: this.#time(), metrics: metrics.map((metric) => ({ ...metric, isHistorical: true })) });
    }
  }

  #time() {
    return this.now() + (this.faults.skew?.ms ?? 0);
  }

  // --- what happens to a message on its way ---

  #pass(topic, bytes) {
    const samples = this.samples ?? [];
    this.samples = [];
    const isData = /\/[ND]DATA\//.test(topic);
    const { drop, duplicate, reorder } = this.faults;
    if (isData && drop && this.#isHit(drop)) {
      this.counts.dropped++;
      return;
    }
    for (const sample of samples) this.record({ group: this.group, edgeNode: this.edgeNode, ...sample });
    const copies = isData && duplicate && this.#isHit(duplicate) ? 2 : 1;
    this.counts.duplicated += copies - 1;
    for (let i = 0; i < copies; i++) {
      if (isData && reorder) this.kept.push([topic, bytes]);
      else this.#write(topic, bytes);
    }
  }

  /** {count}: the next so many; {share}: of all, by chance. */
  #isHit(fault) {
    if (fault.count === undefined) return this.random.isOnce(fault.share ?? 0.1);
    if (fault.count <= 0) return false;
    fault.count--;
    return true;
  }

  #write(topic, bytes) {
    this.counts.sent++;
    const written = new Promise((resolve) => this.publish(topic, bytes, { qos: 0 }, resolve));
    this.pending.add(written);
    written.then(() => this.pending.delete(written));
  }

  #release() {
    const kept = this.kept.splice(0);
    for (let i = kept.length - 1; i > 0; i--) {
      const j = Math.floor(this.random.next() * (i + 1));
      [kept[i], kept[j]] = [kept[j], kept[i]];
    }
    for (const [topic, bytes] of kept) this.#write(topic, bytes);
  }

  // --- faults ---

  async fault(kind, settings) {
    if (kind === 'rebirth') return this.bear();
    if (kind === 'deviceDeath') return this.#killDevice(settings.device);
    this.faults[kind] = settings;
    if (kind === 'kill' || kind === 'vanish' || kind === 'offline') {
      await this.settle();
      await this.disconnect(kind === 'vanish' ? 'vanish' : 'kill');
    }
  }

  async mend(kind, settings) {
    if (kind === 'deviceDeath') return this.#reviveDevice(settings.device);
    delete this.faults[kind];
    if (kind === 'reorder') this.#release();
    if (!this.client && !this.faults.kill && !this.faults.vanish && !this.faults.offline) {
      await this.connect();
      this.#sendBacklog();
    }
  }

  #killDevice(id) {
    this.dead.add(id);
    this.client?.publishDeviceDeath(id, { timestamp: this.#time(), metrics: [] });
  }

  #reviveDevice(id) {
    if (!this.dead.delete(id) || !this.client) return;
    this.#bearDevice(id, this.#time());
  }
}
