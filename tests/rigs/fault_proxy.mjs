// A proxy on raw TCP that stands between the gateway and a real server and misbehaves when told to.
//
//   const proxy = await startFaultProxy({ target: erp.url });   proxy.url
//   proxy.fault = { kind: 'cut-after' };       for the requests from now on
//   proxy.fault = { kind: 'slow', ms: 500, times: 1, match: /"method":"model\.production\./ };
//   await proxy.stop();
//
//   slow        the request goes on after `ms`
//   hang        the request is read and never answered
//   cut-before  the connection is closed; the server has seen nothing
//   cut-after   the server has done it; its answer is lost
//   cut-within  half of the answer, then the end
//   hold-after  the server has done it; its answer is kept back for good
//   status      answered with `status` (503), without the server
//   rubbish     answered with status 200 and a page of HTML, without the server
//
// `times`: so many requests, then none; `match`: only those in whose line (`POST /path`) or body it is
// found; several stand in an array, of which the first that matches counts. A fault has how many requests it was for
// (`hits`), and whether the server has done one of them (`isDone`). Each connection carries one request: the answer says
// close. `seen` counts by kind, and what went through as `passed`; of hold-after when the server has done it.

import { once } from 'node:events';
import http from 'node:http';

const HTML = '<!doctype html><title>Maintenance</title>';

async function bodyOf(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class FaultProxy {
  fault = null;
  seen = {};
  #sockets = new Set();

  constructor(target) {
    this.target = new URL(target);
    this.server = http.createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  async listen() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  // The fault that this request gets, or none.
  #take({ method, url }, body) {
    const text = `${method} ${url}\n${body}`;
    const faults = [this.fault ?? []].flat();
    const fault = faults.find(({ match, times }) => times !== 0 && (!match || match.test(text)));
    if (fault?.times !== undefined) fault.times--;
    if (fault) fault.hits = (fault.hits ?? 0) + 1;
    return fault ?? { kind: 'passed' };
  }

  #forward(request, body) {
    const { hostname: host, port } = this.target;
    const headers = { ...request.headers, connection: 'close' };
    const onward = http.request({ host, port, method: request.method, path: request.url, headers });
    onward.end(body);
    return once(onward, 'response').then(async ([answer]) => ({ answer, bytes: await bodyOf(answer) }));
  }

  async #serve(request, response) {
    const body = await bodyOf(request);
    const fault = this.#take(request, body);
    const count = () => (this.seen[fault.kind] = (this.seen[fault.kind] ?? 0) + 1);
    if (fault.kind !== 'hold-after') count();
    if (fault.kind === 'hang') return;
    if (fault.kind === 'cut-before') return response.destroy();
    if (fault.kind === 'status')
      return response.writeHead(fault.status ?? 503, { connection: 'close' }).end();
    if (fault.kind === 'rubbish') return response.writeHead(200, { 'content-type': 'text/html', connection: 'close' }).end(HTML);
    if (fault.kind === 'slow') await sleep(fault.ms ?? 1000);
    const { answer, bytes } = await this.#forward(request, body);
    fault.isDone = true;
    if (fault.kind === 'hold-after') return count();
    if (fault.kind === 'cut-after') return response.destroy();
    const { connection, 'transfer-encoding': framing, ...headers } = answer.headers;
    response.writeHead(answer.statusCode, { ...headers, 'content-length': bytes.length, connection: 'close' });
    if (fault.kind !== 'cut-within') return response.end(bytes);
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

export function startFaultProxy({ target }) {
  return new FaultProxy(target).listen();
}
