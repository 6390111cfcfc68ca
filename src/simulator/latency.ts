/** Counts durations in bins of about 6 % width, so that a million decisions cost no memory. */
export interface LatencyHistogram {
  add(micros: number): void;
  /** Upper edge of the bin that holds the quantile, microseconds; NaN when nothing was added. */
  quantile(q: number): number;
}

const BINS_PER_DOUBLING = 12;
const SMALLEST_MICROS = 0.05;
const BINS = 40 * BINS_PER_DOUBLING;

export function createLatencyHistogram(): LatencyHistogram {
  const counts = new Float64Array(BINS);
  let total = 0;
  return {
    add(micros) {
      const position = Math.log2(Math.max(micros, SMALLEST_MICROS) / SMALLEST_MICROS) * BINS_PER_DOUBLING;
      const bin = Math.min(Math.floor(position), BINS - 1);
      counts[bin] = (counts[bin] as number) + 1;
      total++;
    },
    quantile(q) {
      let seen = 0;
      for (let bin = 0; bin < BINS; bin++) {
        seen += counts[bin] as number;
        if (seen > 0 && seen >= q * total) return SMALLEST_MICROS * 2 ** ((bin + 1) / BINS_PER_DOUBLING);
      }
      return Number.NaN;
    },
  };
}
