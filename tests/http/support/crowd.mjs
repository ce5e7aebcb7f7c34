// Opens many connections, does one POST of 900 bytes on each, and keeps them: a process of its own, so
// that its file descriptors and memory are not the test's.
//
//   node crowd.mjs PORT COUNT PATH TOKEN [tls]      prints `idle COUNT` when all are answered

import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';

const [port, count, path, token, mode] = process.argv.slice(2);
const BODY_BYTES = 900;
const AT_ONCE = 100;

const order = { supplier: '17300001', items: [{ material: '', quantity: 1, unit: 'PC' }] };
order.items[0].material = 'm'.repeat(BODY_BYTES - JSON.stringify(order).length);
const body = JSON.stringify(order);
const request = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const sockets = [];

function one() {
  return new Promise((resolve, reject) => {
    const where = { host: '127.0.0.1', port: Number(port), rejectUnauthorized: false };
    const socket = mode === 'tls' ? connectTls(where) : connectTcp(where);
    let text = '';
    sockets.push(socket);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after ${JSON.stringify(text.slice(0, 300))}`)));
    socket.once(mode === 'tls' ? 'secureConnect' : 'connect', () => socket.write(request));
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? NaN);
      const isWhole = head >= 0 && (text.length >= head + 4 + length || text.endsWith('0\r\n\r\n'));
      if (!isWhole) return;
      if (text.startsWith('HTTP/1.1 200')) resolve();
      else reject(new Error(text.slice(0, 300)));
    });
  });
}

let left = Number(count);
async function lane() {
  while (left-- > 0) await one();
}

try {
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  process.stdout.write(`idle ${sockets.length}\n`);
  setInterval(() => {}, 1 << 30);
} catch (error) {
  process.stdout.write(`failed: ${error.message}\n`);
  process.exit(1);
}
