import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { RawLoadSeries } from '#domain';
import { assessQuality } from './index.ts';
import type { MetricQuality } from './index.ts';

const MINUTE_MS = 60_000;
const DAY_SAMPLES = 1440;

interface SeriesShape {
  readonly machine?: string;
  readonly samples?: number;
  readonly keep?: (index: number) => boolean;
  readonly cpu?: (index: number) => number;
}

function aSeries({ machine = 'node-1', samples = DAY_SAMPLES, keep, cpu }: SeriesShape = {}): RawLoadSeries {
  const indices = Array.from({ length: samples }, (_, i) => i).filter(keep ?? (() => true));
  return {
    machine,
    timesMs: Float64Array.from(indices, (i) => i * MINUTE_MS),
    cpuUsageRatio: Float32Array.from(indices, cpu ?? ((i) => 0.5 + 0.4 * Math.sin(i))),
    memoryUsageRatio: undefined,
  };
}

function cpuOf(series: RawLoadSeries, options: Parameters<typeof assessQuality>[1] = {}): MetricQuality {
  const [metric] = assessQuality([series], options).metrics;
  assert.ok(metric);
  return metric;
}

test('a whole day without a fault scores 1 and needs nothing done', () => {
  const report = assessQuality([aSeries()]);

  assert.equal(report.verdict, 'pass');
  assert.equal(report.score, 1);
  assert.deepEqual(report.failingMachines, []);
  assert.deepEqual(
    report.metrics.map(({ metric, stepSeconds, action, gaps }) => ({ metric, stepSeconds, action, gaps })),
    [{ metric: 'cpu', stepSeconds: 60, action: '', gaps: [] }],
  );
});

test('a gap of six hours costs a quarter of the day and is listed', () => {
  const quality = cpuOf(aSeries({ keep: (i) => i < 600 || i >= 960 }));

  assert.equal(quality.verdict, 'fail');
  assert.equal(quality.score, 0.75);
  assert.deepEqual(quality.gaps, [{ fromMs: 599 * MINUTE_MS, toMs: 960 * MINUTE_MS, missingSamples: 360 }]);
  assert.match(quality.action, /25\.0 % of the samples are missing in 1 gaps/);
});

test('unknown samples count as missing, not as zero', () => {
  const quality = cpuOf(aSeries({ cpu: (i) => (i % 10 === 0 ? NaN : 0.3 + (i % 7) / 100) }));

  assert.equal(quality.parts.completeness, 0.9);
  assert.equal(quality.weakestPart, 'completeness');
});

test('one late scrape is no gap', () => {
  assert.equal(cpuOf(aSeries({ keep: (i) => i !== 700 })).gapCount, 0);
});

test('values outside 0..1 lower the range part', () => {
  const quality = cpuOf(aSeries({ cpu: (i) => (i % 4 === 0 ? 1.5 : 0.2 + (i % 3) / 10) }));

  assert.equal(quality.parts.range, 0.75);
  assert.match(quality.action, /capacity/);
});

test('rows that had to be moved or dropped lower order and uniqueness of their machine only', () => {
  const findings = [
    { kind: 'unsorted-times', machine: 'node-1', file: 'a', rows: 160 },
    { kind: 'repeated-times', machine: 'node-1', file: 'a', rows: 360 },
  ] as const;
  const report = assessQuality([aSeries(), aSeries({ machine: 'node-2' })], { findings });

  assert.deepEqual(report.failingMachines, ['node-1']);
  assert.equal(report.metrics[0]?.parts.order, 0.9);
  assert.equal(report.metrics[0]?.parts.uniqueness, 0.8);
  assert.equal(report.metrics[1]?.score, 1);
});

test('a recording is never stale; live data are when the newest sample is old', () => {
  const series = aSeries();
  const lastMs = (DAY_SAMPLES - 1) * MINUTE_MS;

  assert.equal(cpuOf(series).parts.freshness, 1);
  assert.equal(cpuOf(series, { asOfMs: lastMs + 4 * MINUTE_MS }).parts.freshness, 1);
  assert.equal(cpuOf(series, { asOfMs: lastMs + 720 * MINUTE_MS }).parts.freshness, 0.5);
  assert.equal(cpuOf(series, { asOfMs: lastMs + 720 * MINUTE_MS }).weakestPart, 'freshness');
});

test('a value that stands still for half a day is told but not scored', () => {
  const quality = cpuOf(aSeries({ cpu: (i) => (i < 720 ? 0.42 : 0.2 + (i % 5) / 10) }));

  assert.equal(quality.score, 1);
  assert.equal(quality.flatRatio, 0.5);
  assert.equal(quality.longestFlatSeconds, 719 * 60);
  assert.match(quality.action, /stood still for up to 11 h 59 min/);
});

test('without a single known sample the score is 0', () => {
  const quality = cpuOf(aSeries({ samples: 10, cpu: () => NaN }));

  assert.equal(quality.score, 0);
  assert.equal(quality.verdict, 'fail');
});

test('no series at all never passes', () => {
  assert.equal(assessQuality([]).verdict, 'fail');
});

test('scores stay in 0..1 and losing samples never raises completeness', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 198 }), { maxLength: 150 }), (lost) => {
      const gone = new Set(lost);
      const some = cpuOf(aSeries({ samples: 200, keep: (i) => !gone.has(i) }));
      const fewer = cpuOf(
        aSeries({ samples: 200, cpu: (i) => (gone.has(i) || i === 100 ? NaN : 0.5 + (i % 3) / 9) }),
      );

      assert.ok(some.score >= 0 && some.score <= 1);
      assert.ok(fewer.parts.completeness <= 1 - (gone.has(100) ? gone.size : gone.size + 1) / 200 + 1e-12);
    }),
    { seed: 1 },
  );
});
