// Two gateways share the edge nodes of a plant: each has one owner, who dies is followed, who comes back takes its share,
// and nothing is counted twice. What one owns, the other reads, acknowledges and commands.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { withRedis } from './support/fleet.mjs';
import { eventually, suiteScope } from './support/harness.mjs';
import { assertSame, DRIVE, Drive, iotIsInstalled, Reader, startTelemetry } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT: LINES, startPlant } = await import('../rigs/iot/plant.mjs');
const LAYOUT = [...LINES, ...[1, 2, 3].map((n) => ({ group: 'plant-1010', edgeNode: `drives-${n}`, devices: { 'drive-1': Drive } }))];
const MORE = { layout: LAYOUT, more: ['system-iot.v1.yaml'], types: { drive: DRIVE } };
const ACKNOWLEDGED = 'com.millgate.iot.alarm.acknowledged.v1';

describe('two gateways', async () => {
  const scope = suiteScope();
  const redis = await withRedis(scope);
  const first = await startTelemetry(scope, { ...MORE, iot: { instance: 'first' }, config: { redis: redis.url } });
  const second = await startTelemetry(scope, { ...MORE, iot: { instance: 'second' }, config: { redis: redis.url }, broker: first.broker, issuer: first.gw.issuer });
  const plant = await startPlant(scope, { broker: first.edge, layout: LAYOUT, backMs: 7_200_000 });

  const owned = async (telemetry) => (await telemetry.metric('millgate_iot_edge_nodes')) ?? 0;
  const isShared = async () => (await owned(first)) > 0 && (await owned(second)) > 0 && (await owned(first)) + (await owned(second)) === LAYOUT.length;
  const look = async () => ({
    owners: await Promise.all(LAYOUT.map(({ group, edgeNode }) => redis.command('HGET', `millgate:iot:{${group}/${edgeNode}}:owner`, 'instance'))),
    births: plant.edges.map(({ counts }) => counts.births),
  });
  /** All that was sent is journaled and computed on. */
  const assertSeen = async (reader) => {
    const last = new Map(plant.samples.map(({ group, edgeNode, device, time }) => [`${group}/${edgeNode}/${device}`, time]));
    for (const [id, time] of last)
      await eventually(async () => Date.parse((await reader.get(`/devices/${id}`)).seen) === time, `${id} to be up to date`, 20_000);
  };
  /** Those that have another owner since were born anew for it: until then it believes no alias. */
  const assertReborn = async (before) => {
    const { owners } = await look();
    const moved = plant.edges.filter((edge, i) => owners[i] !== before.owners[i]);
    assert.ok(moved.length > 0);
    await eventually(() => plant.edges.every(({ counts }, i) => owners[i] === before.owners[i] || counts.births > before.births[i]),
      `rebirths of ${moved.map(({ edgeNode }) => edgeNode)}`, 20_000);
  };
  /** All that the samples give is there, and nothing twice. */
  const assertTold = async () => {
    const expected = second.expected(plant.samples);
    const read = async () => (await second.read()).filter(({ type }) => type !== ACKNOWLEDGED);
    await eventually(async () => (await read()).length >= expected.length, 'all events', 30_000);
    assertSame(await read(), expected);
    return expected.length;
  };

  test('each edge node has one owner', async () => {
    await eventually(isShared, 'both to have some', 20_000);
    await plant.fault('breakdown', 'cnc-1');
    await plant.step(400);
    assert.ok((await assertTold()) > 0);
  });

  test('what one owns, the other reads and acknowledges', async () => {
    const readers = [first, second].map(({ gw }) => new Reader(gw));
    const same = async (path) => {
      const answers = await Promise.all(readers.map((reader) => reader.get(path)));
      assert.deepEqual(answers[0], answers[1], path);
      return answers[0];
    };
    await eventually(async () => (await readers[0].get('/devices?limit=200')).items.every(({ state }) => state === 'online'), 'all to be on-line', 20_000);
    const { items } = await same('/devices?limit=200');
    assert.equal(items.length, LAYOUT.flatMap(({ devices }) => Object.keys(devices)).length);
    for (const reader of readers) await assertSeen(reader);
    for (const { id } of items) {
      const [one, other] = await Promise.all(readers.map((reader) => reader.values(id)));
      for (const metric of Object.keys(one)) assert.equal(one[metric].value, other[metric].value, `${id} ${metric}`);
    }
    const alarms = (await same('/alarms')).items;
    const alarm = alarms.find(({ equipmentId, signal }) => equipmentId === 'CNC-1' && signal === 'machine-down');
    assert.equal(alarm.state, 'raised');
    for (const [i, reader] of readers.entries()) { // one of them does not own it
      const done = await reader.send('PUT', `/plants/1010/alarms/${alarm.id}/acknowledgement`, { comment: `by ${i}` });
      assert.deepEqual([done.status, done.json.acknowledged.comment], [200, 'by 0']);
    }
    assert.equal((await second.read()).filter(({ type }) => type === ACKNOWLEDGED).length, 1);
    await same(`/plants/1010/alarms/${alarm.id}`);
  });

  test('a command that one is given reaches the device once, whoever owns it', async () => {
    const got = [];
    for (const { edgeNode, client } of plant.edges) client.on('dcmd', (id, { metrics }) => got.push(`${edgeNode} ${Number(metrics[0].value) / 2}`));
    const sent = [];
    for (const [i, { gw }] of [first, second].entries()) {
      const reader = new Reader(gw);
      for (const n of [1, 2, 3]) {
        const value = 100 * (i + 1) + n;
        const answer = await reader.send('POST', `/devices/plant-1010/drives-${n}/drive-1/commands`, { metric: 'speed', value, reason: 'a test' },
          { 'idempotency-key': `"c-${value}"` });
        assert.equal(answer.status, 202, answer.text);
        sent.push(`drives-${n} ${value}`);
      }
    }
    await eventually(() => got.length >= sent.length, 'all commands', 20_000);
    await plant.step(5); // over the same connections: what came twice would be there by now
    assert.deepEqual(got.sort(), sent.sort());
    const again = await new Reader(first.gw).send('POST', '/devices/plant-1010/drives-1/drive-1/commands', { metric: 'speed', value: 201, reason: 'a test' },
      { 'idempotency-key': '"c-201"' }); // as after a lost answer, at the other gateway
    assert.equal(again.status, 202);
    await plant.step(5);
    assert.equal(got.length, sent.length);
  });

  test('the nodes of one that is killed go to the other, who asks for rebirths', async () => {
    await assertSeen(new Reader(second.gw)); // what is not journaled yet would be lost
    const before = await look();
    await first.gw.kill();
    await eventually(async () => (await owned(second)) === LAYOUT.length, 'the other to have all', 20_000);
    await assertReborn(before);
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
