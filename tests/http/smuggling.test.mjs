// Requests that a strict parser refuses: each is answered 4xx or closed, or, where the library below the
// listener hides what was wrong, forwarded as exactly one unambiguous request written anew.
//
// The vectors are independent data (suites/http1-vectors), and more of our own below. What breaks in
// a head is only met behind a good one, so the vector's target and credentials are replaced by ones
// that would pass.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { peerPath, startGateway, suiteScope } from './support/harness.mjs';

const SUITES = process.env.MILLGATE_SUITES ?? join(process.cwd(), '..', 'shared', 'suites');
const VECTORS = join(SUITES, 'http1-vectors', 'llhttp.hand.json');
const REFUSALS = [400, 405, 408, 411, 413, 414, 417, 421, 431, 501, 505];

// Puts a target that exists, and a good token, into a request whose first line can be told.
function aimed(raw, token) {
  const text = raw.toString('latin1');
  const line = /^([A-Z]+) (\S+) (HTTP\/1\.[01])\r\n/.exec(text);
  if (!line) return text;
  const host = /\r\nhost:/i.test(text) ? '' : 'Host: a\r\n';
  return `${line[1]} ${peerPath('mirror')} ${line[3]}\r\n${host}Authorization: ${token}\r\n` +
    text.slice(line[0].length);
}

const head = (first, ...lines) => `${first}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const get = (...lines) => head(`GET ${peerPath('mirror')} HTTP/1.1`, ...lines);
const post = (...lines) => head(`POST ${peerPath('mirror')} HTTP/1.1`, 'Host: a', 'Authorization: TOKEN', ...lines);
const good = ['Host: a', 'Authorization: TOKEN'];
const INNER = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n';

const own = {
  'length and chunked': post('Content-Length: 5', 'Transfer-Encoding: chunked') + `0\r\n\r\n${INNER}`,
  'chunked and length': post('Transfer-Encoding: chunked', 'Content-Length: 60') + `0\r\n\r\n${INNER}`,
  'two lengths that differ': post('Content-Length: 0', `Content-Length: ${INNER.length}`) + INNER,
  'two equal lengths': post('Content-Length: 2', 'Content-Length: 2') + '{}',
  'a list of lengths': post('Content-Length: 2, 2') + '{}',
  'a signed length': post('Content-Length: +2') + '{}',
  'a negative length': post('Content-Length: -2') + '{}',
  'a hexadecimal length': post('Content-Length: 0x2') + '{}',
  'an endless length': post(`Content-Length: ${'9'.repeat(40)}`) + '{}',
  'an empty length': post('Content-Length: ') + '{}',
  'xchunked': post('Transfer-Encoding: xchunked') + `0\r\n\r\n${INNER}`,
  'chunked, identity': post('Transfer-Encoding: chunked, identity') + `0\r\n\r\n${INNER}`,
  'identity': post('Transfer-Encoding: identity') + INNER,
  'gzip, chunked': post('Transfer-Encoding: gzip, chunked') + `0\r\n\r\n${INNER}`,
  'chunked twice': post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + `0\r\n\r\n${INNER}`,
  'chunked and a second coding': post('Transfer-Encoding: chunked', 'Transfer-Encoding: cow') + `0\r\n\r\n${INNER}`,
  'chunked in quotes': post('Transfer-Encoding: "chunked"') + `0\r\n\r\n${INNER}`,
  'chunked behind a tab': post('Transfer-Encoding:\tchunked', 'Content-Length: 3') + `0\r\n\r\n${INNER}`,
  'chunked behind a vertical tab': post('Transfer-Encoding: \vchunked') + `0\r\n\r\n${INNER}`,
  'a space before the colon of a coding': post('Transfer-Encoding : chunked') + `0\r\n\r\n${INNER}`,
  'a space before the colon of a length': post('Content-Length : 33') + INNER,
  'a folded coding': post('Transfer-Encoding:', ' chunked') + `0\r\n\r\n${INNER}`,
  'a folded field': get(...good, 'X-A: 1', ' two'),
  'a folded first field': head(`GET ${peerPath('mirror')} HTTP/1.1`, ' X-A: 1', ...good),
  'a name with a space': get(...good, 'X A: 1'),
  'a name with a control': get(...good, 'X\x01A: 1'),
  'an empty name': get(...good, ': 1'),
  'no colon': get(...good, 'X-A'),
  'NUL in a value': get(...good, 'X-A: a\0b'),
  'NUL in a name': get(...good, 'X\0A: b'),
  'a bare CR in a value': get(...good, 'X-A: a\rb'),
  'a bare LF that hides a field': get(...good, 'X-A: a\nTransfer-Encoding: chunked'),
  'bare LF everywhere': get(...good).replaceAll('\r\n', '\n'),
  'two hosts': get(...good, 'Host: b'),
  'no host': get('Authorization: TOKEN'),
  'a host with a path': get('Host: a/b', 'Authorization: TOKEN'),
  'a host with credentials': get('Host: u@a', 'Authorization: TOKEN'),
  'HTTP/1.9': head(`GET ${peerPath('mirror')} HTTP/1.9`, ...good),
  'HTTP/2.0': head(`GET ${peerPath('mirror')} HTTP/2.0`, ...good),
  'HTTP/0.9': `GET ${peerPath('mirror')}\r\n`,
  'http/1.1': head(`GET ${peerPath('mirror')} http/1.1`, ...good),
  'a target with a space': head(`GET ${peerPath('mirror')} x HTTP/1.1`, ...good),
  'a target with a control': head(`GET ${peerPath('mirror')}\x01 HTTP/1.1`, ...good),
  'CONNECT': head('CONNECT a:443 HTTP/1.1', ...good),
  'a method that is no token': head(`G@T ${peerPath('mirror')} HTTP/1.1`, ...good),
  'a chunk without a size': post('Transfer-Encoding: chunked') + `\r\nabc\r\n0\r\n\r\n`,
  'a chunk size with a sign': post('Transfer-Encoding: chunked') + `+3\r\nabc\r\n0\r\n\r\n`,
  'a chunk size with 0x': post('Transfer-Encoding: chunked') + `0x3\r\nabc\r\n0\r\n\r\n`,
  'a chunk size that overflows': post('Transfer-Encoding: chunked') + `10000000000000003\r\nabc\r\n0\r\n\r\n`,
  'a chunk longer than its size': post('Transfer-Encoding: chunked') + `2\r\nabc\r\n0\r\n\r\n`,
  'a chunk ended by LF': post('Transfer-Encoding: chunked') + `3\nabc\n0\n\n`,
};

// Most of the time is waiting for an answer that must not come: side by side, each on a gateway and a
// peer of its own, so that what went out is told apart.
const LANES = 6;

describe('requests that a strict parser refuses', { concurrency: LANES }, () => {
  const idle = [];
  const suite = suiteScope();
  const forwarded = [];
  before(async () => {
    const config = { listeners: [{ address: '127.0.0.1:0', head_timeout: '2s' }] };
    idle.push(...await Promise.all(Array.from({ length: LANES }, () => startGateway(suite, { config }))));
    suite.after(() => console.log(`forwarded, as one unambiguous request each: ${forwarded.join('; ') || 'none'}`));
  });

  const onGateway = (body) => async () => {
    const gw = idle.pop();
    try {
      await body(gw);
    } finally {
      idle.push(gw);
    }
  };

  async function outcomeOf(gw, bytes) {
    gw.peer.forget();
    const client = await gw.raw();
    client.send(bytes);
    const statuses = [];
    for (;;) {
      const answer = await client.response({ deadlineMs: 3500 }).catch(() => 'silence');
      if (answer === null || answer === 'silence') {
        client.destroy();
        await sleep(20);
        return { statuses, ended: answer === null };
      }
      statuses.push(answer.status);
    }
  }

  async function judge(gw, name, bytes) {
    const { statuses, ended } = await outcomeOf(gw, bytes);
    const { requests, violations } = gw.peer;
    assert.deepEqual(violations, [], 'an ambiguous request went out');
    assert.ok(requests.length <= 1, `${requests.length} requests went out: ${JSON.stringify(requests.map((r) => r.rawHead))}`);
    assert.ok(requests.every((request) => request.path !== '/admin'), 'the inner request went out');
    assert.ok(statuses.length <= 1 || requests.length === 0, `answers: ${statuses}`);
    if (requests.length === 1 && requests[0].isComplete) forwarded.push(name);
    // Another refusal (404, say) may come before the flaw is reached: then the connection must end.
    else if (statuses.length && !ended)
      assert.ok(statuses.every((s) => REFUSALS.includes(s)), `answers: ${statuses}`);
    assert.ok(ended || requests.length === 1, `the connection stays open after ${statuses}`);
    assert.equal((await gw.get(peerPath('mirror'))).status, 200, 'the gateway goes on');
  }

  for (const [name, text] of Object.entries(own))
    test(name, onGateway(async (gw) => {
      await judge(gw, name, text.replaceAll('TOKEN', gw.bearer.authorization));
    }));

  const cases = existsSync(VECTORS) ? JSON.parse(readFileSync(VECTORS, 'utf8')).cases : [];
  const refused = cases.filter((c) => c.type.startsWith('request') && !c.lenient && c.outcome === 'reject');
  if (cases.length === 0) test(`no vectors at ${VECTORS}`, { skip: true }, () => {});

  for (const { file, section, title, raw_b64: raw, reason } of refused)
    test(`${file} ${section} ${title}: ${reason}`, onGateway(async (gw) => {
      const bytes = Buffer.from(raw, 'base64');
      await judge(gw, `${title} (${reason})`, aimed(bytes, gw.bearer.authorization));
      await judge(gw, `${title} (${reason}), untouched`, bytes);
    }));

  const accepted = cases.filter((c) => c.type === 'request' && !c.lenient && c.outcome === 'accept');
  for (const { file, section, title, raw_b64: raw, messages_complete: messages } of accepted)
    test(`accepted by others: ${file} ${section} ${title}`, onGateway(async (gw) => {
      const { statuses } = await outcomeOf(gw, aimed(Buffer.from(raw, 'base64'), gw.bearer.authorization));
      assert.deepEqual(gw.peer.violations, []);
      assert.ok(gw.peer.requests.length <= Math.max(messages, 1), `more went out than came in: ${JSON.stringify(gw.peer.requests.map((r) => r.rawHead))}`);
      assert.ok(statuses.every((status) => status < 500 || status === 501 || status === 505), statuses.join());
    }));
});
