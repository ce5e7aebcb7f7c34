// A change that must say which state it means, and does not: 428 (RFC 6585, section 3).

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { peerContract } from './support/config.mjs';
import { assertProblem, startGateway, suiteScope } from './support/harness.mjs';

const parameters = [
  { name: 'If-Match', in: 'header', required: true, schema: { type: 'string', pattern: '^"[^"]+"$' } },
  { name: 'X-Line', in: 'header', required: true, schema: { type: 'string' } },
];
const responses = { default: { description: 'As the peer answers.' } };
const release = { operationId: 'release', parameters, responses, 'x-millgate': { backend_path: '/mirror' } };

describe('a required If-Match', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    const contract = peerContract({ paths: { '/release': { post: release } } });
    gw = await startGateway(suite, { contracts: { 'peer.yaml': JSON.stringify(contract) } });
  });

  const post = (headers) => gw.post('/system/peer/v1/release', undefined, { headers });

  test('that is missing alone is 428, and nothing is sent', async () => {
    gw.peer.forget();
    const problem = assertProblem(await post({ 'X-Line': '7' }), 428);
    assert.equal(problem.type, '/problems/precondition-required');
    assert.equal(gw.peer.requests.length, 0);
  });
  test('beside another mistake is one of both: 400', async () => {
    const problem = assertProblem(await post({}), 400);
    assert.deepEqual(problem.errors.map((error) => error.name).sort(), ['If-Match', 'X-Line']);
  });
  test('that is not well-formed is 400', async () => {
    assertProblem(await post({ 'X-Line': '7', 'If-Match': '*' }), 400);
  });
  test('that is there passes', async () => {
    assert.equal((await post({ 'X-Line': '7', 'If-Match': '"1"' })).status, 200);
  });
});
