import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createRng } from '#kernel/rng';

import { fitAnomalyModel } from './fit.ts';
import { createHealthMonitor } from './health-monitor.ts';
import { scoreHistory } from './strength.ts';

const DAY = 288;
const METRICS = ['cpu', 'memory'];
const options = { metricNames: METRICS, stepSeconds: 300, seed: 1, exhaustible: ['memory'] };

/** A node with a daily wave; from `jumpAt` on both metrics are at 0.99 for `length` steps, each day if so wished. */
function rowsOf(days: number, seed: number, jump?: { at: number; length: number; isDaily: boolean }) {
  const rng = createRng(seed);
  const rows = new Float32Array(days * DAY * 2);
  for (let step = 0; step < days * DAY; step++) {
    const wave = 0.1 * Math.sin((2 * Math.PI * step) / DAY);
    const at = jump?.isDaily === true ? (step % DAY) + (days - 1) * DAY : step;
    const isJump = jump !== undefined && at >= jump.at && at < jump.at + jump.length;
    rows[step * 2] = isJump ? 0.99 : 0.3 + wave + 0.03 * rng.normal();
    rows[step * 2 + 1] = isJump ? 0.99 : 0.5 + wave / 2 + 0.02 * rng.normal();
  }
  return rows;
}

const model = fitAnomalyModel(
  [1, 2, 3].map((seed) => ({ rows: rowsOf(5, seed) })),
  {
    ...options,
    incidentsPerNodeMonth: 0.5,
  },
);
const jumpAt = 4 * DAY + 100;

function worstIn(rows: Float32Array, from: number, to: number): number {
  return scoreHistory(model, rows)
    .subarray(from, to)
    .reduce((most, value) => Math.max(most, value), 0);
}

test('twenty minutes of full CPU and memory make a node suspect and lower its health', () => {
  const rows = rowsOf(5, 9, { at: jumpAt, length: 4, isDaily: false });
  const monitor = createHealthMonitor(model, { nodeCount: 1 });
  for (let step = 0; step < jumpAt + 4; step++) monitor.updateNode(0, rows, step * 2);
  assert.notEqual(monitor.level(0), 'normal');
  assert.ok((monitor.healthRatios[0] as number) < 0.8, `health ${monitor.healthRatios[0]}`);
});

test('ordinary load is hardly ever suspect', () => {
  const strengths = scoreHistory(model, rowsOf(5, 10)).filter((value) => !Number.isNaN(value));
  assert.ok(strengths.filter((value) => value >= 0.25).length <= 0.02 * strengths.length);
});

test('the same jump at the same time of every day counts less than a new one', () => {
  const daily = worstIn(rowsOf(5, 9, { at: jumpAt, length: 4, isDaily: true }), jumpAt, jumpAt + 4);
  const once = worstIn(rowsOf(5, 9, { at: jumpAt, length: 4, isDaily: false }), jumpAt, jumpAt + 4);
  assert.ok(daily < once / 2, `${daily} against ${once}`);
});

test('a model of machines that never voted is not blind', () => {
  const idle = fitAnomalyModel([{ rows: rowsOf(4, 5).map((_, i) => 0.5 + 1e-5 * Math.sin(i)) }], {
    ...options,
    incidentsPerNodeMonth: 0.5,
  });
  const rows = rowsOf(5, 9, { at: jumpAt, length: 4, isDaily: false });
  const strengths = scoreHistory(idle, rows).subarray(jumpAt, jumpAt + 4);
  assert.ok(Math.max(...strengths) >= 0.25);
});

test('soft evidence alone never opens an alert, whatever the operators said', () => {
  const monitor = createHealthMonitor(
    { ...model, alertStrength: 1e6, largestDeviations: Float64Array.of(1e9, 1e9) },
    { nodeCount: 1, thresholdMultiple: 0.5 },
  );
  const rows = rowsOf(5, 9, { at: jumpAt, length: 12, isDaily: false });
  for (let step = 0; step < jumpAt + 12; step++) {
    monitor.updateNode(0, rows, step * 2);
    assert.notEqual(monitor.level(0), 'alert');
  }
  assert.equal(monitor.level(0), 'suspect');
});
