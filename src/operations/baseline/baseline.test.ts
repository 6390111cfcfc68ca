import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { openHistoryStore } from '#collect';
import type { RawLoadSeries } from '#domain';
import { HOUR_MS, MINUTE_MS } from '#kernel/units';
import { outlineOf } from '../report/page-outline.ts';
import { measureBaseline } from './measure.ts';
import { readBaselineInput } from './read.ts';
import { renderBaseline } from './render.ts';
import type { BaselineInput } from './types.ts';

const START = Date.parse('2026-03-01T00:00:00Z');
const STEP_MS = 5 * MINUTE_MS;
const HOSTILE = '<script>alert("x")</script>';

/** One value a 5-minute window from midnight on. */
function series(machine: string, cpu: readonly number[], memory?: readonly number[]): RawLoadSeries {
  return {
    machine,
    timesMs: Float64Array.from(cpu, (_, i) => START + (i + 1) * STEP_MS),
    cpuUsageRatio: Float32Array.from(cpu),
    memoryUsageRatio: memory === undefined ? undefined : Float32Array.from(memory),
  };
}

function input(parts: Partial<BaselineInput> & Pick<BaselineInput, 'series'>): BaselineInput {
  return { extras: new Map(), scheduling: undefined, profiles: undefined, ...parts };
}

const near = (actual: number | undefined, wanted: number): void =>
  assert.ok(Math.abs((actual ?? Number.NaN) - wanted) < 1e-6, `${actual} is not ${wanted}`);

const TWO_NODES = [
  series('a', [0.9, 0.96, 0.5, 0.5], [0.2, 0.2, 0.2, 0.2]),
  series('b', [0.1, 0.4, 0.6, Number.NaN], [0.4, 0.4, 0.4, 0.4]),
];

test('the numbers of the nodes are those worked out by hand', () => {
  const [a, b] = measureBaseline(input({ series: TWO_NODES })).nodes;
  assert.deepEqual([a?.node, b?.node], ['a', 'b'], 'the fullest first');
  assert.deepEqual([a?.cpu.minutesAbove80, a?.cpu.minutesAbove95, b?.cpu.minutesAbove80], [10, 5, 0]);
  near(a?.cpu.meanRatio, 0.715);
  near(b?.cpu.completenessRatio, 0.75);
  near(a?.cpuP95ByHourRatio[0], 0.951);
  assert.ok(Number.isNaN(a?.cpuP95ByHourRatio[1]), 'an hour without a sample is unknown');
});

test('the numbers of the cluster are those worked out by hand', () => {
  const report = measureBaseline(input({ series: TWO_NODES }));
  near(report.cpu.meanRatio, (0.9 + 0.96 + 0.5 + 0.5 + 0.1 + 0.4 + 0.6) / 7);
  near(report.cpu.imbalanceRatio, (0.4 + 0.28 + 0.05) / 3);
  near(report.cpu.spreadMedianRatio, 0.56);
  near(report.cpu.avoidableShareRatio, 2 / 3);
  near(report.cpu.shareAbove80Ratio, 2 / 7);
  near(report.memory?.idleRatio, 0.7);
  near(report.memory?.imbalanceRatio, 0.1);
  assert.deepEqual([report.startMs, report.endMs], [START, START + 4 * STEP_MS]);
});

test('scheduling time is weighted by attempts, and unknown where there was none', () => {
  const scheduling = (attempts: number[], seconds: number[]) => ({
    timesMs: Float64Array.from(attempts, (_, i) => START + i * HOUR_MS),
    podsPending: Float64Array.of(1, Number.NaN, 3),
    attemptsPerSecond: Float64Array.from(attempts),
    secondsPerSecond: Float64Array.from(seconds),
  });
  const base = [series('a', [0.5])];
  const some = measureBaseline(input({ series: base, scheduling: scheduling([1, 3, 0], [0.01, 0.09, 0]) }));
  near(some.scheduling?.attemptMeanMs, 25);
  near(some.scheduling?.slowestHourMeanMs, 30);
  near(some.scheduling?.podsPendingMean, 2);
  assert.equal(some.scheduling?.podsPendingMax, 3);
  const none = measureBaseline(input({ series: base, scheduling: scheduling([0, 0, 0], [0, 0, 0]) }));
  assert.ok(Number.isNaN(none.scheduling?.attemptMeanMs), 'no attempt has no time: not 0');
});

test('whatever the load, shares are shares and each level holds the higher ones', () => {
  const value = fc.oneof(fc.float({ min: 0, max: 1, noNaN: true }), fc.constant(Number.NaN));
  const load = fc.array(fc.array(value, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(load, (nodes) => {
      const { cpu } = measureBaseline(
        input({ series: nodes.map((values, at) => series(`n${at}`, [0.5, ...values])) }),
      );
      near(
        cpu.distribution.reduce((a, b) => a + b, 0),
        1,
      );
      assert.ok(cpu.minutesAbove95 <= cpu.minutesAbove80);
      assert.ok(cpu.shareAbove80Ratio >= 0 && cpu.shareAbove80Ratio <= 1);
      near(cpu.meanRatio + cpu.idleRatio, 1);
    }),
  );
});

const use = (mean: number) => ({
  samples: 10,
  meanRatio: mean,
  sdRatio: 0.1,
  p50Ratio: mean,
  p90Ratio: mean,
  p95Ratio: mean,
  p99Ratio: mean,
  maxRatio: mean,
});
const profile = {
  members: 3,
  cpuRequestMillicores: 500,
  memoryRequestBytes: 2 ** 28,
  cpu: use(0.2),
  memory: use(0.9),
  ramp: { pods: 0, cpuRatio: [], memoryRatio: [] },
  life: { finishedPods: 0, runningPods: 3, meanSeconds: null, medianSeconds: null },
};
const profiles = {
  schemaVersion: 1 as const,
  createdAtMs: 0,
  startMs: 0,
  endMs: 1,
  stepSeconds: 30,
  unknownPods: 0,
  cluster: profile,
  kinds: {},
  workloads: { [`shop/Deployment/${HOSTILE}`]: profile },
};

function renderFull(): string {
  const report = measureBaseline(
    input({
      series: [series(HOSTILE, [0.9, 0.2], [0.3, 0.4]), series('b', [0.1, 0.2], [0.5, 0.5])],
      extras: new Map([
        [
          'b',
          { cpuRequestedCores: 3, cpuCapacityCores: 4, memoryRequestedBytes: 1e9, memoryCapacityBytes: 4e9 },
        ],
      ]),
      scheduling: {
        timesMs: Float64Array.of(START),
        podsPending: Float64Array.of(0),
        attemptsPerSecond: Float64Array.of(1),
        secondsPerSecond: Float64Array.of(0.01),
      },
      profiles,
    }),
  );
  return renderBaseline({ report, createdAtMs: 0, dataDirectory: 'data', version: '0.0.0' });
}

test('the outline of the page is as approved', async () => {
  const golden = join(import.meta.dirname, '../../../test/golden/baseline-outline.txt');
  const outline = outlineOf(renderFull());
  if (process.env['MLSCHED_UPDATE_GOLDEN'] === '1') await writeFile(golden, outline);
  assert.equal(outline, await readFile(golden, 'utf8'));
});

test('names from the data cannot put markup into the page, and it refers to nothing outside itself', () => {
  const page = renderFull();
  assert.ok(!page.includes('<script'));
  assert.ok(page.includes('&lt;script&gt;'));
  assert.doesNotMatch(page, /(src|href)="(?!#)|url\(|@import/);
  assert.doesNotMatch(page, /NaN|undefined|Infinity/);
});

test('a source that knows only CPU gives a page that says what is unknown', () => {
  const report = measureBaseline(input({ series: [series('a', [0.5, 0.6])] }));
  const page = renderBaseline({ report, createdAtMs: 0, dataDirectory: 'data', version: '0.0.0' });
  for (const sentence of ['has no memory', 'Requests of nodes are unknown', 'Scheduling is unknown']) {
    assert.ok(page.includes(sentence), sentence);
  }
  assert.doesNotMatch(page, /NaN|undefined|Infinity/);
});

test('a store is read with its requests and its scheduling', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mlsched-baseline-'));
  const time = { name: 'time', type: 'time', values: Float64Array.of(START, START + STEP_MS) } as const;
  const number = (name: string, ...values: number[]) =>
    ({ name, type: 'double', values: Float64Array.from(values) }) as const;
  try {
    const store = await openHistoryStore(folder, { source: 'prometheus', stepSeconds: 300 });
    const nodes = [
      { name: 'machine', type: 'text', values: { dictionary: ['w'], codes: Int32Array.of(0, 0) } } as const,
      time,
      number('cpu_usage_ratio', 0.5, 0.6),
      number('cpu_requested_cores', 2, Number.NaN),
      number('memory_requested_bytes', 1e9, 3e9),
    ];
    const cluster = [
      time,
      number('scheduling_attempts_per_second', 1, 1),
      number('scheduling_seconds_per_second', 0.01, 0.03),
    ];
    const record = {
      coveredToMs: START + STEP_MS,
      nodes: 1,
      rows: 2,
      samples: 2,
      counterResets: 0,
      duplicateSeries: 0,
      absentColumns: [],
      nodesWithoutCpu: [],
    };
    await store.appendLive([{ day: '2026-03-01', tables: { nodes, cluster }, record }]);
    await store.close();
    const read = await readBaselineInput(folder);
    const extras = read.extras.get('w');
    assert.deepEqual([extras?.cpuRequestedCores, extras?.memoryRequestedBytes], [2, 2e9]);
    assert.ok(Number.isNaN(extras?.cpuCapacityCores));
    const { scheduling } = measureBaseline(read);
    near(scheduling?.attemptMeanMs, 20);
    assert.ok(Number.isNaN(scheduling?.podsPendingMax));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
