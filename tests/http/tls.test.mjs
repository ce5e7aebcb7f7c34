// TLS of the listeners: certificates by name, renewal, versions, and clients' certificates; against
// OpenSSL, of Node and of the openssl program.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect } from 'node:tls';

import { Authority, openssl, pairOf } from './support/certificates.mjs';
import { eventually, makeFolder, peerPath, prepareGateway, send, startGateway, suiteScope } from './support/harness.mjs';

const folder = makeFolder();
const authority = new Authority(folder);
const stranger = new Authority(folder, 'stranger');
const server = authority.issue('/CN=localhost', { san: 'DNS:localhost,IP:127.0.0.1' });

function listener(tls, more = {}) {
  return { listeners: [{ address: '127.0.0.1:0', tls, ...more }] };
}

// The handshake's outcome and the answer to one request: {names, protocol, status} or {error}.
function ask(port, { path = '/x', ...options } = {}) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, servername: '', ...options });
    let text = '';
    const about = {};
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer in time')));
    socket.on('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      Object.assign(about, {
        names: certificate.subjectAltName, subject: certificate.subject, serial: certificate.serialNumber,
        kind: certificate.publicKey.asymmetricKeyType, protocol: socket.getProtocol(), cipher: socket.getCipher().name,
      });
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    });
    socket.on('data', (bytes) => (text += bytes));
    socket.on('error', (error) => resolve({ ...about, error: error.code ?? error.message }));
    socket.on('close', () => resolve({ ...about, status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]) || undefined, text }));
  });
}

function clientOf(leaf) {
  return { cert: leaf.pem, key: leaf.key };
}

async function metric(gw, name) {
  const { text } = await gw.admin('/metrics');
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

describe('certificates by the name that is asked for', () => {
  const scope = suiteScope();
  let gw;

  test('starts', async () => {
    const issue = (name, options) => pairOf(authority.issue(`/CN=${name}`, { san: `DNS:${name}`, ...options }));
    gw = await startGateway(scope, {
      config: listener({
        certificates: [issue('first.test'), issue('*.plant.test'), issue('a.plant.test'),
          issue('a.plant.test', { kind: 'rsa' }), pairOf(authority.issue('/CN=old-style.test'))],
      }),
    });
  });

  for (const [servername, expected] of [
    ['a.plant.test', 'DNS:a.plant.test'], ['A.Plant.TEST', 'DNS:a.plant.test'], ['b.plant.test', 'DNS:*.plant.test'],
    ['x.b.plant.test', 'DNS:first.test'], ['plant.test', 'DNS:first.test'], ['unknown.test', 'DNS:first.test'],
    ['first.test', 'DNS:first.test'], ['', 'DNS:first.test'],
  ])
    test(`${servername || 'no name'} gets ${expected}`, async () => {
      const { names, status } = await ask(gw.tlsPorts[0], { servername });
      assert.equal(names, expected);
      assert.equal(status, 404);
    });

  test('a certificate without names of its own is known by its common name', async () => {
    assert.equal((await ask(gw.tlsPorts[0], { servername: 'old-style.test' })).subject, 'CN=old-style.test');
  });

  test('of two for one name, a client gets the one whose signatures it takes', async () => {
    const rsaOnly = { servername: 'a.plant.test', sigalgs: 'RSA-PSS+SHA256:RSA+SHA256' };
    assert.equal((await ask(gw.tlsPorts[0], rsaOnly)).kind, 'rsa');
    assert.equal((await ask(gw.tlsPorts[0], { servername: 'a.plant.test' })).kind, 'ec');
  });
});

describe('versions', () => {
  test('TLS 1.2 and 1.3 are spoken, with forward secrecy; 1.1 is not', async (t) => {
    const gw = await startGateway(t, { config: listener(pairOf(server)) });
    const [port] = gw.tlsPorts;
    const tls12 = await ask(port, { maxVersion: 'TLSv1.2' });
    assert.deepEqual([tls12.protocol, tls12.status], ['TLSv1.2', 404]);
    assert.match(tls12.cipher, /^ECDHE-.*(GCM|POLY1305)/);
    assert.equal((await ask(port)).protocol, 'TLSv1.3');
    const old = await ask(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' });
    assert.match(old.error, /ALERT_PROTOCOL_VERSION|ECONNRESET|UNSUPPORTED_PROTOCOL/);
    for (const ciphers of ['AES128-SHA256', 'AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES128-SHA'])
      assert.ok((await ask(port, { ciphers, maxVersion: 'TLSv1.2' })).error, ciphers);
  });

  test('min_version TLSv1.3 refuses 1.2', async (t) => {
    const gw = await startGateway(t, { config: listener({ ...pairOf(server), min_version: 'TLSv1.3' }) });
    assert.ok((await ask(gw.tlsPorts[0], { maxVersion: 'TLSv1.2' })).error);
    assert.equal((await ask(gw.tlsPorts[0])).status, 404);
  });

  test('neither renegotiation nor early data nor tickets are offered', async (t) => {
    const gw = await startGateway(t, { config: listener(pairOf(server)) });
    const where = ['s_client', '-connect', `127.0.0.1:${gw.tlsPorts[0]}`, '-CAfile', authority.ca_file];
    const request = 'GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

    const renegotiated = openssl([...where, '-tls1_2'], { input: `R\n${request}`, timeout: 10_000 });
    assert.match(renegotiated.text, /RENEGOTIATING/);
    assert.doesNotMatch(renegotiated.text, /HTTP\/1\.1 404/);
    const session = openssl([...where, '-tls1_3', '-ign_eof'], { input: request });
    assert.match(session.text, /HTTP\/1\.1 404/);
    assert.match(session.text, /Verify return code: 0 \(ok\)/);
    assert.doesNotMatch(session.text, /New Session Ticket|Max Early Data: [1-9]/i);
  });
});

describe('renewal', () => {
  // Keeps connections and handshakes going until stop(): {count, failures, serials}.
  function startLoad(gw, port) {
    const load = { count: 0, failures: [], serials: new Set(), isRunning: true };
    const kept = new https.Agent({ keepAlive: true, maxSockets: 4 });
    const lane = async (agent) => {
      while (load.isRunning) {
        try {
          const { status } = await send({ port, tls: true, path: peerPath('mirror'), headers: gw.bearer, agent });
          if (status !== 200) load.failures.push(status);
        } catch (error) {
          load.failures.push(String(error));
        }
        load.count++;
      }
    };
    const ended = Promise.all([kept, kept, undefined, undefined].map((agent) => lane(agent ?? new https.Agent())));
    load.stop = async () => {
      load.isRunning = false;
      await ended;
      kept.destroy();
      return load;
    };
    return load;
  }

  test('new handshakes get the new certificate, and no request fails', async (t) => {
    const dir = makeFolder();
    const [certificate, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    const install = (leaf) => {
      copyFileSync(leaf.certificate_file, certificate);
      copyFileSync(leaf.key_file, key);
    };
    install(server);
    const gw = await startGateway(t, {
      config: { ...listener({ certificate_file: certificate, key_file: key }), workers: 2 },
    });
    const [port] = gw.tlsPorts;
    const load = startLoad(gw, port);
    const idle = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    t.after(() => idle.destroy());
    await eventually(() => load.count > 20 && idle.authorizationError, 'requests run');

    const serials = [server.x509.serialNumber];
    for (let round = 0; round < 3; round++) {
      const renewed = authority.issue('/CN=localhost', { san: 'DNS:localhost', kind: round === 1 ? 'rsa' : 'ec' });
      install(renewed);
      const answer = await gw.reload();
      assert.equal(answer.status, 200, answer.text);
      serials.push(renewed.x509.serialNumber);
      for (let i = 0; i < 4; i++) assert.equal((await ask(port)).serial, serials.at(-1));
    }
    const before = load.count;
    await eventually(() => load.count > before + 20, 'requests go on');
    const { failures } = await load.stop();
    assert.deepEqual(failures, []);
    assert.equal(new Set(serials).size, 4);

    const answered = new Promise((resolve) => idle.once('data', resolve));
    idle.write('GET /x HTTP/1.1\r\nHost: x\r\n\r\n'); // the connection of before is still good
    assert.match(String(await answered), /^HTTP\/1\.1 404/);
  });

  test('a pair that is not good is refused with its file, and changes nothing', async (t) => {
    const gw = await startGateway(t, { config: listener(pairOf(server)) });
    const [port] = gw.tlsPorts;
    const other = authority.issue('/CN=other');
    const garbage = join(makeFolder(), 'garbage.pem');
    writeFileSync(garbage, 'no certificate\n');
    const cases = [
      [{ certificate_file: server.certificate_file, key_file: other.key_file }, other.key_file, /does not belong/],
      [{ certificate_file: garbage, key_file: server.key_file }, garbage, /no certificate in PEM/],
      [{ certificate_file: server.certificate_file, key_file: garbage }, garbage, /no private key/],
      [{ certificates: [pairOf(server), { ...pairOf(other), key_file: garbage }] }, garbage, /no private key/],
      [{ ...pairOf(server), client_certificates: 'required', client_ca_file: garbage }, garbage, /no certificate/],
      [{ ...pairOf(server), client_certificates: 'optional', client_ca_file: authority.ca_file, client_crl_file: garbage },
        garbage, /no revocation list/],
    ];
    for (const [tls, file, reason] of cases) {
      gw.rewriteConfig((config) => (config.listeners[0].tls = tls));
      const answer = await gw.reload();
      assert.equal(answer.status, 422, answer.text);
      assert.ok(answer.json.errors.some(({ text }) => text.includes(file) && reason.test(text)), answer.text);
      assert.ok(answer.json.errors.every(({ line }) => line > 0), answer.text);
      assert.equal((await ask(port)).serial, server.x509.serialNumber);
    }
  });

  test('who is asked for a certificate changes by a reload, too', async (t) => {
    const gw = await startGateway(t, { config: listener(pairOf(server)) });
    const [port] = gw.tlsPorts;
    assert.equal((await ask(port)).status, 404);
    gw.rewriteConfig((config) =>
      Object.assign(config.listeners[0].tls, { client_certificates: 'required', client_ca_file: authority.ca_file }));
    assert.equal((await gw.reload()).status, 200);
    assert.ok((await ask(port)).error);
    assert.equal((await ask(port, clientOf(authority.issue('/CN=client')))).status, 404);
  });

  test('a certificate that is about to expire is told, and does not make the gateway unready', async (t) => {
    const [soon, expired] = [authority.issue('/CN=soon', { to: 3.5 }), authority.issue('/CN=gone', { from: -9, to: -1 })];
    const gw = await startGateway(t, { config: listener({ certificates: [soon, expired, server].map(pairOf) }) });
    const ready = await gw.admin('/readyz');
    assert.equal(ready.status, 200, ready.text);
    assert.deepEqual(ready.json.certificates.map(({ names, state }) => [names, state]),
      [['soon', 'expiring'], ['gone', 'expired'], ['localhost', 'good']]);
    assert.equal(ready.json.certificates[0].expires, new Date(soon.x509.validTo).toISOString().replace('.000', ''));
    assert.match(gw.stderr, /certificate \S+ expires in 3 days/);
    assert.match(gw.stderr, /certificate \S+ has expired/);
    const { text } = await gw.admin('/metrics');
    const line = text.split('\n').find((each) => each.includes(soon.certificate_file));
    assert.match(line, /^millgate_certificate_expiry_timestamp_seconds\{listener="127\.0\.0\.1:0",file="[^"]+"\} \d+$/);
    assert.equal(Number(line.split(' ').at(-1)), Date.parse(soon.x509.validTo) / 1000);
  });
});

describe('clients certificates', () => {
  const scope = suiteScope();
  const gateways = {};
  const client = authority.issue('/O=Acme/CN=supplier-1');
  const revoked = authority.issue('/CN=revoked');
  const bad = {
    untrusted: [stranger.issue('/CN=supplier-1'), 'unknown ca'],
    expired: [authority.issue('/CN=late', { from: -9, to: -1 }), 'expired'],
    revoked: [revoked, 'revoked'],
    unfit: [authority.issue('/CN=server', { usage: 'serverAuth' }), 'unsupported'],
  };

  for (const mode of ['required', 'optional'])
    test(`starts with ${mode}`, async () => {
      gateways[mode] = await startGateway(scope, {
        config: listener({
          ...pairOf(server), client_certificates: mode, client_ca_file: authority.ca_file,
          client_crl_file: authority.revoke(...(mode === 'required' ? [revoked] : [])),
        }),
      });
    });

  for (const mode of ['required', 'optional'])
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const at = () => gateways[mode].tlsPorts[0];
      const options = { minVersion: version, maxVersion: version };

      test(`${mode}, ${version}: a good one passes`, async () => {
        for (const leaf of [client, authority.issue('/CN=both', { usage: 'clientAuth,serverAuth' })])
          assert.equal((await ask(at(), { ...options, ...clientOf(leaf) })).status, 404);
      });

      for (const [reason, [leaf]] of Object.entries(bad))
        test(`${mode}, ${version}: one that is ${reason} ends the handshake, and is counted`, async () => {
          const name = `millgate_client_certificates_refused_total{reason="${reason}"}`;
          const before = await metric(gateways[mode], name);
          const { error, status } = await ask(at(), { ...options, ...clientOf(leaf) });
          assert.ok(error, `answered ${status}`);
          await eventually(async () => (await metric(gateways[mode], name)) === before + 1, 'it is counted');
        });

      test(`${mode}, ${version}: a self-signed one ends the handshake`, async () => {
        const self = new Authority(makeFolder(), 'self');
        const key = readFileSync(join(self.dir, 'ca.key'), 'utf8');
        assert.ok((await ask(at(), { ...options, cert: readFileSync(self.ca_file, 'utf8'), key })).error);
      });

      test(`${mode}, ${version}: none`, async () => {
        const name = 'millgate_client_certificates_refused_total{reason="absent"}';
        const before = await metric(gateways[mode], name);
        const { error, status } = await ask(at(), options);
        if (mode === 'optional') {
          assert.equal(status, 404);
          return;
        }
        assert.ok(error, `answered ${status}`);
        await eventually(async () => (await metric(gateways[mode], name)) === before + 1, 'it is counted');
      });
    }

  test('the alert says why', async () => {
    for (const [leaf, alert] of Object.values(bad)) {
      const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${gateways.required.tlsPorts[0]}`, '-tls1_3',
        '-cert', leaf.certificate_file, '-key', leaf.key_file]);
      let text = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (text += bytes));
      await eventually(() => child.exitCode !== null, 'openssl ends'); // its input stays open: it waits for the server
      assert.match(text, new RegExp(`alert.*${alert}`, 'i'));
    }
  });

  test('the option needs its authorities', async (t) => {
    const gw = await prepareGateway(t, { config: listener({ ...pairOf(server), client_certificates: 'required' }) });
    await assert.rejects(gw.start(), /client_certificates needs client_ca_file/);
    gw.wasKilled = true;
  });
});
