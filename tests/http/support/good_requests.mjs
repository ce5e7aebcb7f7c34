// Good requests for any operation of the system APIs, as its row (fault_rows.mjs) says, and what they come to.

import assert from 'node:assert/strict';

import { systemOperations } from './contracts.mjs';
import { rowOf } from './fault_rows.mjs';

const nowhere = (name) => (name === 'line' ? '9999' : 'NOPE-404');

/** What an item has for a parameter of a path. */
function valueOf(item, name) {
  if (name === 'line') return item.line ?? item.lines[0].line;
  if (name === 'material') return item.material ?? item.id;
  return item.id ?? (name === 'id' ? item.productionOrder : undefined);
}

const fill = (path, item) => path.replace(/^\/plants\/\{plant\}/, '').replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(valueOf(item, name)));

export class Requests {
  constructor(box, gw) {
    Object.assign(this, { box, gw, operations: systemOperations(), ends: new Map() });
  }

  find(api, name) {
    return this.operations.find((one) => one.api === api && one.name === name);
  }

  async #read(api, plant, rest) {
    const answer = await this.box.send(this.gw, { api, plant, rest });
    assert.equal(answer.status, 200, `${api} ${plant} ${rest}: ${answer.text}`);
    return answer;
  }

  async #itemOf(operation, plant, row, isOwn) {
    if (row.first) {
      const [, api = operation.api, list] = /^(?:([a-z-]+):)?(.*)$/.exec(row.first[0]);
      const { items } = (await this.#read(api, plant, `${list}${list.includes('?') ? '&' : '?'}limit=200`)).json;
      const item = items.find(row.first[1] ?? (() => true));
      assert.ok(item, `${operation.name} at ${plant}: ${row.first[0]} has no such item`);
      return item;
    }
    if (row.behind && isOwn) return (await this.ends.get(`${operation.api} ${row.behind} ${plant}`)).json;
    const before = row.after ?? row.behind;
    return before ? (await this.perform(this.find(operation.api, before), plant)).json : {};
  }

  /** What is to be sent: {api, plant, method, rest, body, etag}, and `unknown` in its place for what is not there. With
   * `isOwn` of the end of what it stands behind, which is there; else of one made anew. */
  async prepare(operation, plant, { isOwn = false } = {}) {
    const { api, method, path, takesEtag } = operation;
    const row = rowOf(operation, plant);
    const item = await this.#itemOf(operation, plant, row, isOwn);
    const body = typeof row.body === 'function' ? await row.body(item, this.box) : row.body;
    const request = { api, plant, method, rest: fill(path, item) + (row.query?.[plant] ?? ''), body };
    if (takesEtag) {
      const [, of = api, read] = /^(?:([a-z-]+):)?(.*)$/.exec(row.etagOf ?? path.replace(/\/[^/]*$/, ''));
      request.etag = (await this.#read(of, plant, fill(read, item))).headers.etag;
      assert.match(request.etag, /^"/, `${api} ${read}`);
    }
    const hasName = /\{(?!plant)/.test(path);
    const unknown = hasName ? { ...request, rest: path.replace(/^\/plants\/\{plant\}/, '').replace(/\{(\w+)\}/g, (_, name) => nowhere(name)) }
      : row.unknown && { ...request, body: { ...body, ...row.unknown } };
    return { request, unknown };
  }

  /** Does it, and answers with what came of it. */
  async perform(operation, plant) {
    const { request } = await this.prepare(operation, plant);
    const answer = await this.box.send(this.gw, request);
    assert.ok([200, 201].includes(answer.status), `${operation.name} at ${plant}: ${answer.status} ${answer.text}`);
    return answer;
  }
}
