import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { createRng } from '#kernel/rng';
import { noProgress } from '#kernel/progress';
import { loadAnomalyModel } from '#models/anomaly';

import { runFaultTrial } from './anomaly-fault-trial.ts';
import {
  addCompanionMetrics,
  FAULT_KINDS,
  FAULTS,
  injectFault,
  NODE_METRICS,
  planFaults,
} from './anomaly-faults.ts';
import { ANOMALY_DETECTORS, evaluateAnomaly } from './evaluate-anomaly.ts';
import { trainAnomaly } from './train-anomaly.ts';

const SAMPLE = join(import.meta.dirname, '../../data/sample');

/** Load of a calm machine at 5-minute steps. */
function calmSeries(machine: string, days: number, seed: number) {
  const rng = createRng(seed);
  const length = days * 288;
  const wave = (i: number): number => 0.1 * Math.sin((2 * Math.PI * i) / 288);
  return {
    machine,
    timesMs: Float64Array.from({ length }, (_, i) => (i + 1) * 300_000),
    cpuUsageRatio: Float32Array.from({ length }, (_, i) => 0.4 + wave(i) + 0.02 * rng.normal()),
    memoryUsageRatio: Float32Array.from({ length }, () => 0.5 + 0.01 * rng.normal()),
  };
}

test('the evaluation of the sample answers for every machine and detector, ours above the others', async () => {
  const report = await evaluateAnomaly({ dataDirectory: join(SAMPLE, 'smd'), seed: 1, progress: noProgress });

  assert.equal(report.results.length, report.machines * ANOMALY_DETECTORS.length);
  const pooled = Object.fromEntries(report.pooled.map((row) => [row.model, row]));
  const ours = pooled['mlsched']!;
  assert.ok((ours.falsePositiveRate ?? 1) <= 0.005);
  assert.ok(ours.alarmedShareRatio <= 0.03);
  for (const rival of ['isolation-forest', 'robust-z', 'pca', 'random']) {
    assert.ok((ours.eventPrecision ?? 0) > (pooled[rival]?.eventPrecision ?? 0), rival);
  }
  for (const row of report.results) {
    for (const ratio of [row.eventPrecision, row.eventRecall, row.pointRecall]) {
      assert.ok(ratio === null || (ratio >= 0 && ratio <= 1));
    }
  }
});

test('the model is trained from load, and from machines with many metrics', async () => {
  const fromLoad = await trainAnomaly({
    dataDirectory: join(SAMPLE, 'smd-nodes'),
    seed: 1,
    budget: 'demo',
    progress: noProgress,
  });
  assert.deepEqual(loadAnomalyModel(fromLoad.artefact).metricNames, ['cpu', 'memory']);
  assert.ok((fromLoad.metrics['incidentsPerNodeMonth'] ?? -1) >= 0);

  const fromMetrics = await trainAnomaly({
    dataDirectory: join(SAMPLE, 'smd'),
    seed: 1,
    budget: 'demo',
    progress: noProgress,
  });
  assert.equal(loadAnomalyModel(fromMetrics.artefact).metricNames.length, 38);
});

test('a folder of neither form says what is missing from load data', async () => {
  await assert.rejects(
    trainAnomaly({ dataDirectory: join(SAMPLE, 'openb'), seed: 1, budget: 'demo', progress: noProgress }),
    { code: 'MLS_COLLECT_COLUMN_MISSING' },
  );
});

test('a fault changes its own span and nothing else, and stays within what can be measured', () => {
  const rng = createRng(7);
  const load = Float32Array.from({ length: 2000 }, () => 0.2 + 0.6 * rng.next());
  const clean = addCompanionMetrics(load, createRng(8));
  for (const kind of FAULT_KINDS) {
    const rows = clean.slice();
    injectFault(rows, { kind, start: 300, end: 400 }, createRng(9));
    const width = NODE_METRICS.length;
    assert.deepEqual(rows.slice(0, 300 * width), clean.slice(0, 300 * width));
    assert.deepEqual(rows.slice(400 * width), clean.slice(400 * width));
    assert.notDeepEqual(rows, clean, kind);
    const bounded = rows.filter((_, i) => i % width < 2);
    assert.ok(bounded.every((ratio) => ratio >= 0 && ratio <= 1));
  }
});

test('planned faults do not overlap and leave quiet time between them', () => {
  const faults = planFaults(7 * 288, 300, createRng(3));
  assert.deepEqual(new Set(faults.map(({ kind }) => kind)), new Set(FAULT_KINDS));
  for (const [i, fault] of faults.entries()) {
    assert.equal(fault.end - fault.start, (FAULTS[fault.kind].minutes * 60) / 300);
    assert.ok(i === 0 || fault.start - faults[i - 1]!.end > 100);
  }
});

test('hard faults on calm nodes are found at their first samples, with few false incidents', () => {
  const series = Array.from({ length: 6 }, (_, i) => calmSeries(`node-${i}`, 20, i));
  const trial = runFaultTrial(series, 1);
  const hard = trial.outcomes.filter(({ isHard }) => isHard);
  const found = hard.reduce((sum, { detected }) => sum + detected, 0);
  assert.ok(found >= 0.9 * hard.reduce((sum, { injected }) => sum + injected, 0));
  assert.ok((trial.hardDelaySamplesMedian ?? 99) <= 2);
  assert.ok(trial.rightIncidents >= 0.9 * trial.incidents);
});
