import { readLoadSeries } from '#collect';
import {
  HORIZON_MINUTES,
  LOAD_TARGETS,
  type HorizonMinutes,
  type LoadTarget,
  type ModelArtefact,
  type RawLoadSeries,
} from '#domain';
import { noProgress, type Progress } from '#kernel/progress';
import { createRng } from '#kernel/rng';
import { loadForecaster, type HorizonFit } from '#models/forecast';

import { FORECAST_EFFORTS, type ForecastBudget, type ForecastEffort } from './forecast-efforts.ts';
import { historyTooShort, tooFewMachines } from './forecast-errors.ts';
import {
  createAnnouncementBoard,
  type AnnouncementBoard,
  type AnnouncementResult,
} from './forecast-announce.ts';
import { createDetailBoards, type DetailBoard, type ForecastDetail } from './forecast-detail.ts';
import { judgeForecasts, type ForecastTrace, type RowSink } from './forecast-judge.ts';
import { createScoreBoards, type ForecastResult, type ScoreBoard } from './forecast-score.ts';
import { createForecastTrainer, type ForecastTrainer } from './forecast-trainer.ts';

/** `time`: the future of known machines. `machines`: the same span of machines that training never saw. */
export type ForecastProtocol = 'time' | 'machines';

export interface EvaluateForecastOptions extends EvaluateSeriesOptions {
  /** Folder of load Parquet files, see docs/reference/data-formats.md. */
  readonly dataDirectory: string;
}

export interface EvaluateSeriesOptions {
  /** Ignored with `artefact`. @defaultValue 'time' */
  readonly protocol?: ForecastProtocol;
  readonly seed: number;
  /** Judges this saved model and trains nothing. */
  readonly artefact?: ModelArtefact;
  /** @defaultValue 'evaluation', and 'fold' for each part of the machines protocol */
  readonly budget?: ForecastBudget;
  /** In place of a budget's. */
  readonly effort?: ForecastEffort;
  /** Resources and horizons to train and judge; all when absent. */
  readonly targets?: readonly LoadTarget[];
  readonly horizons?: readonly HorizonMinutes[];
  /** Worker threads for training; the cores of the machine, at most 4, when absent. */
  readonly workers?: number;
  /** Example stretches to return a resource, for plots. @defaultValue 0 */
  readonly traces?: number;
  /** Whether to group the errors by machine, hour and load, for a report. @defaultValue false */
  readonly details?: boolean;
  readonly progress?: Progress;
}

export interface ForecastEvaluation {
  readonly protocol: ForecastProtocol | 'saved-model';
  /** Four models a resource and horizon, on exactly the same rows. */
  readonly results: readonly ForecastResult[];
  /** Moments above 80 % of capacity, and how well they were announced; a line a resource and horizon. */
  readonly announcements: readonly AnnouncementResult[];
  /** Empty for a saved model. */
  readonly fits: readonly HorizonFit[];
  readonly traces: readonly ForecastTrace[];
  /** Errors by machine, hour and load; empty unless asked for. */
  readonly details: readonly ForecastDetail[];
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
  const { progress } = options;
  const reading = progress === undefined ? {} : { progress };
  return evaluateSeries(await readLoadSeries(options.dataDirectory, reading), options);
}

/** As `evaluateForecast`, on series that were read before. */
export async function evaluateSeries(
  series: readonly RawLoadSeries[],
  options: EvaluateSeriesOptions,
): Promise<ForecastEvaluation> {
  const progress = options.progress ?? noProgress;
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
  options: EvaluateSeriesOptions,
  progress: Progress,
): EvaluationRun {
  const boards = LOAD_TARGETS.map((target) => createBoards(target, options.details ?? false));
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
        const own = boards.find((board) => board.target === target);
        const only = judged === undefined ? {} : { judged };
        judgeForecasts({ series, target, forecaster, boards: own?.sinks ?? [], onTrace, progress, ...only });
      }
    },
    finish(protocol, fits) {
      const results = boards.flatMap(({ scores }) => scores.flatMap((board) => board.results(options.seed)));
      if (results.length === 0) throw historyTooShort(series.length);
      const announcements = boards.flatMap((board) =>
        board.announcements.flatMap((one) => one.result() ?? []),
      );
      const details = boards.flatMap((board) => board.details.flatMap((one) => one.result() ?? []));
      return { protocol, results, announcements, fits, traces, details, machines: series.length };
    },
  };
}

interface TargetBoards {
  readonly target: LoadTarget;
  readonly scores: readonly ScoreBoard[];
  readonly announcements: readonly AnnouncementBoard[];
  readonly details: readonly DetailBoard[];
  /** Each row goes to all of them. */
  readonly sinks: readonly RowSink[];
}

function createBoards(target: LoadTarget, isDetailed: boolean): TargetBoards {
  const scores = createScoreBoards(target);
  const announcements = HORIZON_MINUTES.map((minutes) => createAnnouncementBoard(target, minutes));
  const details = isDetailed ? createDetailBoards(target) : [];
  const sinks = HORIZON_MINUTES.map((_, horizon): RowSink => ({
    add(row) {
      scores[horizon]?.add(row);
      announcements[horizon]?.add(row);
      details[horizon]?.add(row);
    },
  }));
  return { target, scores, announcements, details, sinks };
}

async function judgeTime(
  run: EvaluationRun,
  trainer: ForecastTrainer,
  options: EvaluateSeriesOptions,
): Promise<readonly HorizonFit[]> {
  const trained = await trainer.train(trainRequest(run, options, 'evaluation'));
  run.judge(trained.artefact);
  return trained.fits;
}

async function judgeMachines(
  run: EvaluationRun,
  trainer: ForecastTrainer,
  options: EvaluateSeriesOptions,
): Promise<readonly HorizonFit[]> {
  const { seed } = options;
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
    const trained = await trainer.train({ ...trainRequest(run, options, 'fold'), machines });
    run.judge(trained.artefact, held);
    fits.push(...trained.fits);
  }
  return fits;
}

function trainRequest(run: EvaluationRun, options: EvaluateSeriesOptions, usual: ForecastBudget) {
  const { seed, budget = usual, effort = FORECAST_EFFORTS[budget], targets, horizons } = options;
  return {
    effort,
    seed,
    progress: run.progress,
    ...(targets === undefined ? {} : { targets }),
    ...(horizons === undefined ? {} : { horizons }),
  };
}
