// docs/integrator-day.md, carried out: its commands in a copy of the project's contracts and flows, with script/server
// in front of both real ERPs, and of each what the document says that it says.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { odataIsInstalled } from '../rigs/odata.mjs';
import { isInstalled } from '../rigs/tryton/tryton.mjs';
import { eventually, makeFolder, PROGRAM, suiteScope } from './support/harness.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const START_MS = 300_000; // Tryton's database may have to be made first
const STEP_MS = 120_000;

if (!odataIsInstalled() || !isInstalled()) {
  process.stdout.write('skipped: the rigs of both ERPs are not installed: run script/bootstrap\n');
  process.exit(77);
}

/** [{section, commands, expected}...]: each `sh` block with the `text` block behind it. */
function readSteps() {
  const steps = [];
  let section = 'Start';
  for (const [, heading, language, text] of readFileSync(join(ROOT, 'docs/integrator-day.md'), 'utf8')
    .matchAll(/^## (.*)$|^```(sh|text)\n([^]*?)^```$/gm)) {
    if (heading) section = heading;
    else if (language === 'sh') steps.push({ section, commands: text, expected: [] });
    else steps.at(-1).expected = text.trim().split('\n');
  }
  return steps;
}

/** A project of its own: contracts, flows and configuration are copies, all else is ours. */
function makeProject(scope) {
  const folder = makeFolder();
  scope.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['apis', 'openapi', 'docker']) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  for (const name of ['script', 'tests']) symlinkSync(join(ROOT, name), join(folder, name));
  return folder;
}

async function startServer(scope, folder) {
  const env = { ...process.env, MILLGATE_BIN: PROGRAM, SANDBOX_DIR: join(folder, '.sandbox'), PORT: '0', ADMIN_PORT: '0', ERP_PORT: '0', TRYTON_PORT: '0' };
  const child = spawn(join(folder, 'script/server'), [], { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (text += bytes));
  scope.after(async () => {
    if (child.exitCode === null && !child.signalCode) process.kill(-child.pid, 'SIGTERM');
    await exited;
  });
  await eventually(() => text.includes('Ctrl-C stops all.') || child.exitCode !== null, 'the sandbox is up', START_MS);
  assert.equal(child.exitCode, null, text);
}

describe('a day in the life of an integrator', () => {
  const suite = suiteScope();
  let folder;
  before(async () => {
    folder = makeProject(suite);
    await startServer(suite, folder);
  });

  const steps = readSteps();
  test('the document has its parts', () => {
    assert.ok(steps.length >= 8);
    assert.ok(steps.filter(({ expected }) => expected.length > 0).length >= 6);
  });

  for (const [i, { section, commands, expected }] of steps.entries()) {
    test(`${section}, step ${i + 1}`, { timeout: STEP_MS }, () => {
      const script = `set -euo pipefail\n. .sandbox/env\n${commands}`;
      const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8', timeout: STEP_MS });
      const said = `${stdout}${stderr}`;
      assert.equal(status, 0, said);
      for (const line of expected) assert.ok(said.includes(line), `${line}\nis not in\n${said}`);
    });
  }
});
