import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { createRng } from '#kernel/rng';
import { spearman } from '#kernel/stats';

import { fitIsolationForest, meanPathLength, scoreIsolationForest } from './isolation-forest.ts';

const goldens = join(import.meta.dirname, '../../../test/fixtures/parity');
const bytesOf = (name: string): ArrayBuffer => Uint8Array.from(readFileSync(join(goldens, name))).buffer;

/** Share of (anomaly, ordinary) pairs that the scores put in the right order. */
function areaUnderCurve(scores: Float64Array, isAnomaly: Uint8Array): number {
  let won = 0;
  let pairs = 0;
  for (let i = 0; i < scores.length; i++) {
    for (let j = 0; j < scores.length; j++) {
      if (isAnomaly[i] !== 1 || isAnomaly[j] !== 0) continue;
      pairs++;
      won += (1 + Math.sign(scores[i]! - scores[j]!)) / 2;
    }
  }
  return won / pairs;
}

test('ranks rows as scikit-learn does, no further apart than two of its own seeds', () => {
  const rows = new Float32Array(bytesOf('isolation-forest-rows.f32'));
  const isAnomaly = new Uint8Array(bytesOf('isolation-forest-is-anomaly.u8'));
  const seed0 = new Float64Array(bytesOf('isolation-forest-scores-seed0.f64'));
  const seed1 = new Float64Array(bytesOf('isolation-forest-scores-seed1.f64'));

  const scores = scoreIsolationForest(fitIsolationForest(rows, 10, { seed: 1 }), rows);

  assert.ok(spearman(seed0, scores) >= 0.93, `seed 0: ${spearman(seed0, scores)}`);
  assert.ok(spearman(seed1, scores) >= 0.93, `seed 1: ${spearman(seed1, scores)}`);
  assert.ok(Math.abs(areaUnderCurve(scores, isAnomaly) - areaUnderCurve(seed0, isAnomaly)) <= 0.03);
});

test('sees a broken correlation better when splits have a slope', () => {
  const rng = createRng(5);
  const rows = new Float32Array(4000);
  for (let i = 0; i < 2000; i++) {
    const shared = rng.normal();
    const sign = i < 1960 ? 1 : -1;
    rows.set([shared + 0.05 * rng.normal(), sign * shared + 0.05 * rng.normal()], i * 2);
  }
  const isAnomaly = Uint8Array.from({ length: 2000 }, (_, i) => (i < 1960 ? 0 : 1));
  const area = (featuresPerSplit: number): number =>
    areaUnderCurve(
      scoreIsolationForest(fitIsolationForest(rows, 2, { seed: 3, featuresPerSplit }), rows),
      isAnomaly,
    );
  assert.ok(area(2) > area(1) + 0.02, `${area(2)} against ${area(1)}`);
});

test('the same seed gives the same forest, another seed another one', () => {
  const rng = createRng(1);
  const rows = Float32Array.from({ length: 3000 }, () => rng.normal());
  const first = fitIsolationForest(rows, 3, { seed: 7, trees: 10, featuresPerSplit: 2 });
  assert.deepEqual(fitIsolationForest(rows, 3, { seed: 7, trees: 10, featuresPerSplit: 2 }), first);
  assert.notDeepEqual(fitIsolationForest(rows, 3, { seed: 8, trees: 10, featuresPerSplit: 2 }), first);
});

test('any finite table gives scores in (0, 1), whatever the order in which rows are scored', () => {
  const table = fc.record({
    columns: fc.integer({ min: 1, max: 5 }),
    values: fc.array(fc.float({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 5, maxLength: 200 }),
    featuresPerSplit: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(table, ({ columns, values, featuresPerSplit }) => {
      const rows = Float32Array.from(values.slice(0, values.length - (values.length % columns)));
      const forest = fitIsolationForest(rows, columns, {
        seed: 1,
        trees: 8,
        sampleSize: 16,
        featuresPerSplit,
      });
      const together = scoreIsolationForest(forest, rows);
      for (let i = 0; i < together.length; i++) {
        const alone = scoreIsolationForest(forest, rows.slice(i * columns, (i + 1) * columns));
        assert.equal(alone[0], together[i]);
        assert.ok(together[i]! > 0 && together[i]! <= 1);
      }
    }),
  );
});

test('constant columns, a single row and NaN are survived', () => {
  const constant = fitIsolationForest(new Float32Array(20), 2, { seed: 1, trees: 3 });
  assert.ok(scoreIsolationForest(constant, new Float32Array(2))[0]! <= 1);
  const single = fitIsolationForest(Float32Array.of(1, 2), 2, { seed: 1, trees: 3 });
  assert.equal(scoreIsolationForest(single, Float32Array.of(9, 9))[0], 1);
  const holes = Float32Array.of(1, Number.NaN, 2, 5, 3, Number.NaN, Number.NaN, 7);
  for (const featuresPerSplit of [1, 2]) {
    const forest = fitIsolationForest(holes, 2, { seed: 1, trees: 5, featuresPerSplit });
    assert.ok(scoreIsolationForest(forest, holes).every(Number.isFinite));
  }
});

test('a matrix that does not fit is refused with a code', () => {
  assert.throws(() => fitIsolationForest(new Float32Array(5), 2, { seed: 1 }), {
    code: 'MLS_MODELS_ANOMALY_SHAPE',
  });
  assert.throws(() => fitIsolationForest(new Float32Array(0), 2, { seed: 1 }), {
    code: 'MLS_MODELS_ANOMALY_DATA',
  });
  const forest = fitIsolationForest(new Float32Array(4), 2, { seed: 1, trees: 1 });
  assert.throws(() => scoreIsolationForest(forest, new Float32Array(3)), {
    code: 'MLS_MODELS_ANOMALY_SHAPE',
  });
});

test('the mean path length follows the paper', () => {
  assert.equal(meanPathLength(1), 0);
  assert.equal(meanPathLength(2), 1);
  assert.ok(Math.abs(meanPathLength(256) - 10.244770920116851) < 1e-9);
});
