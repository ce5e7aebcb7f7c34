// script/bench flow: what a flow adds to the ERP that it asks, for both ERPs; and what a thousand flows cost to
// load, to keep and to load again. Latencies are of one caller at a time; what is asked directly and what is
// asked through the gateway take turns, request by request, so that the ERP's moods are the same for both.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

import { odataIsInstalled, startOdata } from '../rigs/odata.mjs';
import { isInstalled, startTryton } from '../rigs/tryton/tryton.mjs';
import { contractOfReads, readFlows, writeFlows } from './flow_cases.mjs';
import { loading } from './flow_load.mjs';
import { startGateway, stopGateway } from './gateway.mjs';
import { cpuMicros, median } from './measure.mjs';

const WARM = 30;
const REQUEST_MS = 20_000;

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

/** One request; its milliseconds and its body. */
function timed({ url, method = 'GET', headers = {}, body }) {
  return new Promise((resolve, reject) => {
    const began = process.hrtime.bigint();
    const request = http.request(url, { method, headers, agent }, async (response) => {
      try {
        let text = '';
        for await (const piece of response) text += piece;
        const ms = Number(process.hrtime.bigint() - began) / 1e6;
        if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode} ${text}`);
        resolve({ ms, text });
      } catch (error) {
        reject(error);
      }
    });
    request.setTimeout(REQUEST_MS, () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
    request.end(body);
  });
}

/** The process and all below it: what evaluates expressions may be a process of its own. */
export function treeOf(pid) {
  const below = readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    const path = `/proc/${pid}/task/${task}/children`;
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number) : [];
  });
  return [pid, ...below.flatMap(treeOf)];
}

const spent = (pid) => treeOf(pid).reduce((sum, each) => sum + cpuMicros(each), 0);

// Both in turn, `count` times: milliseconds each, and CPU of gateway and ERP while the gateway was asked.
async function turns({ direct, through, erpPid, gatewayPid, count }) {
  for (let i = 0; i < WARM; i++) {
    await timed(direct);
    await timed(through);
  }
  const own = [], mapped = [];
  const gatewayBefore = spent(gatewayPid), erpBefore = cpuMicros(erpPid);
  for (let i = 0; i < count; i++) {
    own.push((await timed(direct)).ms);
    mapped.push((await timed(through)).ms);
  }
  return {
    own: median(own), mapped: median(mapped), added: median(mapped.map((ms, i) => ms - own[i])),
    gatewayMicros: (spent(gatewayPid) - gatewayBefore) / count,
    erpMicros: (cpuMicros(erpPid) - erpBefore) / (2 * count),
  };
}

async function startErps(stage, scope) {
  const erps = {};
  if (odataIsInstalled()) {
    const pids = new Set(treeOf(process.pid));
    const url = await startOdata(scope);
    const pid = treeOf(process.pid).find((each) => !pids.has(each) && readFileSync(`/proc/${each}/cmdline`, 'utf8').includes('server.js'));
    erps.odata = { url, pid };
  }
  if (isInstalled()) {
    const tryton = await startTryton({ dir: join(stage.dir, 'tryton') });
    scope.after(() => tryton.stop());
    erps.tryton = { url: tryton.url, pid: tryton.process.pid, tryton, client: await tryton.client().login() };
  }
  return erps;
}

const milliseconds = (ms) => ms.toFixed(2);

function print(rows) {
  const out = ['\n## A mapped read beside the ERP\'s own answer\n',
    '| read | ERP itself, ms | through the gateway, ms | added, ms | ratio | gateway CPU, us | ERP CPU, us | CPU ratio |', '|---|---|---|---|---|---|---|---|'];
  for (const { name, own, mapped, added, gatewayMicros, erpMicros } of rows)
    out.push(`| ${name} | ${milliseconds(own)} | ${milliseconds(mapped)} | ${milliseconds(added)} | ${(mapped / own).toFixed(3)} | ` +
      `${gatewayMicros.toFixed(0)} | ${erpMicros.toFixed(0)} | ${(gatewayMicros / erpMicros).toFixed(3)} |`);
  process.stdout.write(`${out.join('\n')}\n`);
}

async function reads(stage, scope) {
  const erps = await startErps(stage, scope);
  const flows = writeFlows(join(stage.dir, 'read-flows'), readFlows(erps));
  const { contract, backends, cases } = contractOfReads(erps);
  const gateway = await startGateway(stage.dir, { ...stage, name: 'reads', contract, backends, extra: { flows: [flows] } });
  const [token] = readFileSync(await stage.tokens.file(1), 'utf8').split('\n');
  const root = gateway.url.replace(/\/item$/, '');
  const rows = [];
  for (const each of cases) {
    const through = { url: `${root}${each.path}`, headers: { authorization: `Bearer ${token}` } };
    const row = await turns({ direct: each.direct, through, erpPid: each.erp.pid, gatewayPid: gateway.pid, count: stage.pairs * 40 });
    process.stderr.write(`  ${each.name}: +${milliseconds(row.added)} ms\n`);
    rows.push({ name: each.name, ...row });
  }
  await stopGateway(gateway);
  print(rows);
  return rows;
}

export async function flow(stage) {
  if (!stage.hasGateway) {
    process.stdout.write('\n## Flows: nothing to measure without the program\n');
    return {};
  }
  const ends = [];
  try {
    return { reads: await reads(stage, { after: (end) => ends.unshift(end) }), loading: await loading(stage) };
  } finally {
    for (const end of ends) await end();
    agent.destroy();
  }
}
