// What operations set for a consumer, whatever its credentials say.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { assertProblem, eventually, peerPath, PROGRAM } from './support/harness.mjs';
import { change, keyedGateway, makeKey, redisFor, withKey } from './support/records.mjs';
import { Issuer } from './support/tokens.mjs';

describe('consumers', () => {
  test('a disabled one is refused on every instance, by key and by token, until it is enabled again', async (t) => {
    const redis = await redisFor(t);
    const issuer = new Issuer();
    const [one, two] = await Promise.all([keyedGateway(t, { redis, issuer }), keyedGateway(t, { redis, issuer })]);
    const key = await makeKey(one);
    const eve = { headers: { authorization: `Bearer ${one.token({ sub: 'eve' })}` } };
    for (const gw of [one, two]) await eventually(async () => (await withKey(gw, key.key)).status === 200, 'it opens');
    assert.equal((await change(one, 'POST', '/consumers/partners%3Aacme', { disabled: true, note: 'unpaid' })).status, 200);
    assert.equal((await change(one, 'POST', '/consumers/dev:eve', { disabled: true })).status, 200);
    for (const gw of [one, two]) {
      await eventually(async () => (await withKey(gw, key.key)).status === 403, 'refused');
      await eventually(async () => (await gw.get(peerPath('mirror'), eve)).status === 403, 'refused');
      assertProblem(await withKey(gw, key.key), 403);
      assert.equal((await gw.get(peerPath('mirror'))).status, 200); // somebody else
    }
    // Where both are asked for, it is not enough that the one who counts as the caller is enabled.
    const mixed = { path: peerPath('echo'), headers: { authorization: `Bearer ${one.token({ sub: 'ann' })}` } };
    assertProblem(await withKey(one, key.key, mixed), 403);
    const [listed] = (await two.admin('/consumers')).json.items.filter(({ id }) => id === 'partners:acme');
    assert.deepEqual([listed.disabled, listed.note], [true, 'unpaid']);
    assert.equal((await change(two, 'DELETE', '/consumers/partners%3Aacme')).status, 204);
    for (const gw of [one, two]) await eventually(async () => (await withKey(gw, key.key)).status === 200, 'it opens again');
    assert.equal((await withKey(one, key.key, mixed)).status, 200);
    // The admin listener asks the same.
    await change(one, 'POST', '/consumers/dev:tester', { disabled: true });
    await eventually(async () => (await two.admin('/config')).status === 403, 'refused as administrator');
    const socket = ['--admin', join(two.dir, 'admin.sock')];
    const run = (...args) => spawnSync(PROGRAM, ['consumer', ...args, ...socket], { encoding: 'utf8', timeout: 20_000 });
    assert.match(run('list').stdout, /^id +disabled +plan +note\ndev:eve +yes/);
    assert.equal(run('set', 'dev:tester', '--plan', 'standard').status, 0);
    await eventually(async () => (await one.admin('/config')).status === 200, 'an administrator again');
    assert.match(run('show', 'dev:tester').stdout, /plan: standard\n[^]*disabled: no/);
    assert.equal(run('remove', 'dev:tester').status, 0);
    assert.equal(run('remove', 'dev:tester').status, 1);
    assert.equal(run('set', 'no-scheme').status, 1);
    assert.equal(run('set', 'dev:a', '--plan', 'none').status, 1);
    assert.equal(run().status, 2);
  });
});
