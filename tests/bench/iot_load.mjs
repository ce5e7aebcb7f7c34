// Edge nodes that send as fast as they are told to, in a process of their own: Sparkplug batches by alias over one connection,
// or JSON messages of one sample. Values are low but for those that are to raise an alarm.
//
//   const load = await startLoad(scope, { broker, shape, kind: 'sparkplug' | 'json' });
//   await load.run({ rate, seconds, batch, every, style })    rate: messages a second; every: how many to one that flips or peaks

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const LOW = 50, HIGH = 99;
const TURN_MS = 2;
const PAUSE_MS = 15;

export async function startLoad(scope, options) {
  const child = fork(fileURLToPath(import.meta.url), [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  scope.after(async () => {
    if (child.exitCode !== null || child.signalCode) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  });
  let tell, refuse;
  child.on('message', (answer) => tell(answer)).on('exit', () => refuse?.(new Error('the load has ended')));
  const ask = (question) => new Promise((resolve, reject) => {
    [tell, refuse] = [resolve, reject];
    child.send(question);
  });
  await ask({ start: options });
  return { pid: child.pid, run: (what) => ask({ run: what }) };
}

// --- messages ---

const require = createRequire(new URL('../rigs/iot/', import.meta.url));

/** Writes protobuf by hand into one buffer: the Eclipse encoder takes longer than what is measured. */
export class Message {
  constructor() {
    this.bytes = Buffer.alloc(1 << 16);
    this.time = Buffer.alloc(6);
  }

  begin(ms) {
    this.length = 0;
    for (let i = 0, rest = ms; i < 6; i++, rest = Math.floor(rest / 128)) this.time[i] = (rest % 128) | (i < 5 ? 128 : 0);
    this.byte(0x08).timestamp();
  }

  byte(value) {
    this.bytes[this.length++] = value;
    return this;
  }

  varint(value) {
    for (; value > 127; value = Math.floor(value / 128)) this.byte((value % 128) | 128);
    return this.byte(value);
  }

  timestamp() {
    this.length += this.time.copy(this.bytes, this.length);
    return this;
  }

  metric(alias, value) {
    const aliasBytes = alias < 128 ? 1 : alias < 16384 ? 2 : 3;
    this.byte(0x12).byte(1 + aliasBytes + 7 + 2 + 9).byte(0x10).varint(alias).byte(0x18).timestamp().byte(0x20).byte(10).byte(0x69);
    this.length = this.bytes.writeDoubleLE(value, this.length);
  }

  end(seq) {
    this.byte(0x18).varint(seq);
    return Buffer.from(this.bytes.subarray(0, this.length));
  }
}

/** The Eclipse decoder reads it the same. */
function check({ decodePayload }, message) {
  message.begin(1763886600123);
  message.metric(5, 1.5);
  message.metric(20000, 99);
  const read = decodePayload(message.end(200));
  assert.deepEqual([Number(read.timestamp), Number(read.seq)], [1763886600123, 200]);
  assert.deepEqual(read.metrics.map(({ alias, value, timestamp }) => [Number(alias), value, Number(timestamp)]),
    [[5, 1.5, 1763886600123], [20000, 99, 1763886600123]]);
}

class Sparkplug {
  constructor({ client, shape }) {
    Object.assign(this, { client, ...shape, message: new Message(), seq: new Array(shape.nodes).fill(0), high: new Set() });
    this.payloads = require('sparkplug-payload').get('spBv1.0');
    check(this.payloads, this.message);
  }

  async start() {
    this.client.on('message', (topic) => this.bear(Number(/\/n(\d+)$/.exec(topic)[1])));
    await this.client.subscribeAsync('spBv1.0/g/NCMD/#');
    for (let node = 0; node < this.nodes; node++) this.bear(node);
  }

  bear(node) {
    const timestamp = Date.now();
    this.bornMs = timestamp;
    this.seq[node] = 0;
    this.client.publish(`spBv1.0/g/NBIRTH/n${node}`, Buffer.from(this.payloads.encodePayload({ timestamp, seq: this.#next(node), metrics: [
      { name: 'bdSeq', type: 'UInt64', value: 0, timestamp }, { name: 'Node Control/Rebirth', type: 'Boolean', value: false, timestamp }] })));
    for (let device = 0; device < this.devices; device++) {
      const metrics = Array.from({ length: this.metrics }, (_, i) => ({ name: `Axis/${i}/Position`, alias: device * this.metrics + i, type: 'Double',
        value: this.#value(node, device, i), timestamp }));
      this.client.publish(`spBv1.0/g/DBIRTH/n${node}/d${device}`, Buffer.from(this.payloads.encodePayload({ timestamp, seq: this.#next(node), metrics })));
    }
  }

  #next(node) {
    const seq = this.seq[node];
    this.seq[node] = (seq + 1) % 256;
    return seq;
  }

  #value(node, device, metric) {
    return metric === 0 && this.high.has(node * this.devices + device) ? HIGH : LOW + (metric % 20);
  }

  /** The i-th message; of those in `every` one has its first metric cross the limit, the other way than the last time. */
  send(i, { batch, every }) {
    const at = i % (this.nodes * this.devices);
    const node = at % this.nodes, device = Math.floor(at / this.nodes), number = node * this.devices + device;
    if (every && i % every === 0 && !this.high.delete(number)) this.high.add(number);
    this.message.begin(Date.now());
    for (let k = 0; k < batch; k++) this.message.metric(device * this.metrics + k, this.#value(node, device, k) + (k === 0 ? 0 : (i % 7) / 8));
    this.client.publish(`spBv1.0/g/DDATA/n${node}/d${device}`, this.message.end(this.#next(node)));
  }
}

class Json {
  constructor({ client, shape }) {
    Object.assign(this, { client, ...shape });
  }

  async start() {}

  send(i, { every }) {
    const number = i % (this.nodes * this.devices);
    this.client.publish(`bench/n${number % this.nodes}/d${Math.floor(number / this.nodes)}`,
      `{"metric":"Axis/0/Position","time":${Date.now()},"value":${every && i % every === every - 1 ? HIGH : LOW + (i % 7) / 8}}`);
  }
}

// --- the process ---

async function connect({ broker, shape, kind }) {
  const mqtt = require('mqtt');
  const client = mqtt.connect(broker.url, { username: broker.username, password: broker.password, clientId: `load-${process.pid}` });
  await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject));
  client.stream.setNoDelay(true); // else it waits for the broker's delayed acknowledgement
  client.subscribeAsync = (topic) => new Promise((resolve, reject) => client.subscribe(topic, (error) => (error ? reject(error) : resolve())));
  const load = new (kind === 'json' ? Json : Sparkplug)({ client, shape });
  await load.start();
  return load;
}

/** What the machine does not let it send in its time is sent later: `seconds` tells how long it took, `pauses` when it stood still and for
 * how long, [at, for how long] in ms. */
function run(load, { rate, seconds, ...what }) {
  const began = performance.now();
  const count = Math.round(rate * seconds);
  load.at ??= 0;
  return new Promise((resolve) => {
    let sent = 0, last = began;
    const pauses = [];
    const turn = () => {
      const now = performance.now();
      if (now - last > PAUSE_MS) pauses.push([last - began, now - last].map(Math.round));
      last = now;
      const owed = Math.min(count, Math.ceil(((performance.now() - began) * rate) / 1000));
      for (; sent < owed; sent++) load.send(load.at++, what);
      if (sent < count) setTimeout(turn, TURN_MS);
      else load.client.publish('spBv1.0/g/NDATA/none', '', () => resolve({ sent, seconds: (performance.now() - began) / 1000, pauses }));
    };
    turn();
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let load;
  process.on('message', async ({ start, run: what }) => {
    if (start) load = await connect(start);
    process.send(start ? { started: true } : await run(load, what));
  });
}
