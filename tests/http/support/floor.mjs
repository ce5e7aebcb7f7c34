// The shop floor as signals ask it: a system of its own behind a contract and a flow, which says what runs on a work
// centre, or fails as it is told.

import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

import { peerContract } from './config.mjs';

export class Floor {
  requests = [];
  faults = {}; // by work centre, or `all`: a status, 'hang', or {delayMs}

  async start(port = 0) {
    this.server = http.createServer((request, response) => void this.#serve(request, response));
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  async #serve(request, response) {
    if (request.method === 'HEAD') return void response.end(); // the gateway asks whether it is there
    const { pathname, searchParams } = new URL(request.url, this.url);
    const workCenter = searchParams.get('workCenter');
    const asked = { plant: pathname.split('/')[2], workCenter, status: searchParams.get('status'), trace: request.headers.traceparent };
    this.requests.push(asked);
    const fault = this.faults[workCenter] ?? this.faults.all;
    if (fault === 'hang') return;
    if (fault?.delayMs) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    const status = typeof fault === 'number' ? fault : 200;
    response.writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify(status === 200 ? answerOf(asked) : { error: 'inner words' }));
  }

  async stop() {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

/** What an event of that work centre should have. */
export function answerOf({ plant, workCenter }) {
  return { items: [{ id: `${plant}-${workCenter}`, quantity: 12345678901234567890.5 }] };
}

const text = { type: 'string' };

function contract() {
  return peerContract({
    name: 'floor', backend: 'floor', scope: 'floor:read', issuers: ['factory'],
    paths: { '/plants/{plant}/operations': { get: {
      operationId: 'listOperations',
      parameters: [{ name: 'plant', in: 'path', required: true, schema: text }, { name: 'workCenter', in: 'query', schema: text },
        { name: 'status', in: 'query', schema: { enum: ['started'] } }],
      responses: { default: { description: 'As the floor answers.' } },
      'x-millgate': { flow: 'floor/list-operations', authorize: [{ when: 'path.plant in token.plant', say: 'the token is not for this plant' }] },
    } } },
  });
}

const FLOW = {
  document: { dsl: '1.0.0', namespace: 'floor', name: 'list-operations', version: '1.0.0' },
  do: [
    { read: { call: 'http.request', with: {
      backend: 'floor', path: '/plants/{plant}', parameters: { plant: '${ .parameters.plant }' },
      query: { workCenter: '${ .parameters.workCenter }', status: '${ .parameters.status }' },
    } } },
    { answer: { set: { body: '${ . }' } } },
  ],
};

/** Sections of the configuration, beside the contracts of events. */
export function floorSections(dir, floor) {
  mkdirSync(join(dir, 'flows'), { recursive: true });
  writeFileSync(join(dir, 'flows', 'list-operations.flow.json'), JSON.stringify(FLOW));
  writeFileSync(join(dir, 'floor.json'), JSON.stringify(contract()));
  return {
    contracts: [join(dir, 'openapi/system-events.v1.yaml'), join(dir, 'floor.json')],
    flows: [join(dir, 'flows')],
    backends: { floor: { url: floor.url, grants: ['/system/*'], http: {} } },
  };
}
