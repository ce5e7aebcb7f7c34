// The two plants of plants.mjs, asked by plant, API and the rest of the path.
//
//   const pair = await startPair(suite, { apis: ['erp-partners'] });
//   await pair.get('1010', 'erp-partners', '/suppliers');   pair.erp (Tryton's own client)   await pair.odata('A_Supplier')
//   pair.faults['1020'].fault = { kind: 'cut-after', times: 1 };   see ../../rigs/fault_proxy.mjs

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually } from './harness.mjs';
import { Plants, startPlants } from './plants.mjs';

export { skipUnlessInstalled } from './plants.mjs';

const SLOW_MS = 1500;
const WAIT_MS = 6000; // so long is a write claimed by a gateway that died over it

export const PLANTS = ['1010', '1020'];

class Pair extends Plants {
  scopes = ['plants:all'];

  get faults() {
    return { 1010: this.proxies.plant1, 1020: this.proxies.cloud };
  }

  /** The path of an API's operation at a plant. */
  path(plant, api, rest) {
    return `/system/${api}/v1/plants/${plant}${rest}`;
  }

  get(plant, api, rest, headers = {}) {
    return super.get(this.path(plant, api, rest), headers);
  }

  write(plant, api, rest, body, { method = 'POST', key = randomUUID(), etag, headers = {} } = {}) {
    const match = etag ? { 'if-match': etag } : {};
    return this.gw.request(this.path(plant, api, rest), {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: { ...this.bearer, 'content-type': 'application/json', 'idempotency-key': `"${key}"`, ...match, ...headers },
    });
  }

  /** All pages of a list. */
  all(plant, api, rest, limit) {
    return super.all(this.path(plant, api, rest), limit);
  }

  page(path) {
    return super.get(path);
  }

  /** Kills the gateway while a write is on its way to the ERP, waits for it to arrive there, and starts the gateway
   * again. `write` takes the fields of its first attempt. */
  async killDuring(plant, match, write) {
    const proxy = this.faults[plant];
    const before = proxy.seen.slow ?? 0;
    proxy.fault = { kind: 'slow', ms: SLOW_MS, times: 1, match };
    const lost = write({ 'x-request-timeout': String(WAIT_MS) }).catch(() => undefined);
    await eventually(() => (proxy.seen.slow ?? 0) > before, 'the write is on its way');
    await this.gw.kill();
    await lost;
    await sleep(SLOW_MS + 500);
    await this.startAgain();
  }

  /** Sends a write again until its first attempt is no longer under way. */
  again(write) {
    return eventually(async () => {
      const answer = await write();
      return /request-in-flight|outcome-not-recorded|effect-settling/.test(answer.text) ? undefined : answer;
    }, 'the first attempt has ended', 30_000);
  }
}

export function startPair(scope, { apis }) {
  return startPlants(scope, { apis: apis.map((api) => `system-${api}`), plants: new Pair() });
}
