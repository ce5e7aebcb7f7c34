// The gateway's configuration and the peer's contract, as the tests need them: the one place to
// change when a name in the configuration changes. JSON is YAML, so both are written as JSON.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { AUDIENCE, ISSUER } from './tokens.mjs';

export const PEER_ROOT = '/system/peer/v1';
export const ADMIN_SCOPE = 'millgate:admin';

const POLICIES = [{ body_limit: {} }, { headers: {} }, { jwt: {} }, { client_certificate: {} }, { authorise: {} }, { rate_limit: {} }, { schema: {} }];

/** The usual chain with another bound on bodies. */
export function withBodyLimit(maxBytes) {
  return POLICIES.map((policy) => ('body_limit' in policy ? { body_limit: { max_bytes: maxBytes } } : policy));
}

/** The usual chain where Redis is always waited for: on a busy machine 20 ms may pass, and then the local
 * share decides, which a test of exact counts does not mean. */
export const PATIENT = POLICIES.map((policy) =>
  ('rate_limit' in policy ? { rate_limit: { redis_timeout: '1s' } } : policy));

function orderSchema() {
  return {
    type: 'object',
    required: ['supplier', 'items'],
    additionalProperties: false,
    properties: {
      supplier: { type: 'string', pattern: '^[0-9]{8}$' },
      reference: { type: 'string', maxLength: 35 },
      items: {
        type: 'array',
        minItems: 1,
        maxItems: 50,
        items: {
          type: 'object',
          required: ['material', 'quantity'],
          properties: {
            material: { type: 'string', minLength: 1 },
            quantity: { type: 'number', exclusiveMinimum: 0 },
            unit: { enum: ['PC', 'KG', 'M'] },
          },
        },
      },
    },
  };
}

function operation(operationId, more = {}) {
  return { operationId, responses: { default: { description: 'As the peer answers.' } }, ...more };
}

// Any body passes, unread by a policy.
const anyBody = { requestBody: { content: { '*/*': {} } } };

function plainPaths(names) {
  const entries = names.map((name) => [
    `/${name}`,
    {
      get: operation(`get-${name}`),
      post: operation(`post-${name}`, anyBody),
      put: operation(`put-${name}`, anyBody),
      delete: operation(`delete-${name}`),
    },
  ]);
  return Object.fromEntries(entries);
}

const PLAIN = ['mirror', 'echo', 'stream', 'count', 'status', 'conditional', 'interim', 'trailers', 'hop',
  'slow', 'drip', 'hold', 'early', 'die', 'die-chunked', 'die-before', 'die-in-upload', 'big-head',
  'malformed', 'malformed-chunk', 'surplus', 'throttled', 'sluggish', 'whoami'];

const integer = { type: 'integer', minimum: 1, maximum: 100 };

/** An API in front of the scripted peer, with one operation for each of its behaviours. */
export function peerContract({ name = 'peer', backend = 'peer', plan = 'standard', scope = 'peer:use', paths,
  issuers = ['dev'] } = {}) {
  const typed = {
    '/items/{id}': {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer', minimum: 1 } }],
      get: operation('get-item', {
        parameters: [
          { name: 'limit', in: 'query', schema: integer },
          { name: 'X-Line', in: 'header', schema: { type: 'string', pattern: '^[0-9]{4}$' } },
        ],
        'x-millgate': { backend_path: '/items/{id}/mirror' },
      }),
    },
    '/items/latest': { get: operation('get-latest', { 'x-millgate': { backend_path: '/latest/mirror' } }) },
    '/orders': {
      post: operation('create-order', {
        'x-millgate': { backend_path: '/orders/mirror' },
        requestBody: { required: true, content: { 'application/json': { schema: orderSchema() } } },
      }),
    },
    '/only-get': { get: operation('only-get', { 'x-millgate': { backend_path: '/mirror' } }) },
    '/admin-only': {
      get: operation('admin-only', {
        security: [{ dev: ['peer:admin'] }],
        'x-millgate': { backend_path: '/mirror' },
      }),
    },
  };
  return {
    openapi: '3.1.0',
    info: { title: `The scripted peer (${name})`, version: '1.0.0' },
    'x-millgate': {
      namespace: `/system/${name}`,
      owner: 'tests',
      contact: 'tests@example.test',
      runbook: 'https://runbooks.example.test/peer',
      lifecycle: 'production',
      plan,
      backend,
      service_level: { availability: 0.999, latency_p99_ms: 500 },
    },
    security: issuers.map((issuer) => ({ [issuer]: [scope] })),
    components: {
      securitySchemes: Object.fromEntries(issuers.map((issuer) =>
        [issuer, { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }])),
    },
    paths: paths ?? { ...plainPaths(PLAIN), ...typed },
  };
}

/** The operator's configuration. `dir` holds the files it names. */
export function gatewayConfig({ dir, issuer, peerUrl, options = {} }) {
  const { listeners, backends, plans, policies, redis, issuers, workers = 1, extra = {} } = options;
  const grants = ['/system/*'];
  return {
    listeners: listeners ?? [{ address: '127.0.0.1:0' }],
    admin: { address: '127.0.0.1:0', token: { issuers: ['dev'], scope: ADMIN_SCOPE }, ...options.admin },
    workers,
    state_dir: options.stateDir ?? join(dir, 'state'),
    ...(redis ? { redis: typeof redis === 'string' ? { url: redis } : redis } : {}),
    access_log: join(dir, 'access.log'),
    contracts: [join(dir, 'contracts')],
    backends: {
      ...(peerUrl ? { peer: { url: peerUrl, grants, ...options.peerBackend } } : {}),
      ...backends,
    },
    issuers: issuers ?? {
      dev: {
        issuer: ISSUER,
        jwks_file: join(dir, 'jwks.json'),
        audiences: [AUDIENCE],
        algorithms: [issuer.alg],
        grants,
      },
    },
    plans: plans ?? { standard: { limit: 1_000_000, window: '60s', burst: 100_000, grants } },
    policies: policies ?? POLICIES,
    ...extra,
  };
}

/** Writes everything the gateway reads; returns the configuration's path. */
export function writeFiles({ dir, issuer, config, contracts }) {
  mkdirSync(join(dir, 'contracts'), { recursive: true });
  writeFileSync(join(dir, 'jwks.json'), JSON.stringify(issuer.jwks));
  for (const [name, contract] of Object.entries(contracts))
    writeFileSync(join(dir, 'contracts', name), asText(contract));
  const path = join(dir, 'millgate.yaml');
  writeFileSync(path, asText(config));
  return path;
}

function asText(document) {
  return typeof document === 'string' ? document : `${JSON.stringify(document, null, 2)}\n`;
}
