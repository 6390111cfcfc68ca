import { readModelDocument } from '../trees/model-document.ts';
import { firstLine, modelCorrupt, shapeMismatch, xgboostFailed } from '../errors.ts';
import type { Bindings, Pointer } from './bindings.ts';
import { createHandle, type Handle } from './handle.ts';
import { borrowMatrix, setInfo, type TrainingMatrix } from './matrix.ts';

/** XGBoost's own parameter names; a list is passed as XGBoost expects it, for example `quantile_alpha`. */
export type BoosterParameters = Readonly<Record<string, string | number | boolean | readonly number[]>>;

/** One metric of one evaluation set after one round. */
export interface EvaluationMetric {
  readonly set: string;
  /** As XGBoost names it: `mae`, `rmse`, `quantile`. */
  readonly metric: string;
  readonly value: number;
}

/**
 * What to predict. `value` is in the space of the labels, `margin` before the objective's link function,
 * `contributions` are SHAP values with the bias last (they add up to the margin), `leaf` the index of the leaf a tree.
 */
export type PredictionKind = 'value' | 'margin' | 'contributions' | 'leaf';

export interface PredictOptions {
  /** @defaultValue 'value' */
  readonly kind?: PredictionKind;
  /** Replaces the model's base score; shape `[rows]` or `[rows, outputs]`, margin space. */
  readonly baseMargin?: Float32Array;
}

/** Row-major predictions; the first dimension is the row. A trailing dimension of 1 is left out. */
export interface Prediction {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** Feature importances that XGBoost knows. */
export type ImportanceKind = 'gain' | 'weight' | 'cover' | 'total_gain' | 'total_cover';

/** A gradient-boosted model in the library's memory. Not for use from two threads. Free it when done. */
export interface Booster extends Disposable {
  setParameters(parameters: BoosterParameters): void;
  /** Boosts one round; `round` counts from 0. */
  update(matrix: TrainingMatrix, round: number): void;
  evaluate(sets: Readonly<Record<string, TrainingMatrix>>, round: number): EvaluationMetric[];
  boostedRounds(): number;
  featureCount(): number;
  /** Empty when the model was trained without names. */
  featureNames(): string[];
  /** A new booster with the rounds `[begin, end)`. */
  slice(begin: number, end: number): Booster;
  /** XGBoost's own file format: `ubj` is small, `json` is for people and other tools. */
  save(format: 'ubj' | 'json'): Uint8Array;
  /**
   * @param values - Row-major, shape `[rows, featureCount]`; NaN is missing.
   * @throws MlschedError `MLS_NATIVE_SHAPE` when the length is not rows x features.
   */
  predict(values: Float32Array, rows: number, options?: PredictOptions): Prediction;
  /** Importance by feature name (`f0`, `f1`... without names); features that no tree uses are absent. */
  featureImportance(kind?: ImportanceKind): Map<string, number>;
  free(): void;
}

const PREDICTION_TYPES: Readonly<Record<PredictionKind, number>> = {
  value: 0,
  margin: 1,
  contributions: 2,
  leaf: 6,
};

/** Creates an untrained booster. `matrices` are those it will be trained on: their predictions are cached. */
export function createBooster(
  bindings: Bindings,
  parameters: BoosterParameters,
  matrices: readonly TrainingMatrix[],
): Booster {
  const pointers = matrices.map((matrix) => borrowMatrix(matrix, 'train on'));
  const out: [Pointer] = [null];
  bindings.check(bindings.call.boosterCreate(pointers, pointers.length, out), 'create a booster');
  const booster = new NativeBooster(bindings, out[0]);
  try {
    booster.setParameters(parameters);
    booster.nameFeatures(matrices[0]?.featureNames ?? []);
  } catch (error) {
    booster.free();
    throw error;
  }
  return booster;
}

/**
 * Loads a model that any XGBoost saved, JSON or UBJ.
 *
 * @remarks The bytes are checked by our own reader first: XGBoost trusts child indices in a file and a
 *   damaged one can end the process.
 * @throws MlschedError `MLS_NATIVE_MODEL_CORRUPT`.
 */
export function loadBooster(bindings: Bindings, bytes: Uint8Array): Booster {
  readModelDocument(bytes);
  // Left to itself XGBoost would wake all cores to read a file.
  const booster = createBooster(bindings, { nthread: 1 }, []) as NativeBooster;
  try {
    booster.load(bytes);
  } catch (error) {
    booster.free();
    throw error;
  }
  return booster;
}

class NativeBooster implements Booster {
  readonly #bindings: Bindings;
  readonly #handle: Handle;
  #features: number | undefined;

  constructor(bindings: Bindings, pointer: Pointer) {
    const { call } = bindings;
    this.#bindings = bindings;
    this.#handle = createHandle('booster', pointer, (freed) => void call.boosterFree(freed));
  }

  setParameters(parameters: BoosterParameters): void {
    const booster = this.#handle.borrow('set parameters of');
    for (const [name, value] of Object.entries(parameters)) {
      const text = formatParameter(name, value);
      this.#bindings.check(
        this.#bindings.call.boosterSetParameter(booster, name, text),
        `set parameter ${name}`,
      );
    }
  }

  update(matrix: TrainingMatrix, round: number): void {
    const booster = this.#handle.borrow('train');
    const data = borrowMatrix(matrix, 'train on');
    this.#features = undefined;
    this.#bindings.check(this.#bindings.call.boosterUpdate(booster, round, data), `train round ${round}`);
  }

  evaluate(sets: Readonly<Record<string, TrainingMatrix>>, round: number): EvaluationMetric[] {
    const booster = this.#handle.borrow('evaluate');
    const names = Object.keys(sets);
    const matrices = Object.values(sets).map((matrix) => borrowMatrix(matrix, 'evaluate on'));
    const out: [string | null] = [null];
    this.#bindings.check(
      this.#bindings.call.boosterEvaluate(booster, round, matrices, names, names.length, out),
      `evaluate round ${round}`,
    );
    return parseEvaluation(out[0] ?? '', names);
  }

  boostedRounds(): number {
    const out: [number] = [0];
    this.#bindings.check(
      this.#bindings.call.boosterRounds(this.#handle.borrow('count rounds of'), out),
      'count rounds',
    );
    return out[0];
  }

  featureCount(): number {
    if (this.#features !== undefined) return this.#features;
    const out: [number] = [0];
    const booster = this.#handle.borrow('count features of');
    this.#bindings.check(this.#bindings.call.boosterFeatures(booster, out), 'count features');
    this.#features = out[0];
    return this.#features;
  }

  featureNames(): string[] {
    const count: [number] = [0];
    const out: [Pointer] = [null];
    const booster = this.#handle.borrow('read feature names of');
    this.#bindings.check(
      this.#bindings.call.boosterGetNames(booster, 'feature_name', count, out),
      'read feature names',
    );
    return this.#bindings.copyTexts(out[0], count[0]);
  }

  nameFeatures(names: readonly string[]): void {
    if (names.length === 0) return;
    const booster = this.#handle.borrow('name features of');
    this.#bindings.check(
      this.#bindings.call.boosterSetNames(booster, 'feature_name', names, names.length),
      'set feature names',
    );
  }

  slice(begin: number, end: number): Booster {
    const out: [Pointer] = [null];
    const booster = this.#handle.borrow('slice');
    const status = this.#bindings.call.boosterSlice(booster, begin, end, 1, out);
    // The library reports a bad range by a status of its own, without a message.
    if (status === -2)
      throw xgboostFailed('slice the model', `rounds ${begin}..${end} of ${this.boostedRounds()}`);
    this.#bindings.check(status, 'slice the model');
    return new NativeBooster(this.#bindings, out[0]);
  }

  save(format: 'ubj' | 'json'): Uint8Array {
    const length: [number] = [0];
    const out: [Pointer] = [null];
    const booster = this.#handle.borrow('save');
    const config = JSON.stringify({ format });
    this.#bindings.check(this.#bindings.call.boosterSave(booster, config, length, out), 'save the model');
    return this.#bindings.copyBytes(out[0], length[0]);
  }

  load(bytes: Uint8Array): void {
    const booster = this.#handle.borrow('load');
    const status = this.#bindings.call.boosterLoad(booster, bytes, bytes.length);
    if (status !== 0) throw modelCorrupt(firstLine(this.#bindings.call.lastError()));
  }

  predict(values: Float32Array, rows: number, options: PredictOptions = {}): Prediction {
    const columns = this.featureCount();
    if (values.length !== rows * columns) {
      throw shapeMismatch('prediction input', `${rows} rows x ${columns} features`, values.length);
    }
    const kind = options.kind ?? 'value';
    if (rows === 0) return { values: new Float32Array(0), shape: [0] };
    const request = { values, rows, columns, kind, baseMargin: options.baseMargin };
    return kind === 'value' || kind === 'margin'
      ? this.#predictInPlace(request)
      : this.#predictByMatrix(request);
  }

  featureImportance(kind: ImportanceKind = 'gain'): Map<string, number> {
    const count: [number] = [0];
    const dimensions: [number] = [0];
    const names: [Pointer] = [null];
    const shape: [Pointer] = [null];
    const scores: [Pointer] = [null];
    const config = JSON.stringify({ importance_type: kind });
    const booster = this.#handle.borrow('read importances of');
    this.#bindings.check(
      this.#bindings.call.boosterFeatureScore(booster, config, count, names, dimensions, shape, scores),
      'read feature importances',
    );
    const features = count[0];
    const found = this.#bindings.copyFloats(scores[0], features);
    return new Map(this.#bindings.copyTexts(names[0], features).map((name, i) => [name, found[i] as number]));
  }

  free(): void {
    this.#handle.free();
  }

  [Symbol.dispose](): void {
    this.#handle.dispose();
  }

  /** Reads the caller's array as it stands: no matrix is built, which matters for a few rows. */
  #predictInPlace(request: Request): Prediction {
    const booster = this.#handle.borrow('predict with');
    if (request.baseMargin === undefined) return this.#runInPlace(booster, request, null);
    const proxy: [Pointer] = [null];
    this.#bindings.check(this.#bindings.call.proxyCreate(proxy), 'create a data proxy');
    try {
      setInfo(this.#bindings, proxy[0], {
        field: 'base_margin',
        values: request.baseMargin,
        rows: request.rows,
      });
      return this.#runInPlace(booster, request, proxy[0]);
    } finally {
      this.#bindings.call.matrixFree(proxy[0]);
    }
  }

  #runInPlace(booster: Pointer, request: Request, proxy: Pointer): Prediction {
    const result = emptyResult();
    const array = this.#bindings.describe(request.values, [request.rows, request.columns]);
    this.#bindings.check(
      this.#bindings.call.predictDense(
        booster,
        array,
        predictConfig(request.kind),
        proxy,
        result.shape,
        result.dimensions,
        result.values,
      ),
      'predict',
    );
    return this.#copyResult(result);
  }

  #predictByMatrix(request: Request): Prediction {
    const booster = this.#handle.borrow('predict with');
    const matrix: [Pointer] = [null];
    const array = this.#bindings.describe(request.values, [request.rows, request.columns]);
    this.#bindings.check(
      this.#bindings.call.denseCreate(array, '{"missing":NaN,"nthread":1}', matrix),
      'read the rows to predict',
    );
    try {
      setInfo(this.#bindings, matrix[0], {
        field: 'base_margin',
        values: request.baseMargin,
        rows: request.rows,
      });
      const result = emptyResult();
      const { shape, dimensions, values } = result;
      this.#bindings.check(
        this.#bindings.call.predictMatrix(
          booster,
          matrix[0],
          predictConfig(request.kind),
          shape,
          dimensions,
          values,
        ),
        'predict',
      );
      return this.#copyResult(result);
    } finally {
      this.#bindings.call.matrixFree(matrix[0]);
    }
  }

  #copyResult(result: Result): Prediction {
    const shape = this.#bindings.copyShape(result.shape[0], result.dimensions[0]);
    const count = shape.reduce((product, length) => product * length, 1);
    return { values: this.#bindings.copyFloats(result.values[0], count), shape };
  }
}

interface Request {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
  readonly kind: PredictionKind;
  readonly baseMargin: Float32Array | undefined;
}

interface Result {
  readonly shape: [Pointer];
  readonly dimensions: [number];
  readonly values: [Pointer];
}

function emptyResult(): Result {
  return { shape: [null], dimensions: [0], values: [null] };
}

/** Built by hand: NaN is no JSON. All rounds take part; slice a booster to use fewer. */
function predictConfig(kind: PredictionKind): string {
  return `{"type":${PREDICTION_TYPES[kind]},"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN,"cache_id":0}`;
}

function formatParameter(name: string, value: BoosterParameters[string]): string {
  const numbers = typeof value === 'number' ? [value] : typeof value === 'object' ? value : [];
  if (!numbers.every((number) => Number.isFinite(number))) {
    throw xgboostFailed(`set parameter ${name}`, `${String(value)} is not finite`);
  }
  return typeof value === 'object' ? `[${value.join(',')}]` : String(value);
}

/** Reads `[3]\ttrain-mae:0.1\tvalid-mae:0.2`: all metrics of the first set, then those of the next. */
function parseEvaluation(text: string, sets: readonly string[]): EvaluationMetric[] {
  const parts = text.split('\t').slice(1);
  const metricsPerSet = parts.length / sets.length;
  return parts.map((part, i) => {
    const set = sets[Math.floor(i / metricsPerSet)] ?? '';
    const colon = part.lastIndexOf(':');
    return { set, metric: part.slice(set.length + 1, colon), value: Number(part.slice(colon + 1)) };
  });
}
