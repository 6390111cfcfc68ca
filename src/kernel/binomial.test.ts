import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { clopperPearson } from './binomial.ts';

/** Values of the beta quantiles that define the interval (R: binom.test). */
const KNOWN = [
  { successes: 0, trials: 10, low: 0, high: 0.30849710781876083 },
  { successes: 10, trials: 10, low: 0.6915028921812392, high: 1 },
  { successes: 8, trials: 10, low: 0.4439045376923585, high: 0.9747892736731666 },
  { successes: 47, trials: 50, low: 0.8345180533962271, high: 0.9874514121646659 },
];
for (const { successes, trials, low, high } of KNOWN) {
  test(`${successes} of ${trials} has the exact interval`, () => {
    const found = clopperPearson(successes, trials);
    assert.ok(Math.abs(found.low - low) < 1e-9, `low ${found.low}`);
    assert.ok(Math.abs(found.high - high) < 1e-9, `high ${found.high}`);
  });
}

test('the interval holds the observed share, and each further success moves it up', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.nat(), (trials, draw) => {
      const successes = draw % (trials + 1);
      const { low, high } = clopperPearson(successes, trials);
      assert.ok(low <= successes / trials + 1e-9 && successes / trials <= high + 1e-9);
      if (successes === trials) return;
      const next = clopperPearson(successes + 1, trials);
      assert.ok(next.low >= low && next.high >= high - 1e-12);
    }),
  );
  assert.deepEqual(clopperPearson(0, 0), { mean: Number.NaN, low: 0, high: 1 });
});
