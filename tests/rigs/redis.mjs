// A real redis-server in a folder of its own, on a free port or a unix socket.
//
//   const redis = await startRedis({ dir });   redis.url   await redis.command('PING')   await redis.stop()

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A port that was free a moment ago. */
export function freePort() {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Sends one command (an array of texts) over a connection of its own; returns the raw RESP answer. */
export async function redisCommand(address, words, deadlineMs = 2000) {
  const socket = connect(address);
  socket.setTimeout(deadlineMs, () => socket.destroy(new Error('redis did not answer in time')));
  const text = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('');
  socket.write(`*${words.length}\r\n${text}*1\r\n$4\r\nQUIT\r\n`);
  const pieces = [];
  for await (const piece of socket) pieces.push(piece);
  return Buffer.concat(pieces).toString().replace(/\+OK\r\n$/, '').trim();
}

class Redis {
  constructor({ dir, port, socketPath, settings }) {
    Object.assign(this, { dir, port, socketPath, settings });
    this.url = socketPath ? `unix:${socketPath}` : `redis://127.0.0.1:${port}`;
    this.address = socketPath ? { path: socketPath } : { host: '127.0.0.1', port };
  }

  command(...words) {
    return redisCommand(this.address, words);
  }

  async start() {
    const where = this.socketPath
      ? ['--port', '0', '--unixsocket', this.socketPath]
      : ['--port', String(this.port), '--bind', '127.0.0.1'];
    const options = ['--dir', this.dir, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--logfile',
      join(this.dir, 'redis.log'), '--maxmemory-policy', 'noeviction', ...this.settings];
    this.process = spawn('redis-server', [...where, ...options], { stdio: 'ignore' });
    this.process.on('error', () => {});
    writeFileSync(join(this.dir, 'redis.pid'), `${this.process.pid}\n`);
    for (let tries = 0; tries < 200; tries++) {
      const answer = await this.command('PING').catch(() => '');
      if (answer.startsWith('+PONG')) return this;
      await sleep(25);
    }
    throw new Error('redis-server did not start');
  }

  async stop(signal = 'SIGTERM') {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode) return;
    const exited = once(this.process, 'exit');
    this.process.kill(signal);
    await exited;
  }
}

/** `socket: true` listens on dir/redis.sock; else on `port`, or on a free one. */
export async function startRedis({ dir, port, socket = false, settings = [] }) {
  mkdirSync(dir, { recursive: true });
  const socketPath = socket ? join(dir, 'redis.sock') : undefined;
  const redis = new Redis({ dir, port: socket ? 0 : (port ?? (await freePort())), socketPath, settings });
  return redis.start();
}
