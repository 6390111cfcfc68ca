import { join } from 'node:path';
import { stat } from 'node:fs/promises';
import { MODEL_NAMES } from '#domain';
import type { ModelArtefact, ModelName } from '#domain';
import { isMlschedError } from '#kernel/errors';
import { loadModelFolder, openFileRegistry } from '#training';

/** Where the embedded registry stands below the state directory. */
export function registryHome(stateDirectory: string): string {
  return join(stateDirectory, 'models');
}

/**
 * Loads the models that our own policies need.
 *
 * @param reference - Alias or version.
 * @param policies - Nothing is loaded when none of them is ours.
 * @returns The models there are; a policy re-weights the parts whose model is missing.
 */
export async function loadPolicyModels(
  stateDirectory: string,
  reference: string,
  policies: readonly string[] | 'all',
  reporter: { note(line: string): void },
): Promise<Map<string, ModelArtefact>> {
  const artefacts = new Map<string, ModelArtefact>();
  if (policies !== 'all' && !policies.some((name) => name.startsWith('mlsched'))) return artefacts;
  const registry = openFileRegistry({ home: registryHome(stateDirectory) });
  for (const name of MODEL_NAMES) {
    try {
      const { artefact } = await registry.load(name, reference);
      artefacts.set(name, artefact);
    } catch (error) {
      if (!isMlschedError(error) || error.code !== 'MLS_TRAINING_MODEL_NOT_FOUND') throw error;
      reporter.note(
        `WARNING no ${name} model ${reference} in the registry: run 'mlsched train all' first, or mlsched scores without it`,
      );
    }
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
): Promise<ModelArtefact> {
  const isFolder = await stat(reference).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) return (await loadModelFolder(reference)).artefact;
  const registry = openFileRegistry({ home: registryHome(stateDirectory) });
  const version = /^\d+$/.test(reference) ? Number(reference) : reference;
  return (await registry.load(model, version)).artefact;
}
