// script/bench identity: what a token costs. Through the gateway beside HAProxy's jwt_verify, with few tokens,
// with many, and with each one new; and the policy alone beside `openssl speed`.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { startGateway, stopGateway } from './gateway.mjs';
import { interleave, measure, median, summarize } from './measure.mjs';
import { floor, table, verdict } from './report.mjs';
import { startHaproxyJwt } from './targets.mjs';

const run = promisify(execFile);
const MANY = 100_000;
const NEW_TOKENS = 20_000; // per run of the row in which each token is new
const NEW_SECONDS = 2;
const TURNS = 3; // of the programs that measure by themselves

// Only what proves: the same work as HAProxy is given.
export const PROVING = { policies: [{ headers: {} }, { jwt: {} }, { authorise: {} }] };
const LARGE = {
  policies: [{ headers: {} }, { jwt: { cache_bytes: '128MiB', cache_entries: 200_000 } }, { authorise: {} }],
};

function progress(name, turn, result) {
  process.stderr.write(`  ${name} #${turn + 1}: ${result.micros.toFixed(2)} us, ${result.requests} requests\n`);
}

async function rotation(stage, targets, count) {
  const load = { tokens: await stage.tokens.file(count) };
  const runs = await interleave(targets, { pairs: stage.pairs, seconds: stage.seconds, progress, load });
  const rows = summarize(runs, targets[0].name);
  table(`GET with ${count.toLocaleString('en')} valid token${count > 1 ? 's in turn' : ''}`, rows, targets[0].name);
  return rows;
}

// The gateway is started anew for each run, so that no cache can help.
async function allNew(stage, base) {
  const load = { tokens: await stage.tokens.file(NEW_TOKENS, { name: 'tokens-new' }), once: 1 };
  const runs = new Map([[base.name, []], ['millgate', []]]);
  for (let pair = 0; pair < stage.pairs; pair++) {
    const own = await startGateway(stage.dir, { ...stage, ...PROVING, redis: undefined, name: 'millgate' });
    for (const target of [base, own]) {
      runs.get(target.name).push(await measure(target, { seconds: NEW_SECONDS, load }));
      progress(target.name, pair, runs.get(target.name).at(-1));
    }
    await stopGateway(own);
  }
  const rows = summarize(runs, base.name);
  table(`GET, every token new (${NEW_TOKENS.toLocaleString('en')} per run)`, rows, base.name);
  return rows;
}

/** Verifications a second, by algorithm. */
async function opensslSpeed() {
  const { stdout } = await run('openssl', ['speed', '-mr', '-seconds', '1', 'rsa2048', 'ecdsap256', 'ed25519'],
    { timeout: 60_000 });
  // +F2 (RSA), +F4 (ECDSA), +F6 (EdDSA): number, bits, [curve,] seconds for a signature, for a verification
  const rates = {};
  for (const line of stdout.split('\n')) {
    const fields = line.split(':');
    if (fields[0] === '+F2') rates.RS256 = Number(fields.at(-1));
    if (fields[0] === '+F4') rates.ES256 = Number(fields.at(-1));
    if (fields[0] === '+F6') rates.EdDSA = Number(fields.at(-1));
  }
  return rates;
}

async function jwtBench(program) {
  const { stdout } = await run(program, ['RS256', 'ES256', 'EdDSA'], { timeout: 120_000 });
  const rows = {};
  for (const line of stdout.split('\n').slice(1)) {
    const [alg, , signatureMicros, coldMicros, hitNs, manyNs] = line.trim().split(/\s+/);
    if (alg) rows[alg] = { rate: 1e6 / Number(signatureMicros), coldMicros: Number(coldMicros),
      coldRate: 1e6 / Number(coldMicros), hitNs: Number(hitNs), manyNs: Number(manyNs) };
  }
  return rows;
}

// In turn, so that what the machine does beside is the same for both.
async function policyAlone() {
  const program = process.env.MILLGATE_JWT_BENCH ?? join(dirname(process.env.MILLGATE_BIN), 'tests/bench.jwt');
  if (!existsSync(program)) {
    process.stdout.write(`\n${program} is not built (-DMILLGATE_BENCH=ON): the policy alone is not measured\n`);
    return [];
  }
  const turns = [];
  for (let i = 0; i < TURNS; i++) turns.push({ openssl: await opensslSpeed(), own: await jwtBench(program) });
  const rows = ['RS256', 'ES256', 'EdDSA'].map((alg) => {
    const of = (read) => median(turns.map((turn) => read(turn)));
    return { alg, openssl: of((turn) => turn.openssl[alg]), cold: of((turn) => turn.own[alg].coldRate),
      ratio: of((turn) => turn.own[alg].coldRate / turn.openssl[alg]), hitNs: of((turn) => turn.own[alg].hitNs),
      manyNs: of((turn) => turn.own[alg].manyNs) };
  });
  process.stdout.write('\n## The policy alone, one thread\n\n| alg | openssl speed, verify/s | cold tokens/s | ratio | ' +
    'cached, ns | cached, 1,000 in turn, ns |\n|---|---|---|---|---|---|\n');
  for (const row of rows)
    process.stdout.write(`| ${row.alg} | ${row.openssl.toFixed(0)} | ${row.cold.toFixed(0)} | ${row.ratio.toFixed(3)} | ` +
      `${row.hitNs.toFixed(0)} | ${row.manyNs.toFixed(0)} |\n`);
  for (const row of rows) {
    floor(`cold ${row.alg} / openssl speed`, row.ratio, 0.7);
    verdict(`cached ${row.alg}, us`, row.manyNs / 1000, 2);
  }
  return rows;
}

export async function identity(stage) {
  if (!stage.hasGateway) {
    process.stdout.write('\n## Identity: nothing to measure without the program\n');
    return {};
  }
  const alone = await policyAlone();
  const base = await startHaproxyJwt(stage.dir, stage.upstream, stage.tokens);
  const start = (name, options) => startGateway(stage.dir, { ...stage, ...options, redis: undefined, name });
  const own = await start('millgate-kept', PROVING);
  const large = await start('millgate-kept-128MiB', LARGE);
  const one = await rotation(stage, [base, own], 1);
  const thousand = await rotation(stage, [base, own], 1000);
  const many = await rotation(stage, [base, own, large], MANY);
  return { alone, one, thousand, many, fresh: await allNew(stage, base) };
}
