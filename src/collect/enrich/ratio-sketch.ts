/** Bins are this much apart, so a quantile is off by less than half of it. */
const GROWTH = 1.04;
const LOWEST = 1e-4;
const HIGHEST = 1e3;
const BINS = Math.ceil(Math.log(HIGHEST / LOWEST) / Math.log(GROWTH)) + 1;

/** Mean, spread, quantiles and largest value of many positive numbers, in fixed space. */
export class RatioSketch {
  count = 0;
  max = Number.NaN;
  private sum = 0;
  private squares = 0;
  private readonly bins = new Uint32Array(BINS);

  /** NaN and negative values are left out. */
  add(value: number): void {
    if (!(value >= 0)) return;
    this.count++;
    this.sum += value;
    this.squares += value * value;
    this.max = Number.isNaN(this.max) ? value : Math.max(this.max, value);
    const bin = value <= LOWEST ? 0 : Math.round(Math.log(value / LOWEST) / Math.log(GROWTH));
    const at = Math.min(bin, BINS - 1);
    this.bins[at] = (this.bins[at] as number) + 1;
  }

  /** NaN when empty. */
  get mean(): number {
    return this.sum / this.count;
  }

  /** Population standard deviation; NaN when empty. */
  get sd(): number {
    return Math.sqrt(Math.max(0, this.squares / this.count - this.mean ** 2));
  }

  /** Quantile within 2 % of its value; NaN when empty. */
  quantile(level: number): number {
    if (this.count === 0) return Number.NaN;
    const wanted = level * (this.count - 1);
    let seen = 0;
    for (let bin = 0; bin < BINS; bin++) {
      seen += this.bins[bin] as number;
      if (seen > wanted) return bin === 0 ? 0 : Math.min(this.max, LOWEST * GROWTH ** bin);
    }
    return this.max;
  }
}
