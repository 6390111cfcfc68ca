import { DETECTOR, spansOf } from './config.ts';
import type { Spans } from './config.ts';
import { RecentExtremes } from './recent-extremes.ts';
import { RollingMedians } from './rolling-medians.ts';

/** The part of a model that votes. */
export interface VoteModel {
  readonly stepSeconds: number;
  readonly scales: Float64Array;
  readonly dailyExtremes: Float64Array;
  /** Shape `[metrics]`, in the metric's unit: the largest deviation of all training; `Number.MAX_VALUE` = not known. */
  readonly largestDeviations: Float64Array;
}

/**
 * Counts how many metrics of a node are out of the ordinary at once, one sample at a time, for many nodes.
 *
 * Each metric is compared with the median of its last hours. Its deviation is measured in the larger of two
 * scales: what is ordinary in training, and what the metric has lately done three times a day. So a level
 * shift, a new hourly job or a busier season stop being news by themselves, without labels. Votes saturate: the
 * sum says how many metrics moved rather than how far one did.
 *
 * @remarks Nodes do not influence each other: any subset gives the same votes. About 1 KiB a metric and node.
 */
export class VoteCounter {
  readonly #model: VoteModel;
  readonly #spans: Spans;
  readonly #metricCount: number;
  readonly #medians: RollingMedians;
  readonly #extremes: RecentExtremes;
  readonly #ticks: Int32Array;
  /** Shape `[metrics]`: signed sigmas of the node counted last; NaN where unknown. */
  readonly sigmas: Float64Array;
  /** Shape `[metrics]`, in the metric's unit: deviations from the median of the node counted last; NaN where unknown. */
  readonly deviations: Float64Array;
  /** Shape `[metrics]`: vote of each metric of the node counted last, in 0..1; 0 where unknown. */
  readonly votes: Float32Array;
  /** Metrics that were judged for the node counted last. */
  judged = 0;
  /** Largest deviation of the node counted last, in multiples of its metric's largest in training. */
  unheardOf = 0;

  constructor(model: VoteModel, nodeCount: number) {
    this.#model = model;
    this.#spans = spansOf(model.stepSeconds);
    this.#metricCount = model.scales.length;
    const columns = nodeCount * this.#metricCount;
    this.#medians = new RollingMedians(columns, DETECTOR.baselineSlots, this.#spans.stride);
    this.#extremes = new RecentExtremes(columns, DETECTOR.memoryBlocks);
    this.#ticks = new Int32Array(nodeCount);
    this.sigmas = new Float64Array(this.#metricCount);
    this.deviations = new Float64Array(this.#metricCount);
    this.votes = new Float32Array(this.#metricCount);
    for (let node = 0; node < nodeCount; node++) this.#seed(node);
  }

  /** Forgets a node's past: another machine has taken its place. */
  reset(node: number): void {
    const first = node * this.#metricCount;
    for (let metric = 0; metric < this.#metricCount; metric++) this.#medians.clear(first + metric);
    this.#ticks[node] = 0;
    this.#seed(node);
  }

  #seed(node: number): void {
    const first = node * this.#metricCount;
    for (let metric = 0; metric < this.#metricCount; metric++) {
      this.#extremes.seed(first + metric, this.#model.dailyExtremes[metric] as number);
    }
  }

  /**
   * Judges one sample of a node, then learns from it.
   *
   * @param rows - Holds the sample at `offset`, shape `[metrics]`; NaN = unknown, never 0.
   * @returns Votes, 0 up to the number of metrics; NaN when no metric has enough history.
   */
  count(node: number, rows: Float32Array, offset: number): number {
    const tick = this.#ticks[node] as number;
    const first = node * this.#metricCount;
    const block = Math.floor(tick / this.#spans.blockSamples);
    if (tick % this.#spans.blockSamples === 0 && tick > 0) {
      for (let metric = 0; metric < this.#metricCount; metric++) this.#extremes.begin(first + metric, block);
    }
    this.#ticks[node] = tick + 1;
    this.judged = 0;
    this.unheardOf = 0;
    let sum = 0;
    let strongest = 0;
    for (let metric = 0; metric < this.#metricCount; metric++) {
      const value = rows[offset + metric] as number;
      this.deviations[metric] = Number.NaN;
      const sigma = Number.isNaN(value) ? Number.NaN : this.#judge(first, metric, value, block);
      if (!Number.isNaN(value)) this.#medians.push(first + metric, value, tick);
      if (!Number.isNaN(sigma)) this.judged++;
      const vote = voteOf(Math.abs(sigma));
      this.sigmas[metric] = sigma;
      this.votes[metric] = vote;
      sum += vote;
      if (vote > strongest) strongest = vote;
    }
    return this.judged === 0 ? Number.NaN : sum - DETECTOR.strongestVoteDiscount * strongest;
  }

  #judge(first: number, metric: number, value: number, block: number): number {
    const column = first + metric;
    if (this.#medians.count(column) < this.#spans.minHistory) return Number.NaN;
    const deviation = value - this.#medians.median(column);
    this.deviations[metric] = deviation;
    const remembered = this.#extremes.third(column, block) / DETECTOR.memorySigmas;
    this.#extremes.push(column, block, Math.abs(deviation));
    const multiple = Math.abs(deviation) / (this.#model.largestDeviations[metric] as number);
    if (multiple > this.unheardOf) this.unheardOf = multiple;
    return deviation / Math.max(this.#model.scales[metric] as number, remembered);
  }
}

/** Vote of a deviation of `sigma` (0 and up) sigmas, in 0..1; 0 for NaN. */
export function voteOf(sigma: number): number {
  const excess = sigma - DETECTOR.voteFromSigmas;
  return excess > 0 ? excess / (excess + DETECTOR.voteHalfSigmas) : 0;
}
