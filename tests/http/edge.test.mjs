// The edge: signals at the plant, spooled, and forwarded to the centre whatever happens to the line and to the edge.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import { Edge, Line, startCentre } from './support/edge.mjs';
import { withRedis } from './support/fleet.mjs';
import { assertProblem, eventually, send, suiteScope } from './support/harness.mjs';
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

const plantOf = (scope, edge, options) => startPlant(scope, { broker: edge.mqtt, layout: LINE_3, backMs: 20 * HOUR, ...options });
const sentBy = (plant) => plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0);

const assertInOrder = (events) => {
  const last = new Map();
  for (const { subject, time, id } of events) {
    assert.ok(!(last.get(subject) > time), `${id} of ${subject} is out of order`);
    last.set(subject, time);
  }
};

describe('a centre that has lost what it had acknowledged', async () => {
  const scope = suiteScope();
  const redis = await withRedis(scope, { settings: ['--appendfsync', 'always'] });
  const centre = await startCentre(scope, { edges: EDGES, redis });
  const edge = await Edge.prepare(scope, { centre, layout: LINE_3, plant: PLANT });
  await edge.start();
  const plant = await plantOf(scope, edge);
  const metric = async (name) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await edge.get('/metrics')).text)?.[1]);

  test('is told what is missing, and gets all that comes after, once', async () => {
    await plant.step(1000);
    await edge.settled(sentBy(plant));
    await edge.forwarded();
    const lost = await centre.telemetry.read();
    assert.ok(lost.length > 0);
    assert.match(await redis.command('FLUSHALL'), /OK/);
    await plant.step(1000);
    await edge.settled(sentBy(plant));
    await edge.forwarded();
    Object.assign(centre.telemetry, { registry: edge.registry });
    const wanted = centre.telemetry.expected(plant.samples);
    const gone = new Set(lost.map(({ id }) => id));
    assert.ok(wanted.length > gone.size);
    await eventually(async () => (await centre.telemetry.read()).length >= wanted.length - gone.size, 'all others', 30_000);
    assertSame(await centre.telemetry.read(), wanted.filter(({ id }) => !gone.has(id)));
    assert.equal(await metric('millgate_edge_centre_lost_total'), gone.size);
    assert.match(edge.stderr, new RegExp(`the centre has lost events 1 to ${gone.size} of`));
    assert.equal((await edge.status()).centre.state, 'up');
  });

  test('a Redis that is away: events wait at the plant, and come when it is back', async () => {
    const before = (await centre.telemetry.read()).length;
    await redis.stop('SIGKILL');
    await plant.step(1000);
    await edge.settled(sentBy(plant));
    await eventually(async () => (await edge.status()).centre.state === 'refused', 'a refusal', 30_000);
    assert.ok((await edge.status()).spool.events > 0);
    await redis.start();
    await edge.forwarded();
    await eventually(async () => (await centre.telemetry.read()).length > before, 'them', 30_000);
    const ids = (await centre.telemetry.read()).map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
  });
});

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
    assert.equal((await send({ port: edge.port, path: '/status', headers: { host: 'evil.example' } })).status, 421);
  });

  test('a revoked edge is out within two seconds, and goes on where it was when it is back', async () => {
    const before = (await centre.telemetry.read()).length;
    const path = '/consumers/edges%3Aedge-1';
    const json = { 'content-type': 'application/json' };
    assert.equal((await centre.gw.admin(path, { method: 'POST', headers: json, body: '{"disabled":true}' })).status, 200);
    const revoked = Date.now();
    await eventually(async () => (await deliver(centre, 'edge-1', { epoch: 'revoked', lines: [] })).status === 403, 'it is refused', 2000);
    assert.ok(Date.now() - revoked < 2000);
    await plant.fault('vibrate', 'lathe-1', { by: 9 });
    await plant.step(200);
    await eventually(async () => (await edge.status()).centre.state === 'refused', 'the edge knows');
    assert.match((await edge.status()).centre.last_error, /^403/);
    assert.equal((await centre.telemetry.read()).length, before);
    assert.equal((await centre.gw.admin(path, { method: 'DELETE', headers: json, body: '{}' })).status, 204);
    const wanted = expected();
    await eventually(async () => (await centre.telemetry.read()).length >= wanted.length, 'all events', 30_000);
    assertSame(await centre.telemetry.read(), wanted);
  });

  test('reloaded while edge nodes send, it stays connected, and every message counts', async () => {
    const messages = async () => (await edge.status()).telemetry.messages;
    const connects = () => readFileSync(edge.broker.log, 'utf8').split(' as millgate-edge-edge-1 (').length;
    const before = { messages: await messages(), sent: sentBy(plant), connects: connects(), births: plant.edges[0].counts.births };
    const devices = JSON.parse(readFileSync(edge.registry.at(-1), 'utf8'));
    let isOver = false;
    const send = async () => {
      for (let round = 0; !isOver; round++) {
        await plant[round % 2 === 0 ? 'fault' : 'mend']('vibrate', 'lathe-2', { by: 9 });
        await plant.step(60);
      }
    };
    const sending = send();
    for (let round = 0; round < 5; round++) {
      devices.devices[0].owner = `team-${round}`;
      writeFileSync(edge.registry.at(-1), JSON.stringify(devices));
      edge.config.iot.checkpoint = `${400 + round}ms`;
      await edge.reload();
    }
    isOver = true;
    await sending;
    const sent = sentBy(plant) - before.sent;
    await edge.settled(before.messages + sent);
    assert.equal(await messages(), before.messages + sent);
    assert.equal(connects(), before.connects);
    assert.equal(plant.edges[0].counts.births, before.births);
    const wanted = expected();
    await eventually(async () => (await centre.telemetry.read()).length >= wanted.length, 'all events', 30_000);
    assertSame(await centre.telemetry.read(), wanted);
  });

  test('SIGHUP: a file with problems changes nothing, a good one is at work', async () => {
    const good = structuredClone(edge.config);
    edge.config.edge.plant = '9999';
    edge.write();
    edge.process.kill('SIGHUP');
    await eventually(() => /is of the plant "1020"[^]*stays as it was/.test(edge.stderr), 'it says so');
    edge.config = structuredClone(good);
    edge.config.iot.signals = edge.config.iot.signals.map((path) => `${path}/spindle-vibration.signal.yaml`);
    await edge.reload();
    const { messages } = (await edge.status()).telemetry;
    await plant.step(5);
    await eventually(async () => (await edge.status()).telemetry.messages > messages, 'messages');
  });
});

const event = (n, more = {}) => ({
  specversion: '1.0', id: `event-${n}`, source: '/plants/1020/tests', type: 'test.counted.v1', subject: `asset-${n % 2}`, plant: PLANT, data: { n }, ...more,
});
const lineOf = (sequence, what) => `{"sequence":${sequence},"event":${JSON.stringify(what)}}`;

/** As an edge does it; `lines` without their ends. */
function deliver(centre, id, { epoch = 'abc.1', first = 1, lines, edge = id, body = gzipSync(lines.map((line) => `${line}\n`).join('')), leaf }) {
  const { pem: cert, key } = leaf ?? (centre.leaves ??= {})[id] ?? (centre.leaves[id] = centre.authority.issue(`/CN=${id}`));
  const agent = new https.Agent({ cert, key });
  return send({
    port: centre.gw.tlsPorts[0], tls: true, agent, method: 'POST', path: `/system/edge/v1/batches?edge=${edge}&epoch=${epoch}&first=${first}`,
    headers: { 'content-type': 'application/gzip' }, body,
  });
}

describe('a centre', async () => {
  const scope = suiteScope();
  const centre = await startCentre(scope, {
    edges: { ...EDGES, 'edge-2': { plant: '1010', consumer: 'edges:edge-2' } }, events: { unknown_types: 'refuse' },
  });
  const ids = async () => (await centre.telemetry.read()).map(({ id }) => id);

  test('takes batches in order, once', async () => {
    const batch = { lines: [1, 2, 3].map((n) => lineOf(n, event(n))) };
    for (let i = 0; i < 2; i++) {
      const answer = await deliver(centre, 'edge-1', batch);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.json, { acknowledged: 3, refused: [] });
    }
    const more = await deliver(centre, 'edge-1', { first: 3, lines: [3, 4].map((n) => lineOf(n, event(n))) });
    assert.deepEqual([more.status, more.json.acknowledged], [200, 4]);
    assert.deepEqual((await ids()).sort(), ['event-1', 'event-2', 'event-3', 'event-4']);
  });

  test('of which some are under way at once', async () => {
    const lines = Array.from({ length: 1000 }, (_, i) => lineOf(i + 1, event(1000 + i)));
    const answers = await Promise.all(Array.from({ length: 4 }, () => deliver(centre, 'edge-1', { epoch: 'crowd', lines })));
    assert.deepEqual(answers.map(({ json }) => json.acknowledged), [1000, 1000, 1000, 1000]);
    const numbers = (await ids()).filter((id) => id.length > 8).map((id) => Number(id.slice(6)));
    assert.equal(numbers.length, 1000);
    for (const rest of [0, 1]) {
      const own = numbers.filter((n) => n % 2 === rest);
      assert.deepEqual(own, own.toSorted((a, b) => a - b));
    }
  });

  test('none of whose edge is revoked while they are appended: within two seconds nothing more is taken', async () => {
    const path = '/consumers/edges%3Aedge-1', json = { 'content-type': 'application/json' };
    const admin = (method, body) => centre.gw.admin(path, { method, headers: { ...json, 'content-length': String(body.length) }, body });
    // All of one subject, so that they are appended one behind the other.
    const batches = Array.from({ length: 6 }, (_, k) => deliver(centre, 'edge-1', { epoch: `midway.${k}`,
      lines: Array.from({ length: 1000 }, (_, i) => lineOf(i + 1, event(`M${k}.${i}`, { type: 'test.noted.v1', subject: `midway-${k}`, data: 'x' }))) }));
    const taken = async () => (await ids()).filter((id) => id.startsWith('event-M')).length;
    await eventually(async () => (await taken()) > 20, 'some to be taken');
    assert.equal((await admin('POST', '{"disabled":true}')).status, 200);
    await sleep(2000);
    const then = await taken();
    const answers = await Promise.all(batches);
    assert.equal(await taken(), then);
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [403], 'a batch was whole before: the machine is too fast for this test');
    assert.ok(then < 6000, `${then} were taken`);
    assert.equal((await admin('DELETE', '{}')).status, 204);
    await eventually(async () => (await deliver(centre, 'edge-1', { epoch: 'midway.0', lines: [lineOf(1, event('M0.0', { type: 'test.noted.v1', subject: 'midway-0', data: 'x' }))] })).status === 200, 'it is let in again');
    assert.equal(await taken(), then);
  });

  test('large ones, too', async () => {
    const data = [{ text: '\\"'.repeat(12_000) }, { numbers: Array(30_000).fill(1) }];
    const lines = Array.from({ length: 60 }, (_, i) => lineOf(i + 1, event(`L${i}`, { type: 'test.noted.v1', data: data[i % 2] })));
    const answer = await deliver(centre, 'edge-1', { epoch: 'large', lines });
    assert.deepEqual([answer.status, answer.json?.acknowledged, answer.json?.refused], [200, 60, []], answer.text);
  });

  test('refuses gaps and says what it expects', async () => {
    const answer = await deliver(centre, 'edge-1', { first: 7, lines: [lineOf(7, event(7))] });
    assert.match(assertProblem(answer, 409).type, /sequence-gap/);
    assert.equal(answer.json.expected, 5);
    const dropped = await deliver(centre, 'edge-1', { first: 5, lines: ['{"sequence":5,"dropped":2}', lineOf(7, event(7))] });
    assert.deepEqual([dropped.status, dropped.json?.acknowledged], [200, 7], dropped.text);
    assert.match((await centre.gw.admin('/metrics')).text, /^millgate_edge_events_total\{result="dropped_at_edge"\} 2$/m);
  });

  test('passes over what is no event or does not fit, and tells it', async () => {
    const lines = [lineOf(1, event(21)), lineOf(2, event(22, { data: { n: -1 } })), lineOf(3, event(23, { type: 'unheard.of.v1' })),
      lineOf(4, { plant: PLANT }), lineOf(5, event(25))];
    const { status, json, text } = await deliver(centre, 'edge-1', { epoch: 'mixed', lines });
    assert.equal(status, 200, text);
    assert.equal(json.acknowledged, 5);
    assert.deepEqual(json.refused.map(({ sequence, problem }) => [sequence, problem]),
      [[2, '/problems/invalid-event'], [3, '/problems/unknown-event-type'], [4, '/problems/invalid-event']]);
    assert.deepEqual((await ids()).filter((id) => /^event-2\d$/.test(id)).sort(), ['event-21', 'event-25']);
  });

  test('takes from an edge nothing but its own plant\'s', async () => {
    const foreign = { epoch: 'foreign', lines: [lineOf(1, event(31)), lineOf(2, event(32, { plant: '1010' }))] };
    assertProblem(await deliver(centre, 'edge-1', foreign), 403);
    assertProblem(await deliver(centre, 'edge-2', { ...foreign, lines: [lineOf(1, event(31))] }), 403);
    assertProblem(await deliver(centre, 'edge-1', { ...foreign, edge: 'edge-2' }), 403);
    assertProblem(await deliver(centre, 'edge-3', foreign), 403);
    const token = await centre.client.request('/../../edge/v1/batches', { method: 'POST' });
    assert.ok(token.status >= 400);
    assert.deepEqual((await ids()).filter((id) => /^event-3\d$/.test(id)), []);
  });

  test('refuses what is no batch', async () => {
    for (const [body, status] of [['no gzip', 400], [gzipSync(''), 400], [gzipSync('{"sequence":2}\n'), 400], [gzipSync('[]\n'), 400],
      [gzipSync(`${lineOf(1, event(41))}\n${lineOf(3, event(43))}\n`), 400], [gzipSync('{"sequence":1,"dropped":0}\n'), 400],
      [gzipSync('x'.repeat(20 << 20)), 413], [Buffer.concat([gzipSync(`${lineOf(1, event(41))}\n`), Buffer.from('more')]), 400]])
      assertProblem(await deliver(centre, 'edge-1', { epoch: 'bad', body }), status);
    for (const query of [{ epoch: 'No!' }, { first: 0 }, { first: '9007199254740993' }])
      assertProblem(await deliver(centre, 'edge-1', { lines: [lineOf(1, event(41))], ...query }), 400);
    assert.deepEqual((await ids()).filter((id) => /^event-4\d$/.test(id)), []);
  });
});
