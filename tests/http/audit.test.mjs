// The audit: each administrative act is in it, and each way of changing it is found.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { eventually, makeFolder, prepareGateway, PROGRAM, send, startGateway, suiteScope } from './support/harness.mjs';
import { change, keyedGateway, makeKey, redisFor } from './support/records.mjs';

function verify(...args) {
  const result = spawnSync(PROGRAM, ['audit', 'verify', ...args], { encoding: 'utf8', timeout: 20_000 });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

const fileOf = (gw) => join(gw.dir, 'state', 'audit.log');
const linesOf = (gw) => readFileSync(fileOf(gw), 'utf8').trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
const ended = (gw, act) => linesOf(gw).filter((line) => line.act === act && line.begun).at(-1);

describe('audit', () => {
  const suite = suiteScope();
  let gw;

  test('each act is in it, begun and ended, with who and what', async () => {
    gw = await keyedGateway(suite);
    const key = await makeKey(gw, { note: 'for the dock' });
    await change(gw, 'DELETE', `/keys/${key.id}`);
    await change(gw, 'DELETE', `/keys/${key.id}`);
    assert.equal((await gw.reload()).status, 200);
    await change(gw, 'POST', '/revocations', { issuer: 'dev', jti: 'a' });
    await change(gw, 'POST', '/issuers/dev/flush', {});
    await change(gw, 'POST', '/consumers/partners%3Aacme', { disabled: true });
    const acts = linesOf(gw).map(({ act, outcome }) => `${act} ${outcome}`);
    assert.deepEqual(acts, ['key.create begun', 'key.create done', 'key.revoke begun', 'key.revoke done', 'key.revoke begun',
      'key.revoke refused', 'reload begun', 'reload done', 'token.revoke begun', 'token.revoke done', 'issuer.flush begun',
      'issuer.flush done', 'consumer.set begun', 'consumer.set done']);
    const [begun, done] = linesOf(gw);
    assert.equal(begun.who, 'dev:tester');
    assert.match(begun.what, /POST \/keys .*"note":"for the dock"/);
    assert.equal(done.begun, begun.seq);
    assert.match(done.what, new RegExp(key.id));
    assert.equal(statSync(fileOf(gw)).mode & 0o777, 0o600);
  });

  test('a reload by signal, a refused one, and refused attempts', async () => {
    gw.process.kill('SIGHUP');
    await eventually(() => ended(gw, 'reload')?.who === 'signal SIGHUP', 'the signal is there');
    const good = readFileSync(gw.configPath);
    gw.rewriteConfig((config) => (config.nonsense = 1));
    assert.equal((await gw.reload()).status, 422);
    assert.equal(ended(gw, 'reload').outcome, 'refused');
    writeFileSync(gw.configPath, good);
    for (let i = 0; i < 60; i++) await send({ port: gw.adminPort, path: '/config' });
    const refused = linesOf(gw).filter(({ act }) => act === 'admin.refused');
    assert.ok(refused.length >= 20 && refused.length < 40, `${refused.length}`);
    assert.equal(refused[0].who, 'address 127.0.0.1');
    assert.match(refused[0].what, /GET \/config: 401/);
  });

  test('verify says so, by configuration and by file; the head is that of GET /audit', async () => {
    const head = (await gw.admin('/audit')).json;
    for (const args of [['-c', gw.configPath], [fileOf(gw)]]) {
      const result = verify(...args, '--head', head.head);
      assert.equal(result.code, 0, result.stdout + result.stderr);
      assert.match(result.stdout, /^ok: \d+ lines, 1 to \d+, 20\d\d-/);
      assert.ok(result.stdout.includes(head.head));
    }
    const json = JSON.parse(verify('--json', fileOf(gw)).stdout);
    assert.deepEqual([json.ok, json.last, json.head, json.unfinished], [true, head.seq, head.head, 0]);
    assert.ok(gw.stderr.includes('audit: '));
  });

  test('what was changed, removed or moved is found; what is cut off, by the head', async () => {
    const lines = readFileSync(fileOf(gw), 'utf8').trim().split('\n');
    const copy = join(makeFolder(), 'audit.log');
    const check = (changed, ...args) => {
      writeFileSync(copy, `${changed.join('\n')}\n`);
      return verify(copy, ...args);
    };
    const cases = {
      changed: [lines.with(4, lines[4].replace('"outcome":"begun"', '"outcome":"done"')), /:5: it was changed/],
      removed: [lines.toSpliced(4, 1), /:5: line 6 does not follow line 4/],
      moved: [lines.with(4, lines[5]).with(5, lines[4]), /:5: /],
      added: [lines.toSpliced(4, 0, lines[3]), /:5: /],
      garbled: [lines.with(4, 'nonsense'), /:5: it is no line/],
    };
    for (const [name, [changed, needle]] of Object.entries(cases)) {
      const result = check(changed);
      assert.equal(result.code, 1, name);
      assert.match(result.stdout, needle, name);
    }
    assert.equal(check(lines.slice(0, -2)).code, 0);
    const cut = check(lines.slice(0, -2), '--head', JSON.parse(lines.at(-1)).hash);
    assert.equal(cut.code, 1);
    assert.match(cut.stdout, /missing at the end/);
    assert.equal(verify().code, 2);
    assert.equal(verify('/nowhere').code, 1);
    assert.equal(verify(copy, '--head').code, 2);
  });

  test('a restart goes on; a second gateway with the same file does not start', async () => {
    const before = linesOf(gw).length;
    await gw.stop();
    const second = await startGateway(suite, { dir: gw.dir, issuer: gw.issuer });
    await second.reload();
    const lines = linesOf(second);
    assert.equal(lines.length, before + 2);
    assert.equal(verify(fileOf(second)).code, 0);
    const redis = await redisFor(suite); // without it the state folder's own lock would refuse
    const third = await prepareGateway(suite, { config: { redis: redis.url, extra: { audit: { file: fileOf(second) } } } });
    await assert.rejects(third.start(), /written by another process/);
    third.wasKilled = true;
  });
});

describe('an audit that cannot be written', () => {
  test('nothing is changed, also not by signal', async (t) => {
    const dir = makeFolder();
    const file = join(dir, 'audit.log');
    const gw = await keyedGateway(t, { dir, extra: { audit: { file } } });
    await makeKey(gw);
    // No file may grow beyond where this one ends.
    const limit = spawnSync('prlimit', ['--pid', String(gw.pid), `--fsize=${statSync(file).size + 50}:`]);
    if (limit.error || limit.status !== 0) return t.skip('prlimit cannot be used here');
    const refused = await change(gw, 'POST', '/keys', { consumer: 'acme' });
    assert.equal(refused.status, 503, refused.text);
    assert.match(refused.text, /audit cannot be written/);
    const generation = (await send({ port: gw.adminPort, path: '/readyz' })).json.configuration.generation;
    gw.process.kill('SIGHUP');
    await eventually(() => /reload refused: the audit cannot be written/.test(gw.stderr), 'the log says so');
    assert.equal((await gw.reload()).status, 503);
    assert.equal((await send({ port: gw.adminPort, path: '/readyz' })).json.configuration.generation, generation);
    assert.equal((await gw.admin('/keys')).json.items.length, 1);
    spawnSync('prlimit', ['--pid', String(gw.pid), '--fsize=unlimited:']);
    await makeKey(gw);
    assert.equal(verify(file).code, 0);
  });

  test('kill -9 in the middle of acts: all that was answered is there, and the chain holds', async (t) => {
    const redis = await redisFor(t);
    let gw = await keyedGateway(t, { redis, extra: { audit: { max_bytes: '16KiB', key: '0123456789abcdef' } } });
    const known = new Set();
    for (let round = 0; round < 4; round++) {
      let isOver = false;
      const lane = async () => {
        while (!isOver) {
          const answer = await change(gw, 'POST', '/keys', { consumer: 'acme' }).catch(() => null);
          if (answer?.status === 201) known.add(answer.json.id);
        }
      };
      const lanes = Array.from({ length: 4 }, lane);
      await eventually(() => known.size > round * 20 + 20, 'keys are made', 30_000);
      await gw.kill();
      isOver = true;
      await Promise.all(lanes);
      const result = verify('-c', gw.configPath);
      assert.equal(result.code, 0, result.stdout + result.stderr);
      gw = await keyedGateway(t, { dir: gw.dir, issuer: gw.issuer, redis, extra: { audit: { max_bytes: '16KiB', key: '0123456789abcdef' } } });
    }
    const text = spawnSync('sh', ['-c', `cat ${join(gw.dir, 'state')}/audit.log*`], { encoding: 'utf8', maxBuffer: 1 << 26 }).stdout;
    for (const id of known) assert.match(text, new RegExp(`${id}","outcome":"done"`));
    assert.ok(JSON.parse(verify('-c', gw.configPath, '--json').stdout).unfinished < 20);
    assert.equal(verify('-c', gw.configPath).code, 0);
    assert.ok(!(await gw.admin('/config')).text.includes('0123456789abcdef'));
  });
});
