// Writes plant "1010" through Tryton's own JSON-RPC: company, accounts, stores, materials, how they are made.
// What then happens in it is seed_orders.mjs.

import { COMPANY, COST_ELEMENTS, COUNTRIES, MATERIALS, OPERATIONS, PLANT, ROUTINGS, STORES, SUPPLIERS, WORK_CENTERS } from './plant.mjs';
import { date, decimal, seconds } from './rpc.mjs';
import { seedOrders } from './seed_orders.mjs';

async function seedCompany(erp) {
  const [currency] = await erp.create('currency.currency', { name: 'Euro', code: 'EUR', symbol: '€', numeric_code: '978', rounding: decimal('0.01'), digits: 2,
    rates: [['create', [{ date: date(-400), rate: decimal('1') }]]] });
  const [party] = await erp.create('party.party', { name: COMPANY, code: PLANT });
  const [company] = await erp.create('company.company', { party, currency });
  await erp.write('res.user', erp.userId, { companies: [['add', [company]]], company });
  await erp.login(); // its preferences say so now
  return { company, currency };
}

async function seedAccounts(erp, { company }) {
  const [template] = await erp.search('account.account.template', [['parent', '=', null]], ['name']);
  const accounts = {};
  await erp.wizard('account.create_chart', [
    ['account', { start: {} }],
    ['create_account', { account: { company, account_template: template.id } }],
  ]);
  for (const kind of ['receivable', 'payable', 'expense', 'revenue']) {
    const [found] = await erp.search('account.account', [[`type.${kind}`, '=', true]], ['name']);
    accounts[kind] = found.id;
  }
  const [main] = await erp.read('account.account', accounts.expense, ['type', 'parent']);
  await erp.create('account.account', COST_ELEMENTS.map(([code, name]) => ({ company, code, name, type: main.type, parent: main.parent })));
  await erp.create('account.configuration', { default_account_receivable: accounts.receivable, default_account_payable: accounts.payable });
  return accounts;
}

async function seedYear(erp, { company }) {
  const year = new Date().getUTCFullYear();
  const types = await erp.idsBy('ir.sequence.type', 'name');
  const day = (month, of) => ({ __class__: 'date', year, month, day: of });
  const [sequence] = await erp.create('ir.sequence', { name: `Postings ${year}`, sequence_type: types['Account Move'], company });
  const [strict] = await erp.create('ir.sequence.strict', { name: `Invoices ${year}`, sequence_type: types.Invoice, company });
  const invoices = { company, in_invoice_sequence: strict, out_invoice_sequence: strict, in_credit_note_sequence: strict, out_credit_note_sequence: strict };
  const [id] = await erp.create('account.fiscalyear', { name: String(year), company, start_date: day(1, 1), end_date: day(12, 31),
    post_move_sequence: sequence, invoice_sequences: [['create', [invoices]]] });
  await erp.button('account.fiscalyear', id, 'create_period');
}

async function seedStores(erp) {
  const [warehouse] = await erp.search('stock.location', [['type', '=', 'warehouse']], ['storage_location', 'input_location', 'production_location']);
  await erp.write('stock.location', warehouse.id, { name: 'Plant 1010', code: PLANT });
  const rows = Object.entries(STORES).map(([code, name]) => ({ code, name, type: 'storage', parent: warehouse.storage_location }));
  const ids = await erp.create('stock.location', rows);
  return { warehouse, ids: Object.fromEntries(rows.map((row, i) => [row.code, ids[i]])) };
}

async function seedSuppliers(erp) {
  const countries = Object.entries(COUNTRIES).map(([code, name]) => ({ code, name }));
  const countryIds = await erp.create('country.country', countries);
  const countryOf = Object.fromEntries(countries.map(({ code }, i) => [code, countryIds[i]]));
  const ids = await erp.create('party.party', SUPPLIERS.map(({ code, name, country, city, street, postalCode, email, phone }) => ({
    code, name, addresses: [['create', [{ street, postal_code: postalCode, city, country: countryOf[country] }]]],
    contact_mechanisms: [['create', Object.entries({ email, phone }).filter(([, value]) => value).map(([type, value]) => ({ type, value }))]] })));
  return Object.fromEntries(SUPPLIERS.map(({ code }, i) => [code, ids[i]]));
}

function templateOf(material, { units, category, suppliers, currency, company }) {
  const { code, name, unit, price, supplier, isLotted, inputs } = material;
  const values = {
    name, type: 'goods', default_uom: units[unit], account_category: category, list_price: decimal(price), cost_price_method: 'fixed',
    purchasable: Boolean(supplier), producible: Boolean(inputs),
    products: [['create', [{ suffix_code: code, cost_price: decimal(price) }]]],
  };
  if (isLotted) values.lot_required = ['supplier', 'storage', 'production'];
  if (supplier) {
    const prices = [['create', [{ quantity: 0, unit_price: decimal(price) }]]];
    Object.assign(values, { purchase_uom: units[unit],
      product_suppliers: [['create', [{ party: suppliers[supplier], company, currency, lead_time: seconds(7 * 86_400), prices }]]] });
  }
  return values;
}

async function seedMaterials(erp, world) {
  const units = await erp.idsBy('product.uom', 'name');
  const { accounts, company } = world;
  await erp.write('product.uom', units.Kilogram, { digits: 3, rounding: 0.001 }); // grams are weighed
  const [category] = await erp.create('product.category', { name: 'Plant 1010', accounting: true, accounts:
    [['create', [{ company, account_expense: accounts.expense, account_revenue: accounts.revenue }]]] });
  await erp.create('product.template', MATERIALS.map((material) => templateOf(material, { ...world, units, category })));
  const found = await erp.search('product.product', [], ['code', 'default_uom']);
  const uomOf = Object.fromEntries(found.map((product) => [product.code, product.default_uom]));
  return { ids: Object.fromEntries(found.map((product) => [product.code, product.id])), uomOf };
}

async function seedWorkCenters(erp, { company, warehouse }) {
  const names = [...new Set(WORK_CENTERS.map(({ category }) => category))];
  const ids = await erp.create('production.work.center.category', names.map((name) => ({ name })));
  const categories = Object.fromEntries(names.map((name, i) => [name, ids[i]]));
  const common = { company, warehouse: warehouse.id };
  const [whole] = await erp.create('production.work.center', { name: 'Plant 1010', ...common });
  await erp.create('production.work.center', WORK_CENTERS.map(({ name, category, cost }) => ({
    name, ...common, parent: whole, category: categories[category], cost_price: decimal(cost), cost_method: 'hour' })));
  return { whole, categories };
}

async function seedRoutings(erp, { categories }) {
  const rows = Object.entries(OPERATIONS).map(([name, category]) => ({ name, work_center_category: categories[category] }));
  const ids = await erp.create('production.routing.operation', rows);
  const operations = Object.fromEntries(rows.map(({ name }, i) => [name, ids[i]]));
  const routingIds = await erp.create('production.routing', Object.entries(ROUTINGS).map(([name, steps]) => ({
    name, steps: [['create', steps.map((step, i) => ({ sequence: (i + 1) * 10, operation: operations[step] }))]] })));
  return Object.fromEntries(Object.keys(ROUTINGS).map((name, i) => [name, routingIds[i]]));
}

async function seedBills(erp, { materials: { ids, uomOf }, routings }) {
  const made = MATERIALS.filter(({ inputs }) => inputs);
  const line = (code, quantity) => ({ product: ids[code], uom: uomOf[code], quantity });
  const bills = await erp.create('production.bom', made.map(({ code, name, inputs, batch }) => ({
    name, inputs: [['create', inputs.map(([input, quantity]) => line(input, quantity))]], outputs: [['create', [line(code, batch)]]] })));
  for (const [name, routing] of Object.entries(routings)) {
    const of = bills.filter((_, i) => made[i].routing === name);
    await erp.write('production.routing', routing, { boms: [['add', of]] });
  }
  await erp.create('product.product-production.bom', made.map(({ code, routing }, i) => ({
    product: ids[code], bom: bills[i], routing: routings[routing] })));
  return Object.fromEntries(made.map(({ code, routing }, i) => [code, { bill: bills[i], routing: routings[routing] }]));
}

export async function seedPlant(erp) {
  const world = await seedCompany(erp);
  world.accounts = await seedAccounts(erp, world);
  await seedYear(erp, world);
  const { warehouse, ids } = await seedStores(erp);
  Object.assign(world, { warehouse, stores: ids });
  world.suppliers = await seedSuppliers(erp);
  world.materials = await seedMaterials(erp, world);
  world.workCenters = await seedWorkCenters(erp, world);
  world.routings = await seedRoutings(erp, world.workCenters);
  world.bills = await seedBills(erp, world);
  await seedOrders(erp, world);
}
