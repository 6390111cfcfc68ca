import type { ModelArtefact, ModelName } from '#domain';

/** What is known of a model besides its bytes. */
export interface ModelMetadata {
  /** The run of the experiment tracker that trained it. */
  readonly runId?: string;
  /** Measured on data that training never saw; finite. */
  readonly metrics?: Readonly<Record<string, number>>;
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
  readonly tags?: Readonly<Record<string, string>>;
}

/** One file of a stored model. */
export interface StoredFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

/** One immutable version of a model. */
export interface ModelVersion {
  readonly model: ModelName;
  /** From 1, rising; a number is never used again. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly schemaVersion: string;
  readonly files: readonly StoredFile[];
  readonly metadata: Required<Omit<ModelMetadata, 'runId'>> & Pick<ModelMetadata, 'runId'>;
}

/** A version number, an alias such as `champion`, or `latest` for the newest version. */
export type ModelReference = number | string;

export interface LoadedModel {
  readonly artefact: ModelArtefact;
  readonly version: ModelVersion;
}

/**
 * Stores models by name and version, and says by alias which version is in use. Rolling back is moving an alias.
 *
 * @remarks Every implementation passes `contract.ts`. Errors: `MLS_TRAINING_MODEL_NOT_FOUND`,
 *   `MLS_TRAINING_MODEL_CORRUPT`, `MLS_TRAINING_NAME_INVALID`.
 */
export interface ModelRegistry {
  /** Stores a new version: all of it or, whatever happens, nothing. */
  register(artefact: ModelArtefact, metadata?: ModelMetadata): Promise<ModelVersion>;
  /** Reads a version after verifying the SHA-256 of each of its files. */
  load(model: ModelName, reference: ModelReference): Promise<LoadedModel>;
  /** Everything about a version but its bytes. */
  describe(model: ModelName, reference: ModelReference): Promise<ModelVersion>;
  /** All versions, oldest first; empty when the model is unknown. */
  list(model: ModelName): Promise<ModelVersion[]>;
  /** Points an alias to a version in one step: readers see the old version or the new one. */
  setAlias(model: ModelName, alias: string, version: number): Promise<void>;
  /** Does nothing when there is no such alias. */
  removeAlias(model: ModelName, alias: string): Promise<void>;
  aliases(model: ModelName): Promise<Readonly<Record<string, number>>>;
}

/** How a run stands; `killed` is a run that its process stopped on purpose (a pruned trial). */
export type RunStatus = 'running' | 'finished' | 'failed' | 'killed';

export interface RunOptions {
  /** Groups runs that can be compared: `load-forecast`. */
  readonly experiment: string;
  /** For people; need not be unique. */
  readonly name: string;
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
  readonly tags?: Readonly<Record<string, string>>;
}

/** One value of a metric. */
export interface MetricPoint {
  readonly step: number;
  readonly value: number;
}

export interface RunRecord {
  readonly runId: string;
  readonly experiment: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly startedAtMs: number;
  /** `undefined` while it runs, and for a run whose process died. */
  readonly endedAtMs: number | undefined;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Every value that was logged, in the order of logging. */
  readonly metrics: Readonly<Record<string, readonly MetricPoint[]>>;
}

/** A run that is under way. Its methods are called one after the other by one owner. */
export interface ActiveRun {
  readonly runId: string;
  /** Adds parameters; a parameter that has another value already is a conflict (`MLS_TRAINING_RUN_CONFLICT`). */
  logParameters(parameters: Readonly<Record<string, string | number | boolean>>): Promise<void>;
  /** @param step - Boosting round, training step; 0 by default. Values must be finite. */
  logMetrics(metrics: Readonly<Record<string, number>>, step?: number): Promise<void>;
  setTags(tags: Readonly<Record<string, string>>): Promise<void>;
  /** Closes the run; later calls are a conflict. */
  end(status: Exclude<RunStatus, 'running'>): Promise<void>;
}

/** Remembers what was tried and what came out. */
export interface ExperimentTracker {
  startRun(options: RunOptions): Promise<ActiveRun>;
  /** @throws MlschedError `MLS_TRAINING_RUN_NOT_FOUND`. */
  getRun(runId: string): Promise<RunRecord>;
  /** Runs of an experiment, oldest first; empty when it is unknown. */
  listRuns(experiment: string): Promise<RunRecord[]>;
}
