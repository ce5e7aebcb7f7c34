// Makes the database of plant "1010": Tryton's modules, then the seed through its own JSON-RPC.
//
//   make.mjs FOLDER      under the lock that prepare.mjs takes; nothing to do if the folder is there

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { seedPlant } from './seed.mjs';
import { DATABASE, PASSWORD, writeSettings } from './settings.mjs';
import { startTryton } from './tryton.mjs';

const ADMIN_MS = 600_000;
const MODULES = [
  'production_routing', 'production_work', 'production_split', 'stock_lot', 'purchase',
  'stock_supply_production', 'account_asset',
];

function admin(dir, ...words) {
  const args = ['-c', join(dir, 'trytond.conf'), '-d', DATABASE, ...words];
  const env = { ...process.env, TRYTONPASSFILE: join(dir, 'pass') };
  const { status, stderr, error } = spawnSync('trytond-admin', args, { encoding: 'utf8', env, timeout: ADMIN_MS });
  if (status !== 0) throw new Error(`trytond-admin ${words.join(' ')}: ${error ?? stderr}`);
}

function makeModules(dir) {
  const pass = join(dir, 'pass');
  writeSettings(dir);
  writeFileSync(join(dir, `${DATABASE}.sqlite`), '');
  writeFileSync(pass, PASSWORD, { mode: 0o600 });
  admin(dir, '--all', '--email', 'admin@example.test');
  admin(dir, '--activate-dependencies', '-u', ...MODULES);
  rmSync(pass);
}

async function seed(dir) {
  const erp = await startTryton({ dir });
  try {
    await seedPlant(await erp.client().login());
  } finally {
    await erp.stop();
  }
}

const finished = process.argv[2];
if (!existsSync(finished)) {
  const dir = mkdtempSync(join(finished, '..', 'making-'));
  try {
    makeModules(dir);
    await seed(dir);
    renameSync(dir, finished); // only what is whole gets the name that others look for
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}
