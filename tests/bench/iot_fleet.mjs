// How soon another gateway has the edge nodes of one that was killed, and how soon one with 10,000 devices is there.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { memoryMiB } from './measure.mjs';
import { eventually } from '../http/support/harness.mjs';
import { SIGNALS } from '../http/support/iot.mjs';

const TYPES = new URL('../../apis/system/iot/types', import.meta.url).pathname;
const NODES = { nodes: 100, devices: 10 };
const MANY = { nodes: 200, devices: 50 };
const ROUNDS = 3;
const PATIENCE_MS = 60_000;

const out = (text) => process.stdout.write(`${text}\n`);
const owned = async (plant) => (await plant.telemetry.metric('millgate_iot_edge_nodes')) ?? 0;

export async function takeOver(scope, stage, lib) {
  const broker = await lib.startBroker(scope, join(stage.dir, 'fleet-broker'));
  const redis = await lib.startRecords(scope, join(stage.dir, 'fleet-records'));
  const registry = [TYPES, lib.writeRegistry(join(stage.dir, 'fleet-registry'), NODES, 'cnc')];
  const [first, second] = await Promise.all(['first', 'second'].map((instance) => lib.startPlantGateway(scope, {
    dir: join(stage.dir, instance), broker, redis, registry, signals: SIGNALS, iot: { instance } })));
  const isShared = async () => {
    const [one, other] = [await owned(first), await owned(second)];
    return one > 0 && other > 0 && one + other === NODES.nodes;
  };
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    await eventually(isShared, 'both to have some', PATIENCE_MS);
    const began = performance.now();
    await first.gw.kill();
    await eventually(async () => (await owned(second)) === NODES.nodes, 'the other to have all', PATIENCE_MS);
    times.push((performance.now() - began) / 1000);
    await first.gw.startAgain();
  }
  out(`\n## One of two gateways is killed: the other has all ${NODES.nodes} edge nodes after ${times.map((each) => each.toFixed(1)).join(', ')} s`);
  return times;
}

export async function starting(scope, stage, lib) {
  const broker = await lib.startBroker(scope, join(stage.dir, 'many-broker'));
  const redis = await lib.startRecords(scope, join(stage.dir, 'many-records'));
  const registry = [TYPES, lib.writeRegistry(join(stage.dir, 'many-registry'), MANY, 'cnc')];
  const plant = await lib.startPlantGateway(scope, { dir: join(stage.dir, 'many'), broker, redis, registry, signals: SIGNALS, start: false });
  const began = performance.now();
  await plant.gw.start();
  const readyMs = performance.now() - began;
  while ((await owned(plant)) < MANY.nodes) await sleep(20);
  const row = { readyMs, ownedMs: performance.now() - began, mib: memoryMiB(plant.gw.pid) };
  out(`\n## ${MANY.nodes * MANY.devices} devices of ${MANY.nodes} edge nodes, seven series each: ready after ${(row.readyMs / 1000).toFixed(2)} s, ` +
    `all owned after ${(row.ownedMs / 1000).toFixed(2)} s, ${row.mib.toFixed(0)} MiB`);
  return row;
}
