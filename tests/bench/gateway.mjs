// The gateway as a target, its tokens and its contracts. Configuration names come from the same
// place as the black-box tests' (tests/http/support/config.mjs).

import { sign as signAsync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';


import { gatewayConfig, writeFiles } from '../http/support/config.mjs';
import { AUDIENCE, ISSUER, Issuer } from '../http/support/tokens.mjs';
import { launch } from './targets.mjs';

const BODY_BYTES = 888;
const START_MS = 60_000;
const GRANTS = ['/system/*'];
const signed = promisify(signAsync);

/** An order of exactly 888 bytes that its schema accepts. */
export function orderBody() {
  const items = Array.from({ length: 6 }, (_, i) => ({
    position: (i + 1) * 10, material: `BOLT-M${8 + i}`, plant: '1010', quantity: 100.5 + i, unit: 'PC',
    price: { amount: '48.90', currency: 'EUR' },
  }));
  const order = { supplier: '17300001', reference: '', date: '2026-11-22', items };
  order.reference = 'R'.repeat(BODY_BYTES - JSON.stringify(order).length);
  return JSON.stringify(order);
}

const orderSchema = {
  type: 'object',
  required: ['supplier', 'reference', 'date', 'items'],
  additionalProperties: false,
  properties: {
    supplier: { type: 'string', pattern: '^[0-9]{8}$' },
    reference: { type: 'string', maxLength: 400 },
    date: { type: 'string', format: 'date' },
    items: {
      type: 'array', minItems: 1, maxItems: 100,
      items: {
        type: 'object',
        required: ['position', 'material', 'quantity', 'unit'],
        additionalProperties: false,
        properties: {
          position: { type: 'integer', minimum: 1 },
          material: { type: 'string', minLength: 1, maxLength: 40 },
          plant: { type: 'string', pattern: '^[0-9]{4}$' },
          quantity: { type: 'number', exclusiveMinimum: 0 },
          unit: { enum: ['PC', 'KG', 'M'] },
          price: {
            type: 'object',
            required: ['amount', 'currency'],
            properties: { amount: { type: 'string' }, currency: { type: 'string', minLength: 3, maxLength: 3 } },
          },
        },
      },
    },
  },
};

const responses = { default: { description: 'As the upstream answers.' } };

export function contract({ plan = 'standard', security = [{ dev: ['bench:use'] }], paths } = {}) {
  return {
    openapi: '3.1.0',
    info: { title: 'What the benchmark calls', version: '1.0.0' },
    'x-millgate': {
      namespace: '/system/bench', owner: 'bench', contact: 'bench@example.test',
      runbook: 'https://runbooks.example.test/bench', lifecycle: 'production', plan, backend: 'upstream',
      service_level: { availability: 0.999, latency_p99_ms: 100 },
    },
    security,
    components: { securitySchemes: { dev: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    paths: paths ?? {
      '/item': {
        get: { operationId: 'get-item', responses },
        post: {
          operationId: 'create-item',
          requestBody: { required: true, content: { 'application/json': { schema: orderSchema } } },
          responses,
        },
      },
    },
  };
}

/** `count` templated routes, and the paths that reach a spread of a hundred of them. */
export function manyRoutes(count) {
  const paths = {};
  for (let i = 0; i < count; i++)
    paths[`/area-${i % 97}/line-${i}/{id}/state`] = {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      get: { operationId: `state-${i}`, responses },
    };
  const step = Math.max(1, Math.floor(count / 100));
  const called = [];
  for (let i = 0; i < count; i += step)
    called.push(`/system/bench/v1/area-${i % 97}/line-${i}/press-4/state`);
  return { paths, called };
}

// The plain proxy: no authentication, no limit, as a stock HAProxy has none.
export const PLAIN = {
  policies: [{ headers: {} }],
  contract: { security: [] },
  extra: { floor: { authentication: false } },
};

class Tokens {
  constructor(dir) {
    this.dir = dir;
    this.issuer = new Issuer({ kid: 'bench' });
    this.keyPath = join(dir, 'issuer.pem');
    writeFileSync(this.keyPath, this.issuer.publicPem);
  }

  /** A file with `count` distinct tokens, a line each; two are signed at a time. */
  async file(count, { subjects = count, name = `tokens-${count}` } = {}) {
    const path = join(this.dir, name);
    const lines = new Array(count);
    let next = 0;
    const work = async () => {
      for (let i = next++; i < count; i = next++) lines[i] = await this.#token(i, `consumer-${i % subjects}`);
    };
    await Promise.all(Array.from({ length: 4 }, work));
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  }

  async #token(serial, subject) {
    const now = Math.floor(Date.now() / 1000);
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = `${encode({ alg: 'RS256', typ: 'JWT', kid: 'bench' })}.${encode({
      iss: ISSUER, aud: AUDIENCE, sub: subject, iat: now, exp: now + 86400, scope: 'bench:use', jti: `t${serial}`,
    })}`;
    const signature = await signed('sha256', Buffer.from(input), this.issuer.privateKey);
    return `${input}.${signature.toString('base64url')}`;
  }
}

export function makeTokens(dir) {
  return new Tokens(dir);
}

/** Starts the program with one worker; {name, pid, port, url, adminPort, stop, before}. */
export async function startGateway(root, { name = 'millgate', upstream, tokens, redis, ...options }) {
  const program = process.env.MILLGATE_BIN;
  const dir = join(root, name);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const plans = { standard: { limit: 6_000_000, window: '60s', burst: 6_000_000, grants: GRANTS, ...options.limit } };
  const config = gatewayConfig({
    dir,
    issuer: tokens.issuer,
    options: {
      policies: options.policies,
      issuers: options.issuers,
      redis: redis?.url,
      plans,
      backends: { upstream: { url: `http://127.0.0.1:${upstream.port}`, grants: GRANTS }, ...options.backends },
      extra: options.extra,
    },
  });
  const configPath = writeFiles({
    dir, issuer: tokens.issuer, config, contracts: { 'bench.v1.yaml': contract(options.contract) },
  });
  const child = launch(program, ['serve', '-c', configPath], { dir, name: 'gateway' });
  await ready(child);
  const output = readFileSync(child.outputPath, 'utf8');
  const port = Number(/listening on http:\/\/[^\s:]+:(\d+)/.exec(output)[1]);
  const adminPort = Number(/admin on http:\/\/[^\s:]+:(\d+)/.exec(output)[1]);
  const log = join(dir, 'access.log');
  return {
    name, port, adminPort, child, pid: child.pid, redisPid: redis?.process.pid,
    url: `http://127.0.0.1:${port}/system/bench/v1/item`,
    before: () => existsSync(log) && truncateSync(log),
  };
}

async function ready(child) {
  const until = Date.now() + START_MS;
  for (;;) {
    const output = readFileSync(child.outputPath, 'utf8');
    if (/(^|\s)ready\s*$/m.test(output)) return;
    if (child.exitCode !== null || Date.now() > until)
      throw new Error(`the gateway did not start:\n${output.slice(-3000)}`);
    await sleep(20);
  }
}

export async function stopGateway(target) {
  const ended = new Promise((resolve) => target.child.once('exit', resolve));
  target.child.kill('SIGTERM');
  await ended;
}
