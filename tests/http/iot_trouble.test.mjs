// Whatever goes wrong between the machines and the gateway: the log has what the messages give that stood on the broker,
// computed off line (`millgate sparkplug`, then `millgate signal`), each event once.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { eventually, runProgram, suiteScope } from './support/harness.mjs';
import { assertSame, iotIsInstalled, SIGNALS, startTelemetry } from './support/iot.mjs';
import { watch } from './support/watch.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');
const { MQTT_USERS } = await import('../rigs/iot/mosquitto.mjs');
const mqtt = createRequire(new URL('../rigs/iot/', import.meta.url))('mqtt');

const HOUR = 3_600_000;
const scope = suiteScope();
const telemetry = await startTelemetry(scope, { layout: LAYOUT });
const seen = await watch(scope, telemetry.broker, { session: 'watcher' });
const plant = await startPlant(scope, { broker: telemetry.edge, layout: LAYOUT, backMs: 3 * HOUR });
const told = new Set(); // ids of events
let lost = 0; // messages that a gateway had counted that is no more

/** The events of the messages that stood on the broker. */
function computeOffLine(text) {
  const registry = telemetry.registry.flatMap((path) => ['--registry', path]);
  const samples = runProgram(['sparkplug', ...registry, '-'], { input: text, maxBuffer: 1 << 28 });
  assert.equal(samples.code, 0, samples.stderr);
  const events = runProgram(['signal', ...SIGNALS, ...registry, '--samples', '-'], { input: samples.stdout, maxBuffer: 1 << 28 });
  assert.equal(events.code, 0, events.stderr);
  return events.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** The broker has all that was sent, the gateway all that the watcher has, and what it asked for has been answered. */
async function settle() {
  await Promise.all(plant.edges.map((edge) => edge.settle()));
  for (let count = -1; count !== seen.lines().length;) {
    count = seen.lines().length;
    await seen.caughtUp();
    await telemetry.settled(seen.lines().filter((line) => / spBv1\.0\/[^/]+\/[ND](BIRTH|DATA|DEATH)\//.test(line)).length - lost);
  }
}

/** A node's will has no time: its death is told at the moment when it comes, to the gateway and to the watcher not at the
 * same millisecond. So what its machines did for how long is not compared. */
const withoutDurations = (event) => {
  const values = Object.entries(event.data.values ?? {}).filter(([, { unit }]) => unit !== 'SEC');
  return { ...event, data: { ...event.data, values: Object.fromEntries(values) } };
};

async function assertTold() {
  await settle();
  const events = computeOffLine(await seen.text());
  await eventually(async () => (await telemetry.read()).length >= events.length, 'all events', 30_000);
  assertSame((await telemetry.read()).map(withoutDurations), events.map(withoutDurations));
  const fresh = events.filter(({ id }) => !told.has(id));
  for (const { id } of fresh) told.add(id);
  for (const subject of ['CNC-1', 'MILL-1']) // whatever happened: it goes on on every line
    assert.ok(fresh.some((event) => event.subject === subject), `nothing of ${subject} among ${fresh.map(({ type }) => type)}`);
}

/** Something to tell on every line. */
async function goOn() {
  await plant.fault('breakdown', 'cnc-1');
  await plant.fault('vibrate', 'mill-1', { by: 9 });
  await plant.step(120);
  await plant.mend('breakdown', 'cnc-1');
  await plant.mend('vibrate', 'mill-1');
  await plant.step(90);
}

async function sendRaw(messages) {
  const client = mqtt.connect(telemetry.broker.url, { username: 'edge', password: MQTT_USERS.edge.password });
  await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject));
  for (const [topic, bytes] of messages) await new Promise((resolve) => client.publish(topic, bytes, { qos: 1 }, resolve));
  await new Promise((resolve) => client.end(false, {}, resolve));
}

const TROUBLE = {
  'births and deaths of nodes, told and not': async () => {
    await plant.fault('kill', 'line-2');
    await plant.fault('vanish', 'line-3');
    await plant.step(20);
    await plant.mend('kill', 'line-2');
    await plant.mend('vanish', 'line-3');
  },
  'births and deaths of devices': async () => {
    await plant.fault('deviceDeath', 'line-1', { device: 'cnc-1' });
    await plant.step(30);
    await plant.mend('deviceDeath', 'line-1', { device: 'cnc-1' });
  },
  'rebirths that nobody asked for': async () => {
    for (let i = 0; i < 3; i++) {
      await plant.fault('rebirth');
      await plant.step(5);
    }
  },
  'messages out of order': async () => {
    await plant.fault('reorder', undefined, { window: 8 });
    await goOn();
    await plant.mend('reorder');
  },
  'messages that come twice': async () => {
    await plant.fault('duplicate', undefined, { share: 0.3 });
    await goOn();
    await plant.mend('duplicate');
  },
  'messages that are lost: births are asked for, and come': async () => {
    const births = plant.edges.map(({ counts }) => counts.births);
    await plant.fault('drop', undefined, { count: 2 });
    await plant.step(10);
    await eventually(() => plant.edges.every(({ counts }, i) => counts.births > births[i]), 'the births that are asked for', 30_000);
  },
  'a clock that is ahead': async () => {
    await plant.fault('skew', 'line-3', { ms: 6 * HOUR });
    await plant.step(20);
    await plant.mend('skew', 'line-3');
  },
  'a clock that is behind': async () => {
    await plant.fault('skew', 'line-1', { ms: -HOUR / 2 });
    await plant.step(20);
    await plant.mend('skew', 'line-1');
  },
  'counters that are set back': async () => {
    for (const machine of ['cnc-1', 'mill-1', 'lathe-2']) await plant.fault('reset', machine);
    await plant.step(5);
  },
  'a line that was off, and comes back with what it kept': async () => {
    await plant.fault('offline', 'line-2');
    await plant.fault('breakdown', 'press-4');
    await plant.step(60);
    await plant.mend('breakdown', 'press-4');
    await plant.mend('offline', 'line-2');
  },
  'bytes that are no Sparkplug, and births that are none': async () => {
    await sendRaw([
      ['spBv1.0/plant-1020/DDATA/line-3/mill-1', Buffer.from('no protobuf at all')],
      ['spBv1.0/plant-1020/DDATA/line-3/mill-1', Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f])],
      ['spBv1.0/plant-1020/DDATA/line-3/nobody', Buffer.from([0x08])],
      ['spBv1.0/plant-1020/DBIRTH/line-3/mill-1', Buffer.alloc(0)],
      ['spBv1.0/plant-1020/NDATA/line-3', Buffer.alloc(5000, 0xff)],
      ['spBv1.0/plant-1020/XDATA/line-3', Buffer.from([1])],
    ]);
  },
};

describe('the log has what the messages give', () => {
  test('with nothing amiss', async () => {
    await goOn();
    await assertTold();
  });

  for (const [what, happen] of Object.entries(TROUBLE))
    test(what, async () => {
      await happen();
      await goOn();
      await assertTold();
    });

  test('a broker that restarts', async () => {
    await settle();
    plant.clock += 60_000; // time goes on for the edge nodes meanwhile
    await telemetry.broker.restart();
    await eventually(async () => (await telemetry.metric('millgate_iot_brokers_up')) === 1, 'the gateway is back', 30_000);
    await eventually(() => plant.edges.every(({ client }) => client.client.connected), 'the edge nodes are back', 30_000);
    await seen.caughtUp();
    await goOn();
    await assertTold();
  });

  test('a gateway that was not there: what the broker kept for it, at QoS 1', async () => {
    await settle();
    lost = await telemetry.metric('millgate_iot_messages_total');
    await telemetry.gw.kill();
    await goOn();
    await telemetry.gw.startAgain();
    await assertTold();
  });
});
