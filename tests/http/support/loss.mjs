// What a kill takes: one device sends numbered samples through a broker, without a pause, to a gateway or an edge that is killed
// at any time. What is in the journal in the end is held against what was sent.
//
// The journal is read in Redis or in the edge's file; nothing is taken out of it meanwhile, as checkpoints are far apart.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { startMosquitto } from '../../rigs/iot/mosquitto.mjs';
import { startRedis } from '../../rigs/redis.mjs';
import { Edge } from './edge.mjs';
import { eventually, makeFolder } from './harness.mjs';
import { startTelemetry } from './iot.mjs';

/** What docs/iot.md states: messages of QoS 0 that are lost were sent so shortly before the kill. */
export const QOS_0_WINDOW_MS = 250;

const require = createRequire(new URL('../../rigs/iot/', import.meta.url));
const HEAD_BYTES = 14; // of a message in the journal: when it came, and the lengths of topic and payload
const TURN_MS = 2;
const NODE = 'g/n1';
const PATIENT = { checkpoint: '10m', silence: '24h' };
/** Its state is written at the end, not with each change: the broker is not what is tried here. */
const BROKER = ['queue_qos0_messages true', 'autosave_on_changes false', 'autosave_interval 0', 'set_tcp_nodelay true'];

function writeFiles(dir) {
  mkdirSync(dir, { recursive: true });
  const write = (name, value) => (writeFileSync(join(dir, name), JSON.stringify(value)), join(dir, name));
  // A first checkpoint comes the later the further behind in the registry its edge node stands.
  const devices = ['n0', 'n1'].map((node) => ({ group: 'g', edge_node: node, device: 'd', type: 'counter', equipment: node.toUpperCase(), plant: '1020' }));
  return {
    registry: [write('registry.json', { types: { counter: { metrics: { n: { source: 'N' } } } }, devices })],
    signals: [write('sums.signal.yaml', {
      signal: 'sums', devices: ['counter'], inputs: { n: {} }, lateness: 'PT0S', window: { count: 100, of: 'n' },
      values: { count: { count: 'n' }, least: { min: 'n' }, greatest: { max: 'n' }, sum: { sum: 'n' } }, event: { type: 'test.sums.v1' },
    })],
  };
}

/** The device. `sentMs` by number: when it was given to the broker. */
export class Numbers {
  static async start(scope, { broker, username, password, qos, rate }) {
    const client = require('mqtt').connect(broker.url, { username, password, clientId: 'numbers' });
    await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject));
    client.stream.setNoDelay(true);
    const numbers = new Numbers();
    Object.assign(numbers, { client, qos, rate, payloads: require('sparkplug-payload').get('spBv1.0'), baseMs: Date.now() - 3_600_000,
      sentMs: [], acknowledged: 0, seq: 0 });
    scope.after(() => (numbers.stop(), new Promise((resolve) => client.end(true, {}, resolve))));
    numbers.#send('NBIRTH', 'bdSeq', 0);
    numbers.#send('DBIRTH', 'N', 0);
    return numbers;
  }

  #send(kind, name, value) {
    const timestamp = this.baseMs + value;
    const topic = `spBv1.0/g/${kind}/n1${kind.startsWith('D') ? '/d' : ''}`;
    const payload = this.payloads.encodePayload({ timestamp, seq: this.seq, metrics: [{ name, type: 'UInt64', value, timestamp }] });
    this.seq = (this.seq + 1) % 256;
    this.client.publish(topic, Buffer.from(payload), { qos: this.qos }, () => this.acknowledged++);
  }

  run() {
    const began = performance.now();
    const turn = () => {
      const owed = Math.floor(((performance.now() - began) * this.rate) / 1000);
      while (this.sentMs.length < owed) {
        this.sentMs.push(performance.now());
        this.#send('DDATA', 'N', this.sentMs.length);
      }
      this.timer = setTimeout(turn, TURN_MS);
    };
    turn();
  }

  stop() {
    clearTimeout(this.timer);
  }

  /** With QoS 1: the broker has them all. */
  heard() {
    return eventually(() => this.acknowledged === this.sentMs.length + 2, 'the broker to have all', 30_000);
  }

  /** As `millgate signal` reads them. */
  get samples() {
    return this.sentMs.map((_, i) => i + 1).concat(0).sort((a, b) => a - b)
      .map((value) => ({ group: 'g', edgeNode: 'n1', device: 'd', metric: 'N', time: this.baseMs + value, value }));
  }

  /** The numbers in a journal's entries. */
  read(entries) {
    const found = new Set();
    for (const bytes of entries)
      for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
        const topicEnd = at + HEAD_BYTES + bytes.readUInt16LE(at + 8);
        const end = topicEnd + bytes.readUInt32LE(at + 10);
        if (bytes.subarray(at + HEAD_BYTES, topicEnd).includes('/DDATA/')) {
          const [{ value }] = this.payloads.decodePayload(bytes.subarray(topicEnd, end)).metrics;
          found.add(Number(value));
        }
        at = end;
      }
    return found;
  }
}

/** Entries of a stream as redis-cli prints them: `place`, `b`, bytes, a line each. Bytes end with a whole message. */
function splitStream(text) {
  const entries = [];
  const isEnd = (at) => at >= text.length || (text[at] === 10 && (at + 1 >= text.length || /^\d{10}/.test(text.toString('latin1', at + 1, at + 11))));
  for (let at = 0; at < text.length;) {
    const from = text.indexOf('\nb\n', at);
    if (from < 0) break;
    let end = from + 3;
    while (!isEnd(end)) end += HEAD_BYTES + text.readUInt16LE(end + 8) + text.readUInt32LE(end + 10);
    entries.push(text.subarray(from + 3, end));
    at = end + 1;
  }
  return entries;
}

class KilledEdge {
  what = 'edge';

  static async start(scope, dir) {
    const files = writeFiles(join(dir, 'files'));
    const edge = await Edge.prepare(scope, { layout: [], plant: '1020', dir, signals: files.signals, settings: BROKER, iot: { ...PATIENT, registry: files.registry } });
    const self = Object.assign(new KilledEdge(), { edge, mqtt: edge.mqtt, broker: edge.broker });
    await edge.start();
    return self;
  }

  kill() {
    return this.edge.kill();
  }

  async startAgain() {
    await this.edge.start();
  }

  async settled() {
    await this.edge.settled(0);
  }

  async pending() {
    const { telemetry } = await this.edge.status();
    return telemetry.messages;
  }

  /** Of one that has been killed. */
  async journal() {
    const { DatabaseSync } = await import('node:sqlite');
    const copy = join(this.edge.dir, 'journal.db');
    for (const end of ['', '-wal']) if (existsSync(join(this.edge.dir, `edge.db${end}`))) copyFileSync(join(this.edge.dir, `edge.db${end}`), `${copy}${end}`);
    const database = new DatabaseSync(copy);
    const rows = database.prepare('SELECT bytes FROM iot_journal WHERE node = ? ORDER BY position').all(NODE);
    database.close();
    return rows.map(({ bytes }) => Buffer.from(bytes));
  }
}

class KilledGateway {
  what = 'gateway';

  static async start(scope, dir) {
    const files = writeFiles(join(dir, 'files'));
    const redis = await startRedis({ dir: join(dir, 'redis'), socket: true, settings: ['--appendfsync', 'always'] });
    scope.after(() => redis.stop('SIGKILL'));
    const broker = await startMosquitto({ dir: join(dir, 'broker'), settings: BROKER });
    scope.after(() => broker.kill());
    const telemetry = await startTelemetry(scope, { layout: [], dir, broker, iot: { ...PATIENT, ...files }, config: { redis: redis.url } });
    return Object.assign(new KilledGateway(), { telemetry, redis, broker, mqtt: telemetry.edge });
  }

  kill() {
    return this.telemetry.gw.kill();
  }

  /** Nothing is journaled in this time. */
  async stalled(ms) {
    this.redis.process.kill('SIGSTOP');
    await sleep(ms);
    return () => this.redis.process.kill('SIGCONT');
  }

  async startAgain() {
    await this.telemetry.gw.startAgain();
    await eventually(async () => (await this.telemetry.metric('millgate_iot_brokers_up')) === 1, 'the broker', 15_000);
  }

  settled() {
    return this.telemetry.settled(0);
  }

  pending() {
    return this.telemetry.metric('millgate_iot_messages_total');
  }

  async journal() {
    return splitStream(execFileSync('redis-cli', ['-s', this.redis.socketPath, '--raw', 'XRANGE', `millgate:iot:{${NODE}}:journal`, '-', '+'], { maxBuffer: 1 << 30 }));
  }
}

/** Nothing comes any more, and all that came is journaled. */
async function quiet(peer) {
  for (let before = -1, now; (now = await peer.pending()) !== before; before = now) await sleep(500);
  await peer.settled();
}

/** What is missing, by the kill that took it: how many, and from when before it (ms) until when behind. */
function groupLosses(numbers, found, kills) {
  const losses = kills.map((ms) => ({ killedMs: ms, count: 0, beforeMs: 0, behindMs: 0 }));
  numbers.sentMs.forEach((ms, i) => {
    if (found.has(i + 1)) return;
    const loss = losses.find(({ killedMs }, k) => k === losses.length - 1 || ms < (killedMs + losses[k + 1].killedMs) / 2);
    loss.count++;
    loss.beforeMs = Math.max(loss.beforeMs, loss.killedMs - ms);
    loss.behindMs = Math.max(loss.behindMs, ms - loss.killedMs);
  });
  return losses;
}

/** {sent, journaled, lost, losses, peer, numbers}: `kills` of a gateway or an edge under `rate` messages a second; each after its
 *  store has not answered for `stallMs`. */
export async function measureLoss(scope, { what, qos, rate, kills, stallMs = 0, dir = makeFolder(), lifeMs = [200, 1200] }) {
  const peer = await (what === 'edge' ? KilledEdge : KilledGateway).start(scope, dir);
  const numbers = await Numbers.start(scope, { broker: peer.broker, ...peer.mqtt, qos, rate });
  const killed = [];
  numbers.run();
  for (let i = 0; i < kills; i++) {
    await sleep(lifeMs[0] + Math.random() * (lifeMs[1] - lifeMs[0]));
    const goOn = stallMs > 0 ? await peer.stalled(stallMs) : undefined;
    const done = peer.kill();
    killed.push(performance.now());
    await done;
    goOn?.();
    await sleep(100);
    await peer.startAgain();
  }
  await sleep(lifeMs[0]);
  numbers.stop();
  if (qos > 0) await numbers.heard();
  await quiet(peer);
  await peer.kill();
  const found = numbers.read(await peer.journal());
  const losses = groupLosses(numbers, found, killed);
  assert.ok(found.size > 0, 'nothing is in the journal');
  return { peer, numbers, sent: numbers.sentMs.length, journaled: found.size, lost: losses.reduce((sum, { count }) => sum + count, 0), losses };
}
