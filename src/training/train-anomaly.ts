import { readAnomalyMachines, readLoadSeries } from '#collect';
import type { ModelArtefact, RawLoadSeries } from '#domain';
import { resampleLoad } from '#features';
import { isMlschedError } from '#kernel/errors';
import type { Progress } from '#kernel/progress';
import { median } from '#kernel/stats';
import { clamp, DAY_SECONDS, SECOND_MS } from '#kernel/units';
import { fitAnomalyModel, saveAnomalyModel } from '#models/anomaly';
import type { AnomalyModel, TrainingSpan } from '#models/anomaly';

import { replayIncidents } from './anomaly-replay.ts';

export interface TrainAnomalyOptions {
  /** Folder of load series (`machine, time, cpu_usage_ratio...`) or of machines with many metrics (`step, split...`). */
  readonly dataDirectory: string;
  readonly seed: number;
  /** `demo`: a week of a dozen machines, in a few seconds; default `full`: everything. */
  readonly budget?: 'demo' | 'full';
  /** Seconds between two samples of machines with many metrics; default 60. Load series tell their own. */
  readonly stepSeconds?: number;
  readonly progress: Progress;
}

export interface TrainAnomalyReport {
  readonly artefact: ModelArtefact;
  readonly metricNames: readonly string[];
  readonly stepSeconds: number;
  readonly machines: number;
  readonly samples: number;
  /** For a registry. `incidentsPerNodeMonth` was counted on the last 30 % of each machine, which a first fit never saw. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Metrics of a model for nodes of which only the load is known, in the order of its columns. */
const LOAD_METRICS = ['cpu', 'memory'] as const;
/** Memory leaks; CPU that is full is only busy. */
const EXHAUSTIBLE: ReadonlySet<string> = new Set(['memory']);

/** History to learn from. */
export interface AnomalyTrainingData {
  readonly metricNames: readonly string[];
  readonly stepSeconds: number;
  readonly spans: readonly TrainingSpan[];
}

/** Half of the bar: history that the model has not seen is a little more restless. */
export const INCIDENT_BUDGET = 0.5;
const DEMO_MACHINES = 12;
const DEMO_DAYS = 7;
const FIT_RATIO = 0.7;
const MONTH_SECONDS = 30 * DAY_SECONDS;
/** Load is read at its own step within these bounds. */
const STEP_BOUNDS_SECONDS = [30, 300] as const;

/**
 * Trains the shared node health model of a cluster from history without labels.
 *
 * The model is fitted twice: on the first 70 % of each machine, to count the incidents it would have raised on
 * the rest, and then on everything, which is the artefact.
 *
 * @throws MlschedError those of the readers; `MLS_MODELS_ANOMALY_DATA` when no machine has a day of samples.
 */
export async function trainAnomaly(options: TrainAnomalyOptions): Promise<TrainAnomalyReport> {
  const data = limitTo(await readHistory(options), options.budget ?? 'full');
  options.progress.report(1, 3, `learning from ${data.spans.length} machines`);
  const metrics = measureOnLast(data, options.seed);
  options.progress.report(2, 3, 'learning from everything');
  const model = fitOn(data, options.seed);
  options.progress.report(3, 3, 'trained');
  return {
    artefact: saveAnomalyModel(model),
    metricNames: data.metricNames,
    stepSeconds: data.stepSeconds,
    machines: data.spans.length,
    samples: samplesIn(data),
    metrics: { ...metrics, alertStrength: model.alertStrength, forestFloor: model.forestFloor },
  };
}

/** Reads either form of data: load series first, machines with many metrics when the columns are theirs. */
async function readHistory(options: TrainAnomalyOptions): Promise<AnomalyTrainingData> {
  options.progress.report(0, 3, 'reading history');
  try {
    return loadTrainingData(await readLoadSeries(options.dataDirectory));
  } catch (error) {
    if (!isMlschedError(error) || error.code !== 'MLS_COLLECT_COLUMN_MISSING') throw error;
    return await readMachineHistory(options, error);
  }
}

async function readMachineHistory(
  options: TrainAnomalyOptions,
  loadError: unknown,
): Promise<AnomalyTrainingData> {
  const machines = await readAnomalyMachines(options.dataDirectory).catch((error: unknown) => {
    // Neither form: a folder of load series with a column too few is the likelier mistake.
    if (isMlschedError(error) && error.details['column'] === 'step') throw loadError;
    throw error;
  });
  const metricNames = machines[0]?.metricNames ?? [];
  const alike = machines.filter((machine) => machine.metricNames.join() === metricNames.join());
  return {
    metricNames,
    stepSeconds: options.stepSeconds ?? 60,
    spans: alike.map(({ train }) => ({ rows: train })),
  };
}

/** Brings the load of many machines into the form that the model learns from: two metrics on one step. */
export function loadTrainingData(series: readonly RawLoadSeries[]): AnomalyTrainingData {
  const [least, most] = STEP_BOUNDS_SECONDS;
  const steps = series.map(({ timesMs }) => stepOf(timesMs)).filter((step) => !Number.isNaN(step));
  // The coarsest step of all: a finer one would leave holes in the machines that are sampled less often.
  const stepSeconds = steps.length === 0 ? most : clamp(Math.round(Math.max(...steps)), least, most);
  return {
    metricNames: LOAD_METRICS,
    stepSeconds,
    spans: series.map((raw) => ({ rows: loadRows(raw, stepSeconds) })),
  };
}

function stepOf(timesMs: Float64Array): number {
  const steps = timesMs.subarray(1).map((time, i) => (time - (timesMs[i] as number)) / SECOND_MS);
  return median(steps);
}

/** Shape `[steps, 2]`: CPU and memory on a regular grid, NaN in gaps. */
function loadRows(raw: RawLoadSeries, stepSeconds: number): Float32Array {
  const { values, length } = resampleLoad(raw, stepSeconds);
  const rows = new Float32Array(length * LOAD_METRICS.length).fill(Number.NaN);
  for (const [column, target] of LOAD_METRICS.entries()) {
    const known = values[target] ?? [];
    for (const [i, value] of known.entries()) rows[i * LOAD_METRICS.length + column] = value;
  }
  return rows;
}

function limitTo(data: AnomalyTrainingData, budget: 'demo' | 'full'): AnomalyTrainingData {
  if (budget === 'full') return data;
  const newest = Math.round((DEMO_DAYS * DAY_SECONDS) / data.stepSeconds) * data.metricNames.length;
  const spans = data.spans.slice(0, DEMO_MACHINES).map(({ rows }) => ({ rows: rows.slice(-newest) }));
  return { ...data, spans };
}

function fitOn(data: AnomalyTrainingData, seed: number): AnomalyModel {
  const exhaustible = data.metricNames.filter((name) => EXHAUSTIBLE.has(name));
  return fitAnomalyModel(data.spans, { ...data, seed, exhaustible, incidentsPerNodeMonth: INCIDENT_BUDGET });
}

/** Incidents on the newest part of each machine, judged by a model of the older part; empty when that is too short. */
function measureOnLast(data: AnomalyTrainingData, seed: number): Record<string, number> {
  const width = data.metricNames.length;
  const cutOf = (rows: Float32Array): number => Math.floor((rows.length / width) * FIT_RATIO);
  const older = data.spans.map(({ rows }) => ({ rows: rows.subarray(0, cutOf(rows) * width) }));
  const perDay = DAY_SECONDS / data.stepSeconds;
  if (!older.some(({ rows }) => rows.length / width >= perDay)) return {};
  const model = fitOn({ ...data, spans: older }, seed);
  let incidents = 0;
  let steps = 0;
  for (const { rows } of data.spans) {
    incidents += replayIncidents(model, rows, cutOf(rows)).length;
    steps += rows.length / width - cutOf(rows);
  }
  return { incidentsPerNodeMonth: (incidents * MONTH_SECONDS) / (steps * data.stepSeconds) };
}

function samplesIn(data: AnomalyTrainingData): number {
  return data.spans.reduce((sum, { rows }) => sum + rows.length / data.metricNames.length, 0);
}
