import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { noProgress } from '#kernel/progress';
import type { ObjectiveParts, SimulationResult } from '#simulator';

import { compareResults } from './simulate-compare.ts';
import { simulate } from './simulate.ts';

const POLICIES = ['random', 'stock', 'target-load-packing', 'peak-oracle'];

const quick = {
  name: 'quick',
  description: 'a short run on a few nodes',
  nodeGroups: [{ count: 5, cpuMillicores: 16000, memoryGib: 64 }],
  measuredMinutes: 120,
  warmUpMinutes: 120,
  takeOverMinutes: 60,
};

function scenarioFile(fields: Readonly<Record<string, unknown>> = {}): string {
  const file = join(mkdtempSync(join(tmpdir(), 'mlsched-simulate-')), 'quick.yaml');
  writeFileSync(file, JSON.stringify({ ...quick, ...fields }));
  return file;
}

test('the sample gives a full comparison, the same with one thread and with two', async () => {
  const scenario = scenarioFile();
  const reports: unknown[] = [];
  for (const threads of [1, 2]) {
    let last: readonly [number, number] = [0, 0];
    const report = await simulate({
      scenario,
      policies: POLICIES,
      seeds: 3,
      threads,
      record: true,
      progress: { report: (done, total) => (last = [done, total]) },
    });

    assert.deepEqual(last, [12, 12]);
    assert.deepEqual(report.policies.map(({ policy }) => policy).sort(), [...POLICIES].sort());
    assert.equal(report.sensitivity.length, 10);
    assert.notEqual(report.versusBest?.rival, 'peak-oracle');
    assert.equal(report.series['stock']?.nodeNames.length, 5);
    assert.equal(report.series['stock']?.cpuDemandRatio.length, 5 * 24);
    for (const summary of report.policies) {
      const [low, high] = summary.objectiveCi95;
      assert.ok(low <= summary.objective && summary.objective <= high, summary.policy);
      const sum = Object.values(summary.contributions).reduce((total, value) => total + value, 0);
      assert.ok(Math.abs(sum - summary.objective) < 1e-9, summary.policy);
    }
    reports.push(report.runs.map((run) => ({ ...run, decisionMicrosP99: 0 })));
  }

  assert.deepEqual(reports[1], reports[0]);
});

test('a wrong request is refused before anything runs', async () => {
  const base = { policies: ['random'], seeds: 1, progress: noProgress };
  const cases = [
    { options: { ...base, policies: ['stok'] }, code: 'MLS_SIMULATOR_POLICY_UNKNOWN', hint: /stock/ },
    { options: { ...base, scenario: 'host-24' }, code: 'MLS_TRAINING_SCENARIO_UNKNOWN', hint: /hosts-24/ },
    { options: { ...base, seeds: 0 }, code: 'MLS_TRAINING_SIMULATE_OPTIONS', hint: /seeds/ },
    { options: { ...base, demandRatio: 60 }, code: 'MLS_TRAINING_SIMULATE_OPTIONS', hint: /demand/ },
    { options: { ...base, dataDirectory: '/does/not/exist' }, code: 'MLS_FILES_MISSING', hint: /./ },
    {
      options: { ...base, scenario: scenarioFile({ nodeGroup: 1 }) },
      code: 'MLS_SIMULATOR_SCENARIO_INVALID',
      hint: /nodeGroups/,
    },
  ];
  for (const { options, code, hint } of cases) {
    await assert.rejects(simulate(options), (error: { code: string; hint: string }) => {
      assert.equal(error.code, code);
      return hint.test(error.hint);
    });
  }
});

test('a fault inside a worker arrives with its code', async () => {
  const scenario = scenarioFile({ nodeGroups: [{ count: 1, cpuMillicores: 100, memoryGib: 1 }] });

  await assert.rejects(simulate({ scenario, policies: ['random'], seeds: 1, progress: noProgress }), {
    code: 'MLS_SIMULATOR_TRACES_TOO_SMALL',
    kind: 'invalid-input',
  });
});

/** A run whose objective is 50 x the share of overloaded node-minutes. */
function aRun(policy: string, seed: number, overload: number): SimulationResult {
  const parts: ObjectiveParts = {
    overloadNodeMinutes80: overload,
    overloadNodeMinutes95: 0,
    nodeMinutes: 100,
    lostCpuCoreHours: 0,
    demandedCpuCoreHours: 1,
    oomKills: 0,
    pods: 10,
    p99NodeCpuRatio: 0.5,
    imbalanceRatio: 0,
    emptyNodesMean: 0,
    unschedulablePods: 0,
    neverScheduledPods: 0,
    queueSecondsMean: 0,
  };
  return {
    policy,
    scenario: 'x',
    seed,
    parts,
    objective: overload / 2,
    decisionMicrosP99: 1,
    placements: 10,
    abstentions: 0,
    burstPeakToMeanRatio: Number.NaN,
    burstLoadPeakToMeanRatio: Number.NaN,
    series: undefined,
  };
}

test('improvement is one minus ours over the rival`s, paired, and the oracle is never the rival', () => {
  const overloads = {
    random: [20, 40],
    stock: [10, 30],
    mlsched: [8, 16],
    'mlsched-health-only': [1, 1],
    'peak-oracle': [4, 4],
    'objective-oracle': [2, 2],
  };
  const runs = Object.entries(overloads).flatMap(([policy, values]) =>
    values.map((value, i) => aRun(policy, i + 1, value)),
  );

  const comparison = compareResults(runs, Object.keys(overloads));

  assert.equal(comparison.subject, 'mlsched');
  assert.equal(comparison.versusBest?.rival, 'stock');
  assert.ok(Math.abs((comparison.versusBest?.improvementRatio ?? 0) - (1 - 24 / 40)) < 1e-12);
  assert.ok(Math.abs((comparison.versusRandom?.improvementRatio ?? 0) - (1 - 24 / 60)) < 1e-12);
  assert.deepEqual(
    comparison.versusEach.map(({ rival }) => rival),
    ['mlsched-health-only', 'objective-oracle', 'peak-oracle', 'stock', 'random'],
  );
  // Both seeds together: between the improvement of seed 1 (0.2) and that of seed 2 (0.467).
  assert.deepEqual(
    comparison.versusBest?.ci95.map((end) => Number(end.toFixed(3))),
    [0.2, 0.467],
  );
  // Rival 20, ours 12, oracle 4 on average: half the way.
  assert.equal(comparison.towardsOracleRatio, 0.5);
});

test('without mlsched the best policy is measured against the next best', () => {
  const runs = [aRun('random', 1, 20), aRun('stock', 1, 10), aRun('peak-oracle', 1, 1)];

  const comparison = compareResults(runs, ['random', 'stock', 'peak-oracle']);

  assert.equal(comparison.subject, 'stock');
  assert.equal(comparison.versusBest?.rival, 'random');
  assert.ok(Number.isNaN(comparison.versusBest.ci95[0]));
});
