// The section `limits`: what a limit costs, beside those of nginx and HAProxy, which count in their
// own memory; and the whole chain beside HAProxy's. The bars of a single decision are judged by
// bench.rate_limit: the difference of two figures from end to end is mostly noise.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { PLAIN, startGateway } from './gateway.mjs';
import { interleave, summarize } from './measure.mjs';
import { table, verdict } from './report.mjs';
import {
  startHaproxyLimit, startHaproxyPlain, startHaproxyPolicy, startNginxLimit, startNginxProxy,
} from './targets.mjs';

const LIMITED = { ...PLAIN, policies: [{ headers: {} }, { rate_limit: {} }] };

async function compare(title, stage, targets, base, load) {
  const { pairs, seconds } = stage;
  const progress = (name, pair, run) =>
    process.stderr.write(`  ${name} #${pair + 1}: ${run.micros.toFixed(2)} us, ${run.requests} requests\n`);
  const runs = await interleave(targets, { pairs, seconds, progress, load });
  const rows = summarize(runs, base);
  table(`${title} (64 connections, ${pairs} pairs)`, rows, base);
  return rows;
}

async function gateways(stage) {
  if (!stage.hasGateway) return [];
  const start = (name, limit, options = LIMITED) => startGateway(stage.dir, { ...stage, ...options, name, limit });
  return [
    await start('millgate, no limit', {}, PLAIN),
    await start('millgate, leased', { burst: undefined }),
    await start('millgate, exact', { burst: undefined, mode: 'exact' }),
  ];
}

async function costs(stage) {
  const targets = [
    await startNginxProxy(stage.dir, stage.upstream), await startNginxLimit(stage.dir, stage.upstream),
    await startHaproxyPlain(stage.dir, stage.upstream), await startHaproxyLimit(stage.dir, stage.upstream),
    ...(await gateways(stage)),
  ];
  const rows = await compare('A limit per address, GET', stage, targets, 'haproxy', {});
  const of = (name) => rows.find((row) => row.name === name)?.micros.median;
  for (const mode of ['leased', 'exact'])
    if (stage.hasGateway)
      process.stdout.write(`\n${mode}: ${(of(`millgate, ${mode}`) - of('millgate, no limit')).toFixed(2)} us over no limit, end to end\n`);
  return rows;
}

// A consumer for each connection. With 1,000 consumers (section `policy`) each calls so seldom that a lease is
// of one or two requests.
export async function chain(stage) {
  const load = { body: stage.bodyPath, tokens: await stage.tokens.file(64, { name: 'tokens-chain' }) };
  const targets = [await startHaproxyPolicy(stage.dir, stage.upstream, stage.tokens)];
  if (stage.hasGateway) targets.push(await startGateway(stage.dir, { ...stage, limit: { burst: undefined } }));
  const rows = await compare('The whole chain, 888-byte POST: RS256 JWT, leased limit, schema, access log, metrics', stage,
    targets, 'haproxy+jwt', load);
  verdict('whole chain / HAProxy with jwt_verify + stick table', rows.find((row) => row.name === 'millgate')?.ratio.median, 0.5);
  return rows;
}

/** One decision in memory, from bench.rate_limit where it was built (MILLGATE_BENCH). */
function decisions() {
  const program = process.env.MILLGATE_BIN && join(dirname(process.env.MILLGATE_BIN), 'tests/bench.rate_limit');
  if (!program || !existsSync(program)) {
    process.stdout.write('\nOne decision: not measured (configure with -DMILLGATE_BENCH=ON and build bench.rate_limit)\n');
    return undefined;
  }
  const { stdout } = spawnSync(program, { encoding: 'utf8' });
  process.stdout.write(`\n## One decision, in memory\n\n${stdout.split('\n').filter((line) => / us /.test(line)).join('\n')}\n`);
  const over = (plan) => Number(new RegExp(`^${plan} +10 consumers.*, +(-?[\\d.]+) over none`, 'm').exec(stdout)?.[1]);
  verdict('a leased decision, us', over('leased'), 1.5);
  verdict('an exact decision, us', over('exact'), 8);
  return stdout;
}

export async function limits(stage) {
  if (stage.isAccuracy) {
    // Loaded here: the tests' harness, which it uses, ends the process where there is no program.
    if (stage.hasGateway) return (await import('./accuracy.mjs')).accuracy();
    process.stdout.write('\nAccuracy: not measured (no program)\n');
    return undefined;
  }
  return { decisions: decisions(), costs: await costs(stage), chain: await chain(stage) };
}
