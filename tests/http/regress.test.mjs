// Request streams that once went wrong: tests/regress/<what>.<statuses>.http, each byte as it is but
// for TOKEN (a good one) and FILL(n) (n bytes). They must be answered with these statuses, in order.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { peerPath, startGateway, suiteScope } from './support/harness.mjs';

const FOLDER = fileURLToPath(new URL('../regress/', import.meta.url));

describe('streams that once went wrong', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, { config: { listeners: [{ address: '127.0.0.1:0', head_timeout: '2s', idle_timeout: '2s' }] } });
  });

  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.http')))
    test(file, async () => {
      const wanted = file.split('.').at(-2).split('-').map(Number);
      const text = readFileSync(FOLDER + file, 'latin1').replaceAll('TOKEN', gw.token())
        .replace(/FILL\((\d+)\)/g, (_, count) => 'f'.repeat(Number(count)));
      gw.peer.forget();
      const client = await gw.raw();
      client.send(text);
      const statuses = [];
      for (const _ of wanted) statuses.push((await client.response({ isHead: text.startsWith('HEAD ') }))?.status);
      assert.deepEqual(statuses, wanted);
      assert.ok(await client.closes(), 'the connection ends when nothing more comes');
      assert.equal(client.unread, '');
      client.destroy();
      assert.ok(gw.peer.requests.length <= text.split('HTTP/1.').length - 1, 'more went out than came in');
      assert.deepEqual(gw.peer.violations, []);
      // Not on a connection of before, which may be at its idle end just now.
      assert.equal((await gw.get(peerPath('mirror'), { agent: false })).status, 200);
    });
});
