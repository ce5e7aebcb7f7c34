// Tokens that are revoked: one by its jti, a subject's, an issuer's; on every instance.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { assertProblem, eventually, peerPath, PROGRAM, suiteScope } from './support/harness.mjs';
import { change, keyedGateway, ready, redisFor } from './support/records.mjs';
import { Issuer } from './support/tokens.mjs';

const SOON_MS = 5000;

const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });
const now = () => Math.floor(Date.now() / 1000);

async function status(gw, token) {
  return (await gw.get(peerPath('mirror'), bearer(token))).status;
}

const becomes = (gw, token, wanted) =>
  eventually(async () => (await status(gw, token)) === wanted, `${wanted}`, SOON_MS);

function cli(...args) {
  const result = spawnSync(PROGRAM, args, { encoding: 'utf8', timeout: 20_000 });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

describe('revocation', () => {
  const suite = suiteScope();
  let one, two, redis;

  test('a token by its jti, on both gateways, also where it is cached; another goes on', async () => {
    redis = await redisFor(suite);
    const issuer = new Issuer();
    [one, two] = await Promise.all([
      keyedGateway(suite, { redis, issuer, config: { workers: 2, redis: redis.url } }), keyedGateway(suite, { redis, issuer })]);
    const bad = one.token({ jti: 'the one: with/odd%chars' });
    const good = one.token({ jti: 'another' });
    for (const gw of [one, two]) for (let i = 0; i < 10; i++) assert.equal(await status(gw, bad), 200);
    const made = await change(one, 'POST', '/revocations', { issuer: 'dev', jti: 'the one: with/odd%chars', reason: 'stolen' });
    assert.equal(made.status, 201, made.text);
    for (const gw of [one, two]) {
      await becomes(gw, bad, 401);
      for (let i = 0; i < 20; i++) assert.equal(await status(gw, bad), 401);
      assert.equal(await status(gw, good), 200);
    }
    const refused = await one.get(peerPath('mirror'), bearer(bad));
    assertProblem(refused, 401);
    assert.match(refused.headers['www-authenticate'], /error="invalid_token".*revoked/);
    const [listed] = (await two.admin('/revocations')).json.items;
    assert.equal(listed.reason, 'stolen');
    const path = `/revocations/${encodeURIComponent(listed.id)}`;
    assert.equal((await two.admin(path)).json.jti, 'the one: with/odd%chars');
    assert.equal((await change(two, 'DELETE', path)).status, 204);
    for (const gw of [one, two]) await becomes(gw, bad, 200);
  });

  test('a subject: what was issued before, not what is issued later', async () => {
    const before = one.token({ sub: 'eve', iat: now() - 60 });
    const other = one.token({ sub: 'alice', iat: now() - 60 });
    const without = one.token({ sub: 'eve', iat: undefined });
    assert.equal(await status(two, before), 200);
    const made = await change(one, 'POST', '/revocations', { issuer: 'dev', subject: 'eve', issued_before: new Date(Date.now() - 30_000).toISOString().replace(/\.\d+/, '') });
    assert.equal(made.status, 201, made.text);
    for (const gw of [one, two]) {
      await becomes(gw, before, 401);
      assert.equal(await status(gw, without), 401);
      assert.equal(await status(gw, other), 200);
      assert.equal(await status(gw, one.token({ sub: 'eve', iat: now() })), 200);
    }
  });

  test('an issuer, all of it; an admin token of that issuer is one, too', async () => {
    const old = one.token({ iat: now() - 60 });
    const admin = { authorization: `Bearer ${one.token({ scope: 'millgate:admin', iat: now() - 60 })}` };
    assert.equal((await one.admin('/config', { headers: admin })).status, 200);
    const made = await change(one, 'POST', '/revocations', { issuer: 'dev', all: true, issued_before: new Date(Date.now() - 30_000).toISOString().replace(/\.\d+/, ''), expires: '1h' });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.json.id, 'issuer:dev');
    for (const gw of [one, two]) await becomes(gw, old, 401);
    await eventually(async () => (await one.admin('/config', { headers: admin })).status === 401, 'for the admin, too');
    assert.equal(await status(one, one.token({ iat: now() })), 200);
    assert.equal((await change(one, 'DELETE', '/revocations/issuer%3Adev')).status, 204);
    await becomes(two, old, 200);
  });

  test('it ends when it expires', async () => {
    const token = one.token({ jti: 'short' });
    assert.equal((await change(one, 'POST', '/revocations', { issuer: 'dev', jti: 'short', expires: '3s' })).status, 201);
    await becomes(two, token, 401);
    await eventually(async () => (await status(two, token)) === 200, 'it is over', 10_000);
  });

  test('what is wrong is refused', async () => {
    for (const body of [{}, { issuer: 'dev' }, { issuer: 'none', all: true }, { issuer: 'dev', jti: 'a', subject: 'b' },
      { issuer: 'dev', jti: 'a', issued_before: '2026-01-01T00:00:00Z' }, { issuer: 'dev', all: true, expires: '' },
      { issuer: 'dev', all: true, expires: '2020-01-01T00:00:00Z' }, { issuer: 'dev', subject: 'a', issued_before: 'now' }])
      assert.equal((await change(one, 'POST', '/revocations', body)).status, 400, JSON.stringify(body));
  });

  test('the commands', async () => {
    const socket = ['--admin', join(one.dir, 'admin.sock')];
    const token = one.token({ jti: 'by command' });
    const made = cli('revoke', '--issuer', 'dev', '--jti', 'by command', '--reason', 'lost', ...socket);
    assert.equal(made.code, 0, made.stderr);
    assert.equal(made.stdout, 'jti:dev:by command\n');
    await becomes(two, token, 401);
    assert.match(cli('revocations', ...socket).stdout, /^id .*\n(.*\n)*jti:dev:by command +\S+Z? +.*lost/);
    assert.equal(JSON.parse(cli('revocations', 'show', 'jti:dev:by command', '--json', ...socket).stdout).jti, 'by command');
    assert.equal(cli('revocations', 'remove', 'jti:dev:by command', ...socket).code, 0);
    await becomes(two, token, 200);
    assert.equal(cli('revocations', 'remove', 'jti:dev:by command', ...socket).code, 1);
    assert.equal(cli('revoke', '--issuer', 'dev', ...socket).code, 2);
    assert.equal(cli('revoke', '--issuer', 'none', '--all', ...socket).code, 1);
  });

  test('Redis away: the last known list counts, its age shows; after its restart the list is the same', async () => {
    const token = one.token({ jti: 'kept' });
    await change(one, 'POST', '/revocations', { issuer: 'dev', jti: 'kept' });
    for (const gw of [one, two]) await becomes(gw, token, 401);
    await redis.stop('SIGKILL');
    await eventually(async () => (await ready(two)).records.age_ms > 2500, 'it ages');
    for (const gw of [one, two]) assert.equal(await status(gw, token), 401);
    assert.equal((await change(one, 'POST', '/revocations', { issuer: 'dev', jti: 'x' })).status, 503);
    assert.equal(await status(one, one.token({ jti: 'x' })), 200);
    await redis.start();
    await eventually(async () => (await ready(two)).records.age_ms < 2000, 'it follows', 20_000);
    assert.equal(await status(two, token), 401);
    await two.kill();
    const again = await keyedGateway(suite, { redis, issuer: one.issuer });
    assert.equal(await status(again, token), 401);
  });
});
