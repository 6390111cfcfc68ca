import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { counterRates, SeriesFold, windowMeans } from './align.ts';
import { createNodeIdentity, METRIC_CATALOGUE } from './index.ts';

const grid = { startMs: 0, stepMs: 30_000, length: 4 };

test('a counter becomes rates; a reset, a long hole and an unknown value become unknown', () => {
  const counted = { resets: 0 };
  const times = Float64Array.of(0, 10_000, 20_000, 30_000, 500_000, 510_000, 520_000);
  const rates = counterRates(times, Float64Array.of(5, 10, 30, 2, 100, NaN, 120), { counted, sinceMs: 0 });

  assert.deepEqual(rates, Float64Array.of(NaN, 0.5, 2, NaN, NaN, NaN, NaN));
  assert.equal(counted.resets, 1);
});

test('a reset before the span is not counted again', () => {
  const counted = { resets: 0 };
  counterRates(Float64Array.of(-20, -10, 10), Float64Array.of(5, 1, 2), { counted, sinceMs: 0 });

  assert.equal(counted.resets, 0);
});

test('a sample on the border belongs to the window that it ends', () => {
  const times = Float64Array.of(0, 1, 30_000, 30_001, 120_000, 120_001);
  const means = windowMeans(times, Float64Array.of(99, 1, 3, 7, 8, 99), grid);

  assert.deepEqual(means, Float64Array.of(2, 7, NaN, 8));
});

test('unknown and infinite samples leave a window unknown, never 0', () => {
  const means = windowMeans(Float64Array.of(10, 40_000), Float64Array.of(NaN, Infinity), grid);

  assert.deepEqual(means, new Float64Array(4).fill(NaN));
});

test('series fold window by window; what one does not know the others decide', () => {
  const parts = [Float64Array.of(0.25, NaN, NaN), Float64Array.of(0.75, 0.5, NaN)];
  const fold = (combine: 'sum' | 'mean' | 'max'): SeriesFold => {
    const folded = new SeriesFold(combine, 3);
    for (const part of parts) folded.add(part);
    return folded;
  };

  assert.deepEqual(fold('sum').finish('plain'), Float64Array.of(1, 0.5, NaN));
  assert.deepEqual(fold('mean').finish('complement'), Float64Array.of(0.5, 0.5, NaN));
  assert.deepEqual(fold('max').finish('plain'), Float64Array.of(0.75, 0.5, NaN));
});

test('negative gauges have a maximum too', () => {
  const fold = new SeriesFold('max', 1);
  fold.add(Float64Array.of(-5));
  fold.add(Float64Array.of(-2));

  assert.deepEqual(fold.finish('plain'), Float64Array.of(-2));
});

test('folding does not depend on the order of the series', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 8 }), (values) => {
      for (const combine of ['sum', 'mean', 'max'] as const) {
        const [forward, backward] = [values, values.toReversed()].map((list) => {
          const fold = new SeriesFold(combine, 1);
          for (const value of list) fold.add(Float64Array.of(value));
          return fold.finish('plain');
        });
        assert.deepEqual(forward, backward);
      }
    }),
    { seed: 1 },
  );
});

test('the catalogue has 8 node, 6 scheduling and 4 network and storage metrics, each column once', () => {
  const count = (group: string): number => METRIC_CATALOGUE.filter((metric) => metric.group === group).length;

  assert.deepEqual([count('node'), count('scheduling'), count('network-storage')], [8, 6, 4]);
  assert.equal(new Set(METRIC_CATALOGUE.map(({ column }) => column)).size, 18);
});

const identity = createNodeIdentity({
  staticNames: { '10.0.0.1': 'worker-1', '10.0.0.2': 'worker-2' },
  clusterNodes: [
    { name: 'worker-2b', addresses: ['10.0.0.2'] },
    { name: 'worker-3', addresses: ['10.0.0.3', 'fd00::3'] },
  ],
});

for (const { labels, node } of [
  { labels: { instance: '10.0.0.1:9100' }, node: 'worker-1' },
  { labels: { instance: '10.0.0.2:9100' }, node: 'worker-2' },
  { labels: { instance: '10.0.0.3' }, node: 'worker-3' },
  { labels: { instance: '[fd00::3]:9100' }, node: 'worker-3' },
  { labels: { instance: 'fd00::3' }, node: 'worker-3' },
  { labels: { instance: 'host-9:9100' }, node: 'host-9' },
  { labels: { instance: '10.0.0.1:9100', node: 'named' }, node: 'named' },
  { labels: { instance: '10.0.0.1:9100', node: '' }, node: 'worker-1' },
  { labels: { job: 'x' }, node: undefined },
]) {
  test(`${JSON.stringify(labels)} is ${node ?? 'no node'}`, () => {
    assert.equal(identity.resolve(labels), node);
  });
}

test('two names for one address are a reported conflict, and the static map wins', () => {
  assert.deepEqual(
    identity.conflicts.map(({ sentence }) => sentence),
    [
      '10.0.0.1 is worker-1 in the node map, and the cluster has no such node',
      '10.0.0.2 is worker-2 in the node map and worker-2b in the cluster: the map is believed',
    ],
  );
});
