/**
 * The global choices of the detector. They were made on one seeded half of the public machines and confirmed on
 * the other half (README); everything that depends on a machine is learned from its training span.
 */
export const DETECTOR = {
  /** Length of the past whose median is the short-term expectation. */
  baselineSeconds: 5 * 3600,
  /** Values kept of that past. */
  baselineSlots: 60,
  /** Least past before a metric is judged. */
  minHistorySeconds: 1800,
  minHistorySamples: 12,
  /** How long a deviation is remembered as something the metric does: a daily job may also be late. */
  memorySeconds: 151_200,
  memoryBlocks: 24,
  /** The newest part of it counts in full, then less and less, down to this at its end. */
  memoryFullRatio: 0.45,
  memoryEndWeight: 0.5,
  /** Quantile of the training deviations that sets a metric's scale, and what it is in sigmas. */
  scaleQuantile: 0.99,
  scaleSigmas: 2.6,
  /** No scale is smaller than this share of the metric's training range. */
  scaleFloorRatio: 0.003,
  /** How many sigmas the third largest deviation of the last day counts. */
  memorySigmas: 4,
  /** Below this a deviation has no vote; a vote is half a vote `voteHalfSigmas` further up, and at most one. */
  voteFromSigmas: 3,
  voteHalfSigmas: 20,
  /** Share of the strongest vote that is not counted: one metric alone proves little. */
  strongestVoteDiscount: 0.5,
  /** Extended isolation forest over the votes. */
  forestTrees: 100,
  forestSampleSize: 256,
  forestFeaturesPerSplit: 1,
  /** Training rows that the forest is grown from, at most. */
  forestRows: 50_000,
  /** Quantile of the training scores below which the forest sees nothing new. */
  forestQuantile: 0.9,
  /** The same where training held no vote at all: such a forest scores everything 0.5. */
  votelessForestFloor: 0.25,
  /** Fewer votes than this have no strength, whatever the forest says: it is not asked. */
  leastVotes: 0.2,
  /** Quantile of the training strengths that the alert threshold is a multiple of, and its least value. */
  trainStrengthQuantile: 0.998,
  trainStrengthLeast: 0.04,
  /** Alerts closer than this are one incident. */
  incidentGapSeconds: 1800,
  /** The global sensitivity: multiple of the training strength at which an alert opens. */
  alertMultiple: 8.5,
  /** The same where a budget of incidents holds the threshold up. */
  budgetedMultiple: 5,
  /** Something that fills up: line through means of quarter hours over two hours. */
  riseBlockSeconds: 900,
  riseBlocks: 8,
  /** Share of the variance that the line must explain. */
  leastExplained: 0.95,
  /** A smaller rise, as a share of capacity, is no fault; nor is one below this multiple of training's largest. */
  leastRise: 0.05,
  riseMultiple: 1.5,
  /** Less full than this is no hurry. */
  leastFullRatio: 0.6,
  /** How much of a past rise is left after a block: half after a month. */
  riseFadePerBlock: 0.99976,
  /** Full within this time. */
  exhaustionSeconds: 4 * 3600,
  /** Machines that a model must know before a deviation larger than any of theirs is a fault by itself. */
  unheardOfMachines: 5,
  /** Multiple of the largest deviation of all training at which it is. */
  unheardOfMultiple: 2,
  /** An open alert lasts while strength stays above this share of the threshold. */
  holdRatio: 0.5,
  /** Quiet samples after which an alert closes. */
  quietSamples: 10,
  /** Share of the threshold from which a node is suspect. */
  suspectRatio: 0.25,
  /** Rises are smoothed over this time before they count as lasting. */
  shiftSeconds: 600,
  /** Quantile of the training's smoothed rises that is ordinary, and its least value as a share of the largest sample. */
  shiftQuantile: 0.99,
  shiftFloorRatio: 0.1,
  /** Quantile of the training's evidence at which a node becomes suspect. */
  shiftLevelQuantile: 0.99,
  /** What a metric alone counts; one that fills up counts whole from this level on. */
  shiftAloneWeight: 0.5,
  nearlyFullRatio: 0.85,
  /** What is left of an hour's habit after a day. */
  shiftFadePerDay: 0.8,
  /** Soft evidence never opens an alert by itself. */
  shiftMostStrength: 0.9,
} as const;

export const NODE_ANOMALY_SCHEMA = '2';

/** The detector's spans in samples of one length. */
export interface Spans {
  readonly stride: number;
  readonly minHistory: number;
  readonly blockSamples: number;
}

/** Turns the spans of time into samples of `stepSeconds`. */
export function spansOf(stepSeconds: number): Spans {
  const samples = (seconds: number): number => Math.max(1, Math.round(seconds / stepSeconds));
  return {
    stride: samples(DETECTOR.baselineSeconds / DETECTOR.baselineSlots),
    minHistory: Math.min(
      DETECTOR.baselineSlots,
      Math.max(DETECTOR.minHistorySamples, samples(DETECTOR.minHistorySeconds)),
    ),
    blockSamples: samples(DETECTOR.memorySeconds / DETECTOR.memoryBlocks),
  };
}
