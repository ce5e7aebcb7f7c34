// Callers of all identities for the chaos test: honest ones, who must never be refused for who they are;
// wicked ones, who must never be served; and both kinds leave at any moment. Each request has a number
// of its own in its path, which the scripted peer gives back.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { OPAQUE } from '../../rigs/oidc/provider.mjs';
import { makeRandom } from './chaos.mjs';
import { PEER_ROOT, peerContract } from './config.mjs';
import { RawClient } from './raw_client.mjs';

const PATIENCE_MS = 30_000;
const MAX_WRONG = 20;
// What may come of a backend, a provider or a Redis that fails: never of who asks.
const TROUBLE = [429, 502, 503, 504];
const REFUSED = [401, 429, 503];
const WICKED = '127.0.0.7';

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** `/c/{id}/{what}/{who}`: every behaviour of the peer for every kind of caller. */
export function identityContract(name = 'peer') {
  const contract = peerContract({ name, plan: name === 'tight' ? 'tight' : 'standard', scope: 'peer:use' });
  const securities = {
    local: [{ dev: ['peer:use'] }],
    idp: [{ idp: ['peer:use'] }],
    asked: [{ asked: ['peer:use'] }],
    key: [{ partners: ['peer:use'] }],
    cert: [{ certs: [] }],
    any: [{ dev: ['peer:use'] }, { idp: ['peer:use'] }, { partners: ['peer:use'] }],
    both: [{ dev: ['peer:use'], partners: ['peer:use'] }],
    ruled: [{ dev: ['peer:use'] }],
  };
  const bearer = { type: 'http', scheme: 'bearer' };
  contract.components.securitySchemes = {
    dev: bearer, idp: bearer, asked: bearer, certs: { type: 'mutualTLS' },
    partners: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
  };
  const inPath = (parameter, type) => ({ name: parameter, in: 'path', required: true, schema: { type } });
  contract.paths = {};
  for (const [who, security] of Object.entries(securities)) {
    const operation = (method) => ({
      operationId: `${method}-${who}`, security, responses: { default: { description: 'As the peer answers.' } },
      'x-millgate': {
        backend_path: '/c/{id}/{what}',
        ...(who === 'ruled' ? { authorize: ['token.only == path.id'] } : {}),
      },
      ...(method === 'get' ? {} : { requestBody: { content: { '*/*': {} } } }),
    });
    contract.paths[`/c/{id}/{what}/${who}`] = {
      parameters: [inPath('id', 'string'), inPath('what', 'string')],
      ...Object.fromEntries(['get', 'post', 'put'].map((method) => [method, operation(method)])),
    };
  }
  return contract;
}

const BEHAVIOURS = ['mirror', 'mirror', 'mirror', 'mirror', 'slow?ms=120', 'drip?bytes=6&ms=40', 'die-before',
  'die?bytes=3000', 'status?code=503', 'status?code=500', 'stream?bytes=40000', 'hold'];

export class Callers {
  #number = 0;

  constructor(gw, { seed, until, provider, keys, leaf, proofs }) {
    Object.assign(this, { gw, seed, until, provider, keys, leaf, proofs, wrong: [], statuses: {}, tokens: [] });
    this.stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  }

  get isOver() {
    return Date.now() > this.until || this.wrong.length > MAX_WRONG;
  }

  /** Tokens of the provider, made beforehand: it has enough to do. */
  async prepare(count = 8) {
    const make = (alg) => Promise.all(Array.from({ length: count }, () => this.provider.token(alg)));
    [this.jwts, this.opaques, this.revoked] = [await make('ES256'), await make(OPAQUE), await make(OPAQUE)];
    for (const token of this.revoked) await this.provider.revoke(token);
    this.bound = [];
    for (let i = 0; i < 4; i++) {
      const pair = await this.proofs.generateKeyPair('ES256');
      const proof = await this.proofs.generateProof(pair, `${this.provider.issuer}/token`, 'POST');
      this.bound.push({ pair, token: await this.provider.token('ES256', { proof }) });
    }
    this.banned = this.gw.token({ jti: 'banned', sub: 'banned' });
  }

  /** {who, path, fields, statuses}; `statuses` of a calm gateway is the first only. */
  async make(kind, random, { what = random.pick(BEHAVIOURS), root = PEER_ROOT } = {}) {
    const number = ++this.#number;
    const request = { kind, number, method: random.pick(['GET', 'GET', 'GET', 'POST', 'PUT']), fields: [], root, what };
    Object.assign(request, { statuses: [200, 500, ...TROUBLE], address: '127.0.0.1' });
    await this[kind](request, random);
    request.path = `${request.root}/c/${request.id ?? number}/${what.split('?')[0]}/${request.who}`;
    if (request.isProved) await this.prove(request);
    return request;
  }

  bearer(request, token, scheme = 'Bearer') {
    request.fields.push(`Authorization: ${scheme} ${token}`);
  }

  mustFail(request, statuses = REFUSED) {
    Object.assign(request, { statuses, address: WICKED, isWicked: true });
  }

  local(request, random) {
    request.who = random.pick(['local', 'any']);
    this.bearer(request, this.gw.token({ sub: `caller-${random.below(30)}`, jti: `${request.number}` }));
  }

  cached(request) {
    request.who = 'local';
    this.bearer(request, this.gw.cachedToken);
  }

  tight(request, random) {
    request.who = 'local';
    request.root = '/system/tight/v1';
    this.bearer(request, this.gw.token({ sub: `tight-${random.below(3)}` }));
  }

  jwt(request, random) {
    request.who = random.pick(['idp', 'any']);
    this.bearer(request, random.pick(this.jwts));
  }

  asked(request, random) {
    request.who = 'asked';
    this.bearer(request, random.pick(this.opaques));
  }

  opaque(request, random) {
    request.who = random.pick(['idp', 'any']);
    this.bearer(request, random.pick(this.opaques));
  }

  dpop(request, random) {
    Object.assign(request, { who: 'idp', isProved: true, bound: random.pick(this.bound) });
    this.bearer(request, request.bound.token, 'DPoP');
  }

  async prove(request) {
    const { pair, token } = request.bound;
    const url = request.provedUrl ?? `http://127.0.0.1:${this.gw.port}${request.path}`;
    request.fields.push(`DPoP: ${await this.proofs.generateProof(pair, url, request.method, undefined, token)}`);
  }

  key(request, random) {
    request.who = random.pick(['key', 'any']);
    request.fields.push(`X-API-Key: ${random.pick(this.keys)}`);
  }

  both(request, random) {
    request.who = 'both';
    request.fields.push(`X-API-Key: ${random.pick(this.keys)}`);
    this.bearer(request, this.gw.token({ sub: `caller-${random.below(30)}` }));
  }

  ruled(request) {
    request.who = 'ruled';
    request.id = `r${request.number}`;
    this.bearer(request, this.gw.token({ only: request.id }));
  }

  cert(request) {
    Object.assign(request, { who: 'cert', leaf: this.leaf });
  }

  // --- who must not pass ---

  forged(request, random) {
    request.who = random.pick(['local', 'idp', 'any', 'asked']);
    this.mustFail(request);
    const token = request.who === 'local' ? this.gw.token() : random.pick(this.jwts);
    this.bearer(request, `${token.slice(0, -20)}${randomBytes(15).toString('base64url')}`);
  }

  /** The same again and again: known to be bad. */
  stale(request) {
    request.who = 'local';
    this.mustFail(request);
    this.bearer(request, `${this.gw.cachedToken.slice(0, -20)}${'A'.repeat(20)}`);
  }

  strangeKey(request, random) {
    request.who = random.pick(['idp', 'asked', 'any']);
    this.mustFail(request);
    const [head, payload, signature] = random.pick(this.jwts).split('.');
    const header = { ...JSON.parse(Buffer.from(head, 'base64url')), kid: `kid-${random.below(1e9)}` };
    this.bearer(request, `${encode(header)}.${payload}.${signature}`);
  }

  unknownOpaque(request, random) {
    request.who = random.pick(['idp', 'asked', 'any']);
    this.mustFail(request);
    this.bearer(request, random.chance(0.5) ? random.pick(this.revoked) : randomBytes(24).toString('base64url'));
  }

  foreignProof(request, random) {
    request.who = 'idp';
    this.mustFail(request);
    const how = random.pick(['other', 'url', 'none']);
    const own = random.pick(this.bound);
    const other = this.bound[(this.bound.indexOf(own) + 1) % this.bound.length];
    this.bearer(request, own.token, how === 'none' ? 'Bearer' : 'DPoP');
    if (how === 'url') Object.assign(request, { isProved: true, bound: own, provedUrl: 'http://other.test/x' });
    if (how === 'other') Object.assign(request, { isProved: true, bound: { pair: other.pair, token: own.token } });
  }

  badKey(request, random) {
    request.who = random.pick(['key', 'any', 'both']);
    this.mustFail(request);
    const good = random.pick(this.keys);
    request.fields.push(`X-API-Key: ${good.slice(0, -8)}${randomBytes(4).toString('hex')}`);
    if (request.who !== 'key') this.bearer(request, this.gw.cachedToken);
  }

  confused(request, random) {
    const good = random.pick(this.keys);
    Object.assign(request, { who: random.pick(['local', 'cert', 'key', 'both', 'asked']) });
    this.mustFail(request, [401, 403, 429, 503]);
    if (request.who === 'key' || request.who === 'asked' || request.who === 'cert') this.bearer(request, this.gw.cachedToken);
    else request.fields.push(`X-API-Key: ${good}`);
  }

  outlaw(request) {
    request.who = 'local';
    this.mustFail(request);
    this.bearer(request, this.banned);
  }

  unruled(request) {
    request.who = 'ruled';
    this.mustFail(request, [403]);
    this.bearer(request, this.gw.token({ only: 'another' }));
  }

  // --- on the wire ---

  bytesOf(request) {
    const query = request.what.includes('?') ? `?${request.what.split('?')[1]}` : '';
    const body = request.method === 'GET' ? '' : `body of ${request.number}`;
    const fields = [`Host: 127.0.0.1:${this.gw.port}`, ...request.fields,
      ...(body ? ['Content-Type: text/plain', `Content-Length: ${body.length}`] : [])];
    return `${request.method} ${request.path}${query} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${body}`;
  }

  open(request) {
    const { leaf, address } = request;
    return leaf
      ? RawClient.open(this.gw.tlsPorts[0], { tls: true, cert: leaf.pem, key: leaf.key })
      : this.gw.raw({ localAddress: address });
  }

  fail(request, reason, answer) {
    this.wrong.push({
      reason, kind: request.kind, who: request.who, method: request.method, path: request.path,
      answer: answer && JSON.stringify(answer).slice(0, 500),
    });
  }

  judge(request, answer) {
    if (answer === null || answer instanceof Error) {
      if (answer && /in time|malformed/.test(answer.message)) this.fail(request, answer.message);
      else if (request.isWicked && !answer?.message) this.fail(request, 'closed without an answer');
      return;
    }
    const counts = (this.statuses[request.kind] ??= {});
    counts[answer.status] = (counts[answer.status] ?? 0) + 1;
    if (!request.statuses.includes(answer.status)) this.fail(request, 'another status', answer);
    else if (answer.status === 200 && request.what === 'mirror') this.judgeMirror(request, answer);
  }

  judgeMirror(request, answer) {
    const { target, headers } = JSON.parse(answer.body);
    if (!target.includes(`/c/${request.id ?? request.number}/`)) this.fail(request, "another's answer", answer);
    const secret = headers.find(([name]) => ['authorization', 'x-api-key', 'dpop'].includes(name));
    if (secret) this.fail(request, `${secret[0]} went to the backend`);
  }

  async ask(request) {
    const client = await this.open(request);
    client.send(this.bytesOf(request));
    const answer = await client.response({ deadlineMs: PATIENCE_MS }).catch((error) => error);
    this.judge(request, answer);
    client.destroy();
    return answer;
  }

  /** Goes at some moment, mostly while its request waits for somebody. */
  async leave(request, random) {
    const client = await this.open(request);
    const bytes = this.bytesOf(request);
    client.send(random.chance(0.8) ? bytes : bytes.slice(0, random.below(bytes.length)));
    await sleep(random.below(random.pick([3, 30, 300, 1200])));
    if (!request.leaf && random.chance(0.5)) client.socket.resetAndDestroy();
    client.destroy();
  }

  async lane(number) {
    const random = makeRandom(this.seed * 1000 + number);
    while (!this.isOver) {
      const request = await this.make(random.pick(EVERYBODY), random);
      if (request.what === 'hold' || random.chance(0.25)) await this.leave(request, random).catch(() => {});
      else await this.ask(request).catch((error) => this.fail(request, error.stack));
    }
  }
}

export const HONEST = ['local', 'cached', 'jwt', 'opaque', 'asked', 'dpop', 'key', 'both', 'ruled', 'cert'];
export const WICKEDS = ['forged', 'stale', 'strangeKey', 'unknownOpaque', 'foreignProof', 'badKey', 'confused', 'outlaw', 'unruled'];
const EVERYBODY = [...HONEST, ...HONEST, 'tight', 'tight', ...WICKEDS];
