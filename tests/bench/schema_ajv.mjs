// The same cases as schema_bench.c, by JSON.parse and ajv's compiled functions.
//
//   npm ci --prefix tests/bench/ajv && node tests/bench/schema_ajv.mjs FOLDER
import {readdirSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(here, 'ajv', 'package.json'));
const Ajv2020 = require('ajv/dist/2020.js').default;
const folder = process.argv[2];
const seconds = 1;

// CPU time of the process, so that the collector's threads count, too.
function measure(bytes, run) {
  for (let i = 0; i < 200 || i * bytes < 2e7; i++) run(); // let V8 optimise
  let count = 0;
  const start = process.cpuUsage();
  for (;;) {
    for (let i = 0; i < 1 + 100000 / bytes; i++, count++) run();
    const {user, system} = process.cpuUsage(start);
    if (user + system > seconds * 1e6) return (user + system) / count;
  }
}

for (const file of readdirSync(folder).filter(name => name.endsWith('.case.json')).sort()) {
  const name = file.slice(0, -'.case.json'.length);
  const {pointer} = JSON.parse(readFileSync(join(folder, file)));
  const root = JSON.parse(readFileSync(join(folder, `${name}.schema.json`)));
  const ajv = new Ajv2020({strict: false, validateFormats: false, allErrors: false, logger: false});
  let validate;
  if (pointer === '') {
    validate = ajv.compile(root);
  } else {
    ajv.addSchema({$id: 'http://case/doc', components: root.components});
    validate = ajv.compile({$ref: `http://case/doc#${pointer}`});
  }
  for (const kind of ['valid', 'invalid']) {
    const bytes = readFileSync(join(folder, `${name}.${kind}.json`));
    // from bytes, as a server has them
    const run = () => validate(JSON.parse(bytes.toString('utf8')));
    const verdict = run();
    const us = measure(bytes.length, run);
    console.log(JSON.stringify({
      contender: 'ajv', name, kind, bytes: bytes.length, verdict,
      us: +us.toFixed(3), mb_per_s: +(bytes.length / us).toFixed(1),
    }));
  }
}
