import type { ValidationPoint } from './placement-validation.ts';

/** What the learning of one episode looked like. */
export interface EpisodePoint {
  readonly episode: number;
  readonly scenario: string;
  readonly demandRatio: number;
  /** Mean |Q - target| over the episode's training steps. */
  readonly tdError: number;
  /** Mean distance from the guide. */
  readonly guideLoss: number;
  /** Cost given away per unit of decision size, exploration included. */
  readonly regret: number;
}

/** The learning curves of a placement training, for the report. */
export interface PlacementCurves {
  readonly episodes: readonly EpisodePoint[];
  readonly validations: readonly ValidationPoint[];
  /** Episode whose network was kept; -1 before the first validation. */
  readonly bestEpisode: number;
}

/** The validation point with the lowest objective; the earlier of equals. */
export function bestValidation(points: readonly ValidationPoint[]): ValidationPoint | undefined {
  return points.reduce<ValidationPoint | undefined>(
    (best, point) => (best === undefined || point.objectiveToStock < best.objectiveToStock ? point : best),
    undefined,
  );
}

/** Within this share of the best, a network counts as converged. */
const CONVERGED_RATIO = 1.05;

/** First validated episode from which on every validation stays within 5 % of the best one; -1 = none. */
export function convergedAtEpisode(points: readonly ValidationPoint[]): number {
  const best = bestValidation(points);
  if (best === undefined) return -1;
  const isLate = (point: ValidationPoint): boolean =>
    point.objectiveToStock > CONVERGED_RATIO * best.objectiveToStock;
  const settled = points.findLastIndex(isLate) + 1;
  return points[settled]?.episode ?? -1;
}
