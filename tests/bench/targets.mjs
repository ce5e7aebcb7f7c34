// What is measured: nginx as the upstream, and in front of it HAProxy, nginx and the gateway, one
// thread each, each with its access log in a file.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from '../rigs/redis.mjs';

// 170 bytes, as in all figures of this project.
export const ANSWER = JSON.stringify({
  material: 'BOLT-M8', plant: '1010', storageLocation: '101B', batch: 'LOT-0001', quantity: 12000,
  unit: 'PC', changed: '2026-11-22T10:00:00Z', note: 'free for use',
}).padEnd(170);

const started = [];

/** Stops, newest first, all that was started. */
export async function stopAll() {
  for (const child of started.splice(0).reverse()) {
    if (child.exitCode !== null || child.signalCode) continue;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  }
}

export function launch(program, args, { dir, name, env }) {
  const log = openSync(join(dir, `${name}.out`), 'w');
  const child = spawn(program, args, { cwd: dir, env: { ...process.env, ...env }, stdio: ['ignore', log, log] });
  closeSync(log);
  child.on('error', () => {});
  child.outputPath = join(dir, `${name}.out`);
  started.push(child);
  return child;
}

export async function reachable(port, child) {
  for (let tries = 0; tries < 400; tries++) {
    if (child.exitCode !== null) break;
    const ok = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (ok) return;
    await sleep(25);
  }
  throw new Error(`did not start: ${readFileSync(child.outputPath, 'utf8').slice(-2000)}`);
}

// An access log that fills the disk during a long run would be our own fault.
function emptied(path) {
  return () => existsSync(path) && truncateSync(path);
}

function workerOf(child) {
  const { pid } = child;
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}

async function startNginx(dir, name, http, port) {
  const conf = `daemon off; worker_processes 1; pid ${dir}/${name}.pid; error_log ${dir}/${name}.err;
    events { worker_connections 4096; }
    http {
      client_body_temp_path ${dir}/${name}-body; proxy_temp_path ${dir}/${name}-proxy;
      fastcgi_temp_path ${dir}/${name}-f; uwsgi_temp_path ${dir}/${name}-u; scgi_temp_path ${dir}/${name}-s;
      keepalive_requests 1000000000; keepalive_timeout 300s; tcp_nodelay on;
      ${http}
    }`;
  writeFileSync(join(dir, `${name}.conf`), conf);
  const child = launch('nginx', ['-c', join(dir, `${name}.conf`), '-p', dir], { dir, name });
  await reachable(port, child);
  return { name, port, pid: workerOf(child) };
}

export async function startUpstream(dir) {
  const port = await freePort();
  const location = `default_type application/json; return 200 '${ANSWER}';`;
  const server = `access_log off; server { listen 127.0.0.1:${port} backlog=4096; location / { ${location} } }`;
  return startNginx(dir, 'upstream', server, port);
}

export async function startNginxProxy(dir, upstream, { name = 'nginx', zone = '', rule = '' } = {}) {
  const port = await freePort();
  const log = join(dir, `${name}-access.log`);
  const target = await startNginx(dir, name, `access_log ${log} combined; ${zone}
    upstream up { server 127.0.0.1:${upstream.port}; keepalive 128; keepalive_requests 1000000000; }
    server { listen 127.0.0.1:${port} backlog=4096;
      location / { ${rule} proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; } }`, port);
  return { ...target, url: `http://127.0.0.1:${port}/system/bench/v1/item`, before: emptied(log) };
}

/** limit_req per address: a leaky bucket in shared memory, never full. */
export function startNginxLimit(dir, upstream) {
  return startNginxProxy(dir, upstream, {
    name: 'nginx+limit_req',
    zone: 'limit_req_zone $binary_remote_addr zone=callers:10m rate=1000000r/s;',
    rule: 'limit_req zone=callers burst=1000000 nodelay;',
  });
}

function haproxyConfig({ dir, port, upstream, rules, tables, socket }) {
  return `global
    nbthread 1
    maxconn 4096
    log stdout format raw local0
    stats socket ${socket} mode 600
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-request 10s
${tables}
frontend entry
    bind 127.0.0.1:${port} backlog 4096
${rules}
    default_backend upstream
backend upstream
    http-reuse always
    server one 127.0.0.1:${upstream.port} pool-max-conn 256
`;
}

async function startHaproxy(dir, upstream, { name, rules = '', tables = '' }) {
  const port = await freePort();
  const socket = join(dir, `${name}.sock`);
  const path = join(dir, `${name}.cfg`);
  writeFileSync(path, haproxyConfig({ dir, port, upstream, rules, tables, socket }));
  const child = launch('haproxy', ['-db', '-f', path], { dir, name });
  await reachable(port, child);
  return {
    name, port, pid: child.pid, url: `http://127.0.0.1:${port}/system/bench/v1/item`,
    before: emptied(child.outputPath),
  };
}

export function startHaproxyPlain(dir, upstream) {
  return startHaproxy(dir, upstream, { name: 'haproxy' });
}

/** A stick table per address. */
export function startHaproxyLimit(dir, upstream) {
  const rules = `    http-request track-sc0 src table callers
    http-request deny deny_status 429 if { sc_http_req_rate(0,callers) gt 1000000000 }`;
  const tables = `backend callers
    stick-table type ip size 100k expire 120s store http_req_rate(60s)`;
  return startHaproxy(dir, upstream, { name: 'haproxy+stick', rules, tables });
}

function jwtRules(keyPath) {
  return `    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
    http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
    http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${keyPath}") -m int 1 }`;
}

/** RS256 by jwt_verify, and nothing else. */
export function startHaproxyJwt(dir, upstream, { keyPath }) {
  return startHaproxy(dir, upstream, { name: 'haproxy-jwt_verify', rules: jwtRules(keyPath) });
}

/** RS256 by jwt_verify, then a stick table per subject, refused above `limit` a minute. */
export function startHaproxyPolicy(dir, upstream, { keyPath, limit = 1_000_000_000, name = 'haproxy+jwt' }) {
  const rules = `${jwtRules(keyPath)}
    http-request set-var(txn.sub) var(txn.bearer),jwt_payload_query('$.sub')
    http-request track-sc0 var(txn.sub) table consumers
    http-request deny deny_status 429 if { sc_http_req_rate(0,consumers) gt ${limit} }`;
  const tables = `backend consumers
    stick-table type string len 64 size 100k expire 120s store http_req_rate(60s)`;
  return startHaproxy(dir, upstream, { name, rules, tables });
}

export function makeWorkFolder(root) {
  mkdirSync(root, { recursive: true });
  return root;
}
