// Events that an edge has computed have, when they stand in the centre's log, what their signals ask the centre's APIs for; and
// whatever becomes of those, they stand there, each once and in order.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { Edge, startCentre } from './support/edge.mjs';
import { answerOf, Floor, floorSections } from './support/floor.mjs';
import { eventually, makeFolder, suiteScope } from './support/harness.mjs';
import { assertSame, IOT, iotIsInstalled, writeRegistry } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');

const LINES = LAYOUT.filter(({ group }) => group === 'plant-1010');
const ASKING = new Set(['production-count', 'material-consumption', 'order-energy', 'scrap-exception']);
const asks = ({ signal }) => ASKING.has(signal);
const lacks = (event) => event.enrichment === 'unavailable';

/** As the edge has computed it. */
function bare(event) {
  const { operations, ...data } = event.data;
  return { ...event, data };
}

describe('what an edge delivers', async () => {
  const scope = suiteScope();
  const dir = makeFolder();
  mkdirSync(dir, { recursive: true });
  const floor = await new Floor().start();
  scope.after(() => floor.stop());
  const centre = await startCentre(scope, {
    dir, edges: { 'edge-1': { plant: '1010', consumer: 'edges:edge-1' } },
    extra: { ...floorSections(dir, floor),
      iot: { instance: 'centre', registry: [join(IOT, 'types'), writeRegistry(join(dir, 'devices.json'), LINES)], signals: [IOT], enrichment: { scopes: 'floor:read', timeout: '700ms' } } },
  });
  const edge = await Edge.prepare(scope, { centre, layout: LINES, plant: '1010', edge: { spool: { path: 'edge.db' } } });
  await edge.start();
  const plant = await startPlant(scope, { broker: edge.mqtt, layout: LINES, backMs: 72_000_000 });

  /** The events that these steps give. */
  async function step(count) {
    const before = new Set((await centre.telemetry.read()).map(({ id }) => id));
    await plant.step(count);
    await edge.settled(0);
    await edge.forwarded();
    Object.assign(centre.telemetry, { registry: edge.registry });
    const expected = centre.telemetry.expected(plant.samples);
    await eventually(async () => (await centre.telemetry.read()).length >= expected.length, 'all events', 30_000);
    const events = await centre.telemetry.read();
    assertSame(events.map(bare), expected);
    for (const subject of new Set(events.map((event) => event.subject))) {
      const of = (list) => list.filter((event) => event.subject === subject).map(({ time }) => time);
      assert.deepEqual(of(events), of(events).toSorted(), `${subject} is out of order`);
    }
    const fresh = events.filter((event) => !before.has(event.id) && asks(event));
    assert.ok(fresh.length > 0, 'nothing was to be asked');
    return fresh;
  }

  test('has the answer of the centre\'s APIs, within its own trace', async () => {
    const events = await step(1000);
    for (const event of events) {
      assert.ok(!lacks(event));
      assert.deepEqual(event.data.operations, answerOf({ plant: '1010', workCenter: event.equipment }));
      assert.ok(floor.requests.some(({ trace }) => trace?.includes(event.id)), event.id);
    }
    for (const event of await centre.telemetry.read()) assert.equal('operations' in event.data, asks(event), event.signal);
    assert.match((await centre.gw.admin('/metrics')).text, /^millgate_edge_enrichments_total\{result="answered"\} [1-9]/m);
  });

  test('stands there without what cannot be had, and the edge is answered in its time', async () => {
    floor.faults = { all: 'hang' };
    assert.ok((await step(1000)).every(lacks));
    assert.equal((await edge.status()).centre.state, 'up');
    floor.faults = {};
    await eventually(async () => (await step(1000)).every((event) => !lacks(event)), 'it is asked again', 30_000);
  });

  test('where there is nothing, that is an answer', async () => {
    floor.faults = { all: 404 };
    for (const event of await step(1000)) assert.ok(!lacks(event) && !('operations' in event.data));
    floor.faults = {};
  });

  test('is neither lost nor doubled when the centre is killed while it asks', async () => {
    const asked = floor.requests.length;
    floor.faults = { all: 'hang' };
    await plant.step(1000);
    await eventually(() => floor.requests.length > asked, 'a question', 15_000);
    await centre.gw.kill();
    floor.faults = {};
    await centre.gw.startAgain();
    edge.config.edge.centre.url = `https://127.0.0.1:${centre.gw.tlsPorts[0]}`;
    await edge.reload();
    assert.ok((await step(1000)).length > 0);
  });
});
