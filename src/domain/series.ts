/** What a load series measures. */
export const LOAD_TARGETS = ['cpu', 'memory'] as const;
export type LoadTarget = (typeof LOAD_TARGETS)[number];

/** Forecast horizons, in minutes after now. */
export const HORIZON_MINUTES = [5, 15, 30, 60] as const;
export type HorizonMinutes = (typeof HORIZON_MINUTES)[number];

/** Quantile levels of a forecast: 5 %, median, 95 %. */
export const QUANTILE_LEVELS = [0.05, 0.5, 0.95] as const;

/** Step at which forecasts are judged, seconds. */
export const JUDGE_STEP_SECONDS = 300;

/**
 * The load of one machine as it was recorded: irregular times are allowed, gaps are simply absent rows.
 *
 * @remarks All arrays have the same length; `timesMs` is strictly increasing; ratios are in 0..1 of the
 *   machine's capacity, NaN where a sample carries no value for that resource.
 */
export interface RawLoadSeries {
  readonly machine: string;
  readonly timesMs: Float64Array;
  readonly cpuUsageRatio: Float32Array;
  /** `undefined` when the source has no memory at all. */
  readonly memoryUsageRatio: Float32Array | undefined;
}

/**
 * The load of one machine on a regular grid.
 *
 * @remarks Value `i` is the mean of the samples in `(startMs + (i - 1) * step, startMs + i * step]`, that is
 *   the window that ENDS at its time; NaN where the window had no sample.
 */
export interface LoadSeries {
  readonly machine: string;
  /** End of the first window, milliseconds since the epoch, a multiple of the step. */
  readonly startMs: number;
  readonly stepSeconds: number;
  readonly values: Readonly<Partial<Record<LoadTarget, Float32Array>>>;
  readonly length: number;
}
