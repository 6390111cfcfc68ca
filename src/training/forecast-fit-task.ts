import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HorizonMinutes, LoadTarget, ModelArtefact, RawLoadSeries } from '#domain';
import { fitForecast, type HorizonFit, type TrainingRows } from '#models/forecast';

import { collectTrainingRows } from './forecast-data.ts';
import type { ForecastEffort } from './forecast-efforts.ts';
import { openRowSpool } from './forecast-spool.ts';

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

/** Above this many rows the features go to disk: 400 MB would be in memory below it. */
const MOST_ROWS_IN_MEMORY = 600_000;

/** Rows of the last task: tasks come resource by resource, and all horizons share their features. */
let kept: { readonly key: string; readonly rows: TrainingRows | undefined; close(): void } | undefined;

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
  const isLarge = effort.rows > MOST_ROWS_IN_MEMORY;
  const scratch = isLarge ? mkdtempSync(join(tmpdir(), 'mlsched-pages-')) : undefined;
  try {
    const { artefact, fits } = fitForecast({
      rows: { [target]: rows },
      horizons,
      effort,
      seed,
      threads,
      machines: names,
      ...(task.continueFrom === undefined ? {} : { continueFrom: task.continueFrom }),
      ...(scratch === undefined ? {} : { scratchDirectory: scratch }),
    });
    return { artefact, fits, rows: rows.rows };
  } finally {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}

function keptRows(series: readonly RawLoadSeries[], task: FitTask, rows: number): TrainingRows | undefined {
  const { target, machines, seed } = task;
  const key = JSON.stringify([target, machines, seed, rows]);
  if (kept?.key !== key) {
    // Dropped first: two sets of rows need not fit into memory together.
    kept?.close();
    kept = undefined;
    const spool = rows > MOST_ROWS_IN_MEMORY ? openRowSpool() : undefined;
    const wanted = { series: seenBy(series, task), target, rows, seed };
    const found = collectTrainingRows(spool === undefined ? wanted : { ...wanted, spool });
    kept = { key, rows: found, close: () => spool?.close() };
  }
  return kept.rows;
}

/** The machines that training may see. */
function seenBy(series: readonly RawLoadSeries[], { machines }: FitTask): readonly RawLoadSeries[] {
  if (machines === undefined) return series;
  const allowed = new Set(machines);
  return series.filter(({ machine }) => allowed.has(machine));
}
