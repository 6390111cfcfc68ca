import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GIB } from '#kernel/units';

import { aCluster, allNodes, aPod } from '../test-fixtures.ts';
import { bestFitScore } from './best-fit.ts';
import { craneScore, createCraneDynamic, hotValue } from './crane-dynamic.ts';
import {
  createKoordinatorLoadAware,
  estimateCpuMillicores,
  estimateMemoryBytes,
  freeShareScore,
} from './koordinator-load-aware.ts';
import { loadVariationScore, riskBalanceScore } from './load-variation-risk-balancing.ts';
import { createLowRiskOverCommitment, limitRisk, loadRisk } from './low-risk-over-commitment.ts';
import { createObjectiveOracle, stepCost } from './objective-oracle.ts';
import { createPeakOracle, peakOfSum } from './peak-oracle.ts';
import { createTargetLoadPacking, guessCpuMillicores, targetLoadScore } from './target-load-packing.ts';
import { createVolcanoUsage, shadowUse, usageScore } from './volcano-usage.ts';

const context = { seed: 1, artefacts: new Map(), future: undefined };

test('target load packing rises to its target, drops just above it and falls to zero', () => {
  const cases = [
    [0, 40],
    [20, 70],
    [40, 100],
    [40.1, 40],
    [70, 20],
    [100, 0],
    [120, 0],
    [Number.NaN, 0],
  ] as const;
  for (const [use, score] of cases) assert.equal(targetLoadScore(use), score, `at ${use} %`);
});

test('target load packing guesses a pod by limit, else 1.5 x request, else one core', () => {
  assert.equal(guessCpuMillicores({ cpuRequestMillicores: 200, cpuLimitMillicores: 500 }), 500);
  assert.equal(guessCpuMillicores({ cpuRequestMillicores: 200, cpuLimitMillicores: 0 }), 300);
  assert.equal(guessCpuMillicores({ cpuRequestMillicores: 0, cpuLimitMillicores: 0 }), 1000);
});

test('target load packing counts pods that the metrics cannot show yet', () => {
  const recent = aPod({ cpuLimitMillicores: 1000 });
  // Node 0: 20 % + 1000 m missing + 1000 m pod = 40 %: score 100. Node 1: 30 %: score 85.
  const state = aCluster([{ cpuRatio: 0.2, pods: [recent] }, { cpuRatio: 0.2 }], 5);
  const policy = createTargetLoadPacking(context);

  assert.equal(policy.choose(aPod(), state.view, allNodes(state), 2), 0);

  // Ten minutes later the same pod is in the metrics: both nodes are at 30 % and 32 %.
  const settled = aCluster([{ cpuRatio: 0.2, pods: [recent] }, { cpuRatio: 0.22 }], 600);
  assert.equal(policy.choose(aPod(), settled.view, allNodes(settled), 2), 1);
});

test('load variation risk balancing halves use and risk', () => {
  assert.ok(Math.abs(riskBalanceScore(0.3, 0.1, 0.2) - 70) < 1e-9);
  assert.equal(riskBalanceScore(0.9, 1, 0.5), 0);
});

test('load variation risk balancing takes the worse resource, the only known one, or 0', () => {
  const pod = aPod({ cpuRequestMillicores: 2000, memoryRequestBytes: 10 * GIB });
  const state = aCluster([
    { cpuRatio: 0.3, cpuSdRatio: 0.1, memoryRatio: 0.1, memorySdRatio: 0 },
    { cpuRatio: 0.3, cpuSdRatio: 0.1 },
    {},
  ]);

  // CPU 70; memory: 100 x (1 - (0.1 + 0.1) / 2) = 90.
  assert.equal(loadVariationScore(pod, state.view, 0), 70);
  assert.equal(loadVariationScore(pod, state.view, 1), 70);
  assert.equal(loadVariationScore(pod, state.view, 2), 0);
});

const uniform = { meanRatio: 0.5, sdRatio: Math.sqrt(1 / 12 / 5) };

test('low risk over-commitment: limit risk is the part of the limits that nothing backs', () => {
  const inputs = {
    allocatable: 1000,
    requested: 400,
    limit: 800,
    podRequest: 100,
    podLimit: 300,
    ...uniform,
  };

  // Limits 1100, requests 500: 100 / 600.
  assert.ok(Math.abs(limitRisk(inputs) - 1 / 6) < 1e-12);
  assert.equal(limitRisk({ ...inputs, podLimit: 200 }), 0);
});

test('low risk over-commitment: load risk of a uniform use, and of a use without variance', () => {
  const inputs = {
    allocatable: 1000,
    requested: 400,
    limit: 800,
    podRequest: 100,
    podLimit: 300,
    ...uniform,
  };

  // Mean 1/2 and variance 1/12 fit Beta(1, 1), where F(x) = x: 1 - 0.4 / 0.8, and 1 - 0.4 without a limit below.
  assert.ok(Math.abs(loadRisk(inputs) - 0.5) < 1e-9);
  assert.ok(Math.abs(loadRisk({ ...inputs, limit: 1200 }) - 0.6) < 1e-9);
  assert.equal(loadRisk({ ...inputs, meanRatio: 0.3, sdRatio: 0 }), 0);
  assert.equal(loadRisk({ ...inputs, meanRatio: 0.6, sdRatio: 0 }), 1 - 0 / 1);
});

test('low risk over-commitment prefers the node whose requests cover its use', () => {
  const big = aPod({ cpuRequestMillicores: 6000, cpuLimitMillicores: 6000 });
  const load = { cpuRatio: 0.5, cpuSdRatio: 0.05, memoryRatio: 0.1, memorySdRatio: 0.01 };
  const state = aCluster([
    { ...load, pods: [aPod()] },
    { ...load, pods: [big] },
  ]);

  const policy = createLowRiskOverCommitment(context);

  assert.equal(policy.choose(aPod({ memoryRequestBytes: 0 }), state.view, allNodes(state), 2), 1);
});

test('koordinator estimates 85 % of CPU and 70 % of memory, not above the limit', () => {
  assert.equal(estimateCpuMillicores(aPod({ cpuRequestMillicores: 500, cpuLimitMillicores: 1000 })), 850);
  assert.equal(estimateCpuMillicores(aPod({ cpuRequestMillicores: 500, cpuLimitMillicores: 0 })), 425);
  assert.equal(estimateCpuMillicores({ cpuRequestMillicores: 0, cpuLimitMillicores: 0 }), 250);
  assert.equal(estimateMemoryBytes({ memoryRequestBytes: 1000, memoryLimitBytes: 500 }), 500);
  assert.equal(freeShareScore(5700, 10_000), 43);
  assert.equal(freeShareScore(10_001, 10_000), 0);
});

test('koordinator counts what its report cannot show and filters above 65 % CPU', () => {
  const recent = aPod({ cpuLimitMillicores: 2000, memoryLimitBytes: GIB });
  const policy = createKoordinatorLoadAware(context);
  const load = { cpuRatio: 0.4, memoryRatio: 0.3 };

  // 4000 + 1700 + 850 = 65.5 %, rounds to 66: rejected although node 1 without metrics scores 0.
  const state = aCluster([{ ...load, pods: [recent] }, {}], 5);
  policy.prepare?.(state.view);
  assert.equal(policy.choose(aPod(), state.view, allNodes(state), 2), 1);

  // Without the recent pod 48.5 % passes and wins.
  const calm = aCluster([load, {}]);
  policy.prepare?.(calm.view);
  assert.equal(policy.choose(aPod(), calm.view, allNodes(calm), 2), 0);
});

test('crane weighs the three annotations of both resources and takes 10 per degree of heat', () => {
  const annotations = [
    { mean5m: Float64Array.of(0.4), max1h: Float64Array.of(0.5), max1d: Float64Array.of(0.6) },
    { mean5m: Float64Array.of(0.2), max1h: Float64Array.of(0.3), max1d: Float64Array.of(0.4) },
  ];

  // 100 x (0.12 + 0.15 + 0.20 + 0.16 + 0.21 + 0.30) / 2 = 57.
  assert.equal(craneScore(annotations, 0, [0, 0]), 57);
  assert.equal(hotValue([11, 3]), 3);
  assert.equal(craneScore(annotations, 0, [11, 3]), 27);
  assert.equal(craneScore(annotations, 0, [60, 0]), 0);
});

test('crane passes over a node above 65 % in the mean of 5 minutes while another is below', () => {
  const state = aCluster([
    { cpuRatio: 0.66, memoryRatio: 0.01 },
    { cpuRatio: 0.64, memoryRatio: 0.9 },
    { cpuRatio: 0.64, memoryRatio: 0.6 },
  ]);
  const policy = createCraneDynamic(context);
  policy.prepare?.(state.view);

  assert.equal(policy.choose(aPod(), state.view, allNodes(state), 3), 2);
});

test('volcano adds a shadow of 70 % of the request, a fifth more on a busy node', () => {
  assert.equal(shadowUse(500, 1000, 1, 250), 350);
  assert.equal(shadowUse(500, 1000, 1.2, 250), 420);
  assert.equal(shadowUse(500, 300, 1.2, 250), 300);
  assert.equal(shadowUse(0, 0, 1.2, 250), 300);
  assert.equal(usageScore(0.4, 0.6), 250);
  assert.equal(usageScore(1.7, 0), 250);
});

test('volcano sees a pod bound a moment ago, not one bound a minute ago', () => {
  const bound = aPod({ cpuRequestMillicores: 2000, cpuLimitMillicores: 2000 });
  const nodes = [
    { cpuRatio: 0.4, memoryRatio: 0.2, pods: [bound] },
    { cpuRatio: 0.45, memoryRatio: 0.2 },
  ];
  const policy = createVolcanoUsage(context);
  const chosen = [5, 60].map((ago) => {
    const state = aCluster(nodes, ago);
    return policy.choose(aPod(), state.view, allNodes(state), 2);
  });

  assert.deepEqual(chosen, [1, 0]);
});

test('best fit measures what is left by the largest node', () => {
  const there = aPod({ cpuRequestMillicores: 2000, memoryRequestBytes: 10 * GIB });
  const state = aCluster([{ cpuMillicores: 8000, memoryBytes: 50 * GIB, pods: [there] }]);
  const pod = aPod({ cpuRequestMillicores: 1000, memoryRequestBytes: 10 * GIB });

  // Left: 5 of 10 cores and 30 of 100 GiB.
  const largest = { cpuMillicores: 10_000, memoryBytes: 100 * GIB };
  assert.equal(bestFitScore(pod, state.view, 0, largest), 60);
});

test('the objective oracle would rather push one node further than two above 80 %', () => {
  const future = {
    steps: 1,
    stepSeconds: 300,
    nodeCpuDemandMillicores: (node: number, out: Float64Array) => out.fill(node === 0 ? 8500 : 7900),
    nodeMemoryDemandBytes: (_node: number, out: Float64Array) => out.fill(0),
    podCpuDemandMillicores: (_uid: number, out: Float64Array) => out.fill(500),
    podMemoryDemandBytes: (_uid: number, out: Float64Array) => out.fill(0),
  };
  const state = aCluster([{ cpuRatio: 0.85 }, { cpuRatio: 0.79 }]);

  // 50 x (above 80 %) + 100 / 0.65 x lost + 100 x (0.9 - 0.8)^2 = 51; at 1.1: 50 + 15.38 + 9.
  assert.ok(Math.abs(stepCost(0.9, 0.8) - 51) < 1e-9);
  assert.ok(Math.abs(stepCost(1.1, 0.8) - (59 + 10 / 0.65)) < 1e-9);
  assert.equal(
    createObjectiveOracle({ ...context, future }).choose(aPod(), state.view, allNodes(state), 2),
    0,
  );
  assert.equal(createPeakOracle({ ...context, future }).choose(aPod(), state.view, allNodes(state), 2), 1);
});

test('the oracle takes the node whose true peak stays lower and needs to be told the future', () => {
  const future = {
    steps: 2,
    stepSeconds: 300,
    nodeCpuDemandMillicores: (node: number, out: Float64Array) =>
      out.set(node === 0 ? [100, 9000] : [5000, 100]),
    nodeMemoryDemandBytes: (_node: number, out: Float64Array) => out.fill(0),
    podCpuDemandMillicores: (_uid: number, out: Float64Array) => out.set([500, 500]),
    podMemoryDemandBytes: (_uid: number, out: Float64Array) => out.fill(0),
  };
  const state = aCluster([{}, {}]);

  assert.equal(peakOfSum(Float64Array.of(1, 5), Float64Array.of(3, 0)), 5);
  assert.equal(createPeakOracle({ ...context, future }).choose(aPod(), state.view, allNodes(state), 2), 1);
  assert.throws(() => createPeakOracle(context), { code: 'MLS_SIMULATOR_POLICY_NEEDS' });
});
