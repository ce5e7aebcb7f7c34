// Starts the broker, the plant and a meter that speaks plain JSON for a program that is not Node: prints `listening on mqtt://HOST:PORT` and `control on
// URL` (faults by HTTP: plant/control.mjs), ends by SIGTERM.
//
//   script/node tests/rigs/iot/serve.mjs DIR [--control PORT] [--seed N] [--host 127.0.0.1] [--port N]
//
// The gateway is the user "mes", whose password is in DIR/password.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { METER_LAYOUT, startJsonPlant } from './json_plant.mjs';
import { mosquittoIsInstalled, MQTT_USERS, startMosquitto } from './mosquitto.mjs';
import { startPlant } from './plant.mjs';
import { serveControl } from './plant/control.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true, options: {
    control: { type: 'string', default: '0' }, seed: { type: 'string', default: '1' }, host: { type: 'string' }, port: { type: 'string', default: '0' },
  },
});
if (!mosquittoIsInstalled()) {
  process.stdout.write('mosquitto is not installed: run script/bootstrap\n');
  process.exit(77);
}
const dir = positionals[0];
mkdirSync(dir, { recursive: true, mode: 0o700 });
writeFileSync(join(dir, 'password'), MQTT_USERS.mes.password, { mode: 0o600 });
const broker = await startMosquitto({ dir: join(dir, 'broker'), host: values.host, port: Number(values.port) });
const plant = await startPlant(null, {
  broker: { url: broker.url, username: 'edge', password: MQTT_USERS.edge.password }, seed: values.seed, keep: false,
});
const meters = await startJsonPlant(null, {
  broker: { url: broker.url, username: 'edge', password: MQTT_USERS.edge.password }, seed: values.seed, keep: false, layout: METER_LAYOUT,
  everyMs: 5000,
});
let isStopping = false;
async function stop() {
  if (isStopping) return;
  isStopping = true;
  await Promise.all([plant.stop(), meters.stop()]);
  await broker.stop();
  process.exit(0);
}
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop);
process.stdout.write(`control on ${await serveControl(plant, Number(values.control))}\n`);
process.stdout.write(`listening on ${broker.url}\n`);
plant.run();
meters.run();
