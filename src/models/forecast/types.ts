import type { HorizonMinutes, LoadTarget } from '#domain';

/** Rows to predict: `FeatureRows` of #features fits. */
export interface PredictionRows {
  readonly rows: number;
  /** Row-major, shape `[rows, FEATURE_COUNT]`; NaN is unknown. */
  readonly values: Float32Array;
  /** Last value of each row, 0..1; NaN makes the row abstain. */
  readonly anchors: Float32Array;
  /** Unit of the relative features of each row, above 0. */
  readonly deviations: Float32Array;
}

/** What a training row is for. */
export const ROW_ROLES = { fit: 0, calibrate: 1 } as const;

/** Feature rows that do not fit into memory; the owner reads them from where they are. */
export interface RowStore {
  /** Writes the `FEATURE_COUNT` values of a row at `into[at]`; rows are asked for in rising order. */
  copyRow(row: number, into: Float32Array, at: number): void;
}

/** Training rows of one resource. */
export interface TrainingRows extends Omit<PredictionRows, 'values'> {
  /** As in `PredictionRows`, or a store of the same rows. */
  readonly values: Float32Array | RowStore;
  /** One array a horizon, in the order of `HORIZON_MINUTES`: the later 5-minute mean, NaN where unknown. */
  readonly actuals: readonly Float32Array[];
  /** A value of `ROW_ROLES` a row. Calibration rows come after the fit rows in time, or from other machines. */
  readonly roles: Uint8Array;
}

/** Predictions of many rows at one horizon, each in 0..1 with `low <= median <= high`; NaN where abstained. */
export interface ForecastBands {
  readonly low05: Float32Array;
  readonly median: Float32Array;
  readonly high95: Float32Array;
  /** Where in the band a load must lie to be announced, see `announcement.ts`. */
  readonly announcePosition: number;
}

/** Widening of the interval in deviations, one a tail; below 0 narrows it. */
export interface ConformalOffsets {
  readonly low: number;
  readonly high: number;
}

/** What the calibration rows taught about one (resource, horizon). */
export interface HorizonCalibration {
  /** For machines with a day of history or more. */
  readonly settled: ConformalOffsets;
  /** For machines with less. */
  readonly young: ConformalOffsets;
  readonly announcePosition: number;
}

/** How hard to try. */
export interface FitEffort {
  /** Most rounds of the median model; early stopping on the calibration rows decides. */
  readonly maximumRounds: number;
  /** Rounds of the interval model. */
  readonly intervalRounds: number;
  readonly learningRate: number;
  readonly depth: number;
  /** Median models of different seeds that are averaged. */
  readonly seeds: number;
  /** Rows for choosing the rounds and for the interval model, at most. */
  readonly probeRows: number;
  /** Of each tree; those that `DEFAULT_BOOSTING` names when absent. */
  readonly boosting?: BoostingParameters;
  /** Features that trees may use; all when absent. The others are hidden from training: rows keep their form. */
  readonly features?: readonly string[];
}

/** What a tree may see, and when it may split. */
export interface BoostingParameters {
  /** Shares in 0..1 of the rows and of the features that each tree draws. */
  readonly subsampleRatio: number;
  readonly featureRatio: number;
  /** Least sum of weights in a leaf. */
  readonly minimumChildWeight: number;
}

/** Chosen on the validation span of smd-nodes; see the model card. */
export const DEFAULT_BOOSTING: BoostingParameters = {
  subsampleRatio: 0.7,
  featureRatio: 0.2,
  minimumChildWeight: 60,
};

/** What one (resource, horizon) model learned, for the run tracker. */
export interface HorizonFit {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  readonly rows: number;
  readonly rounds: number;
  /** Share of the calibration rows inside the raw interval and after correction. */
  readonly rawCoverageRatio: number;
  readonly calibration: HorizonCalibration;
  /** Mean absolute error on the calibration rows before the refit, and that of the last value; in 0..1. */
  readonly calibrationMaeRatio: number;
  readonly lastValueMaeRatio: number;
}
