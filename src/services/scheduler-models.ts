import { join } from 'node:path';
import { MODEL_NAMES } from '#domain';
import type { ModelArtefact, ModelName } from '#domain';
import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { openFileRegistry } from '#registry';
import type { ModelRegistry } from '#registry';
import type { ModelSet } from '#scheduler';
import { loadOrStarter } from './models.ts';

export interface ModelFeedOptions {
  readonly registry: ModelRegistry;
  readonly stateDirectory: string;
  readonly alias: string;
  readonly log: Log;
}

/** The models that an alias names, and news of it. */
export interface ModelFeed {
  /** The set now; a model that cannot be read is taken from the last one that worked, else it is missing. */
  load(): Promise<ModelSet>;
  /** Whether the alias has moved since the last `load`. */
  hasChanged(): Promise<boolean>;
  /** Keeps a set that has proven usable, for starts in which the registry is out of order. */
  keep(models: ModelSet): Promise<void>;
}

const LAST_GOOD = 'last-good';

export function createModelFeed(options: ModelFeedOptions): ModelFeed {
  const { registry, alias, log } = options;
  const kept = openFileRegistry({ home: join(options.stateDirectory, LAST_GOOD) });
  const reporter = { note: (line: string) => log.warning(line.replace(/^WARNING /, '')) };
  let seen = '';
  const signature = async (): Promise<string> =>
    (
      await Promise.all(MODEL_NAMES.map(async (model) => (await registry.aliases(model))[alias] ?? 'none'))
    ).join();

  const loadOne = async (
    model: ModelName,
  ): Promise<{ artefact: ModelArtefact; version: string } | undefined> => {
    try {
      const artefact = await loadOrStarter(registry, model, alias, reporter);
      const number = (await registry.aliases(model))[alias];
      return { artefact, version: number === undefined ? 'starter' : String(number) };
    } catch (error) {
      const last = await kept.load(model, LAST_GOOD).catch(() => undefined);
      log.error(
        last === undefined
          ? 'a model cannot be read and there is no earlier one; its part stays unknown'
          : 'a model cannot be read; the last good one is used',
        { model, cause: messageOf(error) },
      );
      const version = last?.version.metadata.tags['version'] ?? 'unknown';
      return last === undefined ? undefined : { artefact: last.artefact, version: `${version} (last good)` };
    }
  };

  return {
    async load() {
      seen = await signature().catch(() => seen);
      const artefacts = new Map<string, ModelArtefact>();
      const versions: Partial<Record<ModelName, string>> = {};
      for (const model of MODEL_NAMES) {
        const found = await loadOne(model);
        if (found === undefined) continue;
        artefacts.set(model, found.artefact);
        versions[model] = found.version;
      }
      return { artefacts, versions };
    },
    hasChanged: async () => (await signature()) !== seen,
    async keep({ artefacts, versions }) {
      for (const model of MODEL_NAMES) {
        const artefact = artefacts.get(model);
        const version = versions[model];
        if (artefact === undefined || version === undefined || version.endsWith('(last good)')) continue;
        const last = await kept.describe(model, LAST_GOOD).catch(() => undefined);
        if (last?.metadata.tags['version'] === version) continue;
        const stored = await kept.register(artefact, { tags: { version } });
        await kept.setAlias(model, LAST_GOOD, stored.version);
      }
    },
  };
}
