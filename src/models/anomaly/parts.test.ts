import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { createRng } from '#kernel/rng';

import { eigenOfSymmetric } from './eigen.ts';
import { fitPrincipalComponents, scorePrincipalComponents } from './principal-components.ts';
import { RecentExtremes } from './recent-extremes.ts';
import { fitRobustScale, scoreRobustZ } from './robust-scale.ts';
import { RollingMedians } from './rolling-medians.ts';

const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });

test('eigenvectors of a symmetric matrix give it back', () => {
  const entries = fc.integer({ min: 1, max: 6 }).chain((n) =>
    fc.record({
      n: fc.constant(n),
      values: fc.array(fc.integer({ min: -50, max: 50 }), { minLength: n * n, maxLength: n * n }),
    }),
  );
  fc.assert(
    fc.property(entries, ({ n, values }) => {
      const at = (i: number, j: number): number => values[Math.min(i, j) * n + Math.max(i, j)]!;
      const matrix = Float64Array.from({ length: n * n }, (_, k) => at(Math.floor(k / n), k % n));
      const { values: lambda, vectors } = eigenOfSymmetric(matrix, n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let k = 0; k < n; k++) sum += lambda[k]! * vectors[k * n + i]! * vectors[k * n + j]!;
          assert.ok(Math.abs(sum - matrix[i * n + j]!) < 1e-8);
        }
      }
      for (let k = 1; k < n; k++) assert.ok(lambda[k - 1]! >= lambda[k]!);
    }),
  );
});

test('principal components see a row that leaves the plane, not one that moves in it', () => {
  const rng = createRng(3);
  const rows = new Float32Array(900);
  for (let i = 0; i < 300; i++) {
    const shared = rng.normal();
    rows.set([shared, 2 * shared + 0.01 * rng.normal(), -shared + 0.01 * rng.normal()], i * 3);
  }
  const model = fitPrincipalComponents(rows, 3);
  assert.equal(model.componentCount, 1);
  const [along, off] = scorePrincipalComponents(model, Float32Array.of(3, 6, -3, 3, -6, -3));
  assert.ok(off! > 100 * along!, `${off} against ${along}`);
});

test('robust z is the largest deviation in sigmas, unknown metrics aside', () => {
  const rng = createRng(4);
  const scale = fitRobustScale(
    Float32Array.from({ length: 4000 }, (_, i) => (i % 2 === 0 ? rng.normal() : 5)),
    2,
  );
  const scores = scoreRobustZ(scale, Float32Array.of(4, 5, Number.NaN, 5, Number.NaN, Number.NaN));
  assert.ok(Math.abs(scores[0]! - 4) < 0.4);
  assert.equal(scores[1], 0);
  assert.ok(Number.isNaN(scores[2]));
});

test('rolling medians equal the median of the values kept', () => {
  fc.assert(
    fc.property(
      fc.array(finite, { minLength: 1, maxLength: 80 }),
      fc.integer({ min: 1, max: 3 }),
      (values, stride) => {
        const medians = new RollingMedians(2, 7, stride);
        const kept: number[] = [];
        for (const [tick, value] of values.entries()) {
          if (kept.length < 7) kept.push(value);
          else if (tick % stride === 0) kept.splice(0, 7, ...kept.slice(1), value);
          medians.push(1, value, tick);
          const sorted = kept.toSorted((a, b) => a - b);
          const expected = (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
          assert.equal(medians.median(1), expected);
        }
        assert.ok(Number.isNaN(medians.median(0)));
      },
    ),
  );
});

test('recent extremes equal the third largest of the window, older blocks faded', () => {
  const weights = [1, 1, 1 - (0.5 * 0.05) / 0.55, 1 - (0.5 * 0.3) / 0.55];
  const samples = fc.array(fc.float({ noNaN: true, min: 0, max: 100 }), { minLength: 1, maxLength: 90 });
  fc.assert(
    fc.property(samples, (values) => {
      const [blocks, blockSamples] = [4, 5];
      const extremes = new RecentExtremes(1, blocks);
      for (const [tick, value] of values.entries()) {
        const block = Math.floor(tick / blockSamples);
        if (tick > 0 && tick % blockSamples === 0) extremes.begin(0, block);
        const from = Math.max(0, (block - blocks + 1) * blockSamples);
        const faded = values
          .slice(from, tick)
          .map((past, i) => past * weights[block - Math.floor((from + i) / blockSamples)]!);
        const expected = faded.toSorted((a, b) => b - a)[2] ?? 0;
        assert.ok(Math.abs(extremes.third(0, block) - expected) < 1e-4);
        extremes.push(0, block, value);
      }
    }),
  );
});

test('a seeded extreme counts until its block has left the window', () => {
  const extremes = new RecentExtremes(1, 3);
  extremes.seed(0, 7);
  assert.equal(extremes.third(0, 0), 7);
  extremes.begin(0, 1);
  assert.ok(extremes.third(0, 1) > 3.5 && extremes.third(0, 1) < 7);
  extremes.begin(0, 2);
  assert.equal(extremes.third(0, 2), 0);
});
