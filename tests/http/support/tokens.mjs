// Keys and tokens of a development issuer, made with node:crypto: nothing of the gateway's own.

import { createHmac, createSign, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export const ISSUER = 'https://issuer.test/dev';
export const AUDIENCE = 'millgate';

function encode(value) {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function generate(alg) {
  if (alg.startsWith('RS')) return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export class Issuer {
  constructor({ alg = 'RS256', kid = `key-${randomBytes(4).toString('hex')}` } = {}) {
    Object.assign(this, { alg, kid, ...generate(alg) });
  }

  get jwk() {
    return { ...this.publicKey.export({ format: 'jwk' }), kid: this.kid, alg: this.alg, use: 'sig' };
  }

  get jwks() {
    return { keys: [this.jwk] };
  }

  get publicPem() {
    return this.publicKey.export({ type: 'spki', format: 'pem' });
  }

  /** Any header and payload, signed as they are. */
  sign(header, payload) {
    const input = `${encode(header)}.${encode(payload)}`;
    const signature = this.alg.startsWith('RS')
      ? createSign('RSA-SHA256').update(input).sign(this.privateKey)
      : sign('sha256', Buffer.from(input), { key: this.privateKey, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  }

  /** A good token; `claims` override or, as undefined, remove. */
  token(claims = {}, header = {}) {
    const now = Math.floor(Date.now() / 1000);
    const payload = {
      iss: ISSUER, aud: AUDIENCE, sub: 'tester', iat: now, exp: now + 3600,
      scope: 'peer:use erp:read erp:write', ...claims,
    };
    return this.sign({ alg: this.alg, typ: 'JWT', kid: this.kid, ...header }, payload);
  }

  /** Signed by HMAC with the public key's text as the secret: the confusion of RFC 8725, 2.1. */
  confusedToken() {
    const now = Math.floor(Date.now() / 1000);
    const payload = { iss: ISSUER, aud: AUDIENCE, sub: 'mallory', exp: now + 600, scope: 'peer:use' };
    const input = `${encode({ alg: 'HS256', kid: this.kid })}.${encode(payload)}`;
    const mac = createHmac('sha256', this.publicPem).update(input).digest('base64url');
    return `${input}.${mac}`;
  }

  unsignedToken() {
    const now = Math.floor(Date.now() / 1000);
    const payload = { iss: ISSUER, aud: AUDIENCE, sub: 'mallory', exp: now + 600, scope: 'peer:use' };
    return `${encode({ alg: 'none' })}.${encode(payload)}.`;
  }
}
