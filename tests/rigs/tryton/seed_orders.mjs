// What happens in plant "1010": stock, purchases, deliveries, productions, machine time, assets.

import { ASSETS, BLOCKED, MATERIALS, PRODUCTIONS, PURCHASES } from './plant.mjs';
import { date, decimal, seconds } from './rpc.mjs';

const FAR = ['draft', 'waiting', 'assigned', 'running', 'done'];

// Two lots of each lotted material: the first with a third, the second with the rest. They lie in the material's store,
// or the first of them in quarantine.
async function seedStock(erp, { materials, stores, company }) {
  const lotted = MATERIALS.filter(({ isLotted }) => isLotted);
  const rows = lotted.flatMap(({ code }, i) => [0, 1].map((j) => ({
    product: materials.ids[code], number: `LOT-${String((i + 1) * 100 + j + 1).padStart(4, '0')}` })));
  const lotIds = await erp.create('stock.lot', rows);
  const lots = Object.fromEntries(lotted.map(({ code }, i) => [code, lotIds.slice(i * 2, i * 2 + 2)]));

  const lines = MATERIALS.flatMap((material) => {
    const { code, store, stock } = material;
    const product = materials.ids[code];
    if (!material.isLotted) return [{ store, product, quantity: stock }];
    const first = Math.floor(stock / 3);
    const [one, two] = lots[code];
    return [{ store: BLOCKED.includes(code) ? 'QUAR' : store, product, lot: one, quantity: first }, { store, product, lot: two, quantity: stock - first }];
  });
  for (const [code, location] of Object.entries(stores)) {
    const there = lines.filter(({ store }) => store === code).map(({ store, ...line }) => line);
    const [id] = await erp.create('stock.inventory', { company, location, date: date(-20), empty_quantity: 'keep', lines: [['create', there]] });
    await erp.button('stock.inventory', id, 'confirm');
  }
  return lots;
}

async function receive(erp, purchase, { company, warehouse, suppliers, materials }) {
  const moves = await erp.search('stock.move', [['purchase', '=', purchase.id]], ['product', 'product.code']);
  for (const move of moves) {
    const { isLotted } = MATERIALS.find(({ code }) => code === move['product.'].code);
    if (!isLotted) continue;
    const [lot] = await erp.create('stock.lot', { number: `IN-${purchase.id}-${move.id}`, product: move.product });
    await erp.write('stock.move', move.id, { lot });
  }
  const [shipment] = await erp.create('stock.shipment.in', { company, warehouse: warehouse.id, supplier: suppliers[purchase.supplier],
    reference: `DN ${purchase.reference}`, incoming_moves: [['add', moves.map(({ id }) => id)]] });
  await erp.button('stock.shipment.in', shipment, 'receive', 'done');
}

async function seedPurchases(erp, world) {
  const { company, currency, suppliers, warehouse, materials } = world;
  const [numbers] = await erp.search('ir.sequence', [['sequence_type.name', '=', 'Purchase']], ['name']);
  await erp.write('ir.sequence', numbers.id, { number_next: 4700000001 });
  const prices = Object.fromEntries(MATERIALS.map(({ code, price }) => [code, price]));
  const addresses = await erp.idsBy('party.address', 'party');
  const ids = await erp.create('purchase.purchase', PURCHASES.map(([supplier, reference, lines], i) => ({
    company, currency, party: suppliers[supplier], reference, warehouse: warehouse.id, invoice_method: 'manual', purchase_date: date(i - 21),
    invoice_address: addresses[suppliers[supplier]], delivery_date: date(i * 2 - 5),
    lines: [['create', lines.map(([code, quantity]) => ({
      type: 'line', product: materials.ids[code], unit: materials.uomOf[code], quantity, unit_price: decimal(prices[code]) }))]] })));
  for (const button of ['quote', 'confirm']) {
    const pressed = ids.filter((_, i) => PURCHASES[i][3].includes(button));
    await erp.button('purchase.purchase', pressed, button);
  }
  for (const [i, [supplier, reference, , , isReceived]] of PURCHASES.entries())
    if (isReceived) await receive(erp, { id: ids[i], supplier, reference }, world);
}

function moveOf(code, quantity, { materials, company, currency }, [from_location, to_location], more = {}) {
  return { product: materials.ids[code], uom: materials.uomOf[code], quantity, company, currency, from_location, to_location, planned_date: date(7), ...more };
}

function productionOf([reference, code, quantity], i, world) {
  const { company, warehouse, materials, bills, workCenters, lots, stores } = world;
  const material = MATERIALS.find((other) => other.code === code);
  const [store, hall] = [warehouse.storage_location, warehouse.production_location];
  const inputs = material.inputs.map(([input, each]) => {
    const lot = lots[input]?.[1];
    const { store: where, unit } = MATERIALS.find((other) => other.code === input);
    const exact = (each * quantity) / material.batch;
    return moveOf(input, unit === 'Unit' ? Math.ceil(exact) : Math.round(exact * 100) / 100, world, [lot ? stores[where] : store, hall], lot ? { lot } : {});
  });
  return {
    reference, company, warehouse: warehouse.id, location: hall, product: materials.ids[code], uom: materials.uomOf[code], quantity,
    bom: bills[code].bill, routing: bills[code].routing, work_center: workCenters.whole,
    planned_start_date: date(i - 4), planned_date: date(i + 5),
    inputs: [['create', inputs]],
    outputs: [['create', [moveOf(code, quantity, world, [hall, stores['101C']], { unit_price: decimal(material.price) })]]],
  };
}

// Machine time of what runs: some finished, the first of each running order under way.
async function seedWork(erp, isFinished, isRunning) {
  const works = await erp.search('production.work', [['production', 'in', [...isFinished, ...isRunning]]], ['production']);
  const finished = works.filter(({ production }) => isFinished.includes(production));
  const started = works.filter(({ production }, i) => isRunning.includes(production) && works.findIndex((work) => work.production === production) === i);
  const cycles = await erp.create('production.work.cycle', [...finished, ...started].map(({ id }, i) => ({ work: id, duration: seconds(1200 + i * 240) })));
  await erp.button('production.work.cycle', cycles, 'run');
  await erp.button('production.work.cycle', cycles.slice(0, finished.length), 'do');
}

async function seedProductions(erp, world) {
  const ids = await erp.create('production', PRODUCTIONS.map((row, i) => productionOf(row, i, world)));
  const atLeast = (state) => ids.filter((_, i) => FAR.indexOf(PRODUCTIONS[i][3]) >= FAR.indexOf(state));
  await erp.button('production', atLeast('waiting'), 'wait');
  await erp.button('production', atLeast('assigned'), 'assign_force');
  await erp.button('production', atLeast('running'), 'run');
  const done = atLeast('done');
  await seedWork(erp, done, atLeast('running').filter((id) => !done.includes(id)));
  await erp.button('production', done, 'done');
}

async function seedAssets(erp, { company, accounts }) {
  const units = await erp.idsBy('product.uom', 'name');
  const [asset] = await erp.search('account.account', [['type.fixed_asset', '=', true]], ['name']);
  if (!asset) return;
  const [category] = await erp.create('product.category', { name: 'Machines', accounting: true, accounts: [['create', [{
    company, account_expense: accounts.expense, account_revenue: accounts.revenue, account_asset: asset.id, account_depreciation: asset.id }]]] });
  const templates = await erp.create('product.template', ASSETS.map(({ name, value }, i) => ({
    name, type: 'assets', default_uom: units.Unit, account_category: category, depreciable: true, list_price: decimal(value),
    products: [['create', [{ suffix_code: `MACHINE-${i + 1}`, cost_price: decimal(value) }]]] })));
  const products = await erp.search('product.product', [['template', 'in', templates]], ['template']);
  const [journal] = await erp.search('account.journal', [['type', '=', 'asset']], ['name']);
  const year = new Date().getUTCFullYear();
  const first = { __class__: 'date', year, month: 1, day: 1 };
  const ids = await erp.create('account.asset', products.map(({ id }, i) => ({
    company, product: id, unit: units.Unit, quantity: 1, account_journal: journal.id, value: decimal(ASSETS[i].value), residual_value: decimal('0'),
    depreciated_amount: decimal('0'), purchase_date: first, start_date: first, end_date: { ...first, year: year + ASSETS[i].years },
    frequency: 'yearly', depreciation_method: 'linear' })));
  await erp.button('account.asset', ids.slice(0, -1), 'create_lines', 'run');
}

export async function seedOrders(erp, world) {
  const lots = await seedStock(erp, world);
  await seedPurchases(erp, world);
  await seedProductions(erp, { ...world, lots });
  await seedAssets(erp, world);
}
