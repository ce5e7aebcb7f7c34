// A certificate authority in a folder, by the openssl program.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DAY_MS = 86_400_000;

export function openssl(args, options = {}) {
  const result = spawnSync('openssl', args, { encoding: 'utf8', timeout: 20_000, ...options });
  return { code: result.status, text: `${result.stdout}${result.stderr}` };
}

function run(args, options) {
  const { code, text } = openssl(args, options);
  assert.equal(code, 0, `openssl ${args.join(' ')}: ${text}`);
}

// "20261123030405Z"
function asTime(date) {
  return `${date.toISOString().replace(/[-:T]|\.\d+/g, '').slice(0, 14)}Z`;
}

function newKey(kind) {
  return kind === 'rsa' ? ['-newkey', 'rsa:2048'] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
}

export class Authority {
  constructor(folder, name = 'root') {
    this.dir = join(folder, `authority-${name}`);
    this.count = 0;
    mkdirSync(join(this.dir, 'issued'), { recursive: true });
    writeFileSync(this.#path('index.txt'), '');
    writeFileSync(this.#path('index.txt.attr'), 'unique_subject = no\n');
    writeFileSync(this.#path('crlnumber'), '01\n');
    writeFileSync(this.#path('ca.cnf'), this.#settings());
    this.ca_file = this.#path('ca.pem');
    run(['req', '-x509', ...newKey('ec'), '-nodes', '-keyout', this.#path('ca.key'), '-out', this.ca_file,
      '-days', '30', '-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign,cRLSign']);
  }

  #path(name) {
    return join(this.dir, name);
  }

  #settings() {
    const lines = ['[ca]', 'default_ca = own', '[own]', `dir = ${this.dir}`, 'database = $dir/index.txt',
      'new_certs_dir = $dir/issued', 'rand_serial = yes', 'default_md = sha256', 'certificate = $dir/ca.pem',
      'private_key = $dir/ca.key', 'crlnumber = $dir/crlnumber', 'policy = any', 'preserve = yes', '[any]',
      'organizationName = optional', 'organizationalUnitName = optional', 'commonName = optional'];
    return `${lines.join('\n')}\n`;
  }

  /** {certificate_file, key_file, pem, key, x509}. `from` and `to` are days from now. */
  issue(subject, { san, from = -1, to = 30, kind = 'ec', usage } = {}) {
    const base = this.#path(`leaf-${++this.count}`);
    const extensions = ['basicConstraints = CA:FALSE', ...(san ? [`subjectAltName = ${san}`] : []),
      ...(usage ? [`extendedKeyUsage = ${usage}`] : [])];
    writeFileSync(`${base}.ext`, `${extensions.join('\n')}\n`);
    run(['req', '-new', ...newKey(kind), '-nodes', '-keyout', `${base}.key`, '-out', `${base}.csr`, '-subj', subject]);
    const [start, end] = [from, to].map((days) => asTime(new Date(Date.now() + days * DAY_MS)));
    run(['ca', '-batch', '-notext', '-config', this.#path('ca.cnf'), '-in', `${base}.csr`, '-out', `${base}.pem`,
      '-extfile', `${base}.ext`, '-startdate', start, '-enddate', end]);
    const pem = readFileSync(`${base}.pem`, 'utf8');
    return {
      certificate_file: `${base}.pem`, key_file: `${base}.key`, pem, key: readFileSync(`${base}.key`, 'utf8'),
      x509: new X509Certificate(pem),
    };
  }

  /** The revocation list, with these revoked as well. */
  revoke(...leaves) {
    for (const leaf of leaves) run(['ca', '-config', this.#path('ca.cnf'), '-revoke', leaf.certificate_file]);
    const file = this.#path('crl.pem');
    run(['ca', '-config', this.#path('ca.cnf'), '-gencrl', '-crldays', '30', '-out', file]);
    return file;
  }
}

/** Only certificate_file and key_file, as the configuration has them. */
export function pairOf({ certificate_file, key_file }) {
  return { certificate_file, key_file };
}
