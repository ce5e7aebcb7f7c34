// A client of Tryton's own JSON-RPC, for what seeds the rig and for tests that ask behind the gateway.
//
//   const erp = new TrytonClient({ url, database, user, password });   await erp.login();
//   const [id] = await erp.create('party.party', { name: 'Nordstahl' });

import http from 'node:http';

const CALL_MS = 120_000;

export const decimal = (text) => ({ __class__: 'Decimal', decimal: String(text) });
export const seconds = (count) => ({ __class__: 'timedelta', seconds: count });

/** The day `days` after today (UTC). */
export function date(days = 0) {
  const day = new Date(Date.now() + days * 86_400_000);
  return { __class__: 'date', year: day.getUTCFullYear(), month: day.getUTCMonth() + 1, day: day.getUTCDate() };
}

/** What Tryton answers with HTTP 200 and yet means as an error. */
export class TrytonError extends Error {
  constructor(method, error) {
    super(`${method}: ${JSON.stringify(error)}`);
    this.error = error;
  }
}

function post({ url, path, headers, body }) {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } };
    const request = http.request(new URL(path, url), options, async (response) => {
      try {
        const pieces = [];
        for await (const piece of response) pieces.push(piece);
        resolve({ status: response.statusCode, text: Buffer.concat(pieces).toString() });
      } catch (error) {
        reject(error);
      }
    });
    request.setTimeout(CALL_MS, () => request.destroy(new Error('Tryton did not answer in time')));
    request.on('error', reject);
    request.end(body);
  });
}

export class TrytonClient {
  constructor({ url, database = 'erp', user = 'admin', password }) {
    Object.assign(this, { url, database, user, password, calls: 0, preferences: {} });
  }

  async send(path, method, params) {
    const body = JSON.stringify({ id: ++this.calls, method, params });
    const headers = this.session ? { authorization: `Session ${this.session}` } : {};
    const answer = await post({ url: this.url, path, headers, body });
    if (answer.status !== 200) throw new Error(`${method}: HTTP ${answer.status}`);
    const { result, error } = JSON.parse(answer.text);
    if (error) throw new TrytonError(method, error);
    return result;
  }

  rpc(method, ...params) {
    return this.send(`/${this.database}/`, method, params);
  }

  version() {
    return this.send('/', 'common.server.version', []);
  }

  async login() {
    this.session = undefined;
    const [id, key] = await this.rpc('common.db.login', this.user, { password: this.password }, 'en');
    this.userId = id;
    this.session = Buffer.from(`${this.user}:${id}:${key}`).toString('base64');
    this.preferences = await this.rpc('model.res.user.get_preferences', true, {});
    return this;
  }

  /** A method of a model, the context behind its parameters. */
  call(model, method, params, context = {}) {
    return this.rpc(`model.${model}.${method}`, ...params, { ...this.preferences, ...context });
  }

  create(model, ...records) {
    return this.call(model, 'create', [records.flat()]);
  }

  write(model, ids, values, context) {
    return this.call(model, 'write', [[ids].flat(), values], context);
  }

  read(model, ids, fields, context) {
    return this.call(model, 'read', [[ids].flat(), fields], context);
  }

  search(model, domain, fields, { context, limit = null, order = [['id', 'ASC']] } = {}) {
    return this.call(model, 'search_read', [domain, 0, limit, order, fields], context);
  }

  /** The ids of all that `domain` finds, by the value of a field. */
  async idsBy(model, field, domain = []) {
    const found = await this.search(model, domain, [field]);
    return Object.fromEntries(found.map((record) => [record[field], record.id]));
  }

  button(model, ids, ...buttons) {
    return buttons.reduce(async (before, name) => {
      await before;
      return this.call(model, name, [[ids].flat()]);
    }, Promise.resolve());
  }

  /** Walks a wizard: `steps` are [state, {view: values}] in the order of the buttons pressed. */
  async wizard(name, steps, context = {}) {
    const all = { ...this.preferences, ...context };
    const [session, , end] = await this.rpc(`wizard.${name}.create`, all);
    try {
      let answer;
      for (const [state, values] of steps)
        if (state !== end) answer = await this.rpc(`wizard.${name}.execute`, session, values ?? {}, state, all);
      return answer;
    } finally {
      await this.rpc(`wizard.${name}.delete`, session, all);
    }
  }
}
