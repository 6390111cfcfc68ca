import {
  HORIZON_MINUTES,
  type HorizonMinutes,
  type LoadTarget,
  type ModelArtefact,
  type NodeForecast,
  type UnknownReason,
} from '#domain';
import {
  COARSE_STEP_MS,
  createFeatureWriter,
  FEATURE_COUNT,
  NO_PEERS,
  type FeatureWriter,
  type NodeHistory,
  type PeerLoad,
} from '#features';
import { HOUR_MS } from '#kernel/units';
import type { LoadPredictorOptions, Predictor } from '#native';

import { loadHorizons, trainedMachines, type HorizonModel } from './artefact.ts';
import { HISTORY_DAYS_COLUMN, YOUNG_DAYS } from './scaling.ts';
import { rowsShapeWrong } from './errors.ts';
import { explainMedian, type ForecastExplanation } from './explain.ts';
import { liveCorrection } from './live-correction.ts';
import { createPeers } from './live-peers.ts';
import type { ForecastTracker } from './tracker.ts';
import type { ForecastBands, PredictionRows } from './types.ts';

/** A machine needs an hour of history; from the first to the last of its samples that is up to a window less. */
const SHORTEST_HISTORY_MS = HOUR_MS - COARSE_STEP_MS;

/** A loaded model. Frees its native memory when disposed. */
export interface LoadForecaster extends Disposable {
  /** Resources that the model was trained for. */
  readonly targets: readonly LoadTarget[];
  readonly engine: Predictor['engine'];
  /** What it was loaded from. */
  readonly artefact: ModelArtefact;
  /** Names of the machines that training saw. */
  readonly machines: ReadonlySet<string>;
  /**
   * Predicts prepared feature rows.
   *
   * @returns Undefined when the model does not know the resource or horizon.
   * @throws MlschedError `MLS_FORECAST_SHAPE` when the lengths do not fit.
   */
  predictRows(
    target: LoadTarget,
    horizonMinutes: HorizonMinutes,
    rows: PredictionRows,
  ): ForecastBands | undefined;
  /**
   * Forecasts all machines, resources and horizons from their histories; one entry each, in that order.
   *
   * @param tracker - Corrects the forecasts by how earlier ones turned out, and learns from this call: one tracker for
   *   the life of a service, called at least every 5 minutes.
   */
  forecast(histories: readonly NodeHistory[], nowMs: number, tracker?: ForecastTracker): NodeForecast[];
  /**
   * Says which features moved the median of one row, by the SHAP values of XGBoost.
   *
   * @returns Undefined when the model does not know the resource or horizon, or runs without the native library.
   */
  explain(
    target: LoadTarget,
    horizonMinutes: HorizonMinutes,
    row: PredictionRows,
  ): ForecastExplanation | undefined;
  free(): void;
}

/**
 * Loads a model for forecasting.
 *
 * @throws MlschedError `MLS_FORECAST_SCHEMA`, `MLS_FORECAST_CORRUPT`.
 */
export function loadForecaster(artefact: ModelArtefact, options: LoadPredictorOptions = {}): LoadForecaster {
  const models = loadHorizons(artefact, options);
  const targets = [...new Set(models.map(({ target }) => target))];
  const find = (target: LoadTarget, horizon: HorizonMinutes): HorizonModel | undefined =>
    models.find((model) => model.target === target && model.horizonMinutes === horizon);
  const writer = createFeatureWriter();
  const free = (): void => {
    for (const { medians, interval } of models) for (const one of [...medians, interval]) one.free();
  };
  const forecaster: LoadForecaster = {
    targets,
    artefact,
    machines: new Set(trainedMachines(artefact)),
    engine: (models[0] as HorizonModel).interval.engine,
    predictRows(target, horizonMinutes, rows) {
      checkShape(rows);
      const model = find(target, horizonMinutes);
      return model === undefined ? undefined : predictBands(model, rows);
    },
    forecast: (histories, nowMs, tracker) =>
      (['cpu', 'memory'] as const).flatMap((target) =>
        forecastTarget(forecaster, { histories, nowMs, target, writer, tracker }),
      ),
    explain(target, horizonMinutes, row) {
      checkShape(row);
      const model = find(target, horizonMinutes);
      return model === undefined ? undefined : explainMedian(model.medians, row);
    },
    free,
    [Symbol.dispose]: free,
  };
  return forecaster;
}

function checkShape(rows: PredictionRows): void {
  const wanted = rows.rows * FEATURE_COUNT;
  if (rows.values.length !== wanted) throw rowsShapeWrong('feature values', wanted, rows.values.length);
  if (rows.anchors.length !== rows.rows) throw rowsShapeWrong('last values', rows.rows, rows.anchors.length);
  if (rows.deviations.length !== rows.rows) {
    throw rowsShapeWrong('deviations', rows.rows, rows.deviations.length);
  }
}

/** Back from deviations to capacity, in order and inside 0..1; a row without a last value stays NaN. */
function predictBands(model: HorizonModel, rows: PredictionRows): ForecastBands {
  const count = rows.rows;
  const bands: ForecastBands = {
    low05: new Float32Array(count),
    median: averageMedians(model.medians, rows),
    high95: new Float32Array(count),
    announcePosition: model.calibration.announcePosition,
  };
  const ends = model.interval.predict(rows.values, count);
  const { settled, young } = model.calibration;
  for (let i = 0; i < count; i++) {
    const days = rows.values[i * FEATURE_COUNT + HISTORY_DAYS_COLUMN] as number;
    const { low, high } = days < YOUNG_DAYS ? young : settled;
    const anchor = rows.anchors[i] as number;
    const deviation = rows.deviations[i] as number;
    const middle = clampRatio(anchor + (bands.median[i] as number) * deviation);
    const below = clampRatio(anchor + ((ends[2 * i] as number) - low) * deviation);
    const above = clampRatio(anchor + ((ends[2 * i + 1] as number) + high) * deviation);
    bands.median[i] = middle;
    bands.low05[i] = Math.min(below, middle);
    bands.high95[i] = Math.max(above, middle);
  }
  return bands;
}

/** NaN stays NaN. */
function clampRatio(value: number): number {
  return Math.min(1, Math.max(0, value));
}

function averageMedians(medians: readonly Predictor[], rows: PredictionRows): Float32Array {
  const sum = (medians[0] as Predictor).predict(rows.values, rows.rows);
  for (let member = 1; member < medians.length; member++) {
    const more = (medians[member] as Predictor).predict(rows.values, rows.rows);
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (more[i] as number);
  }
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) / medians.length;
  return sum;
}

interface LiveTask {
  readonly histories: readonly NodeHistory[];
  readonly nowMs: number;
  readonly target: LoadTarget;
  readonly writer: FeatureWriter;
  readonly tracker: ForecastTracker | undefined;
}

function forecastTarget(forecaster: LoadForecaster, task: LiveTask): NodeForecast[] {
  const rows = liveRows(task);
  const correct = task.tracker === undefined ? undefined : liveCorrection(task.tracker, task, rows);
  return HORIZON_MINUTES.flatMap((horizonMinutes) => {
    const bands = forecaster.predictRows(task.target, horizonMinutes, rows);
    return task.histories.map((history, i): NodeForecast => {
      const base = { node: history.machine, target: task.target, horizonMinutes };
      const reason = bands === undefined ? 'no-model' : abstention(history, task, rows.anchors[i] as number);
      if (reason !== undefined || bands === undefined) {
        return { kind: 'abstained', ...base, reason: reason ?? 'no-model' };
      }
      const raw = {
        low05: bands.low05[i] as number,
        median: bands.median[i] as number,
        high95: bands.high95[i] as number,
      };
      const { low05, median, high95 } = correct?.(i, horizonMinutes, raw) ?? raw;
      const ratios = { low05Ratio: low05, medianRatio: median, high95Ratio: high95 };
      return { kind: 'forecast', ...base, issuedAtMs: task.nowMs, ...ratios };
    });
  });
}

function liveRows({ histories, nowMs, target, writer }: LiveTask): PredictionRows {
  const rows = histories.length;
  const values = new Float32Array(rows * FEATURE_COUNT);
  const anchors = new Float32Array(rows);
  const deviations = new Float32Array(rows);
  const peers = createPeers(histories, target, nowMs);
  for (let i = 0; i < rows; i++) {
    const history = histories[i] as NodeHistory;
    const peer: PeerLoad = peers === undefined ? NO_PEERS : peers(i);
    const scale = writer.writeRow(
      { history, target, originMs: nowMs, peers: peer },
      values,
      i * FEATURE_COUNT,
    );
    anchors[i] = scale.anchorRatio;
    deviations[i] = scale.deviationRatio;
  }
  return { rows, values, anchors, deviations };
}

function abstention(history: NodeHistory, task: LiveTask, anchor: number): UnknownReason | undefined {
  const resource = task.target === 'cpu' ? history.cpu : history.memory;
  if (Number.isNaN(resource.firstMs)) return 'missing';
  if (Number.isNaN(anchor)) return 'stale';
  return task.nowMs - resource.firstMs < SHORTEST_HISTORY_MS ? 'too-little-history' : undefined;
}
