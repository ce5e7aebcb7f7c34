// An edge whose disk is full: a file system of its own without room where one can be mounted, else files that may not grow.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { Edge, startCentre } from './support/edge.mjs';
import { eventually, makeFolder, runProgram, suiteScope } from './support/harness.mjs';
import { assertSame, iotIsInstalled } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');

const LINE_3 = LAYOUT.filter(({ edgeNode }) => edgeNode === 'line-3');
const PATIENCE = 30_000;
const sentBy = (plant) => plant.edges.reduce((sum, { counts }) => sum + counts.sent, 0);

/** fill(edge) leaves next to no room, empty(edge) gives it back. */
function smallDisk(scope) {
  const folder = join(makeFolder(), 'small');
  mkdirSync(folder, { recursive: true });
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder]).status === 0) {
    scope.after(() => execFileSync('umount', ['-l', folder]));
    const ballast = join(folder, 'ballast');
    return {
      folder, isReal: true,
      fill: () => {
        const { bavail, bsize } = statfsSync(folder);
        writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail - 4) * bsize, 1));
      },
      empty: () => rmSync(ballast),
    };
  }
  const limit = (edge, bytes) => execFileSync('prlimit', ['--pid', String(edge.process.pid), `--fsize=${bytes}:unlimited`]);
  const largest = (edge) => Math.max(...['edge.db', 'edge.db-wal'].map((name) => statSync(join(folder, name)).size));
  return { folder, isReal: false, fill: (edge) => limit(edge, largest(edge) + 16_384), empty: (edge) => limit(edge, 'unlimited') };
}

describe('an edge whose disk is full', async () => {
  const scope = suiteScope();
  const centre = await startCentre(scope, { edges: { 'edge-1': { plant: '1020', consumer: 'edges:edge-1' } } });
  const disk = smallDisk(scope);
  const edge = await Edge.prepare(scope, { centre, layout: LINE_3, plant: '1020', edge: { spool: { path: join(disk.folder, 'edge.db') } } });
  await edge.start();
  const plant = await startPlant(scope, { broker: edge.mqtt, layout: LINE_3, backMs: 2 * 3_600_000 });

  test('lives on, says so, and goes on by itself with nothing lost', async () => {
    console.log(disk.isReal ? 'a file system without room' : 'no file system can be mounted: files that may not grow');
    await plant.fault('vibrate', 'lathe-1', { by: 9 });
    await plant.step(100);
    await edge.settled(sentBy(plant));
    disk.fill(edge);
    for (let i = 0; i < 20 && !(await edge.status()).spool.disk_failing; i++) await plant.step(60);
    await eventually(async () => (await edge.status()).spool.disk_failing, 'the disk to be full', PATIENCE);
    await plant.mend('vibrate', 'lathe-1');
    await plant.step(200);
    const ready = await edge.get('/readyz');
    assert.deepEqual([ready.status, ready.json.why], [503, 'the disk cannot be written']);
    assert.match((await edge.get('/metrics')).text, /^millgate_edge_disk_failing 1$/m);
    assert.match((await edge.get('/metrics')).text, /^millgate_edge_commit_failures_total [1-9]/m);
    assert.match(edge.stderr, /edge\.db cannot be written: /);
    assert.equal((await edge.get('/healthz')).status, 200);
    const { telemetry } = await edge.status();
    assert.ok(telemetry.journal_pending_bytes > 0, JSON.stringify(telemetry));
    disk.empty(edge);
    await eventually(async () => (await edge.get('/readyz')).status === 200, 'it is ready again', PATIENCE);
    assert.match(edge.stderr, /edge\.db can be written again/);
    await plant.step(50);
    await edge.settled(sentBy(plant));
    await edge.forwarded();
    Object.assign(centre.telemetry, { registry: edge.registry });
    const expected = centre.telemetry.expected(plant.samples);
    assert.ok(expected.length > 1);
    assertSame(await centre.telemetry.read(), expected);
  });

  test('one that starts on it ends, and says why', async () => {
    if (!disk.isReal) return;
    await edge.stop();
    for (const end of ['', '-wal', '-shm']) rmSync(join(disk.folder, `edge.db${end}`), { force: true });
    disk.fill(edge);
    const { code, stderr } = runProgram(['edge', '-c', edge.configPath]);
    assert.equal(code, 1);
    assert.match(stderr, /full|No space left/);
    disk.empty(edge);
  });
});
