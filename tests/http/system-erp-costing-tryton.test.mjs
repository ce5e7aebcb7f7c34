// The APIs erp-costing and erp-assets before a real Tryton (plant 1010).

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { startRedis } from '../rigs/redis.mjs';
import { isInstalled, startTryton } from '../rigs/tryton/tryton.mjs';
import { Apis, files, POLICIES, twoIssuers } from './support/cloud.mjs';
import { assertProblem, eventually, makeFolder, startGateway, suiteScope } from './support/harness.mjs';
import { Issuer } from './support/tokens.mjs';

if (!isInstalled()) {
  process.stdout.write('skipped: Tryton is not installed: run script/bootstrap\n');
  process.exit(77);
}

const APIS = ['erp-costing', 'erp-assets'];
const grants = ['/system/*'];
const text = ({ decimal }) => decimal;

describe('erp-costing and erp-assets, Tryton', () => {
  const suite = suiteScope();
  let erp, apis, tryton, expense;
  before(async () => {
    tryton = await startTryton({ dir: makeFolder() });
    suite.after(() => tryton.stop());
    erp = await tryton.client().login();
    [expense] = await erp.search('account.account', [['name', '=', 'Main Expense']], ['name']);
    const redis = await startRedis({ dir: join(makeFolder(), 'redis') });
    suite.after(() => redis.stop('SIGKILL'));
    const issuer = new Issuer();
    const { url, database, user, password } = tryton;
    const gw = await startGateway(suite, {
      issuer, peer: null, contracts: {},
      config: {
        redis: redis.url, policies: POLICIES, issuers: twoIssuers(issuer),
        backends: {
          'plant1-erp': { url, grants, tryton: { database, user, password }, total_timeout: '5s', effects: { class: 'C', settle: '1s' } },
          'cloud-maintenance': { url: 'http://127.0.0.1:1', grants, odata: {} },
        },
        extra: { ...files(APIS), landscapes: { erp: { systems: { plant1: { backend: 'plant1-erp', flows: 'tryton' } }, keys: { 1010: 'plant1' } } } },
      },
    });
    apis = new Apis(APIS, gw);
  });

  const get = (api, rest, headers) => apis.get(api, '1010', rest, headers);
  const costs = (rest) => get('erp-costing', `/cost-postings${rest}`);
  const post = (more, how) => apis.post('erp-costing', '1010', '/cost-postings', {
    amount: { amount: '156.25', currency: 'EUR' }, costElement: String(expense.id), text: 'Mechanic', ...more }, how);
  const reverse = async (id, body, how) => apis.post('erp-costing', '1010', `/cost-postings/${id}/reverse`, body, { etag: (await costs(`/${id}`)).headers.etag, ...how });
  const moves = (domain = []) => erp.search('account.move', domain, ['number', 'state', 'description']);
  const moveOf = async (number) => (await erp.search('account.move', [['number', '=', number]], ['state', 'description', 'lines.debit', 'lines.credit', 'lines.account']))[0];

  test('a cost is posted, read, found and taken back once', async () => {
    const [production] = await erp.search('production', [['state', '=', 'running']], ['number']);
    for (const receiver of [{ productionOrder: production.number }, { costCenter: 'CC-4711' }]) {
      const made = await post({ ...receiver, reference: `W_${Object.keys(receiver)[0]}` });
      assert.equal(made.status, 201, made.text);
      const read = await costs(`/${made.json.id}`);
      assert.deepEqual([read.json, read.headers.etag], [made.json, made.headers.etag]);
      const move = await moveOf(made.json.id);
      const [charged] = move['lines.'].sort((one, other) => one.id - other.id);
      assert.deepEqual([move.state, text(charged.debit), charged.account], ['posted', '156.25', expense.id]);
      assert.deepEqual((await costs(`?reference=${made.json.reference}`)).json.items, [made.json]);
      assert.deepEqual((await costs(`?${Object.keys(receiver)[0]}=${Object.values(receiver)[0]}`)).json.items, [made.json]);

      const back = await reverse(made.json.id, { reason: 'Wrong order' });
      assert.deepEqual([back.status, back.json.status], [200, 'reversed'], back.text);
      assert.deepEqual((await costs(`/${made.json.id}`)).json, back.json);
      const other = (await costs(`/${back.json.reversedBy}`)).json;
      assert.deepEqual([other.amount.amount, other.reverses, other.text], ['-156.25', made.json.id, 'Wrong order']);
      const [taken] = (await moveOf(other.id))['lines.'].sort((one, another) => one.id - another.id);
      assert.deepEqual([text(taken.credit), taken.account], ['156.25', expense.id]);
      assert.equal(apis.rule(await reverse(made.json.id, { reason: 'Again' })), 'cost-posting-not-reversed');
      assert.equal(apis.rule(await reverse(other.id, { reason: 'Again' })), 'cost-posting-is-no-reversal');
      assertProblem(await reverse(made.json.id, { reason: 'Again' }, { etag: made.headers.etag }), 412);
    }
    const all = await moves([['state', '=', 'posted']]);
    assert.deepEqual((await apis.all('erp-costing', '1010', '/cost-postings', 1)).map(({ id }) => id), all.map(({ number }) => number).sort());
    assert.equal((await apis.all('erp-costing', '1010', '/cost-postings?sort=-postedOn&from=2020-01-01', 3)).length, all.length);
    assert.deepEqual((await costs('?to=2001-01-01')).json, { items: [] });
    const everywhere = (await apis.get('erp-costing', '-', '/cost-postings')).json.items;
    assert.deepEqual(everywhere.map(({ id, plant }) => [id, plant]), all.map(({ number }) => [number, '1010']));
  });

  test('what cannot be meant is refused, and nothing is posted', async () => {
    const before = (await moves()).length;
    const [cancelled] = await erp.search('production', [['state', '=', 'draft']], ['number']);
    await erp.button('production', [cancelled.id], 'cancel');
    assert.equal(apis.rule(await post({ productionOrder: cancelled.number })), 'receiver-open');
    assert.equal(apis.rule(await post({ costCenter: 'C', amount: { amount: '0', currency: 'EUR' } })), 'amount-not-zero');
    assert.match(assertProblem(await post({ costCenter: 'C', amount: { amount: '1', currency: 'USD' } }), 422).type, /not-offered$/);
    for (const more of [{ productionOrder: 'NONE' }, { costCenter: 'C', costElement: '99999' }, { costCenter: 'C', postedOn: '1999-01-01' }])
      assert.match(assertProblem(await post(more), 422).type, /not-found$/);
    assertProblem(await costs('/99999'), 404);
    assert.equal((await moves()).length, before);
  });

  test('class C: the same key is one posting; so it is when the gateway dies behind it', async () => {
    const how = { key: randomUUID() };
    const before = (await moves()).length;
    const [first, second] = [await post({ costCenter: 'C' }, how), await post({ costCenter: 'C' }, how)];
    assert.deepEqual([first.status, second.json], [201, first.json], first.text);
    const dead = { key: randomUUID() };
    const back = { key: randomUUID(), etag: first.headers.etag };
    const takeBack = () => apis.post('erp-costing', '1010', `/cost-postings/${first.json.id}/reverse`, { reason: 'Wrong' }, back);
    const pending = Promise.all([post({ costCenter: 'DIED' }, dead), takeBack()].map((sent) => sent.catch(() => undefined)));
    await eventually(async () => (await moves()).length === before + 3, 'Tryton has the moves');
    await apis.gw.kill();
    await pending;
    Object.assign(apis.gw, { wasKilled: false, stderr: '', ports: [], tlsPorts: [] });
    await apis.gw.start();
    let again;
    await eventually(async () => {
      again = await post({ costCenter: 'DIED' }, dead);
      return again.status === 201;
    }, 'it is told', 25_000);
    const found = await moves([['description', 'like', 'costCenter:DIED %']]);
    assert.deepEqual(found.map(({ number, state }) => [number, state]), [[again.json.id, 'posted']]);
    await eventually(async () => {
      again = await takeBack();
      return again.status === 200;
    }, 'it is told', 25_000);
    assert.equal(again.json.status, 'reversed');
    const reversals = await moves([['description', 'like', `% reverses:${first.json.id} %`]]);
    assert.deepEqual(reversals.map(({ number, state }) => [number, state]), [[again.json.reversedBy, 'posted']]);
  });

  test('a cost element is called by its code, where the chart has one', async () => {
    const [energy] = await erp.search('account.account', [['code', '=', '470000']], ['name']);
    const made = await post({ costCenter: 'HALL-2', costElement: '470000' });
    assert.deepEqual([made.status, made.json?.costElement], [201, '470000'], made.text);
    assert.ok((await moveOf(made.json.id))['lines.'].some(({ account }) => account === energy.id));
    assert.deepEqual((await costs('?costElement=470000')).json.items.map(({ id }) => id), [made.json.id]);
    assert.deepEqual((await costs(`?costElement=${energy.id}`)).json.items, []);
    assert.equal((await reverse(made.json.id, { reason: 'Wrong hall' })).status, 200);
    assertProblem(await post({ costCenter: 'HALL-2', costElement: String(energy.id) }), 422);
  });

  test('assets, locations and work centres are listed and read', async () => {
    const rows = await erp.search('account.asset', [], ['value', 'product.code']);
    const assets = await apis.all('erp-assets', '1010', '/physical-assets', 2);
    assert.deepEqual(assets.map(({ id, material, acquisitionValue }) => [id, material, acquisitionValue.amount]),
      rows.sort((one, other) => one.id - other.id).map((row) => [String(row.id), row['product.'].code, text(row.value)]));
    assert.equal((await apis.all('erp-assets', '1010', '/physical-assets?sort=-acquiredOn&status=active', 2)).length, rows.length - 1);
    assert.deepEqual((await get('erp-assets', '/physical-assets?status=disposed')).json.items, []);
    const one = await get('erp-assets', '/physical-assets/1');
    assert.deepEqual(one.json, assets[0]);
    assert.deepEqual([one.json.status, one.json.bookValue], ['active', one.json.acquisitionValue]);
    const [planned] = (await get('erp-assets', '/physical-assets?status=planned')).json.items;
    await erp.button('account.asset', [Number(planned.id)], 'create_lines', 'run');
    assert.equal((await get('erp-assets', `/physical-assets/${planned.id}`)).json.status, 'active');

    const places = await apis.all('erp-assets', '1010', '/equipment', 4);
    const centers = await erp.search('production.work.center', [['parent', '!=', null]], ['name']);
    const stores = await erp.search('stock.location', [['type', '=', 'storage'], ['code', '!=', null]], ['code']);
    assert.deepEqual(places.map(({ id }) => id), [...centers.map(({ name }) => name), ...stores.map(({ code }) => code)].sort());
    for (const list of ['equipment', 'physical-assets'])
      assert.deepEqual((await apis.get('erp-assets', '-', `/${list}`)).json, (await get('erp-assets', `/${list}`)).json);
    const press = (await get('erp-assets', '/equipment/PRESS-4')).json;
    assert.deepEqual([press.level, press.status, press.costRate], ['work-center', 'in-use', { price: { amount: '62.00', currency: 'EUR' }, per: 'HUR' }]);
    assert.equal((await get('erp-assets', '/equipment/101A')).json.parent, 'STO');
    assert.equal((await get('erp-assets', '/equipment?level=work-center&status=available')).json.items.length, centers.length - 2);
    assertProblem(await get('erp-assets', '/equipment/NOWHERE'), 404);
    assertProblem(await get('erp-assets', '/physical-assets/X'), 404);
  });

  test('Tryton that is away is said to be so', async () => {
    await tryton.stop();
    assertProblem(await get('erp-assets', '/physical-assets'), 503);
    assertProblem(await post({ costCenter: 'C' }), 503);
    await tryton.start(tryton.port);
    await eventually(async () => (await get('erp-assets', '/physical-assets')).status === 200, 'it is there again');
  });
});
