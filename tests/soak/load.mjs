// Edge nodes that send without a pause, in a process of their own: Sparkplug messages of ten metrics, with QoS 1, one device after
// the other. What was sent can be told again, line by line, as `millgate signal` reads it.
//
//   const load = await startLoad(scope, { broker, shape, rate });   rate: messages a second
//   await load.ask({ stop: true })        {sent, samples, births}: all of it is with the broker
//   await load.ask({ compute: { program, args, path } })            what `program` says of the samples, into a file

import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { Message } from '../bench/iot_load.mjs';

const TURN_MS = 2;
const LOW = 50, HIGH = 99;
const FLIP_EVERY = 199; // messages to one whose first metric crosses the limit

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
  return { ask };
}

// --- the process ---

class Load {
  constructor({ client, shape, rate, payloads }) {
    Object.assign(this, { client, shape, rate, payloads, message: new Message() });
    const devices = shape.nodes * shape.devices;
    this.seq = new Array(shape.nodes).fill(0);
    this.lastMs = new Array(devices).fill(0);
    this.times = []; // of the i-th message
    this.births = []; // {node, ms, at}: before the at-th message
    this.sent = this.acknowledged = 0;
  }

  #publish(topic, payload) {
    this.sent++;
    this.client.publish(topic, payload, { qos: 1 }, () => this.acknowledged++);
  }

  #next(node) {
    const seq = this.seq[node];
    this.seq[node] = (seq + 1) % 256;
    return seq;
  }

  /** The metrics of a device in the i-th message: one that flips, a counter, and what goes up and down. */
  #value(i, k) {
    const { nodes, devices } = this.shape;
    const count = nodes * devices, round = Math.floor(i / count);
    if (k === 0) return Math.floor((i + (i % count) * 37) / (FLIP_EVERY * count)) % 2 ? HIGH : LOW;
    return k === 1 ? round * 3 + (i % 7) : LOW + ((i * (k + 3)) % 97) / 8;
  }

  bear(node) {
    const { devices, metrics, nodes } = this.shape;
    const at = this.times.length;
    const timestamp = Math.max(Date.now(), ...Array.from({ length: devices }, (_, device) => this.lastMs[device * nodes + node] + 1));
    this.births.push({ node, ms: timestamp, at });
    this.seq[node] = 0;
    const encode = (list) => Buffer.from(this.payloads.encodePayload({ timestamp, seq: this.#next(node), metrics: list }));
    this.#publish(`spBv1.0/g/NBIRTH/n${node}`, encode([
      { name: 'bdSeq', type: 'UInt64', value: 0, timestamp }, { name: 'Node Control/Rebirth', type: 'Boolean', value: false, timestamp }]));
    for (let device = 0; device < devices; device++) {
      const number = device * nodes + node;
      this.lastMs[number] = timestamp;
      this.#publish(`spBv1.0/g/DBIRTH/n${node}/d${device}`, encode(Array.from({ length: metrics }, (_, k) =>
        ({ name: `Axis/${k}/Position`, alias: device * metrics + k, type: 'Double', value: this.#value(this.#lastOf(number, at), k), timestamp }))));
    }
  }

  /** The last message of a device before the at-th one; -1's values are those of 0. */
  #lastOf(number, at) {
    const count = this.shape.nodes * this.shape.devices;
    return Math.max(0, at - 1 - ((at - 1 - number) % count + count) % count);
  }

  #send() {
    const { nodes, devices, metrics } = this.shape;
    const i = this.times.length, number = i % (nodes * devices), node = number % nodes, device = Math.floor(number / nodes);
    const ms = Math.max(Date.now(), this.lastMs[number] + 1);
    this.lastMs[number] = ms;
    this.times.push(ms);
    this.message.begin(ms);
    for (let k = 0; k < metrics; k++) this.message.metric(device * metrics + k, this.#value(i, k));
    this.#publish(`spBv1.0/g/DDATA/n${node}/d${device}`, this.message.end(this.#next(node)));
  }

  run() {
    let owed = 0, last = performance.now();
    const turn = () => {
      const now = performance.now();
      owed = Math.min(owed + ((now - last) * this.rate) / 1000, this.rate); // at most a second is made up for
      last = now;
      for (; owed >= 1; owed--) this.#send();
      this.timer = setTimeout(turn, TURN_MS);
    };
    turn();
  }

  async stop() {
    clearTimeout(this.timer);
    while (this.acknowledged < this.sent) await new Promise((resolve) => setTimeout(resolve, 20));
    const { metrics, devices } = this.shape;
    return { sent: this.sent, samples: (this.times.length + this.births.length * devices) * metrics, births: this.births.length };
  }

  *lines() {
    const { nodes, devices, metrics } = this.shape;
    const line = (number, k, time, value) =>
      `{"group":"g","edgeNode":"n${number % nodes}","device":"d${Math.floor(number / nodes)}","metric":"Axis/${k}/Position","time":${time},"value":${value}}\n`;
    let birth = 0;
    for (let i = 0; i <= this.times.length; i++) {
      for (; birth < this.births.length && this.births[birth].at === i; birth++) {
        const { node, ms } = this.births[birth];
        let text = '';
        for (let device = 0; device < devices; device++)
          for (let k = 0; k < metrics; k++) text += line(device * nodes + node, k, ms, this.#value(this.#lastOf(device * nodes + node, i), k));
        yield text;
      }
      if (i === this.times.length) break;
      let text = '';
      for (let k = 0; k < metrics; k++) text += line(i % (nodes * devices), k, this.times[i], this.#value(i, k));
      yield text;
    }
  }

  async compute({ program, args, path }) {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    const written = once(child.stdout.pipe(createWriteStream(path)), 'finish');
    child.stdin.on('error', () => {});
    for (const text of this.lines()) if (!child.stdin.write(text)) await once(child.stdin, 'drain');
    child.stdin.end();
    const [[code]] = await Promise.all([exited, written]);
    return { code };
  }
}

async function begin({ broker, shape, rate }) {
  const require = createRequire(new URL('../rigs/iot/', import.meta.url));
  const client = require('mqtt').connect(broker.url, { username: broker.username, password: broker.password, clientId: `load-${process.pid}` });
  await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject));
  client.stream.setNoDelay(true);
  const load = new Load({ client, shape, rate, payloads: require('sparkplug-payload').get('spBv1.0') });
  client.on('message', (topic) => load.bear(Number(/\/n(\d+)$/.exec(topic)[1])));
  await new Promise((resolve, reject) => client.subscribe('spBv1.0/g/NCMD/#', (error) => (error ? reject(error) : resolve())));
  for (let node = 0; node < shape.nodes; node++) load.bear(node);
  load.run();
  return load;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let load;
  process.on('message', async ({ start, stop, compute }) => {
    if (start) load = await begin(start);
    process.send(start ? { started: true } : stop ? await load.stop() : compute ? await load.compute(compute) : { sent: load.sent, behind: load.sent - load.acknowledged });
  });
}
