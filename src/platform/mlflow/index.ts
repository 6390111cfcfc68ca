export { createMlflowClient } from './client.ts';
export { mlflowErrorCode } from './errors.ts';
export type {
  MlflowClient,
  MlflowMetric,
  MlflowModelVersion,
  MlflowPair,
  MlflowRun,
  MlflowRunStatus,
} from './types.ts';
