// Sends mutated request streams to the real program on raw sockets, for FUZZ_SECONDS (60).
//
//   MILLGATE_BIN=build/asan/millgate FUZZ_SECONDS=300 FUZZ_SEED=1 node --test tests/fuzz/listener.mjs
//
// Wrong is: the program ends or a sanitizer speaks; a connection that has not ended in time; more
// requests upstream than came in; one upstream that a strict reader refuses. What was sent on such a
// connection is written to FUZZ_FINDINGS (a folder; tests/regress/ takes such files).

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { chaosPaths, makeRandom } from '../http/support/chaos.mjs';
import { peerContract } from '../http/support/config.mjs';
import { startGateway } from '../http/support/harness.mjs';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 60);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 100_000);
const LANES = Number(process.env.FUZZ_LANES ?? 48);
const FINDINGS = process.env.FUZZ_FINDINGS;
const SUITES = process.env.MILLGATE_SUITES ?? join(process.cwd(), '..', 'shared', 'suites');
const END_MS = 15_000; // head, idle and body deadlines of the configuration below, and slack

const good = 'Host: a\r\nAuthorization: Bearer TOKEN\r\n';
const OWN = [
  `GET /system/peer/v1/n/ID/mirror HTTP/1.1\r\n${good}\r\n`,
  `POST /system/peer/v1/n/ID/mirror HTTP/1.1\r\n${good}Content-Type: a/b\r\nContent-Length: 11\r\n\r\nhello world`,
  `POST /system/peer/v1/n/ID/mirror HTTP/1.1\r\n${good}Content-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n`,
  `PUT /system/peer/v1/n/ID/mirror HTTP/1.1\r\n${good}Content-Type: a/b\r\nExpect: 100-continue\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`,
  `POST /system/peer/v1/order/7 HTTP/1.1\r\n${good}Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{"n":1}`,
  `HEAD /system/peer/v1/n/ID/mirror?a=b&c HTTP/1.0\r\n${good}Connection: keep-alive\r\n\r\n`,
  `OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n`,
  `GET http://a:80/system/peer/v1/n/ID/status?code=304 HTTP/1.1\r\n${good}If-None-Match: "x"\r\n\r\n`,
  `GET /system/peer/v1/n/ID/stream?bytes=5000&framing=chunked HTTP/1.1\r\n${good}X-A: ${'b'.repeat(9000)}\r\n\r\n`,
  `POST /system/peer/v1/n/ID/early HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${'y'.repeat(300_000)}`,
];
const WORDS = ['\r\n', '\n', '\r', '\0', ' ', '\t', ':', ';', ',', '"', '%00', '%2f', '../', 'Content-Length: 5\r\n', 'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: identity\r\n', 'transfer-encoding:\tchunked\r\n', 'Expect: 100-continue\r\n',
  'Connection: close\r\n', 'Connection: keep-alive, content-length\r\n', 'Host: b\r\n', 'Upgrade: h2c\r\n', 'HTTP/1.0', 'HTTP/1.1', 'HTTP/0.9', 'HTTP/2.0',
  '0\r\n\r\n', 'ffffffff\r\n', '-1', '99999999999999999999', '18446744073709551616', '0x10', '+5', ' chunked', '\x80', '\xff', '\x7f', '\r\n ', '\r\n\t',
  'GET /system/peer/v1/n/ID/mirror HTTP/1.1\r\n', 'A'.repeat(17_000), 'X: y\r\n'.repeat(150), '?', '#', '//', '\r\n\r\n'];

function seeds() {
  const file = join(SUITES, 'http1-vectors', 'llhttp.hand.json');
  if (!existsSync(file)) return OWN;
  const cases = JSON.parse(readFileSync(file, 'utf8')).cases.filter((one) => one.type.startsWith('request'));
  const aimed = cases.map((one) => Buffer.from(one.raw_b64, 'base64').toString('latin1')
    .replace(/^([A-Z]+) (\S+) (HTTP\/1\.[01])\r\n/, `$1 /system/peer/v1/n/ID/mirror $3\r\n${good}`));
  return [...OWN, ...OWN, ...OWN, ...aimed];
}

const changes = [
  (text, at, random) => text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1),
  (text, at, random) => text.slice(0, at) + text.slice(at + 1 + random.below(random.pick([2, 20, 200]))),
  (text, at, random) => text.slice(0, at) + random.pick(WORDS) + text.slice(at),
  (text, at, random) => text.slice(0, at) + random.pick(WORDS) + text.slice(at + random.below(12)),
  (text, at, random) => text.slice(0, at) + text.slice(at, at + random.below(300)) + text.slice(at),
  (text, at, random, all) => text.slice(0, at) + random.pick(all).slice(random.below(60)),
  (text) => text.replaceAll('\r\n', '\n'),
  (text, at, random) => text.replace(/\d+/g, (digits) => (random.chance(0.3) ? random.pick(['0', '1', digits + '0', '-' + digits]) : digits)),
];

function mutated(random, all) {
  let text = Array.from({ length: 1 + random.below(3) }, () => random.pick(all)).join('');
  for (let left = random.below(6); left > 0; left--) {
    // Mostly within heads: bodies are long.
    const at = random.below(Math.min(text.length, random.pick([100, 500, text.length])) + 1);
    text = random.pick(changes)(text, at, random, all);
  }
  return text;
}

async function sendOne(gw, random, bytes) {
  const client = await gw.raw();
  for (let at = 0; at < bytes.length && !client.isClosed; ) {
    const count = random.chance(0.7) ? bytes.length : 1 + random.below(random.pick([3, 100, 5000]));
    client.send(bytes.subarray(at, at + count));
    at += count;
    if (at < bytes.length) await sleep(random.below(4));
    if (random.chance(0.01)) break;
  }
  const way = random.below(10);
  if (way === 0) client.socket.resetAndDestroy();
  else if (way < 6) client.socket.end();
  const hasEnded = way === 0 || (await client.closes(END_MS).catch(() => false));
  const answers = client.unread;
  client.destroy();
  return { hasEnded, answers };
}

test(`the listener under mutated requests, ${SECONDS} s, seed ${SEED}`, { timeout: (SECONDS + 120) * 1000 }, async (t) => {
  const gw = await startGateway(t, {
    contracts: { 'peer.v1.yaml': peerContract({ paths: chaosPaths() }) },
    config: {
      workers: 2, listeners: [{ address: '127.0.0.1:0', head_timeout: '1s', idle_timeout: '1s' }],
      policies: [{ body_limit: { max_bytes: '64KiB' } }, { headers: {} }, { jwt: {} }, { authorise: {} }, { rate_limit: {} }, { schema: {} }],
      peerBackend: { first_byte_timeout: '2s', total_timeout: '4s' },
    },
  });
  const token = gw.token();
  const all = seeds();
  const findings = [];
  const statuses = {};
  let sent = 0;
  const find = (what, bytes) => {
    findings.push(what);
    console.log('FOUND', what, JSON.stringify(bytes.toString('latin1').replaceAll(token, 'TOKEN').slice(0, 1500)));
    if (!FINDINGS) return;
    mkdirSync(FINDINGS, { recursive: true });
    writeFileSync(join(FINDINGS, `finding-${SEED}-${findings.length}.http`), bytes.toString('latin1').replaceAll(token, 'TOKEN'), 'latin1');
  };
  const judge = (number, bytes, { hasEnded, answers }) => {
    const most = bytes.toString('latin1').split('HTTP/1.').length - 1;
    const upstream = gw.peer.requests.filter((request) => request.path.includes(`/n/${number}/`)).length;
    if (!hasEnded) find('has not ended', bytes);
    if (upstream > most) find(`${upstream} requests upstream of ${most}`, bytes);
    for (const { reason } of gw.peer.violations.splice(0)) find(`violation: ${reason}`, bytes);
    for (const [, status] of answers.matchAll(/(?:^|[^\d])HTTP\/1\.[01] (\d{3})/g)) statuses[status] = (statuses[status] ?? 0) + 1;
  };
  const until = Date.now() + SECONDS * 1000;
  const lane = async (index) => {
    const random = makeRandom(SEED * 1000 + index);
    while (Date.now() < until && findings.length < 10 && gw.isRunning) {
      const number = ++sent;
      const bytes = Buffer.from(mutated(random, all).replaceAll('/n/ID/', `/n/${number}/`).replaceAll('TOKEN', token), 'latin1');
      const outcome = await sendOne(gw, random, bytes).catch((error) => ({ hasEnded: /ECONN|EPIPE/.test(error.message), answers: '' }));
      judge(number, bytes, outcome);
      if (!gw.isRunning) find('the program ended', bytes);
      if (sent % 500 === 0) gw.peer.forget();
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
  console.log(`${sent} streams`, statuses);
  if (!gw.isRunning) console.log(/Sanitizer[^]*/.exec(gw.stderr)?.[0].slice(0, 6000));
  assert.deepEqual(findings, []);
});
