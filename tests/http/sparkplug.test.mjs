// A plant of real Sparkplug edge nodes (the Eclipse client), a real mosquitto, and what `millgate sparkplug` makes of what
// mosquitto_sub saw there.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { mosquittoIsInstalled, MQTT_USERS, startMosquitto } from '../rigs/iot/mosquitto.mjs';
import { eventually, makeFolder, runProgram, suiteScope } from './support/harness.mjs';
import { watch } from './support/watch.mjs';

const RIG = new URL('../rigs/iot/', import.meta.url);
if (!mosquittoIsInstalled() || !existsSync(new URL('node_modules/sparkplug-client', RIG))) {
  process.stdout.write('skipped: mosquitto or the rig of tests/rigs/iot is not installed: run script/bootstrap\n');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');
const mqtt = createRequire(RIG)('mqtt');

const IOT = new URL('../../apis/system/iot/', import.meta.url).pathname;
const REGISTRY = ['types', 'devices'].flatMap((folder) => readdirSync(join(IOT, folder)).map((name) => ['--registry', join(IOT, folder, name)]));
const FROM = Date.UTC(2026, 0, 12, 6); // a Monday's early shift

const scope = suiteScope();
let broker;

/** Our names of metrics by the devices'. */
const nameOf = Object.fromEntries(readdirSync(join(IOT, 'types')).flatMap((file) =>
  [...readFileSync(join(IOT, 'types', file), 'utf8').matchAll(/^ +(\w+): \{source: ([\w/]+)/gm)].map(([, name, source]) => [source, name])));

const brokerAs = (user) => ({ url: broker.url, username: user, password: MQTT_USERS[user].password });
const keyOf = ({ group, edgeNode, device, metric, time, value }) => `${group}/${edgeNode}/${device} ${metric} ${time} ${value}`;

/** {samples, states, stderr} of messages as mosquitto_sub printed them. */
function understand(text) {
  const { code, stdout, stderr } = runProgram(['sparkplug', ...REGISTRY.flat(), '-'], { input: text, maxBuffer: 64 << 20 });
  assert.equal(code, 0, stderr);
  const lines = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return { samples: lines.filter(({ metric, quality }) => metric && quality !== 'stale'), states: lines.filter(({ online }) => online !== undefined), stderr };
}

/** Per edge node, because between two of them there is no order. */
function assertSame(actual, sent) {
  assert.equal(actual.length, sent.length);
  for (const { edgeNode } of LAYOUT) {
    const of = (list) => list.filter((sample) => sample.edgeNode === edgeNode).map(keyOf);
    assert.deepEqual(of(actual), of(sent.map((sample) => ({ ...sample, metric: nameOf[sample.metric] }))));
  }
}

before(async () => {
  broker = await startMosquitto({ dir: makeFolder() });
  scope.after(() => broker.stop());
});

describe('messages of the Eclipse client', () => {
  for (const style of ['alias', 'name']) {
    test(`metrics by ${style}: every sample that was sent comes out once and in order, however its message came`, async (t) => {
      const seen = await watch(t, broker);
      const plant = await startPlant(t, { broker: brokerAs('edge'), from: FROM, style });
      await plant.step(30);
      await plant.fault('duplicate', undefined, { share: 0.3 });
      await plant.fault('reorder', undefined, { window: 8 });
      await plant.step(60);
      await plant.mend('reorder');
      await plant.fault('kill', 'line-2');
      await plant.fault('deviceDeath', 'line-1', { device: 'lathe-3' });
      await plant.step(20);
      await plant.mend('kill', 'line-2');
      await plant.mend('deviceDeath', 'line-1', { device: 'lathe-3' });
      await plant.fault('rebirth', 'line-3');
      await plant.step(20);
      await plant.stop();
      const { samples, states, stderr } = understand(await seen.text(5));
      assertSame(samples, plant.samples);
      assert.deepEqual(samples.filter(({ quality }) => quality !== 'good'), []);
      assert.match(stderr, / 0 gaps, 0 late, 0 without a birth, 0 put aside/);
      assert.match(stderr, /[1-9]\d* duplicates, [1-9]\d* kept back/);
      const changes = (id) => states.filter(({ device }) => device === id).map(({ online }) => online);
      assert.deepEqual(changes('lathe-3'), [true, false, true, false]);
      assert.deepEqual(changes('press-4'), [true, false, true, false]);
      assert.deepEqual(changes('mill-1'), [true, false]);
    });
  }

  test('what is lost is not made up: a rebirth is wanted, and aliases are uncertain until then', async (t) => {
    const seen = await watch(t, broker);
    const plant = await startPlant(t, { broker: brokerAs('edge'), from: FROM });
    await plant.step(5);
    await plant.fault('drop', 'line-1', { count: 2 });
    await plant.step(5);
    await plant.fault('rebirth', 'line-1');
    await plant.step(5);
    await plant.stop();
    const { samples, stderr } = understand(await seen.text(4));
    assertSame(samples, plant.samples);
    assert.match(stderr, / [1-9] gaps/);
    const uncertain = samples.filter(({ quality }) => quality === 'uncertain');
    assert.ok(uncertain.length > 0);
    const birth = plant.clock - 5000;
    assert.ok(uncertain.every(({ edgeNode, time }) => edgeNode === 'line-1' && time < birth + 1));
  });

  test('what an edge node kept while it was off line comes as historical; a clock ahead is put aside', async (t) => {
    const seen = await watch(t, broker);
    const plant = await startPlant(t, { broker: brokerAs('edge') });
    await plant.step(5);
    await plant.fault('offline', 'stores');
    await plant.step(10);
    await plant.mend('offline', 'stores');
    await plant.fault('skew', 'line-3', { ms: 3_600_000 });
    await plant.step(2);
    await plant.stop();
    const { samples, stderr } = understand(await seen.text(5));
    const sent = plant.samples.filter(({ time }) => time < plant.clock + 600_000);
    assertSame(samples, sent);
    assert.deepEqual(samples.filter(({ isHistorical }) => isHistorical).map(keyOf),
      plant.samples.filter(({ isHistorical }) => isHistorical).map((sample) => keyOf({ ...sample, metric: nameOf[sample.metric] })));
    assert.ok(samples.some(({ isHistorical }) => isHistorical));
    assert.match(stderr, /time: plant-1020\/line-3\/mill-1\/Spindle\/Vibration: the time lies in the future/);
  });
});

/** Of the package mqtt, connected. */
async function connectAs(options, url = broker.url) {
  const client = mqtt.connect(url, { reconnectPeriod: 0, ...options });
  await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject).once('close', () => reject(new Error('closed'))));
  return client;
}

describe('the plant', () => {
  test('over TLS with a client certificate; a broker that starts anew has kept what waits for somebody', async (t) => {
    const ca = readFileSync(broker.ca);
    await assert.rejects(connectAs({ ca }, broker.mutualUrl));
    const { cert, key } = broker.client('edge');
    const plant = await startPlant(t, { from: FROM, broker: { url: broker.mutualUrl, username: 'none', password: '',
      options: { ca, cert: readFileSync(cert), key: readFileSync(key) } } });
    const durable = { ...brokerAs('mes'), clientId: 'durable', clean: false, url: undefined };
    const first = await connectAs({ ...durable, ca }, broker.tlsUrl);
    const seen = [];
    first.on('message', (topic) => seen.push(topic));
    await new Promise((resolve) => first.subscribe(['kept', 'spBv1.0/plant-1010/DDATA/#'], { qos: 1 }, resolve));
    await plant.step(3);
    await eventually(() => seen.filter((topic) => topic.endsWith('/cnc-1')).length === 3, 'the messages of three steps');
    await new Promise((resolve) => first.end(false, {}, resolve));
    await plant.stop();

    const sender = await connectAs({ ...brokerAs('mes'), url: undefined });
    await new Promise((resolve) => sender.publish('kept', 'x', { qos: 1 }, resolve));
    await new Promise((resolve) => sender.end(false, {}, resolve));
    await broker.restart();
    const second = mqtt.connect(broker.url, { ...durable, reconnectPeriod: 0 });
    second.on('message', (topic) => seen.push(topic));
    await eventually(() => seen.includes('kept'), 'the message of before');
    await new Promise((resolve) => second.end(false, {}, resolve));
  });

  test('its faults can be had by HTTP', async (t) => {
    const child = spawn(process.execPath, [new URL('plant.mjs', RIG).pathname, '--broker', broker.url, '--password', MQTT_USERS.edge.password,
      '--speed', '60', '--back', '600', '--control', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    t.after(() => child.kill('SIGKILL'));
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece) => (text += piece));
    const [, url] = await eventually(() => /control on (http:\S+)/.exec(text), 'the plant listens');
    const call = (method, path, body) => fetch(`${url}${path}`, { method, body: body && JSON.stringify(body) });
    assert.equal((await call('POST', '/faults', { kind: 'breakdown', target: 'mill-1' })).status, 204);
    assert.equal((await call('POST', '/faults', { kind: 'breakdown', target: 'nobody' })).status, 400);
    const state = async () => (await (await call('GET', '/state')).json()).machines['plant-1020/line-3/mill-1'].metrics['Machine/State'];
    await eventually(async () => (await state()) === 3, 'the machine is broken');
    await call('DELETE', '/faults', { kind: 'breakdown', target: 'mill-1' });
    await eventually(async () => (await state()) !== 3, 'it is whole again');
    const sent = (await (await call('GET', '/samples')).text()).trim().split('\n').map((line) => JSON.parse(line));
    assert.ok(sent.some(({ device, metric, value }) => device === 'mill-1' && metric === 'Machine/State' && value === 3));
    child.kill();
    assert.deepEqual(await exited, [0, null]);
  });

  test('the same seed sends the same samples; what was written can be sent anew', async (t) => {
    const runs = [];
    for (const seed of [7, 7, 8]) {
      const plant = await startPlant(t, { broker: brokerAs('edge'), from: FROM, seed });
      await plant.fault('vibrate', 'cnc-1', { by: 6 });
      await plant.fault('open', 'cold-store-1');
      await plant.step(40);
      await plant.stop();
      runs.push(plant.samples);
    }
    assert.deepEqual(runs[0], runs[1]);
    assert.notDeepEqual(runs[0], runs[2]);
    const values = (device, metric) => runs[0].filter((sample) => sample.device === device && sample.metric === metric).map(({ value }) => value);
    assert.ok(Math.max(...values('cnc-1', 'Spindle/Vibration')) > 6);
    const air = values('cold-store-1', 'Temperature/Air');
    assert.ok(air.at(-1) > air[0] + 0.3);

    const again = await startPlant(t, { broker: brokerAs('edge'), from: FROM, seed: 7 });
    const births = again.samples.length;
    await again.replay(runs[0].slice(births));
    await again.stop();
    assert.deepEqual(again.samples.map(keyOf), runs[0].map(keyOf));
  });
});
