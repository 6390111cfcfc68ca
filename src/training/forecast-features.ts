import type { HorizonMinutes, LoadTarget, RawLoadSeries } from '#domain';
import { noProgress, type Progress } from '#kernel/progress';
import { mean, spearman } from '#kernel/stats';
import { forecastImportance } from '#models/forecast';

import { crossValidateForecast, cutAtShare, ROLLING_ENDS } from './forecast-cross-validate.ts';
import type { ForecastEffort } from './forecast-efforts.ts';
import { createForecastTrainer } from './forecast-trainer.ts';

export interface RankFeaturesOptions {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  readonly effort: ForecastEffort;
  readonly seed: number;
  /** Sizes of the best-feature subsets that are judged on the rolling origins. */
  readonly sizes: readonly number[];
  readonly workers?: number;
  readonly progress?: Progress;
}

/** Evidence for a choice of features. */
export interface FeatureRanking {
  /** The most important first, by the mean share of the gain over the rolling origins. */
  readonly features: readonly { readonly name: string; readonly gainShares: readonly number[] }[];
  /** Mean rank correlation of the importances between origins: 1 is the same order everywhere. */
  readonly stability: number;
  /** Error / error of the last value on the rolling origins, with the best features alone. */
  readonly subsets: readonly { readonly size: number; readonly mase: number }[];
}

/**
 * Ranks the features of the forecast on rolling origins that end before the test span, and judges subsets.
 *
 * @remarks The subset is chosen on the same origins that judge it, which flatters it a little: a subset must be clearly
 *   better to replace the whole.
 */
export async function rankForecastFeatures(
  series: readonly RawLoadSeries[],
  options: RankFeaturesOptions,
): Promise<FeatureRanking> {
  const shares: Map<string, number>[] = [];
  for (const end of ROLLING_ENDS) shares.push(await importanceAt(cutAtShare(series, end), options));
  const names = [...(shares[0]?.keys() ?? [])];
  const features = names
    .map((name) => ({ name, gainShares: shares.map((one) => one.get(name) ?? 0) }))
    .toSorted((a, b) => mean(b.gainShares) - mean(a.gainShares));
  const subsets: { size: number; mase: number }[] = [];
  for (const size of options.sizes) {
    const chosen = features.slice(0, size).map(({ name }) => name);
    const { target, horizonMinutes, seed, effort, workers, progress } = options;
    const { mase } = await crossValidateForecast(series, {
      effort: { ...effort, features: chosen },
      seed,
      targets: [target],
      horizons: [horizonMinutes],
      ...(workers === undefined ? {} : { workers }),
      ...(progress === undefined ? {} : { progress }),
    });
    subsets.push({ size: chosen.length, mase });
  }
  return { features, stability: stability(features), subsets };
}

async function importanceAt(
  series: readonly RawLoadSeries[],
  options: RankFeaturesOptions,
): Promise<Map<string, number>> {
  const { target, horizonMinutes, effort, seed, workers, progress = noProgress } = options;
  const trainer = createForecastTrainer(series, workers);
  try {
    const request = { effort, seed, targets: [target], horizons: [horizonMinutes], progress };
    const { artefact } = await trainer.train(request);
    const [found] = forecastImportance(artefact);
    return new Map(found?.features.map(({ name, gainShare }) => [name, gainShare]));
  } finally {
    await trainer.close();
  }
}

function stability(features: FeatureRanking['features']): number {
  const origins = features[0]?.gainShares.length ?? 0;
  const column = (origin: number): number[] => features.map(({ gainShares }) => gainShares[origin] as number);
  const pairs: number[] = [];
  for (let a = 0; a < origins; a++) {
    for (let b = a + 1; b < origins; b++) pairs.push(spearman(column(a), column(b)));
  }
  return mean(pairs);
}
