import type { LoadTarget } from '#domain';

/** Below this score training stops (REQUIREMENTS DATA-5). */
export const QUALITY_BAR = 0.95;

/** A stretch without a known sample, longer than twice the usual step. */
export interface Gap {
  /** Last known sample before the gap. */
  readonly fromMs: number;
  /** First known sample after it. */
  readonly toMs: number;
  /** Samples that the usual step would have put there. */
  readonly missingSamples: number;
}

/** The parts of a score, each 0..1, 1 is best. */
export interface QualityParts {
  /** Known samples / samples expected between the first and the last time. */
  readonly completeness: number;
  /** Share of the known samples in 0..1. */
  readonly range: number;
  /** Share of the rows that came in time order. */
  readonly order: number;
  /** Share of the rows that were not a repeat of another. */
  readonly uniqueness: number;
  /** 1 while the newest sample is fresh, falling to 0 at a day of age; 1 when no present time was given. */
  readonly freshness: number;
}

export type QualityPart = keyof QualityParts;

/** Verdict on one metric of one machine. */
export interface MetricQuality {
  readonly machine: string;
  readonly metric: LoadTarget;
  /** Product of the parts, 0..1: one bad part is enough to fail. */
  readonly score: number;
  readonly verdict: 'pass' | 'fail';
  readonly parts: QualityParts;
  /** The lowest part; undefined when all are 1. */
  readonly weakestPart: QualityPart | undefined;
  /** What to do about it; empty when nothing needs doing. Passing metrics may carry a hint too. */
  readonly action: string;
  /** Median distance of two samples, NaN below two samples. */
  readonly stepSeconds: number;
  readonly samples: number;
  readonly gapCount: number;
  /** The longest gaps, longest first, at most ten. */
  readonly gaps: readonly Gap[];
  /**
   * Share of the known samples in long runs of one value (CPU 6 h, memory 3 days). Told, not scored: a frozen
   * exporter and an idle machine look the same from here.
   */
  readonly flatRatio: number;
  readonly longestFlatSeconds: number;
}

/** Machine-readable report over a data set. */
export interface QualityReport {
  readonly schemaVersion: 1;
  readonly barRatio: number;
  /** Mean of the scores over machines and metrics, 0..1. */
  readonly score: number;
  readonly verdict: 'pass' | 'fail';
  readonly machines: number;
  /** Sorted by score, worst first, then by machine and metric. */
  readonly metrics: readonly MetricQuality[];
  /** Machines with a metric below the bar: leave them out, or repair them. */
  readonly failingMachines: readonly string[];
}
