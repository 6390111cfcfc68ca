import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { DEFAULT_SCORE_WEIGHTS, SCORE_PARTS } from '#domain';
import type { Decision } from '#domain';

import { createPartTable } from './combine.ts';
import type { PartTable } from './combine.ts';
import { decide, rankTotals } from './decide.ts';

function decideOn(parts: PartTable, sigmas = 0, uncertainty = 0): Decision {
  const count = parts.forecast.length;
  return decide({
    pod: 'shop/cart-1',
    nodeNames: Array.from({ length: count }, (_, i) => `node-${i}`),
    candidates: Int32Array.from({ length: count }, (_, i) => i),
    count,
    parts,
    unknownReason: () => 'stale',
    weights: DEFAULT_SCORE_WEIGHTS,
    abstention: { uncertainty, sigmas },
  });
}

function partsOf(rows: readonly (readonly [number, number, number])[]): PartTable {
  const parts = createPartTable(rows.length);
  rows.forEach(([forecast, placement, health], i) => {
    parts.forecast[i] = forecast;
    parts.placement[i] = placement;
    parts.health[i] = health;
  });
  return parts;
}

test('the best node is chosen and the runner-up, margin and flips are told', () => {
  const decision = decideOn(
    partsOf([
      [0.5, 0.5, 1],
      [0.9, 0.6, 1],
      [0.1, 0.9, 0.2],
    ]),
  );

  assert.ok(decision.kind === 'scored');
  assert.equal(decision.chosen.node, 'node-1');
  assert.equal(decision.runnerUp?.node, 'node-0');
  assert.ok(Math.abs(decision.margin - 0.16) < 1e-12);
  assert.deepEqual(
    decision.flips.map((flip) => flip.part),
    ['placement', 'forecast', 'health'],
  );
  assert.ok(Math.abs((decision.flips[0]?.winnerDrop ?? 0) - 0.4) < 1e-12);
});

test('applying a flip condition makes the runner-up win', () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(unit, unit, unit), { minLength: 2, maxLength: 8 }), (rows) => {
      const decision = decideOn(partsOf(rows));
      assert.ok(decision.kind === 'scored');
      const winner = Number(decision.chosen.node.slice(5));
      for (const flip of decision.flips) {
        const parts = partsOf(rows);
        parts[flip.part][winner] = Math.max(0, (parts[flip.part][winner] as number) - flip.winnerDrop - 1e-9);
        const changed = decideOn(parts);
        assert.ok(changed.kind === 'scored');
        if ((parts[flip.part][winner] as number) > 0)
          assert.notEqual(changed.chosen.node, decision.chosen.node);
      }
    }),
  );
});

test('no candidate, no model and a lead within the uncertainty are abstentions', () => {
  assert.deepEqual(decideOn(createPartTable(0)), {
    kind: 'abstained',
    pod: 'shop/cart-1',
    reason: 'no-candidate',
  });
  assert.deepEqual(decideOn(createPartTable(2)), {
    kind: 'abstained',
    pod: 'shop/cart-1',
    reason: 'no-model',
  });
  const close = partsOf([
    [0.5, 0.5, 1],
    [0.51, 0.5, 1],
  ]);
  assert.equal(decideOn(close, 1, 0.05).kind, 'abstained');
  assert.equal(decideOn(close, 1, 0.0001).kind, 'scored');
  assert.equal(decideOn(close, 0, 0.05).kind, 'scored');
});

test('an unknown part keeps its reason in the record', () => {
  const decision = decideOn(
    partsOf([
      [Number.NaN, 0.5, 1],
      [0.5, 0.4, 1],
    ]),
  );

  assert.ok(decision.kind === 'scored');
  assert.deepEqual(decision.candidates[0]?.parts.forecast, { kind: 'unknown', reason: 'stale' });
  assert.ok(SCORE_PARTS.every((part) => decision.candidates[1]?.parts[part].kind === 'scored'));
});

test('equal totals go to the lowest identity whatever the order', () => {
  const totals = Float64Array.of(0.5, 0.7, 0.7);

  assert.equal(rankTotals(totals, Int32Array.of(4, 9, 2), 3).best, 2);
  assert.equal(rankTotals(totals, Int32Array.of(4, 2, 9), 3).best, 1);
});
