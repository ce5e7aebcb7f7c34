// The measurements of schema.sh as a table, with the bars: on every valid document at least 4 times as
// fast as ajv (the median of the rounds), and 600 MB/s on the order of 10 kB. Exits 1 if one is missed.
//
//   node schema_summary.mjs LINES EXPECTED
import {readFileSync} from 'node:fs';

const RATIO = 4;
const SPEED = 600; // MB/s
const SPEED_CASE = 'order-100';

const [file, expectedFile] = process.argv.slice(2);
const lines = readFileSync(file, 'utf8').trim().split('\n').map(line => JSON.parse(line));
const expected = JSON.parse(readFileSync(expectedFile, 'utf8'));
const find = (name, contender, kind) =>
  lines.find(line => line.name === name && line.contender === contender && line.kind === kind);

const missed = [];
const rows = [['case', 'bytes', 'ratio', 'quartiles', 'extremes', 'us', 'ajv us', 'MB/s', 'parse us', 'jansson us', 'memory',
               'invalid us', 'ajv', 'compile us', 'bar']];
for (const ratio of lines.filter(line => line.kind === 'ratio')) {
  const {name} = ratio;
  const ours = find(name, 'millgate', 'valid');
  const ajv = find(name, 'ajv', 'valid');
  const invalid = find(name, 'millgate', 'invalid');
  const ajvInvalid = find(name, 'ajv', 'invalid');
  const faults = [];
  if (!ours.verdict || !ajv.verdict || invalid.verdict || ajvInvalid.verdict) faults.push('verdict');
  if (ratio.median < RATIO) faults.push(`below ${RATIO}x`);
  if (name === SPEED_CASE && ours.mb_per_s < SPEED) faults.push(`below ${SPEED} MB/s`);
  if (faults.length > 0) missed.push(`${name}: ${faults.join(', ')}`);
  const range = (low, high) => `${low.toFixed(1)}-${high.toFixed(1)}`;
  rows.push([name, ours.bytes, `${ratio.median.toFixed(2)}x`, range(ratio.low, ratio.high), range(ratio.least, ratio.most),
             ours.us.toFixed(2), ajv.us.toFixed(2), ours.mb_per_s.toFixed(0), find(name, 'millgate-parse', 'valid').us.toFixed(2),
             find(name, 'jansson-parse', 'valid').us.toFixed(2), `${ours.memory_bytes} B`, invalid.us.toFixed(2),
             ajvInvalid.us.toFixed(2), find(name, 'millgate', 'compile').compile_us.toFixed(0),
             faults.length === 0 ? 'met' : faults.join(', ')]);
}
const widths = rows[0].map((_, i) => Math.max(...rows.map(row => String(row[i]).length)));
console.log();
for (const row of rows)
  console.log(row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join('  '));

console.log();
for (const [key, what] of [['openapi', 'operations'], ['definitions', 'definitions']]) {
  const line = lines.find(each => each.kind === 'large' && each.name === `${key}.json`);
  const {bytes, count} = expected[key];
  const mib = number => `${(number / 2 ** 20).toFixed(1)} MiB`;
  console.log(`${key}: ${(bytes / 1e6).toFixed(2)} MB, ${line.count} ${what}, ${line.nodes} schemas: ` +
    `${line.ms} ms (at most ${line.ms_most}), keeps ${mib(line.kept_bytes)}, peak ${mib(line.peak_bytes)}`);
  if (line.count !== count) missed.push(`${key}: ${line.count} ${what}, not ${count}`);
}
console.log(missed.length === 0 ? 'all bars met' : `missed: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;
