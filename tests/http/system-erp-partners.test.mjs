// erp-partners before both real ERPs.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { PLANTS, skipUnlessInstalled, startPair } from './support/erp_pair.mjs';
import { assertProblem, suiteScope } from './support/harness.mjs';

skipUnlessInstalled();

const API = 'erp-partners';
const one = { 1010: '17300003', 1020: '27400002' };

describe('system/erp-partners', () => {
  let pair;
  const suite = suiteScope();
  before(async () => {
    pair = await startPair(suite, { apis: [API] });
  });
  const get = (plant, rest, headers) => pair.get(plant, API, rest, headers);
  const etagOf = async (plant, id) => (await get(plant, `/suppliers/${id}`)).headers.etag;
  const change = (plant, id, body, more) => pair.write(plant, API, `/suppliers/${id}/contact`, body, { method: 'PUT', ...more });

  test('a list says what the ERPs say, page by page', async () => {
    const ours = await pair.all('1010', API, '/suppliers', 3);
    const theirs = await pair.erp.search('party.party', [['code', '!=', '1010'], ['code', '!=', null]], ['code', 'name'], { order: [['code', 'ASC']] });
    assert.deepEqual(ours.map(({ id, name }) => [id, name]), theirs.map(({ code, name }) => [code, name]));
    const { value } = await pair.odata('A_Supplier?$orderby=Supplier');
    const cloud = await pair.all('1020', API, '/suppliers', 4);
    assert.deepEqual(cloud.map(({ id, name, status }) => [id, name, status]),
      value.map((row) => [row.Supplier, row.SupplierName, row.IsBlocked ? 'blocked' : 'active']));
  });

  test('both plants in one list', async () => {
    const answer = await get('-', '/suppliers?limit=200');
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([...new Set(answer.json.items.map(({ plant }) => plant))].sort(), PLANTS);
  });

  test('filters and orders', async () => {
    for (const plant of PLANTS) {
      const named = await get(plant, '/suppliers?name=gmbh&sort=-name');
      const names = named.json.items.map(({ name }) => name);
      assert.ok(names.length > 0 && names.every((name) => /gmbh/i.test(name)), named.text);
      assert.deepEqual(names, names.toSorted().reverse());
      const french = await get(plant, '/suppliers?country=FR');
      assert.ok(french.json.items.length > 0 && french.json.items.every(({ address }) => address.country === 'FR'), french.text);
    }
    assert.deepEqual((await get('1020', '/suppliers?status=blocked')).json.items.map(({ id }) => id), ['27400012']);
    assert.deepEqual((await get('1010', '/suppliers?status=blocked')).json.items, []);
  });

  test('where a supplier is, and how it is reached', async () => {
    const { address, email, phone } = (await get('1010', '/suppliers/17300002')).json;
    assert.deepEqual([address, email, phone], [
      { street: '27 rue de Gerland', postalCode: '69007', city: 'Lyon', country: 'FR' }, 'commandes@visserie-rhone.example', '+33 4 99 55 01 27']);
  });

  test('one, its tag, and none', async () => {
    for (const plant of PLANTS) {
      const answer = await get(plant, `/suppliers/${one[plant]}`);
      assert.equal(answer.json.id, one[plant], answer.text);
      assert.equal((await get(plant, `/suppliers/${one[plant]}`, { 'if-none-match': answer.headers.etag })).status, 304);
      assertProblem(await get(plant, '/suppliers/99999999'), 404);
      assertProblem(await get(plant, '/suppliers?cursor=rubbish'), 400);
      assertProblem(await get(plant, '/suppliers?limit=0'), 400);
    }
    assertProblem(await get('1010', '/suppliers/1010'), 404); // the company itself is no supplier
  });

  test('a contact that is changed is found there, and another change is told', async () => {
    const body = { address: { street: 'Hafenweg 4', postalCode: '20457', city: 'Hamburg', country: 'DE' }, email: 'sales@supplier.test', phone: '+49 40 555 0100' };
    for (const plant of PLANTS) {
      const etag = await etagOf(plant, one[plant]);
      const key = randomUUID();
      const answer = await change(plant, one[plant], body, { etag, key });
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.json.address, body.address);
      assert.equal(answer.json.email, body.email);
      assert.deepEqual((await change(plant, one[plant], body, { etag, key })).json, answer.json);
      assertProblem(await change(plant, one[plant], body, { etag }), 412);
      assertProblem(await change(plant, one[plant], body), 428);
      assertProblem(await change(plant, one[plant], {}, { etag }), 400);
    }
    const [party] = await pair.erp.search('party.party', [['code', '=', one[1010]]], ['addresses.street', 'email', 'phone', 'contact_mechanisms']);
    assert.equal(party['addresses.'][0].street, body.address.street);
    assert.equal(party.email, body.email);
    assert.equal(party.contact_mechanisms.length, 2);
    const row = await pair.odata(`A_Supplier('${one[1020]}')`);
    assert.deepEqual([row.StreetName, row.PostalCode, row.PhoneNumber], [body.address.street, body.address.postalCode, body.phone]);
  });

  test('a blocked one is left alone', async () => {
    const etag = await etagOf('1020', '27400012');
    const problem = assertProblem(await change('1020', '27400012', { address: { country: 'DE' } }, { etag }), 422);
    assert.equal(problem.rule, 'supplier-active');
    const [party] = await pair.erp.search('party.party', [['code', '=', '17300008']], ['name']);
    await pair.erp.write('party.party', party.id, { active: false });
    const answer = await change('1010', '17300008', { address: { country: 'FR' } }, { etag: await etagOf('1010', '17300008') });
    assert.equal(assertProblem(answer, 422).rule, 'supplier-active');
  });

  test('an ERP that is away, busy or talks rubbish is told as such', async () => {
    const cases = [['cut-before', 503], ['status', 503], ['rubbish', 502], ['hang', 504]];
    for (const plant of PLANTS) {
      for (const [kind, status] of cases) {
        pair.faults[plant].fault = { kind };
        const answer = await get(plant, `/suppliers/${one[plant]}`);
        pair.faults[plant].fault = null;
        assertProblem(answer, status);
      }
    }
  });

  test('an ERP that is away leaves the other plant to be read', async () => {
    pair.faults['1010'].fault = { kind: 'cut-before' };
    const answer = await get('-', '/suppliers');
    pair.faults['1010'].fault = null;
    assert.equal(answer.status, 200, answer.text);
    assert.ok(answer.json.items.length > 0 && answer.json.items.every(({ plant }) => plant === '1020'));
    assert.equal(answer.json.missing.length, 1);
  });
});
