// A thousand flows, of which libjq compiles a few expressions that all have, or one more of each: how long the program takes to start with them and to load them again, and what they take of
// its memory; beside as many operations that are passed through.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { writeFlows } from './flow_cases.mjs';
import { startGateway, stopGateway } from './gateway.mjs';
import { treeOf } from './flow.mjs';
import { median, memoryMiB } from './measure.mjs';
import { ADMIN_SCOPE } from '../http/support/config.mjs';

const COUNT = 1000;
const ROUNDS = 3;

// Each asks twice, decides, and maps by functions of a common file and by expressions of its own.
function flowOf(i, own = '') {
  return {
    document: { dsl: '1.0.0', namespace: 'load', name: `flow-${i}`, version: '1.0.0', metadata: { mappings: ['mapping.jq'] } },
    use: { errors: { missing: { type: 'https://example.test/errors/missing', status: 404, title: 'Not there' } } },
    do: [
      { read: { call: 'http.request', with: { backend: 'upstream', path: `/items-${i}/{id}`, parameters: { id: '${ .parameters.id }' } }, export: { as: '${ {item: .} }' } } },
      { missing: { if: '${ .quantity == null }', raise: { error: 'missing' } } },
      { stock: { call: 'http.request', with: { backend: 'upstream', path: `/stock-${i}`, query: { material: '${ .material }' } } } },
      { answer: { set: { body: {
        number: i, from: '${ $context.item | from_odata }', unit: '${ .unit | unit }', quantity: `\${ (.quantity // 0) * ${i + 1} | tostring${own} }` } } } },
    ],
  };
}

function pathsOf(extension) {
  const entries = Array.from({ length: COUNT }, (_, i) => [`/area-${i % 97}/line-${i}/{id}`, {
    parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
    get: { operationId: `read-${i}`, responses: { default: { description: 'As it is.' } }, ...extension(i) },
  }]);
  return Object.fromEntries(entries);
}

const ALL = {
  [`${COUNT} operations, passed through`]: { extension: () => ({}) },
  [`${COUNT} operations, a flow each`]: { extension: (i) => ({ 'x-millgate': { flow: `load/flow-${i}` } }), own: '' },
  [`${COUNT} operations, a flow with an expression of its own each`]: {
    extension: (i) => ({ 'x-millgate': { flow: `load/flow-${i}` } }), own: ' | ascii_downcase' },
};

async function reload(gateway, token) {
  const began = performance.now();
  const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/reload`, {
    method: 'POST', body: '{}', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`reload: ${answer.status} ${await answer.text()}`);
  return performance.now() - began;
}

async function round(stage, { extension, own }, dir) {
  const hasFlows = own !== undefined;
  const folder = hasFlows && writeFlows(join(dir, `load-flows${own.length}`), Array.from({ length: COUNT }, (_, i) => flowOf(i, own)));
  const began = performance.now();
  const gateway = await startGateway(stage.dir, {
    ...stage, name: 'load', contract: { paths: pathsOf(extension) }, extra: hasFlows ? { flows: [folder] } : {} });
  const startMs = performance.now() - began;
  const mib = () => treeOf(gateway.pid).reduce((sum, pid) => sum + memoryMiB(pid), 0);
  const startMiB = mib();
  const token = stage.tokens.issuer.token({ scope: ADMIN_SCOPE });
  const sameMs = await reload(gateway, token);
  if (hasFlows) writeFileSync(join(folder, 'flow-7.flow.yaml'), JSON.stringify({ ...flowOf(7, own), input: { from: '${ . }' } }));
  const changedMs = await reload(gateway, token);
  const result = { startMs, startMiB, sameMs, changedMs, endMiB: mib() };
  await stopGateway(gateway);
  return result;
}

export async function loading(stage) {
  const runs = Object.fromEntries(Object.keys(ALL).map((name) => [name, []]));
  for (let i = 0; i < ROUNDS; i++)
    for (const [name, what] of Object.entries(ALL)) runs[name].push(await round(stage, what, stage.dir));
  const rows = Object.entries(runs).map(([name, list]) => {
    const of = (key) => median(list.map((each) => each[key]));
    return { name, startMs: of('startMs'), startMiB: of('startMiB'), sameMs: of('sameMs'), changedMs: of('changedMs'), endMiB: of('endMiB') };
  });
  process.stdout.write('\n## Loading\n\n| | start, ms | memory, MiB | reload, ms | reload, one flow changed, ms | memory after, MiB |\n|---|---|---|---|---|---|\n');
  for (const row of rows)
    process.stdout.write(`| ${row.name} | ${row.startMs.toFixed(0)} | ${row.startMiB.toFixed(1)} | ${row.sameMs.toFixed(0)} | ${row.changedMs.toFixed(0)} | ${row.endMiB.toFixed(1)} |\n`);
  return rows;
}
