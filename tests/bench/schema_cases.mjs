// Writes the cases of the schema benchmark into a folder: for each <name>.case.json (schema, pointer, dialect)
// there is <name>.valid.json and <name>.invalid.json. Both contenders read the same files.
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
