// What a kill takes of telemetry: of QoS 1 nothing, at the gateway and at the edge; of QoS 0 what was on its way.
// script/soak loss does the same for longer, and prints what it saw.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { suiteScope } from './support/harness.mjs';
import { iotIsInstalled } from './support/iot.mjs';
import { measureLoss, QOS_0_WINDOW_MS } from './support/loss.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}

const show = ({ sent, journaled, losses }) => JSON.stringify({ sent, journaled, losses });

for (const what of ['edge', 'gateway'])
  describe(`kill -9 of a ${what} in a stream of messages`, () => {
    const scope = suiteScope();

    test('QoS 1: every message that the broker took is in the journal', async () => {
      const loss = await measureLoss(scope, { what, qos: 1, rate: 1000, kills: 3 });
      assert.equal(loss.lost, 0, show(loss));
      assert.ok(loss.sent > 500, show(loss));
    });
  });

describe('kill -9 of a gateway whose Redis does not answer', () => {
  const scope = suiteScope();

  test('QoS 1: the broker has not been told of what was not journaled', async () => {
    const loss = await measureLoss(scope, { what: 'gateway', qos: 1, rate: 1000, kills: 1, stallMs: 700 });
    assert.equal(loss.lost, 0, show(loss));
  });
});

describe('kill -9 of an edge that is given messages of QoS 0', () => {
  const scope = suiteScope();

  test('what is lost was sent within the stated time before it', async () => {
    const loss = await measureLoss(scope, { what: 'edge', qos: 0, rate: 1000, kills: 2 });
    for (const { beforeMs, behindMs } of loss.losses) assert.ok(Math.max(beforeMs, behindMs) <= QOS_0_WINDOW_MS, show(loss));
    assert.ok(loss.journaled > loss.sent / 2, show(loss));
  });
});
