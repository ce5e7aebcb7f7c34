// Plain JSON over a real broker, by mappings: the same events as the samples alone give, each once, whatever happens on the
// way; and what cannot be read is put aside, with the reason.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { Edge, startCentre } from './support/edge.mjs';
import { withRedis } from './support/fleet.mjs';
import { eventually, makeFolder, PROGRAM, runProgram, suiteScope } from './support/harness.mjs';
import { assertSame, IOT, iotIsInstalled, startTelemetry } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { JSON_LAYOUT, JSON_MAPPINGS, startJsonPlant } = await import('../rigs/iot/json_plant.mjs');
const { MQTT_USERS } = await import('../rigs/iot/mosquitto.mjs');

const HOUR = 3_600_000;
const PATIENCE = 30_000;
const brokerOf = ({ url }) => ({ url, username: 'mes', password: MQTT_USERS.mes.password });
const plantOf = (scope, broker) => startJsonPlant(scope, { broker: brokerOf(broker), backMs: 2 * HOUR });

class Reader {
  constructor(gw) {
    Object.assign(this, { gw, token: gw.token({ sub: 'reader', scope: 'iot:read iot:write plants:all' }) });
  }

  async get(path) {
    const answer = await this.gw.request(`/system/iot/v1${path}`, { headers: { authorization: `Bearer ${this.token}` } });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  async aside(reason, name) {
    return (await this.get('/quarantine')).items.find((item) => item.reason === reason && item.name === name);
  }
}

describe('machines that speak JSON', async () => {
  const scope = suiteScope();
  const telemetry = await startTelemetry(scope, { layout: JSON_LAYOUT, mappings: JSON_MAPPINGS, more: ['system-iot.v1.yaml'] });
  const plant = await plantOf(scope, telemetry.broker);
  const reader = new Reader(telemetry.gw);
  let before = 0; // what was sent until the gateway started
  const settled = () => telemetry.settled(plant.sent - before);
  const assertTold = async () => {
    const expected = telemetry.expected(plant.samples);
    await eventually(async () => (await telemetry.read()).length >= expected.length, 'all events', PATIENCE);
    assertSame(await telemetry.read(), expected);
    return expected;
  };

  test('signals say what happens, from every shape, and messages that come twice change nothing', async () => {
    await plant.step(60);
    for (const device of ['press-7', 'press-8', 'press-10']) plant.fault('breakdown', device);
    await plant.step(60, { twice: true });
    for (const device of ['press-7', 'press-8', 'press-10']) plant.mend('breakdown', device);
    await plant.step(240);
    await settled();
    const told = await assertTold();
    const downs = told.filter(({ type }) => type === 'com.millgate.iot.machine-down.v1').map(({ subject }) => subject);
    assert.equal(new Set(downs).size, 3, downs);
    assert.ok(told.some(({ type }) => type === 'com.millgate.iot.production-count.v1'));
  });

  test('a gateway that is killed goes on where it was', async () => {
    for (let round = 0; round < 2; round++) {
      plant.fault('breakdown', 'press-9');
      await plant.step(40);
      await settled(); // else it would lose what it had not journaled
      await telemetry.gw.kill();
      before = plant.sent;
      plant.mend('breakdown', 'press-9');
      await plant.step(40); // the broker keeps them
      await telemetry.gw.startAgain();
      await settled();
    }
    await plant.step(60);
    await assertTold();
  });

  test('nor is anything lost that was not journaled when it was killed', async () => {
    plant.fault('breakdown', 'press-8');
    const walk = plant.step(150);
    const from = (await telemetry.metric('millgate_iot_messages_total')) ?? 0;
    await eventually(async () => (await telemetry.metric('millgate_iot_messages_total')) > from, 'it to take some', PATIENCE);
    await telemetry.gw.kill();
    await walk;
    plant.mend('breakdown', 'press-8');
    before = plant.sent;
    await telemetry.gw.startAgain();
    await plant.step(60);
    await settled();
    await assertTold();
  });

  test('states are unknown, last values and times are read', async () => {
    const id = 'plant-1010/line-9/press-10';
    const last = plant.samples.filter(({ device, metric }) => device === 'press-10' && metric === 'Energy/Total').at(-1);
    const value = async () => (await reader.get(`/devices/${id}/values`)).items.find(({ metric }) => metric === 'energyTotal');
    await eventually(async () => Date.parse((await value())?.time) === last.time, 'the last value', PATIENCE);
    assert.equal((await value()).value, last.value);
    await eventually(async () => Date.parse((await reader.get(`/devices/${id}`)).seen) === last.time, 'when it was seen', PATIENCE);
    assert.equal((await reader.get(`/devices/${id}`)).state, 'unknown');
  });

  test('what cannot be read is put aside, and spoils nothing else', async () => {
    const topic = 'factory/1010/line-7/press-7/telemetry';
    const press = 'plant-1010/line-7/press-7';
    const time = plant.clock + 500;
    const cases = [
      [topic, '{"ts":', 'malformed', press, /^mapping nested: no JSON that can be read: .*, at byte 6; topic factory\/1010\/line-7\/press-7\/telemetry$/],
      [topic, '{"data":{}}', 'time', press, /^mapping nested: there is no \/ts;/],
      [topic, `{"ts":${time},"data":{"Spindle":{"Oil":1}}}`, 'unknown-metric', `${press}/Spindle/Oil`, /^mapping nested, \/data\/Spindle\/Oil: /],
      [topic, `{"ts":${time},"data":{"Energy":{"Total":[1]},"Machine":{"State":2}}}`, 'type', `${press}/Energy/Total`, /^mapping nested, \/data\/Energy\/Total: /],
      [topic, `{"ts":${Date.now() + HOUR},"data":{"Machine":{"State":1}}}`, 'time', `${press}/Machine/State`, /the time lies in the future/],
      ['factory/1010/line-7/press-77/telemetry', `{"ts":${time}}`, 'unknown-device', 'plant-1010/line-7/press-77', /topic factory/],
      ['factory/1010/line-77/press-7/telemetry', '{}', 'unknown-node', 'plant-1010/line-77', /^mapping nested: it is not registered; topic factory\/1010\/line-77/],
      ['factory/1010//press-7/telemetry', '{}', 'malformed', 'factory/1010//press-7/telemetry', /a level that names something is empty/],
      [topic, ' '.repeat(1 << 20) + '{}', 'malformed', topic, /it has 1048578 bytes; at most 1048576 are taken/],
    ];
    for (const some of [cases.slice(0, -1), cases.slice(-1)]) {
      for (const [to, payload] of some) await plant.publish(to, payload);
      for (const [, , reason, name, detail] of some)
        await eventually(async () => detail.test((await reader.aside(reason, name))?.detail), `${reason} ${name}`, PATIENCE);
    }
    plant.samples.push({ group: 'plant-1010', edgeNode: 'line-7', device: 'press-7', metric: 'Machine/State', time, value: 2 });
    await plant.step(60);
    await assertTold();
  });

  test('what the broker had kept counts only with a time of its own', async () => {
    const value = async () => (await reader.get('/devices/plant-1010/line-8/press-8/values')).items.find(({ metric }) => metric === 'energyTotal');
    const topic = 'plc/1010/line-8/press-8';
    const old = plant.samples.filter((sample) => sample.device === 'press-8' && sample.metric === 'Energy/Total').at(-1);
    await telemetry.gw.stop();
    const time = plant.clock + 1;
    await plant.publish(topic, JSON.stringify({ values: [{ name: 'Machine/State', v: 3 }, { name: 'Energy/Total', v: old.value + 1, t: new Date(time).toISOString() }] }),
      { retain: true });
    await telemetry.gw.startAgain();
    await eventually(async () => (await telemetry.metric('millgate_iot_retained_passed_over_total')) > 0, 'it is passed over', PATIENCE);
    await eventually(async () => Date.parse((await value())?.time) === time, 'the value with a time', PATIENCE);
    await plant.publish(topic, '', { retain: true });
  });
});

describe('machines without a clock', async () => {
  const scope = suiteScope();
  const dir = makeFolder();
  const signals = join(dir, 'oven.signal.yaml');
  writeFileSync(signals, 'signal: oven\nversion: 1\nlateness: PT0S\ndevices: [cold-store]\ninputs: {airTemperature: {}}\nalarm:\n  severity: warning\n'
    + '  raised: test.hot.v1\n  cleared: test.cool.v1\n  raise: {value: airTemperature, above: 100}\n');
  const telemetry = await startTelemetry(scope, { dir, layout: [{ group: 'ovens', edgeNode: 'hall', devices: { oven: { type: 'cold-store' } } }],
    mappings: { ovens: { topic: 'ovens/{oven}', group: 'ovens', edge_node: 'hall', device: '{oven}', metrics: { 'Temperature/Air': '' } } },
    iot: { signals: [signals], checkpoint: '600s' } });
  const plant = await startJsonPlant(scope, { broker: brokerOf(telemetry.broker), layout: [] });

  test('what is computed again after a crash has the times of when it came', async () => {
    let before = 0;
    const publish = async (value) => {
      await plant.publish('ovens/oven', String(value));
      await telemetry.settled(plant.sent - before); // or two of them might come in one millisecond
    };
    for (const value of [20, 120, 30, 121, 31, 0]) await publish(value);
    const types = async () => (await telemetry.read()).map(({ type }) => type);
    await eventually(async () => (await types()).length === 4, 'all events', PATIENCE);
    const events = await telemetry.read();
    assert.deepEqual(await types(), ['test.hot.v1', 'test.cool.v1', 'test.hot.v1', 'test.cool.v1']);
    await telemetry.gw.kill();
    before = plant.sent;
    await telemetry.gw.startAgain();
    await eventually(async () => (await telemetry.metric('millgate_iot_events_total')) === 4, 'all to be told again', PATIENCE);
    assert.deepEqual(await telemetry.read(), events);
    await publish(130);
    await publish(20);
    await eventually(async () => (await types()).length > 4, 'what comes from then on', PATIENCE);
  });
});

describe('two gateways', async () => {
  const scope = suiteScope();
  const redis = await withRedis(scope);
  const options = { layout: JSON_LAYOUT, mappings: JSON_MAPPINGS, config: { redis: redis.url } };
  const first = await startTelemetry(scope, { ...options, iot: { instance: 'first' } });
  const second = await startTelemetry(scope, { ...options, iot: { instance: 'second' }, broker: first.broker });
  const plant = await plantOf(scope, first.broker);
  const owned = async (telemetry) => (await telemetry.metric('millgate_iot_edge_nodes')) ?? 0;
  const messages = async (telemetry) => (await telemetry.metric('millgate_iot_messages_total')) ?? 0;

  test('each message has one owner, who dies is followed, and nothing is lost that was journaled', async () => {
    await eventually(async () => (await owned(first)) + (await owned(second)) === JSON_LAYOUT.length && (await owned(first)) > 0 && (await owned(second)) > 0,
      'both to have some', PATIENCE);
    plant.fault('breakdown', 'press-7');
    plant.fault('breakdown', 'press-8');
    plant.fault('breakdown', 'press-9');
    await plant.step(100);
    await eventually(async () => (await messages(first)) + (await messages(second)) === plant.sent, 'all to be taken once', PATIENCE);
    await eventually(async () => (await first.metric('millgate_iot_journal_pending_bytes')) === 0, 'the journal', PATIENCE);
    await first.gw.kill();
    await eventually(async () => (await owned(second)) === JSON_LAYOUT.length, 'the other to have all', PATIENCE);
    for (const device of ['press-7', 'press-8', 'press-9']) plant.mend('breakdown', device);
    await plant.step(200);
    const expected = second.expected(plant.samples);
    assert.ok(expected.length >= 6, `${expected.length} events`);
    await eventually(async () => (await second.read()).length >= expected.length, 'all events', PATIENCE);
    assertSame(await second.read(), expected);
  });
});

describe('an edge', async () => {
  const scope = suiteScope();
  const centre = await startCentre(scope, { edges: { 'edge-1': { plant: '1010', consumer: 'edges:edge-1' } } });
  const mappings = join(makeFolder(), 'mappings.json');
  writeFileSync(mappings, JSON.stringify({ mappings: JSON_MAPPINGS }));
  const edge = await Edge.prepare(scope, { centre, layout: JSON_LAYOUT, plant: '1010' });
  edge.config.iot.registry.push(mappings);
  edge.write();
  await edge.start();
  const plant = await plantOf(scope, edge.broker);

  test('takes the same mappings', async () => {
    plant.fault('breakdown', 'press-9');
    await plant.step(60);
    plant.mend('breakdown', 'press-9');
    await plant.step(60);
    Object.assign(centre.telemetry, { registry: edge.registry });
    const expected = centre.telemetry.expected(plant.samples);
    assert.ok(expected.length >= 2);
    await eventually(async () => (await centre.telemetry.read()).length >= expected.length, 'all events', PATIENCE);
    assertSame(await centre.telemetry.read(), expected);
  });

  test('a mapping that is wrong is told with its place and rule', () => {
    writeFileSync(mappings, 'mappings:\n  nested:\n    topic: factory/{plant}/t\n    group: "{site}"\n    edge_node: a\n    metrics: {Machine/State: /s}\n');
    assert.throws(() => execFileSync(PROGRAM, ['edge', '--check', '-c', edge.configPath], { encoding: 'utf8', stdio: 'pipe' }),
      ({ stderr }) => /mappings\.json:4:\d+: error: \{site\} is not in the topic/.test(stderr));
  });
});

test('recorded messages are shown as samples, and what is wrong with others', () => {
  const registry = ['types/energy-meter.yaml', 'types/cnc.yaml', 'types/press.yaml', 'types/cold-store.yaml', 'devices/plant-1010.yaml']
    .flatMap((name) => ['--registry', join(IOT, name)]);
  const line = (topic, payload) => `1766000001.5 ${Buffer.from(payload).toString('hex')} ${topic}\n`;
  const { code, stdout, stderr } = runProgram(['sparkplug', ...registry, '-'],
    { input: line('meters/1010/hall/meter-4', '{"ts": 1766000000, "kwh": 4711.5}') + line('meters/1010/hall/meter-9', '{"ts": 1766000000, "kwh": 1}') });
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { group: 'plant-1010', edgeNode: 'hall', device: 'meter-4', metric: 'energyTotal', time: 1766000000000, value: 4711.5, quality: 'good' });
  assert.match(stderr, /^line 2: unknown-device: plant-1010\/hall\/meter-9: mapping meters: it is not registered; topic meters\/1010\/hall\/meter-9$/m);
  assert.match(stderr, /^2 messages, 1 samples; .*, 1 put aside$/m);
});
