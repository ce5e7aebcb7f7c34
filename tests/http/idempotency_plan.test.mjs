// Plans that require an Idempotency-Key.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';

import { assertProblem, eventually } from './support/harness.mjs';
import { change } from './support/records.mjs';
import { grants, operation, order, sf, shopContract, start } from './support/shop.mjs';

describe('idempotency by plan', () => {
  test('a plan may require keys: its own callers must send one wherever the contract takes one', async (t) => {
    const contract = shopContract();
    contract['x-millgate'].plan = 'careful';
    contract.paths['/relaxed'] = { post: operation('relaxed-order', { 'x-millgate': { plan: 'standard', backend_path: '/orders' } }) };
    contract.paths['/said'] = { put: operation('said-order', { 'x-millgate': { idempotency: 'optional', backend_path: '/orders' } }) };
    const plans = {
      standard: { limit: 1000, grants }, careful: { limit: 1000, idempotency: 'required', grants },
      lenient: { limit: 1000, idempotency: 'optional', grants },
    };
    const { gw, shop } = await start(t, { contract, plans });
    const missing = async (path, options) =>
      assert.match(assertProblem(await order(gw, undefined, { path, ...options }), 400).type, /idempotency-key-missing/, path);
    await missing('/orders');
    await missing('/said', { method: 'PUT' });
    await missing('/must');
    assert.equal(shop.requests.length, 0);
    for (const [path, method] of [['/relaxed', 'POST'], ['/orders', 'PUT'], ['/never', 'POST']])
      assert.equal((await order(gw, undefined, { path, method })).status, 201, path); // of another plan; off, unsaid and said
    const key = sf(randomUUID());
    assert.equal((await order(gw, key)).status, 201);
    assert.equal((await order(gw, key)).headers['idempotency-replayed'], 'true');
    // The consumer's own plan counts before the operation's, either way; what the contract requires stays.
    const own = async (plan) => assert.equal((await change(gw, 'POST', '/consumers/dev:tester', { plan })).status, 200);
    await own('lenient');
    await eventually(async () => (await order(gw, undefined)).status === 201, 'the plan of its own counts');
    await missing('/must');
    await own('careful');
    await eventually(async () => (await order(gw, undefined, { path: '/relaxed' })).status === 400, 'the plan of its own counts');
    await missing('/relaxed');
    gw.rewriteConfig((config) => delete config.plans.careful.idempotency);
    assert.equal((await change(gw, 'POST', '/reload', {})).status, 200);
    assert.equal((await order(gw, undefined, { path: '/relaxed' })).status, 201);
  });
});
