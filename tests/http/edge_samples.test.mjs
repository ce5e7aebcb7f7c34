// Samples that an edge keeps and forwards: the centre shows them, and its signals do not compute them once more.

import assert from 'node:assert/strict';
import https from 'node:https';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { Edge, Line, startCentre } from './support/edge.mjs';
import { assertProblem, eventually, makeFolder, send, suiteScope } from './support/harness.mjs';
import { assertSame, IOT, iotIsInstalled, writeRegistry } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');

const LINE_3 = LAYOUT.filter(({ edgeNode }) => edgeNode === 'line-3');
const PATIENCE = 30_000;
const sentBy = (plant) => plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0);

async function startReadingCentre(scope) {
  const dir = makeFolder(), exports = makeFolder();
  mkdirSync(dir, { recursive: true });
  const centre = await startCentre(scope, {
    dir, edges: { 'edge-1': { plant: '1020', consumer: 'edges:edge-1' }, 'edge-2': { plant: '1010', consumer: 'edges:edge-2' } },
    more: ['system-iot.v1.yaml'],
    extra: { iot: { instance: 'centre', registry: [join(IOT, 'types'), writeRegistry(join(dir, 'devices.json'), LINE_3)], signals: [IOT], export: { folder: exports } } },
  });
  const token = centre.gw.token({ sub: 'reader', scope: 'iot:read plants:all' });
  const get = async (path) => {
    const answer = await centre.gw.request(`/system/iot/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  return { centre, exports, get };
}

describe('samples of an edge', async () => {
  const scope = suiteScope();
  const { centre, exports, get } = await startReadingCentre(scope);
  const line = await Line.open(scope, centre.gw.tlsPorts[0]);
  const edge = await Edge.prepare(scope, { centre, port: line.port, layout: LINE_3, plant: '1020', edge: { samples: {} } });
  await edge.start();
  const plant = await startPlant(scope, { broker: edge.mqtt, layout: LINE_3, backMs: 2 * 3_600_000 });
  const device = `${LINE_3[0].group}/line-3/lathe-1`;
  const sent = () => plant.samples.filter((sample) => sample.device === 'lathe-1' && sample.metric === 'Spindle/Vibration');
  const forwarded = () => eventually(async () => (await edge.status()).samples.waiting === 0, 'all samples to be forwarded', PATIENCE);

  test('wait while the line is cut, outlive a kill, and arrive in order and once in effect', async () => {
    await plant.step(60);
    await forwarded();
    line.cut();
    await plant.fault('vibrate', 'lathe-1', { by: 9 });
    await plant.step(120);
    await edge.settled(sentBy(plant));
    await eventually(async () => (await edge.status()).samples.state === 'down', 'the edge to know', PATIENCE);
    const { samples } = await edge.status();
    assert.ok(samples.waiting > 100, JSON.stringify(samples));
    await edge.kill();
    await edge.start();
    assert.ok((await edge.status()).samples.waiting >= samples.waiting);
    line.mend();
    await forwarded();
    const path = `/devices/${device}/metrics/spindleVibration/history`;
    await eventually(async () => (await get(`${path}?limit=1000`)).items.length >= sent().length, 'the history', PATIENCE);
    const { items } = await get(`${path}?limit=1000`);
    assert.deepEqual(items.map(({ time, value }) => [Date.parse(time), value]), sent().map(({ time, value }) => [time, value]));
    const values = (await get(`/devices/${device}/values`)).items;
    assert.equal(values.find(({ metric }) => metric === 'spindleVibration').value, sent().at(-1).value);
  });

  test('are not computed on in the centre: the events are the edge\'s', async () => {
    await edge.forwarded();
    Object.assign(centre.telemetry, { registry: edge.registry });
    assertSame(await centre.telemetry.read(), centre.telemetry.expected(plant.samples));
    assert.equal(await centre.telemetry.metric('millgate_iot_events_total'), 0);
    assert.ok((await centre.telemetry.metric('millgate_iot_samples_total')) >= plant.samples.length);
  });

  test('are exported for a historian', async () => {
    const lines = () => readdirSync(exports).flatMap((name) => readFileSync(join(exports, name), 'utf8').split('\n'));
    const last = sent().at(-1);
    await eventually(() => lines().some((text) => text.startsWith('spindleVibration,') && text.includes(`device=${device}`) && text.endsWith(` ${last.time}000000`)), 'the last one', PATIENCE);
  });

  test('have a bound of their own, beyond which the oldest go; events do not', async () => {
    const before = (await edge.status()).spool.dropped;
    line.cut();
    edge.config.edge.samples.max_bytes = '64KiB';
    await edge.reload();
    const told = sentBy(plant);
    for (let i = 0; i < 4; i++) await plant.step(150);
    await eventually(async () => (await edge.status()).samples.dropped > 0, 'some to be dropped', PATIENCE);
    const { samples, spool } = await edge.status();
    assert.ok(samples.bytes <= 65_536, JSON.stringify(samples));
    assert.equal(spool.dropped, before);
    assert.ok(sentBy(plant) > told);
    assert.match((await edge.get('/metrics')).text, new RegExp(`^millgate_edge_samples_dropped_total [1-9]`, 'm'));
    line.mend();
    await forwarded();
  });
});

describe('a centre that is given samples', async () => {
  const scope = suiteScope();
  const { centre, get } = await startReadingCentre(scope);
  const { group, edgeNode } = LINE_3[0];
  const node = `${group}/${edgeNode}`;
  const now = Date.now();
  const leaves = {};
  const lineOf = (samples, of = node) => `{"node":${JSON.stringify(of)},"samples":${JSON.stringify(samples)}}`;
  const deliver = (lines, { edge = 'edge-1', as = edge, body = gzipSync(lines.map((line) => `${line}\n`).join('')) } = {}) => {
    const { pem: cert, key } = leaves[as] ??= centre.authority.issue(`/CN=${as}`);
    return send({ port: centre.gw.tlsPorts[0], tls: true, agent: new https.Agent({ cert, key }), method: 'POST',
      path: `/system/edge/v1/samples?edge=${edge}`, headers: { 'content-type': 'application/gzip' }, body });
  };
  const sample = (value, { device = 'lathe-1', metric = 'spindleVibration', time = now } = {}) => [device, metric, time, value, 'good', false];

  test('takes its own plant\'s, passes over what it does not know, and says so', async () => {
    const answer = await deliver([lineOf([sample(1.5), sample(2, { device: 'nobody' }), sample(3, { metric: 'nothing' })]), lineOf([sample(1), sample(2)], 'g/unknown'), lineOf([['no', 'sample']])]);
    assert.deepEqual([answer.status, answer.json], [200, { accepted: 1, refused: 5 }], answer.text);
    await eventually(async () => (await get(`/devices/${node}/lathe-1/values`)).items.some(({ value }) => value === 1.5), 'the value', PATIENCE);
  });

  test('refuses another plant\'s, another edge\'s and what is no batch', async () => {
    assertProblem(await deliver([lineOf([sample(9)])], { edge: 'edge-2' }), 403);
    assertProblem(await deliver([lineOf([sample(9)])], { as: 'edge-2' }), 403);
    for (const line of ['{"node":"x"}', '[]', '{"node":7,"samples":[]}', '{"samples":[],"node":"x"}']) assertProblem(await deliver([line]), 400);
    assertProblem(await deliver([], { body: 'no gzip' }), 400);
    assertProblem(await deliver([], { body: gzipSync('x'.repeat(20 << 20)) }), 413);
    assertProblem(await deliver(Array.from({ length: 65 }, () => lineOf([sample(9)]))), 413);
  });
});
