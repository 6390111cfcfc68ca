import { mean, quantileOfSorted, standardDeviation } from '#kernel/stats';

/** Centre and scale of each metric, learned from one span and insensitive to its outliers. */
export interface RobustScale {
  /** Shape `[metrics]`: median; NaN where the metric was never known. */
  readonly centres: Float64Array;
  /** Shape `[metrics]`, above 0: MAD times 1.4826, in the metric's own unit. */
  readonly scales: Float64Array;
}

/** MAD to standard deviation of a normal distribution. */
const MAD_TO_SIGMA = 1.4826;
/** Below this share of a metric's range a MAD says little (most values are equal): the deviation is used. */
const MAD_SHARE = 0.001;
/** No scale is smaller than this share of the range: a z of 1 must mean a visible change. */
const FLOOR_SHARE = 0.01;

/**
 * Median and median absolute deviation of each column.
 *
 * @param rows - Row-major, shape `[rowCount, metricCount]`; NaN values are left out.
 * @returns Scales are never 0: for a metric that does not vary the floor is 1 % of its size, at least 0.01.
 */
export function fitRobustScale(rows: Float32Array, metricCount: number): RobustScale {
  const centres = new Float64Array(metricCount);
  const scales = new Float64Array(metricCount);
  for (let metric = 0; metric < metricCount; metric++) {
    const sorted = sortedColumn(rows, metricCount, metric);
    const centre = quantileOfSorted(sorted, 0.5);
    centres[metric] = centre;
    scales[metric] = scaleOf(sorted, centre);
  }
  return { centres, scales };
}

function sortedColumn(rows: Float32Array, metricCount: number, metric: number): Float64Array {
  const column = new Float64Array(rows.length / metricCount);
  for (let i = 0; i < column.length; i++) column[i] = rows[i * metricCount + metric] as number;
  return column.filter((value) => !Number.isNaN(value)).sort();
}

function scaleOf(sorted: Float64Array, centre: number): number {
  if (sorted.length === 0) return 1;
  const range = (sorted[sorted.length - 1] as number) - (sorted[0] as number);
  if (range === 0) return FLOOR_SHARE * Math.max(1, Math.abs(centre));
  const deviations = sorted.map((value) => Math.abs(value - centre)).sort();
  const mad = MAD_TO_SIGMA * quantileOfSorted(deviations, 0.5);
  const spread = mad < MAD_SHARE * range ? standardDeviation(sorted) : mad;
  return Math.max(spread, FLOOR_SHARE * range);
}

/**
 * The one-line detector that every other one must beat: the largest robust z over the metrics.
 *
 * @param rows - Row-major, shape `[rowCount, metrics]`; unknown values take no part.
 * @returns Shape `[rowCount]`, 0 and up, in sigmas; higher is worse. NaN for a row without any known value.
 */
export function scoreRobustZ(scale: RobustScale, rows: Float32Array): Float64Array {
  const { centres, scales } = scale;
  const metricCount = centres.length;
  const scores = new Float64Array(rows.length / metricCount).fill(Number.NaN);
  for (let i = 0; i < scores.length; i++) {
    for (let j = 0; j < metricCount; j++) {
      const z =
        Math.abs((rows[i * metricCount + j] as number) - (centres[j] as number)) / (scales[j] as number);
      if (z > (scores[i] as number) || Number.isNaN(scores[i] as number)) scores[i] = z;
    }
  }
  return scores;
}

/** Mean and standard deviation of each column: the scale of methods that think in variances. */
export function fitStandardScale(rows: Float32Array, metricCount: number): RobustScale {
  const centres = new Float64Array(metricCount);
  const scales = new Float64Array(metricCount);
  for (let metric = 0; metric < metricCount; metric++) {
    const sorted = sortedColumn(rows, metricCount, metric);
    const range = sorted.length > 0 ? (sorted[sorted.length - 1] as number) - (sorted[0] as number) : 0;
    centres[metric] = mean(sorted);
    const floor = FLOOR_SHARE * (range > 0 ? range : Math.max(1, Math.abs(centres[metric] as number)));
    scales[metric] = Math.max(sorted.length > 0 ? standardDeviation(sorted) : 0, floor);
  }
  return { centres, scales };
}
