// The gateway is killed while writes of every API have reached their ERP and none of them is answered. Under its key each
// is asked for again at the gateway that comes after: there is one document of each in the ERP, by the ERP's own count.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { readYaml } from './support/contracts.mjs';
import { ROWS } from './support/fault_rows.mjs';
import { Requests } from './support/good_requests.mjs';
import { eventually, suiteScope } from './support/harness.mjs';
import { KILLS } from './support/kill_rows.mjs';
import { PLANTS, skipUnlessInstalled, startSandbox } from './support/sandbox.mjs';

skipUnlessInstalled();

const CALL_MS = 15_000; // all are under way together for so long at most, and so long a dead gateway's claims last
const NOT_YET = /request-in-flight|outcome-not-recorded|effect-settling|\/problems\/unavailable/;

describe('a gateway dies between its writes and their answers', () => {
  const suite = suiteScope();
  let box, gw, requests;
  before(async () => {
    box = await startSandbox(suite, { config: readYaml('docker/millgate.yaml'), apis: Object.keys(ROWS) });
    gw = await box.gateway(suite, { backend: { effects: { settle: '1s' }, total_timeout: `${CALL_MS}ms` } });
    requests = new Requests(box, gw);
  });

  const counters = new Map(KILLS.map(({ counter }) => [counter.name, counter]));
  const countAll = async () => Object.fromEntries(await Promise.all([...counters].map(async ([name, { of }]) => [name, await of(box)])));

  /** Sends it; comes back when the ERP has done its first write, of whose answer nobody hears. */
  async function sendAndHold(row) {
    const hold = { kind: 'hold-after' };
    const trace = box.trace(({ isWrite }) => (isWrite ? hold : undefined));
    const headers = { 'x-request-timeout': String(CALL_MS) };
    const lost = box.send(gw, { ...row.request, key: row.key, trace: trace.id, headers }).catch(() => undefined);
    await Promise.race([eventually(() => hold.isDone, `${row.title} is in the ERP`, 20_000),
      lost.then((answer) => assert.fail(`${row.title} was answered: ${answer?.status} ${answer?.text}`))]);
    return { lost };
  }

  async function killAndRestart(lost) {
    await gw.kill();
    await Promise.all(lost);
    for (const proxy of Object.values(box.proxies)) proxy.traces.clear();
    Object.assign(gw, { stderr: '', ports: [], wasKilled: false });
    await gw.start();
  }

  test('every API that writes is here', () => {
    const writing = new Set(requests.operations.filter(({ isWrite }) => isWrite).map(({ api }) => api));
    assert.deepEqual([...writing].sort(), [...new Set(KILLS.map(({ api }) => api))].sort());
  });

  test('one document of each', async (t) => {
    const rows = KILLS.map((row) => ({ ...row, key: randomUUID() }));
    await Promise.all(PLANTS.map(async (plant) => { // each ERP has them one after the other
      for (const row of rows.filter((one) => one.plant === plant)) ({ request: row.request } = await requests.prepare(requests.find(row.api, row.name), plant));
    }));
    const first = await countAll();
    const lost = [];
    await Promise.all(PLANTS.map(async (plant) => {
      for (const row of rows.filter((one) => one.plant === plant)) lost.push((await sendAndHold(row)).lost);
    }));
    const sent = await countAll();
    await killAndRestart(lost);
    for (const row of rows) {
      await t.test(row.title, async () => {
        const answer = await eventually(async () => {
          const told = await box.send(gw, { ...row.request, key: row.key });
          return NOT_YET.test(told.text) ? undefined : told;
        }, `${row.title} is told again`, 30_000);
        const [status, type] = row.says;
        assert.equal(answer.status, status, answer.text);
        if (type) assert.ok(answer.json.type.endsWith(`/${type}`), answer.text);
      });
    }
    const expected = { ...first };
    for (const { counter } of rows) expected[counter.name]++;
    assert.deepEqual(sent, expected, 'when the gateway was killed');
    assert.deepEqual(await countAll(), expected, 'when all was told');
  });
});
