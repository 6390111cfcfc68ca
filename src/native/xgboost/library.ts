import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { messageOf } from '#kernel/errors';

import { xgboostUnavailable } from '../errors.ts';
import { loadBindings, type Bindings } from './bindings.ts';
import { createBooster, loadBooster, type Booster, type BoosterParameters } from './booster.ts';
import { createMatrix, type MatrixOptions, type TrainingMatrix } from './matrix.ts';

/** Whether training and native inference work on this host, and if not, what to do. */
export type XgboostAvailability =
  | { readonly kind: 'available'; readonly version: string; readonly path: string }
  | { readonly kind: 'unavailable'; readonly reason: string; readonly hint: string };

/** The opened library. Pointers stay behind it. */
export interface XgboostLibrary {
  /** As `3.2.0`. */
  readonly version: string;
  /** Builds quantised training data; see {@link MatrixOptions}. */
  createMatrix(options: MatrixOptions): TrainingMatrix;
  /** An untrained booster for a training loop of your own; `trainBooster` has the usual one. */
  createBooster(parameters: BoosterParameters, matrices: readonly TrainingMatrix[]): Booster;
  /** Loads UBJ or JSON bytes; throws `MLS_NATIVE_MODEL_CORRUPT`. */
  loadBooster(bytes: Uint8Array): Booster;
}

const VENDORED = 'vendor/xgboost/xgboost/lib/libxgboost.so';
const HINT =
  "Run 'make setup' to fetch it, or set MLSCHED_XGBOOST_LIBRARY to the path of libxgboost.so 3.2 or newer.";

/** The C API keeps its form since 2.1; models of 3.x write base_score as a list, which our tree walk reads. */
const OLDEST_VERSION = [3, 0] as const;

type Loading =
  | { readonly kind: 'loaded'; readonly bindings: Bindings; readonly path: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** By path: the library is loaded once a thread and stays. */
const loadings = new Map<string, Loading>();

/** Tells without throwing whether libxgboost can be used here. Cheap after the first call. */
export function xgboostAvailability(): XgboostAvailability {
  const loading = load(libraryPath());
  return loading.kind === 'loaded'
    ? { kind: 'available', version: loading.bindings.version, path: loading.path }
    : { kind: 'unavailable', reason: loading.reason, hint: HINT };
}

/**
 * Opens libxgboost: the file that MLSCHED_XGBOOST_LIBRARY names, else the one that set-up fetched.
 *
 * @throws MlschedError `MLS_NATIVE_XGBOOST_UNAVAILABLE`; ask `xgboostAvailability` first to avoid it.
 */
export function openXgboost(): XgboostLibrary {
  const loading = load(libraryPath());
  if (loading.kind === 'failed') throw xgboostUnavailable(loading.reason, HINT);
  const { bindings } = loading;
  return {
    version: bindings.version,
    createMatrix: (options) => createMatrix(bindings, options),
    createBooster: (parameters, matrices) => createBooster(bindings, parameters, matrices),
    loadBooster: (bytes) => loadBooster(bindings, bytes),
  };
}

function libraryPath(): string {
  const chosen = process.env['MLSCHED_XGBOOST_LIBRARY'];
  return chosen === undefined || chosen === ''
    ? join(import.meta.dirname, '../../..', VENDORED)
    : resolve(chosen);
}

function load(path: string): Loading {
  const before = loadings.get(path);
  // A missing file may be fetched later; a file that failed to load stays failed.
  if (before !== undefined) return before;
  if (!existsSync(path)) return { kind: 'failed', reason: `there is no file ${path}` };
  const loading = tryLoad(path);
  loadings.set(path, loading);
  return loading;
}

function tryLoad(path: string): Loading {
  try {
    const bindings = loadBindings(path);
    const [major, minor] = bindings.version.split('.').map(Number) as [number, number];
    const isOld = major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1]);
    return isOld
      ? { kind: 'failed', reason: `${path} is XGBoost ${bindings.version}; 3.0 or newer is needed` }
      : { kind: 'loaded', bindings, path };
  } catch (error) {
    return { kind: 'failed', reason: `${path} does not load: ${messageOf(error)}` };
  }
}
