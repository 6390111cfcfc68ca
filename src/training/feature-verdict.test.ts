import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRng } from '#kernel/rng';
import { compareErrors, type PairedErrors } from '#training';

const HOUR_MS = 3_600_000;

/** Errors of 24 rows a day; those of B are A's times `factor`, with noise of their own. */
function pairs(days: number, factor: number, seed = 1): PairedErrors {
  const rng = createRng(seed);
  const count = days * 24;
  const errorsA = Float32Array.from({ length: count }, () => 0.05 + 0.02 * Math.abs(rng.normal()));
  return {
    target: 'cpu',
    horizonMinutes: 15,
    machines: Array.from({ length: count }, (_, i) => `m${i % 2}`),
    originsMs: Float64Array.from({ length: count }, (_, i) => i * HOUR_MS),
    errorsA,
    errorsB: errorsA.map((error) => error * (factor + 0.05 * rng.normal())),
  };
}

describe('the verdict over two feature sets', () => {
  test('names the better one when the interval leaves no doubt', () => {
    const better = compareErrors([pairs(20, 0.9)], 1);
    assert.equal(better.verdict, 'b-better');
    assert.ok(Math.abs(better.improvementRatio - 0.1) < 0.02);
    assert.ok(better.ci95[0] > 0 && better.ci95[0] < better.improvementRatio);
    assert.equal(better.machineDays, 40);
    assert.equal(compareErrors([pairs(20, 1.1)], 1).verdict, 'a-better');
  });

  test('sees no difference where there is none, in nearly all of 100 draws', () => {
    const verdicts = Array.from(
      { length: 100 },
      (_, seed) => compareErrors([pairs(10, 1, seed)], seed).verdict,
    );
    const alarms = verdicts.filter((verdict) => verdict !== 'no-difference').length;

    assert.ok(alarms <= 14, `${alarms} of 100 verdicts were wrong`);
  });

  test('gives none on a handful of days', () => {
    assert.equal(compareErrors([pairs(2, 0.5)], 1).verdict, 'too-little-data');
  });

  test('lets each part weigh the same, whatever the size of its errors', () => {
    const large = pairs(20, 1.1);
    const scaled = {
      ...large,
      errorsA: large.errorsA.map((e) => e * 100),
      errorsB: large.errorsB.map((e) => e * 100),
    };
    const both = compareErrors([pairs(20, 0.9), scaled], 1);

    assert.ok(Math.abs(both.improvementRatio) < 0.01);
    assert.equal(both.points, 960);
  });

  test('is the same for the same seed', () => {
    assert.deepEqual(compareErrors([pairs(12, 0.95)], 7), compareErrors([pairs(12, 0.95)], 7));
  });
});
