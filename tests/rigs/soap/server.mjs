// A manufacturing execution system of yesterday: the npm package `soap` behind a small WSDL, in SOAP 1.1 at /mes and 1.2 at
// /mes12, with a WS-Security user name token. Says `listening on URL`. Environment: PORT.
//
// GET /rig/reports is what was reported; POST /rig/faults {kind, times, on} spoils answers to come, DELETE ends that.

import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { text } from 'node:stream/consumers';

import soap from 'soap';

import { spoil } from './faults.mjs';

const USER = 'gateway';
const PASSWORD = 'p&<ss>"w';
const MAX_AGE_MS = 300_000;

const NIL = { attributes: { 'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance', 'xsi:nil': 'true' } };

const reports = [];
const nonces = new Set();
const orders = {
  'PO-1': [
    { number: '10', name: 'Sägen & Bohren', done: '3.250', finished: '2026-11-20T06:00:00Z' },
    { number: '20', name: 'Montage', done: '0', finished: null },
  ],
  'PO-2': [{ number: '10', name: 'Sägen', done: '0', finished: null }],
  'PO-EMPTY': [],
};

/** As SOAP 1.1 or 1.2 has it; with `detail` its element's name. */
function fault(version, who, reason, detail) {
  const more = detail ? { [detail]: { order: 'PO-1' } } : undefined;
  if (version === 12) {
    return { Fault: { Code: { Value: `soap:${who === 'Client' ? 'Sender' : 'Receiver'}`, Subcode: { Value: `mes:${detail ?? 'Error'}` } },
      Reason: { Text: reason }, Detail: more, statusCode: who === 'Client' ? 400 : 500 } };
  }
  return { Fault: { faultcode: `soap:${who}`, faultstring: reason, detail: more, statusCode: 500 } };
}

const makePort = (version) => ({
  getOperations({ order }) {
    if (!orders[order]) throw fault(version, 'Client', `no order ${order}`, 'UnknownOrder');
    return { order, operation: orders[order].map((at) => (at.finished ? at : { ...at, finished: NIL })) };
  },
  reportProduction({ order, operation, quantity, reference, serial }) {
    if (!orders[order]) throw fault(version, 'Client', `no order ${order}`, 'UnknownOrder');
    if (!(Number(quantity) > 0)) throw fault(version, 'Client', `quantity ${quantity} is not positive`, 'InvalidQuantity');
    if (Number(quantity) > 1000) throw fault(version, 'Server', 'the order is locked by MEIER', 'OrderLocked');
    if (Number(quantity) === 999) throw fault(version, 'Server', 'java.lang.NullPointerException');
    const number = `R-${reports.length + 1}`;
    reports.push({ number, order, operation, quantity: String(quantity), reference, serial: serial === undefined ? [] : [serial].flat() });
    return { report: number };
  },
  findReports: ({ reference }) => ({ report: reports.filter((report) => report.reference === reference)
    .map(({ number, order, quantity, reference: ref, serial }) => ({ number, order, quantity, reference: ref, serial })) }),
});

const textOf = (value) => (value && typeof value === 'object' ? value.$value : value);

function isRight(security) {
  const token = security?.UsernameToken;
  const given = String(textOf(token?.Password) ?? '');
  const created = String(textOf(token?.Created) ?? '');
  const nonce = String(textOf(token?.Nonce) ?? '');
  if (textOf(token?.Username) !== USER || nonces.has(nonce) || !(Math.abs(Date.now() - Date.parse(created)) <= MAX_AGE_MS)) return false;
  nonces.add(nonce);
  const isDigest = String(token.Password.attributes?.Type).endsWith('#PasswordDigest');
  const wanted = isDigest
    ? createHash('sha1').update(Buffer.from(nonce, 'base64')).update(created).update(PASSWORD).digest('base64')
    : PASSWORD;
  return given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted));
}

/** Once it is done, the service listens: `soap` takes the server's listeners over only then. */
async function listen(server, path, version) {
  const port = makePort(version);
  const wsdl = readFileSync(new URL('mes.wsdl', import.meta.url), 'utf8');
  let service;
  await new Promise((resolve, reject) => {
    service = soap.listen(server, { path, services: { MesService: { MesPort: port } }, xml: wsdl, forceSoap12Headers: version === 12,
      callback: (error) => (error ? reject(error) : resolve()) });
  });
  service.authenticate = (security) => {
    if (isRight(security)) return true;
    throw version === 12
      ? { Fault: { Code: { Value: 'soap:Sender', Subcode: { Value: 'wsse:FailedAuthentication' } }, Reason: { Text: 'who are you' } } }
      : { Fault: { faultcode: 'wsse:FailedAuthentication', faultstring: 'who are you' } };
  };
}

const spoiled = []; // {kind, times, on}

async function control(request, response) {
  if (request.url === '/rig/faults' && request.method === 'POST') spoiled.push({ times: 1, on: '', ...JSON.parse(await text(request)) });
  else if (request.url === '/rig/faults') spoiled.length = 0;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(request.url === '/rig/reports' ? reports : {}));
}

function takeSpoil(request) {
  const action = request.headers.soapaction ?? request.headers['content-type'] ?? '';
  const at = spoiled.find((one) => one.times > 0 && action.includes(one.on));
  if (at) at.times--;
  return at?.kind;
}

const server = http.createServer();
await listen(server, '/mes', 11);
await listen(server, '/mes12', 12);
const handlers = server.listeners('request');
server.removeAllListeners('request');
server.on('request', (request, response) => {
  if (request.url.startsWith('/rig/')) {
    control(request, response);
    return;
  }
  const kind = takeSpoil(request);
  if (!kind || spoil(kind, request, response)) for (const handler of handlers) handler(request, response);
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`listening on http://127.0.0.1:${server.address().port}\n`);
process.on('SIGTERM', () => process.exit(0));
