import { JUDGE_STEP_SECONDS, type LoadSeries, type LoadTarget } from '#domain';
import { valueAt } from '#features';

/** The simple forecasts that ours must beat, and ours. */
export const FORECAST_MODELS = ['mlsched', 'last-value', 'seasonal-naive', 'hour-mean'] as const;
export type ForecastModelName = (typeof FORECAST_MODELS)[number];

const STEP_MS = JUDGE_STEP_SECONDS * 1000;
const DAY_MS = 86_400_000;
const HOUR_WINDOWS = 12;

/** Forecasts of the rivals for one row, 0..1. */
export interface RivalForecasts {
  readonly lastValue: number;
  readonly seasonalNaive: number;
  readonly hourMean: number;
  /** Same time last week, for reports; falls back as `seasonalNaive`. */
  readonly lastWeek: number;
}

/**
 * What the simple rivals say at an origin.
 *
 * @returns `lastValue` is NaN when the last 5 minutes hold no sample: such a row is not judged. The value of
 *   yesterday falls back to the last value where yesterday is unknown.
 */
export function rivalForecasts(
  grid: LoadSeries,
  target: LoadTarget,
  row: { readonly originMs: number; readonly horizonMinutes: number },
): RivalForecasts {
  const lastValue = valueAt(grid, target, row.originMs);
  const truthMs = row.originMs + row.horizonMinutes * 60_000;
  const yesterday = valueAt(grid, target, truthMs - DAY_MS);
  const lastWeek = valueAt(grid, target, truthMs - 7 * DAY_MS);
  return {
    lastValue,
    seasonalNaive: Number.isNaN(yesterday) ? lastValue : yesterday,
    hourMean: hourMean(grid, target, row.originMs),
    lastWeek: Number.isNaN(lastWeek) ? lastValue : lastWeek,
  };
}

/** Mean of the known windows of the last hour. */
function hourMean(grid: LoadSeries, target: LoadTarget, originMs: number): number {
  let sum = 0;
  let count = 0;
  for (let back = 0; back < HOUR_WINDOWS; back++) {
    const value = valueAt(grid, target, originMs - back * STEP_MS);
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return count === 0 ? Number.NaN : sum / count;
}
