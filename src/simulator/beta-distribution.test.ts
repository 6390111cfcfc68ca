import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { betaCdf } from './beta-distribution.ts';

test('the beta distribution agrees with its closed forms', () => {
  const cases = [
    { name: 'uniform', x: 0.37, alpha: 1, beta: 1, expected: 0.37 },
    { name: '3x^2 - 2x^3', x: 0.25, alpha: 2, beta: 2, expected: 0.15625 },
    { name: '1 - (1-x)^3', x: 0.2, alpha: 1, beta: 3, expected: 0.488 },
    { name: 'arcsine', x: 0.25, alpha: 0.5, beta: 0.5, expected: 1 / 3 },
    { name: 'x^40', x: 0.95, alpha: 40, beta: 1, expected: 0.95 ** 40 },
  ];
  for (const { name, x, alpha, beta, expected } of cases) {
    assert.ok(Math.abs(betaCdf(x, alpha, beta) - expected) < 1e-12, name);
  }
});

test('the beta distribution is 0 and 1 at its ends, rises between and mirrors', () => {
  const shape = fc.double({ min: 0.05, max: 200, noNaN: true });
  const point = fc.double({ min: 0.001, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(shape, shape, point, point, (alpha, beta, a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      assert.ok(betaCdf(low, alpha, beta) <= betaCdf(high, alpha, beta) + 1e-12);
      assert.ok(Math.abs(betaCdf(a, alpha, beta) + betaCdf(1 - a, beta, alpha) - 1) < 1e-9);
    }),
  );
  assert.equal(betaCdf(0, 2, 3), 0);
  assert.equal(betaCdf(1, 2, 3), 1);
});
