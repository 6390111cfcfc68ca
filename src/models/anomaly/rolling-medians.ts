/**
 * The median of the recent past of many columns at once: the short-term expectation of each metric.
 *
 * Keeps `slots` values a column and takes up one sample in `stride`, so a window of hours costs the memory of
 * an hour. While a column is filling it takes every sample.
 *
 * @remarks State of one column depends on its own samples and the tick count only. Update O(slots).
 */
export class RollingMedians {
  readonly #slots: number;
  readonly #stride: number;
  /** Shape `[columns, slots]`: values in order of arrival, as a ring. */
  readonly #ring: Float32Array;
  /** Shape `[columns, slots]`: the same values ascending; the first `count` are valid. */
  readonly #sorted: Float32Array;
  readonly #counts: Uint16Array;
  readonly #heads: Uint16Array;

  constructor(columns: number, slots: number, stride: number) {
    this.#slots = slots;
    this.#stride = stride;
    this.#ring = new Float32Array(columns * slots);
    this.#sorted = new Float32Array(columns * slots);
    this.#counts = new Uint16Array(columns);
    this.#heads = new Uint16Array(columns);
  }

  /** Values kept of a column. */
  count(column: number): number {
    return this.#counts[column] as number;
  }

  /** Median of the values kept; NaN for an empty column. */
  median(column: number): number {
    const count = this.#counts[column] as number;
    if (count === 0) return Number.NaN;
    const start = column * this.#slots;
    const low = this.#sorted[start + ((count - 1) >> 1)] as number;
    const high = this.#sorted[start + (count >> 1)] as number;
    return (low + high) / 2;
  }

  /**
   * Takes up a sample if its turn has come.
   *
   * @param value - Finite; leave NaN out.
   * @param tick - Counts the samples of the node from 0.
   */
  push(column: number, value: number, tick: number): void {
    const count = this.#counts[column] as number;
    if (count < this.#slots) {
      const at = column * this.#slots;
      this.#ring[at + count] = value;
      this.#insert(at, count, Math.fround(value));
      this.#counts[column] = count + 1;
    } else if (tick % this.#stride === 0) {
      this.#replaceOldest(column, Math.fround(value));
    }
  }

  /** Forgets everything of a column. */
  clear(column: number): void {
    this.#counts[column] = 0;
    this.#heads[column] = 0;
  }

  // hot: test/bench/anomaly.bench.ts
  #insert(start: number, count: number, value: number): void {
    const sorted = this.#sorted;
    let at = start + count;
    while (at > start && (sorted[at - 1] as number) > value) {
      sorted[at] = sorted[at - 1] as number;
      at--;
    }
    sorted[at] = value;
  }

  // hot: test/bench/anomaly.bench.ts
  #replaceOldest(column: number, value: number): void {
    const start = column * this.#slots;
    const head = this.#heads[column] as number;
    const oldest = this.#ring[start + head] as number;
    this.#ring[start + head] = value;
    this.#heads[column] = head + 1 === this.#slots ? 0 : head + 1;
    const sorted = this.#sorted;
    let at = this.#find(start, oldest);
    const last = start + this.#slots - 1;
    while (at < last && (sorted[at + 1] as number) < value) {
      sorted[at] = sorted[at + 1] as number;
      at++;
    }
    while (at > start && (sorted[at - 1] as number) > value) {
      sorted[at] = sorted[at - 1] as number;
      at--;
    }
    sorted[at] = value;
  }

  /** Position of a value that is certainly there (binary search). */
  #find(start: number, value: number): number {
    let low = start;
    let high = start + this.#slots - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] as number) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
