// The edge: signals at the plant, spooled, and forwarded to the centre whatever happens to the line and to the edge.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Edge, Line, startCentre } from './support/edge.mjs';
import { eventually, suiteScope } from './support/harness.mjs';
import { assertSame, iotIsInstalled } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');

const HOUR = 3_600_000;
const LINE_3 = LAYOUT.filter(({ edgeNode }) => edgeNode === 'line-3');
const PLANT = LINE_3[0].group.replace('plant-', '');
const EDGES = { 'edge-1': { plant: PLANT, consumer: 'edges:edge-1' } };

const plantOf = (scope, edge, options) => startPlant(scope, { broker: edge.mqtt, layout: LINE_3, backMs: 2 * HOUR, ...options });
const sentBy = (plant) => plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0);

const assertInOrder = (events) => {
  const last = new Map();
  for (const { subject, time, id } of events) {
    assert.ok(!(last.get(subject) > time), `${id} of ${subject} is out of order`);
    last.set(subject, time);
  }
};

describe('an edge and its centre', async () => {
  const scope = suiteScope();
  const centre = await startCentre(scope, { edges: EDGES });
  const line = await Line.open(scope, centre.gw.tlsPorts[0]);
  const edge = await Edge.prepare(scope, { centre, port: line.port, layout: LINE_3, plant: PLANT });
  await edge.start();
  const plant = await plantOf(scope, edge);
  const expected = () => {
    Object.assign(centre.telemetry, { registry: edge.registry });
    return centre.telemetry.expected(plant.samples);
  };

  test('the line is cut and the edge killed twice: every event arrives once, in order', async () => {
    let before = 0;
    for (const [round, fault] of ['vibrate', 'breakdown', 'vibrate'].entries()) {
      await plant.fault(fault, 'lathe-1', { by: 9 });
      await plant.step(150);
      if (round === 1) line.cut();
      await plant.mend(fault, 'lathe-1');
      await plant.step(150);
      await edge.settled(sentBy(plant) - before);
      before = sentBy(plant);
      if (round < 2) {
        await edge.kill();
        await plant.step(50); // the broker keeps them
        await edge.start();
      }
    }
    const cut = await edge.status();
    assert.equal(cut.centre.state, 'down');
    assert.ok(cut.spool.events > 0 && cut.spool.oldest_seconds > 0, JSON.stringify(cut.spool));
    line.mend();
    await edge.forwarded();
    const wanted = expected();
    assert.ok(wanted.length > 5, `${wanted.length} events`);
    const events = await centre.telemetry.read();
    assertSame(events, wanted);
    assertInOrder(events);
    assert.equal((await edge.status()).spool.dropped, 0);
    assert.equal((await edge.status()).centre.state, 'up');
  });

  test('readiness and metrics', async () => {
    assert.equal((await edge.get('/readyz')).status, 200);
    const { text } = await edge.get('/metrics');
    assert.match(text, /^millgate_edge_spool_events 0$/m);
    assert.match(text, /^millgate_edge_centre_up 1$/m);
    assert.equal((await edge.get('/elsewhere')).status, 404);
  });
});
