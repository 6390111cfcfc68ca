import { DETECTOR } from './config.ts';

/** Watches one kind of slow fault: something that fills up steadily, a leak or a disk, and will soon be full. */
export interface ExhaustionModel {
  readonly stepSeconds: number;
  /** Columns of metrics that are a share of a capacity: 1 = full. */
  readonly exhaustible: Int32Array;
  /** Shape `[exhaustible]`: steepest steady rise of the training span over the length of the watch, 0 and up. */
  readonly largestRises: Float64Array;
}

/**
 * Fits a line through block means of the last two hours. The verdict of a block stands until the next one ends.
 *
 * A rise is a fault when it is steady, steeper than any in training and any that the node itself has lately come
 * through, already high, and would fill the rest within hours.
 */
export class ExhaustionWatch {
  readonly #model: ExhaustionModel;
  readonly #count: number;
  readonly #blockSamples: number;
  readonly #sums: Float64Array;
  readonly #known: Int32Array;
  /** Shape `[nodes, exhaustible, blocks]`: oldest first; the last `filled` are valid. */
  readonly #means: Float64Array;
  readonly #filled: Uint8Array;
  /** Shape `[nodes, exhaustible]`: verdict of the last block, in multiples of what is a fault; 0 = none. */
  readonly #verdicts: Float64Array;
  /** Shape `[nodes, exhaustible]`: steepest rise of the present episode, and of those before it, fading. */
  readonly #present: Float64Array;
  readonly #past: Float64Array;

  constructor(model: ExhaustionModel, nodeCount: number) {
    this.#model = model;
    this.#count = model.exhaustible.length;
    this.#blockSamples = Math.max(1, Math.round(DETECTOR.riseBlockSeconds / model.stepSeconds));
    const states = nodeCount * this.#count;
    this.#sums = new Float64Array(states);
    this.#known = new Int32Array(states);
    this.#means = new Float64Array(states * DETECTOR.riseBlocks);
    this.#filled = new Uint8Array(states);
    this.#verdicts = new Float64Array(states);
    this.#present = new Float64Array(states);
    this.#past = new Float64Array(states);
  }

  /**
   * Takes up one sample of a node.
   *
   * @param tick - Counts the samples of the node from 0.
   */
  update(node: number, sample: Float32Array, tick: number): void {
    for (let i = 0; i < this.#count; i++) {
      const state = node * this.#count + i;
      const value = sample[this.#model.exhaustible[i] as number] as number;
      if (!Number.isNaN(value)) {
        this.#sums[state] = (this.#sums[state] as number) + value;
        this.#known[state] = (this.#known[state] as number) + 1;
      }
      if ((tick + 1) % this.#blockSamples === 0) this.#endBlock(state, i);
    }
  }

  /** 1 and up = a fault by the i-th exhaustible metric; 0 = none. */
  verdict(node: number, i: number): number {
    return this.#verdicts[node * this.#count + i] as number;
  }

  /** Steady rise over the watched time as of the last block, as a share of capacity; 0 when it is not steady. */
  rise(node: number, i: number): number {
    const state = node * this.#count + i;
    const from = state * DETECTOR.riseBlocks;
    if ((this.#filled[state] as number) < DETECTOR.riseBlocks) return 0;
    return steadyRise(this.#means.subarray(from, from + DETECTOR.riseBlocks));
  }

  reset(node: number): void {
    for (let state = node * this.#count; state < (node + 1) * this.#count; state++) {
      this.#sums[state] = this.#known[state] = this.#filled[state] = this.#verdicts[state] = 0;
      this.#present[state] = this.#past[state] = 0;
    }
  }

  #endBlock(state: number, i: number): void {
    const blocks = DETECTOR.riseBlocks;
    const from = state * blocks;
    const known = this.#known[state] as number;
    // A block without a sample breaks the line.
    if (known === 0) this.#filled[state] = 0;
    else {
      this.#means.copyWithin(from, from + 1, from + blocks);
      this.#means[from + blocks - 1] = (this.#sums[state] as number) / known;
      this.#filled[state] = Math.min(blocks, (this.#filled[state] as number) + 1);
    }
    this.#sums[state] = this.#known[state] = 0;
    const isFull = this.#filled[state] === blocks;
    this.#verdicts[state] = isFull ? this.#judge(this.#means.subarray(from, from + blocks), state, i) : 0;
  }

  #judge(means: Float64Array, state: number, i: number): number {
    const rise = steadyRise(means);
    this.#remember(state, rise);
    const known = Math.max(this.#model.largestRises[i] as number, this.#past[state] as number);
    const limit = Math.max(DETECTOR.leastRise, DETECTOR.riseMultiple * known);
    const level = means[means.length - 1] as number;
    if (rise < limit || level < DETECTOR.leastFullRatio) return 0;
    const watchedSeconds = DETECTOR.riseBlockSeconds * (DETECTOR.riseBlocks - 1);
    const secondsToFull = ((1 - level) / rise) * watchedSeconds;
    return secondsToFull <= DETECTOR.exhaustionSeconds ? rise / limit : 0;
  }

  /** A rise that is over becomes something that the node is known to come through. */
  #remember(state: number, rise: number): void {
    this.#past[state] = (this.#past[state] as number) * DETECTOR.riseFadePerBlock;
    if (rise > 0) {
      this.#present[state] = Math.max(this.#present[state] as number, rise);
      return;
    }
    this.#past[state] = Math.max(this.#past[state] as number, this.#present[state] as number);
    this.#present[state] = 0;
  }
}

/** Rise of the least-squares line from the first to the last mean; 0 where the line does not explain them. */
function steadyRise(means: Float64Array): number {
  const n = means.length;
  const middle = (n - 1) / 2;
  const average = means.reduce((sum, value) => sum + value, 0) / n;
  let cross = 0;
  let squaresX = 0;
  let squaresY = 0;
  for (let k = 0; k < n; k++) {
    const y = (means[k] as number) - average;
    cross += (k - middle) * y;
    squaresX += (k - middle) ** 2;
    squaresY += y * y;
  }
  const explained = squaresY === 0 ? 0 : (cross * cross) / (squaresX * squaresY);
  return cross > 0 && explained >= DETECTOR.leastExplained ? (cross / squaresX) * (n - 1) : 0;
}
