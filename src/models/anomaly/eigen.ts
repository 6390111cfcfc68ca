/** Eigenvectors of a symmetric matrix, largest eigenvalue first. */
export interface Eigen {
  readonly values: Float64Array;
  /** Row-major, shape `[n, n]`: row k is the k-th eigenvector, of length 1. */
  readonly vectors: Float64Array;
}

const MAX_SWEEPS = 50;

/**
 * Eigenvalues and eigenvectors by cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.5).
 *
 * @param matrix - Symmetric, row-major, shape `[n, n]`, finite; not changed.
 * @remarks O(n^3) a sweep, about 8 sweeps: meant for tens of metrics.
 */
export function eigenOfSymmetric(matrix: Float64Array, n: number): Eigen {
  const a = Float64Array.from(matrix);
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  const tolerance = 1e-20 * squares(a, n, true);
  for (let sweep = 0; sweep < MAX_SWEEPS && squares(a, n, false) > tolerance; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) rotate(a, v, n, [p, q]);
    }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort(
    (i, j) => (a[j * n + j] as number) - (a[i * n + i] as number),
  );
  const values = Float64Array.from(order, (i) => a[i * n + i] as number);
  const vectors = new Float64Array(n * n);
  for (const [k, i] of order.entries()) {
    for (let row = 0; row < n; row++) vectors[k * n + row] = v[row * n + i] as number;
  }
  return { values, vectors };
}

/** Sum of squares off the diagonal, or of everything. */
function squares(a: Float64Array, n: number, withDiagonal: boolean): number {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) if (withDiagonal || i !== j) sum += (a[i * n + j] as number) ** 2;
  }
  return sum;
}

/** One rotation that brings a[p, q] to 0. */
function rotate(a: Float64Array, v: Float64Array, n: number, [p, q]: readonly [number, number]): void {
  const apq = a[p * n + q] as number;
  if (apq === 0) return;
  const theta = ((a[q * n + q] as number) - (a[p * n + p] as number)) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < n; k++) mix(a, [k * n + p, k * n + q], c, s);
  for (let k = 0; k < n; k++) mix(a, [p * n + k, q * n + k], c, s);
  for (let k = 0; k < n; k++) mix(v, [k * n + p, k * n + q], c, s);
}

function mix(values: Float64Array, [x, y]: readonly [number, number], c: number, s: number): void {
  const vx = values[x] as number;
  const vy = values[y] as number;
  values[x] = c * vx - s * vy;
  values[y] = s * vx + c * vy;
}
