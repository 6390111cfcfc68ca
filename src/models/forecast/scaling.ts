import { FEATURE_CATALOGUE, FEATURE_COUNT } from '#features';

import { ROW_ROLES, type TrainingRows } from './types.ts';

/** Rows of one horizon, picked and scaled for a booster. */
export interface ScaledRows {
  readonly rows: number;
  readonly values: Float32Array;
  /** `(actual - last value) / deviation`. */
  readonly labels: Float32Array;
  /** Square root of the deviation, mean 1. */
  readonly weights: Float32Array;
  readonly deviations: Float32Array;
  /** Last values, 0..1. */
  readonly anchors: Float32Array;
}

/** Machines with less history than this are calibrated by themselves: yesterday is unknown to them. */
export const YOUNG_DAYS = 1;
export const HISTORY_DAYS_COLUMN = FEATURE_CATALOGUE.findIndex(({ name }) => name === 'history_days');

/** Labels beyond this many deviations are cut: a median does not need them, leaf values stay sane. */
const LARGEST_LABEL = 200;

/**
 * Picks the rows of some roles whose truth at a horizon is known.
 *
 * @param limit - Most rows to keep; above it every n-th is taken, so that all machines and times stay.
 * @remarks The weight undoes half of the division by the deviation: errors count in capacity, but restless
 *   machines do not drown the quiet ones.
 */
export function scaleRows(
  source: TrainingRows,
  horizon: number,
  options: { readonly roles: readonly number[]; readonly limit: number },
): ScaledRows {
  const kept = thin(pick(source, horizon, options.roles), options.limit);
  return copyRows(source, horizon, kept, 1 / meanWeight(source, kept));
}

/** Rows of some roles in batches, so that only one need be in memory. */
export interface ScaledBatches {
  readonly rows: number;
  /** Begins a pass; every pass gives the same batches. */
  readonly batches: () => Iterable<ScaledRows>;
}

/** As `scaleRows` without a limit, `BATCH_ROWS` rows at a time. */
export function scaleBatches(source: TrainingRows, horizon: number, roles: readonly number[]): ScaledBatches {
  const picked = pick(source, horizon, roles);
  const weightUnit = 1 / meanWeight(source, picked);
  return {
    rows: picked.length,
    *batches() {
      for (let from = 0; from < picked.length; from += BATCH_ROWS) {
        yield copyRows(source, horizon, picked.subarray(from, from + BATCH_ROWS), weightUnit);
      }
    },
  };
}

/** 160 MB of features. */
const BATCH_ROWS = 250_000;

function copyRows(source: TrainingRows, horizon: number, picked: Int32Array, weightUnit: number): ScaledRows {
  const rows = picked.length;
  const values = new Float32Array(rows * FEATURE_COUNT);
  const labels = new Float32Array(rows);
  const weights = new Float32Array(rows);
  const deviations = new Float32Array(rows);
  const anchors = new Float32Array(rows);
  const actuals = source.actuals[horizon] as Float32Array;
  for (let i = 0; i < rows; i++) {
    const row = picked[i] as number;
    const deviation = source.deviations[row] as number;
    const label = ((actuals[row] as number) - (source.anchors[row] as number)) / deviation;
    copyRow(source.values, row, values, i * FEATURE_COUNT);
    labels[i] = Math.min(LARGEST_LABEL, Math.max(-LARGEST_LABEL, label));
    deviations[i] = deviation;
    anchors[i] = source.anchors[row] as number;
    weights[i] = Math.sqrt(deviation) * weightUnit;
  }
  return { rows, values, labels, weights, deviations, anchors };
}

function copyRow(from: TrainingRows['values'], row: number, into: Float32Array, at: number): void {
  if (from instanceof Float32Array) {
    into.set(from.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT), at);
  } else from.copyRow(row, into, at);
}

function meanWeight(source: TrainingRows, picked: Int32Array): number {
  let total = 0;
  for (const row of picked) total += Math.fround(Math.sqrt(source.deviations[row] as number));
  return total / picked.length;
}

function pick(source: TrainingRows, horizon: number, roles: readonly number[]): Int32Array {
  const actuals = source.actuals[horizon] as Float32Array;
  const picked = new Int32Array(source.rows);
  let count = 0;
  for (let row = 0; row < source.rows; row++) {
    const isKnown = !Number.isNaN(actuals[row]) && !Number.isNaN(source.anchors[row]);
    if (isKnown && roles.includes(source.roles[row] as number)) picked[count++] = row;
  }
  return picked.subarray(0, count);
}

function thin(rows: Int32Array, limit: number): Int32Array {
  if (rows.length <= limit) return rows;
  return Int32Array.from({ length: limit }, (_, i) => rows[Math.floor((i * rows.length) / limit)] as number);
}

export const ALL_ROLES: readonly number[] = Object.values(ROW_ROLES);
