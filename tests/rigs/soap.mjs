// Starts the MES of tests/rigs/soap on a free port and stops it with the test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const RIG = fileURLToPath(new URL('soap/', import.meta.url));
const NODE = fileURLToPath(new URL('../../script/node', import.meta.url));
const START_MS = 60_000;

export const soapIsInstalled = () => existsSync(`${RIG}node_modules/soap`);
export const MES_USER = { username: 'gateway', password: 'p&<ss>"w' };

/** {url, reports, spoil, mend}: its URL, what was reported there, and what it shall do wrong. */
export async function startMes(scope) {
  const child = spawn(NODE, ['server.mjs'], { cwd: RIG, env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  scope.after(async () => {
    child.kill();
    await exited;
  });
  const timer = setTimeout(() => child.kill(), START_MS);
  let text = '';
  for await (const piece of child.stdout) {
    text += piece;
    const found = /listening on (http:\S+)/.exec(text);
    if (!found) continue;
    clearTimeout(timer);
    const url = found[1];
    return {
      url,
      reports: async () => (await fetch(`${url}/rig/reports`)).json(),
      spoil: (kind, more = {}) => fetch(`${url}/rig/faults`, { method: 'POST', body: JSON.stringify({ kind, ...more }) }),
      mend: () => fetch(`${url}/rig/faults`, { method: 'DELETE' }),
    };
  }
  throw new Error(`the MES did not start: ${text}`);
}
