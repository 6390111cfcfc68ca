/** Two-sample Kolmogorov-Smirnov test. */
export interface KolmogorovSmirnov {
  /** Largest distance of the two empirical distributions, 0..1. */
  readonly statistic: number;
  /** Chance of such a distance between samples of one distribution, if their values were independent. */
  readonly pValue: number;
}

/**
 * Compares two samples (Kolmogorov's limit with Stephens' correction for finite samples, 1970).
 *
 * @param a - Ascending, without NaN.
 * @param b - Ascending, without NaN.
 * @returns NaN for both when either is empty.
 * @remarks Samples of a load are not independent, so the p-value is far too small for them: judge by the statistic.
 */
export function compareDistributions(a: Float64Array, b: Float64Array): KolmogorovSmirnov {
  const statistic = largestDistance(a, b);
  const size = Math.sqrt((a.length * b.length) / (a.length + b.length));
  return { statistic, pValue: kolmogorovTail((size + 0.12 + 0.11 / size) * statistic) };
}

function largestDistance(a: Float64Array, b: Float64Array): number {
  if (a.length === 0 || b.length === 0) return Number.NaN;
  let largest = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const value = Math.min(a[i] as number, b[j] as number);
    while (i < a.length && (a[i] as number) <= value) i++;
    while (j < b.length && (b[j] as number) <= value) j++;
    largest = Math.max(largest, Math.abs(i / a.length - j / b.length));
  }
  return largest;
}

/** Upper tail of Kolmogorov's distribution: `2 * sum (-1)^(k-1) exp(-2 k^2 x^2)`. */
function kolmogorovTail(x: number): number {
  if (!(x > 0)) return Number.isNaN(x) ? Number.NaN : 1;
  // Below this the alternating series converges slowly, and the tail is 1 to 12 digits.
  if (x < 0.2) return 1;
  let sum = 0;
  for (let k = 1; k <= 100; k++) {
    const term = Math.exp(-2 * k * k * x * x);
    sum += k % 2 === 1 ? term : -term;
    if (term < 1e-17) break;
  }
  return Math.min(1, Math.max(0, 2 * sum));
}
