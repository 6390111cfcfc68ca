import type { ModelName } from '#domain';
import { isMlschedError } from '#kernel/errors';
import type { MlschedError } from '#kernel/errors';

import { copyVersion, openFileRegistry } from './file-registry.ts';
import type { LoadedModel, ModelReference, ModelRegistry } from './types.ts';

export interface CachedRegistryOptions {
  /** The registry that decides. */
  readonly remote: ModelRegistry;
  /** Folder for the copies. */
  readonly home: string;
  /** Told when a copy was used because the registry could not be reached. */
  readonly onFallback: (model: ModelName, reference: ModelReference, cause: MlschedError) => void;
}

/**
 * Keeps the last good copy of each model that was loaded, for the time when the registry cannot be reached.
 *
 * @remarks Only `load` falls back, and only where the registry gave no answer: a refusal, a missing model or a corrupt
 *   file are answers. Writing needs the registry itself.
 */
export function openCachedRegistry(options: CachedRegistryOptions): ModelRegistry {
  const { remote, home } = options;
  const copies = openFileRegistry({ home });
  return {
    ...remote,
    async load(model, reference) {
      let loaded: LoadedModel;
      try {
        loaded = await remote.load(model, reference);
      } catch (error) {
        if (!isAway(error)) throw error;
        const kept = await copies.load(model, reference).catch(() => undefined);
        if (kept === undefined) throw error;
        options.onFallback(model, reference, error);
        return kept;
      }
      await copyVersion(home, loaded);
      if (isAlias(reference)) await copies.setAlias(model, reference, loaded.version.version);
      return loaded;
    },
  };
}

function isAway(error: unknown): error is MlschedError {
  return isMlschedError(error) && (error.kind === 'unavailable' || error.kind === 'timeout');
}

function isAlias(reference: ModelReference): reference is string {
  return typeof reference === 'string' && reference !== 'latest' && !/^\d+$/.test(reference);
}
