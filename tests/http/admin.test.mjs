// The administrator's listener: health, metrics, configuration, and who may ask.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { eventually, peerPath, send, startGateway, suiteScope } from './support/harness.mjs';
import { RawClient } from './support/raw_client.mjs';

const SECRET = 'sesame-0123456789';

describe('admin', () => {
  let gw;
  const suite = suiteScope();
  before(async () => {
    gw = await startGateway(suite, {
      env: { ERP_SECRET: SECRET },
      config: { peerBackend: { headers: { 'x-api-key': '${env:ERP_SECRET}' } } },
    });
  });

  const bare = (path, options = {}) => send({ port: gw.adminPort, path, ...options });

  test('/healthz and /readyz need no token', async () => {
    assert.equal((await bare('/healthz')).status, 200);
    const ready = await eventually(async () => {
      const answer = await bare('/readyz');
      return answer.status === 200 && answer;
    }, 'ready');
    assert.equal(ready.status, 200);
  });

  test('/metrics is Prometheus text, its labels are bounded', async () => {
    for (let i = 0; i < 50; i++) await gw.get(peerPath(`nothing-${i}`));
    for (let i = 1; i < 50; i++) await gw.get(peerPath(`items/${i}`));
    const answer = await bare('/metrics');
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^text\/plain|^application\/openmetrics-text/);
    const lines = answer.text.trim().split('\n');
    const sample = /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\.)*",?)*\})? (-?[0-9.e+-]+|NaN|\+Inf|-Inf)( \d+)?$/i;
    for (const line of lines) assert.ok(line.startsWith('#') || sample.test(line), line);
    assert.ok(lines.length < 3000, `${lines.length} lines`);
    assert.doesNotMatch(answer.text, /nothing-7|items\/7/);
    assert.match(answer.text, /^# TYPE /m);
  });

  test('the key of the configuration was read from the environment', async () => {
    const answer = await gw.get(peerPath('mirror'));
    assert.ok(answer.json.headers.some(([name, value]) => name === 'x-api-key' && value === SECRET));
  });

  test('/config masks what is secret', async () => {
    const answer = await gw.admin('/config');
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.text, /peer/);
    assert.ok(!answer.text.includes(SECRET));
  });

  test('/config and /reload ask for a token with the scope', async () => {
    for (const [path, method] of [['/config', 'GET'], ['/reload', 'POST']]) {
      const headers = { 'content-type': 'application/json' };
      assert.equal((await bare(path, { method, headers })).status, 401);
      const weak = { ...headers, authorization: `Bearer ${gw.token()}` };
      assert.equal((await bare(path, { method, headers: weak })).status, 403);
    }
  });

  test('a foreign Host or Origin is refused', async () => {
    for (const headers of [{ host: 'evil.test' }, { origin: 'https://evil.test' }]) {
      const answer = await gw.admin('/config', { headers });
      assert.ok([400, 403, 421].includes(answer.status), String(answer.status));
    }
  });

  test('a change needs application/json', async () => {
    const answer = await gw.admin('/reload', { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } });
    assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
    assert.ok((await gw.admin('/reload')).status >= 400, 'GET must not reload');
  });

  test('who is under way on the admin listener does not keep a change of its token from coming', async (t) => {
    const gw = await startGateway(t);
    assert.equal((await gw.admin('/config')).status, 200);
    const slow = await RawClient.open(gw.adminPort);
    t.after(() => slow.destroy());
    slow.send('GET /healthz HTTP/1.1\r\nHost: localhost\r\n');
    gw.rewriteConfig((config) => (config.admin.token.scope = 'another:scope'));
    gw.process.kill('SIGHUP');
    await eventually(() => /reloaded/.test(gw.stderr), 'the reload');
    assert.equal((await gw.admin('/config')).status, 403);
    slow.send('\r\n');
    assert.equal((await slow.response()).status, 200);
  });

  test('what is not there is 404', async () => {
    const headers = { authorization: `Bearer ${gw.token({ scope: 'millgate:admin' })}` };
    assert.equal((await bare('/nothing', { headers })).status, 404);
  });

  test('/readyz says 503 while the backend is away', async (t) => {
    const lonely = await startGateway(t, { config: { peerBackend: { url: 'http://127.0.0.1:1' } } });
    await eventually(async () => (await send({ port: lonely.adminPort, path: '/readyz' })).status === 503, '503');
    assert.equal((await send({ port: lonely.adminPort, path: '/healthz' })).status, 200);
  });

  test('the admin address answers no API, and the API address no administration', async () => {
    assert.notEqual((await bare(peerPath('mirror'), { headers: gw.bearer })).status, 200);
    assert.equal((await gw.get('/metrics')).status, 404);
  });

  test('calls and failures are counted by backend', async () => {
    assert.equal((await gw.get(peerPath('mirror'))).status, 200);
    await eventually(async () => {
      const body = (await gw.admin('/metrics')).text;
      return /millgate_backend_calls_total\{backend="peer"\} [1-9]/.test(body) &&
        /millgate_backend_failures_total\{backend="peer"\} 0/.test(body);
    }, 'the call shows');
  });
});
