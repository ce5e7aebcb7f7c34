// Has the database of plant "1010" made once, by make.mjs.
//
// It lies under build/rigs/tryton/ by a hash of all that it is made from, so that a changed seed makes a
// new one. Whoever comes meanwhile waits for the lock, which the kernel takes back from the dead.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { DATABASE } from './settings.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../build/rigs/tryton/', import.meta.url));
const SOURCES = ['make.mjs', 'settings.mjs', 'rpc.mjs', 'seed.mjs', 'seed_orders.mjs', 'plant.mjs'];
const LOCK_SECONDS = 600;

function finishedFolder() {
  const hash = createHash('sha256');
  for (const name of SOURCES) hash.update(readFileSync(join(HERE, name)));
  hash.update(spawnSync('trytond', ['--version'], { encoding: 'utf8' }).stdout ?? '');
  return join(ROOT, hash.digest('hex').slice(0, 16));
}

/** The path of the prepared database file: to be copied, never opened. */
export async function prepareDatabase() {
  const folder = finishedFolder();
  const file = join(folder, `${DATABASE}.sqlite`);
  if (existsSync(file)) return file;
  mkdirSync(ROOT, { recursive: true });
  const words = ['-w', String(LOCK_SECONDS), join(ROOT, 'lock'), process.execPath, join(HERE, 'make.mjs'), folder];
  const child = spawn('flock', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  let text = '';
  for await (const piece of child.stderr) text += piece;
  const [code] = await exited;
  if (code !== 0) throw new Error(`the plant's database was not made: ${text}`);
  return file;
}
