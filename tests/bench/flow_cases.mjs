// What script/bench flow reads: one material and a page of twenty, from each ERP by its own API and by a flow
// that maps it to the canonical form; and one that the gateway passes through as it is.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ERP_USER = `Basic ${Buffer.from('erpclient:pw1').toString('base64')}`;
const GRANTS = ['/system/*'];
const PAGE = 20;
const FIELDS = ['code', 'template.name', 'template.type', 'default_uom.symbol', 'active', 'cost_price', 'write_date', 'create_date', '_timestamp'];

const MAPPING = `
def present: with_entries(select(.value != null));
def unit: {u: "H87", PC: "H87", kg: "KGM", KG: "KGM", m: "MTR", M: "MTR", l: "LTR", L: "LTR"}[.] // error("the unit \\(.) is not known");
def from_tryton: {
  id: .code, plant: "1010", description: .template.name, type: "raw", unit: (.default_uom.symbol | unit),
  status: (if .active then "active" else "discontinued" end), standardCost: {amount: .cost_price, currency: "EUR"},
  changedAt: (.write_date // .create_date), record: {system: "plant1-erp", id: "product.product,\\(.id)"}} | present;
def from_odata: {
  id: .Material, plant: "1020", description: .MaterialDescription,
  type: {ROH: "raw", HALB: "semi-finished", FERT: "finished", VERP: "packaging"}[.MaterialType], materialClass: .MaterialGroup,
  unit: (.BaseUnit | unit), status: (if .IsMarkedForDeletion == true then "discontinued" else "active" end),
  standardCost: {amount: (.StandardPrice | tostring), currency: .Currency}, changedAt: .LastChangeDateTime,
  record: {system: "cloud-erp", id: "A_Material('\\(.Material)')"}} | present;
`;

function document(name, call, answer) {
  return {
    document: { dsl: '1.0.0', namespace: 'bench', name, version: '1.0.0', metadata: { mappings: ['mapping.jq'] } },
    do: [{ read: call }, { answer: { set: { body: answer } } }],
  };
}

const trytonRead = (more) => ({ call: 'tryton.search_read', with: { backend: 'tryton', model: 'product.product', fields: FIELDS, ...more } });

/** The documents of those ERPs that are there. */
export function readFlows({ tryton, odata }) {
  return [
    ...(tryton ? [
      document('tryton-one', trytonRead({ domain: '${ [["code", "=", .parameters.material]] }', limit: 1 }), '${ .[0] | from_tryton }'),
      document('tryton-page', trytonRead({ domain: [['code', '!=', null]], order: [['id', 'ASC']], limit: PAGE }), '${ {items: map(from_tryton)} }'),
    ] : []),
    ...(odata ? [
      document('odata-one', { call: 'odata.read', with: { backend: 'odata', entity: 'A_Material', key: '${ .parameters.material }' } }, '${ from_odata }'),
      document('odata-page', { call: 'odata.list', with: { backend: 'odata', entity: 'A_Material', orderby: 'Material', top: PAGE } }, '${ {items: .items | map(from_odata)} }'),
    ] : []),
  ];
}

export function writeFlows(folder, documents) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'mapping.jq'), MAPPING);
  for (const each of documents) writeFileSync(join(folder, `${each.document.name}.flow.yaml`), JSON.stringify(each));
  return folder;
}

const text = { type: 'string' };
const canonical = {
  type: 'object', additionalProperties: false, required: ['id', 'plant', 'description', 'type', 'unit', 'status'],
  properties: {
    id: text, plant: text, description: text, type: text, materialClass: text, unit: { type: 'string', pattern: '^[0-9A-Z]{2,3}$' }, status: text,
    standardCost: { type: 'object', properties: { amount: text, currency: text } }, changedAt: text, record: { type: 'object' },
  },
};
const answers = (schema) => ({ 200: { description: 'As it is.', content: { 'application/json': { schema } } } });
const material = { name: 'material', in: 'path', required: true, schema: text };

function paths(kind) {
  return {
    [`/${kind}/materials/{material}`]: { parameters: [material], get: {
      operationId: `${kind}-one`, responses: answers(canonical), 'x-millgate': { flow: `bench/${kind}-one` } } },
    [`/${kind}/materials`]: { get: {
      operationId: `${kind}-page`, 'x-millgate': { flow: `bench/${kind}-page` },
      responses: answers({ type: 'object', required: ['items'], properties: { items: { type: 'array', items: canonical } } }) } },
  };
}

// As a client of its own asks Tryton: the session is there already.
function trytonCases(erp) {
  const authorization = `Session ${erp.client.session}`;
  const ask = (domain, limit, order) => ({
    url: `${erp.url}/${erp.tryton.database}/`, method: 'POST', headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ id: 1, method: 'model.product.product.search_read', params: [domain, 0, limit, order, FIELDS, {}] }),
  });
  return [
    { name: 'Tryton, one material', erp, path: '/tryton/materials/BOLT-M8', direct: ask([['code', '=', 'BOLT-M8']], 1, null) },
    { name: `Tryton, ${PAGE} materials`, erp, path: '/tryton/materials', direct: ask([['code', '!=', null]], PAGE, [['id', 'ASC']]) },
  ];
}

function odataCases(erp) {
  const ask = (path) => ({ url: `${erp.url}/odata/v4/erp/${path}`, headers: { authorization: ERP_USER, accept: 'application/json' } });
  return [
    { name: 'OData, one material', erp, path: '/odata/materials/BAR-D20', direct: ask("A_Material('BAR-D20')") },
    { name: `OData, ${PAGE} materials`, erp, path: '/odata/materials', direct: ask(`A_Material?$orderby=Material&$top=${PAGE}`) },
    { name: 'OData, passed through', erp, path: "/A_Material('BAR-D20')", direct: ask("A_Material('BAR-D20')") },
  ];
}

/** The contract's options, the backends, and what is asked. */
export function contractOfReads({ tryton, odata }) {
  const backends = {
    ...(tryton && { tryton: { url: tryton.url, grants: GRANTS, tryton: { database: tryton.tryton.database, user: tryton.tryton.user, password: tryton.tryton.password } } }),
    ...(odata && { odata: { url: `${odata.url}/odata/v4/erp`, grants: GRANTS, headers: { authorization: ERP_USER }, odata: { version: 'v4' } } }),
  };
  const passed = { [`/A_Material('BAR-D20')`]: { get: { operationId: 'passed', responses: { 200: { description: 'As it is.' } }, 'x-millgate': { backend: 'odata' } } } };
  return {
    backends,
    contract: { paths: { ...(tryton && paths('tryton')), ...(odata && { ...paths('odata'), ...passed }) } },
    cases: [...(tryton ? trytonCases(tryton) : []), ...(odata ? odataCases(odata) : [])],
  };
}
