import { messageOf } from '#kernel/errors';

import { shapeMismatch } from '../errors.ts';
import type { Bindings, Pointer } from './bindings.ts';
import { createHandle, type Handle } from './handle.ts';

/** Some rows of training data. All arrays belong to the caller and are only read. */
export interface MatrixBatch {
  /** Row-major, shape `[rows, columns]`; NaN is a missing value, infinities are refused. */
  readonly values: Float32Array;
  /** Shape `[rows]` or `[rows, targets]`; finite. */
  readonly labels?: Float32Array;
  /** Shape `[rows]`, not negative. */
  readonly weights?: Float32Array;
  /** Where boosting starts from, in the margin space of the objective; shape `[rows]` or `[rows, outputs]`. */
  readonly baseMargin?: Float32Array;
}

export interface MatrixOptions {
  readonly columns: number;
  /**
   * The data: an array, or a function that starts a pass over them. XGBoost passes over the data several
   * times while it builds its quantile sketch, so a function must give the same batches each time; only one batch need be in memory.
   */
  readonly batches: readonly MatrixBatch[] | (() => Iterable<MatrixBatch>);
  readonly featureNames?: readonly string[];
  /** The training matrix whose bins a validation matrix must share. */
  readonly reference?: TrainingMatrix;
  /** Histogram bins a feature, as the booster's `max_bin`. @defaultValue 256 */
  readonly maxBins?: number;
  /** @defaultValue 1 */
  readonly threads?: number;
  /**
   * Keeps the quantised pages in files that begin with this path, a page a batch, for data that do not fit into memory.
   * The folder must exist; the files are removed when the matrix is freed.
   */
  readonly cachePrefix?: string;
}

/** Quantised data for training and evaluation: one to two bytes a value. Free it when training is done. */
export interface TrainingMatrix extends Disposable {
  readonly rows: number;
  readonly columns: number;
  /** Empty when none were given; a booster created for this matrix takes them over. */
  readonly featureNames: readonly string[];
  free(): void;
}

const handles = new WeakMap<TrainingMatrix, Handle>();

/** The pointer of a matrix, for the other files of this folder. */
export function borrowMatrix(matrix: TrainingMatrix, action: string): Pointer {
  const handle = handles.get(matrix);
  if (handle === undefined) throw new TypeError('this TrainingMatrix was not made by createMatrix');
  return handle.borrow(action);
}

/**
 * Builds a quantile matrix from batches.
 *
 * @throws MlschedError `MLS_NATIVE_SHAPE` when a batch does not fit `columns`, `MLS_NATIVE_XGBOOST_FAILED` when
 *   XGBoost refuses the data (no rows, an infinity), and whatever the batches' own iterator throws.
 */
export function createMatrix(bindings: Bindings, options: MatrixOptions): TrainingMatrix {
  const named = options.featureNames?.length ?? options.columns;
  if (named !== options.columns) throw shapeMismatch('feature names', `${options.columns} names`, named);
  const proxy: [Pointer] = [null];
  bindings.check(bindings.call.proxyCreate(proxy), 'create a data proxy');
  try {
    return buildMatrix(bindings, options, proxy[0]);
  } finally {
    bindings.call.matrixFree(proxy[0]);
  }
}

function buildMatrix(bindings: Bindings, options: MatrixOptions, proxy: Pointer): TrainingMatrix {
  const { call } = bindings;
  const pass = startPasses(bindings, options, proxy);
  const reference =
    options.reference === undefined ? null : borrowMatrix(options.reference, 'take as reference');
  const { cachePrefix } = options;
  const cache = cachePrefix === undefined ? '' : `,"cache_prefix":${JSON.stringify(cachePrefix)}`;
  const config = `{"missing":NaN,"nthread":${options.threads ?? 1},"max_bin":${options.maxBins ?? 256}${cache}}`;
  const out: [Pointer] = [null];
  const status = bindings.withIterator(
    () => pass.next(),
    () => pass.reset(),
    (next, reset) =>
      cachePrefix === undefined
        ? call.quantileCreate(null, proxy, reference, reset, next, config, out)
        : call.externalCreate(null, proxy, reference, reset, next, config, out),
  );
  const built = out[0];
  const release = (pointer: Pointer): void => void call.matrixFree(pointer);
  // An exception must not cross C++ frames: the callback keeps it and ends the pass.
  if (pass.failure() !== undefined) {
    if (status === 0) release(built);
    throw pass.failure();
  }
  bindings.check(status, 'build a training matrix');
  const handle = createHandle('matrix', built, release);
  const matrix: TrainingMatrix = {
    rows: countRows(bindings, built),
    columns: options.columns,
    featureNames: options.featureNames ?? [],
    free: () => handle.free(),
    [Symbol.dispose]: () => handle.dispose(),
  };
  handles.set(matrix, handle);
  return matrix;
}

interface Passes {
  next(): number;
  reset(): void;
  failure(): unknown;
}

function startPasses(bindings: Bindings, options: MatrixOptions, proxy: Pointer): Passes {
  const source = options.batches;
  const begin = (): Iterator<MatrixBatch> =>
    (typeof source === 'function' ? source() : source)[Symbol.iterator]();
  let iterator: Iterator<MatrixBatch> | undefined;
  // The library reads the batch after the callback has returned.
  let held: MatrixBatch | undefined;
  let failed: unknown;
  return {
    next() {
      try {
        iterator ??= begin();
        const step = iterator.next();
        held = step.done === true ? undefined : step.value;
        if (held === undefined) return 0;
        handOver(bindings, proxy, held, options.columns);
        return 1;
      } catch (error) {
        failed ??= error ?? new Error(messageOf(error));
        return 0;
      }
    },
    reset() {
      iterator = undefined;
    },
    failure: () => failed,
  };
}

function handOver(bindings: Bindings, proxy: Pointer, batch: MatrixBatch, columns: number): void {
  const rows = batch.values.length / columns;
  if (!Number.isInteger(rows)) {
    throw shapeMismatch('training batch', `a multiple of ${columns} values`, batch.values.length);
  }
  const { call } = bindings;
  bindings.check(
    call.proxySetDense(proxy, bindings.describe(batch.values, [rows, columns])),
    'read a training batch',
  );
  setInfo(bindings, proxy, { field: 'label', values: batch.labels, rows });
  setInfo(bindings, proxy, { field: 'weight', values: batch.weights, rows });
  setInfo(bindings, proxy, { field: 'base_margin', values: batch.baseMargin, rows });
}

interface Info {
  readonly field: 'label' | 'weight' | 'base_margin';
  readonly values: Float32Array | undefined;
  readonly rows: number;
}

/** Attaches labels, weights or base margins, shape `[rows]` or `[rows, k]`. */
export function setInfo(bindings: Bindings, matrix: Pointer, info: Info): void {
  const { field, values, rows } = info;
  if (values === undefined) return;
  const width = values.length / rows;
  if (!Number.isInteger(width) || width < 1) {
    throw shapeMismatch(field, `a multiple of ${rows} values (one a row)`, values.length);
  }
  const shape = width === 1 ? [rows] : [rows, width];
  bindings.check(
    bindings.call.matrixSetInfo(matrix, field, bindings.describe(values, shape)),
    `set ${field}`,
  );
}

function countRows(bindings: Bindings, matrix: Pointer): number {
  const out: [number] = [0];
  bindings.check(bindings.call.matrixRows(matrix, out), 'count rows');
  return out[0];
}
