import type { UnknownReason } from '#domain';

import type { ExhaustionModel } from './exhaustion.ts';
import type { IsolationForest } from './isolation-forest.ts';
import type { PeerVerdict } from './peers.ts';
import type { ShiftModel } from './sustained-shift.ts';

/** What the detector learned from quiet operation; how it works is fixed in `config.ts`. */
export interface AnomalyModel extends ExhaustionModel, ShiftModel {
  /** In the order of the columns that it scores. */
  readonly metricNames: readonly string[];
  /** Seconds between two samples. */
  readonly stepSeconds: number;
  /** Shape `[metrics]`, above 0, in the metric's unit: size of an ordinary short-term deviation. */
  readonly scales: Float64Array;
  /** Shape `[metrics]`, in the metric's unit: third largest deviation of a typical training day. */
  readonly dailyExtremes: Float64Array;
  /** Shape `[metrics]`, in the metric's unit: largest deviation of all training; `Number.MAX_VALUE` = not known. */
  readonly largestDeviations: Float64Array;
  /** Grown over the votes of the training span. */
  readonly forest: IsolationForest;
  /** Forest score up to which a row of votes is nothing new. */
  readonly forestFloor: number;
  /** Strength, above 0, at which an alert opens. */
  readonly alertStrength: number;
}

/** How a node is judged: `suspect` lowers its score softly, `alert` may call a person. */
export type HealthLevel = 'normal' | 'suspect' | 'alert';

/** A metric's part in a judgement: how far it is from what is expected now, in its own sigmas. */
export interface Contribution {
  readonly metric: string;
  /** Signed: above 0 = higher than expected. */
  readonly sigma: number;
}

/** Health of one node at one moment. */
export type NodeHealth =
  | {
      readonly kind: 'scored';
      /** 1 = as usual, 0 = nothing is as usual; at most 0.5 while an alert is open that peers do not share. */
      readonly healthRatio: number;
      /** Evidence in multiples of the model's own alert threshold, 0 and up. */
      readonly strength: number;
      /** Whether nodes of the same kind show the same at the moment. */
      readonly peers: PeerVerdict;
      readonly level: HealthLevel;
      /** Metrics out of the ordinary, the furthest first, at most five. */
      readonly contributions: readonly Contribution[];
    }
  | { readonly kind: 'unknown'; readonly reason: UnknownReason };
