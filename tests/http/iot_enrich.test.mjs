// What events ask of the shop floor before they go out: they have its answer; and whatever becomes of the floor, they go out, each
// once, in their order.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { ADMIN_SCOPE } from './support/config.mjs';
import { answerOf, Floor, floorSections } from './support/floor.mjs';
import { withRedis } from './support/fleet.mjs';
import { eventually, makeFolder, runProgram, suiteScope } from './support/harness.mjs';
import { assertNodeOrder, assertSame, iotIsInstalled, startTelemetry } from './support/iot.mjs';
import { ISSUER } from './support/tokens.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');

const LINES = LAYOUT.filter(({ edgeNode }) => edgeNode === 'line-1' || edgeNode === 'line-3');
const ASKING = new Set(['production-count', 'material-consumption', 'order-energy', 'scrap-exception']);
const asks = ({ signal }) => ASKING.has(signal);
const lacks = (event) => event.enrichment === 'unavailable';
const idsOf = (events) => events.map(({ id }) => id);
const nodeOf = ({ data }) => data.device.split('/')[1];

/** As it was computed, before it asked. */
function bare(event) {
  const { operations, ...data } = event.data;
  return { ...event, data };
}

async function startAll(scope, more = {}) {
  const dir = makeFolder();
  const floor = await new Floor().start();
  scope.after(() => floor.stop());
  const telemetry = await startTelemetry(scope, {
    dir, layout: LINES, extra: floorSections(dir, floor),
    iot: { silence: '24h', enrichment: { scopes: 'floor:read', timeout: '1500ms' }, ...more }, config: { workers: 2, redis: (await withRedis(scope)).url },
  });
  const plant = await startPlant(scope, { broker: telemetry.edge, layout: LINES, backMs: 72_000_000 });
  return { floor, telemetry, plant };
}

const sentBy = (plant) => plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0);

/** All that the samples give is in the log, each once; what is new in it. */
async function told({ telemetry, plant }, before = []) {
  const expected = telemetry.expected(plant.samples);
  await eventually(async () => (await telemetry.read()).length >= expected.length, 'all events', 30_000);
  const items = await telemetry.readItems();
  const events = items.map(({ event }) => event);
  assertSame(events.map(bare), expected);
  assertNodeOrder(items, expected);
  const known = new Set(idsOf(before));
  return events.filter(({ id }) => !known.has(id));
}

const atWork = ({ gw }) => gw.stderr.split('iot: the new configuration is at work').length;

async function reload(telemetry, change, isWaitedFor = true) {
  const before = atWork(telemetry);
  telemetry.gw.rewriteConfig((config) => change(config.iot));
  const authorization = `Bearer ${telemetry.gw.token({ scope: ADMIN_SCOPE, iss: `${ISSUER}/dev` })}`;
  const answer = await telemetry.gw.admin('/reload', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', authorization } });
  assert.equal(answer.status, 200, answer.text);
  if (isWaitedFor) await eventually(() => atWork(telemetry) > before, 'the new configuration', 15_000);
}

describe('events that ask the shop floor', async () => {
  const scope = suiteScope();
  const all = await startAll(scope);
  const { floor, telemetry, plant } = all;
  let before = [];

  const step = async (count) => {
    before = await telemetry.read();
    await plant.step(count);
    await telemetry.settled(0);
    const events = (await told(all, before)).filter(asks);
    assert.ok(events.length > 0, 'nothing was asked');
    return events;
  };
  const mend = () => eventually(async () => {
    floor.faults = {};
    return (await step(700)).every((event) => !lacks(event));
  }, 'the floor is asked again', 30_000);

  test('have its answer, number for number', async () => {
    const events = await step(1000);
    for (const event of events) {
      assert.ok(!lacks(event));
      assert.deepEqual(event.data.operations, answerOf({ plant: event.plant, workCenter: event.equipment }));
    }
    for (const event of await telemetry.read()) assert.equal('operations' in event.data, asks(event), event.signal);
    await eventually(async () => (await telemetry.metric('millgate_iot_events_enriched_total')) >= events.length, 'they are counted');
  });

  test('are who is asking, within their own trace', async () => {
    const [event] = (await telemetry.read()).filter(asks);
    let line;
    await eventually(() => (line = telemetry.gw.accessLog().find(({ trace_id, status }) => trace_id === event.id && status === 200)), 'a line in the access log');
    const { consumer, route, status, flow, path } = line;
    assert.deepEqual({ consumer, route, status, flow }, { consumer: 'telemetry', route: '/system/floor/v1/plants/{plant}/operations', status: 200, flow: 'floor/list-operations' });
    assert.equal(path, `/system/floor/v1/plants/${event.plant}/operations`);
    const asked = floor.requests.find(({ trace }) => trace?.includes(event.id));
    assert.equal(asked.workCenter, event.equipment);
    assert.equal(asked.status, event.signal === 'production-count' ? 'started' : asked.status);
  });

  test('go out as they were computed where there is nothing: that is an answer', async () => {
    floor.faults = { all: 404 };
    for (const event of await step(700)) assert.ok(!lacks(event) && !('operations' in event.data));
  });

  test('wait in order for a slow floor', async () => {
    floor.faults = { 'CNC-1': { delayMs: 200 }, 'LATHE-1': { delayMs: 100 } };
    assert.ok((await step(700)).every((event) => !lacks(event)));
  });

  test('of one edge node do not wait for the floor of another', async () => {
    floor.faults = { 'CNC-1': 'hang', 'LATHE-3': 'hang', 'METER-1': 'hang' };
    const count = floor.requests.length;
    const events = await step(700);
    assert.ok(events.filter((event) => nodeOf(event) === 'line-1').every(lacks));
    assert.ok(events.filter((event) => nodeOf(event) === 'line-3').every((event) => !lacks(event)));
    const hanging = floor.requests.slice(count).filter(({ plant: name }) => name === '1010');
    const asked = new Set(hanging.map(({ trace }) => trace.split('-')[1]));
    assert.ok(hanging.length <= 2 * asked.size, 'a question was asked more than twice');
    await mend();
  });

  test('go out without a floor that is down, and have it again when it is back', async () => {
    const lost = async () => telemetry.metric('millgate_iot_events_unenriched_total');
    const before = await lost();
    await floor.stop();
    const events = await step(700);
    assert.ok(events.every(lacks));
    assert.ok(events.every(({ data }) => !('operations' in data)));
    await eventually(async () => await lost() - before >= events.length, 'they are counted'); // those before it may be among them
    await floor.start(floor.port);
    await mend();
  });

  test('are held to their scopes, and do not ask twice for what is refused', async () => {
    const count = floor.requests.length;
    await reload(telemetry, (iot) => (iot.enrichment.scopes = 'other:read'));
    const events = await step(700);
    assert.ok(events.every(lacks));
    assert.equal(floor.requests.length, count);
    const refused = telemetry.gw.accessLog().filter(({ trace_id, status }) => trace_id === events[0].id && status === 403);
    assert.equal(refused.length, 1);
    await reload(telemetry, (iot) => (iot.enrichment.scopes = 'other:read floor:read'));
    assert.ok((await step(700)).every((event) => !lacks(event)));
  });

  test('lose and double nothing when killed, stopped or reloaded in the middle, and have what they had asked for', async () => {
    await reload(telemetry, (iot) => (iot.enrichment.timeout = '4s')); // nobody gives up before he is interrupted
    for (const interrupt of ['kill', 'stop', 'reload']) {
      before = await telemetry.read();
      const [sent, taken] = [sentBy(plant), await telemetry.metric('millgate_iot_messages_total')];
      const asked = floor.requests.length;
      floor.faults = { all: 'hang' };
      await eventually(async () => {
        await plant.step(50);
        return floor.requests.length > asked;
      }, 'a question', 15_000);
      await eventually(async () => (await telemetry.metric('millgate_iot_messages_total')) - taken >= sentBy(plant) - sent, 'all messages', 30_000);
      await eventually(async () => (await telemetry.metric('millgate_iot_journal_pending_bytes')) === 0, 'the journal'); // a kill loses what is not in it
      if (interrupt === 'reload') {
        writeFileSync(telemetry.registry.at(-1), readFileSync(telemetry.registry.at(-1), 'utf8').replace('"type"', '"owner":"team-1","type"'));
        await reload(telemetry, (iot) => (iot.checkpoint = '600ms'), false); // it waits for the questions
      } else {
        await telemetry.gw[interrupt]();
        await telemetry.gw.startAgain();
      }
      floor.faults = {};
      const events = (await told(all, before)).filter(asks);
      assert.ok(events.length > 0, interrupt);
      // While it stops nobody mends the floor: what has asked twice by then goes out as it is.
      for (const event of events.filter((one) => interrupt !== 'stop' || !lacks(one)))
        assert.deepEqual(event.data.operations, answerOf({ plant: event.plant, workCenter: event.equipment }), interrupt);
    }
  });
});

describe('a configuration', async () => {
  const scope = suiteScope();
  const floor = await new Floor().start();
  scope.after(() => floor.stop());

  /** Without what it asks for, or with another contract. */
  async function check(change, iot = { enrichment: {} }) {
    const dir = makeFolder();
    const sections = floorSections(dir, floor);
    const telemetry = await startTelemetry(scope, { dir, layout: LINES, extra: sections, iot, start: false });
    telemetry.gw.rewriteConfig((config) => change(config, dir));
    return runProgram(['check', '-c', telemetry.gw.configPath]);
  }

  test('whose contracts lack what signals ask for is refused, with the place', async () => {
    const wrong = await check((config) => config.contracts.pop());
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr + wrong.stdout, /production-count\.signal\.yaml:20:\d+: error: listOperations: no contract has this operation/);
  });

  test('that lets no event ask needs no contract for it', async () => {
    const { code, stderr, stdout } = await check((config) => config.contracts.pop(), {});
    assert.equal(code, 0, stderr + stdout);
  });
});
