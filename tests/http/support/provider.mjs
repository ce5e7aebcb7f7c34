// A gateway whose issuer `dev` is a real OpenID provider, and what its tests ask for again and again.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { assertProblem, peerPath, send, startGateway } from './harness.mjs';

const RIG = fileURLToPath(new URL('../../rigs/oidc/', import.meta.url));

if (!existsSync(`${RIG}node_modules/oidc-provider`)) {
  process.stdout.write('skipped: the OpenID provider is not installed: run script/bootstrap\n');
  process.exit(77);
}
export const { ALGORITHMS, OidcRig } = await import('../../rigs/oidc/provider.mjs');

export async function startProvider(t, { isDown = false, ...options } = {}) {
  const provider = new OidcRig(options);
  await (isDown ? provider.reserve() : provider.listen());
  t.after(() => provider.stop());
  return provider;
}

export function issuerOf(provider, options = { discovery: true }) {
  return {
    issuer: provider.issuer, audiences: [provider.audience], algorithms: ALGORITHMS, typ: 'at+jwt',
    grants: ['/system/*'], ...options,
  };
}

export async function startWith(t, provider, issuer, config = {}) {
  return startGateway(t, { config: { issuers: { dev: issuerOf(provider, issuer) }, ...config } });
}

export function ask(gw, token, options = {}) {
  return gw.get(peerPath('mirror'), { headers: { authorization: `Bearer ${token}` }, ...options });
}

export async function metric(gw, name) {
  const { text } = await send({ port: gw.adminPort, path: '/metrics' });
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.split(' ').at(-1));
}

export const fetches = (gw, result) =>
  metric(gw, `millgate_jwt_key_fetches_total{issuer="dev",result="${result}"}`);

export function logged(gw, pattern) {
  return gw.stderr.split('\n').filter((line) => pattern.test(line)).length;
}

/** What a token says, under a kid that nobody has. */
export function withRandomKid(token) {
  const [head, ...rest] = token.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url'));
  header.kid = randomBytes(8).toString('hex');
  return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
}

export async function passes(gw, token, options) {
  const answer = await ask(gw, token, options);
  assert.equal(answer.status, 200, answer.text);
}

export async function refuses(gw, token, options) {
  const answer = await ask(gw, token, options);
  assertProblem(answer, 401);
  assert.match(answer.headers['www-authenticate'], /error="invalid_token"/);
}

export async function isUnavailable(gw, token) {
  const answer = await ask(gw, token);
  assertProblem(answer, 503);
  assert.match(answer.json.type, /unavailable$/);
  assert.ok(Number(answer.headers['retry-after']) >= 1, 'Retry-After');
}
