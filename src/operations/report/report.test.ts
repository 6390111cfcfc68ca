import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ScoredNode } from '#domain';
import type { ObjectiveParts, SimulationResult } from '#simulator';
import type { ForecastResult, Improvement, PolicySummary, SimulateReport } from '#training';
import { outlineOf } from './page-outline.ts';
import { renderDemoReport } from './report.ts';
import { renderSimulationReport } from './simulation-report.ts';
import type { DemoReport } from './types.ts';

const HOSTILE = '<script>alert("x")</script>';

function aPolicy(policy: string, objective: number): PolicySummary {
  return {
    policy,
    overloadNodeMinutes80: 10,
    overloadNodeMinutes95: 1,
    lostCpuCoreHours: 0.5,
    oomKills: 0,
    p99NodeCpuRatio: 0.9,
    imbalanceRatio: 0.1,
    emptyNodesMean: 0,
    unschedulablePods: 0,
    decisionMicrosP99: 20,
    objective,
    objectiveCi95: [objective - 1, objective + 1],
    contributions: { lostCpu: 1, overload: 0, oomKills: 0, imbalance: 0, unschedulable: 0 },
    parts: { overloadNodeMinutes80: 10, lostCpuCoreHours: 0.5 },
  } as unknown as PolicySummary;
}

function aRun(policy: string, seed: number): SimulationResult {
  const parts = { overloadNodeMinutes80: 8 + seed, lostCpuCoreHours: seed } as unknown as ObjectiveParts;
  return { policy, seed, parts } as unknown as SimulationResult;
}

function aSimulation(): SimulateReport {
  const record = {
    nodeNames: [HOSTILE, 'node-b'],
    timeSeconds: Int32Array.of(300, 600),
    cpuDemandRatio: Float32Array.of(0.1, 0.9, 0.5, 1.2),
  };
  const names = ['peak-oracle', 'mlsched', 'stock'];
  const versusStock: Improvement = { rival: 'stock', improvementRatio: 0.5, ci95: [0.4, 0.6] };
  const versusOracle: Improvement = { rival: 'peak-oracle', improvementRatio: -1, ci95: [-1.5, -0.5] };
  return {
    scenario: 'hosts-24',
    description: 'Two hosts.',
    demandRatio: 0.6,
    split: 'test',
    seeds: [1, 2],
    subject: 'mlsched',
    policies: names.map((name, at) => aPolicy(name, at + 1)),
    versusRandom: undefined,
    versusBest: versusStock,
    versusEach: [versusOracle, versusStock],
    sensitivity: [{ term: 'overload', factor: 2, ...versusStock }],
    towardsOracleRatio: undefined,
    series: { mlsched: record, stock: record },
    runs: names.flatMap((name) => [aRun(name, 1), aRun(name, 2)]),
  };
}

function aForecastRow(model: ForecastResult['model'], changes: Partial<ForecastResult> = {}): ForecastResult {
  return {
    target: 'cpu',
    horizonMinutes: 15,
    model,
    wapeAccuracyRatio: 0.9,
    wapeAccuracyCi95: [0.88, 0.92],
    maeRatio: 0.02,
    mase: Number.NaN,
    skillRatio: 0,
    skillCi95: [-0.1, 0],
    coverage90Ratio: null,
    medianMachineAccuracyRatio: 0.9,
    machines: 2,
    points: 1000,
    bootstrapUnit: 'machine',
    ...changes,
  };
}

function aCandidate(node: string, score: number): ScoredNode {
  const part = { kind: 'scored', score } as const;
  return {
    node,
    parts: { forecast: part, placement: part, health: { kind: 'unknown', reason: 'stale' } },
    total: score,
  };
}

function aReport(changes: Partial<DemoReport> = {}): DemoReport {
  const times = Float64Array.from({ length: 5 }, (_, i) => i * 300_000);
  const ratios = Float32Array.of(0.1, 0.2, Number.NaN, 0.4, 0.5);
  const chosen = aCandidate('node-a', 0.8);
  const runnerUp = aCandidate('node-b', 0.6);
  return {
    createdAtMs: 0,
    dataDirectory: 'data/sample',
    version: '0.0.0',
    simulation: aSimulation(),
    forecast: {
      protocol: 'time',
      machines: 2,
      results: [
        aForecastRow('mlsched', { skillRatio: 0.1, skillCi95: [-0.02, 0.2], coverage90Ratio: 0.9 }),
        aForecastRow('last-value'),
        aForecastRow('hour-mean', { wapeAccuracyRatio: 0.8 }),
      ],
      traces: [
        {
          machine: HOSTILE,
          target: 'cpu',
          horizonMinutes: 15,
          timesMs: times,
          actual: ratios,
          median: ratios,
          low05: ratios,
          high95: ratios,
        },
      ],
    },
    anomaly: {
      report: { pooled: [], machines: 2, events: 2 },
      timeline: {
        machine: HOSTILE,
        score: Float64Array.of(0.1, 2, Number.NaN, 0.2, 0.1, 0.1),
        alertScore: 1.3,
        alarms: [[2, 3]],
        labelled: [
          [1, 3],
          [4, 5],
        ],
      },
    },
    decision: {
      kind: 'scored',
      pod: HOSTILE,
      chosen,
      runnerUp,
      margin: 0.2,
      flips: [{ part: 'forecast', winnerDrop: 0.667 }],
      candidates: [chosen, runnerUp],
    },
    learning: {
      episodes: [],
      validations: [
        { episode: 5, objectiveToStock: 1.2, regret: 0.3, advantageError: 1 },
        { episode: 10, objectiveToStock: 0.8, regret: 0.1, advantageError: 1 },
      ],
      bestEpisode: 10,
    },
    ...changes,
  };
}

test('names from the data cannot put markup into the page', () => {
  const page = renderDemoReport(aReport());

  assert.ok(!page.includes('<script'), 'a name of the data became markup');
  assert.ok(page.includes('&lt;script&gt;'));
});

test('the page refers to nothing outside itself', () => {
  for (const page of [renderDemoReport(aReport()), renderSimulationReport(aReport())]) {
    assert.doesNotMatch(page, /(src|href)="(?!#)/);
    assert.doesNotMatch(page, /url\(|@import/);
  }
});

test('a comparison alone has its verdicts, its plots and how to read them, and nothing of the demo', () => {
  const page = renderSimulationReport(aReport());

  assert.match(page, /<strong>better<\/strong><span>mlsched against stock/);
  assert.match(page, /Objective by policy/);
  assert.match(page, /How hot each node ran/);
  assert.ok(!page.includes('<script') && page.includes('&lt;script&gt;'));
  assert.doesNotMatch(page, /Load forecast|NaN/);
});

test('every element that is opened is closed, in order', () => {
  const page = renderDemoReport(aReport()).replace(/<!doctype html>|<meta[^>]*>/g, '');
  const open: string[] = [];
  for (const [, slash, name] of page.matchAll(/<(\/?)([a-z0-9]+)[^>]*>/g)) {
    if (slash === '') open.push(name ?? '');
    else assert.equal(open.pop(), name);
  }

  assert.deepEqual(open, []);
});

test('an unknown number is a dash, never 0 or NaN', () => {
  const page = renderDemoReport(aReport());

  assert.doesNotMatch(page, /NaN/);
  assert.match(page, /<td class="number">–<\/td>/);
});

test('a part that was not run is said to be missing', () => {
  const page = renderDemoReport(
    aReport({ forecast: undefined, anomaly: undefined, decision: undefined, learning: undefined }),
  );

  for (const words of [
    'The forecast was not evaluated',
    'The anomaly model was not evaluated',
    'No decision was recorded',
    'no curve was recorded',
  ]) {
    assert.ok(page.includes(words), words);
  }
});

test('the decision says why the chosen node won and what would have changed it', () => {
  const page = renderDemoReport(aReport());

  assert.match(
    page,
    /node-a beat node-b by 0\.200\. It would have lost with one of its scores lower: load forecast by 0\.667\./,
  );
});

test('a part that one candidate lacks counts as the average of the others, and the bar says so', () => {
  const known = aCandidate('node-a', 0.8);
  const lacking = {
    ...aCandidate('node-b', 0.6),
    parts: { ...known.parts, forecast: { kind: 'unknown', reason: 'stale' } },
    total: 0.8,
  } as const;
  const decision = {
    kind: 'scored',
    pod: 'pod-1',
    chosen: known,
    runnerUp: lacking,
    margin: 0,
    flips: [],
    candidates: [known, lacking],
  } as const;

  const page = renderDemoReport(aReport({ decision }));

  assert.equal(page.match(/<rect class="unknown"/g)?.length, 1);
  assert.match(page, /unknown: stale/);
  assert.match(page, /No single part could have changed that/);
});

test('a verdict is better or worse only if its interval leaves out 0', () => {
  const page = renderDemoReport(aReport());

  assert.match(page, /<strong>better<\/strong><span>mlsched against stock/);
  assert.match(page, /<strong>no difference shown<\/strong><span>cpu forecast/);
  assert.match(page, /-100\.0<small>-150\.0 to -50\.0\nworse<\/small>/);
});

test('one seed gives no interval and no verdict', () => {
  const alone: Improvement = { rival: 'stock', improvementRatio: 0.5, ci95: [Number.NaN, Number.NaN] };
  const page = renderDemoReport(
    aReport({ simulation: { ...aSimulation(), versusBest: alone, versusEach: [alone] } }),
  );

  assert.match(page, /<strong>no difference shown<\/strong><span>mlsched against stock/);
  assert.match(page, /no interval from one run/);
});

test('incidents are told apart into found and missed ones', () => {
  const page = renderDemoReport(aReport());

  assert.match(page, /1 of 2 labelled incidents raised an alarm; 0 of 1 alarms met no labelled incident/);
});

test('the outline of the page is as approved', async () => {
  const outline = outlineOf(renderDemoReport(aReport()));

  const golden = join(import.meta.dirname, '../../../test/golden/report-outline.txt');
  if (process.env['MLSCHED_UPDATE_GOLDEN'] === '1') await writeFile(golden, outline);
  assert.equal(outline, await readFile(golden, 'utf8'));
});
