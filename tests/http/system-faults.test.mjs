// Every operation of the system APIs, at the ERP of each plant, while that ERP is away, slow, talks rubbish or refuses:
// callers are told the right problem, with nothing of the ERP's own words; the log names the task that failed for the
// operator; and nothing is half applied. What is told for what: support/fault_cases.mjs, and docs/faults.md in words.
//
// The operations are read from the contracts; how a good request for each is made stands in support/fault_rows.mjs,
// and one without a row fails. Reads are answered from what the ERP has answered before, so that hundreds of faults cost
// it nothing; its own answer comes last, when the same request must be as good as if nothing had happened.
//
//   FAULTS_OF=erp-production   one API alone

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { readYaml } from './support/contracts.mjs';
import { FAULTS, INPUTS, SECRET } from './support/fault_cases.mjs';
import { NOT_OFFERED, ROWS, rowOf, SHARED } from './support/fault_rows.mjs';
import { Requests } from './support/good_requests.mjs';
import { assertProblem, eventually, suiteScope } from './support/harness.mjs';
import { PLANTS, skipUnlessInstalled, startSandbox } from './support/sandbox.mjs';

skipUnlessInstalled();

const ONLY = process.env.FAULTS_OF;
const APIS = Object.keys(ROWS).filter((name) => !ONLY || name === ONLY);
// Side by side; those of one lane touch the same records.
const LANES = [
  ['erp-purchasing', 'erp-partners', 'erp-assets', 'erp-costing'], ['erp-inventory', 'wms', 'erp-quality'],
  ['erp-production', 'mes'], ['maintenance', 'logistics', 'field-service'],
];
const AT_ONCE = 8; // operations
const LATE_MS = 800; // a backend has no more time than that where it is slow
const BLOCK = { kind: 'status', status: 503 };

/** At most so many at once. */
function limiter(count) {
  const waiting = [];
  return async (act) => {
    if (count === 0) await new Promise((resolve) => waiting.push(resolve));
    else count--;
    try {
      return await act();
    } finally {
      if (waiting.length > 0) waiting.shift()();
      else count++;
    }
  };
}

// The effect of its first write, as its README says: C in Tryton and A at the OData server where the row does not say otherwise and it
// makes something, else B.
function effectOf(operation, plant) {
  return rowOf(operation, plant).effect ?? (operation.takesEtag ? 'B' : plant === '1010' ? 'C' : 'A');
}

describe('the system APIs when an ERP fails', () => {
  const suite = suiteScope();
  const inTurn = limiter(AT_ONCE);
  // What is really made is made one after the other: on SQLite Tryton gives two at once the same number.
  const inOrder = Object.fromEntries(PLANTS.map((plant) => [plant, limiter(1)]));
  const seen = new Set();
  const isNew = (name) => !seen.has(name) && seen.add(name);
  const told = []; // {trace, answer, what}: looked for in the log
  const walked = [];
  let box, good, hasty, requests;
  before(async () => {
    box = await startSandbox(suite, { config: readYaml('docker/millgate.yaml'), apis: Object.keys(ROWS) });
    const backend = { outliers: { failures: 0 }, obey_retry_after: false };
    [good, hasty] = await Promise.all([box.gateway(suite, { backend }), box.gateway(suite, { backend: { ...backend, total_timeout: `${LATE_MS}ms` } })]);
    requests = new Requests(box, good);
    await eventually(logIn, 'each worker of the hasty one has its session', 30_000);
  });

  // Where it is slow only what is held back shall be late, and not who has to log in first.
  async function logIn() {
    const answers = await Promise.all(Array.from({ length: 16 }, () => box.send(hasty, { api: 'erp-inventory', plant: '1010', rest: '/materials?limit=1' })));
    return answers.every(({ status }) => status === 200);
  }

  /** Sends it while `decide` has its way with what the gateway asks the ERPs. */
  async function meet(request, { decide, memory, gw = good, ...more } = {}) {
    const trace = box.trace(decide, memory);
    const answer = await box.send(gw, { ...request, ...more, trace: trace.id });
    for (const proxy of Object.values(box.proxies)) proxy.traces.delete(trace.id);
    return Object.assign(answer, { gw, trace: trace.id, asked: trace.log, writes: trace.log.filter(({ isWrite }) => isWrite).length });
  }

  function assertTold(answer, [status, type], what, { retryAfter, isLogged = true } = {}) {
    assert.equal(`${answer.status} ${answer.json?.type?.split('/').at(-1)}`, `${status} ${type}`, `${what}: ${answer.text}`);
    assertProblem(answer, status);
    assert.equal(answer.json.trace_id, answer.trace, what);
    assert.ok(!JSON.stringify([answer.text, answer.rawHeaders]).includes(SECRET), `${what} leaks: ${answer.text}`);
    if (retryAfter) assert.match(answer.headers['retry-after'] ?? '', retryAfter, `${what}: Retry-After`);
    if (isLogged) told.push({ answer, what });
  }

  const fault = (of, asked) => (typeof of === 'function' ? of(asked) : of);

  // Those that end with the backend's time are waited for while the others are met.
  const isLate = ({ with: kind }) => kind.kind === 'hang';

  async function meetReadFaults({ operation, plant, request, memory, reads, name }, isMine) {
    if (reads === 0) return; // it looks at nothing before it writes
    const mine = FAULTS.read.filter(({ isFlows, isCostly }) => (isCostly ? operation.isCostly : isFlows || operation.meetsAll || rowOf(operation, plant).asksBoth));
    await Promise.all(mine.filter(isMine).map(async ({ what, with: kind, says, retryAfter, isForAll }) => {
      let count = 0;
      const decide = (asked) => (count++ === 0 || isForAll ? fault(kind, asked) : undefined);
      const answer = await meet(request, { decide, memory, gw: isLate({ with: kind }) ? hasty : good });
      assertTold(answer, typeof says === 'function' ? says(answer.asked[0], undefined, operation) : says, `${name}, a read: ${what}`, { retryAfter });
      assert.equal(answer.writes, 0, `${name}, a read: ${what}: it wrote`);
    }));
  }

  async function meetWriteFaults({ operation, plant, request, memory, name }, isMine) {
    const effect = effectOf(operation, plant);
    const isFirst = isNew(`${operation.api} ${plant} ${effect}`);
    await Promise.all(FAULTS.write.filter((one) => (one.isFlows || isFirst) && isMine(one)).map(async ({ what, with: kind, says, retryAfter }) => {
      const decide = (asked) => (asked.isWrite ? fault(kind, asked) : undefined);
      const answer = await meet(request, { decide, memory, gw: isLate({ with: kind }) ? hasty : good });
      const write = answer.asked.find(({ isWrite }) => isWrite);
      const expected = typeof says === 'function' ? says(write, effect, operation) : says;
      const after = retryAfter ?? (expected[1] === 'effect-settling' ? /^\d+$/ : undefined);
      assertTold(answer, expected, `${name}, the write: ${what}`, { retryAfter: after });
    }));
  }

  /** Each read that a write looks at first may fail: then nothing is written. */
  async function failEachRead({ request, memory, reads, name }) {
    await Promise.all(Array.from({ length: reads }, async (_, at) => {
      let count = 0;
      const answer = await meet(request, { decide: () => (count++ === at ? { kind: 'cut-before' } : undefined), memory });
      assert.equal(answer.writes, 0, `${name}: it wrote although read ${at} failed`);
      assertTold(answer, [503, 'unavailable'], `${name}: read ${at} failed`);
    }));
  }

  async function meetInput({ operation, request, unknown, memory, name }) {
    await Promise.all(INPUTS.filter(({ isFor = () => true }) => isFor(operation)).map(async ({ what, change, says, asks }) => {
      const answer = await meet(request, { ...change(request, operation), memory });
      assertTold(answer, says, `${name}: ${what}`, { isLogged: false });
      assert.ok(asks ? answer.writes === 0 : answer.asked.length === 0, `${name}: ${what}: the ERP was asked`);
    }));
    if (!unknown) return;
    const answer = await meet(unknown);
    assertTold(answer, [/\{(?!plant)/.test(operation.path) ? 404 : 422, 'not-found'], `${name}: what is not there`, { isLogged: false });
    assert.equal(answer.writes, 0, `${name}: it wrote something of what is not there`);
  }

  async function goThrough(operation, plant) {
    const name = `${operation.name} at ${plant}`;
    const { request, unknown } = await inOrder[plant](() => requests.prepare(operation, plant, { isOwn: true }));
    const memory = new Map();
    const rehearsal = await meet(request, { decide: ({ isWrite }) => (isWrite ? BLOCK : undefined), memory });
    const reads = rehearsal.asked.length - rehearsal.writes;
    if (operation.isWrite) assert.equal(rehearsal.writes, 1, `${name} has sent no write: ${rehearsal.text}`);
    else assert.equal(rehearsal.status, 200, `${name}: ${rehearsal.text}`);
    const it = { operation, plant, request, unknown, memory, reads, name };
    const late = Promise.all([meetReadFaults(it, isLate), operation.isWrite && meetWriteFaults(it, isLate)]);
    late.catch(() => {}); // told where it is awaited
    await meetReadFaults(it, (one) => !isLate(one));
    walked.push({ name, request });
    if (operation.isWrite) {
      await meetWriteFaults(it, (one) => !isLate(one));
      await failEachRead(it);
    }
    await meetInput(it);
    await late;
    const answer = await inOrder[plant](() => box.send(good, request));
    assert.ok([200, 201].includes(answer.status), `${name}: after all that: ${answer.status} ${answer.text}`);
    return answer;
  }

  /** Behind the operation that it stands behind. */
  function walk(operation, plant) {
    const { behind } = rowOf(operation, plant);
    const end = (async () => {
      if (behind) await requests.ends.get(`${operation.api} ${behind} ${plant}`);
      return inTurn(() => goThrough(operation, plant));
    })();
    requests.ends.set(`${operation.api} ${operation.name} ${plant}`, end);
    return end;
  }

  test('each operation has its row, and each row its operation', () => {
    assert.deepEqual(LANES.flat().sort(), Object.keys(ROWS).sort());
    const names = requests.operations.map(({ api, name }) => `${api} ${name}`);
    assert.deepEqual(requests.operations.filter((operation) => PLANTS.some((plant) => rowOf(operation, plant) === undefined)).map(({ name }) => name), []);
    assert.deepEqual(Object.entries(ROWS).flatMap(([api, rows]) => Object.keys(rows).map((name) => `${api} ${name}`)).filter((name) => !names.includes(name)), []);
  });

  test('what a plant\'s system does not offer is said to be so, and nobody is asked', async () => {
    for (const plant of PLANTS) {
      for (const operation of requests.operations.filter((one) => rowOf(one, plant) === NOT_OFFERED)) {
        const rest = operation.path.replace(/^\/plants\/\{plant\}/, '').replace(/\{\w+\}/g, '1');
        const body = operation.isWrite ? rowOf(operation, PLANTS.find((other) => other !== plant)).body ?? { reason: 'Wrong' } : undefined;
        const answer = await meet({ api: operation.api, plant, rest, method: operation.method, body, etag: operation.takesEtag ? '"1"' : undefined });
        assertTold(answer, [501, 'not-offered'], `${operation.name} at ${plant} (once it is offered it needs a row)`, { isLogged: false });
      }
    }
  });

  async function goThroughAll(t, api) {
    const mine = requests.operations.filter((operation) => operation.api === api);
    for (const one of [mine.find(({ isList }) => isList), mine.find(({ isWrite, isList }) => !isWrite && !isList)]) one.meetsAll = true;
    mine[0].isCostly = api === APIS[0];
    await Promise.all(PLANTS.flatMap((plant) => mine.filter((operation) => ![NOT_OFFERED, SHARED].includes(rowOf(operation, plant)))
      .map((operation) => {
        const end = walk(operation, plant);
        return t.test(`${operation.name} at ${plant}`, () => end);
      })));
  }

  describe('each operation', { concurrency: true }, () => {
    for (const lane of LANES) {
      describe(lane.join(', '), { concurrency: 1 }, () => {
        for (const api of lane.filter((name) => APIS.includes(name))) test(api, { concurrency: true }, (t) => goThroughAll(t, api));
      });
    }
  });

  test('nobody listens', async () => {
    await Promise.all(Object.values(box.proxies).map((proxy) => proxy.away()));
    await Promise.all(walked.map(async ({ name, request }) => assertTold(await meet(request), [503, 'unavailable'], `${name}: nobody listens`)));
    await Promise.all(Object.values(box.proxies).map((proxy) => proxy.back()));
  });

  test('the log names the task that failed, and why', async () => {
    for (const gw of [good, hasty]) {
      const mine = told.filter(({ answer }) => answer.gw === gw);
      const lines = await eventually(() => {
        const found = new Map(gw.accessLog().map((line) => [line.trace_id, line]));
        return mine.every(({ answer }) => found.has(answer.trace)) && found;
      }, 'all lines are there');
      for (const { answer, what } of mine)
        assert.match(lines.get(answer.trace).detail ?? '', /^\/do\/.+: .+/, what);
    }
    assert.ok(told.length > 0);
  });
});
