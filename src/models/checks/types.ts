import type { ModelArtefact } from '#domain';

/** What a prediction for a row with NaN must be. */
type NanPolicy =
  /** A finite number: the model has learned where missing values go. */
  | 'finite'
  /** NaN for that row and for no other: unknown in, unknown out. */
  | 'unknown'
  /** A `MlschedError` of kind `invalid-input`. */
  | 'refused';

/**
 * A model as the checks see it: rows of numbers in, numbers out. A model's test file adapts its own interface to
 * this one and calls `checkModel`.
 */
export interface ModelUnderCheck<Model> {
  /** For test names. */
  readonly name: string;
  /** The version that the model's artefacts carry. */
  readonly schemaVersion: string;
  /** Row-major, shape `[rows, featureCount]`: at least 4 ordinary rows, without NaN. */
  readonly rows: Float32Array;
  readonly featureCount: number;
  readonly nanPolicy: NanPolicy;
  /** False for a model that draws nothing at random. @defaultValue true */
  readonly dependsOnSeed?: boolean;
  /** Trains on small fixed data in a few seconds at most; everything random comes from `seed`. */
  fit(seed: number): Promise<Model>;
  save(model: Model): Promise<ModelArtefact>;
  load(artefact: ModelArtefact): Promise<Model>;
  /** Shape `[rows, outputs]`, row-major. */
  predict(model: Model, rows: Float32Array): Promise<ArrayLike<number>>;
  /** Frees native memory, where there is any. */
  free?(model: Model): Promise<void>;
}
