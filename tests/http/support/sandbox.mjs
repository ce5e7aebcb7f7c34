// The sandbox's own configuration (docker/millgate.yaml) in front of both real ERPs: all system APIs, each plant at the
// system that keeps it. Between the gateway and each ERP stands a proxy that fails when it is told to.
//
//   const box = await startSandbox(suite);   box.proxies.plant1   box.proxies.cloud   box.tryton   box.odataUrl
//   const gw = await box.gateway(suite);     await box.send(gw, { api: 'wms', plant: '1010', rest: '/transfers' })

import { randomBytes, randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startFaultProxy } from '../../rigs/fault_proxy.mjs';
import { odataIsInstalled, startOdata } from '../../rigs/odata.mjs';
import { startRedis } from '../../rigs/redis.mjs';
import { isInstalled, startTryton } from '../../rigs/tryton/tryton.mjs';
import { gatewayConfig, writeFiles } from './config.mjs';
import { Gateway, makeFolder, owned } from './harness.mjs';
import { Issuer } from './tokens.mjs';

const DOCKER = fileURLToPath(new URL('../../../docker', import.meta.url));
const BASIC = `Basic ${Buffer.from('erpclient:pw1').toString('base64')}`;
export const PLANTS = ['1010', '1020'];

export function skipUnlessInstalled() {
  if (odataIsInstalled() && isInstalled()) return;
  process.stdout.write('skipped: the rigs of both ERPs are not installed: run script/bootstrap\n');
  process.exit(77);
}

const beside = (path) => resolve(DOCKER, path);

/** What differs from the sandbox: addresses, limits that a test would reach, and what `backend` says of each backend. */
function configOf(sandbox, { dir, issuer, redis, backend }) {
  const { dev } = gatewayConfig({ dir, issuer, peerUrl: '' }).issuers;
  const one = { ...dev, grants: ['/system/*', '/experience/*'] };
  return {
    ...sandbox, redis: { url: redis.url }, state_dir: join(dir, 'state'), access_log: join(dir, 'access.log'), request_timeout_field: 'X-Request-Timeout',
    listeners: [{ address: '127.0.0.1:0' }], admin: { ...sandbox.admin, address: '127.0.0.1:0' },
    events: { ...sandbox.events, contract: beside(sandbox.events.contract) }, iot: undefined,
    contracts: sandbox.contracts.filter((path) => !path.includes('system-iot')).map(beside), flows: sandbox.flows.map(beside), issuers: { dev: one, factory: one },
    backends: Object.fromEntries(Object.entries(sandbox.backends).map(([name, options]) => [name, { ...options, ...backend }])),
    plans: { standard: { ...sandbox.plans.standard, limit: 1_000_000, burst: 100_000 } },
    policies: sandbox.policies.map((policy) => (policy === 'idempotency' ? { idempotency: { redis_timeout: '5s', claim: '5s' } }
      : policy === 'rate_limit' ? { rate_limit: { redis_timeout: '1s' } } : policy)),
  };
}

class Sandbox {
  issuer = new Issuer();

  /** A gateway of its own in front of the same ERPs, or of `urls`. */
  async gateway(scope, { backend, urls = {} } = {}) {
    const dir = makeFolder();
    const { issuer, redis, config } = this;
    const configPath = writeFiles({ dir, issuer, contracts: {}, config: configOf(config, { dir, issuer, redis, backend }) });
    const env = {
      TRYTON_URL: urls.plant1 ?? this.proxies.plant1.url, TRYTON_PASSWORD: this.tryton.password,
      CLOUD_URL: urls.cloud ?? this.proxies.cloud.url, CLOUD_BASIC: BASIC,
    };
    const gw = new Gateway({ dir, configPath, issuer, peer: null, env });
    scope.after(() => gw.stop());
    return gw.start();
  }

  get bearer() {
    this.token ??= this.issuer.token({ scope: ['plants:all', ...this.apis.flatMap((api) => [`${api}:read`, `${api}:write`])].join(' '), plant: PLANTS });
    return `Bearer ${this.token}`;
  }

  /** `key` null: without one. `trace`: see proxies' `traces`. */
  send(gw, { api, plant, rest, method = 'GET', body, etag, key = randomUUID(), trace, headers = {} }) {
    const isWrite = method !== 'GET';
    return gw.request(`/system/${api}/v1/plants/${plant}${rest}`, {
      method, body: body === undefined ? undefined : JSON.stringify(body),
      headers: {
        authorization: this.bearer, ...(trace ? { traceparent: `00-${trace}-${randomBytes(8).toString('hex')}-01` } : {}),
        ...(isWrite && key !== null ? { 'idempotency-key': `"${key}"` } : {}), ...(etag ? { 'if-match': etag } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers,
      },
    });
  }

  /** All that `decide` has to say of the requests of one trace, at both ERPs. Its `log` has them. */
  trace(decide = () => undefined, memory) {
    const id = randomBytes(16).toString('hex');
    const trace = { id, decide, memory, log: [] };
    for (const proxy of Object.values(this.proxies)) proxy.traces.set(id, trace);
    return trace;
  }

  /** Asks the OData server itself: the rows of a list. */
  async odata(service, path) {
    const answer = await fetch(`${this.odataUrl}/odata/v4/${service}/${path.replaceAll(' ', '%20')}`, { headers: { authorization: BASIC } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return JSON.parse(text).value ?? JSON.parse(text);
  }
}

export async function startSandbox(scope, { config, apis }) {
  const [odataUrl, tryton, redis] = await Promise.all([
    startOdata(scope), owned(scope, startTryton({ dir: join(makeFolder(), 'tryton') })), owned(scope, startRedis({ dir: join(makeFolder(), 'redis') }), 'SIGKILL'),
  ]);
  const proxies = { plant1: await startFaultProxy({ target: tryton.url }), cloud: await startFaultProxy({ target: odataUrl }) };
  for (const proxy of Object.values(proxies)) scope.after(() => proxy.stop());
  return Object.assign(new Sandbox(), { config, apis, odataUrl, tryton, redis, proxies, erp: await tryton.client().login() });
}
