// The event log as an API: publishing, polling, streams; order, duplicates, what each may see.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { assertProblem, eventually, makeFolder, runProgram, suiteScope } from './support/harness.mjs';
import { counted, startEvents } from './support/events.mjs';
import { AUDIENCE, ISSUER } from './support/tokens.mjs';

const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

describe('publishing', async () => {
  const scope = suiteScope();
  const all = await startEvents(scope);

  test('structured, binary and batch; each has a place, and is read by it', async () => {
    const one = await all.mustPublish(counted('a', 1, { id: 'one' }));
    assert.match(one.place, /^[0-7]-\d+-\d+$/);
    assert.deepEqual([one.result, one.id, one.source], ['appended', 'one', '/plants/1010/tests']);
    const binary = await all.post('/events', { n: 2 }, 'application/json', {
      'ce-specversion': '1.0', 'ce-id': 'two', 'ce-source': '/plants/1010/tests', 'ce-type': 'test.counted.v1',
      'ce-subject': 'a', 'ce-plant': '1010',
    });
    assert.equal(binary.status, 200, binary.text);
    const batch = await all.mustPublish([counted('a', 3, { id: 'three' }), counted('b', 4, { id: 'four' })]);
    assert.deepEqual(batch.items.map(({ result }) => result), ['appended', 'appended']);
    const read = await all.request(`/events/${binary.json.place}`);
    assert.equal(read.status, 200, read.text);
    assert.deepEqual([read.json.event.id, read.json.event.data, read.json.event.plant], ['two', { n: 2 }, '1010']);
    assert.match(read.json.event.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    assertProblem(await all.request('/events/7-1-1'), 404);
  });

  test('one that is known is not appended again', async () => {
    const event = counted('a', 1);
    const first = await all.mustPublish(event);
    const again = await all.mustPublish(event);
    assert.deepEqual([again.result, again.place], ['repeated', first.place]);
    const other = await all.mustPublish({ ...event, source: '/plants/1010/others' });
    assert.equal(other.result, 'appended');
  });

  test('what is no event, not described or not as described is refused, with its place', async () => {
    const untyped = assertProblem(await all.publish({ specversion: '1.0', id: '1', source: '/x' }), 422);
    assert.match(untyped.detail, /type is missing/);
    assert.match(assertProblem(await all.publish(counted('a', 1, { type: 'test.unknown' })), 422).type, /unknown-event-type/);
    const wrong = assertProblem(await all.publish(counted('a', -1)), 422);
    assert.deepEqual(wrong.errors.map(({ pointer, keyword }) => [pointer, keyword]), [['/data/n', 'minimum']]);
    const note = assertProblem(await all.publish(counted('a', 1, { type: 'test.noted.v1', data: 5 })), 422);
    assert.equal(note.errors[0].pointer, '/data');
    const batch = await all.mustPublish([counted('a', 5), counted('a', -5), 7]);
    assert.deepEqual(batch.items.map(({ result }) => result), ['appended', 'refused', 'refused']);
    assert.equal(batch.items[1].errors[0].pointer, '/data/n');
    assertProblem(await all.publish(range(0, 101).map((n) => counted('a', n))), 413);
    assertProblem(await all.post('/events', { n: 1 }), 422);
    assertProblem(await all.request('/events', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } }), 415);
    assertProblem(await all.publish(counted('a', 1, { data: { n: 1, text: 'x'.repeat(70_000) } })), 422);
  });

  test('each kind of attribute is held to its rule', async () => {
    const bad = [
      { specversion: '0.3' }, { id: '' }, { source: 'no uri\u0001' }, { time: 'yesterday' }, { datacontenttype: 'text/plain' },
      { dataschema: 'relative' }, { Upper: 'x' }, { toolongforanattribute: 'x' }, { nested: {} }, { real: 1.5 },
      { data_base64: 'AA==' }, { subject: 'a\u0000b' }, { id: 'x'.repeat(3000) },
    ];
    for (const more of bad) assertProblem(await all.publish(counted('a', 1, more)), 422);
    const good = await all.mustPublish(counted('a', 1, { flag: true, number: -5, nothing: null, time: '2026-11-23T10:00:00.5+01:00' }));
    const { event } = (await all.request(`/events/${good.place}`)).json;
    assert.deepEqual([event.flag, event.number, 'nothing' in event], [true, -5, false]);
  });

  test('a scope for each, and a plant', async () => {
    assertProblem(await all.as({ scope: 'events:read' }).publish(counted('a', 1)), 403);
    assertProblem(await all.as({ scope: 'events:publish' }).poll(), 403);
    assertProblem(await all.as({ scope: 'events:read events:publish' }).poll(), 403);
    const own = all.as({ scope: 'events:read events:publish', plant: '1010' });
    assert.equal((await own.publish(counted('a', 1))).status, 200);
    assertProblem(await own.publish(counted('a', 1, { plant: '1020' })), 403);
    assertProblem(await own.publish(counted('a', 1, { plant: null })), 403);
    const foreign = await all.mustPublish(counted('a', 1, { plant: '1020' }));
    assertProblem(await own.request(`/events/${foreign.place}`), 404);
    const both = all.as({ scope: 'events:read', plant: ['1010', '1020'] });
    assert.equal((await both.request(`/events/${foreign.place}`)).status, 200);
  });

  test('which events there are', async () => {
    const { json } = await all.request('/types');
    assert.deepEqual(json.items, [{ type: 'test.counted.v1', title: 'Something was counted' }, { type: 'test.noted.v1', title: 'A note' }]);
  });
});

describe('reading', async () => {
  const scope = suiteScope();
  const all = await startEvents(scope);

  test('a poll goes on where the last one ended, in order', async () => {
    let { cursor, items } = await all.mustPoll();
    assert.deepEqual(items, []);
    await all.mustPublish(range(0, 90).map((n) => counted('ordered', n)));
    await all.mustPublish(range(90, 150).map((n) => counted('ordered', n)));
    const got = [];
    for (let more = true; more;) {
      ({ cursor, items, more } = await all.mustPoll({ after: cursor, limit: 40, subject: 'ordered' }));
      assert.ok(items.length <= 40);
      got.push(...items.map(({ event }) => event.data.n));
    }
    assert.deepEqual(got, range(0, 150));
  });

  test('a long poll ends with the first event, or with its time', async () => {
    const { cursor } = await all.mustPoll();
    const waiting = all.mustPoll({ after: cursor, wait: 'PT20S', subject: 'awaited' });
    await all.mustPublish([counted('other', 1), counted('awaited', 7)]);
    assert.deepEqual((await waiting).items.map(({ event }) => event.data.n), [7]);
    const empty = await all.mustPoll({ wait: 'PT1S', subject: 'awaited' });
    assert.deepEqual([empty.items, empty.more], [[], false]);
    assertProblem(await all.poll({ wait: 'PT90S' }), 400);
  });

  test('by type, subject, source, plant; exact and by their beginning', async () => {
    const { cursor } = await all.mustPoll();
    await all.mustPublish([
      counted('line-1/cnc-1', 1), counted('line-1/cnc-2', 2, { plant: '1020' }), counted('line-2/cnc-1', 3, { source: '/plants/1020/x' }),
      counted('line-1/cnc-1', 4, { type: 'test.noted.v1' }),
    ]);
    const numbers = async (query, client = all) =>
      (await client.mustPoll({ after: cursor, ...query })).items.map(({ event }) => event.data.n).sort();
    assert.deepEqual(await numbers({}), [1, 2, 3, 4]);
    assert.deepEqual(await numbers({ subject: 'line-1/*' }), [1, 2, 4]);
    assert.deepEqual(await numbers({ subject: 'line-1/cnc-1' }), [1, 4]);
    assert.deepEqual(await numbers({ type: 'test.counted.*' }), [1, 2, 3]);
    assert.deepEqual(await numbers({ source: '/plants/1020/*' }), [3]);
    assert.deepEqual(await numbers({ plant: '1020' }), [2]);
    const own = all.as({ scope: 'events:read', plant: '1020' });
    assert.deepEqual(await numbers({}, own), [2]);
    assert.deepEqual(await numbers({ plant: '1010' }, own), []);
  });

  test('from a moment, and from a place', async () => {
    await all.mustPublish(counted('past', 1));
    const { place } = await all.mustPublish(counted('past', 2));
    await all.mustPublish(counted('past', 3));
    const numbers = async (from) =>
      (await all.mustPoll({ from, subject: 'past' })).items.map(({ event }) => event.data.n);
    assert.deepEqual(await numbers('2026-01-01T00:00:00Z'), [1, 2, 3]);
    assert.deepEqual(await numbers(place), [2, 3]);
    assert.deepEqual(await numbers(new Date(Date.now() + 60_000).toISOString()), []);
  });

  test('hostile cursors and moments are refused', async () => {
    const { cursor } = await all.mustPoll();
    const bytes = Buffer.from(cursor, 'base64url');
    const altered = (change) => {
      const copy = Buffer.from(bytes);
      change(copy);
      return copy.toString('base64url');
    };
    const bad = ['AAAA', 'x'.repeat(1500), altered((b) => (b[0] = 9)), altered((b) => (b[1] = 63)), `${cursor}AAAA`,
      bytes.subarray(0, -1).toString('base64url'), altered((b) => b.fill(255, 2)), altered((b) => b.fill(0x80, 2))];
    for (const after of bad) assertProblem(await all.poll({ after }), 400);
    for (const from of ['99-1-1', '8-1-1', '1-99999999999999999-1', '2026-13-01T00:00:00Z', 'now'])
      assertProblem(await all.poll({ from }), 400);
  });

  test('a stream gives each as it happens, in the order of its subject', async () => {
    const stream = await all.stream({ subject: 'live' });
    for (const n of range(0, 20)) await all.mustPublish(counted('live', n));
    await eventually(() => stream.events.length >= 20, 'they have come');
    assert.deepEqual(stream.numbers, range(0, 20));
    stream.close();
    await eventually(async () => /^millgate_event_subscribers 0$/m.test((await all.gw.admin('/metrics')).text), 'it has left');
  });

  test('one that takes nothing holds up nobody, and gets all in the end', async () => {
    const slow = await all.stream({ subject: 'much' });
    const quick = await all.stream({ subject: 'much' });
    slow.response.pause();
    const text = 'x'.repeat(40_000);
    for (const from of range(0, 25).map((i) => i * 20))
      await all.mustPublish(range(from, from + 20).map((n) => counted('much', n, { data: { n, text } })));
    await eventually(() => quick.events.length >= 500, 'the other has them', 30_000);
    slow.response.resume();
    await eventually(() => slow.events.length >= 500, 'all have come', 30_000);
    assert.deepEqual(slow.numbers, range(0, 500));
    assert.deepEqual(quick.numbers, range(0, 500));
    for (const stream of [slow, quick]) stream.close();
  });
});

describe('named consumers', async () => {
  const scope = suiteScope();
  const all = await startEvents(scope, { events: { consumers: { redelivery: '1s', max_unacknowledged: 50, max_consumers: 6 } } });
  const take = async (name, query = {}, client = all) => {
    const answer = await client.request(`/consumers/${name}/events?${new URLSearchParams(query)}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.items;
  };
  const acknowledge = async (name, items, client = all) => {
    const answer = await client.post(`/consumers/${name}/acknowledgements`, { places: items.map(({ place }) => place) });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.acknowledged;
  };
  const numbersOf = (items) => items.map(({ event }) => event.data.n);
  const forget = (name) => all.request(`/consumers/${name}`, { method: 'DELETE' });

  test('each event goes to one of two readers; what the one that died held comes again', async () => {
    assert.deepEqual(await take('pair'), []);
    await all.mustPublish(range(0, 40).map((n) => counted(`s${n % 8}`, n)));
    const first = await take('pair', { limit: 15 });
    const second = await take('pair', { limit: 15 });
    assert.deepEqual([first.length, second.length], [15, 15]);
    assert.equal(await acknowledge('pair', second), 15);
    assert.equal(await acknowledge('pair', second), 0);
    const done = new Set(numbersOf(second)); // the first reader says nothing any more
    while (done.size < 40) {
      const items = await take('pair', { wait: 'PT10S' });
      assert.ok(items.length > 0, 'in time');
      for (const n of numbersOf(items)) {
        assert.ok(!done.has(n), `${n} was acknowledged`);
        done.add(n);
      }
      await acknowledge('pair', items);
    }
    assert.deepEqual([...done].sort((a, b) => a - b), range(0, 40));
    assert.deepEqual(await take('pair', { wait: 'PT2S' }), []);
    await forget('pair');
  });

  test('a long poll hears of what is published', async () => {
    assert.deepEqual(await take('waiting'), []);
    const waiting = take('waiting', { wait: 'PT20S', subject: 'mine' });
    await all.mustPublish([counted('other', 1), counted('mine', 2)]);
    const items = await waiting;
    assert.deepEqual(numbersOf(items), [2]);
    await acknowledge('waiting', items);
    await forget('waiting');
  });

  test('a name belongs to who asks by it', async () => {
    const other = all.as({ sub: 'somebody' });
    assert.deepEqual([await take('shared'), await take('shared', {}, other)], [[], []]);
    await all.mustPublish(counted('a', 1));
    const mine = await take('shared');
    assert.equal(mine.length, 1);
    assert.equal(await acknowledge('shared', mine, all.as({ sub: 'a third' })), 0);
    assert.deepEqual(numbersOf(await take('shared', {}, other)), [1]);
    await other.request('/consumers/shared', { method: 'DELETE' });
    await forget('shared');
  });

  test('one that acknowledges nothing gets no more than it may hold', async () => {
    assert.deepEqual(await take('idle'), []);
    await all.mustPublish(range(0, 80).map((n) => counted('one subject', n)));
    const held = [...await take('idle', { limit: 100 }), ...await take('idle', { limit: 100 })];
    assert.deepEqual(numbersOf(held), range(0, 50));
    await acknowledge('idle', held);
    assert.deepEqual(numbersOf(await take('idle', { limit: 100 })), range(50, 80));
    await forget('idle');
  });

  test('it is given all again, from a place on', async () => {
    const { items } = await all.mustPublish(range(0, 10).map((n) => counted('again', n)));
    const query = { subject: 'again', from: items[0].place, limit: 100 };
    await acknowledge('again', await take('again', query));
    assert.deepEqual(await take('again', query), []);
    const answer = await all.request('/consumers/again/position', {
      method: 'PUT', body: JSON.stringify({ from: items[6].place }), headers: { 'content-type': 'application/json' },
    });
    assert.equal(answer.status, 204, answer.text);
    assert.deepEqual(numbersOf(await take('again', query)), [6, 7, 8, 9]);
    await forget('again');
  });

  test('there is an end to their number', async () => {
    for (const i of range(0, 6)) await take(`n${i}`);
    assertProblem(await all.request('/consumers/n6/events'), 503);
    for (const i of range(0, 6)) assert.equal((await forget(`n${i}`)).status, 204);
    assert.deepEqual(await take('n6'), []);
  });

  test('hostile requests are refused', async () => {
    for (const places of [[], ['x'], ['99-1-1'], [`1-${'9'.repeat(30)}-1`], Array(1001).fill('1-1-1'), 5])
      assertProblem(await all.post('/consumers/x/acknowledgements', { places }), 400);
    assertProblem(await all.request(`/consumers/${'x'.repeat(200)}/events`), 400);
    assertProblem(await all.post('/consumers/x/acknowledgements', '{'), 400);
  });
});

describe('builtins in contracts', () => {
  const call = { openapi: '3.1.0', info: { title: 'x', version: '1.0.0' } };
  const reportContract = (operation) => ({
    ...call,
    'x-millgate': { namespace: '/process/reports', owner: 'tests', lifecycle: 'production', plan: 'standard' },
    security: [{ factory: ['events:publish'] }],
    components: { securitySchemes: { factory: { type: 'http', scheme: 'bearer' } } },
    paths: { '/reports': { post: {
      operationId: 'report', responses: { default: { description: 'x' } },
      requestBody: { content: { 'application/json': {} } }, 'x-millgate': operation,
    } } },
  });
  const prepare = (t, operation, more = {}) => {
    const dir = makeFolder();
    const files = { contract: join(dir, 'reports.json'), flows: join(dir, 'flows') };
    mkdirSync(files.flows);
    writeFileSync(files.contract, JSON.stringify(reportContract(operation)));
    writeFileSync(join(files.flows, 'report.flow.yaml'), JSON.stringify({
      document: { dsl: '1.0.0', namespace: 'reports', name: 'report', version: '1.0.0' },
      do: [
        { tell: { call: 'openapi', with: { document: { endpoint: 'x' }, operationId: 'publishEvents', body: '${ .body }' } } },
        { answer: { set: { body: '${ . }' } } },
      ],
    }));
    const grants = ['/system/*', '/process/*'];
    return startEvents(t, { dir, start: false, ...more, config: { extra: {
      contracts: [join(dir, 'openapi', 'system-events.v1.yaml'), files.contract], flows: [files.flows],
      plans: { standard: { limit: 1000, window: '60s', grants } },
      issuers: { factory: { issuer: ISSUER, jwks_file: join(dir, 'jwks.json'), audiences: [AUDIENCE], algorithms: ['RS256'], grants },
        dev: { issuer: `${ISSUER}/dev`, jwks_file: join(dir, 'jwks.json'), audiences: [AUDIENCE], algorithms: ['RS256'], grants } },
      ...more.extra,
    } } });
  };
  const check = (client) => {
    const { stderr, stdout, code } = runProgram(['check', '-c', client.gw.configPath]);
    return { text: stderr + stdout, code };
  };

  test('a flow calls one as any operation, for its caller', async (t) => {
    const all = await prepare(t, { flow: 'reports/report' });
    await all.gw.start();
    const report = (client, event) => client.gw.request('/process/reports/v1/reports', {
      method: 'POST', body: JSON.stringify(event), headers: { ...client.bearer, 'content-type': 'application/json' },
    });
    const answer = await report(all, counted('a', 1));
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.result, 'appended');
    const read = await all.request(`/events/${answer.json.place}`);
    assert.equal(read.json.event.data.n, 1);
    assertProblem(await report(all, counted('a', -1)), 422);
    assertProblem(await report(all.as({ scope: 'events:publish' }), counted('a', 1)), 403);
  });

  test('exactly one of builtin, flow and backend; known, with its section', async (t) => {
    assert.match(check(await prepare(t, { builtin: 'events.publisch' })).text, /reports.json:\d+:\d+: error: there is no builtin "events.publisch"; did you mean "events.publish"\?/);
    assert.match(check(await prepare(t, { builtin: 'events.publish', flow: 'reports/report' })).text, /flow and builtin: one of them fulfils an operation/);
    assert.match(check(await prepare(t, { builtin: 'events.publish', backend_path: '/x' })).text, /backend_path has no meaning beside builtin/);
    assert.match(check(await prepare(t, { builtin: 'Events!' })).text, /a builtin is named by words of a-z, joined by dots/);
    assert.match(check(await prepare(t, { builtin: 'events.publish' }, { extra: { events: undefined } })).text, /"events.publish" needs the section `events` of the configuration/);
    assert.equal(check(await prepare(t, { builtin: 'events.publish' })).code, 0);
  });

  test('what is wrong with the document of events is told at its place', async (t) => {
    const client = await prepare(t, { builtin: 'events.publish' });
    const write = (document) => {
      writeFileSync(join(client.gw.dir, 'types.json'), JSON.stringify(document, null, 1));
      return check(client);
    };
    const message = (...messages) => write({ asyncapi: '3.0.0', info: {}, components: { messages: Object.fromEntries(messages.entries()) } });
    assert.match(write({ asyncapi: '2.6.0' }).text, /types.json:2:14: error: an AsyncAPI document of version 3.0 or 3.1 is wanted/);
    assert.match(write({ asyncapi: '3.1.0' }).text, /there are no messages in components.messages/);
    assert.match(message({ name: 'a' }).text, /a message without a payload describes no event/);
    assert.match(message({ payload: {} }).text, /which event it is is not said/);
    assert.match(message({ name: 'a', payload: {} }, { name: 'a', payload: {} }).text, /another message has the type "a", too/);
    assert.match(message({ name: 'a', contentType: 'text/plain', payload: {} }).text, /the content type of a message is a JSON one/);
    assert.match(message({ name: 'a', payload: { type: 5 } }).text, /types.json:\d+:\d+: error: .*type/);
    assert.match(message({ name: 'a', payload: { $ref: 'nowhere.json' } }).text, /nowhere.json/);
    assert.match(message({ name: 'a', payload: { schemaFormat: 'application/vnd.apache.avro', schema: {} } }).text, /schemaFormat is not read/);
    const payload = { schemaFormat: 'application/schema+json;version=draft-07', schema: { allOf: [{ properties: { type: { const: 'b' } } }] } };
    assert.equal(message({ payload }).code, 0, message({ payload }).text);
  });
});
