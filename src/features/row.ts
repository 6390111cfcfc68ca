import { FEATURE_COUNT, FEATURE_GROUPS } from './catalogue.ts';
import { rowShapeWrong } from './errors.ts';
import type { NodeHistory } from './history.ts';
import { createOriginView, lookFrom, type Origin, type OriginView } from './origin-view.ts';

/** The last value of a machine and the unit in which its features and forecasts are expressed. */
export interface RowScale {
  /** Last 5-minute mean, 0..1; NaN when the machine has no sample in the last half hour. */
  readonly anchorRatio: number;
  /** Mean absolute 5-minute step of the last day, at least 0.002. */
  readonly deviationRatio: number;
}

/** Computes feature rows. Holds scratch space: not for use from two callers at once. */
export interface FeatureWriter {
  /**
   * Writes one row of `FEATURE_COUNT` values at `out[at]`; NaN where a feature is not known.
   *
   * @throws MlschedError `MLS_FEATURES_ORIGIN_PAST` when the history holds samples from after the origin,
   *   `MLS_FEATURES_SHAPE` when the row does not fit.
   */
  writeRow(origin: Origin, out: Float32Array, at: number): RowScale;
}

/** The one code path for feature rows: replays, training and the live service all call it. */
export function createFeatureWriter(): FeatureWriter {
  let view: OriginView | undefined;
  return {
    writeRow(origin, out, at) {
      if (at < 0 || at + FEATURE_COUNT > out.length) throw rowShapeWrong(out.length, at + FEATURE_COUNT);
      view ??= createOriginView(origin.history satisfies NodeHistory);
      lookFrom(view, origin);
      writeGroups(view, out, at);
      return { anchorRatio: view.own.anchor, deviationRatio: view.own.deviation };
    },
  };
}

function writeGroups(view: OriginView, out: Float32Array, at: number): void {
  let next = at;
  for (const group of FEATURE_GROUPS) {
    group.write(view, out, next);
    next += group.definitions.length;
  }
}
