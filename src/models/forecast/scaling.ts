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
  readonly machines: Int32Array;
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
  const picked = pick(source, horizon, options.roles);
  const kept = thin(picked, options.limit);
  const rows = kept.length;
  const values = new Float32Array(rows * FEATURE_COUNT);
  const labels = new Float32Array(rows);
  const weights = new Float32Array(rows);
  const deviations = new Float32Array(rows);
  const anchors = new Float32Array(rows);
  const machines = new Int32Array(rows);
  const actuals = source.actuals[horizon] as Float32Array;
  let total = 0;
  for (let i = 0; i < rows; i++) {
    const row = kept[i] as number;
    const deviation = source.deviations[row] as number;
    const label = ((actuals[row] as number) - (source.anchors[row] as number)) / deviation;
    values.set(source.values.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT), i * FEATURE_COUNT);
    labels[i] = Math.min(LARGEST_LABEL, Math.max(-LARGEST_LABEL, label));
    deviations[i] = deviation;
    anchors[i] = source.anchors[row] as number;
    machines[i] = source.machines[row] as number;
    weights[i] = Math.sqrt(deviation);
    total += weights[i] as number;
  }
  for (let i = 0; i < rows; i++) weights[i] = ((weights[i] as number) * rows) / total;
  return { rows, values, labels, weights, deviations, anchors, machines };
}

function pick(source: TrainingRows, horizon: number, roles: readonly number[]): number[] {
  const actuals = source.actuals[horizon] as Float32Array;
  const picked: number[] = [];
  for (let row = 0; row < source.rows; row++) {
    const isKnown = !Number.isNaN(actuals[row]) && !Number.isNaN(source.anchors[row]);
    if (isKnown && roles.includes(source.roles[row] as number)) picked.push(row);
  }
  return picked;
}

function thin(rows: readonly number[], limit: number): readonly number[] {
  if (rows.length <= limit) return rows;
  return Array.from({ length: limit }, (_, i) => rows[Math.floor((i * rows.length) / limit)] as number);
}

export const ALL_ROLES: readonly number[] = Object.values(ROW_ROLES);
