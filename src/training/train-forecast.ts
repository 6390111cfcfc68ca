import { readLoadSeries } from '#collect';
import type { ModelArtefact, RawLoadSeries } from '#domain';
import { noProgress, type Progress } from '#kernel/progress';
import { loadForecaster, type HorizonFit } from '#models/forecast';

import { FORECAST_EFFORTS, type ForecastBudget } from './forecast-efforts.ts';
import { judgeForecasts } from './forecast-judge.ts';
import { createScoreBoards, type ForecastResult } from './forecast-score.ts';
import { createForecastTrainer } from './forecast-trainer.ts';

export interface TrainForecastOptions {
  /** Folder of load Parquet files, see docs/reference/data-formats.md. */
  readonly dataDirectory: string;
  /** @defaultValue 'full' */
  readonly budget?: ForecastBudget;
  readonly seed: number;
  /** Worker threads; the cores of the machine, at most 4, when absent. The result does not depend on it. */
  readonly workers?: number;
  readonly progress?: Progress;
}

export interface TrainedForecast {
  readonly artefact: ModelArtefact;
  /** What each (resource, horizon) model learned, measured on the calibration span. */
  readonly fits: readonly HorizonFit[];
  /** On the last 15 % of each machine, which training never saw. */
  readonly results: readonly ForecastResult[];
  /** For a registry: accuracy, skill and coverage by resource and horizon. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly machines: number;
  readonly rows: Readonly<Record<string, number>>;
}

/**
 * Trains the load forecast on the first 85 % of every machine of a folder and measures it on the rest.
 *
 * @throws MlschedError those of `readLoadSeries`; `MLS_TRAINING_HISTORY_TOO_SHORT`; those of `fitForecast`.
 */
export async function trainForecast(options: TrainForecastOptions): Promise<TrainedForecast> {
  const progress = options.progress ?? noProgress;
  const series = await readLoadSeries(options.dataDirectory, { progress });
  const trainer = createForecastTrainer(series, options.workers);
  try {
    const { seed, budget = 'full' } = options;
    const { artefact, fits, rows } = await trainer.train({
      effort: FORECAST_EFFORTS[budget],
      seed,
      progress,
    });
    const results = measure(series, artefact, { seed, progress });
    return { artefact, fits, results, metrics: metricsOf(results), machines: series.length, rows };
  } finally {
    await trainer.close();
  }
}

function measure(
  series: readonly RawLoadSeries[],
  artefact: ModelArtefact,
  options: { readonly seed: number; readonly progress: Progress },
): ForecastResult[] {
  using forecaster = loadForecaster(artefact);
  return forecaster.targets.flatMap((target) => {
    const boards = createScoreBoards(target);
    judgeForecasts({ series, target, forecaster, boards, progress: options.progress });
    return boards.flatMap((board) => board.results(options.seed));
  });
}

function metricsOf(results: readonly ForecastResult[]): Record<string, number> {
  const metrics: Record<string, number> = {};
  for (const result of results) {
    if (result.model !== 'mlsched') continue;
    const prefix = `${result.target}_${result.horizonMinutes}m`;
    metrics[`${prefix}_accuracy_ratio`] = result.wapeAccuracyRatio;
    metrics[`${prefix}_skill_ratio`] = result.skillRatio;
    metrics[`${prefix}_coverage90_ratio`] = result.coverage90Ratio ?? Number.NaN;
  }
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));
}
