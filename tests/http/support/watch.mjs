// All Sparkplug messages of a broker as mosquitto_sub prints them, for `millgate sparkplug`.
//
//   const seen = await watch(scope, broker);   seen.lines()   seen.text()

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';

import { MQTT_USERS } from '../../rigs/iot/mosquitto.mjs';
import { eventually } from './harness.mjs';

const mqtt = createRequire(new URL('../../rigs/iot/', import.meta.url))('mqtt');

/** From now on; `session`: a name by which the broker keeps what comes while it is not connected. */
export async function watch(scope, broker, { session } = {}) {
  const { password } = MQTT_USERS.mes;
  const child = spawn('mosquitto_sub', ['-p', String(broker.port), '-u', 'mes', '-P', password, '-t', 'spBv1.0/#', '-t', 'probe',
    ...(session ? ['-c', '-i', session, '-q', '1'] : []), '-F', '%U %x %t'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  scope.after(async () => {
    child.kill();
    await exited;
  });
  let seen = '';
  child.stdout.setEncoding('utf8').on('data', (piece) => (seen += piece));
  const lines = () => seen.slice(0, seen.lastIndexOf('\n') + 1).split('\n').filter((line) => line.includes(' spBv1.0/'));
  const probes = () => seen.split(' probe\n').length - 1;
  const probe = async (what) => {
    const before = probes();
    const client = mqtt.connect(broker.url, { username: 'mes', password });
    await eventually(() => {
      client.publish('probe', 'x');
      return probes() > before;
    }, what, 15_000);
    await new Promise((resolve) => client.end(false, {}, resolve));
  };
  await probe('mosquitto_sub sees a message');
  return {
    lines,
    /** With `ends`, once so many deaths of nodes are seen. */
    async text(ends = 0) {
      await eventually(() => seen.endsWith('\n') && seen.split('/NDEATH/').length - 1 >= ends, `${ends} deaths are seen`, 30_000);
      return `${lines().join('\n')}\n`;
    },
    /** It has seen whatever the broker had before. */
    caughtUp: () => probe('mosquitto_sub has caught up'),
  };
}
