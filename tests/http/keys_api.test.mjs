// API keys: made and revoked over the admin listener, shown by callers, known to every instance.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { assertProblem, eventually, isSanitized, makeFolder, peerPath, PROGRAM, send, suiteScope } from './support/harness.mjs';
import { change, keyedGateway, makeKey, ready, redisFor, withKey } from './support/records.mjs';
import { Issuer } from './support/tokens.mjs';

const FORM = /^mgk_[0-9a-f]{16}_[0-9a-f]{72}$/;
const SOON_MS = 5000; // two seconds are promised; the machine may be busy

function cli(gw, ...args) {
  const result = spawnSync(PROGRAM, args, { encoding: 'utf8', timeout: 20_000, env: { ...process.env, ...gw?.env } });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

describe('API keys', () => {
  const suite = suiteScope();
  let gw, key;

  test('one is made, shown once, and opens what its scopes say', async () => {
    gw = await keyedGateway(suite);
    key = await makeKey(gw, { note: 'the dock', plan: 'standard', expires: '90d' });
    assert.match(key.key, FORM);
    assert.equal(key.key.slice(4, 20), key.id);
    assert.equal(key.consumer, 'acme');
    assert.equal(key.state, 'active');
    const answer = await eventually(async () => {
      const each = await withKey(gw, key.key);
      return each.status === 200 && each;
    }, 'it opens');
    assert.ok(!answer.json.headers.some(([name]) => name === 'x-api-key'), 'it does not go upstream');
    assertProblem(await withKey(gw, key.key, { path: peerPath('count') }), 403);
    await eventually(() => gw.accessLog().some(({ consumer }) => consumer === 'partners:acme'), 'the log has its name');
  });

  test('it is only looked for in its header', async () => {
    assertProblem(await withKey(gw, null), 401);
    assertProblem(await withKey(gw, null, { path: `${peerPath('mirror')}?x-api-key=${key.key}` }), 401);
    assertProblem(await withKey(gw, null, { path: peerPath('mirror'), headers: { cookie: `X-API-Key=${key.key}` } }), 401);
    assertProblem(await withKey(gw, null, { headers: { authorization: `ApiKey ${key.key}` } }), 401);
    const twice = await gw.raw();
    twice.send(`GET ${peerPath('mirror')} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key.key}\r\nX-API-Key: ${key.key}\r\n\r\n`);
    assert.equal((await twice.response({ deadlineMs: 5000 })).status, 401);
    twice.destroy();
  });

  test('one that is not asked for does not go upstream either; what is no key of ours does', async () => {
    const shown = async (field, value) => {
      const answer = await send({ port: gw.port, path: peerPath('items/latest'), headers: { ...gw.bearer, [field]: value } });
      assert.equal(answer.status, 200, answer.text);
      return answer.json.headers.filter(([name]) => /^x.api.key$/.test(name)).map(([, value]) => value);
    };
    assert.deepEqual(await shown('X-API-Key', key.key), []);
    assert.deepEqual(await shown('x_api_key', ` ${key.key}`), []);
    assert.deepEqual(await shown('X-API-Key', 'of-the-backend'), ['of-the-backend']);
  });

  test('what is wrong with one is not told', async () => {
    const expired = await makeKey(gw, { expires: '1s' });
    const revoked = await makeKey(gw);
    const other = await makeKey(gw);
    assert.equal((await change(gw, 'DELETE', `/keys/${revoked.id}`)).status, 204);
    const flip = (text, at) => text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1);
    const swapped = `mgk_${key.id}${other.key.slice(20)}`;
    const details = new Set();
    await eventually(async () => (await withKey(gw, expired.key)).status === 401, 'it has expired');
    await eventually(async () => (await withKey(gw, revoked.key)).status === 401, 'it is revoked');
    for (const bad of [expired.key, revoked.key, swapped, flip(key.key, 30), flip(key.key, 6), key.key.toUpperCase(),
      key.key.slice(0, -1), `${key.key}0`, 'x', 'mgk_', `mgk_${'0'.repeat(16)}_${'0'.repeat(72)}`]) {
      const problem = await withKey(gw, bad);
      details.add(assertProblem(problem, 401).detail);
      assert.match(problem.headers['www-authenticate'], /^ApiKey realm=/);
    }
    assert.equal(details.size, 1);
    // A bad key is refused also where a good token stands beside it.
    assertProblem(await withKey(gw, 'x', { headers: gw.bearer }), 401);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test('lists never have what could be called with', async () => {
    await makeKey(gw, { consumer: 'other' });
    const all = await eventually(async () => {
      const answer = await gw.admin('/keys');
      return answer.json.items.some(({ consumer }) => consumer === 'other') && answer;
    }, 'it is listed');
    assert.doesNotMatch(all.text, /mgk_|hash|[0-9a-f]{64}/);
    const own = (await gw.admin('/keys?consumer=other')).json.items;
    assert.deepEqual(own.map(({ consumer }) => consumer), ['other']);
    assert.equal((await gw.admin(`/keys/${key.id}`)).json.note, 'the dock');
    const pages = [];
    for (let after = ''; after !== null;) {
      const page = (await gw.admin(`/keys?limit=2${after && `&after=${after}`}`)).json;
      assert.ok(page.items.length <= 2);
      pages.push(...page.items.map(({ id }) => id));
      after = page.next;
    }
    assert.deepEqual(pages, (await gw.admin('/keys?limit=1000')).json.items.map(({ id }) => id));
    assertProblem2(await gw.admin('/keys?limit=0'), 400);
    assertProblem2(await gw.admin('/keys/0000000000000000'), 404);
    assertProblem2(await change(gw, 'DELETE', '/keys/0000000000000000'), 404);
  });

  test('a body that is wrong is refused with what is wrong', async () => {
    for (const [body, needle] of [
      [{}, /consumer/], [{ consumer: 'a', sopes: [] }, /scopes/], [{ consumer: 1 }, /text/],
      [{ consumer: 'a', scopes: 'x' }, /list/], [{ consumer: 'a', scopes: ['a b'] }, /scopes/],
      [{ consumer: 'a', plan: 'none' }, /plan/], [{ consumer: 'a', scheme: 'none' }, /scheme/],
      [{ consumer: 'a', expires: 'soon' }, /expires/], [{ consumer: 'a', expires: '2020-01-01T00:00:00Z' }, /future/],
      [{ consumer: 'a\nb' }, /control/], [{ consumer: 'x'.repeat(300) }, /at most/],
    ]) {
      const answer = await change(gw, 'POST', '/keys', body);
      assertProblem2(answer, 400);
      assert.match(answer.text, needle);
    }
    for (const text of ['', '[]', '{"consumer":"a","consumer":"b"}', '{'])
      if (text !== '') assertProblem2(await gw.admin('/keys', { method: 'POST', body: text, headers: { 'content-type': 'application/json' } }), 400);
    const note = (await makeKey(gw, { note: '${file:/etc/passwd}' })).note;
    assert.equal(note, '${file:/etc/passwd}');
    const large = JSON.stringify({ consumer: 'a', note: 'x'.repeat(70_000) });
    assert.ok([400, 413].includes((await gw.admin('/keys', { method: 'POST', body: large, headers: { 'content-type': 'application/json' } })).status));
    assertProblem2(await gw.admin('/keys', { method: 'PUT', headers: { 'content-type': 'application/json' } }), 405);
  });

  test('without a token nobody makes one', async () => {
    const bare = (method, path) => send({ port: gw.adminPort, method, path, headers: { 'content-type': 'application/json' }, body: method === 'POST' ? '{"consumer":"a"}' : undefined });
    assert.equal((await bare('POST', '/keys')).status, 401);
    assert.equal((await bare('GET', '/keys')).status, 401);
    assert.equal((await bare('DELETE', `/keys/${key.id}`)).status, 401);
    const weak = await gw.admin('/keys', { headers: { authorization: `Bearer ${gw.token()}` } });
    assert.equal(weak.status, 403);
  });

  test('the command makes, lists, shows and revokes', async () => {
    const socket = ['--admin', join(gw.dir, 'admin.sock')];
    const made = cli(gw, 'key', 'create', '--consumer', 'from the shell', '--scopes', 'peer:use  peer:count', ...socket);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout.trim(), FORM);
    const id = made.stdout.slice(4, 20);
    await eventually(async () => (await withKey(gw, made.stdout.trim(), { path: peerPath('count') })).status === 200, 'it opens');
    const list = cli(gw, 'key', 'list', ...socket, '--consumer=from the shell');
    assert.equal(list.code, 0, list.stderr);
    assert.match(list.stdout, new RegExp(`^id .*\n${id}  partners  from the shell  active`));
    const shown = JSON.parse(cli(gw, 'key', 'show', id, '--json', '-c', gw.configPath).stdout);
    assert.deepEqual(shown.scopes, ['peer:use', 'peer:count']);
    assert.match(shown.created_by, /^socket uid \d+$/);
    assert.equal(cli(gw, 'key', 'revoke', id, ...socket).code, 0);
    await eventually(async () => (await withKey(gw, made.stdout.trim(), { path: peerPath('count') })).status === 401, 'it is revoked');
    const again = cli(gw, 'key', 'revoke', id, ...socket);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /404/);
  });

  test('the command says what it does not understand', () => {
    assert.equal(cli(gw, 'key').code, 2);
    assert.equal(cli(gw, 'key', 'create').code, 2);
    assert.equal(cli(gw, 'key', 'list').code, 2); // where is the gateway?
    assert.equal(cli(gw, 'key', 'list', '--admin', '/nowhere/at/all').code, 1);
    assert.equal(cli(gw, 'key', 'list', '--admin', `http://127.0.0.1:${gw.adminPort}`).code, 1); // no token
    assert.equal(cli(gw, 'key', '--help').code, 0);
    const token = gw.token({ scope: 'millgate:admin' });
    const env = { env: { MILLGATE_ADMIN_TOKEN: token } };
    assert.equal(cli(env, 'key', 'list', '--admin', `http://127.0.0.1:${gw.adminPort}`).code, 0);
    const refused = cli(gw, 'key', 'create', '--consumer', 'a', '--plan', 'none', '--admin', join(gw.dir, 'admin.sock'));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /plan/);
  });

  test('a key is in no log, metric or configuration, and Redis has only its hash', async () => {
    const secret = key.key.slice(21);
    const redis = spawnSync('grep', ['-rlF', secret, gw.dir], { encoding: 'utf8' });
    assert.equal(redis.stdout, '', 'a file has it');
    assert.ok(!gw.stderr.includes(secret));
    for (const path of ['/metrics', '/config', '/keys', '/readyz', '/audit'])
      assert.ok(!(await gw.admin(path)).text.includes(secret), path);
    assert.match(readFileSync(join(gw.dir, 'state', 'audit.log'), 'utf8'), new RegExp(`key.create.*${key.id}`));
  });
});

// Problems of the admin listener have no trace.
function assertProblem2(answer, status) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/);
}

const MANY_KEYS = isSanitized ? 2000 : 10_000;

// Most of their time is waiting: side by side they wait together.
describe('API keys in a fleet', { concurrency: 3 }, () => {
  test('two gateways on one Redis: made and revoked on one, known to both; a restart knows them', async (t) => {
    const redis = await redisFor(t);
    const issuer = new Issuer();
    const [one, two] = await Promise.all([keyedGateway(t, { redis, issuer, config: { workers: 2, redis: redis.url } }), keyedGateway(t, { redis, issuer })]);
    const key = await makeKey(one);
    for (const gw of [one, two])
      await eventually(async () => (await withKey(gw, key.key)).status === 200, 'known', SOON_MS);
    await change(two, 'DELETE', `/keys/${key.id}`);
    for (const gw of [one, two]) {
      await eventually(async () => (await withKey(gw, key.key)).status === 401, 'revoked', SOON_MS);
      for (let i = 0; i < 20; i++) assert.equal((await withKey(gw, key.key)).status, 401); // on each worker
    }
    const kept = await makeKey(two);
    const third = await keyedGateway(t, { redis, issuer });
    assert.equal((await withKey(third, kept.key)).status, 200);
    assert.equal((await withKey(third, key.key)).status, 401);
  });

  test('Redis away: the last known keys open, changes are 503, the age shows; back again: all follows', async (t) => {
    const redis = await redisFor(t);
    const gw = await keyedGateway(t, { redis });
    const key = await makeKey(gw);
    await eventually(async () => (await withKey(gw, key.key)).status === 200, 'known');
    assert.ok((await ready(gw)).records.age_ms < 2000);
    redis.process.kill('SIGSTOP');
    await eventually(async () => (await ready(gw)).records.age_ms > 2000, 'it ages');
    assert.equal((await withKey(gw, key.key)).status, 200);
    assert.equal((await withKey(gw, 'x')).status, 401);
    const refused = await change(gw, 'POST', '/keys', { consumer: 'acme' });
    assert.equal(refused.status, 503, refused.text);
    assert.match((await gw.admin('/metrics')).text, /^millgate_records_age_ms [1-9]\d{3}/m);
    redis.process.kill('SIGCONT');
    await eventually(async () => (await ready(gw)).records.age_ms < 2000, 'it follows');
    const later = await eventually(async () => {
      const answer = await change(gw, 'POST', '/keys', { consumer: 'acme', scopes: ['peer:use'] });
      return answer.status === 201 && answer.json;
    }, 'keys are made');
    await eventually(async () => (await withKey(gw, later.key)).status === 200, 'it opens');
    await redis.stop('SIGKILL');
    assert.equal((await change(gw, 'DELETE', `/keys/${key.id}`)).status, 503);
    assert.equal((await withKey(gw, key.key)).status, 200);
  });

  test('a start without Redis: keys cannot be judged, tokens can', async (t) => {
    const redis = await redisFor(t);
    await redis.stop('SIGKILL');
    const gw = await keyedGateway(t, { redis });
    const answer = await withKey(gw, `mgk_${'0'.repeat(16)}_${'0'.repeat(72)}`);
    assertProblem(answer, 503);
    assert.ok(answer.headers['retry-after']);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    assert.equal((await ready(gw)).records.known, false);
    assert.equal((await ready(gw)).ready, false);
    await redis.start();
    await eventually(async () => (await ready(gw)).records.known, 'they are read', 20_000);
    const key = await makeKey(gw);
    await eventually(async () => (await withKey(gw, key.key)).status === 200, 'it opens');
  });

  test('Redis without its data: what it does not have is not valid any more, and the log says so', async (t) => {
    const redis = await redisFor(t);
    const gw = await keyedGateway(t, { redis });
    const key = await makeKey(gw);
    await eventually(async () => (await withKey(gw, key.key)).status === 200, 'known');
    await redis.command('FLUSHALL');
    await eventually(async () => (await withKey(gw, key.key)).status === 401, 'gone');
    assert.match(gw.stderr, /warn {2}records: read anew, 0 are there, 1 are gone/);
  });

  test('too few replicas: not ready, nothing is confirmed', async (t) => {
    const redis = await redisFor(t, { settings: ['--repl-diskless-sync-delay', '0'] });
    const gw = await keyedGateway(t, { redis, extra: { redis: { url: redis.url, min_replicas: 1, replica_timeout: '100ms' } } });
    const state = await ready(gw);
    assert.equal(state.ready, false);
    assert.ok(state.redis.problems.some(({ name }) => name === 'redis-too-few-replicas'), JSON.stringify(state));
    const answer = await change(gw, 'POST', '/keys', { consumer: 'acme' });
    assert.equal(answer.status, 503);
    assert.match(answer.text, /not known whether/);
    assert.match(readFileSync(join(gw.dir, 'state', 'audit.log'), 'utf8'), /key.create.*"outcome":"unknown"/);
    const replica = await redisFor(t, { settings: ['--replicaof', '127.0.0.1', String(redis.port)] });
    await eventually(async () => (await change(gw, 'POST', '/keys', { consumer: 'acme' })).status === 201, 'confirmed', 20_000);
    assert.match(await replica.command('HLEN', '{millgate:records}'), /^:[1-9]/);
  });
});

// These fill the machine, or tell the order of answers.
describe('API keys in a fleet, one at a time', () => {
  test(`${MANY_KEYS} keys`, async (t) => {
    const redis = await redisFor(t);
    const issuer = new Issuer();
    // Two lines on the disk for each key are not what this is about.
    const [one, two] = await Promise.all([keyedGateway(t, { redis, issuer, extra: { audit: { file: '' } } }), keyedGateway(t, { redis, issuer })]);
    const agent = new http.Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const keys = [];
    const lane = async () => {
      const token = one.token({ scope: 'millgate:admin' });
      while (keys.length < MANY_KEYS) {
        const at = keys.push(null) - 1;
        const answer = await send({
          port: one.adminPort, path: '/keys', method: 'POST', agent,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ consumer: `c${at}`, scopes: ['peer:use'] }),
        });
        assert.equal(answer.status, 201, answer.text);
        keys[at] = answer.json.key;
      }
    };
    await Promise.all(Array.from({ length: 16 }, lane));
    assert.equal(new Set(keys).size, keys.length);
    await eventually(async () => (await ready(two)).records.count === keys.length, 'all are known', 30_000);
    for (let i = 0; i < keys.length; i += 499) assert.equal((await withKey(two, keys[i])).status, 200);
    const third = await keyedGateway(t, { redis, issuer });
    assert.equal((await ready(third)).records.count, keys.length);
    assert.equal((await withKey(third, keys.at(-1))).status, 200);
  });
});
