// The commands beside serve.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { peerContract } from './support/config.mjs';
import { makeFolder, prepareGateway, runProgram } from './support/harness.mjs';
import { AUDIENCE, ISSUER, Issuer } from './support/tokens.mjs';

describe('check', () => {
  test('good files: exit 0', async (t) => {
    const gw = await prepareGateway(t);
    const result = runProgram(['check', '-c', gw.configPath]);
    assert.equal(result.code, 0, result.stderr + result.stdout);
  });

  test('all problems at once, each with file:line:column, exit 1', async (t) => {
    const gw = await prepareGateway(t);
    const folder = join(gw.dir, 'contracts');
    writeFileSync(join(folder, 'one.yaml'), JSON.stringify(peerContract({ name: 'one', backend: 'nowhere' }), null, 2));
    writeFileSync(join(folder, 'two.yaml'), JSON.stringify(peerContract({ name: 'two', plan: 'golden' }), null, 2));
    gw.rewriteConfig((config) => (config.surprise = 1));
    const result = runProgram(['check', '-c', gw.configPath]);
    assert.equal(result.code, 1);
    const text = result.stdout + result.stderr;
    assert.match(text, /one\.yaml:\d+:\d+/);
    assert.match(text, /two\.yaml:\d+:\d+/);
    assert.match(text, /millgate\.yaml:\d+:\d+/);
    assert.match(text, /nowhere/);
    assert.match(text, /golden/);
    assert.match(text, /surprise/);
  });

  test('what is wrong with a backend, an issuer or a plan is told once, not of each contract', async (t) => {
    const gw = await prepareGateway(t);
    gw.rewriteConfig((config) => {
      config.backends.peer.url = 'ftp://127.0.0.1';
      config.issuers.dev.algorithms = ['none'];
      config.plans.standard.grants = ['system'];
      config.plans.standard.limit = 0;
    });
    const { code, stderr } = runProgram(['check', '-c', gw.configPath]);
    assert.equal(code, 1);
    assert.match(stderr, /url must begin with/);
    assert.match(stderr, /limit/);
    assert.doesNotMatch(stderr, /peer\.v1\.yaml/);
    const places = stderr.split('\n').filter(Boolean).map((line) => /:\d+:\d+/.exec(line)?.[0]);
    assert.equal(new Set(places).size, places.length, stderr);
  });

  test('an operation too heavy for its plan is a warning, and only that', async (t) => {
    const heavy = (weight) => ({ responses: { default: { description: 'x' } }, 'x-millgate': { weight } });
    const paths = { '/a': { get: heavy(21) }, '/b': { get: heavy(20) },
      '/c': { get: { ...heavy(21), 'x-millgate': { weight: 21, plan: 'wide' } } } };
    const gw = await prepareGateway(t, { contracts: { 'heavy.v1.yaml': peerContract({ name: 'heavy', paths }) } });
    const grants = ['/system/*'];
    const check = (plan, wide) => {
      gw.rewriteConfig((config) => (config.plans = { standard: { ...plan, grants }, wide: { ...wide, grants } }));
      return runProgram(['check', '-c', gw.configPath]);
    };
    const plans = [{ limit: 20 }, { limit: 5, burst: 20 }, { limit: 500, burst: 20 },
      { limits: { month: { quota: 20 }, minute: { limit: 100 }, slots: { concurrent: 2 } } }];
    for (const plan of plans) {
      const { code, stderr } = check(plan, { limits: { rate: { limit: 1, burst: 21 }, day: { quota: 30, per: 'day' } } });
      assert.equal(code, 0, stderr);
      const told = stderr.split('\n').filter((line) => /never passes/.test(line));
      assert.equal(told.length, 1, stderr);
      assert.match(told[0], /heavy\.v1\.yaml:\d+:\d+: warning: a weight of 21 .*"standard" admits 20 at once/);
    }
    assert.doesNotMatch(check({ limits: { slots: { concurrent: 2 } } }, { limit: 50 }).stderr, /never passes/);
  });

  test('a settle shorter than an answer is waited for is a warning, and only that', async (t) => {
    const gw = await prepareGateway(t);
    const check = (more) => {
      gw.rewriteConfig((config) => (config.backends.erp = { url: 'http://127.0.0.1:9', odata: {}, ...more }));
      const { code, stderr } = runProgram(['check', '-c', gw.configPath]);
      assert.equal(code, 0, stderr);
      return stderr;
    };
    assert.match(check({ effects: { settle: '29s' } }), /millgate\.yaml:\d+:\d+: warning: settle is shorter .*\(30\.000 s;/);
    assert.match(check({ first_byte_timeout: '90s', total_timeout: '70s' }), /warning: settle is shorter .*\(70\.000 s;/); // it is a minute
    const right = [{}, { effects: { settle: '30s' } }, { effects: { settle: '4s' }, total_timeout: '4s' },
      { effects: { settle: '70s' }, first_byte_timeout: '70s', total_timeout: '0s' }, { effects: { settle: '1s' }, odata: undefined }];
    for (const more of right) assert.doesNotMatch(check(more), /settle/);
  });

  test('a section that is none at all is not held against contracts', async (t) => {
    const gw = await prepareGateway(t);
    gw.rewriteConfig((config) => Object.assign(config, { backends: 5, floor: 'high' }));
    const { code, stderr } = runProgram(['check', '-c', gw.configPath]);
    assert.equal(code, 1);
    assert.equal(stderr.trim().split('\n').length, 2, stderr);
  });

  test('the example of docs/contracts.md', async (t) => {
    const text = readFileSync(new URL('../../docs/contracts.md', import.meta.url), 'utf8');
    const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1]);
    const contract = blocks.find((block) => block.startsWith('openapi:'));
    const operator = blocks.find((block) => block.startsWith('backends:'));
    const dir = makeFolder();
    t.after(() => rmSync(dir, { recursive: true }));
    writeFileSync(join(dir, 'system-stock.v1.yaml'), contract);
    writeFileSync(join(dir, 'plant.jwks.json'), JSON.stringify(new Issuer().jwks));
    const config = join(dir, 'millgate.yaml');
    writeFileSync(config, `listeners: [{address: 127.0.0.1:0}]\ncontracts: [system-stock.v1.yaml]\n${operator}`);
    const result = runProgram(['check', '-c', config]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /1 contracts, 2 operations/);
    assert.equal(result.stderr, '');
  });

  test('a file that is not there', () => {
    const result = runProgram(['check', '-c', '/nowhere/millgate.yaml']);
    assert.equal(result.code, 1);
    assert.match(result.stderr + result.stdout, /nowhere/);
  });

  for (const [what, config] of [
    ['admin on all addresses without TLS', (c) => (c.admin = { address: '0.0.0.0:0' })],
    ['a port that is none', (c) => (c.listeners = [{ address: '127.0.0.1:99999' }])],
    ['a value below its bound', (c) => (c.workers = -1)],
    ['an unset variable', (c) => (c.backends.peer.headers = { 'x-a': '${env:SURELY_NOT_SET_1}' })],
    ['a policy that is not there', (c) => (c.policies = [{ nothing: {} }])],
  ])
    test(`refused: ${what}`, async (t) => {
      const gw = await prepareGateway(t);
      gw.rewriteConfig(config);
      const result = runProgram(['check', '-c', gw.configPath]);
      assert.equal(result.code, 1, result.stdout + result.stderr);
      assert.match(result.stdout + result.stderr, /millgate\.yaml:\d+:\d+/);
    });

  test('an operation without a token is refused by the floor', async (t) => {
    const contract = { ...peerContract(), security: [] };
    const gw = await prepareGateway(t, { contracts: { 'peer.v1.yaml': contract } });
    assert.equal(runProgram(['check', '-c', gw.configPath]).code, 1);
    gw.rewriteConfig((config) => (config.floor = { anonymous: ['/system/peer'] }));
    assert.equal(runProgram(['check', '-c', gw.configPath]).code, 0);
  });

  test('a backend that is not granted to the namespace', async (t) => {
    const gw = await prepareGateway(t);
    gw.rewriteConfig((config) => (config.backends.peer.grants = ['/system/other']));
    const result = runProgram(['check', '-c', gw.configPath]);
    assert.equal(result.code, 1);
    assert.match(result.stdout + result.stderr, /grant/);
  });
});

describe('token', () => {
  const keyDir = join(makeFolder(), 'keys');
  const make = (...args) => runProgram(['token', '--subject', 'ann', '--scope', 'a b', '--audience', 'millgate',
    '--ttl', '600', '--key-dir', keyDir, ...args]);

  test('a token that its own JWKS verifies', async (t) => {
    const made = make();
    assert.equal(made.code, 0, made.stderr);
    const token = made.stdout.trim();
    const payload = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    assert.equal(payload.sub, 'ann');
    assert.equal(payload.scope, 'a b');
    assert.equal(payload.exp - payload.iat, 600);
    t.diagnostic(`issuer ${payload.iss}`);
  });

  test('further claims come along, and take the place of none of its own', () => {
    const made = make('--claims', '{"plant":["1010","1020"]}');
    assert.equal(made.code, 0, made.stderr);
    assert.deepEqual(JSON.parse(Buffer.from(made.stdout.trim().split('.')[1], 'base64url')).plant, ['1010', '1020']);
    for (const wrong of ['{"sub":"bob"}', '["1010"]', 'plant']) assert.equal(make('--claims', wrong).code, 1, wrong);
  });

  const dir = makeFolder();
  mkdirSync(dir, { recursive: true });
  const issuer = new Issuer();
  const jwks = join(dir, 'jwks.json');
  writeFileSync(jwks, JSON.stringify(issuer.jwks));
  const verify = (token, ...args) => runProgram(['token', 'verify', '--jwks', jwks, ...args, token]);

  test('verify: the payload as JSON, exit 0', () => {
    const result = verify(issuer.token(), '--issuer', ISSUER, '--audience', AUDIENCE, '--alg', 'RS256');
    assert.equal(result.code, 0, result.stderr);
    assert.match(JSON.stringify(JSON.parse(result.stdout)), /tester/);
  });

  for (const [what, token, args] of [
    ['expired', () => issuer.token({ exp: 1000 }), []],
    ['another issuer', () => issuer.token({ iss: 'x' }), ['--issuer', ISSUER]],
    ['another audience', () => issuer.token({ aud: 'x' }), ['--audience', AUDIENCE]],
    ['another algorithm', () => issuer.token(), ['--alg', 'ES256']],
    ['a forged signature', () => new Issuer({ kid: issuer.kid }).token(), []],
    ['no token', () => 'abc', []],
  ])
    test(`verify fails with a reason: ${what}`, () => {
      const result = verify(token(), ...args);
      assert.ok(result.code > 0, String(result.code));
      assert.ok((result.stdout + result.stderr).length > 5);
    });

  test('verify --signature-only takes any payload', () => {
    const old = issuer.token({ exp: 1000, iss: undefined });
    assert.equal(verify(old, '--signature-only').code, 0);
    assert.ok(verify(new Issuer({ kid: issuer.kid }).token(), '--signature-only').code > 0);
  });
});

describe('the rest', () => {
  test('version', () => {
    const result = runProgram(['version']);
    assert.equal(result.code, 0);
    assert.match(result.stdout, /\d+\.\d+\.\d+/);
  });

  test('config-reference names every section', () => {
    const result = runProgram(['config-reference']);
    assert.equal(result.code, 0);
    for (const word of ['listeners', 'admin', 'backends', 'issuers', 'plans', 'policies', 'redis', 'head_timeout'])
      assert.match(result.stdout, new RegExp(word), word);
  });

  test('no command and an unknown one: usage on stderr, not 0', () => {
    for (const args of [[], ['nothing'], ['serve', '--nothing'], ['check']]) {
      const result = runProgram(args);
      assert.ok(result.code > 0, args.join(' '));
      assert.match(result.stderr, /usage|millgate/i);
    }
  });
});
