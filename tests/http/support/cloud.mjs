// The OData server with all its services, and a gateway in front whose APIs are fulfilled by the flows for it.
//
//   const cloud = await startCloud(suite, { apis: ['erp-quality'] });
//   await cloud.get('erp-quality', '1020', '/nonconformances');   await cloud.read('quality', 'A_Nonconformance')

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { odataClient, odataIsInstalled, startOdata } from '../../rigs/odata.mjs';
import { startRedis } from '../../rigs/redis.mjs';
import { gatewayConfig } from './config.mjs';
import { assertProblem, eventually, makeFolder, startGateway } from './harness.mjs';
import { Issuer } from './tokens.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const grants = ['/system/*'];
const SERVICES = { 'cloud-erp': 'erp', 'cloud-quality': 'quality', 'cloud-maintenance': 'maintenance', 'cloud-logistics': 'logistics', 'cloud-field-service': 'field-service' };
export const POLICIES = [
  { body_limit: {} }, { headers: {} }, { jwt: {} }, { authorise: {} }, { schema: { responses: 'enforce' } },
  { idempotency: { redis_timeout: '5s', claim: '4s' } },
];

export function skipUnlessInstalled() {
  if (odataIsInstalled()) return;
  process.stdout.write('skipped: the OData rig is not installed: run script/bootstrap\n');
  process.exit(77);
}

/** The contracts and the flows of these APIs, as they are. */
export const files = (apis) => ({
  contracts: apis.map((api) => join(ROOT, `openapi/system-${api}.v1.yaml`)),
  flows: apis.map((api) => join(ROOT, 'apis/system', api)),
});

// Here the cloud keeps both plants; the landscapes beside `erp` are called as their APIs.
const LANDSCAPES = Object.fromEntries(['erp', 'maintenance', 'logistics', 'field-service'].map((name) => [name, {
  systems: { cloud: { backend: `cloud-${name}`, flows: 'odata' } }, keys: { 1010: 'cloud', 1020: 'cloud' },
}]));

/** The contracts' issuer, and the one of the admin API: the same keys. */
export function twoIssuers(issuer) {
  const { issuers: { dev } } = gatewayConfig({ dir: '.', issuer, peerUrl: '' });
  const one = { ...dev, jwks_file: 'jwks.json' };
  return { dev: one, factory: one };
}

export class Apis {
  constructor(apis, gateway) {
    this.gw = gateway;
    this.scope = apis.flatMap((api) => [`${api}:read`, `${api}:write`]).join(' ');
  }

  headers(more = {}, claims = {}) {
    const token = this.gw.token({ scope: `${this.scope} plants:all`, plant: ['1010', '1020'], ...claims });
    return { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...more };
  }

  get(api, plant, rest, headers = {}) {
    return this.gw.get(`/system/${api}/v1/plants/${plant}${rest}`, { headers: this.headers(headers) });
  }

  /** `key` is the Idempotency-Key, `etag` goes into If-Match. */
  post(api, plant, rest, body, { key = randomUUID(), etag } = {}) {
    return this.gw.request(`/system/${api}/v1/plants/${plant}${rest}`, {
      method: 'POST', body: body === undefined ? undefined : JSON.stringify(body),
      headers: this.headers({ 'idempotency-key': `"${key}"`, ...(etag ? { 'if-match': etag } : {}) }),
    });
  }

  /** All items of a list, page by page. */
  async all(api, plant, rest, limit) {
    const items = [];
    let cursor = '';
    do {
      const answer = await this.get(api, plant, `${rest}${rest.includes('?') ? '&' : '?'}limit=${limit}${cursor}`);
      assert.equal(answer.status, 200, answer.text);
      assert.ok(answer.json.items.length <= limit);
      items.push(...answer.json.items);
      cursor = answer.json.next ? `&cursor=${answer.json.next}` : undefined;
    } while (cursor !== undefined);
    return items;
  }

  /** The rule that the answer says was broken. */
  rule(answer) {
    return assertProblem(answer, 422).rule;
  }
}

class Cloud extends Apis {
  /** What the server itself says, decimals and all. */
  async read(service, path) {
    const body = await this.erp.get(`/odata/v4/${service}/${path.replaceAll(' ', '%20')}`);
    return body.value ?? body;
  }

  async count(service, path) {
    return (await this.read(service, path)).length;
  }

  /** Sends writes (`times` of them) whose answers the server holds back; when `isDone`, kills the gateway, and starts it again. */
  async dieBehind(match, send, isDone, times = 1) {
    await this.erp.spoil('held', match, { method: 'POST', times });
    const pending = send().catch(() => undefined);
    await eventually(isDone, 'the server has done it');
    await this.gw.kill();
    await pending;
    await this.erp.mend();
    Object.assign(this.gw, { wasKilled: false, stderr: '', ports: [], tlsPorts: [], cachedToken: undefined });
    await this.gw.start();
  }

  /** The answer once the first attempt is no longer taken to be under way. */
  async settled(send) {
    let answer;
    await eventually(async () => {
      answer = await send();
      return !(answer.status === 409 && answer.json.type.endsWith('request-in-flight'));
    }, 'the first attempt is over', 20_000);
    return answer;
  }
}

export async function startCloud(suite, { apis, backend = {} }) {
  const url = await startOdata(suite, { RIG_FAULTS: '1' });
  const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
  suite.after(() => redis.stop('SIGKILL'));
  const erp = odataClient(url);
  const issuer = new Issuer();
  const backends = Object.fromEntries(Object.entries(SERVICES).map(([name, service]) => [name, {
    url: `${url}/odata/v4/${service}`, grants, headers: { authorization: erp.authorization }, odata: { version: 'v4' }, total_timeout: '3s', ...backend,
  }]));
  const gw = await startGateway(suite, {
    issuer, peer: null, contracts: {},
    config: {
      redis: redis.url, backends, policies: POLICIES, issuers: twoIssuers(issuer),
      extra: { ...files(apis), landscapes: LANDSCAPES },
    },
  });
  return Object.assign(new Cloud(apis, gw), { erp, url });
}
