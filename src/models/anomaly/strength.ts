import { DETECTOR } from './config.ts';
import { shapeWrong } from './errors.ts';
import { ExhaustionWatch } from './exhaustion.ts';
import { scoreIsolationForest } from './isolation-forest.ts';
import { shiftStrength, ShiftWatch } from './sustained-shift.ts';
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

/**
 * Scores the samples of many nodes, one at a time: votes first, the forest only where there are some. Two
 * kinds of fault need no vote: a deviation never heard of, and something that will soon be full.
 */
export class StrengthScorer {
  readonly #model: AnomalyModel;
  readonly #counter: VoteCounter;
  readonly #watch: ExhaustionWatch;
  readonly #shifts: ShiftWatch;
  readonly #ticks: Int32Array;
  readonly #forestScore = new Float64Array(1);

  constructor(model: AnomalyModel, nodeCount: number) {
    this.#model = model;
    this.#counter = new VoteCounter(model, nodeCount);
    this.#watch = new ExhaustionWatch(model, nodeCount);
    this.#shifts = new ShiftWatch(model, nodeCount);
    this.#ticks = new Int32Array(nodeCount);
  }

  /**
   * Soft evidence against the sample scored last, in the same multiples, always below 1: rises that last. It lowers
   * a node's score and opens no alert. 0 where too little is known.
   */
  softStrength = 0;

  /** Shape `[metrics]`: signed sigmas of the node scored last; NaN where unknown. */
  get sigmas(): Float64Array {
    return this.#counter.sigmas;
  }

  /**
   * @param rows - Holds the sample at `offset`, shape `[metrics]`; NaN = unknown.
   * @returns Strength in multiples of the alert threshold, 0 and up; NaN = too little is known.
   */
  score(node: number, rows: Float32Array, offset: number): number {
    const votes = this.#counter.count(node, rows, offset);
    const tick = this.#ticks[node] as number;
    this.#ticks[node] = tick + 1;
    const strength = Math.max(this.#strength(votes), this.#unheardOf());
    const sample = rows.subarray(offset, offset + this.#model.metricNames.length);
    const evidence = this.#shifts.update(node, sample, this.#counter.deviations, tick);
    this.softStrength = shiftStrength(evidence, this.#model.shiftLevel);
    if (this.#model.exhaustible.length === 0) return strength;
    this.#watch.update(node, sample, tick);
    return Math.max(strength, this.#exhaustion(node));
  }

  #strength(votes: number): number {
    const { forest, forestFloor, alertStrength } = this.#model;
    if (!(votes >= DETECTOR.leastVotes)) return strengthOf(votes, 0, forestFloor);
    scoreIsolationForest(forest, this.#counter.votes, this.#forestScore);
    return strengthOf(votes, this.#forestScore[0] as number, forestFloor) / alertStrength;
  }

  /** One metric alone, further out than any machine has ever been. */
  #unheardOf(): number {
    const multiple = this.#counter.unheardOf / DETECTOR.unheardOfMultiple;
    return multiple >= 1 ? multiple : 0;
  }

  /** Strongest verdict of the watch; its metric is named by as many sigmas as make it stand out. */
  #exhaustion(node: number): number {
    let strongest = 0;
    for (let i = 0; i < this.#model.exhaustible.length; i++) {
      const verdict = this.#watch.verdict(node, i);
      const metric = this.#model.exhaustible[i] as number;
      const sigma = this.#counter.sigmas[metric] as number;
      if (verdict > 0 && !(sigma > DETECTOR.voteFromSigmas * verdict)) {
        this.#counter.sigmas[metric] = DETECTOR.voteFromSigmas * verdict;
      }
      strongest = Math.max(strongest, verdict);
    }
    return strongest;
  }

  /** Forgets a node's past. */
  reset(node: number): void {
    this.#counter.reset(node);
    this.#watch.reset(node);
    this.#shifts.reset(node);
    this.#ticks[node] = 0;
  }
}

/**
 * Scores a whole history of one node, as if it came sample by sample.
 *
 * @param rows - Row-major, shape `[steps, metrics]`, evenly spaced; NaN = unknown.
 * @returns Shape `[steps]`: all evidence, in multiples of the alert threshold; NaN = too little is known.
 */
export function scoreHistory(model: AnomalyModel, rows: Float32Array): Float64Array {
  return replay(model, rows, (scorer, strength) => Math.max(strength, scorer.softStrength));
}

/** As `scoreHistory`, but only the evidence that opens and holds alerts. */
export function scoreAlertHistory(model: AnomalyModel, rows: Float32Array): Float64Array {
  return replay(model, rows, (_, strength) => strength);
}

function replay(
  model: AnomalyModel,
  rows: Float32Array,
  of: (scorer: StrengthScorer, strength: number) => number,
): Float64Array {
  const width = model.metricNames.length;
  if (rows.length % width !== 0) throw shapeWrong('matrix length', rows.length, `a multiple of ${width}`);
  const scorer = new StrengthScorer(model, 1);
  return Float64Array.from({ length: rows.length / width }, (_, step) =>
    of(scorer, scorer.score(0, rows, step * width)),
  );
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
