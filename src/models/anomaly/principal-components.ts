import { eigenOfSymmetric } from './eigen.ts';
import { fitStandardScale } from './robust-scale.ts';
import type { RobustScale } from './robust-scale.ts';

/** The plane in which the metrics of a machine usually move together. */
export interface PrincipalComponents {
  readonly scale: RobustScale;
  readonly componentCount: number;
  /** Row-major, shape `[componentCount, metrics]`, unit length, largest variance first. */
  readonly components: Float64Array;
}

/** Share of the variance that the plane keeps. */
const KEPT_VARIANCE_RATIO = 0.95;

/**
 * Fits the principal components that hold 95 % of the variance of the standardised metrics.
 *
 * @param rows - Row-major, shape `[rowCount, metricCount]`; NaN counts as the metric's mean.
 */
export function fitPrincipalComponents(rows: Float32Array, metricCount: number): PrincipalComponents {
  const scale = fitStandardScale(rows, metricCount);
  const { values, vectors } = eigenOfSymmetric(covariance(scale, rows), metricCount);
  const wanted = KEPT_VARIANCE_RATIO * values.reduce((sum, value) => sum + Math.max(value, 0), 0);
  let componentCount = 0;
  for (let kept = 0; kept < wanted && componentCount < metricCount; componentCount++) {
    kept += Math.max(values[componentCount] as number, 0);
  }
  return { scale, componentCount, components: vectors.slice(0, componentCount * metricCount) };
}

function covariance(scale: RobustScale, rows: Float32Array): Float64Array {
  const n = scale.centres.length;
  const rowCount = rows.length / n;
  const sums = new Float64Array(n * n);
  const row = new Float64Array(n);
  for (let i = 0; i < rowCount; i++) {
    standardise(scale, rows, i, row);
    for (let j = 0; j < n; j++) {
      const factor = row[j] as number;
      for (let k = j; k < n; k++) sums[j * n + k] = (sums[j * n + k] as number) + factor * (row[k] as number);
    }
  }
  for (let j = 0; j < n; j++) {
    for (let k = j; k < n; k++) sums[k * n + j] = sums[j * n + k] = (sums[j * n + k] as number) / rowCount;
  }
  return sums;
}

function standardise(scale: RobustScale, rows: Float32Array, index: number, out: Float64Array): void {
  const n = out.length;
  for (let j = 0; j < n; j++) {
    const z = ((rows[index * n + j] as number) - (scale.centres[j] as number)) / (scale.scales[j] as number);
    out[j] = Number.isNaN(z) ? 0 : z;
  }
}

/**
 * Scores how far each row lies from the plane: the mean squared residual after projection.
 *
 * @returns Shape `[rowCount]`, 0 and up; higher is worse.
 */
export function scorePrincipalComponents(model: PrincipalComponents, rows: Float32Array): Float64Array {
  const n = model.scale.centres.length;
  const scores = new Float64Array(rows.length / n);
  const row = new Float64Array(n);
  for (let i = 0; i < scores.length; i++) {
    standardise(model.scale, rows, i, row);
    let residual = 0;
    for (let j = 0; j < n; j++) residual += (row[j] as number) ** 2;
    // The components are orthonormal: what they explain can be taken off the squared length.
    for (let c = 0; c < model.componentCount; c++) {
      let along = 0;
      for (let j = 0; j < n; j++) along += (row[j] as number) * (model.components[c * n + j] as number);
      residual -= along * along;
    }
    scores[i] = Math.max(residual, 0) / n;
  }
  return scores;
}
