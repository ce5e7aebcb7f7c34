// script/server: the first thing that anybody runs. The five commands say what they promise, and
// Ctrl-C leaves nothing behind.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { eventually, isSanitized, makeFolder, PROGRAM } from './support/harness.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const START_MS = 90_000;

if (!existsSync(join(ROOT, 'tests/rigs/odata/node_modules/@sap/cds'))) {
  process.stdout.write('skipped: the OData rig is not installed: run script/bootstrap\n');
  process.exit(77);
}

// In a process group of its own, as a terminal's.
function start(t, ...args) {
  const dir = makeFolder();
  const env = { ...process.env, MILLGATE_BIN: PROGRAM, SANDBOX_DIR: dir, PORT: '0', ADMIN_PORT: '0', ERP_PORT: '0' };
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

describe('script/server', () => {
  test('--once: each of the five commands gives what it says', { timeout: START_MS }, async (t) => {
    const server = start(t, '--once');
    const [code] = await server.exited;
    assert.equal(code, 0, server.text);
    assert.match(server.text, /^a read: HTTP\/1.1 200/m);
    assert.match(server.text, /^a create: HTTP\/1.1 201/m);
    assert.match(server.text, /^a token that may not write: 403: HTTP\/1.1 403/m);
    assert.match(server.text, /^a body that breaks the contract: 400: HTTP\/1.1 400/m);
    // The plan is refilled meanwhile: where a call takes 200 ms, the limit is not reached.
    if (!isSanitized) assert.match(server.text, /^a limit that is reached: 429: (200 )+(429 )[24 09]+$/m);
  });

  test('Ctrl-C stops all of it', { timeout: START_MS }, async (t) => {
    const server = start(t);
    await eventually(() => server.text.includes('Ctrl-C stops all.') || server.child.exitCode !== null, 'it is up', START_MS);
    const redis = Number(readFileSync(join(server.dir, 'state/redis.lock'), 'utf8'));
    assert.ok(existsSync(`/proc/${redis}`));
    process.kill(-server.child.pid, 'SIGINT');
    assert.deepEqual(await server.exited, [130, null], server.text);
    await eventually(() => !membersOf(server.child.pid) && !existsSync(`/proc/${redis}`), 'nothing is left');
  });
});
