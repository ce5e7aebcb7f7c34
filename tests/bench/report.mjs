// Tables in Markdown, to standard output.

function range({ median, min, max }) {
  return `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
}

export function table(title, rows, base) {
  const out = [`\n## ${title}\n`, `| target | us CPU/request | ratio to ${base} | Redis us/request | requests/s |`,
    '|---|---|---|---|---|'];
  for (const row of rows) {
    const redis = row.redisMicros ? range(row.redisMicros) : '-';
    out.push(`| ${row.name} | ${range(row.micros)} | ${range(row.ratio)} | ${redis} | ${row.rate.toFixed(0)} |`);
  }
  process.stdout.write(`${out.join('\n')}\n`);
}

/** Says whether a bar is held; undefined: not measured. */
export function verdict(what, ratio, bar) {
  if (ratio === undefined) process.stdout.write(`\n${what}: not measured (no program)\n`);
  else process.stdout.write(`\n${what}: ${ratio.toFixed(3)}, bar ${bar}: ${ratio <= bar ? 'held' : 'MISSED'}\n`);
}

/** The same for what must not be less. */
export function floor(what, ratio, bar) {
  process.stdout.write(`\n${what}: ${ratio.toFixed(3)}, at least ${bar}: ${ratio >= bar ? 'held' : 'MISSED'}\n`);
}
