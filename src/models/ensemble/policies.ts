import { DEFAULT_SCORE_WEIGHTS } from '#domain';
import type { ScorePart, ScoreWeights } from '#domain';
import type { PolicyFactory } from '#simulator';
import { createRng } from '#kernel/rng';

import { createSignalSource } from './node-signals.ts';
import { DEFAULT_ENSEMBLE_CONFIG, createEnsemblePolicy } from './policy.ts';
import { createShuffledForecasts } from './shuffled-forecasts.ts';

/** Weights with only these parts. */
function only(...parts: readonly ScorePart[]): ScoreWeights {
  const share = (part: ScorePart): number => (parts.includes(part) ? DEFAULT_SCORE_WEIGHTS[part] : 0);
  return { forecast: share('forecast'), placement: share('placement'), health: share('health') };
}

function withWeights(name: string, weights: ScoreWeights): PolicyFactory {
  return (context) =>
    createEnsemblePolicy({ name, context, config: { ...DEFAULT_ENSEMBLE_CONFIG, weights } });
}

/**
 * Our own policies by name: the whole ensemble, each model alone, each pair, and the whole with forecasts
 * dealt to the wrong nodes (shows what the forecast is worth). All are made from the artefacts in the context.
 */
export const LEARNED_POLICIES: Readonly<Record<string, PolicyFactory>> = {
  mlsched: withWeights('mlsched', DEFAULT_SCORE_WEIGHTS),
  'mlsched-forecast-only': withWeights('mlsched-forecast-only', only('forecast')),
  'mlsched-placement-only': withWeights('mlsched-placement-only', only('placement')),
  'mlsched-health-only': withWeights('mlsched-health-only', only('health')),
  'mlsched-forecast-placement': withWeights('mlsched-forecast-placement', only('forecast', 'placement')),
  'mlsched-forecast-health': withWeights('mlsched-forecast-health', only('forecast', 'health')),
  'mlsched-placement-health': withWeights('mlsched-placement-health', only('placement', 'health')),
  'mlsched-shuffled-forecast': (context) =>
    createEnsemblePolicy({
      name: 'mlsched-shuffled-forecast',
      context,
      signals: createShuffledForecasts(
        createSignalSource(context.artefacts),
        createRng(context.seed).fork('shuffled-forecasts'),
      ),
    }),
};
