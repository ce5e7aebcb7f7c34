// The event log when something dies, fills up or grows old: what was said to be in it comes once, in order.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startCluster } from '../rigs/redis_group.mjs';
import { withRedis } from './support/fleet.mjs';
import { assertProblem, eventually, makeFolder } from './support/harness.mjs';
import { counted, startEvents, Subscriber } from './support/events.mjs';

const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

/** A subscriber that begins again where it was, whenever it is cut off, until it is told to stop. */
class Stubborn extends Subscriber {
  constructor(client, query) {
    super();
    Object.assign(this, { client, query, isStopped: false, opened: 0 });
    this.running = this.#run();
  }

  async #run() {
    while (!this.isStopped) {
      await this.open(this.client, this.query).then(() => this.opened++, () => (this.isOver = true));
      while (!this.isOver && !this.isStopped) await sleep(20);
      await sleep(50);
    }
    this.response?.destroy();
  }

  async stop() {
    this.isStopped = true;
    await this.running;
  }
}

/** Publishes one after the other; one whose fate is unknown is published again, with its id. */
async function publishAll(client, numbers, subject) {
  for (const n of numbers) {
    const event = counted(subject, n);
    await eventually(async () => {
      const answer = await client.publish(event).catch(() => null);
      if (answer !== null && ![200, 503].includes(answer.status)) assert.fail(answer.text);
      return answer?.status === 200;
    }, `${n} is published`, 30_000);
  }
}

async function restart(gw) {
  await gw.kill();
  Object.assign(gw, { ports: [], stderr: '' });
  await gw.start();
}

const persistent = { settings: ['--appendfsync', 'always'] };

describe('the event log', () => {
  test('a stream loses none and gets none twice while the gateway and Redis are killed', async (t) => {
    const redis = await withRedis(t, persistent);
    const client = await startEvents(t, { config: { redis: redis.url } });
    const stream = new Stubborn(client, { subject: 's*' });
    await eventually(() => stream.opened > 0, 'it has begun');
    let isDone = false;
    const publishing = Promise.all(range(0, 3).map((s) => publishAll(client, range(0, 60), `s${s}`))).then(() => (isDone = true));
    for (let i = 0; i < 3 && !isDone; i++) {
      await sleep(150);
      await restart(client.gw);
      await sleep(150);
      await redis.stop('SIGKILL');
      await redis.start();
    }
    await publishing;
    await eventually(() => stream.events.length >= 180, 'all have come', 30_000);
    await stream.stop();
    for (const s of range(0, 3))
      assert.deepEqual(stream.events.filter(({ subject }) => subject === `s${s}`).map(({ data }) => data.n), range(0, 60));
    assert.ok(stream.opened > 1);
    const all = { from: '2026-01-01T00:00:00Z', limit: 1000 };
    await eventually(async () => (await client.poll(all)).status === 200, 'it hears of Redis again');
    assert.equal((await client.mustPoll(all)).items.length, 180, 'none stands there twice');
  });

  test('without Redis it says so, and goes on when it is back', async (t) => {
    const redis = await withRedis(t, persistent);
    const client = await startEvents(t, { config: { redis: redis.url } });
    const stream = await client.stream();
    await client.mustPublish(counted('a', 1));
    await redis.stop('SIGKILL');
    const refused = await client.publish(counted('a', 2));
    assertProblem(refused, 503);
    assert.ok(Number(refused.headers['retry-after']) > 0);
    assertProblem(await client.poll(), 503);
    await redis.start();
    await publishAll(client, [3], 'a');
    await eventually(() => stream.numbers.includes(3), 'the stream goes on');
    assert.deepEqual(stream.numbers, [1, 3]);
    stream.close();
  });

  test('streams end when the gateway does', async (t) => {
    const client = await startEvents(t);
    const stream = await client.stream();
    const began = Date.now();
    await client.gw.stop();
    assert.ok(stream.isOver);
    assert.ok(Date.now() - began < 20_000, 'long before drain_timeout');
  });

  test('what is old is archived, then trimmed; while it cannot be archived it stays', async (t) => {
    const dir = makeFolder();
    const archive = join(dir, 'archive');
    mkdirSync(archive);
    const redis = await withRedis(t, persistent);
    const client = await startEvents(t, {
      dir, config: { redis: redis.url }, events: { archive, keep: '1s', trim_every: '1s', partitions: 3 },
    });
    const archived = () => readdirSync(archive).flatMap((name) => {
      const [, day, partition] = /^(\d{4}-\d\d-\d\d)-p(\d)\.jsonl$/.exec(name);
      const lines = readFileSync(join(archive, name), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
      for (const { place } of lines) {
        assert.equal(place.split('-')[0], partition);
        assert.equal(new Date(Number(place.split('-')[1])).toISOString().slice(0, 10), day);
      }
      return lines;
    });
    const left = async () => (await client.mustPoll({ from: '2026-01-01T00:00:00Z', limit: 1000 })).items;
    const published = (await client.mustPublish(range(0, 100).map((n) => counted(`s${n}`, n)))).items;
    await eventually(async () => (await left()).length === 0, 'they are trimmed', 20_000);
    const places = archived().map(({ place }) => place);
    assert.deepEqual(places.toSorted(), published.map(({ place }) => place).toSorted());
    assert.deepEqual(archived().map(({ event }) => event.data.n).sort((a, b) => a - b), range(0, 100));
    const metrics = async () => (await client.gw.admin('/metrics')).text;
    assert.match(await metrics(), /^millgate_events_trimmed_total 100$/m);
    assert.match(await metrics(), /^millgate_events_archived_total 100$/m);
    rmSync(archive, { recursive: true });
    await client.mustPublish([counted('a', 100), counted('a', 101)]);
    await eventually(async () => /^millgate_events_archive_failures_total [1-9]/m.test(await metrics()), 'it failed', 20_000);
    assert.equal((await left()).length, 2);
    mkdirSync(archive);
    await eventually(async () => (await left()).length === 0, 'they are trimmed now', 20_000);
    assert.deepEqual(archived().map(({ event }) => event.data.n), [100, 101]);
  });

  test('a partition that is full takes no more, until there is room', async (t) => {
    const client = await startEvents(t, { events: { max_events: 100, partitions: 1, trim_every: '1s' } });
    await client.mustPublish(range(0, 100).map((n) => counted('a', n)));
    const statuses = new Set();
    for (const n of range(100, 300)) statuses.add((await client.publish(counted('a', n))).status);
    assert.ok(statuses.has(503) && statuses.has(200), [...statuses].join());
    await eventually(async () => (await client.publish(counted('a', 300))).status === 200, 'there is room again', 20_000);
  });

  test('who is behind gets so many a second, all of them, and then what comes', async (t) => {
    const rate = 100;
    const client = await startEvents(t, { events: { replay_rate: rate } });
    for (const from of [0, 100, 200]) await client.mustPublish(range(from, from + 100).map((n) => counted('a', n)));
    const began = Date.now();
    const stream = await client.stream({ from: '2026-01-01T00:00:00Z' });
    await eventually(() => stream.events.length >= 300, 'all of them', 30_000);
    const seconds = (Date.now() - began) / 1000;
    assert.ok(seconds > 300 / rate - 2, `300 in ${seconds} s`); // a second's worth may come at once
    await client.mustPublish(counted('a', 300));
    await eventually(() => stream.events.length > 300, 'the next one');
    assert.deepEqual(stream.numbers, range(0, 301));
    stream.close();
  });

  test('a log with another number of partitions is not written to', async (t) => {
    const redis = await withRedis(t, persistent);
    const config = { config: { redis: redis.url } };
    const client = await startEvents(t, { ...config, events: { partitions: 4 } });
    await client.mustPublish(range(0, 50).map((n) => counted(`s${n}`, n)));
    await client.gw.stop();
    const other = await startEvents(t, { ...config, events: { partitions: 2 } });
    assertProblem(await other.publish(counted('s1', 1)), 503);
  });

  test('two gateways on a Redis Cluster: what one is told, the other tells', async (t) => {
    const cluster = await startCluster({ dir: makeFolder() });
    t.after(() => cluster.stop());
    const one = await startEvents(t, { config: { redis: cluster.config } });
    const two = await startEvents(t, { config: { redis: cluster.config }, issuer: one.gw.issuer });
    await eventually(async () => (await one.publish(counted('first', 0))).status === 200, 'it is up', 20_000);
    const stream = await two.stream({ type: 'test.counted.v1', subject: 's*' });
    assert.deepEqual((await two.request('/consumers/c/events?subject=s*')).json.items, []);
    await one.mustPublish(range(0, 80).map((n) => counted(`s${n % 16}`, n)));
    await eventually(() => stream.events.length >= 80, 'all have come', 20_000);
    for (const s of range(0, 16))
      assert.deepEqual(stream.events.filter(({ subject }) => subject === `s${s}`).map(({ data }) => data.n), range(0, 5).map((i) => i * 16 + s));
    const given = (await one.request('/consumers/c/events?subject=s*&limit=100')).json.items;
    assert.equal(given.length, 80);
    const answer = await one.post('/consumers/c/acknowledgements', { places: given.map(({ place }) => place) });
    assert.equal(answer.json.acknowledged, 80);
    const partitions = new Set(given.map(({ place }) => place.split('-')[0]));
    assert.ok(partitions.size > 3, 'over several partitions');
    stream.close();
  });
});

