// Writes at a real ERP (the OData server of tests/rigs/odata) that loses answers, while the gateway is killed and
// started again: each is there once at most, and once where it was confirmed.
//
//   CHAOS_SECONDS=120 CHAOS_SEED=7

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { odataClient, odataIsInstalled, startOdata } from '../rigs/odata.mjs';
import { startRedis } from '../rigs/redis.mjs';
import { makeRandom } from './support/chaos.mjs';
import { peerContract } from './support/config.mjs';
import { makeFolder, prepareGateway } from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

if (!odataIsInstalled()) {
  process.stdout.write('skipped: the OData rig is not installed: run script/bootstrap\n');
  process.exit(77);
}

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 5);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 100_000);
const ROOT = '/system/erp/v1';
const ORDERS = ['2000011', '2000012', '2000013'];
const SETTLE_MS = 1500;
const grants = ['/system/*'];
const POLICIES = ['body_limit', 'headers', 'jwt', 'authorise', 'schema'].map((name) => ({ [name]: {} }));
const FAULTS = ['lost', 'lost', 'cut', 'held', 'refuse', 'busy', 'broken', 'html', 'shape', 'slow'];

const flow = (name, list) => ({ document: { dsl: '1.0.0', namespace: 'erp', name, version: '1.0.0' }, do: list });

const flows = {
  // A: the service keeps the reference unique. C: nothing does, and what is there is looked for.
  confirm: flow('confirm', [
    { post: { call: 'odata.create', with: {
      backend: 'erp', entity: 'A_ProductionConfirmation', adopt: { field: 'ExternalReference', length: 40, prefix: 'MG-' },
      body: { ManufacturingOrder: '${ .body.order }', ManufacturingOrderOperation: '0010', PersonnelNumber: '${ .body.mark }', ConfirmationYieldQuantity: { $decimal: '0.001' } },
    } } },
    { answer: { set: { status: 201, body: { number: '${ .ConfirmationNumber }' } } } },
  ]),
  cost: flow('cost', [
    { post: { call: 'odata.create', with: {
      backend: 'erp', entity: 'A_CostPosting', lookup: { filter: { ReferenceID: '${ .body.mark }' } },
      body: { CostCenter: '200100', AmountInCurrency: { $decimal: '0.25' }, Currency: 'EUR', ReferenceID: '${ .body.mark }' },
    } } },
    { answer: { set: { status: 201, body: { number: '${ .CostPosting }' } } } },
  ]),
};

const operation = (name) => ({ post: { operationId: name, 'x-millgate': { flow: `erp/${name}` }, responses: { default: { description: 'x' } },
  requestBody: { required: true, content: { 'application/json': {} } } } });

function prepare(t, { url, authorization, redis, folder }) {
  return prepareGateway(t, {
    issuer: new Issuer(), peer: null,
    contracts: { 'erp.v1.yaml': peerContract({ name: 'erp', backend: 'erp', paths: { '/confirm': operation('confirm'), '/cost': operation('cost') } }) },
    config: {
      redis: redis.url, extra: { flows: [folder] }, policies: [...POLICIES, { idempotency: { redis_timeout: '5s' } }],
      backends: { erp: { url: `${url}/odata/v4/erp`, grants, headers: { authorization }, odata: { version: 'v4' },
        effects: { class: 'C', settle: `${SETTLE_MS}ms` }, first_byte_timeout: '1500ms', total_timeout: '4s' } },
    },
  });
}

async function again(gw) {
  await gw.kill();
  gw.wasKilled = false;
  Object.assign(gw, { stderr: '', ports: [], tlsPorts: [] });
  await gw.start();
}

describe('chaos at the ERP', () => {
  test(`${SECONDS} s, seed ${SEED}`, { timeout: (SECONDS + 150) * 1000 }, async (t) => {
    const random = makeRandom(SEED);
    const url = await startOdata(t, { RIG_FAULTS: '1' });
    const erp = odataClient(url);
    const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
    t.after(() => redis.stop('SIGKILL'));
    const folder = join(makeFolder(), 'flows');
    mkdirSync(folder);
    for (const [name, document] of Object.entries(flows)) writeFileSync(join(folder, `${name}.flow.yaml`), JSON.stringify(document));
    const gw = await prepare(t, { url, authorization: erp.authorization, redis, folder });
    await gw.start();

    const until = Date.now() + SECONDS * 1000;
    const made = new Set(), asked = new Set(), statuses = {};
    let number = 0, kills = 0;
    const lane = async () => {
      while (Date.now() < until) {
        const mark = `m${String(++number).padStart(6, '0')}`;
        const where = random.pick(['/confirm', '/cost']), order = random.pick(ORDERS);
        asked.add(`${where} ${mark}`);
        for (let tries = 0; tries < 6 && Date.now() < until + 5000; tries++) {
          const answer = await gw.post(`${ROOT}${where}`, { order, mark }, { headers: { 'idempotency-key': `"${mark}"` } })
            .catch(() => ({ status: 0 }));
          statuses[`${where} ${answer.status}`] = (statuses[`${where} ${answer.status}`] ?? 0) + 1;
          if (answer.status === 201) {
            made.add(`${where} ${mark}`);
            break;
          }
          await sleep(random.below(2 * SETTLE_MS));
        }
      }
    };
    const torment = async () => {
      while (Date.now() < until) {
        await sleep(100 + random.below(400));
        if (random.chance(0.15)) {
          await again(gw);
          kills++;
        } else {
          await erp.spoil(random.pick(FAULTS), random.pick(['/A_ProductionConfirmation', '/A_CostPosting']), { method: random.pick(['POST', 'POST', 'GET']) });
        }
      }
      await erp.mend();
    };
    await Promise.all([torment(), ...Array.from({ length: 6 }, lane)]);
    await sleep(2000); // what was held back, or goes on behind a caller who has gone

    const count = async (entity, field) => {
      const counts = new Map();
      const { value } = await erp.get(`/odata/v4/erp/${entity}?$filter=startswith(${field},'m0')&$top=10000`);
      for (const row of value) counts.set(row[field], (counts.get(row[field]) ?? 0) + 1);
      return counts;
    };
    const there = { '/confirm': await count('A_ProductionConfirmation', 'PersonnelNumber'), '/cost': await count('A_CostPosting', 'ReferenceID') };
    console.log(`seed ${SEED}: asked ${asked.size}, confirmed ${made.size}, there ${there['/confirm'].size} + ${there['/cost'].size}, gateways killed ${kills}`, statuses);
    for (const counts of Object.values(there)) assert.deepEqual([...counts].filter(([, times]) => times > 1), [], 'made twice');
    const lost = [...made].filter((each) => !there[each.split(' ')[0]].has(each.split(' ')[1]));
    assert.deepEqual(lost, [], 'confirmed, and not there');
    assert.ok(made.size > 0);
  });
});
