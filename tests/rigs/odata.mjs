// Starts the OData server of tests/rigs/odata on a free port and stops it with the test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const RIG = fileURLToPath(new URL('odata/', import.meta.url));
const NODE = fileURLToPath(new URL('../../script/node', import.meta.url));
const START_MS = 60_000;

export const odataIsInstalled = () => existsSync(`${RIG}node_modules/@sap/cds`);

/** The server's URL. Of `env` see tests/rigs/odata/server.js: SEED=none, CSRF=1, RIG_FAULTS=1 ... */
export async function startOdata(scope, env = {}) {
  const child = spawn(NODE, ['server.js'], { cwd: RIG, env: { ...process.env, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  scope.after(async () => {
    child.kill();
    await exited;
  });
  const timer = setTimeout(() => child.kill(), START_MS);
  let text = '';
  for await (const piece of child.stdout) {
    text += piece;
    const url = /listening on (http:\S+)/.exec(text);
    if (!url) continue;
    clearTimeout(timer);
    return url[1];
  }
  throw new Error(`the OData server did not start: ${text}`);
}

/** A client of the server itself, to see what is really there. */
export function odataClient(url, user = 'erpclient:pw1') {
  const authorization = `Basic ${Buffer.from(user).toString('base64')}`;
  return {
    authorization,
    async get(path) {
      const response = await fetch(`${url}${path}`, { headers: { authorization } });
      return response.json();
    },
    async spoil(kind, match, more = {}) {
      await fetch(`${url}/rig/faults`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ kind, match, ...more }),
      });
    },
    mend: () => fetch(`${url}/rig/faults`, { method: 'DELETE' }),
  };
}
