import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScoredNode } from '#domain';
import type { PolicySummary, SimulateReport } from '#training';
import { renderDemoReport } from './report.ts';
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
  } as unknown as PolicySummary;
}

function aSimulation(): SimulateReport {
  const record = {
    nodeNames: [HOSTILE, 'node-b'],
    timeSeconds: Int32Array.of(300, 600),
    cpuDemandRatio: Float32Array.of(0.1, 0.9, 0.5, 1.2),
  };
  return {
    scenario: 'hosts-24',
    description: 'Two hosts.',
    demandRatio: 0.6,
    split: 'test',
    seeds: [1, 2],
    policies: [aPolicy('mlsched', 2), aPolicy('stock', 4), aPolicy('peak-oracle', 1)],
    series: { mlsched: record, stock: record },
  } as unknown as SimulateReport;
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
    verdicts: [`mlsched beats ${HOSTILE}`],
    forecast: {
      rows: [
        {
          target: 'cpu',
          horizonMinutes: 15,
          model: 'mlsched',
          wapeAccuracyRatio: 0.9,
          maeRatio: 0.02,
          mase: Number.NaN,
          coverage90Ratio: 0.9,
        },
      ],
      traces: [
        {
          machine: HOSTILE,
          target: 'cpu',
          horizonMinutes: 15,
          timesMs: times,
          actualRatio: ratios,
          medianRatio: ratios,
          low05Ratio: ratios,
          high95Ratio: ratios,
        },
      ],
    },
    anomaly: {
      rows: [],
      timeline: {
        machine: HOSTILE,
        score: Float64Array.of(0.1, 2, Number.NaN, 0.2),
        alertScore: 1.3,
        alarms: [[1, 2]],
        labelled: [[1, 3]],
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
    learning: [
      { episode: 1, trainingReturn: 0, validationObjective: 5 },
      { episode: 2, trainingReturn: 0, validationObjective: 4 },
    ],
    ...changes,
  };
}

test('names from the data cannot put markup into the page', () => {
  const page = renderDemoReport(aReport());

  assert.ok(!page.includes('<script'), 'a name of the data became markup');
  assert.ok(page.includes('&lt;script&gt;'));
});

test('the page refers to nothing outside itself', () => {
  const page = renderDemoReport(aReport());

  assert.doesNotMatch(page, /(src|href)="(?!#)/);
  assert.doesNotMatch(page, /url\(|@import/);
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
    aReport({ forecast: undefined, anomaly: undefined, decision: undefined, learning: [] }),
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
    /node-a beat node-b by 0\.200\. It would have lost if its load forecast score had been 0\.667 lower\./,
  );
});
