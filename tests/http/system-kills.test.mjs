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

  // What plant 1010's own system holds, of what writes make: how many in each state, and how much was moved.
  const MODELS = ['stock.move', 'stock.shipment.internal', 'stock.shipment.in', 'stock.inventory', 'production.work.cycle', 'purchase.purchase', 'account.move'];
  async function holdings() {
    const held = {};
    const add = (name, count) => (held[name] = (held[name] ?? 0) + count);
    await Promise.all(MODELS.map(async (model) => {
      for (const { state, quantity } of await box.erp.search(model, [], model === 'stock.move' ? ['state', 'quantity'] : ['state'])) {
        add(`${model} ${state}`, 1);
        if (quantity !== undefined) add(`${model} ${state}, quantity`, quantity);
      }
    }));
    return held;
  }
  const grown = (before, after) => Object.fromEntries(Object.keys(after).sort().map((name) => [name, Math.round((after[name] - (before[name] ?? 0)) * 1e6) / 1e6])
    .filter(([, count]) => count !== 0));

  // The flows of several writes: [api, operation, how many]. `isEven`: the second time there is less to be done.
  const CHAINS = [
    ['erp-costing', 'postCost', 2], ['erp-inventory', 'postGoodsMovement', 4], ['erp-inventory', 'reverseGoodsMovement', 2], ['erp-inventory', 'createReservation', 3],
    ['erp-production', 'confirmProduction', 3], ['erp-purchasing', 'createPurchaseOrder', 2], ['erp-purchasing', 'receiveDelivery', 2],
    ['mes', 'reportOperation', 3], ['wms', 'createTransfer', 2], ['wms', 'recordStockCount', 2, { isEven: true }],
  ];
  for (const [api, name, count, { isEven = false } = {}] of CHAINS) {
    test(`${api} ${name} at 1010: the answer to a later write is lost, with all behind it; asked for again it has made no more`, async () => {
      const operation = requests.find(api, name);
      const { request: whole } = await requests.prepare(operation, '1010');
      const before = await holdings();
      const watch = box.trace();
      const good = await box.send(gw, { ...whole, trace: watch.id });
      assert.ok([200, 201].includes(good.status), good.text);
      assert.equal(watch.log.filter(({ isWrite }) => isWrite).length, count);
      const expected = grown(before, await holdings());
      for (let nth = 2; nth <= count; nth++) {
        const { request } = await requests.prepare(operation, '1010');
        const key = randomUUID();
        const start = await holdings();
        let left = nth;
        const { id } = box.trace(({ isWrite }) => (left === 0 ? { kind: 'cut-before' } : isWrite && --left === 0 ? { kind: 'cut-after' } : undefined));
        const first = await box.send(gw, { ...request, key, trace: id });
        for (const proxy of Object.values(box.proxies)) proxy.traces.delete(id);
        assert.ok([502, 503].includes(first.status), `write ${nth}: ${first.text}`);
        const told = await eventually(async () => {
          const answer = await box.send(gw, { ...request, key });
          return NOT_YET.test(answer.text) ? undefined : answer;
        }, 'it is told again', 30_000);
        const made = grown(start, await holdings());
        if (told.status === 409) { // of class D: nothing behind it was done
          assert.ok(told.json.type.endsWith('/outcome-unknown'), told.text);
          assert.equal(made['stock.move done'], undefined, `write ${nth}`);
        } else {
          assert.equal(told.status, good.status, `write ${nth}: ${told.text}`);
          if (!isEven) assert.deepEqual(made, expected, `write ${nth}`);
          else for (const [what, more] of Object.entries(made)) assert.ok(more <= (expected[what] ?? 0), `write ${nth}: ${what} ${more}`);
        }
      }
    });
  }
});
