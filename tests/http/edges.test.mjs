// The edges: heads at the size that fits and one byte beyond, many fields, crowds behind one slow
// backend, kept connections after refusals, HTTP/1.0, answers without a body, the admin listener.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually, isSanitized, peerPath, send, startGateway, suiteScope } from './support/harness.mjs';
import { RawClient } from './support/raw_client.mjs';

const POOL = 16 * 1024;

// Sends the head as it is; the answer's status, or 0 if the connection ended without one. Fails if
// neither happens in time.
async function statusOf(gw, head) {
  const client = await gw.raw();
  client.send(head);
  const answer = await client.response({ deadlineMs: 8000 }).catch((error) => {
    if (/in time/.test(error.message)) throw error;
    return null;
  });
  client.destroy();
  return answer?.status ?? 0;
}

function metric(text, name) {
  return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
}

const metrics = async (gw) => (await send({ port: gw.adminPort, path: '/metrics' })).text;

describe('edges of heads', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, { config: { peerBackend: { first_byte_timeout: '3s' } } });
  });
  const headOf = (lines, target = peerPath('mirror')) =>
    `GET ${target} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n${lines}\r\n`;

  test('a head of every size up to the pool and beyond is answered or refused', async () => {
    const seen = {};
    const sizes = [1000, 8000, 12_000];
    for (let size = POOL - 2600; size <= POOL + 64; size += isSanitized ? 97 : 13) sizes.push(size);
    for (const size of [...sizes, POOL * 2, POOL * 8]) {
      const filler = size - headOf('X-Fill: \r\n').length;
      const status = await statusOf(gw, headOf(`X-Fill: ${'f'.repeat(Math.max(filler, 1))}\r\n`));
      seen[status] = (seen[status] ?? 0) + 1;
      assert.ok([200, 413, 431, 414, 503].includes(status), `${status} for a head of ${size} bytes`);
    }
    console.log('statuses by size of head', seen);
    assert.ok(seen[200] > 2 && seen[431] > 0);
    assert.deepEqual(gw.peer.violations, []);
  });

  test('a body behind a head of every size', async () => {
    const seen = {};
    for (let size = POOL - 3600; size <= POOL; size += isSanitized ? 101 : 29) {
      const lines = `X-Fill: ${'f'.repeat(size - 700)}\r\nContent-Type: a/b\r\nContent-Length: 5000\r\n`;
      const status = await statusOf(gw, `${headOf(lines).replace('GET', 'POST')}${'x'.repeat(5000)}`);
      seen[status] = (seen[status] ?? 0) + 1;
      assert.ok([200, 413, 431].includes(status), `${status} for a head of about ${size} bytes`);
    }
    console.log('statuses by size of head, with a body', seen);
  });

  test('a target of every size likewise', async () => {
    for (const size of [2000, 8000, 12_000, 15_000, 15_500, 15_800, 16_000, 16_200, 16_384, 16_500, 40_000]) {
      for (const target of [`${peerPath('mirror')}?q=${'q'.repeat(size)}`, `/system/peer/v1/${'p'.repeat(size)}`, `/${'a/'.repeat(size / 2)}`]) {
        const status = await statusOf(gw, headOf('', target));
        assert.ok([200, 400, 404, 414, 431, 503].includes(status), `${status} for a target of ${target.length} bytes`);
      }
    }
  });

  test('many fields: up to a bound, then refused', async () => {
    const seen = {};
    for (const count of [50, 90, 100, 110, 120, 126, 127, 128, 129, 130, 200, 250, 400, 1000]) {
      const status = await statusOf(gw, headOf(Array.from({ length: count }, (_, i) => `X-${i}: ${i}\r\n`).join('')));
      seen[count] = status;
      assert.ok([200, 400, 431].includes(status), `${status} for ${count} fields`);
    }
    console.log('statuses by count of fields', seen);
    assert.equal(seen[90], 200);
    assert.equal(seen[110], 431);
    assert.equal(seen[1000], 431);
  });

  test("an answer's head of every size: passed on, or 502, never silence", async () => {
    const seen = {};
    const sizes = [1000, 8000, 12_000];
    for (let size = POOL - 2200; size <= POOL + 200; size += isSanitized ? 97 : 13) sizes.push(size);
    for (const size of [...sizes, 20_000, 32_000, 60_000, 65_000, 66_000, 100_000, 1_000_000]) {
      const status = await statusOf(gw, headOf('', peerPath(`big-head?bytes=${size}`)));
      seen[status] = (seen[status] ?? 0) + 1;
      assert.ok([200, 502].includes(status), `${status} for an answer's field of ${size} bytes`);
    }
    console.log("statuses by size of the answer's head", seen);
    assert.ok(seen[200] > 2 && seen[502] > 2);
  });

  test("large heads of both at once: the pool holds the request's too", async () => {
    for (const size of [4000, 8000, 12_000, 14_000]) {
      for (const answer of [500, 2000, 4000, 6000, 8000, 12_000]) {
        const status = await statusOf(gw, headOf(`X-Fill: ${'f'.repeat(size)}\r\n`, peerPath(`big-head?bytes=${answer}`)));
        assert.ok([200, 431, 502].includes(status), `${status} for ${size} asked, ${answer} answered`);
      }
    }
  });

  test('the next request after each size of head gets its own answer', async () => {
    for (const size of [8000, 13_000, 14_000, 15_000, 15_500, 15_900]) {
      const client = await gw.raw();
      client.send(headOf('X-Nonce: one\r\n'));
      assert.match((await client.response()).body, /"one"/);
      client.send(headOf(`X-Nonce: two\r\nX-Fill: ${'f'.repeat(size)}\r\n`));
      const second = await client.response().catch(() => null);
      if (second?.status === 200) {
        assert.match(second.body, /"two"/);
        client.send(headOf('X-Nonce: three\r\n'));
        const third = await client.response().catch(() => null);
        if (second.headers.connection !== 'close') assert.match(third.body, /"three"/);
      }
      client.destroy();
    }
  });
});

describe('a kept connection', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, {
      config: { policies: [{ body_limit: { max_bytes: '1KiB' } }, { headers: {} }, { jwt: {} }, { authorise: {} }, { rate_limit: {} }, { schema: {} }] },
    });
  });

  const refusals = {
    'no token': () => ({ line: `GET ${peerPath('mirror')}`, token: false, status: 401 }),
    'an unknown route': () => ({ line: 'GET /nowhere', status: 404 }),
    'a bad method': () => ({ line: `DELETE ${peerPath('only-get')}`, status: 405 }),
    'an unknown method': () => ({ line: `BREW ${peerPath('mirror')}`, status: [405, 501] }),
    'a missing scope': () => ({ line: `GET ${peerPath('admin-only')}`, status: 403 }),
    'a bad body': () => ({ line: `POST ${peerPath('orders')}`, body: '{"supplier":1}', status: [400, 422] }),
    'a body that is no JSON': () => ({ line: `POST ${peerPath('orders')}`, body: '{', status: [400, 422] }),
    'a body without a token': () => ({ line: `POST ${peerPath('orders')}`, body: '{}', token: false, status: 401 }),
    'too large a body': () => ({ line: `POST ${peerPath('mirror')}`, body: 'x'.repeat(5000), status: 413 }),
    'a chunked body too large': () => ({ line: `POST ${peerPath('mirror')}`, body: 'x'.repeat(5000), chunked: true, status: 413 }),
    'a chunked body without a token': () => ({ line: `POST ${peerPath('mirror')}`, body: 'x'.repeat(50), chunked: true, token: false, status: 401 }),
    'a bad parameter': () => ({ line: `GET ${peerPath('items/x')}`, status: [400, 404, 422] }),
    'a dead backend': () => ({ line: `GET ${peerPath('die-before')}`, status: 502 }),
    'HEAD': () => ({ line: `HEAD ${peerPath('mirror')}`, status: 200 }),
    'HEAD of a stream': () => ({ line: `HEAD ${peerPath('stream?bytes=100000')}`, status: 200 }),
    'a 204': () => ({ line: `GET ${peerPath('status?code=204')}`, status: 204 }),
    'a 304': () => ({ line: `GET ${peerPath('status?code=304')}`, status: 304 }),
    'OPTIONS': () => ({ line: `OPTIONS ${peerPath('mirror')}`, status: 204 }),
    'OPTIONS of all': () => ({ line: 'OPTIONS *', status: [200, 204, 404, 405] }),
  };

  function bytesOf({ line, body, chunked, token = true }) {
    const framing = chunked ? ['Transfer-Encoding: chunked'] : body === undefined ? [] : [`Content-Length: ${body.length}`];
    const type = body === undefined ? [] : [`Content-Type: application/${/^[{]/.test(body) ? 'json' : 'octet-stream'}`];
    const lines = ['Host: a', ...(token ? [`Authorization: ${gw.bearer.authorization}`] : []), ...framing, ...type];
    const sent = chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : (body ?? '');
    return `${line} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${sent}`;
  }
  const follow = (nonce) =>
    `GET ${peerPath('mirror')} HTTP/1.1\r\nHost: a\r\nX-Nonce: ${nonce}\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n`;

  for (const [what, make] of Object.entries(refusals))
    for (const isPipelined of [false, true])
      test(`${what}: the next request ${isPipelined ? 'in the same write ' : ''}gets its own answer, or the connection ends`, async () => {
        const request = make();
        const client = await gw.raw();
        client.send(bytesOf(request) + (isPipelined ? follow('next') : ''));
        const first = await client.response({ isHead: request.line.startsWith('HEAD') });
        assert.ok([request.status].flat().includes(first?.status), `${first?.status} ${first?.body}`);
        if (first.headers.connection === 'close') {
          assert.ok(await client.closes());
          assert.equal(client.unread, '', 'bytes behind the last answer');
        } else {
          if (!isPipelined) client.send(follow('next'));
          const second = await client.response();
          assert.equal(second?.status, 200, second?.body);
          assert.match(second.body, /\["x-nonce","next"\]/);
        }
        client.destroy();
      });

  test('an answer that comes before the upload is not lost to a reset', async () => {
    for (let i = 0; i < 20; i++) {
      const client = await gw.raw();
      client.send(`POST ${peerPath('mirror')} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`);
      for (let k = 0; k < 10; k++) {
        await sleep(1);
        client.send('5\r\nhello\r\n');
      }
      client.send('0\r\n\r\n');
      assert.equal((await client.response())?.status, 401);
      assert.equal(client.error, null);
      client.destroy();
    }
  });

  test('HTTP/1.0: closed after one answer, unless asked to be kept; never chunked', async () => {
    for (const what of ['mirror', 'stream?bytes=50000&framing=chunked', 'stream?bytes=50000', 'trailers'])
      for (const keep of ['', 'Connection: keep-alive\r\n']) {
        const client = await gw.raw();
        client.send(`GET ${peerPath(what)} HTTP/1.0\r\nAuthorization: ${gw.bearer.authorization}\r\n${keep}\r\n`);
        const answer = await client.response();
        assert.equal(answer?.status, 200);
        assert.equal(answer.headers['transfer-encoding'], undefined, what);
        if (what.startsWith('stream')) assert.equal(answer.body.length, 50_000);
        if (!keep) assert.ok(await client.closes());
        client.destroy();
      }
  });

  test('HTTP/1.0: an answer that broke off ends in a reset, where its end is the connection\'s', async () => {
    for (const what of ['die-chunked', 'die?bytes=3000']) {
      const client = await gw.raw();
      client.send(`GET ${peerPath(what)} HTTP/1.0\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n`);
      const answer = await client.response().catch((error) => error);
      const isCut = answer === null || answer instanceof Error || answer.status === 502 || client.error;
      assert.ok(isCut, `${what}: ${answer.status} with ${JSON.stringify(answer.headers)} ended as if whole`);
      client.destroy();
    }
  });
});

describe('crowds', () => {
  test('1,000 wait on one slow backend, half of them leave', { timeout: 120_000 }, async (t) => {
    const count = isSanitized ? 400 : 1000;
    const gw = await startGateway(t, {
      config: { workers: 2, peerBackend: { max_connections: 100, max_waiting: 2000, connect_timeout: '20s', first_byte_timeout: '20s' } },
    });
    const request = (n) => `GET ${peerPath(`slow?ms=300&n=${n}`)} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n`;
    const clients = await Promise.all(Array.from({ length: count }, () => gw.raw()));
    clients.forEach((client, n) => client.send(request(n)));
    await sleep(150);
    clients.forEach((client, n) => n % 2 && (n % 4 === 1 ? client.destroy() : client.socket.resetAndDestroy()));
    const answers = await Promise.all(clients.filter((_, n) => n % 2 === 0).map((client) => client.response({ deadlineMs: 60_000 })));
    assert.deepEqual([...new Set(answers.map((answer) => answer?.status))], [200]);
    for (const client of clients) client.destroy();
    await eventually(async () => metric(await metrics(gw), 'millgate_exchanges') === 0, 'all exchanges end', 20_000);
    await eventually(async () => metric(await metrics(gw), 'millgate_connections') === 0, 'all connections end', 20_000);
  });

  test('max_connections and max_waiting of a backend: beyond is 503, and it recovers', async (t) => {
    const gw = await startGateway(t, { config: { peerBackend: { max_connections: 2, max_waiting: 3, connect_timeout: '10s' } } });
    const answers = await Promise.all(Array.from({ length: 20 }, () => gw.get(peerPath('slow?ms=300'))));
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 5, statuses.join());
    assert.equal(statuses.filter((status) => status === 503).length, 15, statuses.join());
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    assert.ok(gw.peer.connections.filter(({ closedAt }) => closedAt === null).length <= 3); // and the probe's
  });
});

describe('the admin listener', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite);
  });
  const ask = async (bytes, deadlineMs = 8000) => {
    const client = await RawClient.open(gw.adminPort);
    client.send(bytes);
    const answer = await client.response({ deadlineMs });
    client.destroy();
    return answer?.status;
  };
  const scoped = () => `Authorization: Bearer ${gw.token({ scope: 'millgate:admin' })}\r\n`;
  const own = () => `Host: 127.0.0.1:${gw.adminPort}\r\n`;

  test('hosts and origins of others are refused', async () => {
    for (const host of ['evil.test', '127.0.0.1.evil.test', 'localhost.evil.test', '127.0.0.1:1:2', 'localhost@evil.test', '[::1]x', '2130706433', '0.0.0.0', '']) {
      const status = await ask(`GET /metrics HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      assert.ok([400, 421].includes(status), `${status} for the host ${host}`);
    }
    for (const origin of ['http://evil.test', 'null', 'http://127.0.0.1:1', `https://127.0.0.1:${gw.adminPort}`, `http://127.0.0.1:${gw.adminPort}.evil.test`, '']) {
      const status = await ask(`GET /metrics HTTP/1.1\r\n${own()}Origin: ${origin}\r\n\r\n`);
      assert.equal(status, 403, `for the origin "${origin}"`);
    }
    assert.equal(await ask(`GET http://evil.test/metrics HTTP/1.1\r\n${own()}\r\n`), 421, 'the target says another host');
    assert.equal(await ask(`GET /metrics HTTP/1.1\r\n${own()}Origin: http://127.0.0.1:${gw.adminPort}\r\n\r\n`), 200);
  });

  test('methods, types and tokens', async () => {
    const json = 'Content-Type: application/json\r\nContent-Length: 2\r\n';
    assert.equal(await ask(`POST /metrics HTTP/1.1\r\n${own()}${json}\r\n{}`), 405);
    assert.equal(await ask(`GET /reload HTTP/1.1\r\n${own()}${scoped()}\r\n`), 405);
    assert.equal(await ask(`POST /reload HTTP/1.1\r\n${own()}${json}\r\n{}`), 401);
    assert.equal(await ask(`POST /reload HTTP/1.1\r\n${own()}Authorization: ${gw.bearer.authorization}\r\n${json}\r\n{}`), 403);
    assert.equal(await ask(`POST /reload HTTP/1.1\r\n${own()}${scoped()}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}`), 415);
    assert.equal(await ask(`POST /reload HTTP/1.1\r\n${own()}${scoped()}Content-Length: 0\r\n\r\n`), 415);
    assert.equal(await ask(`GET /config HTTP/1.1\r\n${own()}\r\n`), 401);
    assert.ok([404, 400].includes(await ask(`GET /../config HTTP/1.1\r\n${own()}${scoped()}\r\n`)));
    assert.equal(await ask(`POST /reload HTTP/1.1\r\n${own()}${scoped()}${json}\r\n{}`), 200);
  });

  test('large bodies and slow ones hold nothing up', async () => {
    const big = 'Content-Type: application/json\r\nContent-Length: 50000000\r\n';
    const slow = await RawClient.open(gw.adminPort);
    slow.send(`POST /reload HTTP/1.1\r\n${own()}${scoped()}${big}\r\n{`);
    const chunked = await RawClient.open(gw.adminPort);
    chunked.send(`POST /reload HTTP/1.1\r\n${own()}${scoped()}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{`);
    const piece = 'x'.repeat(65_536);
    const large = await RawClient.open(gw.adminPort);
    large.send(`POST /reload HTTP/1.1\r\n${own()}${scoped()}${big}\r\n`);
    for (let i = 0; i < 100 && !large.isClosed; i++) {
      large.send(piece);
      await sleep(1);
    }
    assert.equal((await send({ port: gw.adminPort, path: '/healthz' })).status, 200);
    assert.ok(await large.closes(), 'an endless body is cut');
    assert.ok(await slow.closes(20_000), 'a body that does not come is cut');
    assert.ok(await chunked.closes(20_000), 'a chunk that does not come is cut');
    for (const client of [slow, chunked, large]) client.destroy();
    assert.equal((await send({ port: gw.adminPort, path: '/healthz' })).status, 200);
  });
});
