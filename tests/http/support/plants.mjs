// Both real ERPs behind one gateway, as a factory has them: Tryton keeps plant 1010, the OData server plant 1020, and the
// landscape `erp` says so; the OData server's other services are for both. Between the gateway and each ERP stands a
// proxy that fails when it is told to.
//
//   const plants = await startPlants(suite, { apis: ['system-mes'] });   plants.erp (Tryton's own client)   await plants.odata('A_Material')
//   await plants.get('/system/mes/v1/plants/1010/operations');           plants.proxies.cloud.fault = { kind: 'hang' }

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startFaultProxy } from '../../rigs/fault_proxy.mjs';
import { odataIsInstalled, startOdata } from '../../rigs/odata.mjs';
import { startRedis } from '../../rigs/redis.mjs';
import { isInstalled, startTryton } from '../../rigs/tryton/tryton.mjs';
import { makeFolder, owned, startGateway } from './harness.mjs';
import { Issuer } from './tokens.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const AUTHORIZATION = basic('erpclient', 'pw1');

export function skipUnlessInstalled() {
  if (odataIsInstalled() && isInstalled()) return;
  process.stdout.write('skipped: the rigs of both ERPs are not installed: run script/bootstrap\n');
  process.exit(77);
}

const SERVICES = ['quality', 'maintenance', 'logistics', 'field-service']; // of the OData server, beside its erp
// Who keeps the record of which plant: as the sandbox has it.
const LANDSCAPES = {
  erp: {
    key: 'plant',
    systems: { plant1: { backend: 'plant1-erp', flows: 'tryton' }, cloud: { backend: 'cloud-erp', flows: 'odata' } },
    keys: { 1010: 'plant1', 1020: 'cloud' },
  },
  ...Object.fromEntries(SERVICES.map((name) => [name, {
    systems: { cloud: { backend: `cloud-${name}`, flows: 'odata' } }, keys: { 1010: 'cloud', 1020: 'cloud' },
  }])),
};
// Claims end soon: what a killed gateway has left is not waited for.
const POLICIES = [
  { body_limit: {} }, { headers: {} }, { jwt: {} }, { authorise: {} }, { rate_limit: { redis_timeout: '1s' } },
  { schema: { responses: 'enforce' } }, { idempotency: { redis_timeout: '5s', claim: '5s' } },
];

export class Plants {
  scopes = []; // beside those of the APIs

  token(claims) {
    const scope = [...this.scopes, ...this.apis.flatMap((api) => [`${api}:read`, `${api}:write`])].join(' ');
    return { authorization: `Bearer ${this.gw.token({ scope, plant: ['1010', '1020', '-'], ...claims })}` };
  }

  get bearer() {
    this.cached ??= this.token();
    return this.cached;
  }

  get(path, headers = {}) {
    return this.gw.get(path, { headers: { ...this.bearer, ...headers } });
  }

  post(path, body, { key = randomUUID(), etag, timeoutMs, method = 'POST' } = {}) {
    const headers = { ...this.bearer, 'idempotency-key': `"${key}"`, ...(etag ? { 'if-match': etag } : {}), ...(timeoutMs ? { 'x-request-timeout': String(timeoutMs) } : {}) };
    return this.gw.post(path, body, { headers, method });
  }

  /** One page of a list. */
  page(path) {
    return this.get(path);
  }

  /** All pages of a list. */
  async all(path, limit = 50) {
    const items = [];
    for (let cursor = ''; cursor !== undefined; ) {
      const answer = await this.page(`${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor}`);
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
      items.push(...answer.json.items);
      cursor = answer.json.next && `&cursor=${answer.json.next}`;
    }
    return items;
  }

  /** Asks the OData server itself; a body makes it a POST. */
  async odata(path, { service = 'erp', body, method = body ? 'POST' : 'GET', admin = false, headers = {} } = {}) {
    const authorization = admin ? basic('erpadmin', 'pw2') : AUTHORIZATION;
    const answer = await fetch(`${this.odataUrl}/odata/v4/${service}/${path.replaceAll(' ', '%20')}`, {
      method, headers: { authorization, 'content-type': 'application/json', ...headers }, body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** Kills the gateway while `send` is under way and `isThere`; then there is a new one. */
  async dieUnder(send, isThere, eventually) {
    const lost = send().catch((error) => error);
    await eventually(isThere, 'the ERP has done it');
    await this.gw.kill();
    await lost;
    for (const proxy of Object.values(this.proxies)) proxy.fault = null;
    await this.startAgain();
  }

  startAgain() {
    Object.assign(this.gw, { stderr: '', ports: [], wasKilled: false });
    return this.gw.start();
  }
}

function issuersOf(issuer) {
  const one = { issuer: 'https://issuer.test/dev', jwks_file: 'jwks.json', audiences: ['millgate'], algorithms: [issuer.alg], grants: ['/system/*', '/experience/*'] };
  return { dev: one, factory: one };
}

async function startRigs(scope) {
  const [odataUrl, tryton, redis] = await Promise.all([
    startOdata(scope), owned(scope, startTryton({ dir: join(makeFolder(), 'tryton') })), owned(scope, startRedis({ dir: join(makeFolder(), 'redis') }), 'SIGKILL'),
  ]);
  const proxies = { plant1: await startFaultProxy({ target: tryton.url }), cloud: await startFaultProxy({ target: odataUrl }) };
  for (const proxy of Object.values(proxies)) scope.after(() => proxy.stop());
  return { odataUrl, tryton, redis, proxies, erp: await tryton.client().login() };
}

function backendsOf({ tryton, proxies }, totalTimeout) {
  const common = { grants: ['/system/*'], first_byte_timeout: totalTimeout, total_timeout: totalTimeout };
  const { database, user, password } = tryton;
  const service = (name) => ({ ...common, url: `${proxies.cloud.url}/odata/v4/${name}`, headers: { authorization: AUTHORIZATION }, odata: { version: 'v4' } });
  return {
    'plant1-erp': { ...common, effects: { class: 'C', settle: '1s' }, url: proxies.plant1.url, tryton: { database, user, password } },
    ...Object.fromEntries(['erp', ...SERVICES].map((name) => [`cloud-${name}`, service(name)])),
  };
}

/** `apis` as their contracts are called: system-erp-production, experience-plant. `plants` is what the rigs are told to. */
export async function startPlants(scope, { apis, plants = new Plants(), totalTimeout = '4s' }) {
  const rigs = await startRigs(scope);
  const issuer = new Issuer();
  Object.assign(plants, rigs, { apis: apis.map((api) => api.replace(/^(system|experience)-/, '')) });
  plants.gw = await startGateway(scope, {
    issuer, peer: null, contracts: {},
    config: {
      redis: rigs.redis.url,
      backends: backendsOf(rigs, totalTimeout),
      plans: { standard: { limit: 1_000_000, window: '60s', burst: 100_000, grants: ['/system/*', '/experience/*'] } },
      issuers: issuersOf(issuer),
      policies: POLICIES,
      extra: {
        landscapes: LANDSCAPES,
        request_timeout_field: 'X-Request-Timeout',
        flows: apis.map((api) => join(ROOT, 'apis', api.replace('-', '/'))),
        contracts: apis.map((api) => join(ROOT, `openapi/${api}.v1.yaml`)),
      },
    },
  });
  return plants;
}
