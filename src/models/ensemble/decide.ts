import { SCORE_PARTS } from '#domain';
import type {
  Decision,
  FlipCondition,
  PartScore,
  ScoredNode,
  ScorePart,
  ScoreWeights,
  UnknownReason,
} from '#domain';
import { clamp } from '#kernel/units';

import { combineParts, effectiveWeights, meanOfKnown } from './combine.ts';
import type { PartTable } from './combine.ts';

/** The winner and the one behind it, as positions in the candidate list; -1 = there is none. */
export interface Ranking {
  readonly best: number;
  readonly runnerUp: number;
  /** Total of the best less that of the runner-up; 0 without a runner-up. */
  readonly margin: number;
}

/**
 * Finds the two best totals.
 *
 * @param totals - Shape `[count]`, NaN = unknown.
 * @param identity - Tells candidates apart whatever their order: of equal totals the lowest identity wins.
 */
export function rankTotals(totals: Float64Array, identity: Int32Array, count: number): Ranking {
  let best = -1;
  let runnerUp = -1;
  for (let i = 0; i < count; i++) {
    if (Number.isNaN(totals[i])) continue;
    if (isAhead(totals, identity, i, best)) {
      runnerUp = best;
      best = i;
    } else if (isAhead(totals, identity, i, runnerUp)) {
      runnerUp = i;
    }
  }
  const margin = runnerUp < 0 ? 0 : (totals[best] as number) - (totals[runnerUp] as number);
  return { best, runnerUp, margin };
}

function isAhead(totals: Float64Array, identity: Int32Array, one: number, other: number): boolean {
  if (other < 0) return true;
  const difference = (totals[one] as number) - (totals[other] as number);
  return difference > 0 || (difference === 0 && (identity[one] as number) < (identity[other] as number));
}

/**
 * Whether the best candidate is not worth insisting on: it is no further above the average candidate than the
 * scores are uncertain. Stock then decides as well as we could.
 *
 * @param uncertainty - One standard error of a total, in score units; NaN counts as 0.
 * @param sigmas - How many standard errors the lead must have; 0 switches abstention off.
 */
export function isTooClose(
  totals: Float64Array,
  count: number,
  best: number,
  limit: AbstentionLimit,
): boolean {
  if (limit.sigmas <= 0 || count < 2) return false;
  const lead = (totals[best] as number) - meanOfKnown(totals, count);
  const uncertainty = Number.isNaN(limit.uncertainty) ? 0 : limit.uncertainty;
  return lead < limit.sigmas * uncertainty;
}

export interface AbstentionLimit {
  readonly uncertainty: number;
  readonly sigmas: number;
}

/** What one decision is made from. */
export interface DecisionInput {
  readonly pod: string;
  readonly nodeNames: readonly string[];
  /** Node index of each candidate, shape `[count]`. */
  readonly candidates: Int32Array;
  readonly count: number;
  readonly parts: PartTable;
  /** Why a part is unknown for a candidate. */
  readonly unknownReason: (part: ScorePart, node: number) => UnknownReason;
  readonly weights: ScoreWeights;
  readonly abstention: AbstentionLimit;
  /** Filled with the totals when given, shape `[count]`. */
  readonly totals?: Float64Array;
  /** `top` records the chosen candidate and the runner-up alone. @defaultValue 'all' */
  readonly detail?: 'all' | 'top';
}

/**
 * Decides one placement and keeps everything that explains it: part scores, runner-up, margin, and for each
 * part how far the winner would have had to fall for the runner-up to win.
 *
 * @returns `abstained` when there is no candidate, nothing is known, or the lead is within the uncertainty.
 */
export function decide(input: DecisionInput): Decision {
  const { pod, count, candidates, parts, weights } = input;
  if (count === 0) return { kind: 'abstained', pod, reason: 'no-candidate' };
  const totals = input.totals ?? new Float64Array(count);
  combineParts(parts, weights, count, totals);
  const ranking = rankTotals(totals, candidates, count);
  if (ranking.best < 0) return { kind: 'abstained', pod, reason: 'no-model' };
  if (isTooClose(totals, count, ranking.best, input.abstention))
    return { kind: 'abstained', pod, reason: 'margin-too-small' };
  const chosen = scoredNode(input, totals, ranking.best);
  const runnerUp = ranking.runnerUp < 0 ? undefined : scoredNode(input, totals, ranking.runnerUp);
  const recorded =
    input.detail === 'top'
      ? [chosen, ...(runnerUp === undefined ? [] : [runnerUp])]
      : Array.from({ length: count }, (_, i) => scoredNode(input, totals, i));
  return {
    kind: 'scored',
    pod,
    chosen,
    runnerUp,
    margin: ranking.margin,
    flips: runnerUp === undefined ? [] : findFlips(input, ranking),
    candidates: recorded,
  };
}

function scoredNode(input: DecisionInput, totals: Float64Array, i: number): ScoredNode {
  const node = input.candidates[i] as number;
  const part = (name: ScorePart): PartScore => {
    const score = input.parts[name][i] as number;
    return Number.isNaN(score)
      ? { kind: 'unknown', reason: input.unknownReason(name, node) }
      : { kind: 'scored', score: clamp(score, 0, 1) };
  };
  return {
    node: input.nodeNames[node] ?? String(node),
    parts: { forecast: part('forecast'), placement: part('placement'), health: part('health') },
    total: totals[i] as number,
  };
}

/** One entry for each part that can flip the decision by itself, the smallest fall first. */
function findFlips(input: DecisionInput, ranking: Ranking): FlipCondition[] {
  const weights = effectiveWeights(input.parts, input.weights, input.count);
  return SCORE_PARTS.flatMap((part) => {
    const score = input.parts[part][ranking.best] as number;
    const winnerDrop = ranking.margin / weights[part];
    const isPossible = weights[part] > 0 && winnerDrop <= clamp(score, 0, 1);
    return isPossible ? [{ part, winnerDrop }] : [];
  }).sort((a, b) => a.winnerDrop - b.winnerDrop);
}
