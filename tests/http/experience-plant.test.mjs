// The experience API over both real ERPs: composed in-process, for a token that carries its plant; what is missing is named.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { assertProblem, eventually, suiteScope } from './support/harness.mjs';
import { skipUnlessInstalled, startPlants } from './support/plants.mjs';

skipUnlessInstalled();

const VIEW = '/experience/plant/v1/plants';

describe('experience/plant', () => {
  const suite = suiteScope();
  let plants;
  before(async () => {
    plants = await startPlants(suite, { apis: ['system-erp-inventory', 'system-erp-production', 'system-mes', 'experience-plant'] });
  });

  const calls = (answer) => plants.gw.accessLog().filter((line) => line.trace_id === plants.gw.accessLog().find((own) => own.request_id === answer.headers['x-request-id'])?.trace_id);

  test('an order of each plant: the ERP\'s own, with its operations and confirmations', async () => {
    for (const [plant, id] of [['1010', '6'], ['1020', '2000030']]) {
      const answer = await plants.get(`${VIEW}/${plant}/production-orders/${id}`);
      assert.equal(answer.status, 200, answer.text);
      const { operations, ...order } = (await plants.get(`/system/erp-production/v1/plants/${plant}/production-orders/${id}`)).json;
      assert.deepEqual(answer.json.order, order);
      assert.equal(answer.json.missing, undefined);
      assert.deepEqual(answer.json.operations.map(({ line }) => line), operations.map(({ line }) => line));
      assert.ok(Array.isArray(answer.json.shortages));
      assert.equal((await plants.get(`${VIEW}/${plant}/production-orders/${id}`, { 'if-none-match': answer.headers.etag })).status, 304);
    }
    assertProblem(await plants.get(`${VIEW}/1010/production-orders/999`), 404);
  });

  test('each inner call is in the log, with its own policies and span', async () => {
    const answer = await plants.get(`${VIEW}/1020/production-orders/2000003`);
    assert.equal(answer.status, 200, answer.text);
    const lines = await eventually(() => {
      const found = calls(answer);
      return found.length >= 4 && found;
    }, 'the calls are in the log');
    const routes = lines.map(({ route }) => route);
    for (const part of ['/production-orders/{id}', '/production-confirmations', '/operations', '/inventory-levels'])
      assert.ok(routes.some((route) => route?.startsWith('/system/') && route.endsWith(part)), `${part} in ${routes}`);
    assert.equal(new Set(lines.map(({ span_id: span }) => span)).size, lines.length);
    assert.ok(lines.every(({ consumer }) => consumer === lines[0].consumer));
  });

  test('inner calls ask for scopes of their own; a token is for its plant', async () => {
    const only = plants.token({ scope: 'plant:read' });
    assertProblem(await plants.get(`${VIEW}/1010/production-orders/6`, only), 403);
    const noMes = plants.token({ scope: 'plant:read erp-production:read erp-inventory:read' });
    const answer = await plants.get(`${VIEW}/1010/production-orders/6`, noMes);
    assert.deepEqual(answer.json.missing.map(({ part, status }) => [part, status]), [['listOperations', 403]], answer.text);
    assertProblem(await plants.get(`${VIEW}/1020/production-orders/2000003`, plants.token({ plant: ['1010'] })), 403);
  });

  test('inventory: rows and sums of both plants', async () => {
    for (const [plant, material] of [['1010', 'BOLT-M8'], ['1020', 'PUMP-NW25']]) {
      const answer = await plants.get(`${VIEW}/${plant}/inventory/${material}`);
      assert.equal(answer.status, 200, answer.text);
      const { material: of, levels, onHand } = answer.json;
      assert.equal(of.id, material);
      assert.ok(levels.length > 0);
      assert.equal(Number(onHand.value), levels.reduce((sum, row) => sum + Number(row.onHand.value), 0));
    }
    const { value } = await plants.odata("A_MaterialStock?$filter=Material eq 'PUMP-NW25' and Plant eq '1020'");
    const answer = await plants.get(`${VIEW}/1020/inventory/PUMP-NW25`);
    assert.equal(Number(answer.json.onHand.value), value.reduce((sum, row) => sum + row.Quantity, 0));
  });

  test('the orders of a plant', async () => {
    const { value } = await plants.odata("A_ProductionOrder?$filter=ProductionPlant eq '1020'");
    assert.equal((await plants.all(`${VIEW}/1020/production-orders`, 20)).length, value.length);
    assert.equal((await plants.all(`${VIEW}/1010/production-orders?status=started`)).length, 2);
  });

  test('a part that fails is named, the rest is right; an ERP that is down leaves the other plant alone', async () => {
    plants.proxies.plant1.fault = { kind: 'status', match: /production\.work"|model\.production\.work\./ };
    const partial = await plants.get(`${VIEW}/1010/production-orders/1`);
    plants.proxies.plant1.fault = null;
    assert.equal(partial.status, 200, partial.text);
    assert.deepEqual(partial.json.missing.map(({ part, status }) => [part, status]), [['listOperations', 503]]);
    assert.equal(partial.json.order.id, '1');

    plants.proxies.cloud.fault = { kind: 'cut-before' };
    const [down, up] = [await plants.get(`${VIEW}/1020/production-orders/2000003`), await plants.get(`${VIEW}/1010/production-orders/1`)];
    plants.proxies.cloud.fault = null;
    assertProblem(down, 503);
    assert.equal(up.status, 200, up.text);
    assert.equal((await plants.get(`${VIEW}/1020/production-orders/2000003`)).status, 200);
  });
});
