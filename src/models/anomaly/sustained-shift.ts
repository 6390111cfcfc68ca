import { DAY_SECONDS, HOUR_SECONDS } from '#kernel/units';

import { DETECTOR } from './config.ts';

/** What is ordinary of rises that last: the soft evidence is measured in it. */
export interface ShiftModel {
  readonly metricNames: readonly string[];
  readonly stepSeconds: number;
  /** Columns of metrics that are a share of a capacity: 1 = full. */
  readonly exhaustible: Int32Array;
  /** Shape `[metrics]`, above 0, in the metric's unit: a rise over ten minutes that training seldom exceeds. */
  readonly shiftScales: Float64Array;
  /** 1 and up: evidence that ordinary history seldom exceeds; a node becomes suspect there. */
  readonly shiftLevel: number;
}

const HOURS = 24;
/** An hour becomes something to compare with so many hours later: what is under way is no habit yet. */
const COMMIT_AFTER_HOURS = 3;

/** 1 where a rise is bad, -1 where a fall is: of what is free. */
export function badDirection(metric: string): 1 | -1 {
  return metric.includes('_available_') ? -1 : 1;
}

/** Weight of a new sample in the smoothed deviation. */
export function shiftWeight(stepSeconds: number): number {
  return Math.min(0.5, stepSeconds / DETECTOR.shiftSeconds);
}

/**
 * Watches for rises that last, of several metrics at once, which this node does not have at this time of day.
 *
 * The deviation of each metric from its five-hour median is smoothed over ten minutes, and measured in the larger of
 * what is ordinary in training and what the node itself did within an hour of this time on earlier days (fading).
 * Of the metrics the second furthest counts, or half of the furthest: one metric alone is often only busy. A share of
 * a capacity that has become nearly full counts whole.
 *
 * Falls do not count: a node that has lost its load is no worse a place. Of what is free (`..._available_...`) the fall counts.
 */
export class ShiftWatch {
  readonly #model: ShiftModel;
  readonly #metricCount: number;
  readonly #weight: number;
  readonly #signs: Int8Array;
  readonly #isExhaustible: Uint8Array;
  readonly #hourSamples: number;
  readonly #daySamples: number;
  /** Shape `[nodes, metrics]`: smoothed deviation; NaN = nothing known yet. */
  readonly #shifts: Float32Array;
  /** Shape `[nodes, metrics, 24]`: largest shift of each hour, not yet compared with; of earlier days, fading. */
  readonly #newest: Float32Array;
  readonly #habits: Float32Array;

  constructor(model: ShiftModel, nodeCount: number) {
    this.#model = model;
    this.#metricCount = model.metricNames.length;
    this.#weight = shiftWeight(model.stepSeconds);
    this.#signs = Int8Array.from(model.metricNames, badDirection);
    this.#isExhaustible = new Uint8Array(this.#metricCount);
    for (const metric of model.exhaustible) this.#isExhaustible[metric] = 1;
    this.#hourSamples = Math.max(1, Math.round(HOUR_SECONDS / model.stepSeconds));
    this.#daySamples = Math.max(1, Math.round(DAY_SECONDS / model.stepSeconds));
    const states = nodeCount * this.#metricCount;
    this.#shifts = new Float32Array(states).fill(Number.NaN);
    this.#newest = new Float32Array(states * HOURS);
    this.#habits = new Float32Array(states * HOURS);
  }

  /**
   * Takes up one sample of a node.
   *
   * @param sample - Shape `[metrics]`; NaN = unknown.
   * @param deviations - Shape `[metrics]`: from the five-hour median; NaN = unknown.
   * @param tick - Counts the samples of the node from 0, also those in which nothing was known.
   * @returns Evidence in multiples of what is ordinary, 0 and up.
   */
  update(node: number, sample: Float32Array, deviations: Float64Array, tick: number): number {
    const hour = Math.floor((tick % this.#daySamples) / this.#hourSamples) % HOURS;
    const isNewHour = (tick % this.#daySamples) % this.#hourSamples === 0;
    let furthest = 0;
    let second = 0;
    let full = 0;
    for (let metric = 0; metric < this.#metricCount; metric++) {
      const state = node * this.#metricCount + metric;
      if (isNewHour) this.#beginHour(state, hour);
      const shift = this.#smooth(state, (deviations[metric] as number) * (this.#signs[metric] as number));
      const newest = state * HOURS + hour;
      if (shift > (this.#newest[newest] as number)) this.#newest[newest] = shift;
      const evidence = shift / Math.max(this.#model.shiftScales[metric] as number, this.#habit(state, hour));
      if (evidence > furthest) {
        second = furthest;
        furthest = evidence;
      } else if (evidence > second) second = evidence;
      if (evidence > full && this.#isFilling(metric, sample)) full = evidence;
    }
    return Math.max(second, furthest * DETECTOR.shiftAloneWeight, full);
  }

  #isFilling(metric: number, sample: Float32Array): boolean {
    return this.#isExhaustible[metric] === 1 && (sample[metric] as number) >= DETECTOR.nearlyFullRatio;
  }

  #smooth(state: number, deviation: number): number {
    const before = this.#shifts[state] as number;
    if (!Number.isNaN(deviation))
      this.#shifts[state] = Number.isNaN(before) ? 0 : before + this.#weight * (deviation - before);
    const shift = this.#shifts[state] as number;
    return shift > 0 ? shift : 0;
  }

  /** Largest shift within an hour of this time of day on earlier days. */
  #habit(state: number, hour: number): number {
    const from = state * HOURS;
    const at = (other: number): number => this.#habits[from + ((other + HOURS) % HOURS)] as number;
    return Math.max(at(hour - 1), at(hour), at(hour + 1));
  }

  #beginHour(state: number, hour: number): void {
    const over = state * HOURS + ((hour + HOURS - COMMIT_AFTER_HOURS) % HOURS);
    this.#habits[over] = Math.max(
      (this.#habits[over] as number) * DETECTOR.shiftFadePerDay,
      this.#newest[over] as number,
    );
    this.#newest[state * HOURS + hour] = 0;
  }

  reset(node: number): void {
    const [from, end] = [node * this.#metricCount, (node + 1) * this.#metricCount];
    this.#shifts.fill(Number.NaN, from, end);
    this.#newest.fill(0, from * HOURS, end * HOURS);
    this.#habits.fill(0, from * HOURS, end * HOURS);
  }
}

/**
 * Soft strength of the evidence: a quarter of the alert threshold at the level that ordinary history seldom reaches,
 * never the whole of it.
 */
export function shiftStrength(evidence: number, level: number): number {
  return Math.min(DETECTOR.shiftMostStrength, DETECTOR.suspectRatio * (evidence / level) ** 2);
}
