// Both real ERPs with a gateway in front: Tryton keeps plant 1010, the OData server plant 1020.
//
//   const pair = await startPair(suite, { apis: ['erp-partners'] });
//   await pair.get('1010', 'erp-partners', '/suppliers');   pair.erp (Tryton's own client)   await pair.odata('A_Supplier')
//   pair.faults['1020'].fault = { kind: 'cut-after', times: 1 };   see ../../rigs/fault_proxy.mjs

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { startFaultProxy } from '../../rigs/fault_proxy.mjs';
import { odataIsInstalled, startOdata } from '../../rigs/odata.mjs';
import { startRedis } from '../../rigs/redis.mjs';
import { isInstalled, startTryton } from '../../rigs/tryton/tryton.mjs';
import { eventually, makeFolder, startGateway } from './harness.mjs';
import { AUDIENCE, Issuer, ISSUER } from './tokens.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SLOW_MS = 1500;
const WAIT_MS = 6000; // so long is a write claimed by a gateway that died over it
const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

export const PLANTS = ['1010', '1020'];

export function skipUnlessInstalled() {
  if (odataIsInstalled() && isInstalled()) return;
  process.stdout.write('skipped: the rigs of both ERPs are not installed: run script/bootstrap\n');
  process.exit(77);
}

// The landscape of the sandbox: who keeps the record of which plant.
const landscapes = {
  erp: {
    key: 'plant',
    systems: { plant1: { backend: 'plant1-erp', flows: 'tryton' }, cloud: { backend: 'cloud-erp', flows: 'odata' } },
    keys: { 1010: 'plant1', 1020: 'cloud' },
  },
};

class Pair {
  /** The path of an API's operation at a plant. */
  path(plant, api, rest) {
    return `/system/${api}/v1/plants/${plant}${rest}`;
  }

  get bearer() {
    const scopes = ['plants:all', ...this.apis.flatMap((api) => [`${api}:read`, `${api}:write`])];
    return { authorization: `Bearer ${this.gw.token({ scope: scopes.join(' '), plant: PLANTS })}` };
  }

  get(plant, api, rest, headers = {}) {
    return this.gw.get(this.path(plant, api, rest), { headers: { ...this.bearer, ...headers } });
  }

  write(plant, api, rest, body, { method = 'POST', key = randomUUID(), etag, headers = {} } = {}) {
    const match = etag ? { 'if-match': etag } : {};
    return this.gw.request(this.path(plant, api, rest), {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: { ...this.bearer, 'content-type': 'application/json', 'idempotency-key': `"${key}"`, ...match, ...headers },
    });
  }

  /** All pages of a list. */
  async all(plant, api, rest, limit = 50) {
    const items = [];
    let cursor = '';
    do {
      const answer = await this.get(plant, api, `${rest}${rest.includes('?') ? '&' : '?'}limit=${limit}${cursor}`);
      if (answer.status !== 200) throw new Error(`${rest}: ${answer.status} ${answer.text}`);
      items.push(...answer.json.items);
      cursor = answer.json.next ? `&cursor=${answer.json.next}` : undefined;
    } while (cursor);
    return items;
  }

  /** Asks the OData server itself; a body makes it a POST. */
  async odata(path, { body, method = body ? 'POST' : 'GET', admin = false, headers = {} } = {}) {
    const authorization = admin ? basic('erpadmin', 'pw2') : basic('erpclient', 'pw1');
    const answer = await fetch(`${this.odataUrl}/odata/v4/erp/${path.replaceAll(' ', '%20')}`, {
      method, headers: { authorization, 'content-type': 'application/json', ...headers }, body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** Kills the gateway while a write is on its way to the ERP, waits for it to arrive there, and starts the gateway
   * again. `write` takes the fields of its first attempt. */
  async killDuring(plant, match, write) {
    const proxy = this.faults[plant];
    const before = proxy.seen.slow ?? 0;
    proxy.fault = { kind: 'slow', ms: SLOW_MS, times: 1, match };
    const lost = write({ 'x-request-timeout': String(WAIT_MS) }).catch(() => undefined);
    await eventually(() => (proxy.seen.slow ?? 0) > before, 'the write is on its way');
    await this.gw.kill();
    await lost;
    await sleep(SLOW_MS + 500);
    Object.assign(this.gw, { stderr: '', ports: [] });
    await this.gw.start();
  }

  /** Sends a write again until its first attempt is no longer under way. */
  again(write) {
    return eventually(async () => {
      const answer = await write();
      return /request-in-flight|outcome-not-recorded|effect-settling/.test(answer.text) ? undefined : answer;
    }, 'the first attempt has ended', 30_000);
  }
}

const CHAIN = [
  { body_limit: {} }, { headers: {} }, { jwt: {} }, { authorise: {} }, { rate_limit: { redis_timeout: '1s' } },
  { schema: { responses: 'enforce' } }, { idempotency: { redis_timeout: '5s', claim: '4s' } },
];

const times = { first_byte_timeout: '3s', total_timeout: '3s' };

async function startBoth(scope) {
  const dir = makeFolder();
  const [odataUrl, tryton, redis] = await Promise.all([
    startOdata(scope), startTryton({ dir: join(dir, 'tryton') }), startRedis({ dir: join(dir, 'redis') }),
  ]);
  scope.after(() => tryton.stop());
  scope.after(() => redis.stop('SIGKILL'));
  const faults = { 1010: await startFaultProxy({ target: tryton.url }), 1020: await startFaultProxy({ target: odataUrl }) };
  for (const proxy of Object.values(faults)) scope.after(() => proxy.stop());
  return { odataUrl, tryton, redis, faults, erp: await tryton.client().login() };
}

function configOf({ apis, tryton, redis, faults, issuer }) {
  const grants = ['/system/*'];
  const { database, user, password } = tryton;
  const known = { issuer: ISSUER, jwks_file: 'jwks.json', audiences: [AUDIENCE], algorithms: [issuer.alg], grants };
  return {
    redis: redis.url,
    backends: {
      'plant1-erp': { url: faults['1010'].url, grants, ...times, effects: { class: 'C', settle: '1s' }, tryton: { database, user, password } },
      'cloud-erp': { url: `${faults['1020'].url}/odata/v4/erp`, grants, ...times, headers: { authorization: basic('erpclient', 'pw1') }, odata: { version: 'v4' } },
    },
    issuers: { dev: known, factory: known },
    policies: CHAIN,
    extra: {
      request_timeout_field: 'X-Request-Timeout',
      landscapes,
      flows: apis.map((api) => join(ROOT, 'apis/system', api)),
      contracts: apis.map((api) => join(ROOT, `openapi/system-${api}.v1.yaml`)),
    },
  };
}

export async function startPair(scope, { apis }) {
  const issuer = new Issuer();
  const both = await startBoth(scope);
  const gw = await startGateway(scope, { issuer, peer: null, contracts: {}, config: configOf({ apis, issuer, ...both }) });
  return Object.assign(new Pair(), both, { apis, gw });
}
