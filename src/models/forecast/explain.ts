import { FEATURE_CATALOGUE, FEATURE_COUNT } from '#features';
import type { Predictor } from '#native';

import type { PredictionRows } from './types.ts';

/** What one feature added to a forecast. */
export interface FeatureContribution {
  readonly feature: string;
  /** As the model saw it; NaN is unknown. */
  readonly value: number;
  /** In shares of capacity; above 0 raised the forecast. */
  readonly contributionRatio: number;
}

/** Why a median is what it is: `baseRatio` and all contributions add up to it, before it is cut to 0..1. */
export interface ForecastExplanation {
  /** Last value and the mean change that the model expects of any machine. */
  readonly baseRatio: number;
  /** All features, the largest effect first. */
  readonly contributions: readonly FeatureContribution[];
}

/**
 * Explains the first row of some.
 *
 * @returns Undefined without the native library.
 */
export function explainMedian(
  medians: readonly Predictor[],
  rows: PredictionRows,
): ForecastExplanation | undefined {
  const values = rows.values.subarray(0, FEATURE_COUNT);
  const sums = new Float64Array(FEATURE_COUNT + 1);
  for (const median of medians) {
    const parts = median.contributions(values, 1);
    if (parts === undefined) return undefined;
    for (let i = 0; i <= FEATURE_COUNT; i++) sums[i] = (sums[i] as number) + (parts[i] as number);
  }
  const unit = (rows.deviations[0] as number) / medians.length;
  const contributions = FEATURE_CATALOGUE.map(({ name }, i) => ({
    feature: name,
    value: values[i] as number,
    contributionRatio: (sums[i] as number) * unit,
  }));
  return {
    baseRatio: (rows.anchors[0] as number) + (sums[FEATURE_COUNT] as number) * unit,
    contributions: contributions.sort(
      (a, b) => Math.abs(b.contributionRatio) - Math.abs(a.contributionRatio),
    ),
  };
}
