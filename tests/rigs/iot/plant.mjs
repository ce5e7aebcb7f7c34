// A plant of three lines and a store that speaks Sparkplug B to a broker.
//
//   node plant.mjs --broker mqtt://127.0.0.1:1883 --username edge --password pw [--speed 60] [--back 3600] [--seed 1]
//                  [--style alias|name] [--steps 600] [--ca FILE --cert FILE --key FILE] [--samples FILE] [--control 0]
//
// --steps: so many and then the end; otherwise it runs until it is ended. --samples: what was sent, written at the end.
// --control PORT: faults by HTTP (control.mjs); the URL is printed. In tests: import { startPlant }.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import { serveControl } from './plant/control.mjs';
import { Plant } from './plant/plant.mjs';

export { LAYOUT } from './plant/layout.mjs';
export { Plant } from './plant/plant.mjs';

/** Connected, and standing still: step() or run() it. It goes with the test. */
export async function startPlant(scope, options) {
  const plant = new Plant(options);
  scope?.after(() => plant.stop());
  return plant.connect();
}

function brokerOf({ broker, username, password, ca, cert, key }) {
  const read = (path) => path && readFileSync(path);
  return { url: broker, username, password, options: { ca: read(ca), cert: read(cert), key: read(key) } };
}

async function main() {
  const text = { type: 'string' };
  const { values } = parseArgs({ options: { broker: { ...text, default: 'mqtt://127.0.0.1:1883' }, username: { ...text, default: 'edge' },
    password: { ...text, default: '' }, ca: text, cert: text, key: text, speed: { ...text, default: '1' }, back: text, seed: { ...text, default: '1' },
    style: { ...text, default: 'alias' }, steps: text, samples: text, control: text } });
  const speed = Number(values.speed);
  const plant = new Plant({ broker: brokerOf(values), speed, seed: values.seed, style: values.style,
    backMs: values.back === undefined ? undefined : Number(values.back) * 1000, keep: Boolean(values.samples || values.control) });
  const end = async () => {
    await plant.stop();
    if (values.samples) await plant.writeSamples(values.samples);
    process.exit(0);
  };
  process.once('SIGTERM', end).once('SIGINT', end);
  await plant.connect();
  if (values.control !== undefined) console.log(`control on ${await serveControl(plant, Number(values.control))}`);
  console.log('the plant is running');
  if (values.steps === undefined) return plant.run();
  await plant.step(Number(values.steps));
  return end();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
