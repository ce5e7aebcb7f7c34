// script/bench flood: valid clients at a modest pace, alone and beside forged tokens and random kids at full
// speed. The flood has one core, at the lowest priority, all that is measured has the other. The same flood with
// tokens of one byte, refused at a glance, tells what the machine and HTTP have in it; so does HAProxy under it:
// where its p99 grows as ours does, the machine is too busy for the figure. All come from one address, which is
// the harder case: the valid tokens pass because they are cached.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { OidcRig } from '../rigs/oidc/provider.mjs';
import { startGateway } from './gateway.mjs';
import { PROVING } from './identity.mjs';
import { cpuMicros, median, wrk } from './measure.mjs';
import { verdict } from './report.mjs';
import { startHaproxyJwt } from './targets.mjs';

const VALID = { connections: 16, load: { pause_ms: 20 } }; // some 800 requests a second
const FORGED = { connections: 8, tokens: 20_000 };
const KIDS = { connections: 4, tokens: 20_000 };
const BUCKET = 5;

const hasTwoCores = cpus().length > 1;

function pin(core, pid) {
  if (hasTwoCores) execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' });
}

const onCore = (core) => (hasTwoCores ? ['taskset', '-c', String(core)] : []);
const LOW = [...onCore(1), 'nice', '-n', '19'];
const MEASURED = onCore(0);

function forge(token, number) {
  const [head, payload, signature] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes.writeUInt32BE(number, 8);
  return `${head}.${payload}.${bytes.toString('base64url')}`;
}

function rename(token) {
  const [head, ...rest] = token.split('.');
  const header = { ...JSON.parse(Buffer.from(head, 'base64url')), kid: randomBytes(8).toString('hex') };
  return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
}

function write(path, count, make) {
  writeFileSync(path, `${Array.from({ length: count }, (_, i) => make(i)).join('\n')}\n`);
  return path;
}

async function makeFiles(dir, provider) {
  const tokens = [];
  for (let i = 0; i < 50; i++) tokens.push(await provider.token(i % 2 ? 'RS256' : 'ES256'));
  return {
    valid: write(join(dir, 'valid'), tokens.length, (i) => tokens[i]),
    forged: write(join(dir, 'forged'), FORGED.tokens, (i) => forge(tokens[i % tokens.length], i)),
    kids: write(join(dir, 'kids'), KIDS.tokens, (i) => rename(tokens[i % tokens.length])),
    trifles: write(join(dir, 'trifles'), 2, (i) => String(i)),
  };
}

async function metric(target, name) {
  const text = await (await fetch(`http://127.0.0.1:${target.adminPort}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.split(' ').at(-1));
}

const checkValid = (run) => {
  const { status, connect, read, write: sent, timeout } = run.errors;
  if (status + connect + read + sent + timeout > 0)
    throw new Error(`a valid request failed: ${JSON.stringify(run.errors)}`);
  return run;
};

async function quietRun(target, files, seconds) {
  return checkValid(await wrk({ url: target.url, seconds, prefix: MEASURED, connections: VALID.connections,
    load: { ...VALID.load, tokens: files.valid } }));
}

async function floodRun(target, files, seconds, [forgedPath, kidsPath]) {
  const before = cpuMicros(target.pid);
  const attack = [[FORGED, forgedPath], [KIDS, kidsPath]].map(([{ connections }, tokens]) =>
    wrk({ url: target.url, seconds: seconds + 1, prefix: LOW, connections, load: { tokens } }));
  await sleep(700);
  const valid = await quietRun(target, files, seconds);
  const [forged, kids] = await Promise.all(attack);
  for (const run of [forged, kids])
    if (run.errors.status !== run.requests) throw new Error('a bad token has passed');
  const rate = (forged.requests + kids.requests) / (seconds + 1);
  const cpu = (cpuMicros(target.pid) - before) / 1e6 / (seconds + 1.2);
  return { ...valid, rate, cpu };
}

function print(rows, counts) {
  const line = (name, run) => `| ${name} | ${(run.requests / run.seconds).toFixed(0)} | ${run.p50_us} | ${run.p99_us} | ` +
    `${run.rate ? run.rate.toFixed(0) : '-'} | ${run.cpu ? run.cpu.toFixed(2) : '-'} |`;
  const out = ['\n## A flood of forged tokens and random kids, valid clients beside\n',
    '| run | valid/s | p50 us | p99 us | bad/s | cores used by the gateway |', '|---|---|---|---|---|---|'];
  for (const row of rows)
    out.push(line('quiet', row.quiet), line('flood of trifles', row.trifles), line('flood', row.flood),
      line('HAProxy, quiet', row.haproxy), line('HAProxy, flood of trifles', row.haproxyTrifles));
  out.push('', `bad signatures verified: ${counts.verified}; fetches of the issuer's keys: ${counts.fetches}`);
  process.stdout.write(`${out.join('\n')}\n`);
}

export async function flood(stage) {
  if (!stage.hasGateway) {
    process.stdout.write('\n## Flood: nothing to measure without the program\n');
    return {};
  }
  const provider = await new OidcRig({ scope: 'bench:use' }).listen();
  try {
    const issuers = { dev: { issuer: provider.issuer, discovery: true, audiences: [provider.audience],
      algorithms: ['RS256', 'ES256'], grants: ['/system/*'] } };
    const target = await startGateway(stage.dir, { ...stage, ...PROVING, issuers, redis: undefined, name: 'flooded' });
    pin(0, target.pid);
    pin(0, stage.upstream.pid);
    const haproxy = await startHaproxyJwt(stage.dir, stage.upstream, stage.tokens);
    pin(0, haproxy.pid);
    const own = await stage.tokens.file(50);
    const files = await makeFiles(stage.dir, provider);
    await quietRun(target, files, 1);
    const started = Date.now();
    const rows = [];
    for (let i = 0; i < stage.pairs; i++) {
      const row = {
        quiet: await quietRun(target, files, stage.seconds),
        trifles: await floodRun(target, files, stage.seconds, [files.trifles, files.trifles]),
        flood: await floodRun(target, files, stage.seconds, [files.forged, files.kids]),
        haproxy: await quietRun(haproxy, { valid: own }, stage.seconds),
        haproxyTrifles: await floodRun(haproxy, { valid: own }, stage.seconds, [files.trifles, files.trifles]),
      };
      rows.push(row);
      process.stderr.write(`  flood #${i + 1}: p99 ${row.quiet.p99_us}, ${row.trifles.p99_us}, ${row.flood.p99_us} us\n`);
    }
    const seconds = (Date.now() - started) / 1000;
    const counts = { fetches: provider.counts.jwks, verified: await metric(target, 'millgate_jwt_bad_signatures_total') };
    print(rows, counts);
    const [quiet, trifles, beside, their, theirs] = ['quiet', 'trifles', 'flood', 'haproxy', 'haproxyTrifles'].map(
      (name) => median(rows.map((row) => row[name].p99_us)));
    process.stdout.write(`\nmedian p99, us: quiet ${quiet}, flood of trifles ${trifles}, flood ${beside}; ` +
      `HAProxy: quiet ${their}, flood of trifles ${theirs}\n`);
    verdict('p99 of valid clients, flood / quiet', beside / quiet, 2);
    verdict("p99 of valid clients, flood / HAProxy's under trifles", beside / theirs, 1);
    verdict('fetches of keys', counts.fetches, 1 + BUCKET + Math.floor(seconds / 10));
    return { rows, counts };
  } finally {
    await provider.stop();
  }
}
