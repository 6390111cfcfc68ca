import type { HorizonMinutes, LoadTarget } from './series.ts';
import type { UnknownReason } from './measured.ts';

/** One forecast with its 90 % interval; all in 0..1 of capacity and `low <= median <= high`. */
export interface QuantileForecast {
  readonly low05Ratio: number;
  readonly medianRatio: number;
  readonly high95Ratio: number;
}

/** The forecast of one node and resource at one horizon, or why there is none. */
export type NodeForecast =
  | ({
      readonly kind: 'forecast';
      readonly node: string;
      readonly target: LoadTarget;
      readonly horizonMinutes: HorizonMinutes;
      readonly issuedAtMs: number;
    } & QuantileForecast)
  | {
      readonly kind: 'abstained';
      readonly node: string;
      readonly target: LoadTarget;
      readonly horizonMinutes: HorizonMinutes;
      readonly reason: UnknownReason;
    };
