// `millgate signal` against a computation of its own: slow, plain, over the whole set of samples at once.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { makeFolder, runProgram } from './support/harness.mjs';

const START = Date.parse('2026-11-23T06:00:00Z');
const ROOT = new URL('../../', import.meta.url).pathname;
const DEVICES = ['a', 'b', 'c'];

const REGISTRY = `
types:
  cnc:
    metrics:
      machineState: {source: Machine/State}
      goodCount: {source: Production/Good, unit: H87, rollover: 5000}
      vibration: {source: Spindle/Vibration, unit: mm/s}
      energy: {source: Energy/Total, unit: kWh, factor: 0.5}
devices:
${DEVICES.map((d) => `  - {group: g, edge_node: n, device: ${d}, type: cnc, equipment: ${d.toUpperCase()}, plant: '1010'}`).join('\n')}
`;

const VALUES = `
values:
  n: {count: vibration}
  least: {min: vibration}
  most: {max: vibration}
  mean: {mean: vibration}
  total: {sum: vibration}
  first: {first: vibration}
  last: {last: vibration}
  deviation: {stddev: vibration}
  slope: {trend: vibration, per: PT1M}
  p95: {percentile: vibration, percent: 95, from: 0, to: 32}
  made: {delta: goodCount}
  used: {delta: energy}
  ran: {duration: machineState, states: [2]}
  perPart: {divide: [used, made]}
`;
const INPUTS = 'inputs: {vibration: {}, goodCount: {}, energy: {}, machineState: {}}\n';
const SIGNALS = {
  tumbling: `signal: tumbling\ndevices: [cnc]\n${INPUTS}window: {tumbling: PT1M}\n${VALUES}event: {type: t.tumbling.v1}\n`,
  sliding: `signal: sliding\ndevices: [cnc]\n${INPUTS}window: {sliding: PT5M, every: PT30S}\n${VALUES}event: {type: t.sliding.v1}\n`,
  session: 'signal: session\ndevices: [cnc]\ninputs: {vibration: {}}\nwindow: {session: PT6S, max: PT20M}\n' +
    'values: {n: {count: vibration}, most: {max: vibration}}\nevent: {type: t.session.v1}\n',
  count: 'signal: count\ndevices: [cnc]\ninputs: {vibration: {}}\nwindow: {count: 50}\n' +
    'values: {mean: {mean: vibration}}\nevent: {type: t.count.v1}\n',
  down: 'signal: down\ndevices: [cnc]\ninputs: {machineState: {}}\nalarm:\n  raised: t.down.v1\n  cleared: t.up.v1\n' +
    '  raise: {value: machineState, equals: 3, for: PT20S}\n  clear: {value: machineState, equals: [1, 2], for: PT5S}\n',
  warm: 'signal: warm\ndevices: [cnc]\ninputs: {vibration: {}}\nalarm:\n  raised: t.warm.v1\n  cleared: t.cool.v1\n' +
    '  raise: {value: vibration, above: 12, clearBelow: 9}\n',
};

/** Numbers that are the same each time (mulberry32). */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Two hours of three machines: {device, metric, time, value} in the order of time. */
function makeSamples(draw) {
  const samples = [];
  for (const device of DEVICES) {
    let good = Math.floor(draw() * 4900), energy = 0, state = 2, until = 0;
    for (let time = START; time < START + 7_200_000; time += 1000 + Math.floor(draw() * 400)) {
      const pause = Math.floor((time - START) / 600_000) % 3 === 2 && draw() < 0.9;
      if (!pause) samples.push({ device, metric: 'vibration', time, value: Math.round((6 + 5 * Math.sin(time / 90_000) + 4 * draw()) * 1000) / 1000 });
      if (draw() < 0.3) samples.push({ device, metric: 'goodCount', time: time + 1, value: (good = (good + Math.floor(draw() * 5)) % 5000) });
      if (draw() < 0.2) samples.push({ device, metric: 'energy', time: time + 2, value: (energy = draw() < 0.01 ? 0 : energy + Math.floor(draw() * 8)) });
      if (time > until) {
        state = [1, 2, 2, 3][Math.floor(draw() * 4)];
        until = time + draw() * 60_000;
        samples.push({ device, metric: 'machineState', time: time + 3, value: state });
      }
    }
  }
  return samples.sort((x, y) => x.time - y.time);
}

/** As they arrive: late by up to four seconds, some of them twice, and energy in the device's own numbers. */
function asLines(samples, draw) {
  return samples
    .flatMap((sample) => (draw() < 0.05 ? [sample, sample] : [sample]))
    .map((sample) => [sample.time + draw() * 4000, sample])
    .sort((x, y) => x[0] - y[0])
    .map(([, { device, metric, time, value }], i) => JSON.stringify({
      group: 'g', edgeNode: 'n', device, value,
      metric: metric === 'energy' ? 'Energy/Total' : metric,
      time: i % 2 ? time : new Date(time).toISOString(),
    }))
    .join('\n');
}

// --- the plain computation ----------------------------------------------------------------------

const of = (samples, device, metric) => samples.filter((s) => s.device === device && s.metric === metric);

/** By how much a counter went on at each sample. */
function increments(series, modulus) {
  return series.map((sample, i) => {
    if (i === 0) return { time: sample.time, by: 0 };
    const [before, now] = [series[i - 1].value, sample.value];
    if (now >= before) return { time: sample.time, by: now - before };
    const around = now - before + modulus;
    return { time: sample.time, by: modulus && around <= modulus / 2 ? around : now };
  });
}

function secondsIn(series, state, from, to) {
  let ms = 0;
  series.forEach((sample, i) => {
    const end = series[i + 1]?.time ?? Infinity;
    if (sample.value === state) ms += Math.max(0, Math.min(end, to) - Math.max(sample.time, from));
  });
  return series.length && series[0].time < to ? ms / 1000 : undefined;
}

const sum = (list) => list.reduce((a, b) => a + b, 0);

function compute(samples, device, from, to) {
  const within = (list) => list.filter((s) => s.time >= from && s.time < to);
  const all = of(samples, device, 'vibration'), window = within(all), x = window.map((s) => s.value), n = x.length;
  const made = within(increments(of(samples, device, 'goodCount'), 5000)).map((s) => s.by);
  const used = within(increments(of(samples, device, 'energy').map((s) => ({ ...s, value: s.value / 2 })), 0)).map((s) => s.by);
  const t = window.map((s) => (s.time - from) / 1000);
  const mean = sum(x) / n, tMean = sum(t) / n;
  const rank = [...x].sort((a, b) => a - b)[Math.ceil(0.95 * n) - 1];
  const values = {
    n,
    least: Math.min(...x), most: Math.max(...x), mean, total: n ? sum(x) : undefined, first: x[0], last: x[n - 1],
    deviation: n > 1 ? Math.sqrt(sum(x.map((v) => (v - mean) ** 2)) / (n - 1)) : undefined,
    slope: n > 1 ? (sum(x.map((v, i) => (v - mean) * (t[i] - tMean))) / sum(t.map((v) => (v - tMean) ** 2))) * 60 : undefined,
    p95: rank,
    made: made.length ? sum(made) : undefined,
    used: used.length ? sum(used) : undefined,
    ran: secondsIn(of(samples, device, 'machineState'), 2, from, to),
  };
  if (values.used !== undefined && values.made) values.perPart = values.used / values.made;
  const count = within(samples.filter((s) => s.device === device)).length;
  return { values, count };
}

function assertValues(found, expected, what) {
  const wanted = Object.entries(expected).filter(([, v]) => v !== undefined && Number.isFinite(v));
  assert.deepEqual(Object.keys(found).sort(), wanted.map(([name]) => name).sort(), what);
  for (const [name, value] of wanted) {
    // a percentile is exact to half a bin of (32 - 0) / 128; all else to what six decimals and doubles give
    const tolerance = name === 'p95' ? 0.125 + 1e-9 : 2e-6 + Math.abs(value) * 1e-9;
    assert.ok(Math.abs(Number(found[name].value) - value) <= tolerance, `${what}: ${name} is ${found[name].value}, not ${value}`);
  }
}

// --- the tests ----------------------------------------------------------------------------------

function setUp(signals = SIGNALS) {
  const dir = makeFolder();
  const files = Object.entries(signals).map(([name, text]) => {
    const path = join(dir, `${name}.signal.yaml`);
    writeFileSync(path, text);
    return path;
  });
  const registry = join(dir, 'registry.yaml');
  writeFileSync(registry, REGISTRY);
  return { dir, args: ['signal', ...files, '--registry', registry] };
}

function computeBy({ args, dir }, lines, more = []) {
  const path = join(dir, 'samples.jsonl');
  writeFileSync(path, lines);
  const result = runProgram([...args, '--samples', path, ...more], { maxBuffer: 256 << 20 });
  assert.equal(result.code, 0, result.stderr);
  return { ...result, events: result.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)) };
}

describe('signals, against a plain computation', () => {
  const draw = random(20261123);
  const samples = makeSamples(draw);
  const rig = setUp();
  const until = START + 10_800_000;
  const { events, stderr } = computeBy(rig, asLines(samples, draw), ['--until', new Date(until).toISOString()]);
  const told = (type, device) => events.filter((e) => e.type === `t.${type}.v1` && e.data.device === `g/n/${device}`);

  test('nothing was late, and no id comes twice', () => {
    assert.match(stderr, / 0 late/);
    assert.equal(new Set(events.map((e) => e.id)).size, events.length);
    assert.ok(events.length > 1500, `${events.length} events`);
  });

  for (const [kind, length, every] of [['tumbling', 60_000, 60_000], ['sliding', 300_000, 30_000]]) {
    test(`${kind} windows`, () => {
      for (const device of DEVICES) {
        const found = new Map(told(kind, device).map((e) => [Date.parse(e.data.to), e]));
        for (let to = START + every; to <= START + 7_200_000; to += every) {
          const { values, count } = compute(samples, device, to - length, to);
          const event = found.get(to);
          assert.ok(event, `${device}: no window ends at ${new Date(to).toISOString()}`);
          assert.equal(event.data.sampleCount, count);
          assert.equal(Date.parse(event.data.from), to - length);
          assertValues(event.data.values, values, `${kind} ${device} ${event.data.to}`);
          const cause = `${kind}\n1\ng/n/${device}\nwindow/${to - length}/${to}`;
          assert.equal(event.id, createHash('sha256').update(cause).digest('hex').slice(0, 32));
        }
      }
    });
  }

  test('sessions', () => {
    for (const device of DEVICES) {
      const sessions = [];
      for (const sample of of(samples, device, 'vibration')) {
        const last = sessions.at(-1);
        if (last && sample.time - last.at(-1).time < 6000 && sample.time - last[0].time < 1_200_000) last.push(sample);
        else sessions.push([sample]);
      }
      const found = told('session', device);
      assert.equal(found.length, sessions.length);
      sessions.forEach((session, i) => {
        assert.equal(Date.parse(found[i].data.from), session[0].time);
        assert.equal(Date.parse(found[i].data.to), session.at(-1).time);
        assertValues(found[i].data.values, { n: session.length, most: Math.max(...session.map((s) => s.value)) }, 'session');
      });
    }
  });

  test('windows of a count', () => {
    for (const device of DEVICES) {
      const x = of(samples, device, 'vibration').map((s) => s.value);
      const found = told('count', device);
      assert.equal(found.length, Math.floor(x.length / 50));
      found.forEach((event, i) => assertValues(event.data.values, { mean: sum(x.slice(50 * i, 50 * i + 50)) / 50 }, `count ${i}`));
    }
  });

  test('an alarm with its time in state', () => {
    for (const device of DEVICES) {
      const series = of(samples, device, 'machineState');
      const expected = [];
      let raised = false, since = null;
      series.forEach((sample, i) => {
        const speaks = raised ? sample.value !== 3 : sample.value === 3;
        since = speaks ? since ?? sample.time : null;
        const end = series[i + 1]?.time ?? until;
        while (since !== null && since + (raised ? 5000 : 20_000) <= end) {
          const at = since + (raised ? 5000 : 20_000);
          raised = !raised;
          expected.push([raised ? 't.down.v1' : 't.up.v1', at]);
          since = (raised ? sample.value !== 3 : sample.value === 3) ? at : null;
        }
      });
      const found = events.filter((e) => e.data.signal === 'down' && e.data.device === `g/n/${device}`).map((e) => [e.type, Date.parse(e.time)]);
      assert.deepEqual(found, expected);
      assert.ok(found.length > 4, `${found.length} changes`);
    }
  });

  test('an alarm with hysteresis', () => {
    for (const device of DEVICES) {
      const expected = [];
      let raised = false;
      for (const { time, value } of of(samples, device, 'vibration')) {
        if (raised ? value >= 9 : value <= 12) continue;
        raised = !raised;
        expected.push([raised ? 't.warm.v1' : 't.cool.v1', time]);
      }
      const found = events.filter((e) => e.data.signal === 'warm' && e.data.device === `g/n/${device}`).map((e) => [e.type, Date.parse(e.time)]);
      assert.deepEqual(found, expected);
    }
  });

  test('another order gives the same events', () => {
    const again = computeBy(rig, asLines(samples, random(7)), ['--until', new Date(until).toISOString()]);
    const sorted = (list) => list.map((e) => JSON.stringify(e)).sort();
    assert.deepEqual(sorted(again.events), sorted(events));
  });
});

test('in maintenance is the equipment of a plant; without a plant, that of each', () => {
  const plants = ['1010', '1020'];
  const rig = setUp({ warm: 'signal: warm\ndevices: [oven]\nlateness: PT0S\ninputs: {t: {}}\n'
    + 'alarm: {raised: t.r.v1, cleared: t.c.v1, raise: {value: t, above: 8}}\n' });
  writeFileSync(rig.args.at(-1), JSON.stringify({ types: { oven: { metrics: { t: { source: 'T' } } } },
    devices: plants.map((plant) => ({ group: plant, edge_node: 'n', device: 'a', type: 'oven', equipment: 'OVEN', plant })) }));
  const warm = plants.flatMap((group) => [0, 1].map((i) => ({ group, edgeNode: 'n', device: 'a', metric: 't', time: START + 1000 * i, value: 9 })));
  const told = (suppress) => {
    const lines = [{ suppress: 'OVEN', from: START - 1000, until: START + 60_000, ...suppress }, ...warm];
    return computeBy(rig, lines.map((line) => `${JSON.stringify(line)}\n`).join('')).events.map((event) => event.plant);
  };
  assert.deepEqual(told({ plant: '1010' }), ['1020']);
  assert.deepEqual(told({}), []);
  assert.throws(() => told({ plant: '1030' }), /OVEN cannot be suppressed/);
});

describe('several devices of one asset', () => {
  // the example of the manual
  const document = readFileSync(join(ROOT, 'docs/signals.md'), 'utf8').match(/^signal: spindle-wear\n[^]*?(?=^```)/m)[0];
  const registry = (rest) => `
types:
  cnc: {metrics: {machineState: {source: Machine/State}}}
  vibration-sensor: {metrics: {rms: {source: RMS, unit: mm/s}}}
devices:
  - {group: g, edge_node: n, device: cnc-1, type: cnc, equipment: CNC-1, plant: '1010', asset: A-4711}
  - {group: g, edge_node: n, device: cnc-2, type: cnc, equipment: CNC-2, plant: '1010', asset: A-4712}
${rest.map(([node, device, asset]) => `  - {group: g, edge_node: ${node}, device: ${device}, type: vibration-sensor, equipment: CNC-1, plant: '1010', asset: ${asset}}`).join('\n')}
`;
  const setUpAsset = (rest) => {
    const rig = setUp({ wear: document });
    writeFileSync(rig.args.at(-1), registry(rest));
    return rig;
  };

  test('an input of the sensor beside the machine', () => {
    const rig = setUpAsset([['n', 'vibration-1', 'A-4711'], ['n', 'vibration-2', 'A-4712']]);
    const draw = random(5);
    const samples = [['cnc-1', 'machineState', 0, 2], ['cnc-2', 'machineState', 0, 1]].map(([device, metric, time, value]) => ({ device, metric, time, value }));
    for (let time = 1; time <= 60; time++)
      for (const device of ['vibration-1', 'vibration-2']) samples.push({ device, metric: 'rms', time, value: time > 20 && time < 50 ? 6 : 3 });
    const lines = samples
      .map((s) => [s.time + 1.9 * draw(), { group: 'g', edgeNode: 'n', ...s, time: START + 1000 * s.time }])
      .sort((x, y) => x[0] - y[0])
      .map(([, sample]) => JSON.stringify(sample));
    const { events, stderr } = computeBy(rig, lines.join('\n'), ['--until', new Date(START + 100_000).toISOString()]);
    assert.match(stderr, / 0 late/);
    assert.deepEqual(events.map((e) => [e.type, e.data.device, e.data.asset, (Date.parse(e.time) - START) / 1000]), [
      ['com.millgate.iot.spindle-wear.v1', 'g/n/cnc-1', 'A-4711', 31],
      ['com.millgate.iot.spindle-fine.v1', 'g/n/cnc-1', 'A-4711', 50],
    ]);
    assert.deepEqual(events[0].data.lineage.series, ['g/n/cnc-1/machineState', 'g/n/vibration-1/rms']);
    assert.deepEqual(events[0].data.values.vibration, { value: '6', unit: 'mm/s' });
    const cause = `spindle-wear\n1\ng/n/cnc-1\nraised/${START + 31_000}`;
    assert.equal(events[0].id, createHash('sha256').update(cause).digest('hex').slice(0, 32));
  });

  test('a machine without one is told; what is not clear is refused', () => {
    const check = (rest) => runProgram(setUpAsset(rest).args);
    const missing = check([['n', 'vibration-1', 'A-4711']]);
    assert.equal(missing.code, 0, missing.stderr);
    assert.match(missing.stderr, /wear\.signal\.yaml:\d+:\d+: warning: spindle-wear is not computed for g\/n\/cnc-2: its asset A-4712 has no vibration-sensor/);
    assert.match(missing.stdout, /see the warnings/);
    const two = check([['n', 'vibration-1', 'A-4711'], ['n', 'vibration-2', 'A-4711']]);
    assert.equal(two.code, 1);
    assert.match(two.stderr, /error: input vibration of g\/n\/cnc-1: .* two of the type vibration-sensor, g\/n\/vibration-1 and g\/n\/vibration-2/);
    const elsewhere = check([['m', 'vibration-1', 'A-4711'], ['n', 'vibration-2', 'A-4712']]);
    assert.equal(elsewhere.code, 1);
    assert.match(elsewhere.stderr, /error: input vibration of g\/n\/cnc-1: g\/m\/vibration-1 of the same asset is on another edge node/);
  });
});

describe('millgate signal', () => {
  test('the shipped signals are right', () => {
    const folder = join(ROOT, 'apis/system/iot');
    const signals = readdirSync(folder).filter((name) => name.endsWith('.signal.yaml')).map((name) => join(folder, name));
    const types = readdirSync(join(folder, 'types')).flatMap((name) => ['--registry', join(folder, 'types', name)]);
    const { code, stdout, stderr } = runProgram(['signal', ...signals, ...types]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^7 signals/);
  });

  test('what is wrong is told with its place, all at once', () => {
    const { args } = setUp({ one: SIGNALS.warm.replace('[cnc]', '[lathe]'), two: SIGNALS.down.replace('PT20S', '20s') });
    const { code, stderr } = runProgram(args);
    assert.equal(code, 1);
    assert.match(stderr, /one\.signal\.yaml:2:\d+: error: there is no device type "lathe"/);
    assert.match(stderr, /two\.signal\.yaml:7:\d+: error: "20s" is no duration/);
  });

  test('samples that cannot be read are told with their line', () => {
    const rig = setUp({ warm: SIGNALS.warm });
    const sample = { group: 'g', edgeNode: 'n', device: 'a', metric: 'vibration', time: START, value: 3 };
    for (const [wrong, rule] of [
      [{ ...sample, device: 'z' }, /:2: g\/n\/z is not registered/],
      [{ ...sample, metric: 'x' }, /:2: the type cnc has no metric "x"/],
      [{ ...sample, time: 'noon' }, /:2: "time" must be a time/],
      [{ ...sample, value: [] }, /:2: "value" must be a scalar/],
      [{ ...sample, quality: 'fine' }, /:2: "quality" is one of/],
    ]) {
      const path = join(rig.dir, 'wrong.jsonl');
      writeFileSync(path, `${JSON.stringify(sample)}\n${JSON.stringify(wrong)}\n`);
      const { code, stderr } = runProgram([...rig.args, '--samples', path]);
      assert.equal(code, 1);
      assert.match(stderr, rule);
    }
  });

  test('arguments that are missing or not known: exit 2', () => {
    for (const args of [[], ['a.yaml'], ['--registry', 'a.yaml'], ['a.yaml', '--registry'], ['a.yaml', '--surprise', 'x']]) {
      assert.equal(runProgram(['signal', ...args]).code, 2, args.join(' '));
    }
  });
});
