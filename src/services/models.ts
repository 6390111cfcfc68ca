import { join } from 'node:path';
import { stat } from 'node:fs/promises';
import { MODEL_NAMES } from '#domain';
import type { ModelArtefact, ModelName } from '#domain';
import { isMlschedError } from '#kernel/errors';
import { loadModelFolder } from '#registry';
import type { ExperimentTracker, ModelRegistry } from '#registry';
import { openRegistryPlace } from './registry.ts';

/** Where a remark to the person goes. */
interface Reporter {
  note(line: string): void;
}

/** The registry that the environment names, else the embedded one below the state directory. */
export function openModelRegistry(stateDirectory: string, reporter: Reporter): ModelRegistry {
  const note = (line: string): void => reporter.note(line);
  return openRegistryPlace({ stateDirectory, environment: process.env, note }).registry;
}

/** Where runs of training and tuning are noted: beside the registry. */
export function openRunTracker(stateDirectory: string, reporter: Reporter): ExperimentTracker {
  const note = (line: string): void => reporter.note(line);
  return openRegistryPlace({ stateDirectory, environment: process.env, note }).tracker;
}

/**
 * Loads the models that our own policies need.
 *
 * @param reference - Alias or version.
 * @param policies - Nothing is loaded when none of them is ours.
 * @throws MlschedError `MLS_TRAINING_MODEL_NOT_FOUND` for a reference other than `champion`, `MLS_TRAINING_MODEL_CORRUPT`.
 */
export async function loadPolicyModels(
  stateDirectory: string,
  reference: string,
  policies: readonly string[] | 'all',
  reporter: Reporter,
): Promise<Map<string, ModelArtefact>> {
  const artefacts = new Map<string, ModelArtefact>();
  if (policies !== 'all' && !policies.some((name) => name.startsWith('mlsched'))) return artefacts;
  const registry = openModelRegistry(stateDirectory, reporter);
  for (const name of MODEL_NAMES) {
    artefacts.set(name, await loadOrStarter(registry, name, reference, reporter));
  }
  return artefacts;
}

/**
 * Loads one saved model, verified by its hashes.
 *
 * @param reference - The folder of a stored version, else an alias or a version in the registry.
 */
export async function loadModel(
  stateDirectory: string,
  model: ModelName,
  reference: string,
  reporter: Reporter,
): Promise<ModelArtefact> {
  const isFolder = await stat(reference).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) return (await loadModelFolder(reference)).artefact;
  const registry = openModelRegistry(stateDirectory, reporter);
  return loadOrStarter(registry, model, reference, reporter);
}

/** Models that come with the product, for clusters without a history of their own. */
const STARTER_MODELS = join(import.meta.dirname, '../../data/starter-models');
const CHAMPION = 'champion';

/** The registered model; as long as nothing was ever made champion, the starter model takes its place. */
export async function loadOrStarter(
  registry: ModelRegistry,
  model: ModelName,
  reference: string,
  reporter: Reporter,
): Promise<ModelArtefact> {
  const version = /^\d+$/.test(reference) ? Number(reference) : reference;
  try {
    return (await registry.load(model, version)).artefact;
  } catch (error) {
    const isMissing = isMlschedError(error) && error.code === 'MLS_TRAINING_MODEL_NOT_FOUND';
    // A champion that is named but not there was lost: that is no reason to use another model in silence.
    const wasNamed = CHAMPION in (await registry.aliases(model));
    if (!isMissing || reference !== CHAMPION || wasNamed) throw error;
    reporter.note(
      `WARNING no ${model} was trained here yet: the starter model is used; 'mlsched train all' learns from your own data`,
    );
    return (await loadModelFolder(join(STARTER_MODELS, model))).artefact;
  }
}
