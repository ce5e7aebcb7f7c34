// A real mosquitto in a folder of its own, on free ports of 127.0.0.1: plain, TLS, and TLS with client certificates.
//
//   const broker = await startMosquitto({ dir });
//   broker.url (mqtt://), broker.tlsUrl, broker.mutualUrl (mqtts://); broker.ca, broker.client('edge') -> {cert, key}: paths
//   await broker.stop()   await broker.kill()   await broker.start()   (the same ports, and what it kept)

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PATH = `${process.env.PATH}:/usr/sbin`; // where Debian has it
const START_MS = 15_000;

/** Everything for the MES, Sparkplug and the meters' JSON for edge nodes; a client certificate's CN is a user's name, too. */
export const MQTT_USERS = {
  mes: { password: 'pw-mes-1', topics: ['readwrite #'] },
  edge: { password: 'pw-edge-1', topics: ['readwrite spBv1.0/#', 'readwrite meters/#'] },
};

export const mosquittoIsInstalled = () => PATH.split(':').some((folder) => existsSync(join(folder, 'mosquitto')));

/** Ports that were free a moment ago, all different. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  for (const server of servers) server.close();
  return ports;
}

const run = (command, args, options = {}) =>
  execFileSync(command, args, { env: { ...process.env, PATH }, stdio: ['ignore', 'pipe', 'pipe'], ...options });

/** A certification authority, the broker's certificate, and those of clients as they are asked for. */
class Certificates {
  constructor(dir) {
    this.dir = dir;
    this.ca = join(dir, 'ca.crt');
    if (existsSync(this.ca)) return;
    run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
      '/CN=Plant CA', '-keyout', join(dir, 'ca.key'), '-out', this.ca]);
    this.issue('broker', ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']);
  }

  issue(name, more = []) {
    const [key, request, cert] = ['key', 'csr', 'crt'].map((kind) => join(this.dir, `${name}.${kind}`));
    if (!existsSync(cert)) {
      run('openssl', ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', key,
        '-out', request, ...more]);
      run('openssl', ['x509', '-req', '-in', request, '-CA', this.ca, '-CAkey', join(this.dir, 'ca.key'), '-CAcreateserial', '-days',
        '2', '-copy_extensions', 'copyall', '-out', cert]);
    }
    return { cert, key };
  }
}

class Mosquitto {
  constructor({ dir, users, ports, settings, host }) {
    Object.assign(this, { dir, users, settings, host });
    [this.port, this.tlsPort, this.mutualPort] = ports;
    this.url = `mqtt://127.0.0.1:${this.port}`;
    this.tlsUrl = `mqtts://127.0.0.1:${this.tlsPort}`;
    this.mutualUrl = `mqtts://127.0.0.1:${this.mutualPort}`;
    this.log = join(dir, 'mosquitto.log');
    this.certificates = new Certificates(dir);
    this.ca = this.certificates.ca;
    this.#writeUsers();
    this.#writeConfig();
  }

  /** Of a user, for the listener that asks for one. */
  client(name) {
    return this.certificates.issue(name);
  }

  #writeUsers() {
    const passwords = join(this.dir, 'passwd');
    writeFileSync(passwords, '', { mode: 0o600 });
    let acl = '';
    for (const [name, { password, topics }] of Object.entries(this.users)) {
      run('mosquitto_passwd', ['-b', passwords, name, password]);
      acl += `user ${name}\n${topics.map((topic) => `topic ${topic}\n`).join('')}\n`;
    }
    writeFileSync(join(this.dir, 'acl'), acl, { mode: 0o600 });
    chmodSync(passwords, 0o600);
  }

  #writeConfig() {
    const { cert, key } = this.certificates.issue('broker');
    const tls = (port) => [`listener ${port} 127.0.0.1`, `cafile ${this.ca}`, `certfile ${cert}`, `keyfile ${key}`];
    writeFileSync(join(this.dir, 'mosquitto.conf'), [
      ...(process.getuid() === 0 ? ['user root'] : []), // else it gives up its rights, and with them this folder
      'allow_anonymous false', `password_file ${join(this.dir, 'passwd')}`, `acl_file ${join(this.dir, 'acl')}`,
      'persistence true', `persistence_location ${this.dir}/`, 'autosave_on_changes true', 'autosave_interval 1',
      `log_dest file ${this.log}`, 'log_type error', 'log_type warning', 'log_type notice', 'max_queued_messages 0',
      ...this.settings,
      `listener ${this.port} ${this.host}`,
      ...tls(this.tlsPort),
      ...tls(this.mutualPort), 'require_certificate true', 'use_identity_as_username true', '',
    ].join('\n'));
  }

  async start() {
    this.process = spawn('mosquitto', ['-c', join(this.dir, 'mosquitto.conf')], { stdio: 'ignore', env: { ...process.env, PATH } });
    this.process.on('error', () => {});
    this.pid = this.process.pid;
    writeFileSync(join(this.dir, 'mosquitto.pid'), `${this.pid}\n`);
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline && this.process.exitCode === null) {
      if (await this.#isListening()) return this;
      await sleep(20);
    }
    throw new Error(`mosquitto did not start: ${existsSync(this.log) ? readFileSync(this.log, 'utf8') : 'no log'}`);
  }

  #isListening() {
    return new Promise((resolve) => {
      const socket = connect(this.mutualPort, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  }

  /** By pid; what it keeps is written first. */
  async stop(signal = 'SIGTERM') {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode) return;
    const exited = once(this.process, 'exit');
    this.process.kill(signal);
    await exited;
  }

  kill() {
    return this.stop('SIGKILL');
  }

  async restart() {
    await this.stop();
    return this.start();
  }

  /** One more user, as far as a restart. */
  addUser(name, { password, topics }) {
    run('mosquitto_passwd', ['-b', join(this.dir, 'passwd'), name, password]);
    appendFileSync(join(this.dir, 'acl'), `user ${name}\n${topics.map((topic) => `topic ${topic}\n`).join('')}\n`);
  }
}

/** `users` as MQTT_USERS, `settings` further lines of its file; `host` and `port` of the plain listener. */
export async function startMosquitto({ dir, users = MQTT_USERS, settings = [], host = '127.0.0.1', port }) {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const ports = await freePorts(3);
  const broker = new Mosquitto({ dir, users, settings, host, ports: [port || ports[0], ports[1], ports[2]] });
  return broker.start();
}
