// The edge by itself: what it decides, and what happens when its spool is full.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import http from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { Edge } from './support/edge.mjs';
import { eventually, makeFolder, runProgram, suiteScope } from './support/harness.mjs';
import { IOT, iotIsInstalled } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');
const { MQTT_USERS } = await import('../rigs/iot/mosquitto.mjs');
const { connect } = createRequire(new URL('../rigs/iot/', import.meta.url))('mqtt');

const HOUR = 3_600_000;
const LINE_3 = LAYOUT.filter(({ edgeNode }) => edgeNode === 'line-3');
const plantOf = (scope, edge) => startPlant(scope, { broker: edge.mqtt, layout: LINE_3, backMs: HOUR });
const sentBy = (plant) => plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0);

/** Copies of the shipped signal that do something. */
function writeSignals(dir, signals) {
  mkdirSync(dir, { recursive: true });
  const text = readFileSync(join(IOT, 'spindle-vibration.signal.yaml'), 'utf8');
  for (const [name, local] of Object.entries(signals))
    writeFileSync(join(dir, `${name}.signal.yaml`), text.replace('signal: spindle-vibration', `signal: ${name}`).replace('local: true', `local: ${JSON.stringify(local)}`));
  return dir;
}

/** The settings `local`, and the files that they name. */
class Allowed {
  constructor(dir) {
    this.dir = dir;
    this.keys = generateKeyPairSync('ed25519');
    this.settings = { allow_file: join(dir, 'allow.json'), signature_file: join(dir, 'allow.sig'), key_file: join(dir, 'allow.pub'), max_age: '30d' };
    writeFileSync(this.settings.key_file, this.keys.publicKey.export({ type: 'spki', format: 'pem' }));
  }

  write(list, { signed = list } = {}) {
    const all = (more) => JSON.stringify({ edge: 'edge-1', expires: '2099-01-01T00:00:00Z', ...more });
    writeFileSync(this.settings.allow_file, all(list));
    writeFileSync(this.settings.signature_file, `${sign(null, Buffer.from(all(signed)), this.keys.privateKey).toString('base64').replace(/(.{64})/g, '$1\n')}\n`);
    return this;
  }
}

async function startBackend(scope) {
  const backend = { calls: [] };
  const server = http.createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    backend.calls.push({ path: request.url, key: request.headers['idempotency-key'], body: JSON.parse(Buffer.concat(pieces)) });
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.after(() => (server.closeAllConnections(), server.close()));
  return Object.assign(backend, { url: `http://127.0.0.1:${server.address().port}/plc` });
}

/** Which commands they were, and what came of them. */
async function assertAudited(edge, { body }) {
  const read = async () => (await edge.get('/decisions')).json.decisions;
  await eventually(async () => (await read()).every(({ outcome }) => outcome !== 'begun'), 'all outcomes');
  const decisions = await read();
  const device = 'plant-1020/line-3/lathe-1';
  const by = Object.fromEntries(decisions.map((decision) => [decision.what.signal, decision]));
  const command = (value) => ({ device, metric: 'Spindle/Speed Limit', type: 'Int64', value });
  assert.deepEqual(by['stop-spindle'].what, { signal: 'stop-spindle', device, command: command(900) });
  assert.equal(by['stop-spindle'].outcome, 'done');
  assert.deepEqual(by['too-fast'].what, { signal: 'too-fast', device, command: command(9000) });
  assert.deepEqual([by['too-fast'].outcome, /does not permit the value/.test(by['too-fast'].reason)], ['refused', true]);
  const { what, event, outcome, time } = by['tell-plc'];
  assert.deepEqual([what.call.backend, what.call.path, event, outcome], ['plc', '/alarms', body.id, 'done']);
  assert.match(what.call.sha256, /^[0-9a-f]{64}$/);
  assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000);
}

describe('what is decided at the edge', async () => {
  const scope = suiteScope();
  const dir = makeFolder();
  const backend = await startBackend(scope);
  const signals = writeSignals(join(dir, 'signals'), {
    'stop-spindle': { command: { metric: 'Spindle/Speed Limit', value: 900 } },
    'too-fast': { command: { metric: 'Spindle/Speed Limit', value: 9000 } },
    'tell-plc': { call: { backend: 'plc', path: '/alarms' } },
    'tell-wrong': { call: { backend: 'plc', path: '/elsewhere' } },
    'when-over': { on: 'cleared', call: { backend: 'plc', path: '/all-clear', body: { clear: true } } },
  });
  const allowed = new Allowed(dir).write({
    per_minute: 100,
    commands: [{ device: 'lathe-1', metric: 'Spindle/Speed Limit', min: 0, max: 1000 }],
    calls: [{ backend: 'plc', path: '/alarms' }, { backend: 'plc', path: '/all-clear' }],
  });
  const edge = await Edge.prepare(scope, {
    layout: LINE_3, plant: '1020', dir, signals: [signals], iot: { checkpoint: '10m' },
    edge: { local: { ...allowed.settings, backends: { plc: { url: backend.url } } } },
  });
  await edge.start();
  const plant = await plantOf(scope, edge);
  const commands = [];
  const client = connect(edge.broker.url, { username: 'mes', password: MQTT_USERS.mes.password });
  scope.after(() => new Promise((resolve) => client.end(true, {}, resolve)));
  client.on('message', (topic) => commands.push(topic));
  await new Promise((resolve, reject) => client.subscribe('spBv1.0/+/DCMD/#', { qos: 1 }, (error) => (error ? reject(error) : resolve())));
  const decided = async () => (await edge.status()).decisions;

  test('what the list permits is done, and nothing else', async () => {
    await plant.fault('vibrate', 'lathe-1', { by: 9 });
    await plant.step(180);
    await eventually(async () => ((await decided()).done ?? 0) >= 2, 'a command and a call', 15_000);
    await eventually(async () => ((await decided()).refused ?? 0) >= 2, 'what is refused');
    await eventually(() => commands.length >= 1, 'the command');
    assert.deepEqual(commands, ['spBv1.0/plant-1020/DCMD/line-3/lathe-1']);
    assert.deepEqual(backend.calls.map(({ path }) => path), ['/plc/alarms']);
    assert.equal(backend.calls[0].body.type, 'com.millgate.iot.vibration-exceeded.v1');
    assert.equal(backend.calls[0].key, backend.calls[0].body.id);
    assert.match(edge.stderr, /does not permit the value/);
    assert.match(edge.stderr, /does not have the backend's path/);
    await assertAudited(edge, backend.calls[0]);
    await plant.mend('vibrate', 'lathe-1');
    await plant.step(180);
    await eventually(() => backend.calls.length === 2, 'the all-clear', 15_000);
    assert.deepEqual([backend.calls[1].path, backend.calls[1].body], ['/plc/all-clear', { clear: true }]);
  });

  test('nothing is done again after a crash', async () => {
    await edge.settled(sentBy(plant));
    await edge.kill();
    await edge.start(); // computes everything once more: there was no checkpoint
    await eventually(async () => (await edge.status()).decisions.repeated >= 5, 'they are known', 15_000);
    const { done, refused, failed } = await decided();
    assert.deepEqual({ done, refused, failed }, { done: 0, refused: 0, failed: 0 });
    assert.equal(commands.length, 1);
    assert.equal(backend.calls.length, 2);
  });

  test('a list that was changed, is another edge\'s or has run out does not count', async () => {
    const check = (list, more) => {
      allowed.write(list, more);
      return runProgram(['edge', '--check', '-c', edge.configPath]);
    };
    const good = { per_minute: 100, calls: [{ backend: 'plc', path: '/alarms' }] };
    assert.equal(check(good).code, 0);
    for (const [list, more, why] of [
      [{ ...good, per_minute: 1000 }, { signed: good }, /not signed by its key/], [{ ...good, edge: 'edge-2' }, {}, /for the edge "edge-2"/],
      [{ ...good, anything: true }, {}, /anything/], [{ ...good, expires: 'tomorrow, around noon or so' }, {}, /RFC 3339/],
    ]) {
      const { code, stderr } = check(list, more);
      assert.equal(code, 1);
      assert.match(stderr, why);
    }
    check({ ...good, expires: '2020-01-01T00:00:00Z' });
    await edge.reload();
    await plant.fault('vibrate', 'lathe-2', { by: 9 });
    await plant.step(180);
    await eventually(async () => (await decided()).refused >= 3, 'it has run out', 15_000);
    assert.match(edge.stderr, /has expired/);
  });
});

describe('limits of decisions', async () => {
  const scope = suiteScope();
  const dir = makeFolder();
  const backend = await startBackend(scope);
  const signals = writeSignals(join(dir, 'signals'), { 'tell-plc': { on: 'both', call: { backend: 'plc', path: '/alarms' } } });
  const allowed = new Allowed(dir).write({ per_minute: 1, calls: [{ backend: 'plc', path: '/alarms' }] });
  const edge = await Edge.prepare(scope, {
    layout: LINE_3, plant: '1020', dir, signals: [signals],
    edge: { local: { ...allowed.settings, backends: { plc: { url: backend.url } } } },
  });
  await edge.start();
  const plant = await plantOf(scope, edge);
  const decisions = async () => (await edge.status()).decisions;

  test('so many a minute, and none of what is long past', async () => {
    for (const machine of ['lathe-1', 'lathe-2']) await plant.fault('vibrate', machine, { by: 9 });
    await plant.step(180);
    await eventually(async () => (await decisions()).limited >= 1, 'the second one', 15_000);
    await eventually(() => backend.calls.length > 0, 'the first one');
    assert.equal(backend.calls.length, 1);
    edge.config.edge.local.max_age = '1s';
    await edge.reload();
    for (const machine of ['lathe-1', 'lathe-2']) await plant.mend('vibrate', machine);
    await plant.step(180);
    await eventually(async () => (await decisions()).late >= 2, 'late ones', 15_000);
    assert.equal(backend.calls.length, 1);
  });
});

describe('a spool that is full', async () => {
  const scope = suiteScope();
  const edge = await Edge.prepare(scope, { layout: LINE_3, plant: '1020', edge: { spool: { path: 'small.db', max_events: 10 } } });
  await edge.start();
  const plant = await plantOf(scope, edge);

  test('keeps its bound, and counts what it drops', async () => {
    for (let round = 0; round < 6; round++) {
      await plant.fault('vibrate', 'lathe-1', { by: 9 });
      await plant.step(120);
      await plant.mend('vibrate', 'lathe-1');
      await plant.step(120);
    }
    await edge.settled(sentBy(plant));
    const { spool } = await edge.status();
    assert.ok(spool.events <= 10, JSON.stringify(spool));
    assert.ok(spool.dropped > 0 && spool.spooled === spool.events + spool.dropped, JSON.stringify(spool));
    assert.match((await edge.get('/metrics')).text, new RegExp(`^millgate_edge_dropped_total ${spool.dropped}$`, 'm'));
    const bytes = ['', '-wal'].reduce((sum, end) => sum + statSync(join(edge.dir, `small.db${end}`)).size, 0);
    assert.ok(bytes < 16 << 20, `${bytes} bytes`);
  });

  test('is another process\'s', () => {
    const { code, stderr } = runProgram(['edge', '-c', edge.configPath]);
    assert.equal(code, 1);
    assert.match(stderr, /another process has it/);
  });
});
