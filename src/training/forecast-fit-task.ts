import type { HorizonMinutes, LoadTarget, ModelArtefact, RawLoadSeries } from '#domain';
import { fitForecast, type HorizonFit, type TrainingRows } from '#models/forecast';

import { collectTrainingRows } from './forecast-data.ts';
import type { ForecastEffort } from './forecast-efforts.ts';

/** One (resource, horizon) to train. */
export interface FitTask {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  /** Machines that may be seen; all when absent. */
  readonly machines?: readonly string[];
  readonly effort: ForecastEffort;
  readonly seed: number;
  readonly threads: number;
  /** Model to go on from. */
  readonly continueFrom?: ModelArtefact;
}

export interface FitDone {
  readonly artefact: ModelArtefact;
  readonly fits: readonly HorizonFit[];
  readonly rows: number;
}

/** Rows of the last task: tasks come resource by resource, and all horizons share their features. */
let kept: { readonly key: string; readonly rows: TrainingRows | undefined } | undefined;

/**
 * Trains one (resource, horizon) model.
 *
 * @returns Undefined when no machine carries the resource.
 */
export function runFitTask(series: readonly RawLoadSeries[], task: FitTask): FitDone | undefined {
  const { target, seed, threads, effort } = task;
  const rows = keptRows(series, task, effort.rows);
  if (rows === undefined || rows.rows === 0) return undefined;
  const horizons = [task.horizonMinutes];
  const names = seenBy(series, task).map(({ machine }) => machine);
  const { artefact, fits } = fitForecast({
    rows: { [target]: rows },
    horizons,
    effort,
    seed,
    threads,
    machines: names,
    ...(task.continueFrom === undefined ? {} : { continueFrom: task.continueFrom }),
  });
  return { artefact, fits, rows: rows.rows };
}

function keptRows(series: readonly RawLoadSeries[], task: FitTask, rows: number): TrainingRows | undefined {
  const { target, machines, seed } = task;
  const key = JSON.stringify([target, machines, seed, rows]);
  if (kept?.key !== key) {
    // Dropped first: two sets of rows need not fit into memory together.
    kept = undefined;
    kept = { key, rows: collectTrainingRows({ series: seenBy(series, task), target, rows, seed }) };
  }
  return kept.rows;
}

/** The machines that training may see. */
function seenBy(series: readonly RawLoadSeries[], { machines }: FitTask): readonly RawLoadSeries[] {
  if (machines === undefined) return series;
  const allowed = new Set(machines);
  return series.filter(({ machine }) => allowed.has(machine));
}
