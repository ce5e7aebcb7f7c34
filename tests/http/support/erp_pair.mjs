// Both real ERPs with a gateway in front: Tryton keeps plant 1010, the OData server plant 1020.
//
//   const pair = await startPair(suite, { apis: ['erp-partners'] });
//   await pair.get('1010', 'erp-partners', '/suppliers');   pair.erp (Tryton's own client)   await pair.odata('A_Supplier')

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startRedis } from '../../rigs/redis.mjs';
import { isInstalled, startTryton } from '../../rigs/tryton/tryton.mjs';
import { makeFolder, startGateway } from './harness.mjs';
import { Issuer } from './tokens.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const RIG = join(ROOT, 'tests/rigs/odata/');
const START_MS = 60_000;
const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** Which system keeps the record of which plant. */
export const PLANTS = { 1010: 'tryton', 1020: 'odata' };
const BACKENDS = { tryton: 'plant1-erp', odata: 'cloud-erp' };

export function skipUnlessInstalled() {
  if (existsSync(`${RIG}node_modules/@sap/cds`) && isInstalled()) return;
  process.stdout.write('skipped: the rigs of both ERPs are not installed: run script/bootstrap\n');
  process.exit(77);
}

export async function startOData(scope) {
  const env = { ...process.env, PORT: '0', RIG_FAULTS: '1' };
  const child = spawn(join(ROOT, 'script/node'), ['server.js'], { cwd: RIG, env, stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  scope.after(async () => {
    child.kill();
    await exited;
  });
  const timer = setTimeout(() => child.kill(), START_MS);
  let text = '';
  for await (const piece of child.stdout) {
    text += piece;
    const url = /listening on (http:\S+)/.exec(text);
    if (!url) continue;
    clearTimeout(timer);
    return url[1];
  }
  throw new Error(`the OData server did not start: ${text}`);
}

// One contract for each kind of system: the flows of the API's folder for that kind.
function contractOf(api, kind) {
  const text = readFileSync(join(ROOT, `openapi/system-${api}.v1.yaml`), 'utf8');
  return text
    .replace(`namespace: /system/${api}\n`, `namespace: /system/${api}-${kind}\n`)
    .replaceAll(`flow: ${api}/`, `flow: ${api}-${kind}/`);
}

// What a kind of system does not offer has no flow: its operation is left out.
function withoutMissing(text, api, kind) {
  return text.replaceAll(/x-millgate: \{flow: ([^/]+)\/([a-z-]+)\}/g, (all, namespace, name) =>
    existsSync(join(ROOT, `apis/system/${api}/${kind}/${name}.flow.yaml`)) ? all : `x-millgate: {backend: ${BACKENDS[kind]}}`);
}

function writeContracts(apis) {
  const folder = join(makeFolder(), 'openapi');
  mkdirSync(folder, { recursive: true });
  for (const shared of ['components', 'schemas']) cpSync(join(ROOT, 'openapi', shared), join(folder, shared), { recursive: true });
  for (const api of apis) {
    for (const kind of Object.values(PLANTS))
      writeFileSync(join(folder, `system-${api}-${kind}.v1.yaml`), withoutMissing(contractOf(api, kind), api, kind));
  }
  return apis.flatMap((api) => Object.values(PLANTS).map((kind) => join(folder, `system-${api}-${kind}.v1.yaml`)));
}

class Pair {
  /** The path of an API's operation at a plant. */
  path(plant, api, rest) {
    return `/system/${api}-${PLANTS[plant]}/v1/plants/${plant}${rest}`;
  }

  get bearer() {
    const scopes = this.apis.flatMap((api) => [`${api}:read`, `${api}:write`]);
    return { authorization: `Bearer ${this.gw.token({ scope: scopes.join(' '), plant: Object.keys(PLANTS) })}` };
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

  /** What the OData server shall do wrong: see tests/rigs/odata/faults.js. */
  async fault(fault) {
    const answer = await fetch(`${this.odataUrl}/rig/faults`, {
      method: fault ? 'POST' : 'DELETE', headers: { 'content-type': 'application/json' }, body: fault && JSON.stringify(fault),
    });
    if (!answer.ok) throw new Error(`no such fault: ${await answer.text()}`);
  }
}

const CHAIN = [
  { body_limit: {} }, { headers: {} }, { jwt: {} }, { authorise: {} }, { rate_limit: { redis_timeout: '1s' } },
  { schema: { responses: 'enforce' } }, { idempotency: { redis_timeout: '5s' } },
];

/** `backends` changes what the gateway knows of them: {'plant1-erp': {...}}. */
export async function startPair(scope, { apis, backends = {}, config = {} }) {
  const dir = join(makeFolder(), 'tryton');
  const [odataUrl, tryton, redis] = await Promise.all([
    startOData(scope), startTryton({ dir }), startRedis({ dir: join(makeFolder(), 'redis') }),
  ]);
  scope.after(() => tryton.stop());
  scope.after(() => redis.stop('SIGKILL'));
  const issuer = new Issuer();
  const grants = ['/system/*'];
  const pair = Object.assign(new Pair(), { apis, odataUrl, tryton, redis });
  pair.erp = await tryton.client().login();
  const urls = { 'plant1-erp': tryton.url, 'cloud-erp': `${odataUrl}/odata/v4/erp` };
  pair.options = {
    issuer, peer: null, contracts: {},
    config: {
      redis: redis.url,
      backends: {
        'plant1-erp': { url: urls['plant1-erp'], grants, tryton: { database: tryton.database, user: tryton.user, password: tryton.password }, ...backends['plant1-erp'] },
        'cloud-erp': { url: urls['cloud-erp'], grants, headers: { authorization: basic('erpclient', 'pw1') }, odata: { version: 'v4' }, ...backends['cloud-erp'] },
      },
      policies: CHAIN,
      ...config,
      extra: {
        flows: apis.map((api) => join(ROOT, 'apis/system', api)),
        contracts: writeContracts(apis),
        ...config.extra,
      },
    },
  };
  const { issuers } = pair.options.config;
  if (!issuers) pair.options.config.issuers = issuersOf(issuer);
  pair.gw = await startGateway(scope, pair.options);
  return pair;
}

// The contracts' issuer is the factory's; the admin API's the developers'.
function issuersOf(issuer) {
  const one = { issuer: 'https://issuer.test/dev', jwks_file: 'jwks.json', audiences: ['millgate'], algorithms: [issuer.alg], grants: ['/system/*'] };
  return { dev: one, factory: one };
}
