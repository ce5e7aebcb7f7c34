// Machines that speak plain JSON to a broker, each in a shape of its own: nested objects, lists of named values, and a
// gateway that speaks for several. The same machines as the Sparkplug plant's (plant/machines.mjs).
//
//   const plant = await startJsonPlant(scope, { broker: { url, username, password } });
//   await plant.step(100); plant.fault('breakdown', 'press-7'); plant.samples; plant.sent

import { createRequire } from 'node:module';

import { EnergyMeter, Press } from './plant/machines.mjs';

const { connect } = createRequire(import.meta.url)('mqtt');

const CONNECT_MS = 15_000;
const TURN_MS = 50;

const nest = (metrics) => {
  const root = {};
  for (const [name, { value }] of Object.entries(metrics)) {
    const path = name.split('/');
    const last = path.pop();
    path.reduce((object, part) => (object[part] ??= {}), root)[last] = value;
  }
  return root;
};
const entries = (metrics, time) => Object.entries(metrics).map(([name, { value }]) => ({ name, v: value, t: new Date(time).toISOString() }));

/** What is published of all machines of a shape at a time: [topic, payload] pairs. */
const SHAPES = {
  nested: (machines, time) => machines.map(({ at, metrics }) =>
    [`factory/${at.plant}/${at.edgeNode}/${at.device}/telemetry`, JSON.stringify({ ts: time, rssi: -61, data: nest(metrics) })]),
  list: (machines, time) => machines.map(({ at, metrics }) =>
    [`plc/${at.plant}/${at.edgeNode}/${at.device}`, JSON.stringify({ values: entries(metrics, time) })]),
  gateway: (machines, time) => [[`gateways/${machines[0].at.edgeNode}/up`, `{"messages":[${machines.map(({ at, metrics }) => {
    const { 'Machine/State': state, 'Production/Good': good, 'Production/Scrap': scrap, 'Energy/Total': energy } = metrics;
    return `{"id":"${at.device}","ns":${time}000123,"m":{"s":${state.value},"n":[${good.value},${scrap.value}],"e":"${energy.value}"}}`;
  }).join(',')}]}`]],
};
SHAPES.meter = (machines, time) => machines.map(({ at, metrics }) =>
  [`meters/${at.plant}/${at.edgeNode}/${at.device}`, JSON.stringify({ ts: time / 1000, kwh: metrics['Energy/Total'].value })]);
const SPOKEN = { gateway: ['Machine/State', 'Production/Good', 'Production/Scrap', 'Energy/Total'] };

/** As the registry has it. */
export const JSON_MAPPINGS = {
  nested: {
    topic: 'factory/{plant}/{line}/{machine}/telemetry', group: 'plant-{plant}', edge_node: '{line}', device: '{machine}',
    time: '/ts', objects: [{ at: '/data' }],
  },
  list: {
    topic: 'plc/{plant}/{line}/{machine}', group: 'plant-{plant}', edge_node: '{line}', device: '{machine}',
    lists: [{ at: '/values', name: '/name', value: '/v', time: '/t' }],
  },
  gateway: {
    topic: 'gateways/{line}/up', group: 'plant-1010', edge_node: '{line}', device_at: '/id', each: '/messages',
    time: '/ns', time_unit: 'ns', numbers_in_texts: true,
    metrics: { 'Machine/State': '/m/s', 'Production/Good': '/m/n/0', 'Production/Scrap': '/m/n/1', 'Energy/Total': '/m/e' },
  },
};

/** As that of the Sparkplug plant, with the shape of each edge node. */
export const JSON_LAYOUT = [
  { group: 'plant-1010', edgeNode: 'line-7', shape: 'nested', devices: { 'press-7': Press } },
  { group: 'plant-1010', edgeNode: 'line-8', shape: 'list', devices: { 'press-8': Press } },
  { group: 'plant-1010', edgeNode: 'line-9', shape: 'gateway', devices: { 'press-9': Press, 'press-10': Press } },
];

/** The sandbox's: apis/system/iot/devices/plant-1010.yaml has its mapping. */
export const METER_LAYOUT = [{ group: 'plant-1010', edgeNode: 'hall', shape: 'meter', devices: { 'meter-4': EnergyMeter } }];

export class JsonPlant {
  constructor({ broker, seed = 1, backMs = 0, everyMs = 1000, layout = JSON_LAYOUT, keep = true }) {
    Object.assign(this, { broker, everyMs, keep, samples: [], sent: 0, share: 0 });
    this.clock = Math.floor((Date.now() - backMs) / everyMs) * everyMs;
    this.groups = layout.map(({ group, edgeNode, shape, devices }) => ({ shape, machines: Object.entries(devices).map(([device, Kind]) => ({
      machine: new Kind(`${group}/${edgeNode}/${device}`, seed), at: { group, plant: group.replace('plant-', ''), edgeNode, device } })) }));
  }

  async connect() {
    const { url, username, password } = this.broker;
    this.client = connect(url, { username, password, connectTimeout: CONNECT_MS });
    await new Promise((resolve, reject) => this.client.once('connect', resolve).once('error', reject));
    return this;
  }

  publish(topic, payload, options = {}) {
    this.sent++;
    return new Promise((resolve, reject) =>
      this.client.publish(topic, payload, { qos: 1, ...options }, (error) => (error ? reject(error) : resolve())));
  }

  /** `twice`: every message is sent two times. */
  async step(count = 1, { twice = false } = {}) {
    for (let i = 0; i < count; i++) {
      this.clock += this.everyMs;
      const messages = this.groups.flatMap((group) => this.#say(group));
      for (const [topic, payload] of twice ? [...messages, ...messages] : messages) this.last = this.publish(topic, payload);
      if (i % 20 === 19) await this.last; // the broker need not hold more
    }
    await this.last;
  }

  #say({ shape, machines }) {
    const said = machines.map(({ machine, at }) => {
      machine.step(this.everyMs / 1000);
      return { at, metrics: machine.metrics() };
    });
    for (const { at: { group, edgeNode, device }, metrics } of this.keep ? said : [])
      for (const [metric, { value }] of Object.entries(metrics))
        if (SPOKEN[shape]?.includes(metric) ?? true) this.samples.push({ group, edgeNode, device, metric, time: this.clock, value });
    return SHAPES[shape](said, this.clock);
  }

  /** By the clock, until stop(). */
  run() {
    this.timer = setInterval(() => {
      if (Date.now() - this.clock >= this.everyMs) this.step().catch(() => {});
    }, TURN_MS);
    return this;
  }

  fault(kind, device, settings = {}) {
    this.#machine(device).set(kind, settings);
  }

  mend(kind, device) {
    this.#machine(device).set(kind, null);
  }

  #machine(device) {
    return this.groups.flatMap(({ machines }) => machines).find(({ at }) => at.device === device).machine;
  }

  async stop() {
    clearInterval(this.timer);
    await new Promise((resolve) => this.client.end(false, {}, resolve));
  }
}

/** Connected, and standing still; it goes with the test. */
export async function startJsonPlant(scope, options) {
  const plant = new JsonPlant(options);
  scope?.after(() => plant.stop());
  return plant.connect();
}
