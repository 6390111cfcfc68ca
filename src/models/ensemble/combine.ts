import { SCORE_PARTS } from '#domain';
import type { ScorePart, ScoreWeights } from '#domain';
import { clamp } from '#kernel/units';

import { partShapeWrong, weightsInvalid } from './errors.ts';

/** Scores of the candidates by part: shape `[candidates]` each, 0..1, higher is better, NaN = unknown. */
export type PartTable = Readonly<Record<ScorePart, Float64Array>>;

/** Parts of unknown scores for `count` candidates. */
export function createPartTable(count: number): PartTable {
  const unknown = (): Float64Array => new Float64Array(count).fill(Number.NaN);
  return { forecast: unknown(), placement: unknown(), health: unknown() };
}

/**
 * Checks weights and scales them to sum 1.
 *
 * @throws MlschedError `MLS_MODELS_ENSEMBLE_WEIGHTS` for a negative, NaN or all-zero set.
 */
export function normaliseWeights(weights: ScoreWeights): ScoreWeights {
  const sum = SCORE_PARTS.reduce((total, part) => total + weights[part], 0);
  for (const part of SCORE_PARTS) {
    if (!(weights[part] >= 0)) throw weightsInvalid(`${part} is ${weights[part]}`);
  }
  if (!(sum > 0 && Number.isFinite(sum))) throw weightsInvalid(`their sum is ${sum}`);
  return {
    forecast: weights.forecast / sum,
    placement: weights.placement / sum,
    health: weights.health / sum,
  };
}

/**
 * Weights once the parts that nobody has are gone: their share is spread over the rest in proportion.
 *
 * @returns Weights that sum to 1, or all 0 when no part is known for any candidate.
 */
export function effectiveWeights(parts: PartTable, weights: ScoreWeights, count: number): ScoreWeights {
  const kept = { forecast: 0, placement: 0, health: 0 };
  let sum = 0;
  for (const part of SCORE_PARTS) {
    if (Number.isNaN(meanOfKnown(parts[part], count))) continue;
    kept[part] = weights[part];
    sum += weights[part];
  }
  if (sum === 0) return kept;
  return { forecast: kept.forecast / sum, placement: kept.placement / sum, health: kept.health / sum };
}

/**
 * Adds the parts up: total = sum of weight x score.
 *
 * A part that no candidate has gives its weight to the others. A part that only some candidates have counts
 * as their mean for the rest: not knowing a node is neutral, never a reason for or against it.
 *
 * @param parts - One table of scores; values outside 0..1 are clamped.
 * @param weights - Need not sum to 1.
 * @param count - Candidates; the first `count` entries of each part count.
 * @param totals - Filled with 0..1, higher is better; NaN for all when every part is unknown.
 * @throws MlschedError `MLS_MODELS_ENSEMBLE_SHAPE` when a part is shorter than `count`.
 */
export function combineParts(
  parts: PartTable,
  weights: ScoreWeights,
  count: number,
  totals: Float64Array,
): void {
  for (const part of SCORE_PARTS) {
    if (parts[part].length < count) throw partShapeWrong(part, parts[part].length, count);
  }
  const effective = effectiveWeights(parts, weights, count);
  const isUnknown = SCORE_PARTS.every((part) => effective[part] === 0);
  totals.fill(isUnknown ? Number.NaN : 0, 0, count);
  for (const part of SCORE_PARTS) {
    const weight = effective[part];
    if (weight === 0) continue;
    const scores = parts[part];
    const neutral = meanOfKnown(scores, count);
    for (let i = 0; i < count; i++) {
      const score = scores[i] as number;
      totals[i] = (totals[i] as number) + weight * (Number.isNaN(score) ? neutral : clamp(score, 0, 1));
    }
  }
  if (!isUnknown) clampAll(totals, count);
}

/** Mean of the known scores, each clamped to 0..1; NaN when none is known. */
export function meanOfKnown(scores: Float64Array, count: number): number {
  let sum = 0;
  let known = 0;
  for (let i = 0; i < count; i++) {
    const score = scores[i] as number;
    if (Number.isNaN(score)) continue;
    sum += clamp(score, 0, 1);
    known++;
  }
  return known === 0 ? Number.NaN : sum / known;
}

function clampAll(values: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) values[i] = clamp(values[i] as number, 0, 1);
}
