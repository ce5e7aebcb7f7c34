// trytond's configuration file, and what all of the rig knows of the database.

import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const DATABASE = 'erp';
export const PASSWORD = 'plant-1010-rig';

// Hashing a password slowly is right for an ERP and a waste for a rig.
const PASSLIB = '[passlib]\nschemes = pbkdf2_sha512\npbkdf2_sha512__rounds = 1000\n';

/** Writes it to `dir` and returns its path. */
export function writeSettings(dir, port = 0) {
  const folder = resolve(dir);
  const path = join(folder, 'trytond.conf');
  writeFileSync(join(folder, 'passlib.ini'), PASSLIB);
  const lines = [
    '[database]', 'uri = sqlite://', `path = ${folder}`,
    '[web]', `listen = ${process.env.TRYTON_LISTEN ?? '127.0.0.1'}:${port}`, // another: a container's network
    '[password]', `passlib = ${join(folder, 'passlib.ini')}`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}
