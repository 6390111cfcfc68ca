import type { UnknownReason } from './measured.ts';

/** The three parts of a score and their names in reports, in their fixed order. */
export const SCORE_PARTS = ['forecast', 'placement', 'health'] as const;
export type ScorePart = (typeof SCORE_PARTS)[number];

/** Share of each part in the total; shares of missing parts are spread over the rest. */
export type ScoreWeights = Readonly<Record<ScorePart, number>>;

/** 30 % load forecast, 40 % learned placement, 30 % node health (REQUIREMENTS ENS-1). */
export const DEFAULT_SCORE_WEIGHTS: ScoreWeights = { forecast: 0.3, placement: 0.4, health: 0.3 };

/** One part of one node's score. */
export type PartScore =
  | { readonly kind: 'scored'; /** 0..1, higher is better. */ readonly score: number }
  | { readonly kind: 'unknown'; readonly reason: UnknownReason };

/** One candidate node with its parts and their weighted total. */
export interface ScoredNode {
  readonly node: string;
  readonly parts: Readonly<Record<ScorePart, PartScore>>;
  /** 0..1, higher is better; NaN when every part is unknown. */
  readonly total: number;
}

/** The smallest change that would have made the runner-up win. */
export interface FlipCondition {
  readonly part: ScorePart;
  /** How far the winner's part score would have to fall, in score units 0..1. */
  readonly winnerDrop: number;
}

/** The outcome of one placement decision. Expected outcomes are values, not exceptions. */
export type Decision =
  | {
      readonly kind: 'scored';
      readonly pod: string;
      readonly chosen: ScoredNode;
      readonly runnerUp: ScoredNode | undefined;
      /** Total of the chosen node less that of the runner-up, 0..1. */
      readonly margin: number;
      readonly flips: readonly FlipCondition[];
      readonly candidates: readonly ScoredNode[];
    }
  | {
      readonly kind: 'abstained';
      readonly pod: string;
      readonly reason: UnknownReason | 'no-candidate' | 'margin-too-small';
    };
