// The plant's faults by HTTP, for whoever watches it by hand or from another process.
//
//   POST /faults {"kind": "vibrate", "target": "cnc-1", "by": 6}      DELETE /faults {"kind": "vibrate", "target": "cnc-1"}
//   POST /steps {"count": 60}      GET /state      GET /samples (JSON lines)

import { once } from 'node:events';
import { createServer } from 'node:http';

const MAX_BODY = 64 * 1024;

async function readJson(request) {
  let text = '';
  for await (const piece of request) {
    text += piece;
    if (text.length > MAX_BODY) throw new Error('the body is too large');
  }
  return text === '' ? {} : JSON.parse(text);
}

const operations = {
  'POST /faults': async (plant, { kind, target, ...settings }) => plant.fault(kind, target, settings),
  'DELETE /faults': async (plant, { kind, target, ...settings }) => plant.mend(kind, target, settings),
  'POST /steps': async (plant, { count = 1 }) => plant.step(count),
  'GET /state': async (plant) => plant.state(),
  'GET /samples': async (plant) => plant.samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''),
};

/** Listens on 127.0.0.1; returns the URL. */
export async function serveControl(plant, port = 0) {
  const server = createServer(async (request, response) => {
    const operation = operations[`${request.method} ${request.url}`];
    if (!operation) return response.writeHead(404).end();
    try {
      const result = await operation(plant, await readJson(request));
      const isText = typeof result === 'string';
      response.writeHead(result === undefined ? 204 : 200, { 'Content-Type': isText ? 'application/jsonl' : 'application/json' });
      response.end(result === undefined ? undefined : isText ? result : JSON.stringify(result));
    } catch (error) {
      response.writeHead(400, { 'Content-Type': 'text/plain' }).end(`${error.message}\n`);
    }
  });
  server.listen(port, '127.0.0.1');
  server.unref();
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}`;
}
