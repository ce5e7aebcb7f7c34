// A real Tryton server (Debian's trytond 6.0) over a copy of the prepared plant "1010", on a free port.
//
//   const erp = await startTryton({ dir });   erp.url   erp.client()   await erp.stop()
//
// The database is prepared once for all (see prepare.mjs); every start has a copy of its own.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from '../redis.mjs';
import { prepareDatabase } from './prepare.mjs';
import { TrytonClient } from './rpc.mjs';
import { DATABASE, PASSWORD, writeSettings } from './settings.mjs';

const START_MS = 60_000;
const STOP_MS = 5_000;

export const isInstalled = () => spawnSync('trytond', ['--version'], { stdio: 'ignore' }).status === 0;

class Tryton {
  constructor(dir) {
    Object.assign(this, { dir, database: DATABASE, user: 'admin', password: PASSWORD });
  }

  async start(port) {
    for (let tries = 0; tries < 5; tries++) {
      this.port = port ?? (await freePort());
      if (await this.#startAt(this.port)) return this;
      // Another took the port between our look and Tryton's.
    }
    throw new Error(`trytond did not start: see ${join(this.dir, 'trytond.log')}`);
  }

  async #startAt(port) {
    this.url = `http://127.0.0.1:${port}`;
    const config = writeSettings(this.dir, port);
    const log = openSync(join(this.dir, 'trytond.log'), 'a');
    const child = spawn('trytond', ['-c', config, '-d', DATABASE], { stdio: ['ignore', log, log] });
    this.process = child;
    child.on('error', () => {});
    writeFileSync(join(this.dir, 'trytond.pid'), `${child.pid}\n`);
    const until = Date.now() + START_MS;
    while (this.isRunning && Date.now() < until) {
      if (await this.client().version().catch(() => null)) return this.isRunning;
      await sleep(50);
    }
    await this.stop();
    return false;
  }

  get isRunning() {
    return this.process?.exitCode === null && this.process.signalCode === null;
  }

  client() {
    const { url, database, user, password } = this;
    return new TrytonClient({ url, database, user, password });
  }

  async stop(signal = 'SIGTERM') {
    if (!this.isRunning) return;
    const exited = once(this.process, 'exit');
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(timer);
  }

  /** The same database at the same address again. */
  async restart() {
    await this.stop();
    return this.start(this.port);
  }
}

/** In `dir`, which is kept: a database that is there already is taken as it is. */
export async function startTryton({ dir, port }) {
  const folder = resolve(dir);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${DATABASE}.sqlite`);
  if (!existsSync(file)) copyFileSync(await prepareDatabase(), file);
  return new Tryton(folder).start(port);
}
