/** A parameter or tag as MLflow keeps it: text. */
export interface MlflowPair {
  readonly key: string;
  readonly value: string;
}

/** One value of a metric; `timestamp` in epoch milliseconds. */
export interface MlflowMetric {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

export type MlflowRunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface MlflowRun {
  readonly runId: string;
  readonly experimentId: string;
  readonly name: string;
  readonly status: MlflowRunStatus;
  readonly startedAtMs: number;
  readonly endedAtMs: number | undefined;
  /** Where its artefacts are: `mlflow-artifacts:/1/RUN/artifacts`. */
  readonly artifactUri: string;
  readonly parameters: readonly MlflowPair[];
  readonly tags: readonly MlflowPair[];
  /** Names of its metrics; their values come from `metricHistory`. */
  readonly metricNames: readonly string[];
}

export interface MlflowModelVersion {
  readonly name: string;
  readonly version: number;
  readonly createdAtMs: number;
  /** `runs:/RUN/model`. */
  readonly source: string;
  readonly runId: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** The part of MLflow's REST API that we use; MLflow 2.9 (aliases) and newer. */
export interface MlflowClient {
  /** Id of an experiment, created when it is not there. */
  ensureExperiment(name: string): Promise<string>;
  /** Undefined when there is no such experiment. */
  findExperiment(name: string): Promise<string | undefined>;
  createRun(experimentId: string, name: string, startedAtMs: number): Promise<MlflowRun>;
  getRun(runId: string): Promise<MlflowRun>;
  /** Oldest first. */
  searchRuns(experimentId: string): Promise<MlflowRun[]>;
  endRun(runId: string, status: MlflowRunStatus, endedAtMs: number): Promise<void>;
  deleteRun(runId: string): Promise<void>;
  logBatch(
    runId: string,
    batch: {
      readonly metrics?: readonly MlflowMetric[];
      readonly params?: readonly MlflowPair[];
      readonly tags?: readonly MlflowPair[];
    },
  ): Promise<void>;
  /** Every value that was logged, in the order of steps. */
  metricHistory(runId: string, name: string): Promise<MlflowMetric[]>;
  /** Stores one file of a run through the server's artefact proxy. */
  putArtifact(run: MlflowRun, path: string, bytes: Uint8Array): Promise<void>;
  getArtifact(run: MlflowRun, path: string): Promise<Uint8Array>;
  ensureModel(name: string): Promise<void>;
  createModelVersion(version: {
    readonly name: string;
    readonly source: string;
    readonly runId: string;
    readonly tags: readonly MlflowPair[];
  }): Promise<MlflowModelVersion>;
  getModelVersion(name: string, version: number): Promise<MlflowModelVersion>;
  /** Oldest first; empty when the model is unknown. */
  listModelVersions(name: string): Promise<MlflowModelVersion[]>;
  setAlias(name: string, alias: string, version: number): Promise<void>;
  removeAlias(name: string, alias: string): Promise<void>;
  /** Empty when the model is unknown. */
  aliases(name: string): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}
