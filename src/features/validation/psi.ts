import { quantileOfSorted } from '#kernel/stats';

const BINS = 10;
/** A bin that one side has nothing in counts as this share, so that the index stays finite. */
const SMALLEST_SHARE = 1e-4;

/**
 * Population stability index of two samples over the deciles of the first (Siddiqi 2006): the sum over bins of
 * `(q - p) * ln(q / p)`. Below 0.1 little has changed, above 0.25 much has.
 *
 * @param reference - Ascending, without NaN.
 * @param current - Any order, without NaN.
 * @returns NaN when either is empty; 0 when both are the same constant.
 * @remarks Borders that coincide (many equal values) are one border: a bin `i` holds `border[i-1] < x <= border[i]`.
 */
export function stabilityIndex(reference: Float64Array, current: Float64Array): number {
  if (reference.length === 0 || current.length === 0) return Number.NaN;
  const borders: number[] = [];
  for (let i = 1; i < BINS; i++) {
    const border = quantileOfSorted(reference, i / BINS);
    if (border !== borders.at(-1)) borders.push(border);
  }
  const expected = sharesOf(reference, borders);
  const found = sharesOf(current, borders);
  return expected.reduce((sum, share, i) => {
    const p = Math.max(share, SMALLEST_SHARE);
    const q = Math.max(found[i] as number, SMALLEST_SHARE);
    return sum + (q - p) * Math.log(q / p);
  }, 0);
}

function sharesOf(values: Float64Array, borders: readonly number[]): number[] {
  const counts = Array.from({ length: borders.length + 1 }, () => 0);
  for (const value of values) {
    let bin = 0;
    while (bin < borders.length && value > (borders[bin] as number)) bin++;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts.map((count) => count / values.length);
}
