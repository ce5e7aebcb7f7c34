// From Sparkplug messages over a real broker to events in the log: the same as the samples alone give, each once, whatever
// happens on the way.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { eventually, suiteScope } from './support/harness.mjs';
import { assertSame, iotIsInstalled, startTelemetry } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');
const { MQTT_USERS } = await import('../rigs/iot/mosquitto.mjs');

const HOUR = 3_600_000;
const TYPES = ['machine-down', 'machine-up', 'production-count', 'vibration-exceeded', 'vibration-normal', 'scrap-exception',
  'temperature-excursion', 'material-consumed', 'energy-consumed'];
const LINE_3 = LAYOUT.filter(({ edgeNode }) => edgeNode === 'line-3');

/** A plant whose time begins two hours ago and goes as fast as the broker takes it. */
const plantAt = (scope, telemetry, layout, options) => startPlant(scope, { broker: telemetry.edge, layout, backMs: 2 * HOUR, ...options });

const sentBy = (plant) => plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0);

/** The log has what the plant's samples give. */
async function assertTold(telemetry, plant) {
  await telemetry.settled(sentBy(plant));
  const expected = telemetry.expected(plant.samples);
  assertSame(await telemetry.read(), expected);
  return expected;
}

describe('a plant on a broker', async () => {
  const scope = suiteScope();
  const telemetry = await startTelemetry(scope, { layout: LAYOUT });
  const plant = await plantAt(scope, telemetry, LAYOUT);

  test('signals say what happens in it', async () => {
    await plant.step(200);
    await plant.fault('breakdown', 'cnc-1');
    await plant.fault('vibrate', 'lathe-1', { by: 9 });
    await plant.fault('open', 'cold-store-1');
    await plant.fault('scrap', 'press-4', { share: 0.6 });
    await plant.step(900);
    await plant.mend('breakdown', 'cnc-1');
    await plant.mend('vibrate', 'lathe-1');
    await plant.mend('open', 'cold-store-1');
    await plant.step(400);
    const told = await assertTold(telemetry, plant);
    const types = new Set(told.map(({ type }) => type));
    for (const type of TYPES) assert.ok(types.has(`com.millgate.iot.${type}.v1`), `${type} is not among ${[...types]}`);
    assert.ok(told.length * 20 < plant.samples.length, `${told.length} events of ${plant.samples.length} samples`);
  });

  test('messages that come twice, out of order or not at all, and rebirths in between', async () => {
    await plant.fault('duplicate', undefined, { share: 0.2 });
    await plant.fault('reorder', undefined, { window: 4 });
    await plant.step(120);
    await plant.mend('reorder');
    await plant.mend('duplicate');
    await plant.fault('rebirth', 'line-1');
    await plant.fault('deviceDeath', 'line-2', { device: 'press-4' });
    await plant.step(30);
    await plant.mend('deviceDeath', 'line-2', { device: 'press-4' });
    await plant.fault('reset', 'lathe-2');
    await plant.step(60);
    await telemetry.settled(sentBy(plant));
    const events = await telemetry.read();
    assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
  });
});

describe('what was journaled', async () => {
  const scope = suiteScope();
  const telemetry = await startTelemetry(scope, { layout: LINE_3 });
  const plant = await plantAt(scope, telemetry, LINE_3);

  test('a gateway that is killed goes on where it was', async () => {
    let before = 0;
    for (let round = 0; round < 3; round++) {
      await plant.fault(round === 1 ? 'breakdown' : 'vibrate', 'lathe-1', { by: 9 });
      await plant.step(150);
      await telemetry.settled(sentBy(plant) - before); // else it would lose what it had not journaled
      before = sentBy(plant);
      await telemetry.gw.kill();
      await plant.mend(round === 1 ? 'breakdown' : 'vibrate', 'lathe-1');
      await plant.step(100); // the broker keeps them
      await telemetry.gw.startAgain();
    }
    await plant.step(200);
    const expected = telemetry.expected(plant.samples);
    assert.ok(expected.length > 5);
    await eventually(async () => (await telemetry.read()).length >= expected.length, 'all events', 30_000);
    assertSame(await telemetry.read(), expected);
  });

  test('a broker that restarts: gateway and edge nodes are back by themselves', async () => {
    const before = (await telemetry.read()).length;
    plant.clock += 60_000; // time goes on for the edge nodes meanwhile
    await telemetry.broker.restart();
    await eventually(async () => (await telemetry.metric('millgate_iot_brokers_up')) === 1, 'the broker', 30_000);
    await eventually(() => plant.edges.every(({ client }) => client.client.connected), 'the edge nodes', 30_000);
    await plant.fault('breakdown', 'mill-1');
    // Whoever is back first does not know it of the other: what is said meanwhile is lost, until a rebirth tells what is now.
    await eventually(async () => {
      await plant.step(20);
      return (await telemetry.read()).length > before;
    }, 'an event more', 30_000);
  });
});

describe('the primary host', async () => {
  const scope = suiteScope();
  const telemetry = await startTelemetry(scope, { layout: LINE_3, iot: { host_id: 'centre' } });
  const { connect } = createRequire(new URL('../rigs/iot/', import.meta.url))('mqtt');

  test('its STATE is kept by the broker, and told by its will when it dies', async () => {
    const client = connect(telemetry.broker.url, { username: 'mes', password: MQTT_USERS.mes.password });
    scope.after(() => new Promise((resolve) => client.end(true, {}, resolve)));
    const states = [];
    client.on('message', (topic, payload) => states.push({ topic, ...JSON.parse(payload) }));
    client.subscribe('spBv1.0/STATE/#', { qos: 1 });
    await eventually(() => states.length > 0, 'a state');
    assert.deepEqual([states[0].topic, states[0].online], ['spBv1.0/STATE/centre', true]);
    await telemetry.gw.kill();
    await eventually(() => states.at(-1).online === false, 'the will');
    assert.equal(states.at(-1).timestamp, states[0].timestamp);
    await telemetry.gw.startAgain();
    await eventually(() => states.at(-1).online === true && states.at(-1).timestamp > states[0].timestamp, 'a new one', 15_000);
    await telemetry.gw.stop();
    await eventually(() => states.at(-1).online === false, 'its end');
  });
});
