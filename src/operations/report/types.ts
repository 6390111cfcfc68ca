import type { Decision } from '#domain';
import type { SimulateReport } from '#training';

/** Forecasts of one machine beside what came, for a plot. */
export interface ForecastTrace {
  readonly machine: string;
  readonly target: string;
  readonly horizonMinutes: number;
  /** Moments that were forecast, milliseconds, shape `[points]`. */
  readonly timesMs: ArrayLike<number>;
  /** Ratios of capacity, shape `[points]`; NaN where unknown. */
  readonly actualRatio: ArrayLike<number>;
  readonly medianRatio: ArrayLike<number>;
  readonly low05Ratio: ArrayLike<number>;
  readonly high95Ratio: ArrayLike<number>;
}

/** One row of a forecast evaluation. */
export interface ForecastRow {
  readonly target: string;
  readonly horizonMinutes: number;
  readonly model: string;
  readonly wapeAccuracyRatio: number;
  readonly maeRatio: number;
  readonly mase: number;
  readonly coverage90Ratio: number;
}

/** One detector over all machines. */
export interface AnomalyRow {
  readonly model: string;
  readonly eventPrecision: number;
  readonly eventRecall: number;
  readonly pointPrecision: number;
  readonly falsePositiveRate: number;
  readonly delaySamplesMedian: number;
  readonly alarmsPerDay: number;
}

/** The anomaly score of one machine over time. */
export interface AnomalyTimeline {
  readonly machine: string;
  /** Shape `[steps]`; NaN where unknown. */
  readonly score: ArrayLike<number>;
  readonly alertScore: number;
  /** Runs of steps, end exclusive. */
  readonly alarms: readonly (readonly [number, number])[];
  readonly labelled: readonly (readonly [number, number])[];
}

/** One point of a training curve. */
export interface LearningPoint {
  readonly episode: number;
  readonly trainingReturn: number;
  /** Objective on the validation scenarios, lower is better; NaN where none was measured. */
  readonly validationObjective: number;
}

/** Everything that the demo's report shows. A part that is undefined was not run, and the report says so. */
export interface DemoReport {
  readonly createdAtMs: number;
  readonly dataDirectory: string;
  readonly version: string;
  readonly simulation: SimulateReport;
  readonly verdicts: readonly string[];
  readonly forecast:
    { readonly rows: readonly ForecastRow[]; readonly traces: readonly ForecastTrace[] } | undefined;
  readonly anomaly:
    { readonly rows: readonly AnomalyRow[]; readonly timeline: AnomalyTimeline | undefined } | undefined;
  readonly decision: Extract<Decision, { kind: 'scored' }> | undefined;
  readonly learning: readonly LearningPoint[];
}
