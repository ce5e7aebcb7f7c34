// script/server: the first thing that anybody runs. Each command gives what is promised beside it, and Ctrl-C
// leaves nothing behind.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { isInstalled } from '../rigs/tryton/tryton.mjs';
import { eventually, isSanitized, makeFolder, PROGRAM } from './support/harness.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const START_MS = 240_000; // Tryton's database may have to be made first

if (!existsSync(join(ROOT, 'tests/rigs/odata/node_modules/@sap/cds'))) {
  process.stdout.write('skipped: the OData rig is not installed: run script/bootstrap\n');
  process.exit(77);
}

// In a process group of its own, as a terminal's.
function start(t, ...args) {
  const dir = makeFolder();
  const env = { ...process.env, MILLGATE_BIN: PROGRAM, SANDBOX_DIR: dir, PORT: '0', ADMIN_PORT: '0', ERP_PORT: '0', TRYTON_PORT: '0' };
  const child = spawn(join(ROOT, 'script/server'), args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const server = { dir, child, text: '', exited: once(child, 'exit') };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (server.text += bytes));
  t.after(async () => {
    if (child.exitCode === null && !child.signalCode) process.kill(-child.pid, 'SIGTERM');
    await server.exited;
    rmSync(dir, { recursive: true, force: true });
  });
  return server;
}

function membersOf(group) {
  try {
    return process.kill(-group, 0);
  } catch {
    return false;
  }
}

// Processes of the sandbox that are not of its group any more, known by its folder in their command line.
function leftOf(dir) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      return Number(pid) !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir);
    } catch {
      return false;
    }
  });
}

/** Each command's own line says the status that is promised. */
function assertTries(text) {
  const lines = [...text.matchAll(/^(.*) \((\d{3})\): (.*)$/gm)];
  assert.ok(lines.length >= 6, text);
  for (const [line, , status, answer] of lines) {
    if (status !== '429') assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), line);
    // The plan is refilled meanwhile: where a call takes 200 ms, the limit is not reached.
    else if (!isSanitized) assert.match(answer, /^(200 )+(429 )[24 09]+$/, line);
  }
}

describe('script/server', () => {
  test('--once: each command gives what it says', { timeout: START_MS, skip: !isInstalled() && 'no Tryton' }, async (t) => {
    const server = start(t, '--once');
    const [code] = await server.exited;
    assert.equal(code, 0, server.text);
    assertTries(server.text);
  });

  test('without Tryton all but plant 1010 is there; Ctrl-C stops all of it', { timeout: START_MS }, async (t) => {
    const server = start(t, '--without-tryton');
    await eventually(() => server.text.includes('Ctrl-C stops all.') || server.child.exitCode !== null, 'it is up', START_MS);
    const [, url] = /Millgate is at (\S+),/.exec(server.text);
    const [, reader] = /^export READER=(\S+)$/m.exec(server.text);
    const ask = (path) => fetch(`${url}/system/erp-inventory/v1/plants/${path}`, { headers: { authorization: `Bearer ${reader}` } });
    assert.equal((await ask('1020/materials?limit=1')).status, 200);
    assert.ok((await ask('1010/materials?limit=1')).status >= 502);
    const both = await (await ask('-/materials?limit=1')).json();
    assert.equal(both.items.length, 1);
    assert.equal(both.missing.length, 1);

    const redis = Number(readFileSync(join(server.dir, 'state/redis.lock'), 'utf8'));
    assert.ok(existsSync(`/proc/${redis}`));
    process.kill(-server.child.pid, 'SIGINT');
    assert.deepEqual(await server.exited, [130, null], server.text);
    await eventually(() => !membersOf(server.child.pid) && !existsSync(`/proc/${redis}`) && leftOf(server.dir).length === 0, 'nothing is left');
  });
});
