// What schema_bench.c does, by JSON.parse and ajv's compiled function: compiles the case's schema, then
// takes orders from stdin. A line `ajv KIND MILLISECONDS` is answered by a line of JSON.
//
//   npm ci --prefix tests/bench/ajv && node tests/bench/schema_ajv.mjs FOLDER NAME
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(here, 'ajv', 'package.json'));
const Ajv2020 = require('ajv/dist/2020.js').default;
const [folder, name] = process.argv.slice(2);

// CPU time of the process, so that the collector's threads count, too.
function measure(bytes, run, ms) {
  let count = 0;
  const start = process.cpuUsage();
  for (;;) {
    for (let i = 0; i < 1 + 100000 / bytes; i++, count++) run();
    const {user, system} = process.cpuUsage(start);
    if (user + system > ms * 1000) return (user + system) / count;
  }
}

function compile() {
  const {pointer} = JSON.parse(readFileSync(join(folder, `${name}.case.json`)));
  const root = JSON.parse(readFileSync(join(folder, `${name}.schema.json`)));
  const ajv = new Ajv2020({strict: false, validateFormats: false, allErrors: false, logger: false});
  if (pointer === '') return ajv.compile(root);
  ajv.addSchema({$id: 'http://case/doc', components: root.components});
  return ajv.compile({$ref: `http://case/doc#${pointer}`});
}

const start = process.cpuUsage();
const validate = compile();
const {user, system} = process.cpuUsage(start);
console.log(JSON.stringify({compile_us: user + system}));

const texts = {};
for (const kind of ['valid', 'invalid']) texts[kind] = readFileSync(join(folder, `${name}.${kind}.json`));

for await (const order of createInterface({input: process.stdin})) {
  const [, kind, ms] = order.split(' ');
  const bytes = texts[kind];
  const run = () => validate(JSON.parse(bytes.toString('utf8'))); // from bytes, as a server has them
  console.log(JSON.stringify({bytes: bytes.length, verdict: run(), us: measure(bytes.length, run, Number(ms))}));
}
