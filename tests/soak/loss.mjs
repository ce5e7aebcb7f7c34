// How much a kill takes: a gateway and an edge are killed again and again in a stream of numbered messages, by QoS; what is not in
// the journal in the end is lost.
//
//   script/soak loss [--kills 10] [--rate 1000]

import { parseArgs } from 'node:util';

import { iotIsInstalled } from '../http/support/iot.mjs';
import { measureLoss, QOS_0_WINDOW_MS } from '../http/support/loss.mjs';
import { Scope } from './scope.mjs';

const text = { type: 'string' };
const { values } = parseArgs({ options: { kills: { ...text, default: '10' }, rate: { ...text, default: '1000' } } });
if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}

async function measure(what, qos) {
  const scope = new Scope();
  const loss = await scope.run(() => measureLoss(scope, { what, qos, rate: Number(values.rate), kills: Number(values.kills) }));
  const worst = Math.max(...loss.losses.map(({ beforeMs, behindMs }) => Math.max(beforeMs, behindMs)));
  const counts = loss.losses.map(({ count }) => count);
  console.log(`${what.padEnd(8)} QoS ${qos}: ${loss.sent} sent, ${loss.lost} lost by ${values.kills} kills (${counts.join(' ')}); ` +
    `${qos > 0 ? 'stated: none' : `the longest window ${worst.toFixed(1)} ms, stated: ${QOS_0_WINDOW_MS} ms`}`);
  return qos > 0 ? loss.lost === 0 : worst <= QOS_0_WINDOW_MS;
}

let isWithin = true;
for (const what of ['edge', 'gateway']) for (const qos of [1, 0]) isWithin = (await measure(what, qos)) && isWithin;
console.log(isWithin ? 'all within what docs/iot.md states' : 'MORE than docs/iot.md states');
process.exit(isWithin ? 0 : 1);
