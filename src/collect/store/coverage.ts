import { DAY_MS } from '#kernel/units';

/** Which steps of one day are stored, per node; the cluster's own rows go under the empty name. */
export class DayCoverage {
  readonly steps: number;
  readonly #stepMs: number;
  readonly #startMs: number;
  readonly #known = new Map<string, Uint8Array>();

  /** @param startMs - Midnight. */
  constructor(startMs: number, stepMs: number) {
    this.#startMs = startMs;
    this.#stepMs = stepMs;
    this.steps = Math.floor(DAY_MS / stepMs);
  }

  /** True when the row that ends at `timeMs` is stored. */
  has(node: string, timeMs: number): boolean {
    const step = this.#stepOf(timeMs);
    return (((this.#known.get(node)?.[step >> 3] ?? 0) >> (step & 7)) & 1) === 1;
  }

  add(node: string, timeMs: number): void {
    const step = this.#stepOf(timeMs);
    if (step < 0 || step >= this.steps) return;
    let bits = this.#known.get(node);
    if (bits === undefined) {
      bits = new Uint8Array((this.steps + 7) >> 3);
      this.#known.set(node, bits);
    }
    bits[step >> 3] = (bits[step >> 3] as number) | (1 << (step & 7));
  }

  nodes(): IterableIterator<string> {
    return this.#known.keys();
  }

  /**
   * First and last step that a node lacks.
   *
   * @param fromMs - Steps that end after it.
   * @param toMs - Steps that end at or before it.
   * @returns Ends of the two steps, epoch milliseconds; undefined when none is missing.
   */
  missing(node: string, fromMs: number, toMs: number): { firstMs: number; lastMs: number } | undefined {
    let firstMs = NaN;
    let lastMs = NaN;
    for (let timeMs = fromMs + this.#stepMs; timeMs <= toMs; timeMs += this.#stepMs) {
      if (this.has(node, timeMs)) continue;
      if (Number.isNaN(firstMs)) firstMs = timeMs;
      lastMs = timeMs;
    }
    return Number.isNaN(firstMs) ? undefined : { firstMs, lastMs };
  }

  /** Steps are named by their end: the first of a day ends one step after midnight. */
  #stepOf(timeMs: number): number {
    return Math.round((timeMs - this.#startMs) / this.#stepMs) - 1;
  }
}
