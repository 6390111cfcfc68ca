import { join } from 'node:path';

import { HORIZON_MINUTES, LOAD_TARGETS, type HorizonMinutes, type LoadTarget } from '#domain';
import { FEATURE_CATALOGUE, FEATURE_COUNT } from '#features';
import { noProgress, type Progress } from '#kernel/progress';
import {
  openXgboost,
  trainBooster,
  type Booster,
  type MatrixOptions,
  type TrainingMatrix,
  type XgboostLibrary,
} from '#native';

import { medianFiles, saveForecast, trainedMachines, type FittedHorizon } from './artefact.ts';
import { calibrateHorizon } from './calibrate.ts';
import { coverage, type CalibrationRows } from './conformal.ts';
import { noTarget, tooFewRows } from './errors.ts';
import { ALL_ROLES, scaleBatches, scaleRows, type ScaledRows } from './scaling.ts';
import { DEFAULT_BOOSTING, ROW_ROLES, type FitEffort, type HorizonFit, type TrainingRows } from './types.ts';
import type { ModelArtefact } from '#domain';

export interface FitForecastOptions {
  /** Training rows by resource; a resource without an entry gets no model. */
  readonly rows: Readonly<Partial<Record<LoadTarget, TrainingRows>>>;
  /** Horizons to train; all when absent. */
  readonly horizons?: readonly HorizonMinutes[];
  readonly effort: FitEffort;
  readonly seed: number;
  /** Names of the machines that the rows come from; the model remembers them. */
  readonly machines?: readonly string[];
  /**
   * Goes on from this model's medians with the rows given, for example those of the latest weeks; a resource or horizon
   * that it does not know begins anew. Intervals are always fitted anew.
   */
  readonly continueFrom?: ModelArtefact;
  /** Existing folder for the pages of a matrix that does not fit into memory; all is kept in memory when absent. */
  readonly scratchDirectory?: string;
  /** @defaultValue 1 */
  readonly threads?: number;
  readonly progress?: Progress;
}

export interface FittedForecast {
  readonly artefact: ModelArtefact;
  readonly fits: readonly HorizonFit[];
}

/** Fewer rows than this teach nothing but noise. */
const FEWEST_ROWS = 100;
const EARLY_STOPPING_ROUNDS = 30;
/** Coarser bins than XGBoost's 256 are faster and, on noisy load, no worse. */
const MAX_BINS = 64;
const INTERVAL_PARAMETERS = { max_depth: 5, eta: 0.1 } as const;

function sharedParameters({ boosting = DEFAULT_BOOSTING }: FitEffort) {
  return {
    tree_method: 'hist',
    subsample: boosting.subsampleRatio,
    colsample_bytree: boosting.featureRatio,
    min_child_weight: boosting.minimumChildWeight,
    max_bin: MAX_BINS,
  };
}

const FEATURE_NAMES = FEATURE_CATALOGUE.map(({ name }) => name);

/**
 * Trains the load forecast: for each resource and horizon a median model and an interval model.
 *
 * The median model is fitted on the fit rows, stopped early on the calibration rows, then fitted again on both with
 * the number of rounds so found. The interval model sees the fit rows only; the calibration rows correct its
 * coverage. Deterministic for the same rows, effort and seed.
 *
 * @throws MlschedError `MLS_FORECAST_NO_TARGET`, `MLS_FORECAST_TOO_FEW_ROWS`, and those of #native when the
 *   library is missing.
 */
export function fitForecast(options: FitForecastOptions): FittedForecast {
  const targets = LOAD_TARGETS.filter((target) => options.rows[target] !== undefined);
  if (targets.length === 0) throw noTarget();
  const library = openXgboost();
  const progress = options.progress ?? noProgress;
  const horizons = options.horizons ?? HORIZON_MINUTES;
  const total = targets.length * horizons.length;
  const fitted: FittedHorizon[] = [];
  for (const target of targets) {
    for (const horizonMinutes of horizons) {
      const horizon = HORIZON_MINUTES.indexOf(horizonMinutes);
      progress.report(fitted.length, total, `training ${target} at ${horizonMinutes} min`);
      const source = options.rows[target] as TrainingRows;
      fitted.push(fitHorizon(library, { options, source, target, horizon, horizonMinutes }));
    }
  }
  progress.report(total, total, 'trained');
  return { artefact: saveForecast(fitted, machinesOf(options)), fits: fitted.map(({ fit }) => fit) };
}

/** Those of the rows and, after a warm start, those of the model before. */
function machinesOf({ machines = [], continueFrom }: FitForecastOptions): string[] {
  const before = continueFrom === undefined ? [] : trainedMachines(continueFrom);
  return [...new Set([...before, ...machines])].sort();
}

interface HorizonTask {
  readonly options: FitForecastOptions;
  readonly source: TrainingRows;
  readonly target: LoadTarget;
  /** Index into `HORIZON_MINUTES`. */
  readonly horizon: number;
  readonly horizonMinutes: HorizonMinutes;
}

function fitHorizon(library: XgboostLibrary, task: HorizonTask): FittedHorizon {
  const { source, horizon, target, horizonMinutes } = task;
  const { effort } = task.options;
  const limit = effort.probeRows;
  const training = scaleRows(source, horizon, { roles: [ROW_ROLES.fit], limit });
  const calibration = scaleRows(source, horizon, { roles: [ROW_ROLES.calibrate], limit });
  if (training.rows < FEWEST_ROWS || calibration.rows < FEWEST_ROWS / 4) {
    throw tooFewRows(target, horizonMinutes, training.rows + calibration.rows);
  }
  const trainingMatrix = buildMatrix(library, () => [training], task);
  const calibrationMatrix = buildMatrix(library, () => [calibration], task, { reference: trainingMatrix });
  try {
    const probe = probeRounds(library, task, { trainingMatrix, calibrationMatrix });
    const medians = probe.booster.predict(calibration.values, calibration.rows).values;
    probe.booster.free();
    const interval = fitInterval(library, task, trainingMatrix);
    const raw = rawInterval(interval, calibration);
    const learned = calibrateHorizon({ rows: calibration, medians, raw });
    const fit: HorizonFit = {
      target,
      horizonMinutes,
      rows: training.rows + calibration.rows,
      rounds: probe.rounds,
      rawCoverageRatio: coverage(raw),
      calibration: learned,
      calibrationMaeRatio: meanError(medians, calibration),
      lastValueMaeRatio: meanError(undefined, calibration),
    };
    return {
      fit,
      medians: fitMedians(library, task, probe.rounds),
      interval: takeBytes(interval),
      calibration: learned,
    };
  } finally {
    trainingMatrix.free();
    calibrationMatrix.free();
  }
}

function buildMatrix(
  library: XgboostLibrary,
  batches: () => Iterable<ScaledRows>,
  task: HorizonTask,
  more: Pick<MatrixOptions, 'reference' | 'cachePrefix'> = {},
): TrainingMatrix {
  const { features } = task.options.effort;
  const shown = features === undefined ? undefined : new Set(features);
  return library.createMatrix({
    columns: FEATURE_COUNT,
    featureNames: FEATURE_NAMES,
    *batches() {
      for (const rows of batches()) {
        if (shown !== undefined) hideFeatures(rows, shown);
        yield { values: rows.values, labels: rows.labels, weights: rows.weights };
      }
    },
    maxBins: MAX_BINS,
    threads: task.options.threads ?? 1,
    ...more,
  });
}

/** What is unknown throughout is never split on, so predictions do not depend on it either. */
function hideFeatures({ values }: ScaledRows, shown: ReadonlySet<string>): void {
  for (const [column, name] of FEATURE_NAMES.entries()) {
    if (shown.has(name)) continue;
    for (let at = column; at < values.length; at += FEATURE_COUNT) values[at] = Number.NaN;
  }
}

function medianParameters(task: HorizonTask, member: number) {
  const { effort, seed } = task.options;
  return {
    ...sharedParameters(effort),
    objective: 'reg:absoluteerror',
    max_depth: effort.depth,
    eta: effort.learningRate,
    seed: seed * 1000 + task.horizon * 10 + member,
  };
}

interface Matrices {
  readonly trainingMatrix: TrainingMatrix;
  readonly calibrationMatrix: TrainingMatrix;
}

function probeRounds(
  library: XgboostLibrary,
  task: HorizonTask,
  { trainingMatrix, calibrationMatrix }: Matrices,
): { booster: Booster; rounds: number } {
  const { booster, bestRound } = trainBooster(library, {
    parameters: medianParameters(task, 0),
    training: trainingMatrix,
    evaluation: { calibration: calibrationMatrix },
    rounds: task.options.effort.maximumRounds,
    earlyStoppingRounds: EARLY_STOPPING_ROUNDS,
    threads: task.options.threads ?? 1,
    ...continuation(earlierMedians(task), 0),
  });
  return { booster, rounds: bestRound + 1 };
}

/** Earlier medians of this (resource, horizon); empty when training begins anew. */
function earlierMedians({ options, target, horizonMinutes }: HorizonTask): readonly Uint8Array[] {
  if (options.continueFrom === undefined) return [];
  const found = medianFiles(options.continueFrom).find(
    (one) => one.target === target && one.horizonMinutes === horizonMinutes,
  );
  return found?.files ?? [];
}

function continuation(earlier: readonly Uint8Array[], member: number): { continueFrom?: Uint8Array } {
  const bytes = earlier[member % earlier.length];
  return bytes === undefined ? {} : { continueFrom: bytes };
}

/** The final median models: all rows, as many rounds as the probe found. */
function fitMedians(library: XgboostLibrary, task: HorizonTask, rounds: number): Uint8Array[] {
  const { scratchDirectory } = task.options;
  const { batches } = scaleBatches(task.source, task.horizon, ALL_ROLES);
  const cache =
    scratchDirectory === undefined
      ? {}
      : { cachePrefix: join(scratchDirectory, `${task.target}-${task.horizonMinutes}m`) };
  const matrix = buildMatrix(library, batches, task, cache);
  const earlier = earlierMedians(task);
  try {
    return Array.from({ length: task.options.effort.seeds }, (_, member) => {
      const parameters = medianParameters(task, member);
      const threads = task.options.threads ?? 1;
      const go = continuation(earlier, member);
      return takeBytes(
        trainBooster(library, { parameters, training: matrix, rounds, threads, ...go }).booster,
      );
    });
  } finally {
    matrix.free();
  }
}

function fitInterval(library: XgboostLibrary, task: HorizonTask, training: TrainingMatrix): Booster {
  const { effort, seed } = task.options;
  return trainBooster(library, {
    parameters: {
      ...sharedParameters(effort),
      ...INTERVAL_PARAMETERS,
      objective: 'reg:quantileerror',
      quantile_alpha: [0.05, 0.95],
      seed: seed * 1000 + task.horizon,
    },
    training,
    rounds: effort.intervalRounds,
    threads: task.options.threads ?? 1,
  }).booster;
}

function takeBytes(booster: Booster): Uint8Array {
  const bytes = booster.save('ubj');
  booster.free();
  return bytes;
}

function rawInterval(interval: Booster, rows: ScaledRows): CalibrationRows {
  const { values } = interval.predict(rows.values, rows.rows);
  return {
    low: Float32Array.from({ length: rows.rows }, (_, i) => values[2 * i] as number),
    high: Float32Array.from({ length: rows.rows }, (_, i) => values[2 * i + 1] as number),
    truth: rows.labels,
  };
}

/** Mean absolute error in capacity; of the last value when nothing was predicted. */
function meanError(predicted: Float32Array | undefined, rows: ScaledRows): number {
  let sum = 0;
  for (let i = 0; i < rows.rows; i++) {
    sum += Math.abs((rows.labels[i] as number) - (predicted?.[i] ?? 0)) * (rows.deviations[i] as number);
  }
  return sum / rows.rows;
}
