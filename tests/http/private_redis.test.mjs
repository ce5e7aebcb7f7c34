// The redis-server that the gateway starts for itself: supervised, adopted, never doubled.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { counted, startEvents } from './support/events.mjs';
import { Gateway, PROGRAM, eventually, isSanitized, makeFolder, peerPath, prepareGateway, runProgram, startGateway } from './support/harness.mjs';

// The redis-servers that are the gateway's children, or work in its folder: an orphan of a killed
// gateway has another parent.
function serversOf(gw) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      if (readFileSync(`/proc/${pid}/comm`, 'latin1').trim() !== 'redis-server') return false;
      const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
      return parent === gw.pid || readlinkSync(`/proc/${pid}/cwd`).startsWith(gw.dir);
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

const plans = { standard: { limit: 60, window: '60s', burst: 3, grants: ['/system/*'] } };

async function passedOf(gw, count) {
  let passed = 0;
  for (let i = 0; i < count; i++) if ((await gw.get(peerPath('mirror'))).status === 200) passed++;
  return passed;
}

describe('private redis', () => {
  test('one is started, and ends with the gateway', async (t) => {
    const gw = await startGateway(t);
    const [pid, ...more] = serversOf(gw);
    assert.ok(pid && more.length === 0, `${[pid, ...more]}`);
    await gw.stop();
    await eventually(() => !existsSync(`/proc/${pid}`), 'it has ended');
  });

  test('its folder is for the owner only, and no port is open', async (t) => {
    const gw = await startGateway(t);
    const stateDir = join(gw.dir, 'state');
    assert.equal(statSync(stateDir).mode & 0o077, 0);
    const [pid] = serversOf(gw);
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    assert.doesNotMatch(commandLine, /requirepass|password|>[0-9a-f]{16}/i, 'a password on the command line');
    const listening = readFileSync(`/proc/${pid}/net/tcp`, 'latin1').split('\n')
      .filter((line) => / 0A /.test(line)).map((line) => line.trim().split(/\s+/)[9]);
    const inodes = readdirSync(`/proc/${pid}/fd`).map((fd) => {
      return /socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
    });
    assert.ok(!inodes.some((inode) => inode && listening.includes(inode)), 'it listens on TCP');
  });

  test('a killed one is started again', async (t) => {
    const gw = await startGateway(t);
    const [first] = serversOf(gw);
    process.kill(first, 'SIGKILL');
    const second = await eventually(() => serversOf(gw).find((pid) => pid !== first), 'another one runs', 20_000);
    assert.ok(second);
    await eventually(async () => (await gw.admin('/readyz')).status === 200, 'ready again', 20_000);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
  });

  test('what was written by scripts of several writes is there after its end, in order or not', async (t) => {
    const events = await startEvents(t);
    const count = async () => (await events.mustPoll({ from: '2000-01-01T00:00:00Z' })).items.length;
    await events.mustPublish([counted('a', 1), counted('b', 2)]);
    await events.gw.stop();
    await events.gw.startAgain();
    assert.equal(await count(), 2);
    await events.mustPublish(counted('a', 3));
    const [first] = serversOf(events.gw);
    process.kill(first, 'SIGKILL');
    await eventually(() => serversOf(events.gw).find((pid) => pid !== first), 'another one runs', 20_000);
    await eventually(async () => (await events.gw.admin('/readyz')).status === 200, 'ready again', 20_000);
    await eventually(async () => (await events.poll({ from: '2000-01-01T00:00:00Z' })).status === 200, 'the log again', 20_000);
    assert.equal(await count(), 3);
  });

  test('kill -9 of the gateway and restart, again and again: never two, nothing lost', { timeout: 540_000 }, async (t) => {
    const rounds = isSanitized ? 8 : 50;
    const first = await startGateway(t, { config: { plans } });
    let gw = first;
    assert.equal(await passedOf(gw, 6) <= 4, true);
    for (let i = 0; i < rounds; i++) {
      await gw.kill();
      gw = await new Gateway({ ...first, env: first.env }).start();
      assert.equal(serversOf(gw).length, 1, `round ${i}: ${serversOf(gw)}`);
    }
    t.after(() => gw.stop());
    assert.equal((await gw.admin('/readyz')).status, 200);
    await gw.stop();
    assert.deepEqual(serversOf(gw), []);
  });

  test('a limit used up before kill -9 is used up after it', async (t) => {
    const slowPlans = { standard: { limit: 3, window: '3600s', burst: 3, grants: ['/system/*'] } };
    const gw = await startGateway(t, { config: { plans: slowPlans } });
    assert.equal(await passedOf(gw, 5), 3);
    await gw.kill();
    const next = await new Gateway({ ...gw, env: gw.env }).start();
    t.after(() => next.stop());
    assert.equal(await passedOf(next, 3), 0);
  });

  test('a state path of 200 characters', async (t) => {
    const dir = makeFolder();
    const stateDir = join(dir, 'd'.repeat(90), 'e'.repeat(200 - dir.length - 92));
    assert.equal(stateDir.length, 200);
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const gw = await startGateway(t, { dir, config: { stateDir, plans } });
    assert.equal((await gw.admin('/readyz')).status, 200);
    assert.ok(await passedOf(gw, 8) < 8, 'the limit is not in force');
  });

  test('a second gateway on the same folder is refused by name', async (t) => {
    const gw = await startGateway(t);
    const second = runProgram(['serve', '-c', gw.configPath], { cwd: gw.dir, timeout: 20_000 });
    assert.notEqual(second.code, 0);
    assert.notEqual(second.code, null, 'it runs beside the first');
    assert.match(second.stderr, /state/);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    assert.equal(serversOf(gw).length, 1);
  });

  test('no redis-server on the machine: a clear message', async (t) => {
    const gw = await prepareGateway(t);
    const child = spawn(PROGRAM, ['serve', '-c', gw.configPath], {
      env: { ...process.env, PATH: '/nowhere' }, stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (bytes) => (text += bytes));
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    const [code] = await once(child, 'exit');
    clearTimeout(timer);
    assert.ok(code > 0, `${code}: ${text}`);
    assert.match(text, /redis-server/);
  });
});
