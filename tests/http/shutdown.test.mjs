// SIGTERM drains, a second one ends at once.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually, peerPath, startGateway } from './support/harness.mjs';

describe('shutdown', () => {
  test('SIGTERM: what is under way is answered, nothing new is taken, exit 0', async (t) => {
    const gw = await startGateway(t);
    const slow = gw.get(peerPath('slow?ms=1000'));
    await eventually(() => gw.peer.requests.length > 0, 'it is upstream');
    gw.process.kill('SIGTERM');
    assert.equal((await slow).status, 200);
    const [code] = await gw.exited;
    assert.equal(code, 0, gw.stderr);
    await assert.rejects(gw.get(peerPath('mirror')));
  });

  test('idle connections do not hold it up', async (t) => {
    const gw = await startGateway(t);
    const clients = await Promise.all(Array.from({ length: 20 }, () => gw.raw()));
    const started = performance.now();
    gw.process.kill('SIGTERM');
    const [code] = await gw.exited;
    assert.equal(code, 0, gw.stderr);
    assert.ok(performance.now() - started < 10_000);
    for (const client of clients) {
      assert.ok(await client.closes());
      client.destroy();
    }
  });

  test('a kept connection is told Connection: close', async (t) => {
    const gw = await startGateway(t);
    const client = await gw.raw();
    client.send(`GET ${peerPath('slow?ms=700')} HTTP/1.1\r\nHost: a\r\nAuthorization: ${gw.bearer.authorization}\r\n\r\n`);
    await eventually(() => gw.peer.requests.length > 0, 'it is upstream');
    gw.process.kill('SIGTERM');
    const answer = await client.response();
    assert.equal(answer.status, 200);
    assert.match(answer.headers.connection ?? '', /close/i);
    assert.ok(await client.closes());
  });

  test('the drain has a deadline', async (t) => {
    const gw = await startGateway(t, { config: { extra: { drain_timeout: '1s' } } });
    const hanging = gw.get(peerPath('hold')).then(() => 'answered', () => 'cut');
    await eventually(() => gw.peer.requests.length > 0, 'it is upstream');
    const started = performance.now();
    gw.process.kill('SIGTERM');
    await gw.exited;
    gw.wasKilled = true; // with a request cut, its exit code is its own business
    const took = performance.now() - started;
    assert.ok(took > 800 && took < 8000, `${took} ms`);
    await hanging;
  });

  test('a second SIGTERM ends at once', async (t) => {
    const gw = await startGateway(t);
    const hanging = gw.get(peerPath('hold')).catch(() => 'cut');
    await eventually(() => gw.peer.requests.length > 0, 'it is upstream');
    gw.process.kill('SIGTERM');
    await sleep(300);
    assert.ok(gw.isRunning, 'it did not wait for the request');
    const started = performance.now();
    gw.process.kill('SIGTERM');
    await gw.exited;
    gw.wasKilled = true; // its exit code is not zero: that is the point
    assert.ok(performance.now() - started < 3000);
    await hanging;
  });

  test('not ready while it drains', async (t) => {
    const gw = await startGateway(t, { config: { extra: { drain_delay: '1s' } } });
    assert.equal((await gw.admin('/readyz')).status, 200);
    gw.process.kill('SIGTERM');
    await eventually(async () => (await gw.admin('/readyz')).status === 503, '/readyz says so');
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    const [code] = await gw.exited;
    assert.equal(code, 0, gw.stderr);
  });
});
