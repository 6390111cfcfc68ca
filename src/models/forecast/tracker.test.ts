import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';

import { createRng } from '#kernel/rng';

import { createForecastTracker, type IssuedForecast, type TrackedBand } from './tracker.ts';

const STEP_MS = 300_000;
const KEY = { machine: 'm', target: 'cpu', horizonMinutes: 15 } as const;

interface World {
  /** Forecast of the model and the truth at a step. */
  readonly at: (step: number) => { model: number; last: number; actual: number };
  readonly steps: number;
  readonly halfWidth: number;
}

/** Plays forecasts 15 minutes ahead as a service would: the truth of a step is told when its time has come. */
function play({ at, steps, halfWidth }: World): { bands: TrackedBand[]; actuals: number[] } {
  const tracker = createForecastTracker();
  const bands: TrackedBand[] = [];
  const actuals: number[] = [];
  for (let step = 0; step < steps; step++) {
    const nowMs = step * STEP_MS;
    if (step >= 3) tracker.observe('m', 'cpu', nowMs, at(step - 3).actual);
    const { model, last, actual } = at(step);
    const issued: IssuedForecast = {
      originMs: nowMs,
      low05: model - halfWidth,
      median: model,
      high95: model + halfWidth,
      fallbacks: [last, Number.NaN, Number.NaN],
      deviation: 0.02,
    };
    bands.push(tracker.correct(KEY, issued));
    actuals.push(actual);
  }
  return { bands, actuals };
}

function meanError(bands: readonly TrackedBand[], actuals: readonly number[]): number {
  return (
    bands.reduce((sum, { median }, i) => sum + Math.abs(median - (actuals[i] as number)), 0) / bands.length
  );
}

describe('the forecast tracker', () => {
  test('moves to the last value where the model is worse, and stays with a model that is better', () => {
    const rng = createRng(1);
    const noise = Float64Array.from({ length: 600 }, () => 0.02 * rng.normal());
    const truth = (step: number): number => 0.5 + (noise[step] as number);
    const bad = play({
      at: (step) => ({ model: truth(step) + 0.1, last: 0.5, actual: truth(step) }),
      steps: 600,
      halfWidth: 0.2,
    });
    const good = play({
      at: (step) => ({ model: truth(step), last: 0.6, actual: truth(step) }),
      steps: 600,
      halfWidth: 0.2,
    });

    assert.ok(meanError(bad.bands.slice(100), bad.actuals.slice(100)) < 0.025);
    assert.ok(meanError(good.bands.slice(100), good.actuals.slice(100)) < 0.005);
  });

  test('brings an interval that is too narrow, or far too wide, to 90 %', () => {
    for (const halfWidth of [0.03, 0.3]) {
      const rng = createRng(2);
      const noise = Float64Array.from({ length: 4000 }, () => 0.05 * rng.normal());
      const { bands, actuals } = play({
        at: (step) => ({ model: 0.5, last: 0.5, actual: 0.5 + (noise[step] as number) }),
        steps: 4000,
        halfWidth,
      });
      const inside = bands.filter(
        ({ low05, high95 }, i) =>
          i >= 1000 && (actuals[i] as number) >= low05 && (actuals[i] as number) <= high95,
      );

      const coverage = inside.length / 3000;
      assert.ok(Math.abs(coverage - 0.9) < 0.02, `covers ${coverage} from ${halfWidth}`);
    }
  });

  test('knows nothing of a truth before it is told: later truths change no earlier band', () => {
    const at = (shift: number) => (step: number) => ({
      model: 0.4,
      last: 0.5,
      actual: step < 50 ? 0.45 : 0.45 + shift,
    });
    const one = play({ at: at(0), steps: 80, halfWidth: 0.1 });
    const other = play({ at: at(0.3), steps: 80, halfWidth: 0.1 });

    assert.deepEqual(one.bands.slice(0, 53), other.bands.slice(0, 53));
    assert.notDeepEqual(one.bands[54], other.bands[54]);
  });

  test('keeps its quantiles in order and in 0..1, whatever it is told', () => {
    const ratio = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(ratio, ratio, ratio), { minLength: 5, maxLength: 60 }), (rows) => {
        const { bands } = play({
          at: (step) => {
            const [model, last, actual] = rows[step] ?? [0, 0, 0];
            return { model, last, actual };
          },
          steps: rows.length,
          halfWidth: 0.05,
        });
        for (const { low05, median, high95 } of bands)
          assert.ok(0 <= low05 && low05 <= median && median <= high95 && high95 <= 1);
      }),
    );
  });

  test('an unknown forecast stays unknown and teaches nothing', () => {
    const tracker = createForecastTracker();
    const band = tracker.correct(KEY, {
      originMs: 0,
      low05: Number.NaN,
      median: Number.NaN,
      high95: Number.NaN,
      fallbacks: [Number.NaN, Number.NaN, Number.NaN],
      deviation: 0.02,
    });
    tracker.observe('m', 'cpu', 15 * 60_000, 0.5);

    assert.ok(Number.isNaN(band.median));
  });
});
