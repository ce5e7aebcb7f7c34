// Clients of all kinds for the chaos test. A patient one judges each answer that it gets; a leaver
// sends part of something and goes. Each request has a number of its own in its path, which the
// scripted peer and our own problem documents give back.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { malformedChunks, malformedHeads } from '../../rigs/peer/behaviours.mjs';
import { PEER_ROOT } from './config.mjs';

const MAX_BODY = 2 * 1024 * 1024;
const PATIENCE_MS = 30_000;

/** Mulberry32: small, seeded, good enough to choose by. */
export function makeRandom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    below: (count) => Math.floor(next() * count),
    chance: (share) => next() < share,
    pick: (list) => list[Math.floor(next() * list.length)],
  };
}

/** `/n/{id}/{what}`: every behaviour of the peer with a number to know the answer by. */
export function chaosPaths() {
  const parameters = [
    { name: 'id', in: 'path', required: true, schema: { type: 'integer' } },
    { name: 'what', in: 'path', required: true, schema: { type: 'string' } },
  ];
  const operations = ['get', 'head', 'post', 'put'].map((method) => [method, {
    operationId: `${method}-n`,
    responses: { default: { description: 'As the peer answers.' } },
    ...(method === 'post' || method === 'put' ? { requestBody: { content: { '*/*': {} } } } : {}),
  }]);
  const order = {
    parameters: parameters.slice(0, 1),
    post: {
      operationId: 'post-order', responses: { default: { description: 'x' } },
      'x-millgate': { backend_path: '/n/{id}/mirror' },
      requestBody: { required: true, content: { 'application/json': {
        schema: { type: 'object', required: ['n'], additionalProperties: false, properties: { n: { type: 'integer' } } },
      } } },
    },
  };
  return { '/n/{id}/{what}': { parameters, ...Object.fromEntries(operations) }, '/order/{id}': order };
}

// Not `surplus`: bytes unasked that come when the next request is out already are its answer, to all
// that anybody can see. See upstream.test.mjs.
const FAULTS = [
  ...Object.keys(malformedHeads).map((kind) => `malformed?kind=${kind}`),
  ...Object.keys(malformedChunks).map((kind) => `malformed-chunk?kind=${kind}`),
  'die?bytes=3000', 'die?bytes=200000', 'die-chunked', 'die-before', 'die-in-upload', 'big-head',
  'early', 'early?code=200', 'hold', 'drip?bytes=5&ms=100', 'slow?ms=300', 'interim', 'trailers', 'hop',
  'status?code=204', 'status?code=304', 'status?code=500', 'conditional',
];
const BODY_BEFORE_ANSWER = /^(die-in-upload|early)/;

export class Chaos {
  #number = 0;

  constructor(gw, { seed, until }) {
    Object.assign(this, { gw, seed, until, wrong: [], statuses: {}, counts: {} });
    this.agents = new Set();
    this.safe = new Set(); // numbers of requests that may be sent twice
  }

  get isOver() {
    return Date.now() > this.until || this.wrong.length > 20;
  }

  count(what) {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  /** A request in parts: its number, its head, its body and how the answer is judged. */
  make(random) {
    const kind = random.pick(['mirror', 'mirror', 'mirror', 'upload', 'upload', 'stream', 'refused', 'fault', 'head', 'tight']);
    const request = {
      kind, number: ++this.#number, method: 'GET', what: 'mirror', fields: [], token: this.gw.cachedToken,
      body: null, begunAt: Date.now(), statuses: [200], root: PEER_ROOT, mayBeCut: false,
    };
    this[`make_${kind}`](request, random);
    request.path ??= `${request.root}/n/${request.number}/${request.what}`;
    if (request.method === 'GET' || request.method === 'HEAD') this.safe.add(request.number);
    return request;
  }

  make_mirror() {}

  make_head(request) {
    request.method = 'HEAD';
  }

  make_tight(request) {
    request.root = '/system/tight/v1';
    request.statuses = [200, 429];
  }

  make_stream(request, random) {
    request.bytes = random.chance(0.3) ? random.below(1_500_000) : random.below(20_000);
    request.what = `stream?bytes=${request.bytes}&framing=${random.pick(['length', 'chunked', 'close'])}`;
  }

  make_upload(request, random) {
    request.method = random.pick(['POST', 'PUT']);
    const most = random.pick([0, 1, 100, 5000, 70_000, 300_000, MAX_BODY]);
    request.body = Buffer.alloc(random.below(most + 1), `body ${request.number} `);
    request.isChunked = random.chance(0.5);
    request.pace = random.pick([0, 0, 0, 1, 5]);
    request.expects = random.chance(0.3) ? random.pick(['waits', 'goes on']) : null;
    if (request.body.length > 1024 * 1024) Object.assign(request, { statuses: [413], mayBeCut: true });
  }

  make_refused(request, random) {
    const ways = {
      token: () => Object.assign(request, { token: `${request.token.slice(0, -8)}AAAAAAAA`, statuses: [401] }),
      'no token': () => Object.assign(request, { token: null, statuses: [401] }),
      route: () => Object.assign(request, { path: `${PEER_ROOT}/no/${request.number}/route`, statuses: [404] }),
      method: () => Object.assign(request, { method: random.pick(['DELETE', 'PATCH', 'BREW']), statuses: [405, 501] }),
      order: () => Object.assign(request, {
        method: 'POST', path: `${PEER_ROOT}/order/${request.number}`, statuses: [400, 422], isChunked: random.chance(0.3),
        body: Buffer.from(random.pick(['{"n":"x"}', '{', '{"n":1,"m":2}', `{"n":"${'x'.repeat(30_000)}"}`])),
        fields: ['Content-Type: application/json'],
      }),
      'upload without a token': () => {
        this.make_upload(request, random);
        Object.assign(request, { token: null, statuses: [401, 413], mayBeCut: true });
      },
    };
    ways[random.pick(Object.keys(ways))]();
  }

  make_fault(request, random) {
    request.what = random.pick(FAULTS);
    Object.assign(request, { statuses: null, mayBeCut: true });
    if (random.chance(0.4)) {
      Object.assign(request, { method: 'POST', isChunked: random.chance(0.5), pace: 0 });
      request.body = Buffer.alloc(random.pick([10, 1000, 200_000]), 'fault ');
      request.isAnsweredEarly = BODY_BEFORE_ANSWER.test(request.what);
    }
  }

  headOf(request) {
    const fields = [`Host: chaos`, `X-Nonce: ${request.number}`, ...request.fields];
    if (request.token) fields.push(`Authorization: Bearer ${request.token}`);
    if (request.body && request.fields.length === 0) fields.push('Content-Type: application/octet-stream');
    if (request.expects) fields.push('Expect: 100-continue');
    if (request.body) fields.push(request.isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${request.body.length}`);
    return `${request.method} ${request.path} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`;
  }

  /** The body as pieces of bytes, framed. */
  *piecesOf(request, random) {
    if (!request.body) return;
    for (let at = 0; at < request.body.length; ) {
      const count = 1 + random.below(random.pick([10, 5000, 70_000]));
      const piece = request.body.subarray(at, at + count);
      at += count;
      yield request.isChunked
        ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
        : piece;
    }
    if (request.isChunked) yield Buffer.from('0\r\n\r\n');
  }

  async write(client, request, random) {
    for (const piece of this.piecesOf(request, random)) {
      if (client.isClosed || client.isEnded || client.isDone) return;
      client.send(piece);
      if (client.socket.writableLength > 100_000 || request.pace) await sleep(request.pace ?? 1);
    }
  }

  fail(request, reason, answer) {
    const log = this.gw.accessLog().find(({ path }) => path === request.path.split('?')[0]);
    this.wrong.push({ reason, log, ms: Date.now() - request.begunAt, path: request.path, method: request.method, kind: request.kind, bytes: request.body?.length,
      isChunked: request.isChunked, expects: request.expects, answer: answer && JSON.stringify(answer).slice(0, 600) });
  }

  async finalAnswer(client, request) {
    for (;;) {
      const answer = await client.response({ deadlineMs: PATIENCE_MS, isHead: request.method === 'HEAD' });
      if (answer === null || answer.status >= 200) return answer;
    }
  }

  /** Sends one request, judges its answer; true when the connection can be used again. */
  async exchange(client, random) {
    const request = this.make(random);
    client.isDone = false;
    client.send(this.headOf(request));
    let writing = null;
    if (request.expects === 'waits' && request.body.length > 0) {
      const first = await client.response({ deadlineMs: PATIENCE_MS }).catch((error) => error);
      if (first === null || first instanceof Error || first.status !== 100) return this.judge(client, request, first);
    }
    writing = this.write(client, request, random);
    const answer = await this.finalAnswer(client, request).catch((error) => error);
    const isWhole = this.judge(client, request, answer);
    client.isDone = !isWhole;
    await writing;
    return isWhole;
  }

  judge(client, request, answer) {
    if (answer === null || answer instanceof Error) {
      const size = (request.body?.length ?? 0) > 65_536 ? 'large' : 'small';
      this.count(`no answer: ${request.kind}, ${size} ${request.isChunked ? 'chunked' : ''}`);
      const isTime = answer && /in time/.test(answer.message);
      const isMalformed = answer && /malformed/.test(answer.message);
      if (!request.mayBeCut || isTime || isMalformed)
        this.fail(request, answer === null ? `closed without an answer ${client.error ?? ''}` : answer.message);
      return false;
    }
    this.statuses[answer.status] = (this.statuses[answer.status] ?? 0) + 1;
    if (request.statuses && !request.statuses.includes(answer.status)) this.fail(request, 'another status', answer);
    else this.judgeBody(request, answer);
    return answer.headers.connection !== 'close' && answer.status !== 100;
  }

  judgeBody(request, answer) {
    const type = answer.headers['content-type'] ?? '';
    if (request.method === 'HEAD') return;
    if (type === 'application/problem+json') {
      const { instance, status } = JSON.parse(answer.body);
      if (instance !== request.path.split('?')[0] || status !== answer.status) this.fail(request, "another's problem", answer);
    } else if (request.what === 'mirror' && answer.status === 200) {
      const mirrored = JSON.parse(answer.body);
      const nonce = mirrored.headers.find(([name]) => name === 'x-nonce')?.[1];
      const body = request.body ?? Buffer.alloc(0);
      const sha256 = createHash('sha256').update(body).digest('hex');
      if (nonce !== String(request.number) || !mirrored.target.includes(`/${request.number}/`))
        this.fail(request, "another's answer", answer);
      if (mirrored.sha256 !== sha256) this.fail(request, 'the body arrived changed', answer);
    } else if (request.kind === 'stream' && answer.body.length !== request.bytes) {
      this.fail(request, `${answer.body.length} bytes of ${request.bytes}`);
    }
  }

  async patient(random) {
    const client = await this.gw.raw();
    for (let left = 1 + random.below(12); left > 0 && !this.isOver; left--)
      if (!(await this.exchange(client, random))) break;
    if (client.unread !== '' && !client.isClosed && !client.isEnded && !client.isDone)
      this.wrong.push({ reason: 'bytes behind an answer', unread: client.unread.slice(0, 300) });
    client.destroy();
  }

  /** Several requests in one write; their answers come in order, until one closes. */
  async pipeliner(random) {
    const client = await this.gw.raw();
    const requests = Array.from({ length: 2 + random.below(7) }, () => this.make(random))
      .filter((request) => !request.mayBeCut && !request.expects);
    const bytes = requests.map((request) =>
      Buffer.concat([Buffer.from(this.headOf(request)), ...this.piecesOf(request, random)]));
    client.send(Buffer.concat(bytes));
    for (const request of requests) {
      const answer = await this.finalAnswer(client, request).catch((error) => error);
      if (!this.judge(client, request, answer)) break;
    }
    client.destroy();
  }

  /** Goes at some moment: within the head, the body, the wait or the answer. */
  async leaver(random) {
    const client = await this.gw.raw();
    const request = this.make(random);
    const bytes = Buffer.concat([Buffer.from(this.headOf(request)), ...this.piecesOf(request, random)]);
    const cut = random.chance(0.5) ? bytes.length : random.below(bytes.length);
    client.send(bytes.subarray(0, cut));
    if (random.chance(0.6)) await sleep(random.below(random.pick([5, 50, 400])));
    if (random.chance(0.5)) client.socket.resetAndDestroy();
    else if (random.chance(0.5)) client.destroy();
    else {
      client.socket.end();
      await client.closes(PATIENCE_MS).catch(() => this.fail(request, 'half closed, and never ended'));
      client.destroy();
    }
  }

  /** Takes its answer in sips. */
  async slowReader(random) {
    const client = await this.gw.raw();
    const request = this.make(random);
    if (request.expects === 'waits') request.expects = 'goes on';
    client.send(this.headOf(request));
    const writing = this.write(client, request, random);
    const sips = setInterval(() => {
      client.socket.pause();
      setTimeout(() => client.socket.resume(), 15);
    }, 20);
    const answer = await this.finalAnswer(client, request).catch((error) => error);
    clearInterval(sips);
    client.isDone = true;
    this.judge(client, request, answer);
    await writing;
    client.destroy();
  }

  async lane(number) {
    const random = makeRandom(this.seed * 1000 + number);
    const ways = ['patient', 'patient', 'patient', 'pipeliner', 'leaver', 'leaver', 'slowReader'];
    while (!this.isOver) {
      const way = random.pick(ways);
      this.count(way);
      try {
        await this[way](random);
      } catch (error) {
        this.wrong.push({ reason: `${way}: ${error.stack}` });
      }
    }
  }
}
