// An event of a machine, asked about at a real ERP: the shipped signals, the contract `mes` with its flows, and the OData server,
// which keeps plant 1020.

import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { odataClient, odataIsInstalled, startOdata } from '../rigs/odata.mjs';
import { makeFolder, suiteScope } from './support/harness.mjs';
import { iotIsInstalled, startTelemetry } from './support/iot.mjs';

if (!iotIsInstalled() || !odataIsInstalled()) {
  console.log('mosquitto, the packages of tests/rigs/iot or the OData server are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');

const ROOT = new URL('../../', import.meta.url).pathname;
const LINE_3 = LAYOUT.filter(({ edgeNode }) => edgeNode === 'line-3');

describe('events of machines at a real ERP', async () => {
  const scope = suiteScope();
  const url = await startOdata(scope);
  const erp = odataClient(url);
  const dir = makeFolder();
  cpSync(join(ROOT, 'openapi'), join(dir, 'openapi'), { recursive: true });
  const telemetry = await startTelemetry(scope, {
    dir, layout: LINE_3,
    iot: { enrichment: { scopes: 'mes:read', timeout: '10s' } },
    extra: {
      contracts: [join(dir, 'openapi/system-events.v1.yaml'), join(dir, 'openapi/system-mes.v1.yaml')],
      flows: [join(ROOT, 'apis/system/mes/odata')],
      landscapes: { erp: { systems: { cloud: { backend: 'cloud-erp', flows: 'odata' } }, keys: { 1020: 'cloud' } } },
      backends: { 'cloud-erp': { url: `${url}/odata/v4/erp`, headers: { authorization: erp.authorization }, odata: { version: 'v4' }, grants: ['/system/*'] } },
    },
  });
  const plant = await startPlant(scope, { broker: telemetry.edge, layout: LINE_3, backMs: 7_200_000 });

  test('have the operations that are started there', async () => {
    await plant.step(1000);
    await telemetry.settled(plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0));
    const events = (await telemetry.read()).filter(({ signal }) => signal === 'production-count');
    assert.ok(events.length > 0);
    for (const { equipment, enrichment, data } of events) {
      assert.equal(enrichment, undefined);
      const filter = `to_ProductionOrder/ProductionPlant eq '1020' and WorkCenter eq '${equipment}' and (OperationStatus eq 'STRT' or OperationStatus eq 'PCNF')`;
      const { value } = await erp.get(`/odata/v4/erp/A_ProductionOrderOperation?$filter=${encodeURIComponent(filter)}`);
      assert.deepEqual(data.operations.items.map(({ line }) => Number(line)).sort(), value.map(({ ManufacturingOrderOperation: line }) => Number(line)).sort());
    }
  });
});
