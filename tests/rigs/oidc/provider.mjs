// A real OpenID provider (oidc-provider) on 127.0.0.1 with client credentials, JWT access tokens in
// four algorithms and opaque ones, DPoP, introspection and revocation, and keys that a test rotates.
// What it answers can be spoilt, and it counts what it is asked.
//
//   const provider = await startProvider();   const token = await provider.token('ES256');
//   const opaque = await provider.token('opaque');   await provider.revoke(opaque);

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

export const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
export const SECRET = 'secret-0123456789-0123456789';
/** A client that gets tokens which say nothing by themselves. */
export const OPAQUE = 'opaque';
const CALL_MS = 10_000;

function makeKey(alg) {
  const pair = {
    RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: () => generateKeyPairSync('ed25519'),
  }[alg]();
  const kid = `${alg}-${randomBytes(4).toString('hex')}`;
  return { ...pair.privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

function publicPart({ kty, kid, alg, use, n, e, crv, x, y }) {
  return { kty, kid, alg, use, n, e, crv, x, y };
}

// What an answer about keys may be instead of the true one.
const SPOILT = {
  rubbish: (response) => response.end('<html>Sorry</html>'),
  error: (response) => response.writeHead(500).end('{}'),
  empty: (response) => response.end('{"keys":[],"issuer":""}'),
  huge: (response) => response.end(`{"keys":[${'1,'.repeat(200_000)}1]}`),
  denied: (response) => response.writeHead(401).end('{"error":"invalid_client"}'),
  cut: (response) => response.socket.destroy(),
  hang: () => {},
};

export class OidcRig {
  constructor({ audience = 'millgate', scope = 'peer:use', ttl = 600, maxAge } = {}) {
    Object.assign(this, { audience, scope, ttl, maxAge, mode: 'ok', delayMs: 0, metadata: null });
    Object.assign(this, { lagMs: 0, isOAuthOnly: false });
    this.spoilt = {}; // path -> how: '/token', '/token/introspection'
    this.counts = { discovery: 0, jwks: 0 };
    this.asked = {}; // path -> how often, for all others
    this.keys = ALGORITHMS.map(makeKey); // the first of an algorithm signs
    this.port = 0;
  }

  get issuer() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens, on the same port as before if there was one. */
  async listen() {
    this.server = createServer((request, response) => this.#handle(request, response));
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
    this.#build();
    return this;
  }

  async stop() {
    if (!this.server) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    this.server = null;
    await closed;
  }

  /** A port that is free, without listening: for a provider that is down at start. */
  async reserve() {
    await this.listen();
    await this.stop();
    return this;
  }

  /** A new key of the algorithm, which signs from now on; the old one goes if `drop`. */
  rotate(alg, { drop = false } = {}) {
    const key = makeKey(alg);
    const others = this.keys.filter((other) => !drop || other.alg !== alg);
    this.keys = [key, ...others];
    this.#build();
    return key.kid;
  }

  /** Drops all keys of the algorithm but the one that signs. */
  dropOld(alg) {
    const signing = this.keys.find((key) => key.alg === alg);
    this.keys = this.keys.filter((key) => key.alg !== alg || key === signing);
    this.#build();
  }

  #post(path, client, form, headers = {}) {
    return fetch(`${this.issuer}${path}`, {
      method: 'POST',
      headers: {
        'authorization': `Basic ${Buffer.from(`${client}:${SECRET}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
      body: new URLSearchParams(form),
      signal: AbortSignal.timeout(CALL_MS),
    });
  }

  /** A token from the provider's token endpoint; bound to a key with a `proof` of it (RFC 9449). */
  async token(alg = 'RS256', { proof } = {}) {
    const form = { grant_type: 'client_credentials', scope: this.scope, resource: `urn:${this.audience}` };
    const answer = await this.#post('/token', `client-${alg}`, form, proof && { dpop: proof });
    const { access_token: token, ...rest } = await answer.json();
    if (!token) throw new Error(`no token: ${answer.status} ${JSON.stringify(rest)}`);
    return token;
  }

  /** RFC 7009, by the client that it was issued to. */
  async revoke(token, alg = OPAQUE) {
    const answer = await this.#post('/token/revocation', `client-${alg}`, { token });
    if (answer.status !== 200) throw new Error(`not revoked: ${answer.status} ${await answer.text()}`);
  }

  #build() {
    const { audience, scope, ttl } = this;
    const grants = { client_secret: SECRET, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
    const provider = new Provider(this.issuer, {
      clients: [
        ...[...ALGORITHMS, OPAQUE].map((alg) => ({ ...grants, client_id: `client-${alg}` })),
        { ...grants, client_id: 'gateway' },
        { ...grants, client_id: 'gateway-post', token_endpoint_auth_method: 'client_secret_post' },
      ],
      scopes: [scope],
      enabledJWA: { dPoPSigningAlgValues: ALGORITHMS },
      jwks: { keys: this.keys },
      features: {
        clientCredentials: { enabled: true },
        introspection: { enabled: true },
        revocation: { enabled: true },
        dPoP: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_, __, client) => ({
            scope,
            audience,
            accessTokenFormat: client.clientId === `client-${OPAQUE}` ? 'opaque' : 'jwt',
            accessTokenTTL: ttl,
            jwt: { sign: { alg: /^client-/.test(client.clientId) ? client.clientId.slice(7) : 'RS256' } },
          }),
        },
      },
    });
    this.callback = provider.callback();
  }

  async #handle(request, response) {
    const isDiscovery = request.url.startsWith('/.well-known/');
    const isKeys = request.url === '/jwks';
    if (!isDiscovery && !isKeys) return this.#handleForm(request, response);
    this.counts[isDiscovery ? 'discovery' : 'jwks'] += 1;
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    if (this.mode !== 'ok') return SPOILT[this.mode](response);
    if (this.isOAuthOnly && request.url.endsWith('/openid-configuration')) return response.writeHead(404).end();
    if (isDiscovery && this.metadata) return response.end(JSON.stringify(this.metadata));
    if (isKeys && this.lagMs > 0) { // what was true when it was asked, later
      const keys = this.keys.map(publicPart);
      return setTimeout(() => response.end(JSON.stringify({ keys })), this.lagMs);
    }
    if (isKeys && (this.maxAge !== undefined)) return this.#sendKeys(request, response);
    return this.callback(request, response);
  }

  async #handleForm(request, response) {
    this.asked[request.url] = (this.asked[request.url] ?? 0) + 1;
    const how = this.spoilt[request.url];
    if (typeof how === 'number') await new Promise((resolve) => setTimeout(resolve, how));
    else if (typeof how === 'function') return how(request, response);
    else if (how) return SPOILT[how](response);
    return this.callback(request, response);
  }

  // The provider itself gives neither ETag nor Cache-Control.
  #sendKeys(request, response) {
    const text = JSON.stringify({ keys: this.keys.map(publicPart) });
    const etag = `"${createHash('sha256').update(text).digest('base64url')}"`;
    response.setHeader('cache-control', `public, max-age=${this.maxAge}`);
    response.setHeader('etag', etag);
    if (request.headers['if-none-match'] === etag) {
      this.counts.unchanged = (this.counts.unchanged ?? 0) + 1;
      return response.writeHead(304).end();
    }
    return response.end(text);
  }
}

export async function startProvider(options) {
  return new OidcRig(options).listen();
}
