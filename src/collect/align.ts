import { clamp } from '#kernel/units';
import type { MetricDefinition } from './metric-catalogue.ts';

/** A regular grid of windows `(startMs + i * stepMs, startMs + (i + 1) * stepMs]`, named by their end. */
export interface Grid {
  readonly startMs: number;
  readonly stepMs: number;
  readonly length: number;
}

/** Longer without a sample and a counter's rate says nothing about any one window. */
export const MAX_RATE_INTERVAL_MS = 300_000;

/** What stands in the way of a rate. */
export interface CounterFaults {
  /** Times the counter went down: its process or node restarted. */
  resets: number;
}

/**
 * Makes a counter into rates per second between neighbouring samples.
 *
 * @returns One rate a sample, NaN for the first, after a hole of over 5 minutes, at a reset (what was counted
 *   before and after it cannot be told apart) and where a value is unknown.
 */
export function counterRates(
  timesMs: Float64Array,
  values: Float64Array,
  faults: {
    readonly counted: CounterFaults;
    /** Earlier resets are another day's. */ readonly sinceMs: number;
  },
): Float64Array {
  const rates = new Float64Array(values.length).fill(NaN);
  for (let i = 1; i < values.length; i++) {
    const intervalMs = (timesMs[i] as number) - (timesMs[i - 1] as number);
    const growth = (values[i] as number) - (values[i - 1] as number);
    if (growth < 0 && (timesMs[i] as number) > faults.sinceMs) faults.counted.resets++;
    if (growth >= 0 && intervalMs <= MAX_RATE_INTERVAL_MS) rates[i] = (growth * 1000) / intervalMs;
  }
  return rates;
}

/**
 * Means of the samples in each window of a grid.
 *
 * @returns Shape `[grid.length]`, NaN for windows without a known, finite sample.
 */
export function windowMeans(timesMs: Float64Array, values: Float64Array, grid: Grid): Float64Array {
  const means = new Float64Array(grid.length);
  const counts = scratchCounts(grid.length);
  for (let i = 0; i < timesMs.length; i++) {
    const value = values[i] as number;
    const window = Math.ceil(((timesMs[i] as number) - grid.startMs) / grid.stepMs) - 1;
    if (window < 0 || window >= grid.length || !Number.isFinite(value)) continue;
    means[window] = (means[window] as number) + value;
    counts[window] = (counts[window] as number) + 1;
  }
  for (let i = 0; i < means.length; i++) {
    const count = counts[i] as number;
    means[i] = count === 0 ? NaN : (means[i] as number) / count;
  }
  return means;
}

let counters = new Int32Array(0);

/** Zeros, the same array each time: a large cluster has 100,000 series a round, and garbage of arrays is slow to go. */
function scratchCounts(length: number): Int32Array {
  if (counters.length < length) counters = new Int32Array(length);
  return counters.fill(0, 0, length);
}

/** Folds series of one node into one, window by window; windows that a series does not know are left to the others. */
export class SeriesFold {
  readonly #combine: MetricDefinition['combine'];
  readonly #totals: Float64Array;
  readonly #counts: Int32Array;

  constructor(combine: MetricDefinition['combine'], length: number) {
    this.#combine = combine;
    this.#totals = new Float64Array(length);
    this.#counts = new Int32Array(length);
  }

  add(means: Float64Array): void {
    for (let i = 0; i < means.length; i++) {
      const value = means[i] as number;
      if (Number.isNaN(value)) continue;
      const total = this.#totals[i] as number;
      const isFirst = this.#counts[i] === 0;
      this.#totals[i] = this.#combine === 'max' ? (isFirst ? value : Math.max(total, value)) : total + value;
      this.#counts[i] = (this.#counts[i] as number) + 1;
    }
  }

  /** Shape `[length]`, NaN where no series knew a value. Ends the fold: the array is its own. */
  finish(shape: MetricDefinition['shape']): Float64Array {
    const totals = this.#totals;
    for (let i = 0; i < totals.length; i++) {
      const count = this.#counts[i] as number;
      const value = this.#combine === 'mean' ? (totals[i] as number) / count : (totals[i] as number);
      totals[i] = count === 0 ? NaN : shaped(value, shape);
    }
    return totals;
  }
}

function shaped(value: number, shape: MetricDefinition['shape']): number {
  if (shape === 'plain') return value;
  return clamp(shape === 'complement' ? 1 - value : value, 0, 1);
}
