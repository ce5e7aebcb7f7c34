// An edge as its own process, the line between it and the centre, and a centre that takes its events.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';

import { MQTT_USERS, startMosquitto } from '../../rigs/iot/mosquitto.mjs';
import { Authority, pairOf } from './certificates.mjs';
import { ADMIN_SCOPE } from './config.mjs';
import { startEvents } from './events.mjs';
import { eventually, makeFolder, PROGRAM, send } from './harness.mjs';
import { IOT, Telemetry, writeRegistry } from './iot.mjs';

const SANITIZER = /ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|LeakSanitizer/;
const OPENAPI = new URL('../../../openapi/', import.meta.url).pathname;

/** TCP to one port, until it is cut. */
export class Line {
  #sockets = new Set();
  isCut = false;

  static async open(scope, to) {
    const line = new Line();
    line.to = to;
    line.server = net.createServer((from) => line.#join(from)).listen(0, '127.0.0.1');
    await once(line.server, 'listening');
    line.port = line.server.address().port;
    scope.after(() => (line.cut(), line.server.close()));
    return line;
  }

  #join(from) {
    const to = this.isCut ? null : net.connect(this.to, '127.0.0.1');
    if (!to) return from.destroy();
    for (const [socket, other] of [[from, to], [to, from]]) {
      this.#sockets.add(socket);
      socket.on('error', () => {}).on('close', () => (this.#sockets.delete(socket), other.destroy()));
      socket.pipe(other);
    }
  }

  cut() {
    this.isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() {
    this.isCut = false;
  }
}

/** A gateway that takes what edges deliver; `edges` as in its configuration, `more` further contracts of openapi/, `extra` sections,
 *  `redis` one of its own. */
export async function startCentre(scope, { edges, events = {}, more = [], extra = {}, redis, dir = makeFolder(), ...options }) {
  const authority = new Authority(dir);
  const server = authority.issue('/CN=localhost', { san: 'DNS:localhost,IP:127.0.0.1' });
  const contract = join(dir, 'openapi', 'system-edge.v1.yaml');
  mkdirSync(join(dir, 'openapi'), { recursive: true });
  copyFileSync(join(OPENAPI, 'system-edge.v1.yaml'), contract);
  const client = await startEvents(scope, {
    dir, more, ...options,
    events: { unknown_types: 'accept', ...events },
    config: {
      ...(redis ? { redis: redis.url } : {}),
      admin: { token: { issuers: ['factory'], scope: ADMIN_SCOPE } },
      listeners: [
        { address: '127.0.0.1:0' },
        { address: '127.0.0.1:0', tls: { ...pairOf(server), client_certificates: 'optional', client_ca_file: authority.ca_file } },
      ],
      extra: {
        ...extra,
        contracts: [...(extra.contracts ?? ['system-events.v1.yaml', ...more].map((name) => join(dir, 'openapi', name))), contract], edges,
        client_certificates: { edges: { consumer: 'cn', any: true, grants: ['/system/edge'] } },
      },
    },
  });
  return { client, gw: client.gw, authority, dir, telemetry: new Telemetry({ events: client, dir }) };
}

export class Edge {
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** `edge` and `iot` are further settings of their sections, `settings` lines of the broker's file. */
  static async prepare(scope, { centre, port, layout, plant = '1010', id = 'edge-1', dir = makeFolder(), edge = {}, iot = {}, signals = [IOT], settings = [] }) {
    mkdirSync(dir, { recursive: true });
    const broker = await startMosquitto({ dir: join(dir, 'broker'), settings: ['queue_qos0_messages true', ...settings] });
    scope.after(() => broker.kill());
    const registry = [join(IOT, 'types'), writeRegistry(join(dir, 'devices.json'), layout)];
    const leaf = centre?.authority.issue(`/CN=${id}`);
    const config = {
      iot: {
        registry, signals, silence: '2h', checkpoint: '500ms',
        brokers: { main: { host: '127.0.0.1', port: broker.port, user: 'mes', password: MQTT_USERS.mes.password } }, ...iot,
      },
      edge: {
        id, plant, status: '127.0.0.1:0',
        ...(centre ? { centre: { url: `https://127.0.0.1:${port ?? centre.gw.tlsPorts[0]}`, ca_file: centre.authority.ca_file, ...pairOf(leaf), retry_max: '500ms' } } : {}),
        ...edge,
      },
    };
    const files = readdirSync(join(IOT, 'types')).map((name) => join(IOT, 'types', name));
    const self = new Edge({ dir, broker, config, configPath: join(dir, 'edge.yaml'), registry: [...files, registry[1]] });
    self.write();
    scope.after(() => self.stop());
    return self;
  }

  write() {
    writeFileSync(this.configPath, JSON.stringify(this.config));
  }

  get mqtt() {
    return { url: this.broker.url, username: 'edge', password: MQTT_USERS.edge.password };
  }

  async start() {
    this.stderr = '';
    this.wasKilled = false;
    this.process = spawn(PROGRAM, ['edge', '-c', this.configPath], { cwd: this.dir, stdio: ['ignore', 'ignore', 'pipe'] });
    this.exited = once(this.process, 'exit');
    this.process.stderr.on('data', (bytes) => (this.stderr += bytes));
    await eventually(() => {
      if (!this.isRunning) throw new Error(`the edge ended: ${this.stderr}`);
      return /(^|\s)ready\s*$/m.test(this.stderr);
    }, 'the edge is ready', 60_000);
    this.port = Number(/status on http:\/\/[^\s:]+:(\d+)/.exec(this.stderr)[1]);
    await eventually(async () => (await this.status()).telemetry.brokers_up === 1, 'the broker', 15_000);
    return this;
  }

  /** With what the configuration is now; telemetry is taken in all the while. */
  async reload() {
    const count = () => this.stderr.split('the new configuration is at work').length;
    const before = count();
    this.write();
    this.process.kill('SIGHUP');
    await eventually(() => count() > before, 'the new configuration', 15_000);
  }

  get isRunning() {
    return this.process?.exitCode === null && this.process.signalCode === null;
  }

  get(path) {
    return send({ port: this.port, path });
  }

  async status() {
    return (await this.get('/status')).json;
  }

  async kill() {
    this.wasKilled = true;
    this.process.kill('SIGKILL');
    await this.exited;
  }

  async stop() {
    if (!this.process) return;
    if (this.isRunning) this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 30_000);
    const [code] = await this.exited;
    clearTimeout(timer);
    assert.doesNotMatch(this.stderr, SANITIZER);
    if (!this.wasKilled) assert.equal(code, 0, this.stderr);
  }

  /** Every message that it has got is journaled and computed on, and every event in the spool. */
  async settled(messages) {
    await eventually(async () => {
      const { telemetry } = await this.status();
      return telemetry.messages >= messages && telemetry.journal_pending_bytes === 0 && telemetry.events_pending === 0;
    }, `${messages} messages to be journaled`, 30_000);
  }

  /** And the centre has them. */
  forwarded() {
    return eventually(async () => (await this.status()).spool.events === 0, 'the spool to be empty', 30_000);
  }
}
