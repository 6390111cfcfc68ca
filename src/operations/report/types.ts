import type { Decision } from '#domain';
import type { AnomalyReport, ForecastEvaluation, PlacementCurves } from '#training';
import type { SimulationPage } from './simulation-report.ts';

/** A stretch of steps, end exclusive. */
export type StepRun = readonly [from: number, to: number];

/** The anomaly score of one machine over its test span, and what came of it. */
export interface AnomalyTimeline {
  readonly machine: string;
  /** Shape `[steps]`; NaN where unknown. */
  readonly score: ArrayLike<number>;
  /** Score at which an alarm begins. */
  readonly alertScore: number;
  /** In order, not overlapping. */
  readonly alarms: readonly StepRun[];
  /** Labelled incidents, in order; the model never saw them. */
  readonly labelled: readonly StepRun[];
}

/** Everything that the demo's report shows. A part that is undefined was not run, and the report says so. */
export interface DemoReport extends SimulationPage {
  readonly forecast: Pick<ForecastEvaluation, 'protocol' | 'machines' | 'results' | 'traces'> | undefined;
  readonly anomaly:
    | {
        readonly report: Pick<AnomalyReport, 'pooled' | 'machines' | 'events'>;
        readonly timeline: AnomalyTimeline | undefined;
      }
    | undefined;
  readonly decision: Extract<Decision, { kind: 'scored' }> | undefined;
  /** Undefined when the model was reused without its curves. */
  readonly learning: PlacementCurves | undefined;
}
