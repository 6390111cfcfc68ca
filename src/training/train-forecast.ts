import { readLoadSeries } from '#collect';
import { LOAD_TARGETS, type ModelArtefact, type RawLoadSeries } from '#domain';
import { noProgress, type Progress } from '#kernel/progress';
import { fitForecast, loadForecaster, type HorizonFit, type TrainingRows } from '#models/forecast';

import { collectTrainingRows } from './forecast-data.ts';
import { FORECAST_EFFORTS, type ForecastBudget } from './forecast-efforts.ts';
import { historyTooShort } from './forecast-errors.ts';
import { judgeForecasts } from './forecast-judge.ts';
import { createScoreBoards, type ForecastResult } from './forecast-score.ts';

export interface TrainForecastOptions {
  /** Folder of load Parquet files, see data/README.md. */
  readonly dataDirectory: string;
  /** @defaultValue 'full' */
  readonly budget?: ForecastBudget;
  readonly seed: number;
  /** @defaultValue 1 */
  readonly threads?: number;
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
  const { artefact, fits, rows } = trainOnSeries(series, options);
  const results = measure(series, artefact, { seed: options.seed, progress });
  return { artefact, fits, results, metrics: metricsOf(results), machines: series.length, rows };
}

export interface TrainOnSeriesOptions {
  readonly budget?: ForecastBudget;
  readonly seed: number;
  readonly threads?: number;
  readonly progress?: Progress;
}

/** As `trainForecast` on series in memory, without measuring. */
export function trainOnSeries(series: readonly RawLoadSeries[], options: TrainOnSeriesOptions) {
  const effort = FORECAST_EFFORTS[options.budget ?? 'full'];
  const progress = options.progress ?? noProgress;
  const rows: Partial<Record<(typeof LOAD_TARGETS)[number], TrainingRows>> = {};
  for (const [i, target] of LOAD_TARGETS.entries()) {
    progress.report(i, LOAD_TARGETS.length, `computing ${target} features`);
    const collected = collectTrainingRows({ series, target, rows: effort.rows, seed: options.seed });
    if (collected !== undefined && collected.rows > 0) rows[target] = collected;
  }
  if (Object.keys(rows).length === 0) throw historyTooShort(series.length);
  const { artefact, fits } = fitForecast({
    rows,
    effort,
    seed: options.seed,
    threads: options.threads ?? 1,
    progress,
  });
  const counts = Object.fromEntries(Object.entries(rows).map(([target, part]) => [target, part.rows]));
  return { artefact, fits, rows: counts };
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
