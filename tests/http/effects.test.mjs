// Writes at real backends of each class (docs/adr/0018) while the gateway, Redis or the line dies: what is
// in the ERP is there once, and what nobody knows is settled by a person.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startFaultProxy } from '../rigs/fault_proxy.mjs';
import { odataClient, odataIsInstalled, startOdata } from '../rigs/odata.mjs';
import { startRedis } from '../rigs/redis.mjs';
import { isInstalled as trytonIsInstalled, startTryton } from '../rigs/tryton/tryton.mjs';
import { peerContract } from './support/config.mjs';
import { assertProblem, eventually, makeFolder, runProgram, startGateway, suiteScope } from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

if (!odataIsInstalled() || !trytonIsInstalled()) {
  process.stdout.write('skipped: the OData rig or Tryton is not installed: run script/bootstrap\n');
  process.exit(77);
}

const ROOT = '/system/effects/v1';
const grants = ['/system/*'];
const POLICIES = ['body_limit', 'headers', 'jwt', 'authorise', 'schema'].map((name) => ({ [name]: {} }));

const posting = {
  CostCenter: '200100', AmountInCurrency: { $decimal: '8.25' }, Currency: 'EUR', ReferenceID: '${ .body.ref }',
};
const cloud = { backend: 'cloud' };
const erp = { backend: 'erp' };

// One write of each class.
const WRITES = {
  'odata-a': { call: 'odata.create', with: { ...cloud, entity: 'A_ProductionConfirmation',
    adopt: { field: 'ExternalReference', length: 40, prefix: 'MG-' },
    body: { ManufacturingOrder: '${ .body.order }', ManufacturingOrderOperation: '0010',
      ConfirmationYieldQuantity: { $decimal: '1.000' }, PersonnelNumber: '${ .body.ref }' } } },
  'odata-b': { call: 'odata.update', with: { ...cloud, entity: 'A_ProductionOrder', key: '${ .body.order }',
    etag: '${ .body.etag }', body: { PlannedEndDate: { $date: '${ .body.ref }' } } } },
  'odata-c': { call: 'odata.create', with: { ...cloud, entity: 'A_CostPosting', body: posting,
    lookup: { filter: { ReferenceID: '${ .body.ref }' } } } },
  'odata-d': { call: 'odata.create', with: { ...cloud, entity: 'A_CostPosting', body: posting } },
  'tryton-b': { call: 'tryton.button', with: { ...erp, model: 'production', id: '${ .body.id }', button: 'wait',
    expect: ['waiting'], context: { marker: '${ .body.ref }' } } },
  'tryton-c': { call: 'tryton.create', with: { ...erp, model: 'product.category', values: { name: '${ .body.ref }' },
    lookup: { domain: [['name', '=', '${ .body.ref }']] } } },
  'tryton-d': { call: 'tryton.call', with: { ...erp, model: 'product.category', method: 'create',
    params: [[{ name: '${ .body.ref }' }]] } },
};

const flowOf = (name, write) => ({
  document: { dsl: '1.0.0', namespace: 'effects', name, version: '1.0.0' },
  do: [{ write: { ...write, timeout: { after: { seconds: 4 } } } }, { answer: { set: { status: 201, body: { result: '${ . }' } } } }],
});

const pathOf = (name) => [`/${name}`, { post: {
  operationId: name, 'x-millgate': { flow: `effects/${name}` },
  requestBody: { required: true, content: { 'application/json': { schema: { type: 'object' } } } },
  responses: { 201: { description: 'Done.' }, default: { description: 'Not done.' } },
} }];

describe('effects', () => {
  const suite = suiteScope();
  let gw, redis, tryton, odata, lines;

  async function startErp() {
    const server = await startTryton({ dir: join(makeFolder(), 'tryton') });
    suite.after(() => server.stop());
    return server;
  }

  async function startStore() {
    redis = await startRedis({ dir: join(makeFolder(), 'redis') });
    suite.after(() => redis.stop('SIGKILL'));
  }

  before(async () => {
    const [odataUrl, server] = await Promise.all([startOdata(suite), startErp(), startStore()]);
    odata = odataClient(odataUrl);
    tryton = await server.client().login();
    lines = { cloud: await startFaultProxy({ target: odataUrl }), erp: await startFaultProxy({ target: server.url }) };
    suite.after(() => Promise.all([lines.cloud.stop(), lines.erp.stop()]));
    const folder = join(makeFolder(), 'flows');
    mkdirSync(folder, { recursive: true });
    for (const [name, write] of Object.entries(WRITES))
      writeFileSync(join(folder, `${name}.flow.yaml`), JSON.stringify(flowOf(name, write)));
    // No shorter than a write is waited for (flowOf): what the ERP has by then may take as long as we would have let it.
    const effects = { settle: '4s' };
    gw = await startGateway(suite, {
      issuer: new Issuer(), peer: null,
      contracts: { 'effects.v1.yaml': peerContract({ name: 'effects', backend: 'cloud', paths: Object.fromEntries(Object.keys(WRITES).map(pathOf)) }) },
      config: {
        redis: redis.url, extra: { flows: [folder] }, policies: [...POLICIES, { idempotency: { claim: '3s' } }],
        backends: {
          cloud: { url: `${lines.cloud.url}/odata/v4/erp`, grants, effects, headers: { authorization: odata.authorization }, odata: {} },
          erp: { url: lines.erp.url, grants, effects, tryton: { database: server.database, user: server.user, password: server.password } },
        },
      },
    });
  });

  const newKey = () => `"${randomUUID()}"`;
  const post = ({ name, body, key }) =>
    gw.post(`${ROOT}/${name}`, body, { headers: key ? { 'idempotency-key': key } : {} });

  const typeOf = (answer) => answer.json?.type?.replace('/problems/', '');

  // As a patient caller does it: the same again for as long as he is told to wait.
  async function insist(write, deadlineMs = 25_000) {
    const until = Date.now() + deadlineMs;
    for (;;) {
      const answer = await post(write);
      if (!['request-in-flight', 'effect-settling', 'unavailable', 'outcome-not-recorded'].includes(typeOf(answer))) return answer;
      assert.ok(Number(answer.headers['retry-after']) >= 1, answer.text);
      assert.ok(Date.now() < until, answer.text);
      await sleep(250);
    }
  }

  async function killAndRevive() {
    await gw.kill();
    Object.assign(gw, { stderr: '', ports: [], wasKilled: false });
    for (const line of Object.values(lines)) line.fault = null;
    if (redis.process.exitCode !== null || redis.process.signalCode) await redis.start();
    await gw.start();
  }

  const categoriesOf = async (ref) => (await tryton.search('product.category', [['name', '=', ref]], ['name'])).length;
  const filtered = async (entity, filter) => (await odata.get(`/odata/v4/erp/${entity}?$filter=${encodeURIComponent(filter)}`)).value;
  const orderOf = (order) => odata.get(`/odata/v4/erp/A_ProductionOrder('${order}')`);

  // How many documents a write has left.
  const countOf = ({ name, body }) => ({
    'odata-a': async () => (await filtered('A_ProductionConfirmation', `PersonnelNumber eq '${body.ref}'`)).length,
    'odata-b': async () => ((await orderOf(body.order)).PlannedEndDate === body.ref ? 1 : 0),
    'odata-c': async () => (await filtered('A_CostPosting', `ReferenceID eq '${body.ref}'`)).length,
    'odata-d': async () => (await filtered('A_CostPosting', `ReferenceID eq '${body.ref}'`)).length,
    'tryton-b': async () => ((await tryton.read('production', body.id, ['state']))[0].state === 'waiting' ? 1 : 0),
    'tryton-c': () => categoriesOf(body.ref),
    'tryton-d': () => categoriesOf(body.ref),
  })[name]();

  const listed = async (backend) =>
    (await gw.admin(`/effects${backend ? `?backend=${backend}` : ''}`)).json.items;
  const resolve = (body) => gw.admin('/effects/resolve', {
    method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
  });

  // Writes under way, of each class: some of which the backend has done, some of which it never heard.
  async function hold(done, lost) {
    const whole = (refs) => new RegExp(refs.map(({ body }) => body.ref).join('|'));
    const of = (writes, backend) => writes.filter(({ name }) => name.startsWith(backend === 'erp' ? 'tryton' : 'odata'));
    for (const [backend, line] of Object.entries(lines)) {
      line.seen = {};
      line.fault = [['hold-after', done], ['hang', lost]].filter(([, writes]) => of(writes, backend).length > 0)
        .map(([kind, writes]) => ({ kind, match: whole(of(writes, backend)) }));
    }
    const answers = [...done, ...lost].map((write) => post(write).catch((error) => error));
    await eventually(() => Object.entries(lines).every(([backend, { seen }]) =>
      (seen['hold-after'] ?? 0) === of(done, backend).length && (seen.hang ?? 0) === of(lost, backend).length), 'all are under way', 3500);
    return answers;
  }

  async function writesOf(names, mark) {
    const drafts = await tryton.search('production', [['state', '=', 'draft']], ['state']);
    const etags = await Promise.all(['2000014', '2000015'].map(async (order) => (await orderOf(order))['@odata.etag']));
    const make = (i) => names.map((name) => {
      const ref = name === 'odata-b' ? `203${i}-01-0${mark.length}` : `${mark}${i}${name.slice(-1)}${name[0]}`;
      const body = { ref, order: ['2000014', '2000015'][i], etag: etags[i], id: drafts[i]?.id };
      return { name, body, key: newKey() };
    });
    return [make(0), make(1)];
  }

  test('a gateway dies between the sending and the answer', async () => {
    const [done, lost] = await writesOf(Object.keys(WRITES), 'K');
await hold(done, lost);
    await killAndRevive();
const answers = Object.fromEntries(await Promise.all([...done.map((write) => ['done', write]), ...lost.map((write) => ['lost', write])]
      .map(async ([what, write]) => [`${what} ${write.name}`, await insist(write)])));
    for (const [what, writes] of Object.entries({ done, lost }))
      for (const write of writes) {
        const answer = answers[`${what} ${write.name}`];
        const told = `${what} ${write.name}: ${answer.text}`;
        if (write.name.endsWith('d')) assert.equal(typeOf({ json: assertProblem(answer, 409) }), 'outcome-unknown', told);
        else if (what === 'done' && write.name === 'odata-b') assert.equal(typeOf(answer), 'changed-meanwhile', told);
        else assert.equal(answer.status, 201, told);
        assert.equal(await countOf(write), what === 'lost' && write.name.endsWith('d') ? 0 : 1, told);
      }
    for (const write of [...done, ...lost].filter(({ name }) => !name.endsWith('b'))) {
      const again = await post(write);
      assert.equal(again.status, answers[`${done.includes(write) ? 'done' : 'lost'} ${write.name}`].status, again.text);
    }

    const doubtful = await listed();
    assert.deepEqual(doubtful.map((item) => item.class), ['D', 'D', 'D', 'D']);
    for (const item of doubtful) {
      assert.equal(item.state, 'in-doubt');
      assert.match(item.flow, /^effects\/(odata|tryton)-d$/);
      assert.match(item.key, /\/do\/0\/write$/);
      assert.ok(Date.parse(item.since) >= Date.parse(item.first));
    }
    assert.equal((await listed('erp')).length, 2);
    const program = runProgram(['effects', 'list', '--admin', `http://127.0.0.1:${gw.adminPort}`, '--backend', 'erp'],
      { env: { ...process.env, MILLGATE_ADMIN_TOKEN: gw.token({ scope: 'millgate:admin' }) } });
    assert.equal(program.code, 0, program.stderr);
    assert.match(program.stdout, /in-doubt +D +erp +tryton\.call +[0-9a-f]{64}\/do\/0\/write/);
    await settleByHand(done, lost);
  });

  // A person has looked: what was done is done, what was lost may be sent.
  async function settleByHand(done, lost) {
    for (const write of [...done, ...lost].filter(({ name }) => name.endsWith('d'))) {
      const wasDone = done.includes(write);
      const item = await itemOf(write);
      const outcome = wasDone ? { outcome: 'executed', result: { number: 'by hand' } } : { outcome: 'not-executed' };
      const named = { backend: item.backend, key: item.key };
      assert.equal((await resolve({ ...named, ...outcome })).status, 204);
      assert.equal((await resolve({ ...named, ...outcome })).status, wasDone ? 409 : 404);
      const answer = await post(write);
      assert.equal(answer.status, 201, answer.text);
      if (wasDone) assert.deepEqual(answer.json.result, { number: 'by hand' });
      assert.equal(await countOf(write), 1, `${write.name} ${answer.text}`);
    }
    assert.deepEqual(await listed(), []);
    const audit = readFileSync((await gw.admin('/audit')).json.file, 'utf8');
    assert.equal(audit.split('\n').filter((line) => line.includes('effect.resolve') && line.includes('"outcome":"begun"')).length, 8);
  }

  // Which of the list a write is: the access log of its last answer names the key's flow task.
  async function itemOf(write) {
    const answer = await post(write);
    assert.equal(answer.status, 409, answer.text);
    const line = await eventually(() => gw.accessLog().find((one) => one.request_id === answer.headers['x-request-id']), 'its line');
    const key = /effect ([0-9a-f]{64}[^)]*)\)/.exec(line.detail)?.[1];
    return (await listed()).find((item) => item.key === key);
  }

  test('Redis is away before, within and behind a write', async () => {
    const [writes, others] = await writesOf(['odata-c', 'odata-d', 'tryton-c', 'tryton-d'], 'RR');
    await redis.stop('SIGKILL');
    for (const write of writes) assertProblem(await post(write), 503);
    for (const write of writes) assert.equal(await countOf(write), 0);
    await redis.start();
    for (const line of Object.values(lines)) line.fault = { kind: 'slow', ms: 1200, match: /RR0/ };
    for (const line of Object.values(lines)) line.seen = {};
    const answers = Promise.all(writes.map((write) => insist(write)));
    await eventually(() => Object.values(lines).every(({ seen }) => seen.slow === 2), 'all are under way');
    await redis.stop('SIGKILL');
    await sleep(1500); // now the backend has answered
    await redis.start();
    for (const answer of await answers) assert.equal(answer.status, 201, answer.text);
    assert.doesNotMatch(gw.stderr, /Redis has forgotten/); // what was acknowledged outlives it, or nothing that follows is sure
    for (const write of writes) assert.equal(await countOf(write), 1, write.name);
    await eventually(async () => (await listed())?.length === 0, 'nothing is in doubt', 20_000);

    await hold(others, []);
    await redis.stop('SIGKILL');
    await killAndRevive();
    for (const answer of await Promise.all(others.map((write) => insist(write))))
      assert.ok(answer.status === 201 || typeOf(answer) === 'outcome-unknown', answer.text);
    for (const write of others) assert.equal(await countOf(write), 1, write.name);
    await eventually(async () => (await listed())?.length === 2, 'class D is in doubt', 20_000);
  });

  test('what the caller is told, and what is counted', async () => {
    const [[found], [dubious]] = await writesOf(['tryton-c'], 'TTT');
    lines.erp.fault = { kind: 'cut-after', match: /TTT/ };
    const first = await post(found);
    assert.equal(typeOf({ json: assertProblem(first, 503) }), 'effect-settling');
    assert.equal(first.headers['retry-after'], '4');
    const keyless = await post({ ...dubious, key: undefined });
    assert.equal(typeOf({ json: assertProblem(keyless, 502) }), 'effect-in-doubt');
    assert.equal(keyless.headers['retry-after'], undefined);
    lines.erp.fault = null;
    assert.equal((await insist(found)).status, 201);
    const text = (await gw.admin('/metrics')).text;
    assert.match(text, /millgate_effects_total\{backend="erp",result="adopted"\} [1-9]/);
    assert.match(text, /millgate_effects_total\{backend="erp",result="in-doubt"\} 2/);
    assert.match(gw.stderr, /the effect [0-9a-f]{64}\/do\/0\/write at the backend erp \(tryton\.create\) is in doubt/);
    await eventually(async () => /millgate_effects_unsettled\{state="in-doubt"\} 3/.test((await gw.admin('/metrics')).text),
      'the gauge', 40_000);
  });

  test('a Redis that acknowledges what it may forget is not fit to keep them', async () => {
    const problems = async () => (await gw.admin('/readyz')).json.redis.problems.map(({ name }) => name);
    const restart = async (policy) => {
      redis.settings = ['--appendfsync', policy];
      await redis.stop('SIGKILL');
      await redis.start();
    };
    await restart('everysec');
    await eventually(async () => (await problems()).join() === 'redis-not-synced', 'it is told');
    assert.equal((await gw.admin('/readyz')).status, 503);
    await restart('always');
    await eventually(async () => (await gw.admin('/readyz')).status === 200, 'it is ready again');
  });
});
