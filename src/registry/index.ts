export { loadModelFolder, openFileRegistry } from './file-registry.ts';
export type { FileRegistryOptions } from './file-registry.ts';
export { openFileTracker } from './file-tracker.ts';
export type { FileTrackerOptions } from './file-tracker.ts';
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
