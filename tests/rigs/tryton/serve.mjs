// Starts the rig for a program that is not Node: prints `listening on URL`, ends by SIGTERM.
//
//   script/node tests/rigs/tryton/serve.mjs DIR [--port N] [--tied]
//
//   --tied   ends with its standard input, too: with whoever holds it, however that one ends

import { parseArgs } from 'node:util';

import { isInstalled, startTryton } from './tryton.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string' }, tied: { type: 'boolean' } },
});
if (!isInstalled()) {
  process.stdout.write('trytond is not installed: run script/bootstrap\n');
  process.exit(77);
}

const erp = await startTryton({
  dir: positionals[0],
  port: Number(values.port ?? 0) || undefined, // 0: a free one
});
let isStopping = false;
async function stop() {
  if (isStopping) return;
  isStopping = true;
  await erp.stop();
  process.exit(0);
}
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop);
if (values.tied) process.stdin.on('end', stop).resume();
process.stdout.write(`listening on ${erp.url}\n`);
