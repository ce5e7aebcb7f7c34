// Keyed writes while gateways or backends are killed (SIGKILL) between a request's sending and its answer:
// how many have their effect once, and how many are left in doubt, which is what remains for class D.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { freePort, startRedis } from '../rigs/redis.mjs';
import { PATIENT, peerContract } from '../http/support/config.mjs';
import { makeFolder, send, startGateway } from '../http/support/harness.mjs';
import { Issuer } from '../http/support/tokens.mjs';

const BACKEND = fileURLToPath(new URL('doubt_backend.mjs', import.meta.url));
const CALLERS = 20;
const SECONDS = 12; // of each of the four runs
const KILL_EVERY_MS = 1000;
const PATIENCE_MS = 15_000; // of a caller, for one order
const grants = ['/system/*'];

class Backend {
  constructor(options) {
    Object.assign(this, options);
  }

  async start() {
    this.process = spawn(process.execPath, [BACKEND, String(this.port), this.file, this.effectClass], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(this.process.stdout, 'data');
    return this;
  }

  async kill() {
    const exited = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await exited;
  }

  /** Executions by order. */
  executions() {
    const counts = new Map();
    for (const line of readFileSync(this.file, 'utf8').split('\n').filter(Boolean)) {
      const n = Number(line.split(' ')[0]);
      counts.set(n, (counts.get(n) ?? 0) + 1);
    }
    return counts;
  }
}

async function startStage(t, effectClass) {
  const dir = makeFolder();
  const backend = await new Backend({ port: await freePort(), file: join(dir, 'executions'), effectClass }).start();
  t.after(() => backend.kill());
  const redis = await startRedis({ dir: join(dir, 'redis') });
  t.after(() => redis.stop('SIGKILL'));
  const issuer = new Issuer();
  const effects = effectClass === 'A' ? { class: 'A', key_header: 'Idempotency-Key' } : { class: 'D' };
  const operation = { operationId: 'order', responses: { default: { description: 'Any.' } }, requestBody: { content: { '*/*': {} } } };
  const gateways = await Promise.all([1, 2].map(() => startGateway(t, {
    issuer, peer: null,
    contracts: { 'shop.v1.yaml': peerContract({ name: 'shop', backend: 'shop', paths: { '/orders': { post: operation } } }) },
    config: {
      redis: redis.url, backends: { shop: { url: `http://127.0.0.1:${backend.port}`, grants, effects, total_timeout: '2s' } },
      policies: [...PATIENT, { idempotency: { redis_timeout: '1s', claim: '3s' } }],
    },
  })));
  return { backend, gateways, authorization: `Bearer ${issuer.token({ sub: 'buyer' })}` };
}

async function restart(gateway) {
  await gateway.kill();
  Object.assign(gateway, { stderr: '', ports: [], tlsPorts: [] });
  await gateway.start();
}

/** Sends an order, with the same key until it is answered for good: 'answered', 'in doubt', or 'open'. */
async function order(stage, n) {
  const key = `"${randomUUID()}"`;
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(100 + Math.random() * 100)) {
    const gateway = stage.gateways[Math.floor(Math.random() * stage.gateways.length)];
    if (gateway.port === undefined) continue; // it is on its way up
    const answer = await send({
      port: gateway.port, method: 'POST', path: '/system/shop/v1/orders', body: JSON.stringify({ n }),
      headers: { authorization: stage.authorization, 'content-type': 'application/json', 'idempotency-key': key },
    }).catch(() => undefined);
    if (answer?.status === 201) return 'answered';
    if (answer?.status === 409 && /outcome-unknown/.test(answer.text)) return 'in doubt';
  }
  return 'open';
}

async function run(scope, effectClass, victim) {
  const t = scope();
  try {
    const stage = await startStage(t, effectClass);
    const outcomes = [];
    const end = Date.now() + SECONDS * 1000;
    const call = async () => {
      while (Date.now() < end) {
        const n = outcomes.push('open') - 1;
        outcomes[n] = await order(stage, n);
      }
    };
    let kills = 0;
    const killer = async () => {
      for (; Date.now() < end; kills++) {
        await sleep(KILL_EVERY_MS * (0.5 + Math.random()));
        if (victim === 'gateway') await restart(stage.gateways[kills % stage.gateways.length]);
        else await stage.backend.kill().then(() => sleep(100)).then(() => stage.backend.start());
      }
    };
    await Promise.all([killer(), ...Array.from({ length: CALLERS }, call)]);
    const executions = stage.backend.executions();
    const those = (outcome) => outcomes.flatMap((what, n) => (what === outcome ? [executions.get(n) ?? 0] : []));
    return {
      effectClass, victim, kills, orders: outcomes.length, answered: those('answered'), doubtful: those('in doubt'),
      open: those('open'), twice: outcomes.filter((_, n) => (executions.get(n) ?? 0) > 1).length,
    };
  } finally {
    await t.end();
  }
}

export async function inDoubt(scope, print, verdict) {
  const runs = [];
  for (const effectClass of ['D', 'A'])
    for (const victim of ['gateway', 'backend']) runs.push(await run(scope, effectClass, victim));
  const executed = (counts) => counts.filter((count) => count > 0).length;
  print(`Keyed writes under SIGKILL, ${CALLERS} callers, ${SECONDS} s each`,
    ['class', 'killed', 'kills', 'orders', 'answered', 'left in doubt', 'of these executed', 'in doubt for each kill',
      'not answered in time', 'executed twice'],
    runs.map((row) => [row.effectClass, row.victim, row.kills, row.orders, row.answered.length, row.doubtful.length,
      executed(row.doubtful), (row.doubtful.length / row.kills).toFixed(1), row.open.length, row.twice]));
  const all = (key) => runs.flatMap((row) => row[key]);
  const doubts = (effectClass) => runs.filter((row) => row.effectClass === effectClass).flatMap((row) => row.doubtful);
  verdict(`Executed twice: ${runs.reduce((sum, { twice }) => sum + twice, 0)} (bound 0)`, runs.every(({ twice }) => twice === 0));
  verdict(`Answered, but not executed: ${all('answered').filter((count) => count === 0).length} (bound 0)`,
    all('answered').every((count) => count === 1));
  verdict(`Class A left in doubt: ${doubts('A').length} (bound 0)`, doubts('A').length === 0);
  process.stdout.write(`\nClass D left in doubt, for operations to look at: ${doubts('D').length} of ` +
    `${runs.filter((row) => row.effectClass === 'D').reduce((sum, { orders }) => sum + orders, 0)}, ` +
    `of which ${executed(doubts('D'))} were executed. No number is promised: whoever is under way when a process dies is.\n`);
  return runs.map(({ answered, doubtful, open, ...row }) => ({
    ...row, answered: answered.length, doubtful: doubtful.length, executedInDoubt: executed(doubtful), open: open.length,
  }));
}
