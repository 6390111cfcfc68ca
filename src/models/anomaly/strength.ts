import { DETECTOR } from './config.ts';
import { shapeWrong } from './errors.ts';
import { scoreIsolationForest } from './isolation-forest.ts';
import type { AnomalyModel } from './types.ts';
import { VoteCounter, voteOf } from './vote-counter.ts';

/**
 * How strong the evidence against a sample is: how many metrics moved, times how new their combination is.
 *
 * @param votes - NaN = unknown.
 * @param forestScore - Of the row of votes; only asked for with enough votes.
 * @returns 0 and up; NaN when the votes are unknown.
 */
export function strengthOf(votes: number, forestScore: number, forestFloor: number): number {
  if (Number.isNaN(votes)) return votes;
  return votes < DETECTOR.leastVotes ? 0 : votes * Math.max(0, forestScore - forestFloor);
}

/** Scores the samples of many nodes, one at a time: votes first, the forest only where there are some. */
export class StrengthScorer {
  readonly counter: VoteCounter;
  readonly #model: AnomalyModel;
  readonly #forestScore = new Float64Array(1);

  constructor(model: AnomalyModel, nodeCount: number) {
    this.#model = model;
    this.counter = new VoteCounter(model, nodeCount);
  }

  /**
   * @param rows - Holds the sample at `offset`, shape `[metrics]`; NaN = unknown.
   * @returns Strength in multiples of the alert threshold, 0 and up; NaN = too little is known.
   */
  score(node: number, rows: Float32Array, offset: number): number {
    const { forest, forestFloor, alertStrength } = this.#model;
    const votes = this.counter.count(node, rows, offset);
    if (!(votes >= DETECTOR.leastVotes)) return strengthOf(votes, 0, forestFloor);
    scoreIsolationForest(forest, this.counter.votes, this.#forestScore);
    return strengthOf(votes, this.#forestScore[0] as number, forestFloor) / alertStrength;
  }
}

/**
 * Scores a whole history of one node, as if it came sample by sample.
 *
 * @param rows - Row-major, shape `[steps, metrics]`, evenly spaced; NaN = unknown.
 * @returns Shape `[steps]`: strength in multiples of the alert threshold; NaN = too little is known.
 */
export function scoreHistory(model: AnomalyModel, rows: Float32Array): Float64Array {
  const width = model.metricNames.length;
  if (rows.length % width !== 0) throw shapeWrong('matrix length', rows.length, `a multiple of ${width}`);
  const scorer = new StrengthScorer(model, 1);
  return Float64Array.from({ length: rows.length / width }, (_, step) => scorer.score(0, rows, step * width));
}

/**
 * Scores deviations that somebody else has measured: the part of the model that needs no history, for serving.
 *
 * @param sigmas - Row-major, shape `[rows, metrics]`: deviations in the metric's sigmas; the sign does not matter.
 * @returns Shape `[rows]`: strength in multiples of the alert threshold, 0 and up; NaN for a row with an
 *   unknown value.
 * @throws MlschedError `MLS_MODELS_ANOMALY_SHAPE`.
 */
export function scoreSigmas(model: AnomalyModel, sigmas: Float32Array): Float64Array {
  const width = model.metricNames.length;
  if (sigmas.length % width !== 0) throw shapeWrong('matrix length', sigmas.length, `a multiple of ${width}`);
  const votes = sigmas.map((sigma) => voteOf(Math.abs(sigma)));
  const forestScores = scoreIsolationForest(model.forest, votes);
  return forestScores.map((score, row) => {
    const from = row * width;
    if (sigmas.subarray(from, from + width).some(Number.isNaN)) return Number.NaN;
    const sum = discountedSum(votes.subarray(from, from + width));
    return strengthOf(sum, score, model.forestFloor) / model.alertStrength;
  });
}

function discountedSum(votes: Float32Array): number {
  return votes.reduce((sum, vote) => sum + vote, 0) - DETECTOR.strongestVoteDiscount * Math.max(0, ...votes);
}
