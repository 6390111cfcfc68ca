export { openCachedRegistry } from './cached-registry.ts';
export type { CachedRegistryOptions } from './cached-registry.ts';
export { loadModelFolder, openFileRegistry } from './file-registry.ts';
export type { FileRegistryOptions } from './file-registry.ts';
export { openFileTracker } from './file-tracker.ts';
export type { FileTrackerOptions } from './file-tracker.ts';
export { openMlflowRegistry } from './mlflow-registry.ts';
export type { MlflowRegistryOptions } from './mlflow-registry.ts';
export { openMlflowTracker } from './mlflow-tracker.ts';
export type { MlflowTrackerOptions } from './mlflow-tracker.ts';
export type {
  ActiveRun,
  ExperimentTracker,
  LoadedModel,
  MetricPoint,
  ModelMetadata,
  ModelReference,
  ModelRegistry,
  ModelVersion,
  RunOptions,
  RunRecord,
  RunStatus,
  StoredFile,
} from './types.ts';
