// script/bench [SECTION...] [--pairs N] [--seconds S]
// script/bench limits --accuracy
//
// Sections: proxy policy limits tokens storm latency memory routes identity flood flow iot, or all (the default). Ratios are medians
// over pairs of runs taken in turn; the bars are judged by the reader, never by a test.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { makeTokens } from './gateway.mjs';
import * as sections from './sections.mjs';
import { stopAll } from './targets.mjs';

// Their rig has packages of its own, which the other sections do without.
const identity = async (stage) => (await import('./identity.mjs')).identity(stage);
const flood = async (stage) => (await import('./flood.mjs')).flood(stage);
const iot = async (stage) => (await import('./iot.mjs')).iot(stage);
const flow = async (stage) => (await import('./flow.mjs')).flow(stage);
const chain = async (stage) => (await import('./limits.mjs')).chain(stage); // the end of `limits`, by itself
const SECTIONS = { ...sections, flood, identity, flow, iot, chain };
const NAMES = ['proxy', 'policy', 'limits', 'tokens', 'storm', 'latency', 'memory', 'routes', 'identity', 'flood', 'flow', 'iot'];

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      pairs: { type: 'string', default: '7' }, seconds: { type: 'string', default: '3' },
      accuracy: { type: 'boolean', default: false },
    },
  });
  const names = positionals.length === 0 || positionals.includes('all') ? NAMES : positionals;
  const unknown = names.filter((name) => ![...NAMES, 'chain'].includes(name));
  const pairs = Number(values.pairs);
  const seconds = Number(values.seconds);
  if (unknown.length || !Number.isInteger(pairs) || pairs < 1 || !Number.isInteger(seconds) || seconds < 1) {
    process.stderr.write(`usage: script/bench [${NAMES.join('|')}|chain|all]... [--pairs N] [--seconds S] [--accuracy]\n`);
    process.exit(2);
  }
  return { names, pairs, seconds, isAccuracy: values.accuracy };
}

async function runSection(name, options) {
  const dir = mkdtempSync(join(tmpdir(), 'millgate-bench-'));
  let stage;
  try {
    stage = await sections.makeStage({ ...options, dir, tokens: makeTokens(dir) });
    return await SECTIONS[name](stage);
  } finally {
    await stopAll();
    await stage?.redis?.stop();
    if (!process.env.MILLGATE_KEEP) rmSync(dir, { recursive: true, force: true });
  }
}

async function main() {
  const { names, pairs, seconds, isAccuracy } = readArguments();
  const hasGateway = Boolean(process.env.MILLGATE_BIN) && existsSync(process.env.MILLGATE_BIN);
  const results = { taken: new Date().toISOString(), pairs, seconds, cpu: cpus()[0].model, cores: cpus().length };
  process.stdout.write(`# Benchmark: ${results.cores} x ${results.cpu}, ${pairs} pairs of ${seconds} s\n`);
  if (!hasGateway) process.stdout.write('\nNo program at MILLGATE_BIN: baselines only.\n');
  for (const name of names) results[name] = await runSection(name, { pairs, seconds, hasGateway, isAccuracy });
  const folder = fileURLToPath(new URL('../../build/bench/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stopAll().finally(() => process.exit(130)));
await main();
