// Devices while something is away or dies: Redis hangs, is killed and comes back, the broker goes, the gateway is killed between
// an answer and the journal, or between an event and the list of alarms.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startCluster } from '../rigs/redis_group.mjs';
import { withRedis } from './support/fleet.mjs';
import { assertProblem, eventually, makeFolder, suiteScope } from './support/harness.mjs';
import { assertSame, DRIVE, Drive, iotIsInstalled, Reader, startTelemetry } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');
const { EnergyMeter, Press } = await import('../rigs/iot/plant/machines.mjs');

const PATIENCE = 30_000;
const HOUR = 3_600_000;
const LINE_3 = LAYOUT.find(({ edgeNode }) => edgeNode === 'line-3');
const DRIVES = { group: 'plant-1010', edgeNode: 'drives', devices: { 'drive-1': Drive } };
/** One that speaks HTTP alone: its time is not that of the plant. */
const POSTS = { group: 'plant-1020', edgeNode: 'posts', devices: { 'meter-9': EnergyMeter } };
const METER = 'plant-1020/posts/meter-9';
const DRIVE_1 = 'plant-1010/drives/drive-1';
const MACHINE = 'plant-1020/line-3/lathe-1';
const MORE = { more: ['system-iot.v1.yaml'], types: { drive: DRIVE } };
const DURABLE = { settings: ['--appendfsync', 'always'] };
const ACKNOWLEDGED = 'com.millgate.iot.alarm.acknowledged.v1';

/** What the drives were told. */
function listen(plant) {
  const got = [];
  for (const { edgeNode, client } of plant.edges)
    client.on('dcmd', (id, { metrics }) => got.push({ edgeNode, id, name: metrics[0].name, value: Number(metrics[0].value) }));
  return got;
}

let keys = 0;
const command = (reader, value, { id = DRIVE_1, key = `"k-${++keys}"` } = {}) =>
  reader.send('POST', `/devices/${id}/commands`, { metric: 'speed', value, reason: 'a test' }, { 'idempotency-key': key });

/** A machine's breakdown, until its alarm is on the list. */
async function raise(all, plant, name) {
  await plant.fault('breakdown', name);
  await plant.step(60);
  const find = async () => (await all.get(`/alarms?equipment=${name.toUpperCase()}&state=raised`)).items.find(({ signal }) => signal === 'machine-down');
  await eventually(async () => await find() !== undefined, 'the alarm', PATIENCE);
  return find();
}

describe('without Redis', async () => {
  const scope = suiteScope();
  const redis = await withRedis(scope, DURABLE);
  const layout = [LINE_3, DRIVES];
  const telemetry = await startTelemetry(scope, { layout: [...layout, POSTS], ...MORE, config: { redis: redis.url } });
  const plant = await startPlant(scope, { broker: telemetry.edge, layout, backMs: 2 * HOUR });
  const all = new Reader(telemetry.gw);
  const got = listen(plant);
  let sent = 100_000;
  const post = () => all.send('POST', '/samples', [{ device: METER, metric: 'energyTotal', value: ++sent }]);

  const CASES = [
    { how: 'hangs', leave: () => redis.process.kill('SIGSTOP'), back: () => redis.process.kill('SIGCONT') },
    { how: 'is killed', leave: () => redis.stop('SIGKILL'), back: () => redis.start() },
  ];
  for (const [round, { how, leave, back }] of CASES.entries()) {
    test(`one that ${how}: 503 in time, nothing half done, and all goes on by itself`, async () => {
      await eventually(async () => (await all.get(`/devices/${DRIVE_1}`)).state === 'online', 'the drive', PATIENCE);
      const alarm = await raise(all, plant, 'lathe-1');
      const path = `/plants/1020/alarms/${alarm.id}`;
      const window = '/plants/1020/equipment/PRESS-1/maintenance';
      const until = new Date(Date.now() + HOUR).toISOString();
      const reads = ['/devices', `/devices/${MACHINE}`, `/devices/${MACHINE}/values`, `/devices/${MACHINE}/metrics/spindleVibration/history`,
        '/alarms', path, '/maintenance', '/quarantine'];
      const writes = [() => all.send('PUT', `${path}/acknowledgement`, { comment: `round ${round}` }),
        () => all.send('PUT', window, { until, reason: 'a test' }), () => all.request(window, { method: 'DELETE' }),
        post, () => command(all, 100 + round, { key: `"round-${round}"` })];
      const before = got.length;
      await leave();
      const began = Date.now();
      const answers = await Promise.all([...reads.map((read) => all.request(read)), ...writes.map((write) => write())]);
      assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
      for (const answer of answers) {
        assertProblem(answer, 503);
        assert.ok(Number(answer.headers['retry-after']) > 0, answer.text);
      }
      await plant.step(200); // taken in all the same
      await sleep(4000); // longer than a member may be silent
      await plant.step(200);
      assert.equal(got.length, before, 'nothing was sent to the drive');
      await back();
      for (const read of reads)
        await eventually(async () => (await all.request(read)).status === 200, `${read} again`, PATIENCE);
      const good = [200, 202, 204];
      for (const write of writes.slice(0, 4))
        await eventually(async () => good.includes((await write()).status), 'a write again', PATIENCE);
      await eventually(async () => (await all.values(METER)).energyTotal?.value === sent, 'the sample', PATIENCE);
      await eventually(async () => (await command(all, 100 + round, { key: `"again-${round}"` })).status === 202, 'the command', PATIENCE);
      await eventually(() => got.length > before, 'the drive to get it', PATIENCE);
      assert.deepEqual((await all.get(path)).acknowledged.comment, `round ${round}`);
      await plant.mend('breakdown', 'lathe-1');
      await plant.step(60);
      await eventually(async () => (await all.get(path)).state === 'cleared', 'the end of the alarm', PATIENCE);
      assert.equal((await all.send('PUT', `${path}/acknowledgement`, { comment: 'late' })).json.acknowledged.comment, `round ${round}`);
      assert.equal((await telemetry.read()).filter(({ type }) => type === ACKNOWLEDGED).length, round + 1, 'told once');
      assert.deepEqual(got.slice(before).map(({ value }) => value), [2 * (100 + round)], 'sent once');
    });
  }

  test('what the plant said meanwhile has given the events that it should', async () => {
    const isSignal = ({ type }) => type !== ACKNOWLEDGED;
    const expected = telemetry.expected(plant.samples);
    await eventually(async () => (await telemetry.read()).filter(isSignal).length >= expected.length, 'all events', PATIENCE);
    assertSame((await telemetry.read()).filter(isSignal), expected);
  });

  test('a broker that is away: the command is refused, and the same one sent when it is back', async () => {
    const before = got.length;
    await telemetry.broker.kill();
    await eventually(async () => (await telemetry.metric('millgate_iot_brokers_up')) === 0, 'it to be missed', PATIENCE);
    const answer = await command(all, 300, { key: '"through"' });
    assertProblem(answer, 503);
    assert.ok(Number(answer.headers['retry-after']) > 0);
    await telemetry.broker.start();
    await eventually(() => plant.edges.every(({ client }) => client.client.connected), 'the edge nodes', PATIENCE);
    await plant.step(1);
    await eventually(async () => (await command(all, 300, { key: '"through"' })).status === 202, 'it to be sent', PATIENCE);
    await eventually(() => got.length > before, 'the drive to get it', PATIENCE);
    assert.deepEqual(got.slice(before).map(({ value }) => value), [600]);
    const outcomes = readFileSync(join(telemetry.gw.dir, 'state', 'audit.log'), 'utf8').split('\n').filter((line) => line.includes('device.command'))
      .map((line) => JSON.parse(line)).filter(({ what }) => what.includes('speed = 300')).map(({ outcome }) => outcome);
    assert.deepEqual([outcomes.slice(0, 2), outcomes.slice(-2)], [['begun', 'failed'], ['begun', 'done']]);
  });
});

/** Edge nodes full of presses that speak HTTP. */
const halls = (nodes, presses) => Array.from({ length: nodes }, (_, n) => ({
  group: 'plant-1010', edgeNode: `hall-${n}`,
  devices: Object.fromEntries(Array.from({ length: presses }, (_, i) => [`press-${n}-${i}`, Press])),
}));

const asSample = ({ device, metric, time, value }) => {
  const [group, edgeNode, name] = device.split('/');
  return { group, edgeNode, device: name, metric, time: Date.parse(time), value };
};

/** Until it was answered 202: what happened to the tries before is not known. */
async function mustPost(all, samples, state = {}) {
  for (const end = Date.now() + 4 * PATIENCE; ; await sleep(20)) {
    const answer = await all.send('POST', '/samples', samples).catch(() => undefined);
    if (answer?.status === 202) return void assert.equal(answer.json.accepted, samples.length, answer.text);
    assert.ok([undefined, 503].includes(answer?.status), answer?.text);
    assert.ok(Date.now() < end && !state.isOver, 'never taken');
  }
}

describe('a gateway that is killed', async () => {
  const scope = suiteScope();

  test('between 202 and the journal: every sample counts, and once', async () => {
    const redis = await withRedis(scope, DURABLE);
    const layout = halls(3, 1);
    const telemetry = await startTelemetry(scope, { layout, ...MORE, config: { redis: redis.url } });
    const all = new Reader(telemetry.gw);
    const from = Date.now() - 24 * HOUR;
    const taken = [];
    let isOver = false;
    const write = async (hall) => {
      const device = `plant-1010/hall-${hall}/press-${hall}-0`;
      for (let n = 0, good = 0; !isOver || n < 100; n++) {
        const samples = Array.from({ length: 5 }, (_, i) => ({
          device, metric: 'goodCount', time: new Date(from + (5 * n + i) * 1000).toISOString(), value: (good += 1 + ((n + i) % 4)) }));
        await mustPost(all, samples);
        taken.push(...samples);
        await sleep(10);
      }
    };
    const writing = Promise.all([0, 1, 2].map(write));
    for (let round = 0; round < 10; round++) {
      await sleep(50 + Math.random() * 350);
      await telemetry.gw.kill();
      await telemetry.gw.startAgain();
    }
    isOver = true;
    await writing;
    const expected = telemetry.expected(taken.map(asSample));
    assert.ok(expected.length > 20, `${expected.length}`);
    await eventually(async () => (await telemetry.read()).length >= expected.length, 'all events', PATIENCE);
    assertSame(await telemetry.read(), expected);
  });

  /** The list of alarms says what the log's last event of each says. */
  async function assertListed(telemetry) {
    const said = new Map();
    for (const { type, data } of await telemetry.read())
      if (/machine-(down|up)/.test(type)) said.set(data.device, type.includes('down') ? 'raised' : 'cleared');
    const { items } = await new Reader(telemetry.gw).get('/alarms?limit=500');
    const shown = new Map(items.filter(({ signal }) => signal === 'machine-down').map(({ deviceId, state }) => [deviceId, state]));
    assert.deepEqual([...shown].sort(), [...said].sort());
    return said.size;
  }

  for (const [how, end] of [['killed', (gw) => gw.kill()], ['stopped', (gw) => gw.stop()]]) {
    test(`after an event, before its alarm is on the list: it is there afterwards (${how})`, async () => {
      const layout = halls(12, 25);
      const telemetry = await startTelemetry(scope, { layout, ...MORE, iot: { checkpoint: '100ms' } });
      const all = new Reader(telemetry.gw);
      const devices = layout.flatMap(({ group, edgeNode, devices: kinds }) => Object.keys(kinds).map((name) => `${group}/${edgeNode}/${name}`));
      const from = Date.now() - HOUR;
      const post = (second, value) => mustPost(all, devices.map((device) => ({
        device, metric: 'machineState', time: new Date(from + second * 1000).toISOString(), value })));
      for (const [second, value] of [[0, 2], [60, 3], [120, 3], [180, 3]]) await post(second, value);
      await eventually(async () => (await telemetry.read()).length > 0, 'the first events', PATIENCE);
      await sleep(Math.random() * 300);
      await end(telemetry.gw);
      await telemetry.gw.startAgain();
      await eventually(async () => (await telemetry.read()).length >= devices.length, 'all events', PATIENCE);
      await eventually(async () => (await telemetry.metric('millgate_iot_events_pending')) === 0
        && (await telemetry.metric('millgate_iot_alarms_pending')) === 0, 'it to have told all', PATIENCE);
      assert.equal(await assertListed(telemetry), devices.length);
    });
  }
});

describe('maintenance', async () => {
  const scope = suiteScope();
  const redis = await withRedis(scope, DURABLE);
  const layout = ['1010', '1020'].map((plant) => ({ group: `plant-${plant}`, edgeNode: 'hall', devices: { 'twin-1': Press } }));
  const telemetry = await startTelemetry(scope, { layout, ...MORE, config: { redis: redis.url } });
  const all = new Reader(telemetry.gw);
  const from = Date.now() - HOUR;
  const post = (second, value) => mustPost(all, ['1010', '1020'].map((plant) => ({
    device: `plant-${plant}/hall/twin-1`, metric: 'machineState', time: new Date(from + second * 1000).toISOString(), value })));
  const alarms = async () => (await all.get('/alarms?state=raised')).items.map(({ plantId }) => plantId).sort();
  const path = '/plants/1010/equipment/TWIN-1/maintenance';

  test('is that of one plant, though another has equipment of that name', async () => {
    assert.equal((await all.send('PUT', path, { from: new Date(from - HOUR).toISOString(), until: new Date(Date.now() + HOUR).toISOString() })).status, 204);
    await sleep(2500); // lanes look once a second
    for (const [second, value] of [[0, 2], [60, 3], [120, 3], [180, 3]]) await post(second, value);
    await eventually(async () => (await alarms()).length > 0, 'the alarm', PATIENCE);
    assert.deepEqual(await alarms(), ['1020']);
  });

  test('that ended while the gateway was down has ended, whatever the checkpoint knew', async () => {
    const checkpoints = await telemetry.metric('millgate_iot_checkpoints_total');
    await post(240, 3);
    await eventually(async () => (await telemetry.metric('millgate_iot_checkpoints_total')) >= checkpoints + 2, 'a checkpoint of both', PATIENCE);
    await telemetry.gw.kill();
    assert.equal(await redis.command('HDEL', 'millgate:iot:maintenance', '1010/TWIN-1'), ':1');
    await telemetry.gw.startAgain();
    for (const second of [300, 360]) await post(second, 3);
    await eventually(async () => (await alarms()).length === 2, 'what still holds to be raised', PATIENCE);
  });

  test('that began while a node was without an owner is observed by the next one', async () => {
    for (const [second, value] of [[420, 2], [480, 2], [540, 2]]) await post(second, value);
    await eventually(async () => (await alarms()).length === 0, 'their end', PATIENCE);
    await telemetry.gw.kill();
    const text = `${from - HOUR} ${Date.now() + HOUR} somebody because`;
    assert.equal(await redis.command('HSET', 'millgate:iot:maintenance', '1020/TWIN-1', text), ':1');
    await telemetry.gw.startAgain();
    for (const [second, value] of [[600, 3], [660, 3], [720, 3]]) await post(second, value);
    await eventually(async () => (await alarms()).length > 0, 'the alarm of the other', PATIENCE);
    assert.deepEqual(await alarms(), ['1010']);
  });
});

describe('on a Redis Cluster', async () => {
  const scope = suiteScope();

  test('samples, values, histories, alarms, maintenance, quarantine and commands', async () => {
    const cluster = await startCluster({ dir: makeFolder() });
    scope.after(() => cluster.stop());
    const layout = [LINE_3, DRIVES];
    const telemetry = await startTelemetry(scope, { layout: [...layout, POSTS], ...MORE, config: { redis: cluster.config } });
    const plant = await startPlant(scope, { broker: telemetry.edge, layout, backMs: 2 * HOUR });
    const all = new Reader(telemetry.gw);
    const got = listen(plant);
    await plant.step(60);
    const last = plant.samples.filter(({ device, metric }) => device === 'lathe-1' && metric === 'Spindle/Vibration').at(-1);
    await eventually(async () => (await all.values(MACHINE)).spindleVibration?.value === last.value, 'the last value', PATIENCE);
    await eventually(async () => (await all.get(`/devices/${MACHINE}/metrics/spindleVibration/history`)).items.at(-1)?.value === last.value,
      'its history', PATIENCE);
    assert.equal((await all.get('/devices?limit=200')).items.filter(({ state }) => state === 'online').length, 6);

    const alarm = await raise(all, plant, 'lathe-1');
    const acknowledged = await all.send('PUT', `/plants/1020/alarms/${alarm.id}/acknowledgement`, { comment: 'seen' });
    assert.equal(acknowledged.status, 200, acknowledged.text);
    assert.equal((await all.get('/alarms?acknowledged=true')).items[0].id, alarm.id);

    const window = '/plants/1020/equipment/PRESS-1/maintenance';
    assert.equal((await all.send('PUT', window, { until: new Date(Date.now() + HOUR).toISOString() })).status, 204);
    assert.equal((await all.get('/maintenance')).items.length, 1);
    assert.equal((await all.request(window, { method: 'DELETE' })).status, 204);

    const posted = await all.send('POST', '/samples', [{ device: METER, metric: 'energyTotal', value: 99_999 },
      { device: 'plant-1020/line-3/ghost', metric: 'x', value: 1 }]);
    assert.deepEqual([posted.status, posted.json.accepted], [202, 1]);
    await eventually(async () => (await all.values(METER)).energyTotal?.value === 99_999, 'the sample', PATIENCE);
    assert.deepEqual((await all.get('/quarantine')).items.map(({ reason }) => reason), ['unknown-device']);
    assert.equal((await all.request('/quarantine', { method: 'DELETE' })).status, 204);

    assert.equal((await command(all, 700)).status, 202);
    await eventually(() => got.length > 0, 'the command', PATIENCE);
    assert.deepEqual(got.map(({ value }) => value), [1400]);
    const expected = telemetry.expected(plant.samples);
    await eventually(async () => (await telemetry.read()).filter(({ type }) => type !== ACKNOWLEDGED).length >= expected.length, 'all events', PATIENCE);
    assertSame((await telemetry.read()).filter(({ type }) => type !== ACKNOWLEDGED), expected);
  });
});
