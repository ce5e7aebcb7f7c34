// A gateway with telemetry: a real mosquitto, the plant of tests/rigs/iot, the shipped signals; and what they should say.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { mosquittoIsInstalled, MQTT_USERS, startMosquitto } from '../../rigs/iot/mosquitto.mjs';
import { startEvents } from './events.mjs';
import { eventually, makeFolder, PROGRAM } from './harness.mjs';

const ROOT = new URL('../../../', import.meta.url).pathname;
export const IOT = join(ROOT, 'apis/system/iot');
const API = '/system/iot/v1';
const TYPES = { Cnc: 'cnc', Press: 'press', ColdStore: 'cold-store', EnergyMeter: 'energy-meter' };

/** Whether mosquitto and the rig's packages are here; tests without them are skipped. */
export const iotIsInstalled = () => mosquittoIsInstalled() && existsSync(join(ROOT, 'tests/rigs/iot/node_modules/sparkplug-client'));

export const SIGNALS = readdirSync(IOT).filter((name) => name.endsWith('.signal.yaml')).map((name) => join(IOT, name));

/** The registry of a layout of the plant, as a file. */
export function writeRegistry(path, layout) {
  const devices = layout.flatMap(({ group, edgeNode, devices: kinds }) => Object.entries(kinds).map(([device, Kind]) => ({
    group, edge_node: edgeNode, device, type: Kind.type ?? TYPES[Kind.name], equipment: device.toUpperCase(), plant: group.replace('plant-', ''),
  })));
  writeFileSync(path, JSON.stringify({ devices }));
  return path;
}

export class Telemetry {
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** What the plant speaks to. */
  get edge() {
    return { url: this.broker.url, username: 'edge', password: MQTT_USERS.edge.password };
  }

  get gw() {
    return this.events.gw;
  }

  /** All events of the log that signals have told, in order. */
  async read() {
    return (await this.readItems()).map(({ event }) => event);
  }

  /** And where they stand in it. */
  async readItems() {
    const items = [];
    for (let cursor; ;) {
      const page = await this.events.mustPoll({ limit: 500, ...(cursor ? { after: cursor } : { from: '2000-01-01T00:00:00Z' }) });
      items.push(...page.items);
      if (!page.more) return items;
      cursor = page.cursor;
    }
  }

  /** What signals say of samples, computed from them alone. */
  expected(samples) {
    const file = join(this.dir, 'samples.jsonl');
    writeFileSync(file, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
    const args = ['signal', ...SIGNALS, ...this.registry.flatMap((path) => ['--registry', path]), '--samples', file];
    const out = execFileSync(PROGRAM, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
    return out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  async metric(name) {
    const text = (await this.gw.admin('/metrics')).text;
    const line = text.split('\n').find((row) => row.startsWith(`${name} `) || row.startsWith(`${name}{`));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  }

  /** Every message that it has got is journaled and computed on, and every event in the log. */
  async settled(messages) {
    await eventually(async () => {
      const [got, bytes, pending] = await Promise.all(
        ['messages_total', 'journal_pending_bytes', 'events_pending'].map((name) => this.metric(`millgate_iot_${name}`)));
      return got >= messages && bytes === 0 && pending === 0;
    }, `${messages} messages to be journaled`, 30_000);
  }
}

const text = ({ id, type, subject, time, data }) => JSON.stringify({ id, type, subject, time, data });

/** The log has what the samples give, each once. */
export function assertSame(events, expected) {
  const ids = events.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, 'an event stands twice');
  assert.deepEqual(events.map(text).sort(), expected.map(text).sort());
}

/** What an edge node says stands in the log in the order in which it was computed: of one subject exactly, between subjects (which
 *  are in partitions of their own) by the log's clock. */
export function assertNodeOrder(items, expected) {
  const nodeOf = ({ data }) => data.device.split('/').slice(0, 2).join('/');
  const placeOf = ({ place }) => place.split('-').map(Number);
  const places = new Map(items.map((item) => [item.event.id, placeOf(item)]));
  for (const node of new Set(expected.map(nodeOf))) {
    let [last, subjects] = [['', 0], new Map()];
    for (const { id, subject } of expected.filter((event) => nodeOf(event) === node)) {
      const [partition, ms, sequence] = places.get(id);
      const before = subjects.get(subject);
      assert.ok(ms >= last[1], `${id} of ${node} stands at ${ms}, and ${last[0]}, which was before it, at ${last[1]}`);
      assert.ok(!before || (before[0] === partition && (before[1] < ms || (before[1] === ms && before[2] < sequence))), `${id} of ${subject}`);
      last = [id, ms];
      subjects.set(subject, [partition, ms, sequence]);
    }
  }
}

async function startBroker(scope, dir, settings) {
  const broker = await startMosquitto({ dir: join(dir, 'broker'), settings: ['queue_qos0_messages true', ...settings] });
  scope.after(() => broker.kill());
  return broker;
}

/** `iot` are further settings of the section, `extra` other sections, `settings` lines of mosquitto's file, `broker` one that is there already,
 *  `types` further ones of devices, `mappings` of JSON topics. */
export async function startTelemetry(scope, { layout, iot = {}, start = true, dir = makeFolder(), settings = [], types = {}, mappings = {}, config = {}, extra = {}, ...options }) {
  mkdirSync(dir, { recursive: true });
  const broker = options.broker ?? await startBroker(scope, dir, settings);
  writeFileSync(join(dir, 'types-of-tests.json'), JSON.stringify({ types, mappings }));
  const registry = [join(IOT, 'types'), join(dir, 'types-of-tests.json'), writeRegistry(join(dir, 'devices.json'), layout)];
  const events = await startEvents(scope, {
    dir, start, ...options,
    events: { unknown_types: 'accept' },
    config: { ...config, extra: { ...extra, iot: {
      instance: 'test', registry, signals: [IOT], silence: '2h', checkpoint: '500ms',
      brokers: { main: { host: '127.0.0.1', port: broker.port, user: 'mes', password: MQTT_USERS.mes.password } },
      ...iot,
    } } },
  });
  const files = readdirSync(join(IOT, 'types')).map((name) => join(IOT, 'types', name));
  const telemetry = new Telemetry({ dir, broker, events, registry: [...files, ...registry.slice(1)] });
  const count = Object.keys(iot.brokers ?? { main: 1 }).length;
  const isUp = async () => (await telemetry.metric('millgate_iot_brokers_up')) === count;
  if (start) await eventually(isUp, 'the brokers', 30_000).catch((error) => assert.fail(`${error.message}: ${events.gw.stderr}`));
  return telemetry;
}

/** A drive whose speed and direction may be set; what the device calls two is one revolution a minute. */
export class Drive {
  static type = 'drive';

  constructor(id) {
    this.id = id;
  }

  metrics() {
    return { Speed: { type: 'Int32', value: 1000 }, Reverse: { type: 'Boolean', value: false }, Load: { type: 'Double', value: 0.5 } };
  }

  step() {}

  set() {}
}
export const DRIVE = { metrics: {
  speed: { source: 'Speed', unit: 'r/min', factor: 0.5, writable: { type: 'Int32', min: 0, max: 3000 } },
  reverse: { source: 'Reverse', writable: { type: 'Boolean' } },
  load: { source: 'Load' },
} };

export class Reader {
  constructor(gw, claims = {}) {
    Object.assign(this, { gw, claims: { sub: 'reader', scope: 'iot:read iot:write iot:command plants:all', ...claims } });
  }

  as(claims) {
    return new Reader(this.gw, { ...this.claims, ...claims });
  }

  request(path, { headers = {}, ...options } = {}) {
    this.token ??= this.gw.token(this.claims);
    return this.gw.request(`${API}${path}`, { headers: { authorization: `Bearer ${this.token}`, ...headers }, ...options });
  }

  send(method, path, body, headers = {}) {
    return this.request(path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
  }

  async get(path) {
    const answer = await this.request(path);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /** {metric: value} */
  async values(device) {
    const { items } = await this.get(`/devices/${device}/values`);
    return Object.fromEntries(items.map((item) => [item.metric, item]));
  }
}
