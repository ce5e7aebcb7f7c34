// Two gateways share the edge nodes of a plant: each has one owner, who dies is followed, who comes back takes its share,
// and nothing is counted twice.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { withRedis } from './support/fleet.mjs';
import { eventually, suiteScope } from './support/harness.mjs';
import { assertSame, iotIsInstalled, startTelemetry } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');

describe('two gateways', async () => {
  const scope = suiteScope();
  const redis = await withRedis(scope);
  const first = await startTelemetry(scope, { layout: LAYOUT, iot: { instance: 'first' }, config: { redis: redis.url } });
  const second = await startTelemetry(scope, { layout: LAYOUT, iot: { instance: 'second' }, config: { redis: redis.url }, broker: first.broker });
  const plant = await startPlant(scope, { broker: first.edge, layout: LAYOUT, backMs: 7_200_000 });

  const owned = async (telemetry) => (await telemetry.metric('millgate_iot_edge_nodes')) ?? 0;
  const isShared = async () => (await owned(first)) > 0 && (await owned(second)) > 0 && (await owned(first)) + (await owned(second)) === LAYOUT.length;
  /** All that the samples give is there, and nothing twice. */
  const assertTold = async () => {
    const expected = second.expected(plant.samples);
    await eventually(async () => (await second.read()).length >= expected.length, 'all events', 30_000);
    assertSame(await second.read(), expected);
    return expected.length;
  };

  test('each edge node has one owner', async () => {
    await eventually(isShared, 'both to have some', 20_000);
    await plant.fault('breakdown', 'cnc-1');
    await plant.step(400);
    assert.ok((await assertTold()) > 0);
  });

  test('the nodes of one that is killed go to the other, who asks for rebirths', async () => {
    await eventually(async () => (await first.metric('millgate_iot_journal_pending_bytes')) === 0, 'the journal');
    const births = plant.edges.reduce((sum, { counts }) => sum + counts.births, 0);
    await first.gw.kill();
    await eventually(async () => (await owned(second)) === LAYOUT.length, 'the other to have all', 20_000);
    await eventually(() => plant.edges.reduce((sum, { counts }) => sum + counts.births, 0) > births, 'a rebirth', 20_000);
    await plant.mend('breakdown', 'cnc-1');
    await plant.step(300);
    await assertTold();
  });

  test('one that comes back takes its share, and what the broker had kept for it counts no second time', async () => {
    await first.gw.startAgain();
    await eventually(isShared, 'both to have some', 20_000);
    await plant.step(300);
    await assertTold();
  });
});
