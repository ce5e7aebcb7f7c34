// A backend to be killed: node doubt_backend.mjs PORT FILE CLASS. It takes an order, executes it (a line with its
// number in FILE, written at once), and answers; with a pause before and behind the execution, in which it or
// the gateway may die. Class A knows the keys that it has executed, also those of a life before.

import { openSync, readFileSync, writeSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const [port, file, effectClass] = process.argv.slice(2);
const log = openSync(file, 'a+');
const known = new Set(readFileSync(file, 'utf8').split('\n').map((line) => line.split(' ')[1]));
const pause = () => sleep(Math.random() * 40);

http.createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  if (request.method !== 'POST') return void response.end();
  const { n } = JSON.parse(Buffer.concat(pieces).toString());
  const key = request.headers['idempotency-key'] ?? '-';
  await pause();
  if (effectClass !== 'A' || !known.has(key)) {
    known.add(key);
    writeSync(log, `${n} ${key}\n`);
  }
  await pause();
  response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ n }));
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'));
