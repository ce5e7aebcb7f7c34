// Drives schema_bench.c and schema_ajv.mjs over the cases of a folder and prints a line of JSON for each
// contender, case and kind of document, then one with the ratio of ajv to millgate.
//
// The two processes of a case live as long as it is measured and take turns in short rounds, each
// beginning every other time: a machine that changes its speed, or is busy elsewhere, does so to both. A
// ratio is that of neighbouring measurements; the result is the median of the ratios.
//
//   node schema_rounds.mjs BENCH_PROGRAM FOLDER
import {spawn} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';

const ROUNDS = 25; // of valid documents; for the other measurements, which have no bar, fewer
const FEW_ROUNDS = 5;
const ROUND_MS = 100;
const WARM_MS = 500; // V8 compiles in steps

const here = dirname(fileURLToPath(import.meta.url));
const [program, folder] = process.argv.slice(2);

class Contender {
  constructor(command, args) {
    this.process = spawn(command, args, {stdio: ['pipe', 'pipe', 'inherit']});
    this.lines = createInterface({input: this.process.stdout})[Symbol.asyncIterator]();
  }

  async answer() {
    const {value, done} = await this.lines.next();
    if (done) throw new Error(`${this.process.spawnfile} ended early`);
    return JSON.parse(value);
  }

  measure(contender, kind, ms = ROUND_MS) {
    this.process.stdin.write(`${contender} ${kind} ${ms}\n`);
    return this.answer();
  }

  end() {
    this.process.stdin.end();
  }
}

function quantile(sorted, part) {
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

function spread(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return {median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75),
          least: sorted[0], most: sorted.at(-1), rounds: sorted.length};
}

function print(name, kind, contender, results) {
  const {us: ignored, ...same} = results[0];
  const us = spread(results.map(each => each.us));
  console.log(JSON.stringify({name, kind, contender, ...same, us: us.median, mb_per_s: same.bytes / us.median}));
}

// `turns` are [contender, process]; they change their order from round to round.
async function rounds(name, kind, count, turns) {
  const results = new Map(turns.map(([contender]) => [contender, []]));
  for (let round = 0; round < count; round++) {
    for (const [contender, process] of round % 2 === 0 ? turns : [...turns].reverse())
      results.get(contender).push(await process.measure(contender, kind));
  }
  for (const [contender, list] of results) print(name, kind, contender, list);
  return results;
}

async function runCase(name) {
  const ours = new Contender(program, [folder, name]);
  const theirs = new Contender(process.execPath, [join(here, 'schema_ajv.mjs'), folder, name]);
  const both = [['millgate', ours], ['ajv', theirs]];

  for (const [contender, process] of both)
    console.log(JSON.stringify({name, kind: 'compile', contender, ...await process.answer()}));
  await theirs.measure('ajv', 'valid', WARM_MS);
  const results = await rounds(name, 'valid', ROUNDS, both);
  const ratios = results.get('ajv').map((ajv, i) => ajv.us / results.get('millgate')[i].us);
  console.log(JSON.stringify({name, kind: 'ratio', ...spread(ratios)}));
  await rounds(name, 'valid', FEW_ROUNDS, [['millgate-parse', ours], ['jansson-parse', ours]]);
  await theirs.measure('ajv', 'invalid', WARM_MS);
  await rounds(name, 'invalid', FEW_ROUNDS, both);
  ours.end();
  theirs.end();
}

for (const file of readdirSync(folder).filter(each => each.endsWith('.case.json')).sort())
  await runCase(file.slice(0, -'.case.json'.length));
