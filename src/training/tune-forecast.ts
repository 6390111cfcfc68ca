import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { readLoadSeries } from '#collect';
import type { HorizonMinutes, LoadTarget, RawLoadSeries } from '#domain';
import { noProgress, type Progress } from '#kernel/progress';
import { DEFAULT_BOOSTING } from '#models/forecast';
import type { ExperimentTracker } from '#registry';

import { crossValidateForecast } from './forecast-cross-validate.ts';
import { FORECAST_EFFORTS, type ForecastEffort } from './forecast-efforts.ts';
import { noTrialFinished, parameterUnknown } from './tuning/errors.ts';
import { openStudy, type OptunaStudy } from './tuning/optuna.ts';
import { readSearchSpace } from './tuning/search-space.ts';

export interface TuneForecastOptions {
  readonly dataDirectory: string;
  /** Search space file, see configs/tuning/forecast.yaml. */
  readonly searchSpacePath: string;
  /** Journal of the study: with the same file a search goes on where it stopped. */
  readonly storagePath: string;
  /** Trials in all, those of earlier runs included. */
  readonly trials: number;
  /** Trials at the same time, one thread each. */
  readonly parallel: number;
  readonly seed: number;
  /** What a trial is judged on; all resources and horizons when absent. */
  readonly targets?: readonly LoadTarget[];
  readonly horizons?: readonly HorizonMinutes[];
  /** Every trial is a run there. */
  readonly tracker: ExperimentTracker;
  readonly progress?: Progress;
}

/** Parameters and what they were worth on the rolling origins. */
export interface TunedTrial {
  readonly number: number;
  readonly state: 'complete' | 'pruned' | 'fail';
  /** Mean error / error of the last value; null unless complete. */
  readonly mase: number | null;
  readonly parameters: Readonly<Record<string, number>>;
}

export interface ForecastTuning {
  readonly best: TunedTrial;
  /** The parameters in use, tried first. */
  readonly baseline: TunedTrial | undefined;
  /** 1 - best / baseline. */
  readonly improvementRatio: number | undefined;
  readonly trials: readonly TunedTrial[];
}

/** Names that a search space may use, and where they belong. */
const BOOSTING_NAMES = Object.keys(DEFAULT_BOOSTING);
const EFFORT_NAMES = ['learningRate', 'maximumRounds', 'depth'];
const EXPERIMENT = 'tune-load-forecast';
/** Trials compare; they need not be as good as what is trained in the end. */
const TRIAL_EFFORT: ForecastEffort = { ...FORECAST_EFFORTS.fold, rows: 40_000 };

/**
 * Searches the parameters of the load forecast by Optuna on rolling origins that end before the test span.
 *
 * @throws MlschedError those of `readLoadSeries`; `MLS_TRAINING_SEARCH_SPACE`, `MLS_TRAINING_OPTUNA`,
 *   `MLS_TRAINING_NO_TRIAL`.
 */
export async function tuneForecast(options: TuneForecastOptions): Promise<ForecastTuning> {
  const progress = options.progress ?? noProgress;
  const space = await readSearchSpace(options.searchSpacePath);
  const names = space.parameters.map(({ name }) => name);
  const unknown = names.find((name) => ![...BOOSTING_NAMES, ...EFFORT_NAMES].includes(name));
  if (unknown !== undefined) throw parameterUnknown(unknown, [...EFFORT_NAMES, ...BOOSTING_NAMES]);
  const series = await readLoadSeries(options.dataDirectory, { progress });
  await mkdir(dirname(options.storagePath), { recursive: true });
  const usual = pick({ ...TRIAL_EFFORT, ...DEFAULT_BOOSTING }, names);
  const { seed, storagePath: storage } = options;
  const study = await openStudy({ name: EXPERIMENT, storage, space, seed, enqueue: [usual] });
  try {
    const trials = study.past.map(({ value, ...trial }): TunedTrial => ({ ...trial, mase: value }));
    await search({ study, series, options, progress, trials });
    return summarise(trials);
  } finally {
    await study.close();
  }
}

interface Search {
  readonly study: OptunaStudy;
  readonly series: readonly RawLoadSeries[];
  readonly options: TuneForecastOptions;
  readonly progress: Progress;
  /** Grows as trials end. */
  readonly trials: TunedTrial[];
}

async function search(task: Search): Promise<void> {
  const { options, progress, trials } = task;
  let begun = trials.length;
  progress.report(begun, options.trials, 'tuning the load forecast');
  const work = async (): Promise<void> => {
    while (begun < options.trials) {
      begun++;
      trials.push(await runTrial(task));
      const values = trials.flatMap(({ mase }) => mase ?? []);
      const best = values.length === 0 ? 'none yet' : Math.min(...values).toFixed(4);
      progress.report(trials.length, options.trials, `trials done, best error ratio ${best}`);
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, work));
}

async function runTrial({ study, series, options }: Search): Promise<TunedTrial> {
  const { number, parameters } = await study.ask();
  const run = await options.tracker.startRun({
    experiment: EXPERIMENT,
    name: `trial-${number}`,
    parameters,
    tags: { data: options.dataDirectory },
  });
  try {
    const { mase, isComplete } = await crossValidateForecast(series, {
      effort: effortOf(parameters),
      seed: options.seed,
      workers: 1,
      ...(options.targets === undefined ? {} : { targets: options.targets }),
      ...(options.horizons === undefined ? {} : { horizons: options.horizons }),
      async onOrigin(origin, soFar) {
        await run.logMetrics({ origin_mase: origin.mase, mase: soFar }, Math.round(origin.endRatio * 100));
        return (await study.report(number, Math.round(origin.endRatio * 100), soFar)) ? 'stop' : 'continue';
      },
    });
    const state = isComplete ? 'complete' : 'pruned';
    await study.tell(number, { state, value: isComplete ? mase : null });
    await run.end('finished');
    return { number, state, mase: isComplete ? mase : null, parameters };
  } catch (error) {
    await run.end('failed');
    await study.tell(number, { state: 'fail', value: null });
    throw error;
  }
}

/** An effort with some of its numbers replaced. */
function effortOf(parameters: Readonly<Record<string, number>>): ForecastEffort {
  return {
    ...TRIAL_EFFORT,
    ...pick(parameters, EFFORT_NAMES),
    boosting: { ...DEFAULT_BOOSTING, ...pick(parameters, BOOSTING_NAMES) },
  };
}

function pick(from: object, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name))) as Record<
    string,
    number
  >;
}

function summarise(trials: readonly TunedTrial[]): ForecastTuning {
  const complete = trials.filter(({ mase }) => mase !== null);
  const [best] = complete.toSorted((a, b) => (a.mase ?? Infinity) - (b.mase ?? Infinity));
  if (best === undefined) throw noTrialFinished(trials.length);
  const baseline = trials.find(({ number, mase }) => number === 0 && mase !== null);
  const usual = baseline?.mase ?? undefined;
  return {
    best,
    baseline,
    improvementRatio: usual === undefined ? undefined : 1 - (best.mase ?? usual) / usual,
    trials: trials.toSorted((a, b) => a.number - b.number),
  };
}
