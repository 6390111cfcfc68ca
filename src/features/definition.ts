import type { OriginView } from './origin-view.ts';

/** What a feature measures. `deviations`: distance from the last value in units of the machine's deviation. */
export type FeatureUnit =
  | 'ratio'
  | 'deviations'
  | 'deviations-per-minute'
  | 'minutes'
  | 'days'
  | 'count'
  | 'correlation'
  | 'share'
  | 'cycle'
  | 'ratio-change'
  | 'ratio-of-request'
  | 'seconds'
  | 'millicores'
  | 'mebibytes'
  | 'priority'
  | 'flag';

export type FeatureGroupName =
  | 'recent'
  | 'lag'
  | 'rolling'
  | 'seasonal'
  | 'character'
  | 'spike'
  | 'calendar'
  | 'companion'
  | 'peers'
  | 'coverage'
  | 'pods'
  | 'requests'
  | 'usage'
  | 'lifetime'
  | 'owner'
  | 'spread'
  | 'capacity';

/** One documented feature. */
export interface FeatureDefinition {
  readonly name: string;
  readonly unit: FeatureUnit;
  readonly description: string;
  readonly group: FeatureGroupName;
  /** How far back it looks; 0 for the clock. */
  readonly windowSeconds: number;
}

/** Definitions and the code that computes them, side by side: they cannot drift apart unnoticed. */
export interface FeatureGroup {
  readonly definitions: readonly FeatureDefinition[];
  /** Writes `definitions.length` values at `out[at]`, in the order of the definitions; NaN is "unknown". */
  write(view: OriginView, out: Float32Array, at: number): void;
}

/** Shorthand for the definitions of one group. */
export function describe(
  group: FeatureGroupName,
  unit: FeatureUnit,
): (name: string, windowSeconds: number, description: string) => FeatureDefinition {
  return (name, windowSeconds, description) => ({ name, unit, description, group, windowSeconds });
}

export const MINUTE_SECONDS = 60;
export const HOUR_SECONDS = 3600;
export const DAY_SECONDS = 86_400;
