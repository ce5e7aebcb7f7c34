// Forged tokens and random kids at full speed beside clients that are valid: only counts are judged here,
// times are for script/bench flood.

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { assertProblem, peerPath } from './support/harness.mjs';
import { ask, metric, passes, startProvider, startWith, withRandomKid } from './support/provider.mjs';

const SECONDS = 4;
const BUCKET = 5;
const BUDGET = { perSecond: 100, burst: 200 }; // the defaults

let serial = 0;

/** Like `token`, with a signature of its own that is wrong: of the right length, and never the same. */
function forged(token) {
  const [head, payload, signature] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes.writeUInt32BE(++serial, 8);
  return `${head}.${payload}.${bytes.toString('base64url')}`;
}

/** Asks until it is over, over `lanes` kept connections from an address; the answers by status. */
function flood(t, gw, { address, lanes, make }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: lanes, localAddress: address });
  const flow = { statuses: {}, isOver: false };
  t.after(() => agent.destroy());
  flow.done = Promise.all(Array.from({ length: lanes }, async () => {
    while (!flow.isOver) {
      const { status } = await ask(gw, make(), { agent });
      flow.statuses[status] = (flow.statuses[status] ?? 0) + 1;
    }
  }));
  return flow;
}

const sum = (statuses, wanted) => wanted.reduce((total, status) => total + (statuses[status] ?? 0), 0);
const total = (statuses) => Object.values(statuses).reduce((all, count) => all + count, 0);

describe('a flood of bad tokens', () => {
  test('buys no more than stated, and no valid client is refused', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider);
    const [one, other] = [await provider.token('RS256'), await provider.token('ES256')];
    const fromCrowd = new http.Agent({ keepAlive: true, localAddress: '127.0.0.2' });
    t.after(() => fromCrowd.destroy());
    await passes(gw, one);
    const startedAt = Date.now();

    const flows = {
      forged: flood(t, gw, { address: '127.0.0.2', lanes: 4, make: () => forged(other) }),
      kids: flood(t, gw, { address: '127.0.0.3', lanes: 4, make: () => withRandomKid(one) }),
      replayed: flood(t, gw, { address: '127.0.0.4', lanes: 2, make: (() => {
        const bad = forged(one);
        return () => bad;
      })() }),
    };
    let valid = 0;
    while (Date.now() - startedAt < SECONDS * 1000) {
      await passes(gw, one);
      await passes(gw, one, { agent: fromCrowd }); // cached: also from where the forged ones come
      if (valid % 20 === 0) await passes(gw, await provider.token('EdDSA')); // one that nobody has seen
      valid += 2;
      await sleep(10);
    }
    for (const flow of Object.values(flows)) flow.isOver = true;
    await Promise.all(Object.values(flows).map((flow) => flow.done));
    const seconds = (Date.now() - startedAt) / 1000;
    t.diagnostic(JSON.stringify({ valid, ...Object.fromEntries(
      Object.entries(flows).map(([name, flow]) => [name, flow.statuses])) }));

    const { forged: bad, kids, replayed } = flows;
    assert.equal(sum(bad.statuses, [401, 429]), total(bad.statuses), JSON.stringify(bad.statuses));
    assert.equal(sum(kids.statuses, [401, 503]), total(kids.statuses), JSON.stringify(kids.statuses));
    assert.deepEqual(Object.keys(replayed.statuses), ['401']);
    assert.ok(total(bad.statuses) > BUDGET.burst, 'the flood was one');

    const allowed = 1 + BUCKET + Math.floor(seconds / 10);
    assert.ok(provider.counts.jwks <= allowed, `${provider.counts.jwks} fetches of ${allowed}`);
    const verified = await metric(gw, 'millgate_jwt_bad_signatures_total');
    const paid = BUDGET.burst + BUDGET.perSecond * seconds + 1;
    assert.ok(verified <= paid + 1 + seconds / 10, `${verified} bad signatures verified, of ${paid}`);
    assert.ok((await metric(gw, 'millgate_jwt_denied_hits_total')) >= total(replayed.statuses) - 2);
  });

  test('answers 429 with Retry-After, and forgets', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { discovery: true }, {
      policies: [{ headers: {} }, { jwt: { bad_signatures_per_second: 1, bad_token_memory: '1s' } }, { authorise: {} },
        { rate_limit: { redis_timeout: '1s' } }],
    });
    const [known, fresh] = [await provider.token('RS256'), await provider.token('ES256')];
    await passes(gw, known);
    for (let i = 0; i < 2; i++) assertProblem(await ask(gw, forged(known)), 401);
    const answer = await ask(gw, forged(known));
    assertProblem(answer, 429);
    assert.match(answer.json.type, /too-many-failed-tokens$/);
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal((await ask(gw, fresh)).status, 429, 'it cannot be told from a forged one without the price');
    await passes(gw, known);
    const elsewhere = new http.Agent({ localAddress: '127.0.0.9' });
    t.after(() => elsewhere.destroy());
    await passes(gw, await provider.token('PS256'), { agent: elsewhere });
    await sleep(1100);
    await passes(gw, fresh);
  });

  test('an anonymous operation and other credentials are not touched', async (t) => {
    const provider = await startProvider(t);
    const gw = await startWith(t, provider, { discovery: true }, {
      policies: [{ headers: {} }, { jwt: { bad_signatures_per_second: 1 } }, { authorise: {} }, { rate_limit: {} }],
    });
    const known = await provider.token('RS256');
    for (let i = 0; i < 5; i++) await ask(gw, forged(known));
    assert.equal((await ask(gw, forged(known))).status, 429);
    assert.equal((await gw.get(peerPath('mirror'), { headers: { authorization: null } })).status, 401);
    assert.equal((await gw.get('/nothing', { headers: { authorization: null } })).status, 404);
  });
});
