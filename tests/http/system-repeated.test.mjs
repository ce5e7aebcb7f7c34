// Transitions whose answer is lost with the gateway: who asks again with the same key and the same If-Match, which his
// own effect has made stale, is told what came of it, and the ERP has made it once.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { startCloud } from './support/cloud.mjs';
import { assertProblem, eventually, suiteScope } from './support/harness.mjs';
import { skipUnlessInstalled, startPlants } from './support/plants.mjs';

skipUnlessInstalled();

const APIS = ['erp-production', 'erp-purchasing', 'erp-inventory', 'erp-partners', 'wms', 'mes'];
const BOUGHT = {
  1010: { supplier: '17300002', material: 'BOLT-M8', unit: 'H87' },
  1020: { supplier: '27400001', material: 'BAR-D20', unit: 'MTR' },
};
const contact = { address: { street: 'Hafenweg 4', postalCode: '20457', city: 'Hamburg', country: 'DE' }, email: 'sales@supplier.test' };

describe('a transition is asked for again', () => {
  const suite = suiteScope();
  let plants;
  before(async () => {
    plants = await startPlants(suite, { apis: APIS.map((api) => `system-${api}`), totalTimeout: '50s' });
  });

  const at = (plant, api, rest) => `/system/${api}/v1/plants/${plant}${rest}`;
  const proxyOf = (plant) => plants.proxies[plant === '1010' ? 'plant1' : 'cloud'];

  async function make(plant, api, list, body) {
    const answer = await plants.post(at(plant, api, list), body);
    assert.equal(answer.status, 201, answer.text);
    return { path: at(plant, api, `${list}/${answer.json.id}`), ...answer.json };
  }
  async function move(record, action, body = {}) {
    const { etag } = (await plants.get(record.path)).headers;
    const answer = await plants.post(`${record.path}/${action}`, body, { etag });
    assert.equal(answer.status, 200, answer.text);
    return record;
  }

  const newOrder = (plant) => make(plant, 'erp-production', '/production-orders',
    { material: plant === '1010' ? 'BRACKET-A' : 'PUMP-NW25', quantity: { value: '3', unit: 'H87' }, plannedStart: '2026-11-25', plannedEnd: '2026-11-27' });
  const order = (id) => ({ path: at('1010', 'erp-production', `/production-orders/${id}`) });
  const purchase = (plant) => {
    const { supplier, material, unit } = BOUGHT[plant];
    return make(plant, 'erp-purchasing', '/purchase-orders',
      { supplier, currency: 'EUR', lines: [{ material, quantity: { value: '12', unit }, price: { amount: '0.25', currency: 'EUR' }, deliverOn: '2027-01-15' }] });
  };
  const sent = async (plant) => move(await purchase(plant), 'send');
  const notice = async (plant) => {
    const { supplier, material, unit } = BOUGHT[plant];
    const { id, lines } = await sent(plant);
    return make(plant, 'erp-purchasing', '/deliveries', { supplier, reference: `LS-${id}`, expectedOn: '2027-01-16',
      lines: [{ purchaseOrder: id, purchaseOrderLine: lines[0].line, material, quantity: { value: '12', unit } }] });
  };
  const transfer = () => make('1010', 'wms', '/transfers', { from: '101B', to: '101D', lines: [{ material: 'BOLT-M6', quantity: { value: '3', unit: 'H87' } }] });
  const reservation = () => make('1010', 'erp-inventory', '/reservations',
    { material: 'BOLT-M8', storageLocation: '101B', quantity: { value: '2', unit: 'H87' }, reference: 'RES-1' });
  const supplier = (plant, id) => ({ path: at(plant, 'erp-partners', `/suppliers/${id}`) });
  const promise = (unit) => ({ answer: 'accepted', quantity: { value: '12', unit }, deliverOn: '2027-01-15', reference: 'AB-1' });
  async function lineOf(plant) {
    const { path, lines } = await sent(plant);
    return { path: `${path}/lines/${lines[0].line}`, whole: path };
  }
  async function confirmation() {
    const made = await plants.post(`${order('6').path}/confirmations`, { yield: { value: '1', unit: 'H87' } });
    assert.equal(made.status, 201, made.text);
    return { path: at('1010', 'erp-production', `/production-confirmations/${made.json.id}`) };
  }
  const movement = () => make('1010', 'erp-inventory', '/goods-movements',
    { type: 'transfer', material: 'BOLT-M6', from: '101B', to: '101D', quantity: { value: '2', unit: 'H87' } });
  async function work(which) {
    const rows = await plants.erp.search('production.work', [['state', 'in', ['draft', 'waiting']], ['production.state', '=', 'running'], ['production.number', '!=', '1']],
      ['sequence', 'production.number']);
    return { path: at('1010', 'mes', `/production-orders/${rows[which]['production.'].number}/operations/${rows[which].sequence}`) };
  }

  // What stands before the transition, its action, the request that makes it at the ERP (of several, one of them: the
  // rest is made by whoever asks again), and what is then so.
  const CASES = [
    { plant: '1010', ready: () => newOrder('1010'), action: 'release', match: /production\.wait"/, status: 'released' },
    { plant: '1010', ready: () => order('4'), action: 'start', match: /production\.run"/, status: 'started' },
    { plant: '1010', ready: () => order('9'), action: 'start', match: /production\.assign_try"/, status: 'started' },
    { plant: '1010', ready: () => order('1'), action: 'complete', body: { reason: 'The tool broke' }, match: /model\.production\.done"/, status: 'completed' },
    { plant: '1010', ready: () => notice('1010'), action: 'receive', match: /shipment\.in\.done"/, status: 'received' },
    { plant: '1010', ready: () => notice('1010'), action: 'receive', match: /shipment\.in\.receive"/, status: 'received' },
    { plant: '1010', ready: () => notice('1010'), action: 'cancel', match: /shipment\.in\.write"/, status: 'cancelled' },
    { plant: '1010', ready: () => lineOf('1010'), action: 'confirmations', body: promise('H87'), match: /purchase\.line\.write"/ },
    { plant: '1010', ready: movement, action: 'reverse', body: { reason: 'Wrong place' }, match: /stock\.move\.do"/, status: 'posted', isAnother: true },
    { plant: '1010', ready: confirmation, action: 'reverse', body: { reason: 'Wrong order' }, match: /stock\.move\.do"/, status: 'reversed' },
    { plant: '1010', ready: transfer, action: 'assign', match: /shipment\.internal\.assign_try"/, status: 'assigned' },
    { plant: '1010', ready: reservation, action: 'cancel', match: /shipment\.internal\.cancel"/, status: 'cancelled' },
    { plant: '1010', ready: () => supplier('1010', '17300003'), action: 'contact', method: 'PUT', body: contact, match: /party\.party\.write"/, status: 'active' },
    { plant: '1010', ready: async () => move(await work(1), 'start'), action: 'complete', body: { duration: { value: '5', unit: 'MIN' } }, match: /work\.cycle\.write"/, status: 'completed' },
    { plant: '1010', ready: () => work(0), action: 'start', match: /production\.work\.start"/, status: 'started' },
    { plant: '1020', ready: () => newOrder('1020'), action: 'release', match: /\.Release/, status: 'released' },
    { plant: '1020', ready: async () => move(await newOrder('1020'), 'release'), begin: true, action: 'complete', body: { reason: 'Enough' }, match: /\.TechnicallyComplete/, status: 'completed' },
    { plant: '1020', ready: () => purchase('1020'), action: 'send', match: /"PurchasingStatus":"SENT"/, status: 'sent' },
    { plant: '1020', ready: () => purchase('1020'), action: 'cancel', match: /"PurchasingStatus":"CANC"/, status: 'cancelled' },
    { plant: '1020', ready: () => notice('1020'), action: 'receive', match: /\.Receive/, status: 'received' },
    { plant: '1020', ready: () => notice('1020'), action: 'cancel', match: /\.Cancel/, status: 'cancelled' },
    { plant: '1020', ready: () => supplier('1020', '27400002'), action: 'contact', method: 'PUT', body: contact, match: /PATCH .*A_Supplier/, status: 'active' },
  ];
  const nameOf = ({ plant, record, action }) => `${plant} ${record.path.split('/').slice(6).join('/')} ${action}`;

  // Where what is answered is read: the record, the whole that it is a part of, or one that was made.
  const placeOf = ({ record, isAnother }, answer) =>
    record.whole ?? (isAnother ? `${record.path.slice(0, record.path.lastIndexOf('/'))}/${answer.json.id}` : record.path);

  const isOver = (answer) => !/request-in-flight|outcome-not-recorded|effect-settling/.test(answer.text);
  const again = (send) => eventually(async () => {
    const answer = await send();
    return isOver(answer) ? answer : undefined;
  }, 'the first attempt is over', 30_000);

  async function getReady(one) {
    one.record = await one.ready();
    if (one.begin) // an order that has begun
      await plants.post(`${one.record.path}/confirmations`, { yield: { value: '1', unit: 'H87' } });
    one.etag = (await plants.get(one.record.whole ?? one.record.path)).headers.etag;
    one.key = randomUUID();
    one.send = (how) => plants.post(`${one.record.path}/${one.action}`, one.body ?? {}, { key: one.key, etag: one.etag, method: one.method, ...how });
  }

  test('the gateway is killed when the ERP has made it: with the same key it is answered, and made once', async () => {
    // Each ERP has them one after the other.
    const each = (act) => Promise.all(['1010', '1020'].map(async (plant) => {
      for (const one of CASES) if (one.plant === plant) await act(one);
    }));
    await each(getReady);
    const lost = [];
    const idle = { plant: '1020', ready: () => newOrder('1020'), action: 'release' }; // of which nothing is sent
    await getReady(idle);
    const hang = { kind: 'hang', match: /GET .*A_ProductionOrder/ };
    proxyOf('1020').fault = [hang];
    lost.push(idle.send().catch(() => undefined));
    await eventually(() => hang.hits, 'it is under way');
    await each(async (one) => { // all are under way when the gateway dies
      one.fault = { kind: 'hold-after', match: one.match };
      proxyOf(one.plant).fault = [one.fault];
      lost.push(one.send().catch(() => undefined));
      await eventually(() => one.fault.isDone, `the ERP has done it: ${nameOf(one)}`, 30_000);
    });
    await plants.gw.kill();
    await Promise.all(lost);
    Object.assign(plants.gw, { stderr: '', ports: [], wasKilled: false });
    await plants.gw.start();
    await each(async (one) => {
      const watch = { kind: 'passed', match: one.match };
      proxyOf(one.plant).fault = [watch];
      const stale = await one.send({ key: randomUUID() });
      assertProblem(stale, 412);
      const answer = await again(one.send);
      assert.equal(answer.status, 200, `${nameOf(one)}: ${answer.text}`);
      assert.equal(answer.json.status, one.status, nameOf(one));
      const { json, headers } = await plants.get(placeOf(one, answer));
      assert.equal(answer.headers.etag, headers.etag, nameOf(one));
      const told = Object.keys(answer.json).filter(() => !one.record.whole);
      for (const name of told) assert.deepEqual(answer.json[name], json[name], `${nameOf(one)}: ${name}`);
      assert.deepEqual([one.fault.hits, watch.hits], [1, undefined], nameOf(one));
      const third = await one.send();
      assert.equal(third.headers['idempotency-replayed'], 'true', third.text);
    });
    await move(idle.record, 'release'); // somebody else
    assertProblem(await again(idle.send), 412); // a key under which nothing was sent has no such right
  });

  test('the first attempt arrives behind the second: it is made once, and the third is told', async () => {
    const one = { plant: '1020', ready: () => purchase('1020'), action: 'send' };
    await getReady(one);
    const fault = { kind: 'slow', ms: 1500, times: 2, match: /"PurchasingStatus":"SENT"/ };
    proxyOf('1020').fault = [fault];
    const first = await one.send({ timeoutMs: 500 });
    assert.ok(first.status >= 500, first.text);
    const second = await one.send();
    assert.match(assertProblem(second, 503).type, /effect-settling$/); // it has met what the first has made, and does not know whose it is
    assert.equal(fault.hits, 2);
    const third = await again(one.send);
    assert.deepEqual([third.status, third.json?.status], [200, 'sent'], third.text);
    assert.equal(fault.hits, 2);
  });

  // What is made takes all that is there, so that its own effect makes the rule false. The answer to `lost` does not
  // come, nor any behind it: the gateway cannot look.
  const levelOf = async (material) => (await plants.get(at('1010', 'erp-inventory', `/inventory-levels?material=${material}&storageLocation=101B`))).json.items[0];
  const ALL = [
    { what: 'a reservation', list: '/reservations', lost: /shipment\.internal\.assign_try"/, rule: 'stock-available',
      body: async () => ({ material: 'WASHER-M8', storageLocation: '101B', quantity: (await levelOf('WASHER-M8')).available }) },
    { what: 'a begun reservation', list: '/reservations', lost: /shipment\.internal\.wait"/,
      body: async () => ({ material: 'NUT-M8', storageLocation: '101B', quantity: (await levelOf('NUT-M8')).available }) },
    { what: 'a movement', list: '/goods-movements', lost: /shipment\.internal\.done"/, rule: 'stock-on-hand',
      body: async () => ({ type: 'transfer', material: 'WASHER-M20', from: '101B', to: '101D', quantity: (await levelOf('WASHER-M20')).onHand }) },
    { what: 'a begun movement', list: '/goods-movements', lost: /shipment\.internal\.assign_force"/,
      body: async () => ({ type: 'transfer', material: 'BOLT-M20', from: '101B', to: '101D', quantity: (await levelOf('BOLT-M20')).onHand }) },
  ];

  for (const { what, list, body, lost, rule } of ALL) {
    test(`${what} of all there is is asked for again: it is told as it was made, and made once`, async () => {
      const [document, key] = [await body(), randomUUID()];
      const send = (how) => plants.post(at('1010', 'erp-inventory', list), document, { key, ...how });
      const made = () => plants.erp.search('stock.shipment.internal', [['moves.product.code', '=', document.material], ['state', '!=', 'cancelled']], ['state']);
      const before = (await made()).length;
      const fault = { kind: 'cut-after', match: lost };
      proxyOf('1010').fault = [fault, { kind: 'cut-before', get times() { return fault.hits ? undefined : 0; } }];
      const first = await send();
      proxyOf('1010').fault = null;
      assert.ok([502, 503].includes(first.status), first.text);
      if (rule) assert.equal(assertProblem(await send({ key: randomUUID() }), 422).rule, rule); // another's
      const answer = await again(send);
      assert.equal(answer.status, 201, answer.text);
      assert.equal(Number(answer.json.quantity.value), Number(document.quantity.value));
      const { json } = await plants.get(at('1010', 'erp-inventory', `${list}/${answer.json.id}`));
      for (const name of Object.keys(answer.json)) assert.deepEqual(answer.json[name], json[name], name);
      assert.equal((await made()).length, before + 1);
    });
  }

  // Its first write is of class D: the record alone knows that it was made, and which of the order's outputs it was.
  for (const [what, lost] of Object.entries({ created: /"model\.stock\.move\.create"/, lowered: /"model\.production\.write"/, posted: /"model\.stock\.move\.do"/ })) {
    test(`a confirmation that was ${what} is asked for again: no more is posted than was confirmed`, async () => {
      const { path } = order('6');
      const key = randomUUID();
      const send = () => plants.post(`${path}/confirmations`, { yield: { value: '1', unit: 'H87' } }, { key });
      const posted = async () => (await plants.get(path)).json.confirmed.value;
      const before = Number(await posted());
      const fault = { kind: 'cut-after', match: lost };
      proxyOf('1010').fault = [fault, { kind: 'cut-before', get times() { return fault.hits ? undefined : 0; } }];
      const first = await send();
      proxyOf('1010').fault = null;
      assert.ok([502, 503].includes(first.status), first.text);
      const answer = await again(send);
      if (what !== 'posted') assert.match(assertProblem(answer, 409).type, /outcome-unknown$/);
      else assert.deepEqual([answer.status, answer.json.yield?.value], [201, '1'], answer.text);
      assert.equal(Number(await posted()), before + (what !== 'posted' ? 0 : 1));
    });
  }
});

// The services that know no Tryton: here the answer is lost, and the gateway lives on.
describe('a transition whose answer is lost is asked for again', () => {
  const suite = suiteScope();
  const starting = startCloud(suite, { apis: ['erp-quality', 'maintenance', 'logistics', 'field-service', 'erp-costing', 'erp-assets', 'erp-inventory', 'erp-production', 'wms', 'mes'] }); // beside the rigs above
  starting.catch(() => {}); // told where it is awaited
  let cloud;
  before(async () => {
    cloud = await starting;
  });

  const appointment = { start: '2026-11-24T08:00:00+01:00', end: '2026-11-24T12:00:00+01:00' };
  const report = { text: 'Seal changed', duration: { value: '1.5', unit: 'HUR' }, parts: [{ material: 'SEAL-24', quantity: { value: '1', unit: 'H87' } }] };
  const results = { characteristics: [{ line: '0010', results: ['40.001', '39.98'], valuation: 'accepted' }, { line: '0020', valuation: 'rejected' }] };
  const NEW = {
    'erp-quality': ['/nonconformances', { severity: 'major', defect: { code: 'D104' }, material: 'PUMP-NW32', lot: 'L260002', quantity: { value: '2.5', unit: 'H87' } }],
    notification: ['/maintenance-notifications', { type: 'malfunction', description: 'Spindle is hot', priority: 'high', equipment: 'GRIND-1' }],
    maintenance: ['/maintenance-orders', { type: 'corrective', description: 'Change the bearing', priority: 'urgent', equipment: 'GRIND-1' }],
    logistics: ['/shipments', { customer: 'C-100', shipTo: { name: 'Gate 4', city: 'Graz', country: 'AT' }, plannedDeparture: '2026-11-25T14:00:00+01:00',
      lines: [{ material: 'PUMP-NW25', quantity: { value: '2', unit: 'H87' } }] }],
    'field-service': ['/service-orders', { customer: 'Molkerei Almgrund eG', type: 'repair', description: 'Pump leaks', priority: 'high', site: { city: 'Graz', country: 'AT' } }],
    'erp-production': ['/production-orders', { material: 'PUMP-NW25', quantity: { value: '3', unit: 'H87' }, plannedStart: '2026-11-25', plannedEnd: '2026-11-27' }],
    confirmation: ['/production-orders/2000018/confirmations', { operation: '0010', yield: { value: '1', unit: 'H87' } }],
    reservation: ['/reservations', { material: 'BAR-D20', lot: 'L260082', storageLocation: '102A', quantity: { value: '2.5', unit: 'MTR' } }],
    'erp-costing': ['/cost-postings', { costCenter: '200100', amount: { amount: '156.25', currency: 'EUR' }, costElement: '620000', text: 'Mechanic' }],
  };
  // Of each thing, one after the other: the action, its body, the request that makes it, the state after it.
  const WAYS = [
    ['erp-quality', '/inspection-lots/31000002', ['results', results, 'RecordResults', 'measured'], ['decide', { code: 'rejected', text: 'Scratched' }, 'Decide', 'decided']],
    ['erp-quality', 'erp-quality', ['dispose', { disposition: 'rework' }, 'A_Nonconformance', 'open'], ['close', { cause: 'Tool worn' }, 'Close', 'closed']],
    ['erp-quality', 'erp-quality', ['cancel', {}, 'Cancel', 'cancelled']],
    ['erp-quality', 'lot', ['block', { reason: 'Leak' }, 'Block', 'blocked'], ['release', {}, 'Unblock', 'released']],
    ['maintenance', 'maintenance', ['release', {}, 'Release', 'released'], ['start', {}, 'Start', 'started'], ['complete', { cause: 'Worn' }, 'Complete', 'completed']],
    ['maintenance', 'maintenance', ['cancel', {}, 'Cancel', 'cancelled']],
    ['maintenance', 'notification', ['complete', {}, 'Close', 'completed']],
    ['field-service', 'field-service', ['dispatch', { technician: 'T-07', appointment }, 'Dispatch', 'dispatched'], ['start', {}, 'Start', 'started'], ['complete', report, 'Complete', 'completed']],
    ['field-service', 'field-service', ['cancel', {}, 'Cancel', 'cancelled']],
    ['logistics', 'logistics', ['dispatch', { carrier: 'Roth' }, 'Dispatch', 'dispatched'], ['deliver', { signedBy: 'K. Huber' }, 'Deliver', 'delivered']],
    ['logistics', 'logistics', ['cancel', {}, 'Cancel', 'cancelled']],
    ['erp-production', 'erp-production', ['release', {}, 'Release', 'released'], ['start', {}, 'Start', 'started']],
    ['erp-production', 'erp-production', ['cancel', {}, 'Cancel', 'cancelled']],
    ['erp-production', 'confirmation', ['reverse', { reason: 'Wrong order' }, 'Reverse', 'reversed']],
    ['mes', '/production-orders/2000019/operations/0010', ['start', {}, 'Start', 'started'], ['complete', {}, 'A_ProductionConfirmation', 'completed']],
    ['wms', 'wms', ['assign', {}, 'Assign', 'assigned'], ['complete', {}, 'Complete', 'completed']],
    ['wms', 'wms', ['cancel', {}, 'Cancel', 'cancelled']],
    ['erp-inventory', 'reservation', ['cancel', {}, 'Cancel', 'cancelled']],
    ['erp-costing', 'erp-costing', ['reverse', { reason: 'Wrong order' }, 'A_CostPosting', 'reversed']],
  ];

  // A lot of which nothing bad is known.
  async function lotPath() {
    const [lots, bad] = [await cloud.read('erp', "A_Batch?$filter=BatchStatus eq 'FREE' and Plant eq '1020'"), await cloud.read('quality', 'A_Nonconformance')];
    const { Material, Batch } = lots.find((one) => !bad.some((row) => row.Batch === one.Batch));
    return `/materials/${Material}/lots/${Batch}`;
  }

  async function transferOf(lot) {
    const [{ Material, StorageLocation }] = await cloud.read('erp', `A_MaterialStock?$filter=Batch eq '${lot}' and StorageLocation ne '102L'`);
    return ['/transfers', { from: StorageLocation, to: '102L', lines: [{ material: Material, lot, quantity: { value: '3', unit: 'H87' } }] }];
  }

  async function thing(api, which) {
    if (which.startsWith('/')) return which;
    if (which === 'lot') return lotPath();
    const [list, body] = which === 'wms' ? await transferOf('L260065') : NEW[which];
    const made = await cloud.post(api, '1020', list, body);
    assert.equal(made.status, 201, made.text);
    return which === 'confirmation' ? `/production-confirmations/${made.json.id}` : `${list}/${made.json.id}`;
  }

  // A lot has no operation of this API that reads it.
  async function tagOf(api, path) {
    const [, material, lot] = path.match(/^\/materials\/(.*)\/lots\/(.*)$/) ?? [];
    if (material) return `"${(await cloud.read('erp', `A_Batch(Material='${material}',Plant='1020',Batch='${lot}')`)).LastChangeDateTime}"`;
    return (await cloud.get(api, '1020', path)).headers.etag;
  }

  for (const [api, which, ...steps] of WAYS) {
    test(`${api} ${which}: ${steps.map(([action]) => action).join(', ')}`, async () => {
      const path = await thing(api, which);
      for (const [action, body, match, status] of steps) {
        const how = { key: randomUUID(), etag: await tagOf(api, path) };
        const send = (other) => cloud.post(api, '1020', `${path}/${action}`, body, { ...how, ...other });
        await cloud.erp.spoil('lost', match, { method: action === 'dispose' ? 'PATCH' : 'POST' });
        const lost = await send();
        await cloud.erp.mend();
        assert.ok(lost.status === 502 || lost.status === 503, lost.text);
        const after = await tagOf(api, path);
        assert.notEqual(after, how.etag, `${action}: the server has done it`);
        assertProblem(await send({ key: randomUUID() }), 412);
        const answer = await cloud.settled(send);
        assert.deepEqual([answer.status, answer.json.status, answer.headers.etag], [200, status, after], answer.text);
        assert.equal(await tagOf(api, path), after, `${action}: once`);
      }
    });
  }

  const inventory = (list, body) => ['erp-inventory', list, body];
  const thereOf = async (lot) => (await cloud.get('erp-inventory', '1020', `/inventory-levels?lot=${lot}`)).json.items[0];
  // What is asked for, of the server's entity; `meanwhile` somebody goes on with what was made.
  const ALL = {
    'a reservation of all there is': async () => {
      const { material, lot, storageLocation, available } = await thereOf('L260083');
      return { call: inventory('/reservations', { material, lot, storageLocation, quantity: available }), entity: 'erp/A_Reservation', rule: 'stock-available' };
    },
    'a movement of all there is': async () => {
      const { material, lot, storageLocation, onHand } = await thereOf('L260064');
      return { call: inventory('/goods-movements', { type: 'scrap', material, lot, from: storageLocation, quantity: onHand, reason: 'bent' }), entity: 'erp/A_MaterialDocument', rule: 'stock-on-hand' };
    },
    'an order for a notification': async () => {
      const made = await cloud.post('maintenance', '1020', ...NEW.notification);
      const order = { type: 'corrective', description: 'Change the bearing', priority: 'urgent', notification: made.json.id };
      return { call: ['maintenance', '/maintenance-orders', order], entity: 'maintenance/A_MaintenanceOrder', rule: 'notification-without-order' };
    },
  };

  for (const [what, prepare] of Object.entries(ALL)) {
    test(`${what} is asked for again: it is told as it was made, and made once`, async () => {
      const { call: [api, list, body], entity, rule } = await prepare();
      const key = randomUUID();
      const send = (other) => cloud.post(api, '1020', list, body, { key, ...other });
      const count = () => cloud.count(...entity.split('/'));
      const before = await count();
      await cloud.erp.spoil('lost', entity.split('/')[1], { method: 'POST' });
      const first = await send();
      await cloud.erp.mend();
      assert.ok([502, 503].includes(first.status), first.text);
      assert.equal(await count(), before + 1, 'the server has done it');
      assert.equal(cloud.rule(await send({ key: randomUUID() })), rule); // another's
      const answer = await cloud.settled(send);
      assert.equal(answer.status, 201, answer.text);
      assert.equal(await count(), before + 1, 'once');
      const { json, headers } = await cloud.get(api, '1020', `${list}/${answer.json.id}`);
      assert.deepEqual(answer.json, json);
      assert.equal(answer.headers.etag, headers.etag);
    });
  }
});
