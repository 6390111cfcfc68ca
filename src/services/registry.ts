import { join } from 'node:path';
import { createMlflowClient } from '#platform/mlflow';
import {
  openCachedRegistry,
  openFileRegistry,
  openFileTracker,
  openMlflowRegistry,
  openMlflowTracker,
} from '#registry';
import type { ExperimentTracker, ModelRegistry } from '#registry';

/** Where models and runs are kept. */
export interface RegistryPlace {
  readonly registry: ModelRegistry;
  readonly tracker: ExperimentTracker;
  /** For messages: an address, or a folder. */
  readonly address: string;
}

export interface RegistryPlaceOptions {
  /** Folder of the embedded registry, and of the copies of a remote one. */
  readonly stateDirectory: string;
  /** Where MLflow's own variables are looked up. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly note: (line: string) => void;
}

/**
 * Opens MLflow when `MLFLOW_TRACKING_URI` names a server, else the embedded registry; both behind the same interface.
 *
 * @remarks Also read, as MLflow's own clients do: `MLFLOW_TRACKING_TOKEN`, `MLFLOW_TRACKING_SERVER_CERT_PATH`.
 */
export function openRegistryPlace({
  stateDirectory,
  environment,
  note,
}: RegistryPlaceOptions): RegistryPlace {
  const baseUrl = environment['MLFLOW_TRACKING_URI'];
  if (baseUrl === undefined || !/^https?:/.test(baseUrl)) {
    const home = join(stateDirectory, 'models');
    return {
      registry: openFileRegistry({ home }),
      tracker: openFileTracker({ home: join(stateDirectory, 'runs') }),
      address: home,
    };
  }
  const client = createMlflowClient({ baseUrl, ...credentials(environment) });
  return {
    registry: openCachedRegistry({
      remote: openMlflowRegistry({ client }),
      home: join(stateDirectory, 'model-copies'),
      onFallback: (model, reference, cause) =>
        note(`WARNING ${model} ${reference}: the copy on this disk is used, since ${cause.message}`),
    }),
    tracker: openMlflowTracker({ client }),
    address: new URL(baseUrl).host,
  };
}

function credentials(environment: RegistryPlaceOptions['environment']): { token?: string; caFile?: string } {
  const token = environment['MLFLOW_TRACKING_TOKEN'];
  const caFile = environment['MLFLOW_TRACKING_SERVER_CERT_PATH'];
  return { ...(token && { token }), ...(caFile && { caFile }) };
}
