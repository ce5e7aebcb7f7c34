// Keys from the network: a real OpenID provider, its rotations, and all that can be wrong with it.

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';

import { eventually, peerPath } from './support/harness.mjs';
import {
  ALGORITHMS, ask, fetches, isUnavailable, logged, metric, passes, refuses, startProvider, startWith, withRandomKid,
} from './support/provider.mjs';

const REFRESH_MS = 10_000; // the shortest interval that can be configured
const BURST = 5;

// Most of their time is waiting: side by side they wait together.
describe('keys from the network', { concurrency: 3 }, () => {
  test('discovery, and tokens of four algorithms', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider);
    for (const alg of ALGORITHMS) await passes(gw, await provider.token(alg));
    assert.deepEqual(provider.counts, { discovery: 1, jwks: 1 });
    assert.equal(logged(gw, /its keys were fetched/), 1);

    const token = await provider.token('ES256');
    await refuses(gw, `${token.slice(0, -8)}AAAAAAAA`);
    const other = await startProvider(t);
    await refuses(gw, await other.token('RS256'));
    assert.deepEqual(provider.counts, { discovery: 1, jwks: 1 }, 'neither is about a key');
  });

  test('discovery where only RFC 8414 is offered', async (t) => {
    const provider = await startProvider(t);
    provider.isOAuthOnly = true;
    provider.metadata = { issuer: provider.issuer, jwks_uri: `${provider.issuer}/jwks` };
    const gw = await startWith(t, provider);
    await passes(gw, await provider.token('ES256'));
    assert.deepEqual(provider.counts, { discovery: 2, jwks: 1 });
  });

  test('jwks_uri, without discovery', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { jwks_uri: `${provider.issuer}/jwks` });
    await passes(gw, await provider.token('PS256'));
    assert.deepEqual(provider.counts, { discovery: 0, jwks: 1 });
  });

  test('a key published ahead needs no further fetch, a removed one is refused after the next', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { discovery: true, refresh_interval: '10s' });
    const old = await provider.token('ES256');
    await passes(gw, old);
    await passes(gw, old); // from the cache of verified tokens

    provider.rotate('ES256');
    const fresh = await provider.token('ES256');
    await passes(gw, fresh); // has the keys fetched
    await passes(gw, old); // still published
    const before = provider.counts.jwks;
    await passes(gw, await provider.token('ES256'));
    assert.equal(provider.counts.jwks, before);

    provider.rotate('ES256', { drop: true });
    await passes(gw, await provider.token('ES256')); // the first fetch without the old ones
    const counted = provider.counts.jwks;
    await refuses(gw, fresh);
    await refuses(gw, old);
    assert.equal(provider.counts.jwks, counted + 2, 'each is asked for once more');

    const last = await provider.token('EdDSA');
    await passes(gw, last);
    provider.rotate('EdDSA', { drop: true });
    await passes(gw, last); // nobody has looked yet
    await eventually(async () => (await ask(gw, last)).status === 401, 'the timer looks', 2 * REFRESH_MS);
  });

  test('the provider does not answer at all', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { jwks_uri: `${provider.issuer}/jwks` });
    const token = await provider.token();
    provider.mode = 'hang';
    await isUnavailable(gw, token);
    await eventually(async () => (await fetches(gw, 'failed')) === 1, 'the fetch is given up');
    provider.mode = 'ok';
    await eventually(async () => (await ask(gw, token)).status === 200, 'it is well again');
    provider.mode = 'hang';
    await refuses(gw, withRandomKid(token));
    await passes(gw, token);
  });

  test('the provider is down at start', async (t) => {
    const provider = await startProvider(t, { isDown: true });
    const gw = await startWith(t, provider);
    const token = gw.token({ iss: provider.issuer, aud: provider.audience }, { typ: 'at+jwt', alg: 'RS256' });
    for (let i = 0; i < 20; i++) await isUnavailable(gw, token);
    assert.ok((await fetches(gw, 'failed')) <= 2, 'requests buy no attempts');
    assert.equal(await metric(gw, 'millgate_jwt_key_sources_failing'), 1);
    assert.equal(logged(gw, /its keys cannot be fetched/), 1, gw.stderr);

    await provider.listen();
    const good = await provider.token();
    await eventually(async () => (await ask(gw, good)).status === 200, 'it is back', 15_000);
    assert.equal(await metric(gw, 'millgate_jwt_key_sources_failing'), 0);
    await refuses(gw, token);
  });

  test('the provider is down later: what is known serves on, also over a reload', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider);
    const [known, cached] = [await provider.token(), await provider.token('ES256')];
    await passes(gw, cached);
    await provider.stop();
    await passes(gw, cached);
    await passes(gw, known);
    await refuses(gw, withRandomKid(known));
    await refuses(gw, withRandomKid(known));
    await eventually(() => logged(gw, /its keys cannot be fetched/) > 0, 'it is logged');
    assert.equal(logged(gw, /cannot be fetched, those at hand serve on/), 1, gw.stderr);

    gw.process.kill('SIGHUP');
    await eventually(() => logged(gw, /reloaded/) === 1, 'the reload');
    await passes(gw, known);
    gw.rewriteConfig((config) => (config.policies.find((each) => each.jwt).jwt.realm = 'other'));
    gw.process.kill('SIGHUP');
    await eventually(() => logged(gw, /reloaded/) === 2, 'the reload of a policy that has changed');
    await passes(gw, known);
    gw.rewriteConfig((config) => (config.issuers.dev.leeway = '1s'));
    gw.process.kill('SIGHUP');
    await eventually(() => logged(gw, /reloaded/) === 3, 'the reload of an issuer that has changed');
    await isUnavailable(gw, known);

    provider.rotate('RS256');
    await provider.listen();
    const fresh = await provider.token();
    await eventually(async () => (await ask(gw, fresh)).status === 200, 'it is back', 15_000);
  });

  test('a set that cannot be fetched again is given up after keys_max_age', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider,
      { discovery: true, refresh_interval: '10s', keys_max_age: '10s' });
    const token = await provider.token();
    await passes(gw, token);
    await provider.stop();
    await passes(gw, token);
    await eventually(async () => (await ask(gw, token)).status === 503, 'too old', 2 * REFRESH_MS);
    await isUnavailable(gw, token);
    assert.equal(logged(gw, /too old/), 1);
  });

  test('a fetch that began before the key was published is no answer', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider);
    const token = await provider.token();
    await passes(gw, token);
    provider.lagMs = 300;
    const before = provider.counts.jwks;
    const other = refuses(gw, withRandomKid(token));
    await eventually(() => provider.counts.jwks === before + 1, 'the keys are asked for');
    provider.rotate('RS256');
    await passes(gw, await provider.token());
    await other;
    assert.equal(provider.counts.jwks, before + 2);
  });

  test('a client that leaves while it waits is forgotten', async (t) => {
    const provider = await startProvider(t);
    provider.delayMs = 600;
    const gw = await startWith(t, provider);
    const token = await provider.token();
    for (let i = 0; i < 3; i++) {
      const request = http.get({
        host: '127.0.0.1', port: gw.port, path: peerPath('mirror'), headers: { authorization: `Bearer ${token}` },
      });
      request.on('error', () => {});
      setTimeout(() => request.destroy(), 100);
    }
    await eventually(async () => (await ask(gw, token)).status === 200, 'others are served');
  });

  for (const mode of ['rubbish', 'error', 'empty', 'huge'])
    test(`the provider answers ${mode}`, async (t) => {
      const provider = await startProvider(t);
      const gw = await startWith(t, provider, { jwks_uri: `${provider.issuer}/jwks` });
      const token = await provider.token();
      provider.mode = mode;
      await isUnavailable(gw, token);
      await isUnavailable(gw, token);
      provider.mode = 'ok';
      await eventually(async () => (await ask(gw, token)).status === 200, 'it is well again');

      provider.mode = mode;
      await refuses(gw, withRandomKid(token));
      await passes(gw, token);
      await passes(gw, await provider.token('EdDSA'));
      assert.ok((await fetches(gw, 'failed')) >= 2);
    });

  const liars = {
    'another issuer': (issuer) => ({ issuer: `${issuer}/`, jwks_uri: `${issuer}/jwks` }),
    'no jwks_uri': (issuer) => ({ issuer }),
    'keys over plain http from elsewhere': (issuer) => ({ issuer, jwks_uri: 'http://keys.example.test/jwks' }),
    'keys in a file': (issuer) => ({ issuer, jwks_uri: 'file:///etc/passwd' }),
  };
  for (const [what, metadata] of Object.entries(liars))
    test(`discovery tells of ${what}`, async (t) => {
      const provider = await startProvider(t);
      provider.metadata = metadata(provider.issuer);
      const gw = await startWith(t, provider);
      await isUnavailable(gw, await provider.token());
      assert.equal(provider.counts.jwks, 0);
    });

  test('Cache-Control shortens the interval, an ETag saves the set', async (t) => {
    const provider = await startProvider(t, { maxAge: 1 });
    const gw = await startWith(t, provider);
    await passes(gw, await provider.token());
    const started = Date.now();
    await eventually(() => provider.counts.unchanged > 0, 'it asks again', 2 * REFRESH_MS);
    assert.ok(Date.now() - started > REFRESH_MS / 2, 'not before 10 s');
    await eventually(async () => (await fetches(gw, 'unchanged')) === 1, 'it is counted');
    provider.rotate('PS256', { drop: true });
    await passes(gw, await provider.token('PS256')); // another ETag
  });
});

// These fill the machine, or tell the order of answers.
describe('keys from the network, one at a time', () => {
  test('many first requests at once make one fetch', async (t) => {
    const provider = await startProvider(t);
    provider.delayMs = 150;
    const gw = await startWith(t, provider);
    const token = await provider.token();
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask(gw, token)));
    assert.deepEqual(answers.map((answer) => answer.status), [200, 200, 200, 200]);
    assert.deepEqual(provider.counts, { discovery: 1, jwks: 1 });
  });

  test('rotation under load refuses no valid token', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { discovery: true }, { workers: 2 });
    const statuses = {};
    let isOver = false;
    const lane = async (alg) => {
      while (!isOver) {
        const token = await provider.token(alg);
        for (let i = 0; i < 5; i++) {
          const { status } = await ask(gw, token);
          statuses[status] = (statuses[status] ?? 0) + 1;
        }
      }
    };
    const lanes = ALGORITHMS.map(lane);
    for (const alg of ALGORITHMS) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      provider.rotate(alg);
    }
    await new Promise((resolve) => setTimeout(resolve, 600));
    isOver = true;
    await Promise.all(lanes);
    assert.deepEqual(Object.keys(statuses), ['200'], JSON.stringify(statuses));
    assert.ok(statuses[200] > 50, `${statuses[200]} requests`);
    assert.ok(provider.counts.jwks <= 2 * (1 + ALGORITHMS.length), `${provider.counts.jwks} fetches`);
  });

  test('under load, none is accepted once a fetch has come without its key', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider);
    const old = await provider.token('ES256');
    const other = await provider.token('RS256');
    await passes(gw, old);
    let goneAt = Infinity;
    let isOver = false;
    const late = { accepted: 0, refused: 0 };
    const early = { accepted: 0, refused: 0 };
    const lane = async () => {
      while (!isOver) {
        const sentAt = performance.now();
        const { status } = await ask(gw, old);
        assert.ok([200, 401].includes(status), `${status}`);
        (sentAt > goneAt ? late : early)[status === 200 ? 'accepted' : 'refused']++;
      }
    };
    const valid = async () => {
      while (!isOver) await passes(gw, other);
    };
    const lanes = [lane(), lane(), lane(), valid()];
    await new Promise((resolve) => setTimeout(resolve, 300));
    provider.rotate('ES256', { drop: true });
    await passes(gw, await provider.token('ES256')); // has the keys fetched
    goneAt = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 700));
    isOver = true;
    await Promise.all(lanes);
    assert.ok(early.accepted > 10, JSON.stringify(early));
    assert.ok(late.refused > 10, JSON.stringify(late));
    assert.equal(late.accepted, 0);
  });

  test('a slow provider delays by a second, and nobody else', async (t) => {
    const provider = await startProvider(t);
    provider.delayMs = 1500;
    const gw = await startWith(t, provider, { jwks_uri: `${provider.issuer}/jwks` });
    const token = await provider.token();
    const started = Date.now();
    await isUnavailable(gw, token);
    assert.ok(Date.now() - started >= 900, 'it waited');
    await eventually(async () => (await ask(gw, token)).status === 200, 'it came');

    let isAnswered = false;
    const unknown = refuses(gw, withRandomKid(token)).then(() => (isAnswered = true));
    await passes(gw, token);
    assert.equal(isAnswered, false, 'the other still waits');
    await unknown;
  });

  test('at most 4 requests of an address wait, and 256 of an issuer', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { jwks_uri: `${provider.issuer}/jwks` });
    const token = await provider.token();
    await passes(gw, token);
    provider.delayMs = 2000;
    const from = (address, count) => {
      const agent = new http.Agent({ localAddress: address });
      return Array.from({ length: count }, async () => (await ask(gw, withRandomKid(token), { agent })).status);
    };
    const tally = async (answers) => {
      const counts = {};
      for (const status of await Promise.all(answers)) counts[status] = (counts[status] ?? 0) + 1;
      return counts;
    };
    assert.deepEqual(await tally(from('127.0.0.2', 10)), { 401: 4, 503: 6 });

    // All must have come before the first has waited its second: a busy machine may need another try.
    let counts;
    for (let tries = 0; tries < 3 && counts?.[401] !== 256; tries++) {
      await eventually(async () => (await fetches(gw, 'unchanged')) === tries + 1, 'the fetch before has ended');
      const many = tally(Array.from({ length: 70 }, (_, i) => from(`127.0.1.${i + 1}`, 4)).flat());
      await passes(gw, token);
      counts = await many;
    }
    assert.deepEqual(counts, { 401: 256, 503: 24 });
    assert.ok(provider.counts.jwks <= 1 + BURST, `${provider.counts.jwks} fetches`);
  });

  test('before the first set, 64 requests of an address wait', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { jwks_uri: `${provider.issuer}/jwks` });
    const token = await provider.token();
    provider.delayMs = 300;
    const agent = new http.Agent({ localAddress: '127.0.0.2' });
    const answers = await Promise.all(Array.from({ length: 64 }, () => ask(gw, token, { agent })));
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200]);
    assert.equal(provider.counts.jwks, 1);
  });

  test('a flood of kids buys no more fetches than stated, and others are served', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider);
    const token = await provider.token();
    await passes(gw, token);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
    t.after(() => agent.destroy());
    const started = Date.now();
    const statuses = {};
    let isOver = false;
    const flood = Array.from({ length: 24 }, async () => {
      while (!isOver) {
        const { status } = await ask(gw, withRandomKid(token), { agent });
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    });
    while (Date.now() - started < 3000) await passes(gw, token);
    isOver = true;
    await Promise.all(flood);
    const allowed = 1 + BURST + Math.floor((Date.now() - started) / 10_000);
    assert.ok(provider.counts.jwks <= allowed, `${provider.counts.jwks} fetches of ${allowed}`);
    assert.ok(provider.counts.jwks > 1, 'unknown kids do have them fetched');
    assert.deepEqual(Object.keys(statuses).filter((status) => !['401', '503'].includes(status)), []);
    assert.ok(statuses[401] > 10, JSON.stringify(statuses)); // how many is the machine's matter

    provider.rotate('RS256'); // a new key is there after 10 s at most
    const fresh = await provider.token();
    await eventually(async () => (await ask(gw, fresh)).status === 200, 'the budget regains', 12_000);
  });
});
