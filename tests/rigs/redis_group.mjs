// Real groups of Redis on free ports of 127.0.0.1: a primary with replicas and sentinels, or a cluster.
//
//   const group = await startSentinelGroup({ dir });      group.config   group.servers   group.sentinels
//   const cluster = await startCluster({ dir });          cluster.config cluster.nodes   await cluster.ownerOf('key')
//
// Each member is a Node: command(...words), info(section), kill(signal), start(), stop().

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { freePort } from './redis.mjs';

const run = promisify(execFile);

async function until(probe, what, deadlineMs = 40_000) {
  for (const end = Date.now() + deadlineMs; ; await sleep(50)) {
    if (await probe().catch(() => false)) return;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
  }
}

export class Node {
  constructor({ dir, port, host = '127.0.0.1', isSentinel = false }) {
    Object.assign(this, { dir, port, host, isSentinel, address: { host, port } });
    this.name = `${host}:${port}`;
    this.url = `redis://${this.name}`;
  }

  write(lines) {
    mkdirSync(this.dir, { recursive: true });
    const own = [`port ${this.port}`, `bind ${this.host}`, `dir ${this.dir}`, `logfile ${join(this.dir, 'redis.log')}`];
    writeFileSync(join(this.dir, 'redis.conf'), [...own, ...lines, ''].join('\n'));
    return this;
  }

  /** The raw answer. The end of our side ends the connection: sentinels know no QUIT. */
  async command(...words) {
    const socket = connect(this.address);
    socket.setTimeout(2000, () => socket.destroy(new Error(`${this.name} did not answer in time`)));
    const text = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`).join('');
    socket.end(`*${words.length}\r\n${text}`);
    const pieces = [];
    for await (const piece of socket) pieces.push(piece);
    return Buffer.concat(pieces).toString().trim();
  }

  async has(words, part) {
    return (await this.command(...words)).includes(part);
  }

  async start() {
    const options = this.isSentinel ? ['--sentinel'] : [];
    this.process = spawn('redis-server', [join(this.dir, 'redis.conf'), ...options], { stdio: 'ignore' });
    this.process.on('error', () => {});
    await until(() => this.has(['PING'], 'PONG'), `${this.name} answers`);
    return this;
  }

  kill(signal) {
    this.process.kill(signal);
  }

  async stop() {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode) return;
    const exited = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await exited;
  }
}

const nodesOf = async (dir, name, count, more = {}) =>
  Promise.all(Array.from({ length: count }, async (_, i) =>
    new Node({ dir: join(dir, `${name}${i}`), port: await freePort(), ...more })));

/** servers[0] is the primary. */
export async function startSentinelGroup({ dir, replicas = 1, settings = [] }) {
  const servers = await nodesOf(dir, 'server', 1 + replicas);
  const sentinels = await nodesOf(dir, 'sentinel', 3, { isSentinel: true });
  const [primary] = servers;
  for (const [i, server] of servers.entries())
    await server.write(['appendonly yes', 'save ""', 'repl-diskless-sync-delay 0', ...settings,
      ...(i > 0 ? [`replicaof 127.0.0.1 ${primary.port}`] : [])]).start();
  for (const replica of servers.slice(1))
    await until(() => replica.has(['INFO', 'replication'], 'master_link_status:up'), 'the replica follows');
  for (const sentinel of sentinels)
    await sentinel.write([`sentinel monitor mill 127.0.0.1 ${primary.port} 2`,
      'sentinel down-after-milliseconds mill 1000', 'sentinel failover-timeout mill 3000']).start();
  for (const sentinel of sentinels)
    await until(() => sentinel.has(['INFO', 'sentinel'], `slaves=${replicas},sentinels=3`), 'the sentinels know all');
  const all = [...sentinels, ...servers];
  return {
    servers, sentinels,
    config: { sentinels: sentinels.map((sentinel) => sentinel.name), master: 'mill' },
    stop: () => Promise.all(all.map((node) => node.stop())),
  };
}

/** Three primaries with a replica each. */
export async function startCluster({ dir }) {
  const nodes = await nodesOf(dir, 'node', 6);
  for (const node of nodes)
    await node.write(['cluster-enabled yes', `cluster-port ${await freePort()}`, 'cluster-node-timeout 1500',
      'appendonly yes', 'save ""', 'repl-diskless-sync-delay 0', 'cluster-allow-replica-migration no']).start();
  await run('redis-cli', ['--cluster', 'create', ...nodes.map((node) => node.name), '--cluster-replicas', '1',
    '--cluster-yes']);
  for (const [i, node] of nodes.entries()) {
    await until(() => node.has(['CLUSTER', 'INFO'], 'cluster_state:ok'), 'the cluster stands');
    await until(() => node.has(['INFO', 'replication'], i < 3 ? 'connected_slaves:1' : 'master_link_status:up'),
      'replicas follow');
  }
  return {
    nodes,
    config: { cluster: nodes.slice(0, 2).map((node) => node.name) },
    idOf: async (node) => /\r\n(\w{40})/.exec(await node.command('CLUSTER', 'MYID'))[1],
    /** Who serves the key now. */
    async ownerOf(key) {
      for (const node of nodes) {
        const answer = await node.command('EXISTS', key).catch(() => '-');
        if (answer.startsWith(':')) return node;
      }
      return undefined;
    },
    stop: () => Promise.all(nodes.map((node) => node.stop())),
  };
}
