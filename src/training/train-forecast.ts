import { readLoadSeries } from '#collect';
import type { ModelArtefact, RawLoadSeries } from '#domain';
import { noProgress, type Progress } from '#kernel/progress';
import { DAY_MS } from '#kernel/units';
import { loadForecaster, type HorizonFit } from '#models/forecast';

import { FORECAST_EFFORTS, type ForecastBudget } from './forecast-efforts.ts';
import { judgeForecasts } from './forecast-judge.ts';
import { createScoreBoards, type ForecastResult } from './forecast-score.ts';
import type { ExperimentTracker } from '#registry';

import { createForecastTrainer } from './forecast-trainer.ts';
import { cutSeries } from './forecast-young.ts';

export interface TrainForecastOptions {
  /** Folder of load Parquet files, see docs/reference/data-formats.md. */
  readonly dataDirectory: string;
  /** @defaultValue 'full' */
  readonly budget?: ForecastBudget;
  readonly seed: number;
  /** Model to go on from with the data given; its trees are kept and new ones added. */
  readonly continueFrom?: ModelArtefact;
  /** Only the last days of each machine are used; all when absent. */
  readonly lastDays?: number;
  /** Rows a resource in place of the budget's; above 600,000 they are kept on disk. */
  readonly rows?: number;
  /** The training is a run there: its parameters, what each model learned, and the results. */
  readonly tracker?: ExperimentTracker;
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
  const { seed, budget = 'full', lastDays, continueFrom, tracker } = options;
  const run = await tracker?.startRun({
    experiment: EXPERIMENT,
    name: `${budget}-seed-${seed}`,
    parameters: { seed, budget, isWarm: continueFrom !== undefined, lastDays: lastDays ?? 'all' },
    tags: { data: options.dataDirectory },
  });
  try {
    const trained = await fitAndMeasure(options, budget);
    for (const [horizon, fit] of trained.fits.entries()) await run?.logMetrics(fitMetrics(fit), horizon);
    await run?.logMetrics(trained.metrics);
    await run?.end('finished');
    return trained;
  } catch (error) {
    await run?.end('failed');
    throw error;
  }
}

const EXPERIMENT = 'load-forecast';

async function fitAndMeasure(
  options: TrainForecastOptions,
  budget: ForecastBudget,
): Promise<TrainedForecast> {
  const { seed, lastDays, continueFrom, progress = noProgress } = options;
  const read = await readLoadSeries(options.dataDirectory, { progress });
  const series = lastDays === undefined ? read : latest(read, lastDays);
  const trainer = createForecastTrainer(series, options.workers);
  try {
    const { artefact, fits, rows } = await trainer.train({
      effort: { ...FORECAST_EFFORTS[budget], ...(options.rows === undefined ? {} : { rows: options.rows }) },
      seed,
      progress,
      ...(continueFrom === undefined ? {} : { continueFrom }),
    });
    const results = measure(series, artefact, { seed, progress });
    return { artefact, fits, results, metrics: metricsOf(results), machines: series.length, rows };
  } finally {
    await trainer.close();
  }
}

function fitMetrics(fit: HorizonFit): Record<string, number> {
  const prefix = `${fit.target}_${fit.horizonMinutes}m`;
  return {
    [`${prefix}_rounds`]: fit.rounds,
    [`${prefix}_rows`]: fit.rows,
    [`${prefix}_raw_coverage_ratio`]: fit.rawCoverageRatio,
    [`${prefix}_calibration_mae_ratio`]: fit.calibrationMaeRatio,
  };
}

/** The last days of each machine; machines that end earlier than others keep their own last days. */
function latest(series: readonly RawLoadSeries[], days: number): RawLoadSeries[] {
  return series.map((raw) => {
    const endMs = raw.timesMs.at(-1) ?? 0;
    return cutSeries(raw, endMs - days * DAY_MS, endMs);
  });
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
