// One threshold on messages of one sample each, by Node-RED and by the gateway, in turn and at the same rate. Node-RED gets
// plain JSON and its shortest flow: mqtt in, switch, mqtt out. The gateway gets Sparkplug, journals each message before it looks
// at it, and knows when the alarm ends; what its Redis takes is told apart and added. mosquitto_sub is what receiving takes.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

import { MQTT_USERS } from '../rigs/iot/mosquitto.mjs';
import { freePort } from '../rigs/redis.mjs';
import { cpuMicros, median } from './measure.mjs';
import { launch } from './targets.mjs';

const HOME = fileURLToPath(new URL('nodered/', import.meta.url));
const PROGRAM = join(HOME, 'node_modules/node-red/red.js');
const RATE = 2000, EVERY = 201; // messages a second; of so many one crosses the limit
const START_MS = 60_000;
const SHAPE = { nodes: 4, devices: 50, metrics: 50 };

const out = (text) => process.stdout.write(`${text}\n`);

function install() {
  if (existsSync(PROGRAM)) return true;
  process.stderr.write('  installing Node-RED\n');
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: HOME, stdio: 'inherit' });
  } catch {
    return false;
  }
  return existsSync(PROGRAM);
}

function writeFlow(dir, port, { user, password }) {
  const at = { z: 'tab', x: 0, y: 0 };
  const flow = [
    { id: 'tab', type: 'tab', label: 'threshold' },
    { id: 'broker', type: 'mqtt-broker', broker: '127.0.0.1', port: String(port), clientid: 'node-red', protocolVersion: '5', keepalive: '60', cleansession: true },
    { id: 'in', type: 'mqtt in', ...at, topic: 'bench/#', qos: '0', datatype: 'json', broker: 'broker', wires: [['limit']] },
    { id: 'limit', type: 'switch', ...at, property: 'payload.value', propertyType: 'msg', rules: [{ t: 'gt', v: '90', vt: 'num' }], checkall: 'false', outputs: 1, wires: [['topic']] },
    { id: 'topic', type: 'change', ...at, rules: [{ t: 'set', p: 'topic', pt: 'msg', to: 'alarms', tot: 'str' }], wires: [['out']] },
    { id: 'out', type: 'mqtt out', ...at, topic: '', qos: '1', broker: 'broker', wires: [] },
  ];
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'flows.json'), JSON.stringify(flow));
  writeFileSync(join(dir, 'flows_cred.json'), JSON.stringify({ broker: { user, password } }));
}

async function startNodeRed(stage, broker) {
  const dir = join(stage.dir, 'node-red');
  writeFlow(dir, broker.port, { user: 'mes', password: MQTT_USERS.mes.password });
  writeFileSync(join(dir, 'settings.js'), `module.exports = { uiHost: '127.0.0.1', uiPort: ${await freePort()}, flowFile: 'flows.json', credentialSecret: false,
    httpAdminRoot: false, httpNodeRoot: false, telemetry: { enabled: false, updateNotification: false }, externalModules: { autoInstall: false },
    logging: { console: { level: 'info', metrics: false, audit: false } } };\n`);
  const child = launch(process.execPath, [PROGRAM, '-s', join(dir, 'settings.js'), '-u', dir], { dir, name: 'node-red', env: { HOME: dir } });
  const until = Date.now() + START_MS;
  while (!/Connected to broker/.test(readFileSync(child.outputPath, 'utf8'))) {
    if (child.exitCode !== null || Date.now() > until) throw new Error(`Node-RED did not start:\n${readFileSync(child.outputPath, 'utf8').slice(-2000)}`);
    await sleep(50);
  }
  return child;
}

/** Who hears what Node-RED says: how many that were. */
function listen(scope, broker, topic) {
  const child = spawn('mosquitto_sub', ['-h', '127.0.0.1', '-p', String(broker.port), '-u', 'mes', '-P', MQTT_USERS.mes.password, '-t', topic, '-F', '.'],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  scope.after(async () => {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  });
  const listener = { pid: child.pid, count: 0 };
  child.stdout.on('data', (bytes) => { for (const byte of bytes) listener.count += byte === 10; });
  return listener;
}

const peaks = (count) => Math.floor(count / EVERY);

async function settled(count, wanted, what) {
  const until = Date.now() + START_MS;
  while (count() < wanted) {
    if (Date.now() > until) throw new Error(`${what}: ${count()} of ${wanted}`);
    await sleep(20);
  }
}

/** CPU of each process for a message. */
async function turn({ load, pids, settle }, seconds) {
  const before = pids.map(cpuMicros);
  const { sent } = await load.run({ rate: RATE, seconds, batch: 1, every: EVERY, style: 'peak' });
  await settle(sent);
  return pids.map((pid, i) => (cpuMicros(pid) - before[i]) / sent);
}

export async function besideNodeRed(scope, stage, lib) {
  if (!install()) {
    out('\n## Beside Node-RED: it cannot be installed here');
    return undefined;
  }
  const broker = await lib.startBroker(scope, join(stage.dir, 'threshold-broker'));
  const redis = await lib.startRecords(scope, join(stage.dir, 'threshold-records'));
  const nodeRed = await startNodeRed(stage, broker);
  const plant = await lib.startPlantGateway(scope, { dir: join(stage.dir, 'threshold'), broker, redis,
    registry: lib.writeRegistry(join(stage.dir, 'threshold-registry'), SHAPE), signals: lib.writeThreshold(join(stage.dir, 'threshold-signals')) });
  const edge = { url: broker.url, username: 'mes', password: MQTT_USERS.mes.password };
  const plain = await lib.startLoad(scope, { broker: edge, shape: SHAPE, kind: 'json' });
  const sparkplug = await lib.startLoad(scope, { broker: edge, shape: SHAPE, kind: 'sparkplug' });
  const alarms = listen(scope, broker, 'alarms'), receiver = listen(scope, broker, 'bench/#');
  await sleep(1000);

  let heard = 0;
  const theirs = { load: plain, pids: [nodeRed.pid, receiver.pid, broker.pid],
    settle: (sent) => settled(() => alarms.count, (heard += peaks(sent)), 'alarms of Node-RED') };
  let taken = await plant.telemetry.metric('millgate_iot_messages_total');
  const ours = { load: sparkplug, pids: [plant.gw.pid, redis.process.pid, broker.pid], settle: async (sent) => {
    const until = Date.now() + START_MS;
    for (taken += sent; (await plant.telemetry.metric('millgate_iot_messages_total')) < taken; await sleep(20))
      if (Date.now() > until) throw new Error('the gateway did not get done');
  } };
  const runs = [];
  await turn(theirs, 1);
  await turn(ours, 1);
  for (let i = 0; i < Math.min(stage.pairs, 5); i++) {
    const [node, sub] = await turn(theirs, stage.seconds), [own, records] = await turn(ours, stage.seconds);
    runs.push({ node, sub, own, records, ratio: (own + records) / node });
    process.stderr.write(`  Node-RED #${i + 1}: ${node.toFixed(0)} us, gateway ${own.toFixed(0)} + Redis ${records.toFixed(0)} us\n`);
  }
  return print(Object.fromEntries(Object.keys(runs[0]).map((key) => [key, median(runs.map((run) => run[key]))])));
}

function print(row) {
  out(`\n## One threshold, ${RATE} messages of one sample a second: CPU for a message\n`);
  out('| | us |\n|---|---|');
  out(`| Node-RED (JSON; mqtt in, switch, mqtt out) | ${row.node.toFixed(1)} |\n| gateway (Sparkplug, journaled, alarm with hysteresis) | ${row.own.toFixed(1)} |`);
  out(`| its Redis (journal and events, each on disk) | ${row.records.toFixed(1)} |\n| mosquitto_sub, which only receives | ${row.sub.toFixed(1)} |`);
  out(`\ngateway and Redis / Node-RED: ${row.ratio.toFixed(2)}`);
  return row;
}
