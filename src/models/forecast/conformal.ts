import { quantileOfSorted } from '#kernel/stats';

import type { ConformalOffsets } from './types.ts';

/** Share of the truth that may lie outside on each side of a 90 % interval. */
const TAIL = 0.05;

/** Raw interval and truth of the calibration rows, all in deviations from the last value. */
export interface CalibrationRows {
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly truth: Float32Array;
}

/**
 * Conformalised quantile regression (Romano, Patterson and Candes 2019), each tail by itself: the offset is the
 * `(1 - TAIL)(1 + 1/n)` quantile of how far the truth lies outside that end.
 *
 * @returns `{low: 0, high: 0}` without rows.
 */
export function conformalOffsets({ low, high, truth }: CalibrationRows): ConformalOffsets {
  const count = truth.length;
  if (count === 0) return { low: 0, high: 0 };
  const level = Math.min(1, (1 - TAIL) * (1 + 1 / count));
  const below = Float64Array.from(truth, (value, i) => (low[i] as number) - value).sort();
  const above = Float64Array.from(truth, (value, i) => value - (high[i] as number)).sort();
  return { low: quantileOfSorted(below, level), high: quantileOfSorted(above, level) };
}

/** Share of the rows whose truth lies inside the interval, ends included. */
export function coverage({ low, high, truth }: CalibrationRows): number {
  let inside = 0;
  for (let i = 0; i < truth.length; i++) {
    const value = truth[i] as number;
    if (value >= (low[i] as number) && value <= (high[i] as number)) inside++;
  }
  return inside / truth.length;
}
