// The measurements of schema.sh as a table, with the bars: on every valid document at least 4 times as
// fast as ajv, and 600 MB/s on the order of 10 kB. Exits 1 if one is missed.
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
const rows = [['case', 'bytes', 'us', 'ajv us', 'ratio', 'MB/s', 'parse us', 'jansson us', 'memory', 'invalid us',
               'ajv', 'compile us', 'bar']];
for (const {name} of lines.filter(line => line.contender === 'millgate' && line.kind === 'valid')) {
  const ours = find(name, 'millgate', 'valid');
  const ajv = find(name, 'ajv', 'valid');
  const invalid = find(name, 'millgate', 'invalid');
  const ratio = ajv.us / ours.us;
  const faults = [];
  if (!ours.verdict || !ajv.verdict || invalid.verdict || find(name, 'ajv', 'invalid').verdict) faults.push('verdict');
  if (ratio < RATIO) faults.push(`below ${RATIO}x`);
  if (name === SPEED_CASE && ours.mb_per_s < SPEED) faults.push(`below ${SPEED} MB/s`);
  if (faults.length > 0) missed.push(`${name}: ${faults.join(', ')}`);
  rows.push([name, ours.bytes, ours.us.toFixed(2), ajv.us.toFixed(2), `${ratio.toFixed(2)}x`, ours.mb_per_s.toFixed(0),
             find(name, 'millgate parse only', 'valid').us.toFixed(2), find(name, 'jansson parse only', 'valid').us.toFixed(2),
             `${ours.memory_bytes} B`, invalid.us.toFixed(2), find(name, 'ajv', 'invalid').us.toFixed(2),
             find(name, 'millgate', 'compile').us.toFixed(0), faults.length === 0 ? 'met' : faults.join(', ')]);
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
