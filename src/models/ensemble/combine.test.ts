import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { DEFAULT_SCORE_WEIGHTS, SCORE_PARTS } from '#domain';
import type { ScoreWeights } from '#domain';

import { combineParts, createPartTable, effectiveWeights, normaliseWeights } from './combine.ts';
import type { PartTable } from './combine.ts';

const score = fc.oneof(
  { weight: 5, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  { weight: 1, arbitrary: fc.constant(Number.NaN) },
);

const tables = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc
    .tuple(...SCORE_PARTS.map(() => fc.array(score, { minLength: count, maxLength: count })))
    .map(([forecast, placement, health]) => ({
      forecast: Float64Array.from(forecast as number[]),
      placement: Float64Array.from(placement as number[]),
      health: Float64Array.from(health as number[]),
    })),
);

function totalsOf(parts: PartTable, weights: ScoreWeights = DEFAULT_SCORE_WEIGHTS): Float64Array {
  const totals = new Float64Array(parts.forecast.length);
  combineParts(parts, weights, totals.length, totals);
  return totals;
}

test('a total lies in 0..1, or is unknown for all when nothing is known', () => {
  fc.assert(
    fc.property(tables, (parts) => {
      const totals = totalsOf(parts);
      const isAllUnknown = SCORE_PARTS.every((part) => parts[part].every(Number.isNaN));
      for (const total of totals) {
        if (isAllUnknown) assert.ok(Number.isNaN(total));
        else assert.ok(total >= 0 && total <= 1, `${total}`);
      }
    }),
  );
});

test('the order of the candidates does not matter', () => {
  fc.assert(
    fc.property(tables, (parts) => {
      const reversed = {
        forecast: parts.forecast.toReversed(),
        placement: parts.placement.toReversed(),
        health: parts.health.toReversed(),
      };
      const straight = totalsOf(parts);
      const back = totalsOf(reversed).toReversed();
      for (let i = 0; i < straight.length; i++) {
        const difference = Math.abs((straight[i] as number) - (back[i] as number));
        assert.ok(Number.isNaN(straight[i]) ? Number.isNaN(back[i]) : difference < 1e-12);
      }
    }),
  );
});

test('lowering one part of a candidate never raises its total', () => {
  fc.assert(
    fc.property(
      tables,
      fc.constantFrom(...SCORE_PARTS),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (parts, part, fall) => {
        const before = totalsOf(parts)[0] as number;
        fc.pre(!Number.isNaN(parts[part][0]));
        parts[part][0] = (parts[part][0] as number) * fall;
        assert.ok((totalsOf(parts)[0] as number) <= before + 1e-12);
      },
    ),
  );
});

test('the share of a missing model is spread over the others in proportion', () => {
  const parts = createPartTable(2);
  parts.placement.set([0.5, 1]);
  parts.health.set([1, 0]);

  const totals = totalsOf(parts);

  assert.deepEqual(effectiveWeights(parts, DEFAULT_SCORE_WEIGHTS, 2).forecast, 0);
  assert.ok(Math.abs((totals[0] as number) - (0.4 * 0.5 + 0.3) / 0.7) < 1e-12);
  assert.ok(Math.abs((totals[1] as number) - 0.4 / 0.7) < 1e-12);
});

test('a part known for some candidates only is neutral for the rest', () => {
  const parts = createPartTable(3);
  parts.placement.set([0.5, 0.5, 0.5]);
  parts.forecast.set([0.2, Number.NaN, 0.8]);

  const totals = totalsOf(parts);

  assert.ok((totals[0] as number) < (totals[1] as number) && (totals[1] as number) < (totals[2] as number));
});

test('weights are checked and scaled to sum 1', () => {
  assert.deepEqual(normaliseWeights({ forecast: 3, placement: 4, health: 3 }), DEFAULT_SCORE_WEIGHTS);
  for (const wrong of [-1, Number.NaN]) {
    assert.throws(() => normaliseWeights({ forecast: wrong, placement: 1, health: 1 }), {
      code: 'MLS_MODELS_ENSEMBLE_WEIGHTS',
    });
  }
  assert.throws(() => normaliseWeights({ forecast: 0, placement: 0, health: 0 }), {
    code: 'MLS_MODELS_ENSEMBLE_WEIGHTS',
  });
});

test('a table that is too short is refused', () => {
  const parts = { ...createPartTable(3), health: new Float64Array(2) };

  assert.throws(() => combineParts(parts, DEFAULT_SCORE_WEIGHTS, 3, new Float64Array(3)), {
    code: 'MLS_MODELS_ENSEMBLE_SHAPE',
  });
});
