// Reloads while edge nodes send: what is connected stays connected, and every message counts, once.

import assert from 'node:assert/strict';
import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually, makeFolder, suiteScope } from './support/harness.mjs';
import { assertNodeOrder, assertSame, IOT, iotIsInstalled, startTelemetry } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');
const { MQTT_USERS, startMosquitto } = await import('../rigs/iot/mosquitto.mjs');
const { connect } = createRequire(new URL('../rigs/iot/', import.meta.url))('mqtt');

const BACK_MS = 40 * 3_600_000;
const LINE_1 = LAYOUT.filter(({ edgeNode }) => edgeNode === 'line-1');
const LINE_3 = LAYOUT.filter(({ edgeNode }) => edgeNode === 'line-3');
/** A machine that breaks down now and then, and what else happens. */
const FAULTS = {
  'line-1': ['cnc-1', ['vibrate', 'lathe-3', { by: 9 }], ['reset', 'lathe-3']],
  'line-3': ['lathe-1', ['vibrate', 'lathe-2', { by: 9 }], ['scrap', 'press-1', { share: 0.6 }], ['reset', 'mill-1']],
};

const sentBy = (plant) => plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0);
const birthsOf = (plant) => plant.edges.reduce((sum, { counts }) => sum + counts.births, 0);
const connects = (broker, id) => readFileSync(broker.log, 'utf8').split('\n').filter((line) => line.includes(` as ${id} (`)).length;

/** A broker that keeps nothing of QoS 0 for anybody: what is not taken is lost. */
async function startBroker(scope, dir) {
  const broker = await startMosquitto({ dir });
  scope.after(() => broker.kill());
  return broker;
}

const brokerOf = (broker, more) => ({ host: '127.0.0.1', port: broker.port, user: 'mes', password: MQTT_USERS.mes.password, ...more });
const edgeOf = (broker) => ({ url: broker.url, username: 'edge', password: MQTT_USERS.edge.password });

/** Some messages, and then room for others: two hundred steps a second, where the machine has the time. */
async function stepOn(plant, count) {
  for (let i = 0; i < count; i += 4) {
    await plant.step(4);
    await sleep(20);
  }
}

/** Steps on and on, with something wrong now and then. */
function keepSending(plant) {
  const faults = FAULTS[plant.edges[0].edgeNode];
  let isOver = false;
  const run = async () => {
    for (let round = 0; !isOver; round++) {
      const [kind, machine, settings] = faults[1 + round % (faults.length - 1)];
      await plant.fault('breakdown', faults[0]);
      await plant.fault(kind, machine, settings);
      await stepOn(plant, 60);
      await plant.mend(kind, machine);
      await plant.mend('breakdown', faults[0]);
      await stepOn(plant, 60);
    }
  };
  plant.isRunning = true;
  const running = run();
  return async () => {
    isOver = true;
    await running;
    plant.isRunning = false;
  };
}

describe('reloads while edge nodes send', async () => {
  const scope = suiteScope();
  const dir = makeFolder();
  const [main, other] = [await startBroker(scope, join(dir, 'main')), await startBroker(scope, join(dir, 'other'))];
  const brokers = { main: brokerOf(main, { groups: ['plant-1020'] }), other: brokerOf(other, { groups: ['plant-1010'] }) };
  const telemetry = await startTelemetry(scope, { dir, broker: main, layout: [...LINE_1, ...LINE_3], iot: { host_id: 'centre', brokers } });
  const { gw } = telemetry;
  const line3 = await startPlant(scope, { broker: edgeOf(main), layout: LINE_3, backMs: BACK_MS });
  const line1 = await startPlant(scope, { broker: edgeOf(other), layout: LINE_1, backMs: BACK_MS });

  const states = [], asked = [];
  const watcher = connect(main.url, { username: 'mes', password: MQTT_USERS.mes.password });
  scope.after(() => new Promise((resolve) => watcher.end(true, {}, resolve)));
  watcher.on('message', (topic, payload) => (topic.includes('/STATE/') ? states.push(JSON.parse(payload)) : asked.push(topic)));
  await new Promise((resolve, reject) => watcher.subscribe(['spBv1.0/STATE/#', 'spBv1.0/+/NCMD/#'], { qos: 1 }, (error) => (error ? reject(error) : resolve())));
  await eventually(() => states.length === 1 && states[0].online, 'the host is on line');

  const atWork = () => gw.stderr.split('iot: the new configuration is at work').length - 1;
  /** Another configuration; `isOther`: in something that telemetry has to do with. */
  const reload = async (change = () => {}, isOther = true) => {
    const before = atWork();
    const reloads = await telemetry.metric('millgate_reloads_total');
    gw.rewriteConfig((config) => change(config.iot, config));
    gw.process.kill('SIGHUP');
    await eventually(async () => (await telemetry.metric('millgate_reloads_total')) > (reloads ?? 0), 'the reload', 15_000);
    if (isOther) await eventually(() => atWork() > before, 'the new configuration', 15_000);
    const steps = line3.steps + 150;
    await eventually(() => !line3.isRunning || line3.steps >= steps, 'something more', 30_000);
  };
  const writeDevices = (change) => {
    const path = join(dir, 'devices.json');
    const registry = JSON.parse(readFileSync(path, 'utf8'));
    change(registry.devices);
    writeFileSync(path, JSON.stringify(registry));
  };
  const addSignal = (name) => {
    const text = readFileSync(join(IOT, 'machine-down.signal.yaml'), 'utf8');
    mkdirSync(join(dir, 'more'), { recursive: true });
    writeFileSync(join(dir, 'more', `${name}.signal.yaml`), text.replace('signal: machine-down', `signal: ${name}`));
  };
  /** What the shipped signals say of all that was sent (but of one device), each once. */
  const assertTold = async (without = 'none') => {
    const expected = telemetry.expected([...line3.samples, ...line1.samples].filter(({ device }) => device !== without));
    const read = async () => (await telemetry.readItems()).filter(({ event: { signal, data } }) => !signal.startsWith('more-') && !data.device.endsWith(`/${without}`));
    await eventually(async () => (await read()).length >= expected.length, 'all events', 30_000);
    const items = await read();
    assertSame(items.map(({ event }) => event), expected);
    assertNodeOrder(items, expected);
    return expected.length;
  };

  test('nothing is lost, taken twice or asked for again', async () => {
    await line1.step(10);
    await telemetry.settled(sentBy(line3) + sentBy(line1));
    const births = birthsOf(line3);
    const over = [keepSending(line3), keepSending(line1)];
    await reload(undefined, false);
    addSignal('more-1');
    await reload((iot) => iot.signals.push(join(dir, 'more')));
    writeDevices((devices) => devices.push({ ...devices.at(-1), group: 'plant-1020', edge_node: 'line-9', device: 'spare-1', equipment: 'SPARE-1', plant: '1020' }));
    await reload();
    addSignal('more-2');
    await reload();
    await reload((iot) => (iot.checkpoint = '700ms'));
    await reload((iot) => (iot.reorder = '3s'));
    writeDevices((devices) => (devices.find(({ device }) => device === 'lathe-1').owner = 'team-line-3'));
    await reload((iot) => (iot.history = 50));
    await reload((iot) => iot.signals.pop());
    writeDevices((devices) => devices.pop());
    await reload();
    for (const end of over) await end();
    await telemetry.settled(sentBy(line3) + sentBy(line1));
    assert.equal(await telemetry.metric('millgate_iot_messages_total'), sentBy(line3) + sentBy(line1));
    assert.ok((await assertTold()) > 5);
    assert.equal(birthsOf(line3), births);
    assert.deepEqual(asked.filter((topic) => !topic.includes('line-9')), []);
    for (const broker of [main, other])
      for (const id of ['millgate-test', 'millgate-test-host']) assert.equal(connects(broker, id), 1, `${id} of ${broker.dir}`);
    assert.equal(states.length, 1, JSON.stringify(states));
  });

  test('a signal that came began when it came, and one that went is silent', async () => {
    const of = (list, name) => list.filter(({ signal }) => signal === name).map(({ time, type, subject }) => `${time} ${type} ${subject}`);
    const events = await telemetry.read();
    const [first, second, shipped] = ['more-1', 'more-2', 'machine-down'].map((name) => of(events, name));
    assert.ok(first.length > 0 && second.length > 0);
    assert.ok(second.length <= first.length && first.length < shipped.length, `${first.length} ${second.length} of ${shipped.length}`);
    const before = [first.length, second.length];
    for (const plant of [line3, line1]) await plant.step(100);
    await telemetry.settled(sentBy(line3) + sentBy(line1));
    const after = await telemetry.read();
    assert.deepEqual(['more-1', 'more-2'].map((name) => of(after, name).length), before);
  });

  test('a broker whose configuration is another connects again, and no other does', async () => {
    const over = keepSending(line3);
    await reload((iot) => (iot.brokers.other.keepalive = '45s'));
    await eventually(() => connects(other, 'millgate-test') === 2, 'the other broker');
    await reload((iot) => (iot.brokers.other.keepalive = '50s'));
    await eventually(() => connects(other, 'millgate-test') === 3, 'the other broker');
    await over();
    await telemetry.settled(sentBy(line3) + sentBy(line1));
    await assertTold();
    for (const id of ['millgate-test', 'millgate-test-host']) assert.equal(connects(main, id), 1, id);
    assert.equal(states.length, 1, JSON.stringify(states));
    await line1.step(50);
    await eventually(async () => (await telemetry.metric('millgate_iot_brokers_up')) === 2, 'both');
    await assertTold();
  });

  test('one reload upon the other', async () => {
    const [over, connected] = [keepSending(line3), connects(main, 'millgate-test')];
    for (let round = 0; round < 20; round++) {
      writeDevices((devices) => (devices[round % devices.length].owner = `team-${round}`));
      gw.rewriteConfig((config) => (config.iot.checkpoint = `${500 + round}ms`));
      gw.process.kill('SIGHUP');
      await sleep(30 * (round % 4));
    }
    await reload((iot) => (iot.checkpoint = '650ms'));
    await over();
    await telemetry.settled(0);
    await assertTold();
    assert.equal(connects(main, 'millgate-test'), connected);
    assert.equal(states.length, 1, JSON.stringify(states));
  });

  test('a device that is registered counts from then on, and one that is not, no more', async () => {
    const isLathe = ({ device }) => device === 'lathe-2';
    let lathe;
    writeDevices((devices) => ([lathe] = devices.splice(devices.findIndex(isLathe), 1)));
    const counted = async () => (await telemetry.read()).filter(({ data }) => data.device.endsWith('/lathe-2')).length;
    await reload();
    const before = await counted();
    const births = birthsOf(line3);
    await plantSteps(line3, 400);
    assert.equal(await counted(), before);
    assert.equal(birthsOf(line3), births, 'the others go on, by the aliases of their births');
    await assertTold('lathe-2');
    writeDevices((devices) => devices.push(lathe));
    await reload();
    await eventually(async () => {
      await plantSteps(line3, 100);
      return (await counted()) > before;
    }, 'what it counts', 30_000);
    assert.equal(birthsOf(line3), births + 1, 'it was asked for the birth of what had been unknown, once');
    for (const id of ['millgate-test', 'millgate-test-host']) assert.equal(connects(main, id), 1, id);
  });

  test('an end in the middle of a reload loses nothing', async () => {
    await line3.step(300);
    await telemetry.settled(sentBy(line3) + sentBy(line1));
    writeDevices((devices) => (devices[0].owner = 'team-0'));
    const reloads = await telemetry.metric('millgate_reloads_total');
    gw.process.kill('SIGHUP');
    await eventually(async () => (await telemetry.metric('millgate_reloads_total')) > reloads, 'the reload', 15_000);
    await gw.stop();
    await gw.startAgain();
    await eventually(async () => (await telemetry.metric('millgate_iot_brokers_up')) === 2, 'the brokers', 15_000);
    await line3.step(100);
    await telemetry.settled(1);
    await assertTold('lathe-2'); // of which something was sent while it was not registered
  });

  async function plantSteps(plant, count) {
    await plant.step(count);
    await telemetry.settled(0);
  }
});

describe('topics of mappings', async () => {
  const scope = suiteScope();
  const dir = makeFolder();
  const mappingsOf = (...names) => Object.fromEntries(names.map((name) => [name, {
    topic: `${name}/{oven}`, group: 'ovens', edge_node: 'hall', device: '{oven}', metrics: { 'Temperature/Air': '' } }]));
  const broker = await startBroker(scope, join(dir, 'main'));
  const telemetry = await startTelemetry(scope, {
    dir, broker, layout: [{ group: 'ovens', edgeNode: 'hall', devices: { oven: { type: 'cold-store' } } }], mappings: mappingsOf('first', 'second') });
  const client = connect(broker.url, { username: 'mes', password: MQTT_USERS.mes.password });
  scope.after(() => new Promise((resolve) => client.end(true, {}, resolve)));
  const say = (topic) => new Promise((resolve, reject) => client.publish(topic, '7.5', { qos: 1 }, (error) => (error ? reject(error) : resolve())));
  const samples = () => telemetry.metric('millgate_iot_samples_total');

  test('follow a reload, on the connection that there is', async () => {
    for (const name of ['first', 'second']) await say(`${name}/oven`);
    await eventually(async () => (await samples()) === 2, 'both');
    writeFileSync(join(dir, 'types-of-tests.json'), JSON.stringify({ types: {}, mappings: mappingsOf('second', 'third') }));
    telemetry.gw.process.kill('SIGHUP');
    await eventually(() => /iot: the new configuration is at work/.test(telemetry.gw.stderr), 'the new configuration', 15_000);
    for (const name of ['second', 'third']) await say(`${name}/oven`);
    await eventually(async () => (await samples()) === 4, 'those that are there now');
    const aside = async () => ((await telemetry.gw.admin('/metrics')).text.match(/^millgate_iot_quarantined_total.*$/gm) ?? []).join();
    await eventually(async () => {
      const [before, count] = [await aside(), await samples()];
      await say('first/oven');
      await say('second/oven'); // comes behind it
      await eventually(async () => (await samples()) > count, 'the other one');
      return (await aside()) === before;
    }, 'what nobody maps is not subscribed to any more', 15_000);
    for (const id of ['millgate-test', 'millgate-test-host']) assert.equal(connects(broker, id), 1, id);
  });
});
