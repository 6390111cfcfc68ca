import type { Rng } from './rng.ts';

/** Numbers in any array form. */
export type Numbers = ArrayLike<number>;

/** Arithmetic mean; NaN for an empty input. */
export function mean(values: Numbers): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum / values.length;
}

/** Population standard deviation; NaN for an empty input. */
export function standardDeviation(values: Numbers): number {
  const centre = mean(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += ((values[i] as number) - centre) ** 2;
  return Math.sqrt(squares / values.length);
}

/**
 * Quantile by linear interpolation (type 7, the default of NumPy and R).
 *
 * @param sorted - Ascending, without NaN.
 * @param q - In 0..1.
 * @returns NaN for an empty input.
 */
export function quantileOfSorted(sorted: Numbers, q: number): number {
  if (sorted.length === 0) return Number.NaN;
  const position = (sorted.length - 1) * q;
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  const base = sorted[low] as number;
  return base + ((sorted[high] as number) - base) * (position - low);
}

/** Quantile of unsorted values; NaN values are left out. */
export function quantile(values: Numbers, q: number): number {
  const kept = Float64Array.from(values).filter((value) => !Number.isNaN(value));
  return quantileOfSorted(kept.sort(), q);
}

export function median(values: Numbers): number {
  return quantile(values, 0.5);
}

/** An estimate with its two-sided interval. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Percentile bootstrap interval of a statistic over resampled indices (Efron 1979). Paired data stay paired:
 * the statistic receives indices, so it can look up both members of a pair.
 *
 * @param count - How many observations there are.
 * @param statistic - Value for one resample of indices in [0, count).
 * @param rng - Seeded stream; the same stream gives the same interval.
 * @returns `mean` is the statistic of the data themselves, `[low, high]` the central 95 %.
 */
export function bootstrapInterval(
  count: number,
  statistic: (indices: Int32Array) => number,
  rng: Rng,
  resamples = 2000,
): Interval {
  const indices = Int32Array.from({ length: count }, (_, i) => i);
  const estimate = statistic(indices);
  if (count < 2) return { mean: estimate, low: Number.NaN, high: Number.NaN };
  const draws = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < count; i++) indices[i] = rng.int(count);
    draws[r] = statistic(indices);
  }
  draws.sort();
  return { mean: estimate, low: quantileOfSorted(draws, 0.025), high: quantileOfSorted(draws, 0.975) };
}

/** Ranks from 1, ties share their mean rank. */
function ranks(values: Numbers): Float64Array {
  const order = Int32Array.from({ length: values.length }, (_, i) => i).sort(
    (a, b) => (values[a] as number) - (values[b] as number),
  );
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end] as number] === values[order[start] as number]) end++;
    for (let i = start; i < end; i++) result[order[i] as number] = (start + 1 + end) / 2;
    start = end;
  }
  return result;
}

/** Pearson correlation; NaN where one side is constant. */
function pearson(a: Numbers, b: Numbers): number {
  const meanA = mean(a);
  const meanB = mean(b);
  let cross = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let i = 0; i < a.length; i++) {
    const da = (a[i] as number) - meanA;
    const db = (b[i] as number) - meanB;
    cross += da * db;
    squaresA += da * da;
    squaresB += db * db;
  }
  return cross / Math.sqrt(squaresA * squaresB);
}

/** Spearman's rank correlation with mean ranks for ties. */
export function spearman(a: Numbers, b: Numbers): number {
  return pearson(ranks(a), ranks(b));
}
