// A gateway with the event log, its contracts, and clients of them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

import { PATIENT } from './config.mjs';
import { eventually, makeFolder, prepareGateway } from './harness.mjs';
import { AUDIENCE, ISSUER } from './tokens.mjs';

export const ROOT = '/system/events/v1';
const OPENAPI = new URL('../../../openapi/', import.meta.url).pathname;

/** Events of the tests: a machine's, whose data must have a count; and one without rules. */
export const TYPES = {
  asyncapi: '3.1.0',
  info: { title: 'Events of the tests', version: '1.0.0' },
  defaultContentType: 'application/cloudevents+json',
  components: {
    messages: {
      counted: {
        title: 'Something was counted',
        payload: {
          type: 'object',
          required: ['subject', 'data'],
          properties: {
            type: { const: 'test.counted.v1' },
            data: { type: 'object', required: ['n'], properties: { n: { type: 'integer', minimum: 0 } } },
          },
        },
      },
      noted: { name: 'test.noted.v1', title: 'A note', contentType: 'application/json', payload: { type: ['object', 'string'] } },
    },
  },
};

/** Starts it. `more` are further contracts of openapi/. */
export async function startEvents(t, { events = {}, dir = makeFolder(), start = true, more = [], config = {}, ...options } = {}) {
  const files = join(dir, 'openapi');
  mkdirSync(files, { recursive: true });
  for (const part of ['components', 'schemas']) cpSync(join(OPENAPI, part), join(files, part), { recursive: true });
  const contracts = ['system-events.v1.yaml', ...more];
  for (const name of contracts) copyFileSync(join(OPENAPI, name), join(files, name));
  writeFileSync(join(dir, 'types.json'), JSON.stringify(TYPES));
  const gw = await prepareGateway(t, {
    dir, peer: null, contracts: {}, ...options,
    config: {
      policies: [...PATIENT.filter((policy) => !('schema' in policy)), { schema: { responses: 'enforce', max_body_bytes: '8MiB' } }, { idempotency: {} }],
      ...config,
      extra: {
        contracts: contracts.map((name) => join(files, name)),
        issuers: {
          factory: { issuer: ISSUER, jwks_file: join(dir, 'jwks.json'), audiences: [AUDIENCE], algorithms: ['RS256'], grants: ['/system/*'] },
          dev: { issuer: `${ISSUER}/dev`, jwks_file: join(dir, 'jwks.json'), audiences: [AUDIENCE], algorithms: ['RS256'], grants: ['/system/*'] },
        },
        events: { contract: join(dir, 'types.json'), ...events },
        ...config.extra,
      },
    },
  });
  if (start) await gw.start();
  return new EventsClient(gw);
}

let count = 0;

/** An event of the tests. */
export function counted(subject, n, more = {}) {
  return {
    specversion: '1.0', id: more.id ?? `e${++count}`, source: '/plants/1010/tests', type: 'test.counted.v1', subject,
    plant: '1010', data: { n }, ...more,
  };
}

export class EventsClient {
  constructor(gw, claims = {}) {
    this.gw = gw;
    this.claims = { sub: 'tester', scope: 'events:publish events:read plants:all', ...claims };
  }

  as(claims) {
    return new EventsClient(this.gw, { ...this.claims, ...claims });
  }

  get bearer() {
    this.token ??= this.gw.token(this.claims);
    return { authorization: `Bearer ${this.token}` };
  }

  request(path, { headers = {}, ...options } = {}) {
    return this.gw.request(`${ROOT}${path}`, { headers: { ...this.bearer, ...headers }, ...options });
  }

  post(path, body, type = 'application/json', headers = {}) {
    return this.request(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': type, ...headers } });
  }

  publish(event) {
    return Array.isArray(event) ? this.post('/events', event, 'application/cloudevents-batch+json')
      : this.post('/events', event, 'application/cloudevents+json');
  }

  async mustPublish(events) {
    const answer = await this.publish(events);
    assert.equal(answer.status, 200, answer.text);
    const wrong = answer.json.items?.filter(({ result }) => result === 'failed') ?? [];
    assert.deepEqual(wrong, []);
    return answer.json;
  }

  async poll(query = {}) {
    return this.request(`/events?${new URLSearchParams(query)}`);
  }

  async mustPoll(query) {
    const answer = await this.poll(query);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  async stream(query = {}, headers = {}) {
    const subscriber = new Subscriber();
    await subscriber.open(this, query, headers);
    return subscriber;
  }
}

/** A client of server-sent events that keeps what it got, and the last id. */
export class Subscriber {
  constructor() {
    Object.assign(this, { events: [], lastId: null, isOver: false });
  }

  async open(client, query = {}, headers = {}) {
    this.text = '';
    this.isOver = false;
    const last = this.lastId ? { 'last-event-id': this.lastId } : {};
    const options = {
      host: '127.0.0.1', port: client.gw.port, path: `${ROOT}/stream?${new URLSearchParams(query)}`,
      headers: { ...client.bearer, ...last, ...headers }, agent: false,
    };
    const request = http.get(options);
    request.on('error', () => (this.isOver = true));
    [this.response] = await once(request, 'response');
    assert.equal(this.response.statusCode, 200);
    this.response.setEncoding('utf8').on('data', (text) => this.#take(text));
    for (const name of ['end', 'error', 'aborted']) this.response.on(name, () => (this.isOver = true));
    await eventually(() => this.lastId !== null, 'the stream has begun');
  }

  #take(text) {
    this.text += text;
    for (let end = this.text.indexOf('\n\n'); end >= 0; end = this.text.indexOf('\n\n')) {
      const fields = this.text.slice(0, end).split('\n');
      this.text = this.text.slice(end + 2);
      for (const field of fields) {
        if (field.startsWith('id: ')) this.lastId = field.slice(4);
        if (field.startsWith('data: ')) this.events.push(JSON.parse(field.slice(6)));
      }
    }
  }

  get numbers() {
    return this.events.map(({ data }) => data.n);
  }

  close() {
    this.response.destroy();
  }
}
