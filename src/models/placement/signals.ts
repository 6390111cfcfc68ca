import { HORIZON_MINUTES, QUANTILE_LEVELS } from '#domain';

/**
 * What the other models say about each node, computed once a tick.
 *
 * @remarks Forecasts are ratios of capacity, row-major, shape `[nodes, horizons, 3]` in the order of
 *   `HORIZON_MINUTES` and `QUANTILE_LEVELS`; NaN = no forecast. Health is 0..1, 1 = healthy, NaN = unknown.
 */
export interface NodeSignals {
  readonly cpuForecastRatio: Float32Array;
  readonly memoryForecastRatio: Float32Array;
  readonly health: Float64Array;
}

const HORIZONS = HORIZON_MINUTES.length;
const LEVELS = QUANTILE_LEVELS.length;

export const FORECAST_VALUES_PER_NODE: number = HORIZONS * LEVELS;

/** Signals that know nothing, for a run without the other models. */
export function unknownSignals(nodeCount: number): NodeSignals {
  const unknown = (): Float32Array => new Float32Array(nodeCount * FORECAST_VALUES_PER_NODE).fill(Number.NaN);
  return {
    cpuForecastRatio: unknown(),
    memoryForecastRatio: unknown(),
    health: new Float64Array(nodeCount).fill(Number.NaN),
  };
}

/** Position of one value in a forecast table. */
export function forecastIndex(node: number, horizon: number, level: 0 | 1 | 2): number {
  return node * FORECAST_VALUES_PER_NODE + horizon * LEVELS + level;
}

/** The horizon nearest to the middle of a span: where a mean over that span is read. */
export function horizonForSpan(seconds: number): number {
  const middleMinutes = seconds / 120;
  let nearest = 0;
  for (let h = 1; h < HORIZONS; h++) {
    const distance = Math.abs(Math.log((HORIZON_MINUTES[h] as number) / middleMinutes));
    const best = Math.abs(Math.log((HORIZON_MINUTES[nearest] as number) / middleMinutes));
    if (distance < best) nearest = h;
  }
  return nearest;
}
