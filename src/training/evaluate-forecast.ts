import { readLoadSeries } from '#collect';
import { LOAD_TARGETS, type ModelArtefact, type RawLoadSeries } from '#domain';
import { noProgress, type Progress } from '#kernel/progress';
import { createRng } from '#kernel/rng';
import { loadForecaster, type HorizonFit } from '#models/forecast';

import type { ForecastBudget } from './forecast-efforts.ts';
import { historyTooShort, tooFewMachines } from './forecast-errors.ts';
import { judgeForecasts, type ForecastTrace } from './forecast-judge.ts';
import { createScoreBoards, type ForecastResult, type ScoreBoard } from './forecast-score.ts';
import { trainOnSeries } from './train-forecast.ts';

/** `time`: the future of known machines. `machines`: the same span of machines that training never saw. */
export type ForecastProtocol = 'time' | 'machines';

export interface EvaluateForecastOptions {
  /** Folder of load Parquet files, see data/README.md. */
  readonly dataDirectory: string;
  /** Ignored with `artefact`. @defaultValue 'time' */
  readonly protocol?: ForecastProtocol;
  readonly seed: number;
  /** Judges this saved model and trains nothing. */
  readonly artefact?: ModelArtefact;
  /** @defaultValue 'evaluation' */
  readonly budget?: ForecastBudget;
  /** @defaultValue 1 */
  readonly threads?: number;
  /** Example stretches to return a resource, for plots. @defaultValue 0 */
  readonly traces?: number;
  readonly progress?: Progress;
}

export interface ForecastEvaluation {
  readonly protocol: ForecastProtocol | 'saved-model';
  /** Four models a resource and horizon, on exactly the same rows. */
  readonly results: readonly ForecastResult[];
  /** Empty for a saved model. */
  readonly fits: readonly HorizonFit[];
  readonly traces: readonly ForecastTrace[];
  readonly machines: number;
}

/** Groups of machines in turn left out of training: each is a fifth, so that training sees 80 %. */
const FOLDS = 5;

/**
 * Judges the load forecast as DESIGN section 5 says: 5-minute means at 5-minute steps, 5 / 15 / 30 / 60 minutes
 * ahead, beside the last value, the same time yesterday and the mean of the last hour, on the same rows.
 *
 * Both protocols judge the last 15 % of each machine. `time` trains on the first 85 % of all machines (70 % to fit, 15 % to
 * tune and calibrate). `machines` does so for each fifth of the machines with a model of the other four fifths, in
 * turn: each machine is judged once, by a model that saw nothing of it.
 *
 * @throws MlschedError those of `readLoadSeries`; `MLS_TRAINING_TOO_FEW_MACHINES`, `MLS_TRAINING_HISTORY_TOO_SHORT`;
 *   `MLS_FORECAST_SCHEMA` and `MLS_FORECAST_CORRUPT` for a saved model.
 */
export async function evaluateForecast(options: EvaluateForecastOptions): Promise<ForecastEvaluation> {
  const progress = options.progress ?? noProgress;
  const series = await readLoadSeries(options.dataDirectory, { progress });
  const run = createRun(series, options, progress);
  if (options.artefact !== undefined) {
    run.judge(options.artefact);
    return run.finish('saved-model', []);
  }
  const protocol = options.protocol ?? 'time';
  const fits = protocol === 'time' ? judgeTime(run, options) : judgeMachines(run, options);
  return run.finish(protocol, fits);
}

interface EvaluationRun {
  readonly series: readonly RawLoadSeries[];
  readonly progress: Progress;
  judge(artefact: ModelArtefact, judged?: ReadonlySet<string>): void;
  finish(protocol: ForecastEvaluation['protocol'], fits: readonly HorizonFit[]): ForecastEvaluation;
}

function createRun(
  series: readonly RawLoadSeries[],
  options: EvaluateForecastOptions,
  progress: Progress,
): EvaluationRun {
  const boards = new Map(LOAD_TARGETS.map((target) => [target, createScoreBoards(target)]));
  const traces: ForecastTrace[] = [];
  const wanted = options.traces ?? 0;
  const onTrace = (trace: ForecastTrace): void => {
    if (traces.filter(({ target }) => target === trace.target).length < wanted) traces.push(trace);
  };
  return {
    series,
    progress,
    judge(artefact, judged) {
      using forecaster = loadForecaster(artefact);
      for (const target of forecaster.targets) {
        const targetBoards = boards.get(target) as ScoreBoard[];
        const only = judged === undefined ? {} : { judged };
        judgeForecasts({ series, target, forecaster, boards: targetBoards, onTrace, progress, ...only });
      }
    },
    finish(protocol, fits) {
      const results = [...boards.values()].flat().flatMap((board) => board.results(options.seed));
      if (results.length === 0) throw historyTooShort(series.length);
      return { protocol, results, fits, traces, machines: series.length };
    },
  };
}

function judgeTime(run: EvaluationRun, options: EvaluateForecastOptions): readonly HorizonFit[] {
  const trained = trainOnSeries(run.series, trainOptions(options, run.progress));
  run.judge(trained.artefact);
  return trained.fits;
}

function judgeMachines(run: EvaluationRun, options: EvaluateForecastOptions): readonly HorizonFit[] {
  const names = run.series.map(({ machine }) => machine);
  if (names.length < 2) throw tooFewMachines(names.length);
  const shuffled = createRng(options.seed)
    .fork('folds')
    .shuffle([...names]);
  const folds = Math.min(FOLDS, names.length);
  return Array.from({ length: folds }, (_, fold) => {
    run.progress.report(fold, folds, `unseen machines, part ${fold + 1} of ${folds}`);
    const held = new Set(shuffled.filter((_name, i) => i % folds === fold));
    const others = run.series.filter(({ machine }) => !held.has(machine));
    const trained = trainOnSeries(others, trainOptions(options, run.progress));
    run.judge(trained.artefact, held);
    return trained.fits;
  }).flat();
}

function trainOptions(options: EvaluateForecastOptions, progress: Progress) {
  const { seed, threads = 1, budget = 'evaluation' } = options;
  return { seed, threads, budget, progress };
}
