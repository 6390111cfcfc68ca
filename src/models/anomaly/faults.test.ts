import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createRng } from '#kernel/rng';

import { loadAnomalyModel, saveAnomalyModel } from './codec.ts';
import { ExhaustionWatch } from './exhaustion.ts';
import { fitAnomalyModel } from './fit.ts';
import { createHealthMonitor } from './health-monitor.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { scoreHistory } from './strength.ts';

const METRICS = ['cpu', 'memory', 'clock'];
const STEP_SECONDS = 300;
const DAY = 288;

/** Quiet load around half of the capacity. */
function quietRows(steps: number, seed: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from({ length: steps * 3 }, () => 0.5 + 0.02 * rng.normal());
}

const spans = Array.from({ length: 6 }, (_, i) => ({ rows: quietRows(4 * DAY, i) }));
const options = { metricNames: METRICS, stepSeconds: STEP_SECONDS, seed: 1 };
const shared = fitAnomalyModel(spans, { ...options, exhaustible: ['memory'], incidentsPerNodeMonth: 0.5 });

/** Memory that climbs from 0.5 to 1 in six hours after half a day. */
function leakingRows(seed: number): Float32Array {
  const rows = quietRows(DAY, seed);
  for (let step = DAY / 2; step < DAY; step++) {
    const climbed = Math.min(1, (step - DAY / 2) / 72);
    rows[step * 3 + 1] = rows[step * 3 + 1]! + 0.48 * climbed;
  }
  return rows;
}

function firstAlert(monitor: HealthMonitor, rows: Float32Array): number {
  for (let step = 0; step * 3 < rows.length; step++) {
    monitor.updateNode(0, rows, step * 3);
    if (monitor.level(0) === 'alert') return step;
  }
  return -1;
}

test('a leak is an alert hours before memory is full, and names memory', () => {
  const monitor = createHealthMonitor(shared, { nodeCount: 1 });
  const alertAt = firstAlert(monitor, leakingRows(90));
  assert.ok(alertAt > DAY / 2 && alertAt < DAY / 2 + 60, `step ${alertAt}`);
  const health = monitor.health(0);
  assert.ok(health.kind === 'scored' && health.contributions[0]?.metric === 'memory');
});

/** First step at which the watch of the second column speaks, -1 = never. */
function firstVerdict(largestRise: number, rows: Float32Array): number {
  const model = {
    stepSeconds: 300,
    exhaustible: Int32Array.of(1),
    largestRises: Float64Array.of(largestRise),
  };
  const watch = new ExhaustionWatch(model, 1);
  for (let step = 0; step * 3 < rows.length; step++) {
    watch.update(0, rows.subarray(step * 3, step * 3 + 3), step);
    if (watch.verdict(0, 0) >= 1) return step;
  }
  return -1;
}

test('a steady climb towards full is a fault, unless training climbed as steeply', () => {
  const climbs = firstVerdict(0.01, leakingRows(91));
  assert.ok(climbs > DAY / 2 && climbs < DAY / 2 + 60, `step ${climbs}`);
  assert.equal(firstVerdict(0.4, leakingRows(91)), -1);
  assert.equal(firstVerdict(0.01, quietRows(DAY, 94)), -1);
});

test('a jump, a gap in the samples and a climb that a node has come through before are no faults', () => {
  const jump = quietRows(DAY, 95).map((value, i) => (i % 3 === 1 && i > 600 ? value + 0.4 : value));
  assert.equal(firstVerdict(0.01, jump), -1);
  const gappy = leakingRows(96).map((value, i) => (Math.floor(i / 3) % 12 < 6 ? value : Number.NaN));
  assert.equal(firstVerdict(0.01, gappy), -1);

  const model = { stepSeconds: 300, exhaustible: Int32Array.of(1), largestRises: Float64Array.of(0.01) };
  const watch = new ExhaustionWatch(model, 1);
  const days = [leakingRows(97), leakingRows(98)];
  const spoken = days.map((rows) => {
    let verdicts = 0;
    for (let step = 0; step < DAY; step++) {
      watch.update(0, rows.subarray(step * 3, step * 3 + 3), step);
      if (watch.verdict(0, 0) >= 1) verdicts++;
    }
    return verdicts;
  });
  assert.ok(spoken[0]! > 0);
  assert.equal(spoken[1], 0);
});

test('one metric further out than any machine has ever been is an alert by itself', () => {
  const monitor = createHealthMonitor(shared, { nodeCount: 1 });
  const rows = quietRows(60, 92);
  rows[55 * 3 + 2] = 40;
  assert.equal(firstAlert(monitor, rows), 55);
});

test('a single machine is too little to call a deviation unheard of', () => {
  const lonely = fitAnomalyModel(spans.slice(0, 1), options);
  assert.ok(lonely.largestDeviations.every((value) => value === Number.MAX_VALUE));
});

test('a budget of incidents holds on the training spans themselves', () => {
  const nodeMonths = (6 * 4) / 30;
  const alerts = spans.filter(({ rows }) => {
    const monitor = createHealthMonitor(shared, { nodeCount: 1 });
    return firstAlert(monitor, rows) >= 0;
  });
  assert.ok(alerts.length <= Math.ceil(0.5 * nodeMonths), `${alerts.length} of 6 nodes`);
});

test('a saved shared model scores as before, bit for bit', () => {
  const rows = leakingRows(93);
  assert.deepEqual(
    scoreHistory(loadAnomalyModel(saveAnomalyModel(shared)), rows),
    scoreHistory(shared, rows),
  );
});
