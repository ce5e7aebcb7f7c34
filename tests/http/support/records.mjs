// Gateways with API keys, on one Redis; and what is asked of their admin listener.

import { join } from 'node:path';

import { startRedis } from '../../rigs/redis.mjs';
import { peerContract } from './config.mjs';
import { makeFolder, send, startGateway } from './harness.mjs';

const CHAIN = ['body_limit', 'jwt', 'api_key', 'client_certificate', 'authorise', 'headers', 'rate_limit', 'schema'];

/** The peer's contract, where a key of `partners` opens /mirror, and a token still does. */
export function keyedContract() {
  const contract = peerContract();
  contract.components.securitySchemes.partners = { type: 'apiKey', in: 'header', name: 'X-API-Key' };
  contract.paths['/mirror'].get.security = [{ dev: ['peer:use'] }, { partners: ['peer:use'] }];
  contract.paths['/count'].get.security = [{ partners: ['peer:count'] }];
  contract.paths['/echo'].get.security = [{ dev: ['peer:use'], partners: ['peer:use'] }];
  return contract;
}

export async function redisFor(t, options = {}) {
  const redis = await startRedis({ dir: join(makeFolder(), 'redis'), ...options });
  t.after(async () => {
    if (!redis.process.exitCode && !redis.process.signalCode) redis.process.kill('SIGCONT');
    await redis.stop('SIGKILL');
  });
  return redis;
}

export async function keyedGateway(t, { redis, extra = {}, env, ...more } = {}) {
  const dir = more.dir ?? makeFolder();
  return startGateway(t, {
    dir,
    contracts: { 'peer.v1.yaml': keyedContract() },
    env,
    issuer: more.issuer,
    config: {
      redis: redis?.url,
      policies: CHAIN.map((name) => ({ [name]: {} })),
      admin: { socket: join(dir, 'admin.sock') },
      extra: { api_keys: { partners: { grants: ['/system/*'] } }, ...extra },
      ...more.config,
    },
  });
}

/** A change over the admin listener. */
export function change(gw, method, path, body) {
  return gw.admin(path, {
    method, body: body === undefined ? undefined : JSON.stringify(body), headers: { 'content-type': 'application/json' },
  });
}

/** A new key's text and id. */
export async function makeKey(gw, body = {}) {
  const answer = await change(gw, 'POST', '/keys', { consumer: 'acme', scopes: ['peer:use'], ...body });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.json;
}

/** A request with a key and no token. */
export function withKey(gw, key, { path = '/system/peer/v1/mirror', headers = {}, ...more } = {}) {
  return send({ port: gw.port, path, headers: { ...(key ? { 'x-api-key': key } : {}), ...headers }, ...more });
}

export async function ready(gw) {
  return (await send({ port: gw.adminPort, path: '/readyz' })).json;
}
