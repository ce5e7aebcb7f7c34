// Real groups of Redis on free ports of 127.0.0.1: a primary with replicas and sentinels, or a cluster.
//
//   const group = await startSentinelGroup({ dir });      group.config   group.servers   group.sentinels
//   const cluster = await startCluster({ dir });          cluster.config cluster.nodes   await cluster.ownerOf('key')
//
// Each member is a Node: command(...words), has(words, part), kill(signal), start(), stop(). With
// `tls: {certificate_file, key_file, ca_file}` all of them, and what they say to each other, speak TLS only,
// and ask everybody for a certificate of that authority.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
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
  constructor({ dir, port, host = '127.0.0.1', isSentinel = false, tls }) {
    Object.assign(this, { dir, port, host, isSentinel, tls, address: { host, port } });
    if (tls) {
      const [cert, key, ca] = [tls.certificate_file, tls.key_file, tls.ca_file].map((file) => readFileSync(file));
      Object.assign(this.address, { cert, key, ca });
    }
    this.name = `${host}:${port}`;
    this.url = `redis://${this.name}`;
  }

  write(lines) {
    mkdirSync(this.dir, { recursive: true });
    const where = this.tls ? ['port 0', `tls-port ${this.port}`, ...this.#tlsLines()] : [`port ${this.port}`];
    const own = [...where, `bind ${this.host}`, `dir ${this.dir}`, `logfile ${join(this.dir, 'redis.log')}`];
    writeFileSync(join(this.dir, 'redis.conf'), [...own, ...lines, ''].join('\n'));
    return this;
  }

  #tlsLines() {
    const { certificate_file, key_file, ca_file } = this.tls;
    return [`tls-cert-file ${certificate_file}`, `tls-key-file ${key_file}`, `tls-ca-cert-file ${ca_file}`,
      'tls-auth-clients yes', 'tls-replication yes', ...(this.isSentinel ? [] : ['tls-cluster yes'])];
  }

  /** The raw answer. A fail-over ends all connections of a server, so a reset is asked again. */
  async command(...words) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#ask(words);
      } catch (error) {
        if (error.code !== 'ECONNRESET' || attempt === 3) throw error;
        await sleep(200);
      }
    }
  }

  /** The end of our side ends the connection: sentinels know no QUIT. */
  async #ask(words) {
    const socket = this.tls ? connectTls(this.address) : connect(this.address);
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

/** How a gateway reaches them: with the same certificate. */
const clientOf = (tls) => (!tls ? {} : {
  tls: true, ca_file: tls.ca_file, client_certificate_file: tls.certificate_file, client_key_file: tls.key_file,
});

/** servers[0] is the primary. */
export async function startSentinelGroup({ dir, replicas = 1, settings = [], tls }) {
  const servers = await nodesOf(dir, 'server', 1 + replicas, { tls });
  const sentinels = await nodesOf(dir, 'sentinel', 3, { isSentinel: true, tls });
  const [primary] = servers;
  for (const [i, server] of servers.entries())
    await server.write(['appendonly yes', 'appendfsync always', 'save ""', 'repl-diskless-sync-delay 0', ...settings,
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
    config: { sentinels: sentinels.map((sentinel) => sentinel.name), master: 'mill', ...clientOf(tls) },
    stop: () => Promise.all(all.map((node) => node.stop())),
  };
}

/** Three primaries with a replica each. */
export async function startCluster({ dir, tls }) {
  const nodes = await nodesOf(dir, 'node', 6, { tls });
  for (const node of nodes)
    await node.write(['cluster-enabled yes', `cluster-port ${await freePort()}`, 'cluster-node-timeout 1500',
      'appendonly yes', 'appendfsync always', 'save ""', 'repl-diskless-sync-delay 0', 'cluster-allow-replica-migration no']).start();
  await run('redis-cli', ['--cluster', 'create', ...nodes.map((node) => node.name), '--cluster-replicas', '1',
    '--cluster-yes', ...(tls ? ['--tls', '--cert', tls.certificate_file, '--key', tls.key_file, '--cacert', tls.ca_file] : [])]);
  for (const [i, node] of nodes.entries()) {
    await until(() => node.has(['CLUSTER', 'INFO'], 'cluster_state:ok'), 'the cluster stands');
    await until(() => node.has(['INFO', 'replication'], i < 3 ? 'connected_slaves:1' : 'master_link_status:up'),
      'replicas follow');
  }
  return {
    nodes,
    config: { cluster: nodes.slice(0, 2).map((node) => node.name), ...clientOf(tls) },
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
