import { shapeMismatch } from './errors.ts';
import { readModelDocument, type ModelDocument } from './trees/model-document.ts';
import { compileTreeWalk, isWalkExact } from './trees/tree-walk.ts';
import type { Booster } from './xgboost/booster.ts';
import { openXgboost, xgboostAvailability } from './xgboost/library.ts';

/** A loaded forest that only predicts. The same on every host; `engine` says what runs it. */
export interface Predictor extends Disposable {
  readonly engine: 'xgboost' | 'tree-walk';
  readonly featureCount: number;
  /** Predictions a row: 1, or one a quantile, class or target. */
  readonly outputCount: number;
  /** Empty when the model was trained without names. */
  readonly featureNames: readonly string[];
  /**
   * @param values - Row-major float32, shape `[rows, featureCount]`. NaN is a missing value and follows the branch
   *   that training chose for it.
   * @param baseMargin - Replaces the model's base score; margin space, shape `[rows]` or `[rows, outputCount]`.
   * @returns New array in the space of the labels, row-major, shape `[rows, outputCount]`.
   * @throws MlschedError `MLS_NATIVE_SHAPE` when a length does not fit.
   */
  predict(values: Float32Array, rows: number, baseMargin?: Float32Array): Float32Array;
  /**
   * SHAP contributions of each feature and, last, the bias; they add up to the prediction of an identity link.
   *
   * @returns Shape `[rows, featureCount + 1]` for one output; undefined from the tree walk, which does not compute them.
   */
  contributions(values: Float32Array, rows: number): Float32Array | undefined;
  free(): void;
}

export interface LoadPredictorOptions {
  /** `auto` takes the native library where there is one. @defaultValue 'auto' */
  readonly engine?: 'auto' | 'xgboost' | 'tree-walk';
  /** Native engine only; more than 1 has a bad tail on busy cores. @defaultValue 1 */
  readonly threads?: number;
}

/** Up to this many rows the tree walk is faster than the library's fixed cost a call (about 0.1 ms). */
const FEW_ROWS = 16;

/**
 * Loads a saved model for prediction.
 *
 * @param bytes - UBJ or JSON as XGBoost writes it.
 * @throws MlschedError `MLS_NATIVE_MODEL_CORRUPT`; with the tree walk also `MLS_NATIVE_MODEL_UNSUPPORTED`.
 * @remarks Both engines give the same bits for objectives with an identity link (all regression objectives that we
 *   train). There `auto` walks the trees for a few rows and calls the library for many.
 */
export function loadPredictor(bytes: Uint8Array, options: LoadPredictorOptions = {}): Predictor {
  const document = readModelDocument(bytes);
  const engine = options.engine ?? 'auto';
  const isNative = engine === 'xgboost' || (engine === 'auto' && xgboostAvailability().kind === 'available');
  if (!isNative) return walkingPredictor(document);
  const booster = openXgboost().loadBooster(bytes);
  booster.setParameters({ nthread: options.threads ?? 1 });
  const native = nativePredictor(document, booster);
  return engine === 'auto' && isWalkExact(document) ? withWalkForFewRows(native, document) : native;
}

function withWalkForFewRows(native: Predictor, document: ModelDocument): Predictor {
  const walk = compileTreeWalk(document);
  let live = true;
  return {
    ...native,
    predict(values, rows, baseMargin) {
      const isWalk = rows <= FEW_ROWS && live;
      return isWalk ? walk.predict(values, rows, baseMargin) : native.predict(values, rows, baseMargin);
    },
    free() {
      native.free();
      live = false;
    },
    [Symbol.dispose]() {
      native[Symbol.dispose]();
      live = false;
    },
  };
}

function walkingPredictor(document: ModelDocument): Predictor {
  const walk = compileTreeWalk(document);
  return {
    engine: 'tree-walk',
    featureCount: walk.featureCount,
    outputCount: walk.outputCount,
    featureNames: document.featureNames,
    predict: (values, rows, baseMargin) => walk.predict(values, rows, baseMargin),
    contributions: () => undefined,
    free: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}

function nativePredictor(document: ModelDocument, booster: Booster): Predictor {
  const { outputCount } = document;
  return {
    engine: 'xgboost',
    featureCount: document.featureCount,
    outputCount,
    featureNames: document.featureNames,
    predict(values, rows, baseMargin) {
      const margin = baseMargin === undefined ? undefined : spread(baseMargin, rows, outputCount);
      return booster.predict(values, rows, margin === undefined ? {} : { baseMargin: margin }).values;
    },
    contributions: (values, rows) => booster.predict(values, rows, { kind: 'contributions' }).values,
    free: () => booster.free(),
    [Symbol.dispose]: () => booster[Symbol.dispose](),
  };
}

/** One margin a row counts for each of its outputs. */
function spread(baseMargin: Float32Array, rows: number, outputCount: number): Float32Array {
  if (baseMargin.length === rows * outputCount) return baseMargin;
  if (baseMargin.length !== rows)
    throw shapeMismatch('base_margin', `${rows} or ${rows * outputCount} values`, baseMargin.length);
  return Float32Array.from(
    { length: rows * outputCount },
    (_, i) => baseMargin[Math.floor(i / outputCount)] as number,
  );
}
