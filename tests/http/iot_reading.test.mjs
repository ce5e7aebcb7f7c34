// What lanes keep for readers: devices and their state, last values, histories, alarms, and what was put aside.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { eventually, makeFolder, suiteScope } from './support/harness.mjs';
import { DRIVE, Drive, iotIsInstalled, Reader, startTelemetry } from './support/iot.mjs';

if (!iotIsInstalled()) {
  console.log('mosquitto or the packages of tests/rigs/iot are not installed: skipped');
  process.exit(77);
}
const { LAYOUT, startPlant } = await import('../rigs/iot/plant.mjs');
const { connect } = createRequire(new URL('../rigs/iot/', import.meta.url))('mqtt');

const LINES = LAYOUT.filter(({ edgeNode }) => ['line-1', 'line-3'].includes(edgeNode));
const PATIENCE = 30_000;

describe('reading', async () => {
  const scope = suiteScope();
  const exports = makeFolder();
  const layout = [...LINES, { group: 'plant-1010', edgeNode: 'drives', devices: { 'drive-1': Drive } }];
  const telemetry = await startTelemetry(scope, {
    layout, more: ['system-iot.v1.yaml'], types: { drive: DRIVE }, iot: { export: { folder: exports } } });
  const plant = await startPlant(scope, { broker: telemetry.edge, layout, backMs: 2 * 3_600_000 });
  const all = new Reader(telemetry.gw);
  const device = LINES.flatMap(({ group, edgeNode, devices }) => Object.keys(devices).map((name) => `${group}/${edgeNode}/${name}`))
    .find((id) => id.endsWith('/cnc-1'));
  const [group] = device.split('/');

  test('devices, their state and their last values', async () => {
    await plant.step(60);
    await eventually(async () => (await all.get(`/devices/${device}`)).state === 'online', 'the device to be online', PATIENCE);
    const one = await all.get(`/devices/${device}`);
    assert.deepEqual([one.id, one.type, one.equipmentId, one.plantId], [device, 'cnc', 'CNC-1', group.replace('plant-', '')]);
    assert.ok(one.metrics.some(({ name }) => name === 'spindleVibration'));
    const last = plant.samples.filter((sample) => sample.device === 'cnc-1' && sample.metric === 'Spindle/Vibration').at(-1);
    await eventually(async () => Date.parse((await all.values(device)).spindleVibration?.time) === last.time, 'the last value', PATIENCE);
    const value = (await all.values(device)).spindleVibration;
    assert.equal(value.value, last.value);
    assert.deepEqual([value.quality, value.unit], ['good', 'mm/s']);
    await eventually(async () => (await all.get(`/devices/${device}`)).seen !== undefined, 'when it was seen', PATIENCE);
  });

  test('lists are pages, filtered, and of the caller\'s plants', async () => {
    const seen = [];
    for (let after; ;) {
      const page = await all.get(`/devices?limit=2${after ? `&after=${after}` : ''}`);
      seen.push(...page.items.map(({ id }) => id));
      if (!page.next) break;
      after = page.next;
    }
    assert.equal(new Set(seen).size, seen.length);
    assert.equal(seen.length, layout.flatMap(({ devices }) => Object.keys(devices)).length);
    const cncs = await all.get('/devices?type=cnc&limit=200');
    assert.ok(cncs.items.length > 0 && cncs.items.every(({ type }) => type === 'cnc'));
    const other = all.as({ scope: 'iot:read', plant: 'XXXX' });
    assert.deepEqual((await other.get('/devices')).items, []);
    assert.equal((await other.request(`/devices/${device}/values`)).status, 404);
    assert.equal((await all.as({ scope: 'iot:read' }).request('/devices')).status, 403);
    assert.equal((await all.as({ scope: 'events:read plants:all' }).request('/devices')).status, 403);
  });

  test('a history has what was sent, in order and once', async () => {
    await plant.step(30);
    const sent = plant.samples.filter((sample) => sample.device === 'cnc-1' && sample.metric === 'Spindle/Vibration');
    const path = `/devices/${device}/metrics/spindleVibration/history`;
    await eventually(async () => (await all.get(path)).items.length >= sent.length, 'the history', PATIENCE);
    const { items, unit, more } = await all.get(path);
    assert.deepEqual(items.map(({ time, value }) => [Date.parse(time), value]), sent.map(({ time, value }) => [time, value]));
    assert.deepEqual([unit, more], ['mm/s', false]);
    const from = items.at(-5).time;
    const part = await all.get(`${path}?from=${encodeURIComponent(from)}&limit=3`);
    assert.deepEqual(part.items, items.slice(-3));
    assert.equal(part.more, true);
    assert.equal((await all.request(`/devices/${device}/metrics/nothing/history`)).status, 404);
  });

  test('all samples are in files for a historian', async () => {
    const escape = (text) => text.replace(/[,= ]/g, '\\$&');
    const sent = plant.samples.filter((sample) => sample.device === 'cnc-1' && sample.metric === 'Spindle/Vibration')
      .map(({ time, value }) => `spindleVibration,device=${escape(device)},equipment=CNC-1,plant=1010,quality=good value=${value} ${time}000000`);
    const lines = () => readdirSync(exports).filter((name) => /^samples-test-\d{4}-\d\d-\d\dT\d\d\.line$/.test(name))
      .flatMap((name) => readFileSync(join(exports, name), 'utf8').split('\n'));
    const last = sent.at(-1);
    await eventually(() => lines().includes(last), 'the last sample', PATIENCE);
    const got = new Set(lines());
    assert.deepEqual(sent.filter((line) => !got.has(line)), []);
  });

  test('an alarm: raised, acknowledged, cleared, and raised anew', async () => {
    await plant.step(60);
    await plant.fault('breakdown', 'cnc-1');
    await plant.step(120);
    const find = async (state) => (await all.get(`/alarms?equipment=CNC-1&state=${state}`)).items.find(({ signal }) => signal === 'machine-down');
    await eventually(async () => await find('raised') !== undefined, 'the alarm', PATIENCE);
    const raised = await find('raised');
    const path = `/plants/${raised.plantId}/alarms/${raised.id}`;
    const { headers } = await all.request(path);
    assert.equal(headers.etag, `"${raised.version}"`);
    assert.equal((await all.as({ scope: 'iot:write', plant: 'XXXX' }).send('PUT', `${path}/acknowledgement`, {})).status, 404);
    assert.equal((await all.as({ scope: 'iot:read plants:all' }).send('PUT', `${path}/acknowledgement`, {})).status, 403);
    assert.equal((await all.send('PUT', `${path}/acknowledgement`, {}, { 'if-match': '"999"' })).status, 412);
    const done = await all.send('PUT', `${path}/acknowledgement`, { comment: 'on my way' }, { 'if-match': headers.etag });
    assert.equal(done.status, 200, done.text);
    assert.deepEqual([done.json.acknowledged.by, done.json.acknowledged.comment], ['reader', 'on my way']);
    const again = await all.as({ sub: 'another' }).send('PUT', `${path}/acknowledgement`, { comment: 'me too' });
    assert.deepEqual(again.json.acknowledged, done.json.acknowledged);
    const told = (await telemetry.read()).filter(({ type }) => type === 'com.millgate.iot.alarm.acknowledged.v1');
    assert.equal(told.length, 1);
    assert.equal(told[0].data.acknowledged.by, 'reader');
    await plant.mend('breakdown', 'cnc-1');
    await plant.step(120);
    await eventually(async () => await find('cleared') !== undefined, 'its end', PATIENCE);
    assert.equal((await all.get(path)).acknowledged.by, 'reader');
    await plant.fault('breakdown', 'cnc-1');
    await plant.step(120);
    await eventually(async () => await find('raised') !== undefined, 'it anew', PATIENCE);
    const anew = await find('raised');
    assert.deepEqual([anew.id, anew.times, anew.acknowledged], [raised.id, 2, undefined]);
    await plant.mend('breakdown', 'cnc-1');
  });

  test('an alarm is shelved for a time, with a reason: listed as such, and not told as new', async () => {
    const find = async (query) => (await all.get(`/alarms?equipment=CNC-1${query}`)).items.find(({ signal }) => signal === 'machine-down');
    const told = async (type) => (await telemetry.read()).filter((event) => event.type === `com.millgate.iot.${type}.v1` && event.subject === 'CNC-1');
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const calm = async () => {
      await plant.mend('breakdown', 'cnc-1');
      await plant.step(120);
      await eventually(async () => (await find('')).state === 'cleared', 'its end', PATIENCE);
    };
    const alarm = await find('');
    const path = `/plants/${alarm.plantId}/alarms/${alarm.id}`;
    const shelve = (body, headers) => all.send('PUT', `${path}/shelving`, { until, reason: 'bearing is ordered', ...body }, headers);
    await calm();
    assert.equal((await shelve({ reason: undefined })).status, 400);
    assert.equal((await shelve({ until: '2020-01-01T00:00:00Z' })).status, 400);
    assert.equal((await shelve({ until: new Date(Date.now() + 40 * 86_400_000).toISOString() })).status, 400);
    assert.equal((await all.send('PUT', `${path.slice(0, -4)}0000/shelving`, { until, reason: 'x' })).status, 404);
    assert.equal((await all.as({ scope: 'iot:write', plant: 'XXXX' }).send('PUT', `${path}/shelving`, { until, reason: 'x' })).status, 404);
    assert.equal((await all.as({ scope: 'iot:read plants:all' }).send('PUT', `${path}/shelving`, { until, reason: 'x' })).status, 403);
    assert.equal((await shelve({}, { 'if-match': '"1"' })).status, 412);
    const done = await shelve({});
    assert.equal(done.status, 200, done.text);
    const { since, ...shelving } = done.json.shelving;
    assert.deepEqual(shelving, { until, by: 'reader', reason: 'bearing is ordered' });
    assert.ok(Math.abs(Date.parse(since) - Date.now()) < 60_000);
    const again = await shelve({}); // as after a lost answer
    assert.deepEqual([again.status, again.json, again.headers.etag], [200, done.json, done.headers.etag]);
    assert.deepEqual((await told('alarm.shelved')).map(({ data }) => data.shelving), [done.json.shelving]);
    assert.equal((await find('&shelved=true')).id, alarm.id);
    assert.equal(await find('&shelved=false'), undefined);

    await new Promise((resolve) => setTimeout(resolve, 2500)); // lanes look once a second
    const before = (await told('machine-down')).length;
    await plant.fault('breakdown', 'cnc-1');
    await plant.step(120);
    await eventually(async () => (await find('&shelved=true')).state === 'raised', 'it anew', PATIENCE);
    const raised = (await told('machine-down')).slice(before);
    assert.deepEqual(raised.map(({ shelved }) => shelved), ['true']);
    assert.equal((await find('')).times, alarm.times + 1);

    const taken = await all.request(`${path}/shelving`, { method: 'DELETE' });
    assert.deepEqual([taken.status, taken.json.shelving, taken.json.state], [200, undefined, 'raised']);
    assert.equal((await all.request(`${path}/shelving`, { method: 'DELETE' })).headers.etag, taken.headers.etag);
    assert.equal((await told('alarm.unshelved')).length, 1);
    assert.equal((await find('&shelved=false')).id, alarm.id);
    await calm();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await plant.fault('breakdown', 'cnc-1');
    await plant.step(120);
    await eventually(async () => (await find('')).state === 'raised', 'it anew', PATIENCE);
    assert.equal((await told('machine-down')).at(-1).shelved, undefined);
    await calm();
  });

  test('what cannot be read is put aside, seen and forgotten', async () => {
    const { username, password, url } = telemetry.edge;
    const client = connect(url, { username, password });
    scope.after(() => new Promise((resolve) => client.end(true, {}, resolve)));
    await eventually(() => client.connected, 'the client', PATIENCE);
    await new Promise((resolve) => client.publish(`spBv1.0/${group}/DDATA/line-1/nobody`, Buffer.from([0xff]), { qos: 1 }, resolve));
    const find = async (reader) => (await reader.get('/quarantine')).items.find(({ name }) => name.startsWith(`${group}/line-1/nobody`));
    await eventually(async () => await find(all) !== undefined, 'the entry', PATIENCE);
    const entry = await find(all);
    assert.deepEqual([entry.reason, entry.plantId], ['malformed', group.replace('plant-', '')]);
    assert.ok(entry.count >= 1 && entry.first <= entry.last);
    assert.notEqual(await find(all.as({ scope: 'iot:read', plant: entry.plantId })), undefined);
    const other = all.as({ scope: 'iot:read iot:write', plant: 'XXXX' });
    assert.equal(await find(other), undefined);
    const query = `/quarantine?reason=malformed&name=${encodeURIComponent(entry.name)}`;
    assert.equal((await other.request(query, { method: 'DELETE' })).status, 403);
    assert.equal((await other.request('/quarantine', { method: 'DELETE' })).status, 403);
    assert.equal((await all.request(query, { method: 'DELETE' })).status, 204);
    assert.equal(await find(all), undefined);
    assert.ok(await telemetry.metric('millgate_iot_quarantined_total') !== undefined);
  });

  test('samples over HTTP, in every form, become values and events', async () => {
    const meter = LINES.flatMap(({ group: g, edgeNode, devices }) => Object.keys(devices).map((name) => `${g}/${edgeNode}/${name}`)).find((id) => /meter/.test(id));
    const at = (seconds) => new Date(Date.now() - 60_000 + seconds * 1000).toISOString();
    const sample = (seconds, value, more = {}) => ({ device: meter, metric: 'energyTotal', time: at(seconds), value, ...more });
    const post = (body, type, headers = {}) => all.request('/samples', { method: 'POST', body, headers: { 'content-type': type, ...headers } });
    const event = (id, data, more = {}) => ({ specversion: '1.0', id, source: '/tests', type: 'test.sample', data, ...more });
    const reaches = (value) => eventually(async () => (await all.values(meter)).energyTotal.value === value, `the value ${value}`, PATIENCE);

    const list = await post(JSON.stringify([sample(1, 100001), sample(2, 100002.5)]), 'application/json');
    assert.deepEqual([list.status, list.json], [202, { accepted: 2, refused: 0, errors: [] }]);
    await reaches(100002.5);
    const lines = await post([JSON.stringify(sample(3, 100003)), '{"no', '', JSON.stringify({ ...sample(4, 1), device: 'plant-1010/line-1/ghost' }),
      JSON.stringify({ ...sample(4, 1), metric: 'nothing' }), JSON.stringify(sample(4, 100004, { quality: 'uncertain' }))].join('\n'), 'application/x-ndjson');
    assert.equal(lines.status, 202);
    assert.deepEqual([lines.json.accepted, lines.json.errors.map(({ line, reason }) => [line, reason])],
      [2, [[2, 'invalid'], [4, 'unknown-device'], [5, 'unknown-metric']]]);
    await reaches(100004);
    assert.equal((await all.values(meter)).energyTotal.quality, 'uncertain');
    assert.equal((await post(JSON.stringify(event('1', sample(5, 100005))), 'application/cloudevents+json')).status, 202);
    await reaches(100005);
    const { time, ...untimed } = sample(0, 100006);
    assert.equal((await post(JSON.stringify([event('2', [untimed], { time: at(6) })]), 'application/cloudevents-batch+json')).status, 202);
    await reaches(100006);
    assert.equal(Date.parse((await all.values(meter)).energyTotal.time) < Date.now() - 30_000, true);
    const fields = { 'ce-specversion': '1.0', 'ce-id': '3', 'ce-source': '/tests', 'ce-type': 'test.sample' };
    assert.equal((await post(JSON.stringify(sample(7, 100007)), 'application/json', fields)).status, 202);
    await reaches(100007);
    assert.deepEqual((await all.get('/quarantine')).items.filter(({ name }) => /ghost|nothing/.test(name)).map(({ reason }) => reason).sort(),
      ['unknown-device', 'unknown-metric']);
  });

  test('samples that are refused', async () => {
    const post = (body, reader = all) => reader.send('POST', '/samples', body);
    assert.equal((await post([{ device, metric: 'spindleVibration', value: 1, time: '2999-01-01T00:00:00Z' }])).json.errors[0].reason, 'time');
    assert.equal((await post([{ device, metric: 'spindleVibration', value: {} }])).status, 400);
    assert.equal((await post([{ device, metric: 'spindleVibration' }])).status, 400);
    const other = all.as({ scope: 'iot:write', plant: 'XXXX' });
    assert.equal((await post([{ device, metric: 'spindleVibration', value: 1 }], other)).json.errors[0].reason, 'unknown-device');
    assert.equal((await post([], all.as({ scope: 'iot:read plants:all' }))).status, 403);
    assert.equal((await all.request('/samples', { method: 'POST', body: '<a/>', headers: { 'content-type': 'text/xml' } })).status, 415);
  });

  test('commands: what may be set, within its limits, on a device that is there', async () => {
    const got = [];
    const edge = plant.edges.find(({ edgeNode }) => edgeNode === 'drives');
    edge.client.on('dcmd', (id, { metrics }) => got.push([id, metrics[0].name, Number(metrics[0].value), metrics[0].type]));
    let count = 0;
    const command = (body, { id = 'plant-1010/drives/drive-1', reader = all, key = `"c-${++count}"` } = {}) =>
      reader.send('POST', `/devices/${id}/commands`, { reason: 'a test', ...body }, key ? { 'idempotency-key': key } : {});
    await eventually(async () => (await all.get('/devices/plant-1010/drives/drive-1')).state === 'online', 'the drive', PATIENCE);
    const done = await command({ metric: 'speed', value: 700 }, { key: '"once"' });
    assert.equal(done.status, 202, done.text);
    await eventually(() => got.length === 1, 'the command', PATIENCE);
    assert.deepEqual(got[0], ['drive-1', 'Speed', 1400, 'Int32']);
    assert.deepEqual((await command({ metric: 'speed', value: 700 }, { key: '"once"' })).json, done.json);
    assert.equal((await command({ metric: 'reverse', value: true })).status, 202);
    await eventually(() => got.length === 2, 'the other', PATIENCE);
    assert.deepEqual(got[1], ['drive-1', 'Reverse', 1, 'Boolean']);

    const refused = [[{ metric: 'speed', value: 3001 }, 422], [{ metric: 'speed', value: -1 }, 422], [{ metric: 'speed', value: 0.3 }, 422],
      [{ metric: 'speed', value: 'fast' }, 422], [{ metric: 'speed', value: true }, 422], [{ metric: 'reverse', value: 1 }, 422],
      [{ metric: 'load', value: 1 }, 422], [{ metric: 'nothing', value: 1 }, 400], [{ metric: 'speed' }, 400]];
    for (const [body, status] of refused) assert.equal((await command(body)).status, status, JSON.stringify(body));
    assert.equal((await command({ metric: 'speed', value: 1 }, { key: null })).status, 400);
    assert.equal((await command({ metric: 'speed', value: 1 }, { reader: all.as({ scope: 'iot:write plants:all' }) })).status, 403);
    assert.equal((await command({ metric: 'speed', value: 1 }, { reader: all.as({ scope: 'iot:command', plant: 'XXXX' }) })).status, 404);
    await plant.fault('deviceDeath', 'drives', { device: 'drive-1' });
    await plant.step(1);
    await eventually(async () => (await all.get('/devices/plant-1010/drives/drive-1')).state === 'offline', 'its end', PATIENCE);
    assert.equal((await command({ metric: 'speed', value: 1 })).status, 422);
    assert.equal(got.length, 2);

    const acts = readFileSync(join(telemetry.gw.dir, 'state', 'audit.log'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line))
      .filter(({ act }) => act === 'device.command');
    assert.deepEqual(acts.map(({ outcome }) => outcome), ['begun', 'done', 'begun', 'done']);
    assert.match(acts[0].what, /drive-1 speed = 700: a test/);
    assert.match(acts[0].who, /reader/);
  });

  test('in maintenance nothing is raised; what still holds afterwards is', async () => {
    const path = '/plants/1020/equipment/LATHE-1/maintenance';
    const find = async () => (await all.get('/alarms?equipment=LATHE-1&state=raised')).items.find(({ signal }) => signal === 'machine-down');
    const window = { from: new Date(Date.now() - 24 * 3_600_000).toISOString(), until: new Date(Date.now() + 3_600_000).toISOString(), reason: 'new bearings' };
    assert.equal((await all.as({ scope: 'iot:write', plant: 'XXXX' }).send('PUT', path, window)).status, 404);
    assert.equal((await all.send('PUT', path, { until: '2020-01-01T00:00:00Z' })).status, 400);
    assert.equal((await all.send('PUT', path, window)).status, 204);
    const { items } = await all.get('/maintenance');
    assert.deepEqual(items.map(({ equipmentId, by, reason, until }) => [equipmentId, by, reason, until]), [['LATHE-1', 'reader', 'new bearings', window.until]]);
    await new Promise((resolve) => setTimeout(resolve, 2500)); // lanes look once a second
    await plant.fault('breakdown', 'lathe-1');
    await plant.step(120);
    const told = plant.samples.filter((sample) => sample.device === 'lathe-1').at(-1).time;
    await eventually(async () => Date.parse((await all.get('/devices/plant-1020/line-3/lathe-1')).seen) === told, 'all samples', PATIENCE);
    assert.equal(await find(), undefined);
    assert.equal((await all.request(path, { method: 'DELETE' })).status, 204);
    assert.deepEqual((await all.get('/maintenance')).items, []);
    await eventually(async () => {
      await plant.step(5);
      return await find() !== undefined;
    }, 'it to be raised afterwards', PATIENCE);
    await plant.mend('breakdown', 'lathe-1');
  });

  test('a dead device is off-line, its values stale; and back after a restart of the gateway', async () => {
    await plant.fault('deviceDeath', 'line-1', { device: 'cnc-1' });
    await plant.step(5);
    await eventually(async () => (await all.get(`/devices/${device}`)).state === 'offline', 'off-line', PATIENCE);
    await eventually(async () => (await all.values(device)).spindleVibration.quality === 'stale', 'stale', PATIENCE);
    await telemetry.gw.kill();
    await telemetry.gw.startAgain();
    const anew = new Reader(telemetry.gw);
    assert.equal((await anew.get(`/devices/${device}`)).state, 'offline');
    await plant.mend('deviceDeath', 'line-1', { device: 'cnc-1' });
    await plant.step(5);
    await eventually(async () => (await anew.get(`/devices/${device}`)).state === 'online', 'on-line', PATIENCE);
  });
});
