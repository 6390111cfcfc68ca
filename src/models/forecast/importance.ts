import type { HorizonMinutes, LoadTarget, ModelArtefact } from '#domain';
import { FEATURE_CATALOGUE } from '#features';
import { openXgboost } from '#native';

import { medianFiles } from './artefact.ts';

/** How much each feature lowered the training error of one (resource, horizon), as shares that add up to 1. */
export interface ForecastImportance {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  /** All features of the catalogue, the most important first; 0 for those that no tree uses. */
  readonly features: readonly { readonly name: string; readonly gainShare: number }[];
}

/**
 * Reads the total gain of every feature in the median models.
 *
 * @throws MlschedError as `loadForecaster`, and those of #native when the library is missing.
 */
export function forecastImportance(artefact: ModelArtefact): ForecastImportance[] {
  const library = openXgboost();
  return medianFiles(artefact).map(({ target, horizonMinutes, files }) => {
    const gains = new Map<string, number>();
    for (const bytes of files) {
      using booster = library.loadBooster(bytes);
      for (const [name, gain] of booster.featureImportance('total_gain')) {
        gains.set(name, (gains.get(name) ?? 0) + gain);
      }
    }
    const total = [...gains.values()].reduce((sum, gain) => sum + gain, 0);
    const features = FEATURE_CATALOGUE.map(({ name }) => ({
      name,
      gainShare: (gains.get(name) ?? 0) / total,
    }));
    return {
      target,
      horizonMinutes,
      features: features.sort((a, b) => b.gainShare - a.gainShare),
    };
  });
}
