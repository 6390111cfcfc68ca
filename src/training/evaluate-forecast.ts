import { readLoadSeries } from '#collect';
import { LOAD_TARGETS, type ModelArtefact, type RawLoadSeries } from '#domain';
import { noProgress, type Progress } from '#kernel/progress';
import { createRng } from '#kernel/rng';
import { loadForecaster, type HorizonFit } from '#models/forecast';

import type { ForecastBudget } from './forecast-efforts.ts';
import { historyTooShort, tooFewMachines } from './forecast-errors.ts';
import { judgeForecasts, type ForecastTrace } from './forecast-judge.ts';
import { createScoreBoards, type ForecastResult, type ScoreBoard } from './forecast-score.ts';
import { createForecastTrainer, type ForecastTrainer } from './forecast-trainer.ts';

/** `time`: the future of known machines. `machines`: the same span of machines that training never saw. */
export type ForecastProtocol = 'time' | 'machines';

export interface EvaluateForecastOptions {
  /** Folder of load Parquet files, see docs/reference/data-formats.md. */
  readonly dataDirectory: string;
  /** Ignored with `artefact`. @defaultValue 'time' */
  readonly protocol?: ForecastProtocol;
  readonly seed: number;
  /** Judges this saved model and trains nothing. */
  readonly artefact?: ModelArtefact;
  /** @defaultValue 'evaluation', and 'fold' for each part of the machines protocol */
  readonly budget?: ForecastBudget;
  /** Worker threads for training; the cores of the machine, at most 4, when absent. */
  readonly workers?: number;
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
 * Judges the load forecast as docs/explanation/how-results-are-judged.md says: 5-minute means at 5-minute steps, 5 / 15 / 30 / 60 minutes
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
  const trainer = createForecastTrainer(series, options.workers);
  try {
    const fits = await (protocol === 'time' ? judgeTime : judgeMachines)(run, trainer, options);
    return run.finish(protocol, fits);
  } finally {
    await trainer.close();
  }
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

async function judgeTime(
  run: EvaluationRun,
  trainer: ForecastTrainer,
  options: EvaluateForecastOptions,
): Promise<readonly HorizonFit[]> {
  const { seed, budget = 'evaluation' } = options;
  const trained = await trainer.train({ budget, seed, progress: run.progress });
  run.judge(trained.artefact);
  return trained.fits;
}

async function judgeMachines(
  run: EvaluationRun,
  trainer: ForecastTrainer,
  options: EvaluateForecastOptions,
): Promise<readonly HorizonFit[]> {
  const { seed, budget = 'fold' } = options;
  const { progress } = run;
  const names = run.series.map(({ machine }) => machine);
  if (names.length < 2) throw tooFewMachines(names.length);
  const shuffled = createRng(seed)
    .fork('folds')
    .shuffle([...names]);
  const folds = Math.min(FOLDS, names.length);
  const fits: HorizonFit[] = [];
  for (let fold = 0; fold < folds; fold++) {
    progress.report(fold, folds, `unseen machines, part ${fold + 1} of ${folds}`);
    const held = new Set(shuffled.filter((_name, i) => i % folds === fold));
    const machines = names.filter((name) => !held.has(name));
    const trained = await trainer.train({ machines, budget, seed, progress });
    run.judge(trained.artefact, held);
    fits.push(...trained.fits);
  }
  return fits;
}
