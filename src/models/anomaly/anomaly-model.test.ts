import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { createRng } from '#kernel/rng';
import { checkModel } from '#models/checks';

import { loadAnomalyModel, saveAnomalyModel } from './codec.ts';
import { NODE_ANOMALY_SCHEMA } from './config.ts';
import { fitAnomalyModel } from './fit.ts';
import { createHealthMonitor } from './health-monitor.ts';
import { scoreHistory, scoreSigmas } from './strength.ts';
import type { AnomalyModel } from './types.ts';

const METRICS = ['cpu', 'memory', 'disk', 'network'];
const STEP_SECONDS = 300;
const DAY = 288;

/** A quiet node: a daily wave and noise in every metric. */
function quietRows(steps: number, seed: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from({ length: steps * METRICS.length }, (_, i) => {
    const wave = Math.sin((2 * Math.PI * Math.floor(i / METRICS.length)) / DAY);
    return 0.4 + 0.1 * wave + 0.02 * rng.normal();
  });
}

function fit(seed = 1): AnomalyModel {
  return fitAnomalyModel([{ rows: quietRows(4 * DAY, 11) }], {
    metricNames: METRICS,
    stepSeconds: STEP_SECONDS,
    seed,
  });
}

const model = fit();

/** A quiet history with every metric jumping for some steps. */
function withJump(steps: number, at: number, length: number): Float32Array {
  const rows = quietRows(steps, 12);
  for (let i = at * METRICS.length; i < (at + length) * METRICS.length; i++) rows[i] = 0.95;
  return rows;
}

checkModel({
  name: 'the node-anomaly model',
  schemaVersion: NODE_ANOMALY_SCHEMA,
  rows: Float32Array.from({ length: 40 }, (_, i) => (i * 7) % 60),
  featureCount: METRICS.length,
  nanPolicy: 'unknown',
  fit: async (seed) => fit(seed),
  save: async (model) => saveAnomalyModel(model),
  load: async (artefact) => loadAnomalyModel(artefact),
  predict: async (model, rows) => scoreSigmas(model, rows),
});

test('a jump of all metrics is an alert at its first sample, and closes after it', () => {
  const strengths = scoreHistory(model, withJump(200, 150, 3));
  assert.ok(strengths.slice(100, 150).every((strength) => strength < 1));
  assert.ok(strengths[150]! >= 1, `strength ${strengths[150]}`);

  const monitor = createHealthMonitor(model, { nodeCount: 1 });
  const rows = withJump(200, 150, 3);
  const levels = Array.from({ length: 200 }, (_, step) => {
    monitor.update(rows.slice(step * 4, step * 4 + 4));
    return monitor.level(0);
  });
  assert.equal(levels[149], 'normal');
  assert.equal(levels[150], 'alert');
  assert.equal(levels[180], 'normal');
});

test('a judged node names the metrics and how far they are, with their sign', () => {
  const monitor = createHealthMonitor(model, { nodeCount: 1 });
  const rows = quietRows(100, 13);
  for (let step = 0; step < 99; step++) monitor.update(rows.slice(step * 4, step * 4 + 4));
  monitor.update(Float32Array.of(0.99, 0.4, 0.01, 0.4));

  const health = monitor.health(0);

  assert.equal(health.kind, 'scored');
  if (health.kind !== 'scored') return;
  assert.ok(health.healthRatio < 1);
  const named = Object.fromEntries(
    health.contributions.map(({ metric, sigma }) => [metric, Math.sign(sigma)]),
  );
  assert.deepEqual(named, { cpu: 1, disk: -1 });
});

test('one sample at a time, in any interleaving of nodes, equals the whole history at once', () => {
  const histories = [withJump(120, 90, 4), quietRows(120, 21), withJump(120, 60, 1)];
  const batches = histories.map((rows) => scoreHistory(model, rows));
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 2 }), { minLength: 50, maxLength: 360 }), (turns) => {
      const monitor = createHealthMonitor(model, { nodeCount: 3 });
      const steps = [0, 0, 0];
      for (const node of turns) {
        const step = steps[node]!;
        if (step === 120) continue;
        monitor.updateNode(node, histories[node]!, step * 4);
        steps[node] = step + 1;
        const strength = batches[node]![step]!;
        const health = monitor.healthRatios[node]!;
        if (Number.isNaN(strength)) assert.ok(Number.isNaN(health));
        else if (monitor.level(node) !== 'alert') assert.equal(health, 1 / (1 + strength ** 2));
        else assert.ok(health <= 0.5);
      }
    }),
    { numRuns: 20 },
  );
});

test('what cannot be judged is unknown with its reason, and never an alert', () => {
  const rows = withJump(200, 100, 5);
  const unknownAfter = (samples: Float32Array[], names = METRICS): unknown => {
    const monitor = createHealthMonitor(model, { nodeCount: 1, metricNames: names });
    for (const sample of samples) monitor.update(sample);
    assert.ok(Number.isNaN(monitor.healthRatios[0]));
    assert.equal(monitor.level(0), 'unknown');
    return monitor.health(0);
  };
  const history = Array.from({ length: 60 }, (_, step) => rows.slice(step * 4, step * 4 + 4));
  const NONE = Number.NaN;

  assert.deepEqual(unknownAfter(history.slice(0, 5)), { kind: 'unknown', reason: 'too-little-history' });
  assert.deepEqual(unknownAfter([...history, Float32Array.of(NONE, NONE, NONE, NONE)]), {
    kind: 'unknown',
    reason: 'missing',
  });
  assert.deepEqual(unknownAfter([...history, Float32Array.of(0.99, NONE, NONE, NONE)]), {
    kind: 'unknown',
    reason: 'incomplete',
  });
  assert.deepEqual(unknownAfter(history, ['gpu', 'cpu', 'fan', 'psu']), {
    kind: 'unknown',
    reason: 'schema-mismatch',
  });
});

test('a missing metric is left out, extra columns and their order do not matter', () => {
  const rows = quietRows(60, 31);
  const plain = createHealthMonitor(model, { nodeCount: 1 });
  const mixed = createHealthMonitor(model, {
    nodeCount: 1,
    metricNames: ['extra', 'network', 'memory', 'cpu', 'disk'],
  });
  for (let step = 0; step < 60; step++) {
    const [cpu, memory, disk, network] = rows.slice(step * 4, step * 4 + 4);
    plain.update(Float32Array.of(cpu!, memory!, disk!, network!));
    mixed.update(Float32Array.of(777, network!, memory!, cpu!, disk!));
    assert.deepEqual(mixed.health(0), plain.health(0));
  }
  mixed.update(Float32Array.of(777, Number.NaN, 0.4, 0.4, 0.4));
  assert.equal(mixed.health(0).kind, 'scored');
});

test('a constant metric scores, and its first change shows', () => {
  const flat = quietRows(4 * DAY, 41).map((value, i) => (i % 4 === 3 ? 0 : value));
  const constant = fitAnomalyModel([{ rows: flat }], {
    metricNames: METRICS,
    stepSeconds: STEP_SECONDS,
    seed: 1,
  });
  const monitor = createHealthMonitor(constant, { nodeCount: 1 });
  const rows = flat.slice(0, 400);
  for (let step = 0; step < 100; step++) monitor.update(rows.slice(step * 4, step * 4 + 4));
  assert.equal(monitor.health(0).kind, 'scored');
  monitor.update(Float32Array.of(0.4, 0.4, 0.4, 1));
  const health = monitor.health(0);
  assert.ok(health.kind === 'scored' && health.contributions.some(({ metric }) => metric === 'network'));
});

test('samples that come faster need as much time, not as few samples, before they are judged', () => {
  const fast = createHealthMonitor(model, { nodeCount: 1, stepSeconds: 60 });
  const rows = quietRows(40, 61);
  for (let step = 0; step < 20; step++) fast.update(rows.slice(step * 4, step * 4 + 4));
  assert.equal(fast.level(0), 'unknown');
  for (let step = 20; step < 40; step++) fast.update(rows.slice(step * 4, step * 4 + 4));
  assert.notEqual(fast.level(0), 'unknown');
});

test('a reset node starts again without a past', () => {
  const monitor = createHealthMonitor(model, { nodeCount: 2 });
  const rows = quietRows(50, 51);
  for (let step = 0; step < 50; step++) {
    const sample = rows.slice(step * 4, step * 4 + 4);
    monitor.update(Float32Array.of(...sample, ...sample));
  }
  monitor.reset(0);
  assert.deepEqual(monitor.health(0), { kind: 'unknown', reason: 'too-little-history' });
  assert.equal(monitor.health(1).kind, 'scored');
});

test('too short a history is refused, an over-long one has no effect on others', () => {
  const options = { metricNames: METRICS, stepSeconds: STEP_SECONDS, seed: 1 };
  assert.throws(() => fitAnomalyModel([{ rows: quietRows(20, 1) }], options), {
    code: 'MLS_MODELS_ANOMALY_DATA',
  });
  assert.throws(() => fitAnomalyModel([], options), { code: 'MLS_MODELS_ANOMALY_DATA' });
  assert.throws(() => fitAnomalyModel([{ rows: new Float32Array(7) }], options), {
    code: 'MLS_MODELS_ANOMALY_SHAPE',
  });
});
