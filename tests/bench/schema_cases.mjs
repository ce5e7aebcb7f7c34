// Writes the cases of the schema benchmark into a folder: for each <name>.case.json (schema, pointer, dialect)
// there is <name>.valid.json and <name>.invalid.json. Both contenders read the same files. Beside them
// large/: an OpenAPI document of at least 3 MB, and a schema with 1,687 definitions.
//
//   node schema_cases.mjs FOLDER [SUITES]
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

const [folder, suites] = process.argv.slice(2);
mkdirSync(folder, {recursive: true});

const line = {
  type: 'object',
  required: ['line', 'material', 'quantity', 'unit'],
  additionalProperties: false,
  properties: {
    line: {type: 'integer', minimum: 1},
    material: {type: 'string', minLength: 1, maxLength: 40},
    quantity: {type: 'number', exclusiveMinimum: 0, maximum: 1000000},
    unit: {enum: ['EA', 'KGM', 'LTR', 'MTR', 'PCE']},
    price: {type: 'number', minimum: 0},
    due: {type: 'string', minLength: 10, maxLength: 10},
    note: {type: ['string', 'null'], maxLength: 200},
  },
};
const order = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['orderId', 'supplier', 'currency', 'lines'],
  additionalProperties: false,
  properties: {
    orderId: {type: 'string', pattern: '^PO-[0-9]{4}-[0-9]{6}$'},
    supplier: {type: 'string', minLength: 1, maxLength: 20},
    currency: {enum: ['EUR', 'USD', 'GBP', 'CHF']},
    orderedAt: {type: 'string', maxLength: 40},
    deliverTo: {
      type: 'object',
      required: ['plant'],
      additionalProperties: false,
      properties: {plant: {type: 'string', maxLength: 10}, gate: {type: 'string', maxLength: 10}},
    },
    lines: {type: 'array', minItems: 1, maxItems: 100000, items: {$ref: '#/$defs/line'}},
  },
  $defs: {line},
};

function makeOrder(count) {
  return {
    orderId: 'PO-2026-000123',
    supplier: 'SUP-4711',
    currency: 'EUR',
    orderedAt: '2026-11-22T10:15:00Z',
    deliverTo: {plant: 'PL01', gate: 'G7'},
    lines: Array.from({length: count}, (_, i) => ({
      line: i + 1,
      material: `MAT-${100000 + i}`,
      quantity: 12.5 + (i % 7),
      unit: ['KGM', 'EA', 'PCE'][i % 3],
      price: 3.75,
      due: '2026-12-01',
    })),
  };
}

function write(name, schema, pointer, dialect, valid, invalid) {
  writeFileSync(join(folder, `${name}.schema.json`), JSON.stringify(schema));
  writeFileSync(join(folder, `${name}.valid.json`), JSON.stringify(valid));
  writeFileSync(join(folder, `${name}.invalid.json`), JSON.stringify(invalid));
  writeFileSync(join(folder, `${name}.case.json`), JSON.stringify({pointer, dialect}));
}

for (const count of [1, 8, 100, 10000]) {
  const valid = makeOrder(count);
  const invalid = structuredClone(valid);
  invalid.lines[count - 1].quantity = -1; // the worst place: the last one
  invalid.lines[count - 1].unit = 'XX';
  write(`order-${count}`, order, '', '2020-12', valid, invalid);
}

// A value that the schema allows, with all properties; enough for the schemas chosen below.
function example(root, schema, depth = 0) {
  if (schema.$ref) {
    const path = schema.$ref.slice(2).split('/');
    return example(root, path.reduce((at, name) => at[name], root), depth);
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const one = (schema.oneOf ?? schema.anyOf)?.[0];
  if (one) return example(root, one, depth);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (schema.allOf)
    return Object.assign({}, ...schema.allOf.map(each => example(root, each, depth)));
  if (type === 'object' || schema.properties) {
    const names = Object.keys(schema.properties ?? {});
    const wanted = depth > 3 ? names.filter(name => schema.required?.includes(name)) : names;
    return Object.fromEntries(wanted.map(n => [n, example(root, schema.properties[n], depth + 1)]));
  }
  if (type === 'array') {
    if (depth > 3) return [];
    return Array.from({length: Math.max(1, schema.minItems ?? 1)},
                      () => example(root, schema.items, depth + 1));
  }
  if (type === 'integer' || type === 'number') return schema.minimum ?? 7;
  if (type === 'boolean') return true;
  if (type === 'null') return null;
  if (schema.format === 'date-time') return '2026-11-22T10:15:00Z';
  if (schema.pattern?.startsWith('^(0|[1-9]')) return '1234567890';
  return 'abc'.padEnd(schema.minLength ?? 0, 'x').slice(0, schema.maxLength ?? 100);
}

const documents = [
  ['discord-message', 'real/discord.json', 'MessageResponse', 'openapi-3.1'],
  ['box-docgen', 'real/box-v2025.0.json', 'DocGenBatchCreateRequest', 'openapi-3.0'],
];
for (const [name, file, component, dialect] of suites ? documents : []) {
  const path = join(suites, 'openapi-docs', file);
  if (!existsSync(path)) continue;
  const root = JSON.parse(readFileSync(path, 'utf8'));
  const valid = example(root, root.components.schemas[component]);
  const invalid = structuredClone(valid);
  for (const required of root.components.schemas[component].required ?? []) delete invalid[required];
  write(name, root, `/components/schemas/${component}`, dialect, valid, invalid);
}

// --- large documents: made from real ones where the suites are, else from the order above ---

const large = join(folder, 'large');
mkdirSync(large, {recursive: true});

// The document's paths and schemas, `times` over under other names.
function replicate(root, times) {
  const out = {openapi: root.openapi, info: root.info, paths: {}, components: {schemas: {}}};
  for (let i = 0; i < times; i++) {
    const text = JSON.stringify({paths: root.paths, components: root.components})
      .replace(/"#\/components\/(\w+)\/([^"/]+)/g, `"#/components/$1/$2-${i}`)
      .replace(/"operationId":"([^"]+)"/g, `"operationId":"$1-${i}"`);
    const copy = JSON.parse(text);
    for (const [path, item] of Object.entries(copy.paths)) out.paths[`/copy-${i}${path}`] = item;
    for (const [section, members] of Object.entries(copy.components)) {
      if (section === 'securitySchemes') {
        out.components[section] = members;
        continue;
      }
      out.components[section] ??= {};
      for (const [name, member] of Object.entries(members)) out.components[section][`${name}-${i}`] = member;
    }
  }
  return out;
}

// A document of our own: `count` operations, each with a body schema that refers to others.
function invent(count) {
  const schemas = {};
  const paths = {};
  for (let i = 0; i < count; i++) {
    schemas[`Line${i}`] = line;
    schemas[`Order${i}`] = {
      ...order, $schema: undefined, $defs: undefined,
      properties: {
        ...order.properties,
        lines: {...order.properties.lines, items: {$ref: `#/components/schemas/Line${i}`}},
        before: {$ref: `#/components/schemas/Order${Math.max(0, i - 1)}`},
      },
    };
    const content = {'application/json': {schema: {$ref: `#/components/schemas/Order${i}`}}};
    paths[`/orders-${i}`] = {post: {operationId: `order-${i}`, requestBody: {content}, responses: {200: {description: 'd', content}}}};
  }
  return {openapi: '3.1.0', info: {title: 'Large', version: '1.0.0'}, paths, components: {schemas}};
}

function bytesOf(document) {
  return Buffer.byteLength(JSON.stringify(document));
}

const real = suites && join(suites, 'openapi-docs/real/discord.json');
let document;
if (real && existsSync(real)) {
  const root = JSON.parse(readFileSync(real, 'utf8'));
  document = replicate(root, Math.ceil(3e6 / bytesOf({paths: root.paths, components: root.components})));
} else {
  document = invent(Math.ceil(3e6 / (bytesOf(invent(20)) / 20)) + 20);
}
const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
const operations = Object.values(document.paths)
  .reduce((sum, item) => sum + methods.filter(method => item[method]).length, 0);
writeFileSync(join(large, 'openapi.json'), JSON.stringify(document));

const b2mml = suites && join(suites, 'b2mml/Schema/AllSchemas.json');
const definitions = b2mml && existsSync(b2mml)
  ? JSON.parse(readFileSync(b2mml, 'utf8'))
  : {$defs: Object.fromEntries(Array.from({length: 1687}, (_, i) =>
      [`d${i}`, {...line, properties: {...line.properties, next: {$ref: `#/$defs/d${(i + 1) % 1687}`}}}]))};
writeFileSync(join(large, 'definitions.json'), JSON.stringify(definitions));
writeFileSync(join(large, 'expected.json'), JSON.stringify({
  openapi: {bytes: bytesOf(document), count: operations},
  definitions: {bytes: bytesOf(definitions), count: Object.keys(definitions.$defs).length},
}));
