// Starts the real program in a folder of its own, talks to it, and stops it.
//
//   const gw = await startGateway(t, { ... });   const answer = await gw.get('/system/peer/v1/mirror');
//
// The test's `after` hook stops it by SIGTERM and fails the test if it did not end with 0 or if a
// sanitizer wrote anything.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startPeer } from '../../rigs/peer/peer.mjs';
import { ADMIN_SCOPE, gatewayConfig, peerContract, PEER_ROOT, writeFiles } from './config.mjs';
import { RawClient } from './raw_client.mjs';
import { Issuer } from './tokens.mjs';

export const PROGRAM = process.env.MILLGATE_BIN && resolve(process.env.MILLGATE_BIN);
export const isSanitized = Boolean(process.env.MILLGATE_SANITIZED);
const START_MS = 90_000;
const STOP_MS = 30_000;
const REQUEST_MS = 20_000;
const CLEAN_UP_MS = 60_000;
const LEFT_OPEN_MS = 60_000; // behind the last suite
const SANITIZER = /ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|LeakSanitizer/;

if (!PROGRAM || !existsSync(PROGRAM)) {
  process.stdout.write(`skipped: no program at MILLGATE_BIN (${PROGRAM ?? 'not set'})\n`);
  process.exit(77);
}

export function makeFolder(prefix = 'millgate-test-') {
  return mkdtempSync(join(tmpdir(), prefix));
}

/** Runs the program to its end: {code, stdout, stderr}. */
export function runProgram(args, options = {}) {
  const result = spawnSync(PROGRAM, args, { encoding: 'utf8', timeout: START_MS, ...options });
  assert.doesNotMatch(result.stderr, SANITIZER);
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

/** Calls `probe` until it gives a value that is true, or fails after the deadline. */
export async function eventually(probe, what, deadlineMs = 10_000) {
  const until = Date.now() + deadlineMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > until) assert.fail(`not in time: ${what}`);
    await sleep(20);
  }
}

/** One request over node:http; the answer's body as bytes, text and (where it is JSON) a value. */
export function send({ port, tls = false, method = 'GET', path, headers = {}, body, agent }) {
  const options = { host: '127.0.0.1', port, method, path, headers, agent, rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const request = (tls ? https : http).request(options, async (response) => {
      try {
        const pieces = [];
        for await (const piece of response) pieces.push(piece);
        resolve(answerOf(response, Buffer.concat(pieces)));
      } catch (error) {
        reject(error);
      }
    });
    request.setTimeout(REQUEST_MS, () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
    request.end(body);
  });
}

function answerOf(response, bytes) {
  const { statusCode: status, headers, rawHeaders } = response;
  const text = bytes.toString('utf8');
  const isJson = /\bjson\b/.test(headers['content-type'] ?? '') && text !== '';
  return { status, headers, rawHeaders, bytes, text, json: isJson ? JSON.parse(text) : undefined };
}

/** Fails unless `answer` is a problem document (RFC 9457) of that status. */
export function assertProblem(answer, status) {
  assert.equal(answer.status, status, `${answer.status}: ${answer.text}`);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/);
  const problem = answer.json;
  assert.equal(problem.status, status);
  for (const member of ['type', 'title', 'instance', 'trace_id'])
    assert.equal(typeof problem[member], 'string', `${member} in ${answer.text}`);
  assert.ok(['string', 'undefined'].includes(typeof problem.detail), answer.text); // optional in RFC 9457
  assert.match(problem.trace_id, /^[0-9a-f]{32}$/);
  assert.doesNotMatch(answer.text, /redis|openssl|errno|\/tmp\/|\.c:\d+|127\.0\.0\.1/i);
  return problem;
}

export class Gateway {
  constructor({ dir, configPath, issuer, peer, env }) {
    Object.assign(this, { dir, configPath, issuer, peer, env, stderr: '', ports: [], tlsPorts: [] });
  }

  async start() {
    const child = spawn(PROGRAM, ['serve', '-c', this.configPath], {
      cwd: this.dir,
      env: { ...process.env, ...this.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.process = child;
    this.exited = once(child, 'exit');
    child.stderr.on('data', (bytes) => (this.stderr += bytes));
    await eventually(() => this.#hasStarted(), 'the gateway is ready', START_MS);
    this.#readAddresses();
    return this;
  }

  /** After kill() or stop(): with what is left of it. */
  startAgain() {
    Object.assign(this, { stderr: '', ports: [], tlsPorts: [], wasKilled: false });
    return this.start();
  }

  #hasStarted() {
    if (this.process.exitCode !== null || this.process.signalCode)
      throw new Error(`the gateway ended with ${this.process.exitCode}: ${this.stderr}`);
    return /(^|\s)ready\s*$/m.test(this.stderr);
  }

  #readAddresses() {
    for (const [, scheme, port] of this.stderr.matchAll(/listening on (https?):\/\/[^\s:]+:(\d+)/g))
      (scheme === 'https' ? this.tlsPorts : this.ports).push(Number(port));
    this.adminPort = Number(/admin on http:\/\/[^\s:]+:(\d+)/.exec(this.stderr)?.[1]);
  }

  get port() {
    return this.ports[0];
  }

  get pid() {
    return this.process.pid;
  }

  token(claims, header) {
    return this.issuer.token(claims, header);
  }

  get bearer() {
    this.cachedToken ??= this.token();
    return { authorization: `Bearer ${this.cachedToken}` };
  }

  /** With a good token, unless `headers` has an authorization of its own (null: none). */
  request(path, { headers = {}, ...options } = {}) {
    const all = { ...this.bearer, ...headers };
    for (const name of Object.keys(all)) if (all[name] === null) delete all[name];
    return send({ port: this.port, path, headers: all, ...options });
  }

  get(path, options) {
    return this.request(path, options);
  }

  post(path, body, { headers = {}, ...options } = {}) {
    const isText = typeof body === 'string' || Buffer.isBuffer(body);
    return this.request(path, {
      method: 'POST',
      body: isText ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
      ...options,
    });
  }

  admin(path, { method = 'GET', headers = {}, body } = {}) {
    const scoped = { authorization: `Bearer ${this.token({ scope: ADMIN_SCOPE })}` };
    return send({ port: this.adminPort, path, method, body, headers: { ...scoped, ...headers } });
  }

  reload() {
    return this.admin('/reload', {
      method: 'POST', body: '{}', headers: { 'content-type': 'application/json' },
    });
  }

  raw(options) {
    return RawClient.open(this.port, options);
  }

  /** Bytes resident now, or at their highest with `key` VmHWM. */
  memoryBytes(key = 'VmRSS') {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)[1]) * 1024;
  }

  accessLog() {
    const text = readFileSync(join(this.dir, 'access.log'), 'utf8');
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  rewriteConfig(change) {
    const config = JSON.parse(readFileSync(this.configPath, 'utf8'));
    change(config);
    writeFileSync(this.configPath, JSON.stringify(config));
  }

  writeContract(name, contract) {
    writeFileSync(join(this.dir, 'contracts', name), JSON.stringify(contract));
  }

  get isRunning() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Stops by SIGTERM; fails unless it ends in time, with 0, and no sanitizer spoke. */
  async stop() {
    if (!this.process) return;
    if (this.isRunning) this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS);
    const [code, signal] = await this.exited;
    clearTimeout(timer);
    assert.doesNotMatch(this.stderr, SANITIZER);
    if (!this.wasKilled) assert.deepEqual({ code, signal }, { code: 0, signal: null }, this.stderr);
  }

  async kill() {
    this.wasKilled = true;
    this.process.kill('SIGKILL');
    await this.exited;
  }
}

/** Ends the private Redis that a killed gateway left behind; its lock file says which process it is. */
async function endPrivateRedis(stateDir) {
  let pid;
  try {
    pid = Number(readFileSync(join(stateDir, 'redis.lock'), 'utf8'));
    if (!readlinkSync(`/proc/${pid}/cwd`).startsWith(stateDir)) return; // another one has that number now
    process.kill(pid, 'SIGKILL');
  } catch {
    return; // there is none
  }
  await eventually(() => !existsSync(`/proc/${pid}`), 'the private Redis has ended');
}

let openScopes = 0; // all of a file are there before its first test runs

/** When all is over and something still keeps the process alive, it ends as failed. */
function endSoon() {
  setTimeout(() => {
    process.stderr.write('something was left open by the tests\n');
    process.exit(1);
  }, LEFT_OPEN_MS).unref();
}

/** Takes clean-ups as a test's context does, for what all tests of the surrounding suite share. All of them are done,
 * whichever fails or does not end; what comes when it is over, as of a start that went on beside one that failed, at once. */
export function suiteScope() {
  const cleanUps = [];
  const errors = [];
  let isOver = false;
  const act = async (cleanUp) => {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('a clean-up did not end')), CLEAN_UP_MS).unref());
    await Promise.race([(async () => cleanUp())(), late]).catch((error) => errors.push(error));
  };
  openScopes++;
  after(async () => {
    while (cleanUps.length > 0) await act(cleanUps.pop());
    isOver = true;
    if (--openScopes === 0) endSoon();
    if (errors.length > 0) throw errors[0];
  });
  return { after: (cleanUp) => (isOver ? act(cleanUp) : cleanUps.push(cleanUp)) };
}

/** What is being started is stopped with the suite, also where it comes to be when something beside it has failed. */
export async function owned(scope, starting, ...how) {
  const it = await starting;
  scope.after(() => it.stop(...how));
  return it;
}

/** Prepares the folder and files of a gateway that is not started. */
export async function prepareGateway(t, options = {}) {
  const dir = options.dir ?? makeFolder();
  const issuer = options.issuer ?? new Issuer();
  const peer = options.peer === undefined ? await startPeer() : options.peer;
  const contracts = options.contracts ?? { 'peer.v1.yaml': peerContract() };
  const config = gatewayConfig({ dir, issuer, peerUrl: peer?.url, options: options.config });
  const configPath = writeFiles({ dir, issuer, config, contracts });
  const gateway = new Gateway({ dir, configPath, issuer, peer, env: options.env });
  t.after(async () => {
    try {
      if (gateway.process) await gateway.stop();
    } finally {
      await endPrivateRedis(config.state_dir);
      if (options.peer === undefined) await peer.stop();
      if (!process.env.MILLGATE_KEEP) rmSync(dir, { recursive: true, force: true });
    }
  });
  return gateway;
}

export async function startGateway(t, options = {}) {
  return (await prepareGateway(t, options)).start();
}

/** A path of the peer's API. */
export function peerPath(rest) {
  return `${PEER_ROOT}/${rest}`;
}
