import { HORIZON_MINUTES, LOAD_TARGETS, type HorizonMinutes, type LoadTarget } from '#domain';
import { FEATURE_CATALOGUE, FEATURE_COUNT } from '#features';
import { noProgress, type Progress } from '#kernel/progress';
import { openXgboost, trainBooster, type Booster, type TrainingMatrix, type XgboostLibrary } from '#native';

import { saveForecast, type FittedHorizon } from './artefact.ts';
import { conformalOffsets, coverage, type CalibrationRows } from './conformal.ts';
import { noTarget, tooFewRows } from './errors.ts';
import { ALL_ROLES, scaleRows, type ScaledRows } from './scaling.ts';
import { ROW_ROLES, type FitEffort, type HorizonFit, type TrainingRows } from './types.ts';
import type { ModelArtefact } from '#domain';

export interface FitForecastOptions {
  /** Training rows by resource; a resource without an entry gets no model. */
  readonly rows: Readonly<Partial<Record<LoadTarget, TrainingRows>>>;
  /** Horizons to train; all when absent. */
  readonly horizons?: readonly HorizonMinutes[];
  readonly effort: FitEffort;
  readonly seed: number;
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
/** Chosen on the validation span of smd-nodes; see the model card. */
const SHARED_PARAMETERS = {
  tree_method: 'hist',
  subsample: 0.7,
  colsample_bytree: 0.2,
  min_child_weight: 60,
  max_bin: MAX_BINS,
} as const;
const INTERVAL_PARAMETERS = { max_depth: 5, eta: 0.1 } as const;
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
  return { artefact: saveForecast(fitted), fits: fitted.map(({ fit }) => fit) };
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
  const trainingMatrix = buildMatrix(library, training, task);
  const calibrationMatrix = buildMatrix(library, calibration, task, trainingMatrix);
  try {
    const probe = probeRounds(library, task, { trainingMatrix, calibrationMatrix });
    const calibrationMaeRatio = meanError(probe.booster, calibration);
    probe.booster.free();
    const interval = fitInterval(library, task, trainingMatrix);
    const raw = rawInterval(interval, calibration);
    const offsets = conformalOffsets(raw);
    const fit: HorizonFit = {
      target,
      horizonMinutes,
      rows: training.rows + calibration.rows,
      rounds: probe.rounds,
      rawCoverageRatio: coverage(raw),
      offsets,
      calibrationMaeRatio,
      lastValueMaeRatio: meanError(undefined, calibration),
    };
    const medians = fitMedians(library, task, probe.rounds);
    return { fit, medians, interval: takeBytes(interval), offsets };
  } finally {
    trainingMatrix.free();
    calibrationMatrix.free();
  }
}

function buildMatrix(
  library: XgboostLibrary,
  rows: ScaledRows,
  task: HorizonTask,
  reference?: TrainingMatrix,
): TrainingMatrix {
  return library.createMatrix({
    columns: FEATURE_COUNT,
    featureNames: FEATURE_NAMES,
    batches: [{ values: rows.values, labels: rows.labels, weights: rows.weights }],
    maxBins: MAX_BINS,
    threads: task.options.threads ?? 1,
    ...(reference === undefined ? {} : { reference }),
  });
}

function medianParameters(task: HorizonTask, member: number) {
  const { effort, seed } = task.options;
  return {
    ...SHARED_PARAMETERS,
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
  });
  return { booster, rounds: bestRound + 1 };
}

/** The final median models: all rows, as many rounds as the probe found. */
function fitMedians(library: XgboostLibrary, task: HorizonTask, rounds: number): Uint8Array[] {
  const rows = scaleRows(task.source, task.horizon, { roles: ALL_ROLES, limit: Number.POSITIVE_INFINITY });
  const matrix = buildMatrix(library, rows, task);
  try {
    return Array.from({ length: task.options.effort.seeds }, (_, member) => {
      const parameters = medianParameters(task, member);
      const threads = task.options.threads ?? 1;
      return takeBytes(trainBooster(library, { parameters, training: matrix, rounds, threads }).booster);
    });
  } finally {
    matrix.free();
  }
}

function fitInterval(library: XgboostLibrary, task: HorizonTask, training: TrainingMatrix): Booster {
  const { effort, seed } = task.options;
  return trainBooster(library, {
    parameters: {
      ...SHARED_PARAMETERS,
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

/** Mean absolute error in capacity; of the last value when there is no booster. */
function meanError(booster: Booster | undefined, rows: ScaledRows): number {
  const predicted = booster?.predict(rows.values, rows.rows).values;
  let sum = 0;
  for (let i = 0; i < rows.rows; i++) {
    sum += Math.abs((rows.labels[i] as number) - (predicted?.[i] ?? 0)) * (rows.deviations[i] as number);
  }
  return sum / rows.rows;
}
