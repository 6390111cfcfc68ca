import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { createBatcher } from './batcher.ts';
import type { Batcher, BatcherOptions } from './batcher.ts';
import { modelNotReady, modelUnknown, versionUnknown } from './errors.ts';
import type { ServedModel } from './model.ts';

/** Where one served model comes from. */
export interface ModelSource {
  /** As clients name it. */
  readonly name: string;
  /** The version that should answer now: an alias is followed. */
  currentVersion(): Promise<string>;
  load(version: string): Promise<ServedModel>;
}

/** A version that answers. */
export interface LoadedModel {
  readonly name: string;
  readonly version: string;
  readonly model: ServedModel;
  readonly batcher: Batcher;
}

/** Which version of which model answers now. */
export interface ModelRepository {
  readonly names: readonly string[];
  /**
   * @param version - Undefined takes the one that answers.
   * @throws MlschedError `MLS_SERVING_MODEL_UNKNOWN`, `MLS_SERVING_VERSION_UNKNOWN`, `MLS_SERVING_NOT_READY`.
   */
  find(name: string, version?: string): LoadedModel;
  isReady(name: string): boolean;
  /** Runs work on a model; the version stays loaded until it ends, also when another one takes over. */
  use<Result>(found: LoadedModel, work: () => Promise<Result>): Promise<Result>;
  /** Looks whether other versions should answer, and loads them. A version that fails to load changes nothing. */
  refresh(): Promise<void>;
  free(): void;
}

export interface ModelRepositoryOptions {
  readonly sources: readonly ModelSource[];
  readonly log: Log;
  readonly batching?: Pick<BatcherOptions, 'rowLimit' | 'waitingLimit'>;
  readonly onBatch?: (model: string, requests: number, rows: number) => void;
  /** Told when a version takes over. */
  readonly onLoaded?: (model: string, version: string) => void;
}

class Slot {
  readonly source: ModelSource;
  current: LoadedModel | undefined;
  /** Why nothing answers. */
  reason = 'it was not loaded yet';
  readonly users = new Map<LoadedModel, number>();

  constructor(source: ModelSource) {
    this.source = source;
  }
}

/** Creates a repository in which nothing is loaded; `refresh` loads. */
export function createModelRepository(options: ModelRepositoryOptions): ModelRepository {
  const slots = new Map(options.sources.map((source) => [source.name, new Slot(source)]));
  const slotOf = (name: string): Slot => {
    const slot = slots.get(name);
    if (slot === undefined) throw modelUnknown(name, [...slots.keys()]);
    return slot;
  };
  return {
    names: [...slots.keys()],
    isReady: (name) => slots.get(name)?.current !== undefined,
    find(name, version) {
      const { current, reason } = slotOf(name);
      if (current === undefined) throw modelNotReady(name, reason);
      if (version !== undefined && version !== current.version)
        throw versionUnknown(name, version, current.version);
      return current;
    },
    async use(found, work) {
      const slot = slotOf(found.name);
      slot.users.set(found, (slot.users.get(found) ?? 0) + 1);
      try {
        return await work();
      } finally {
        release(slot, found);
      }
    },
    async refresh() {
      for (const slot of slots.values()) await refreshSlot(slot, options);
    },
    free() {
      for (const { current } of slots.values()) current?.model.free();
    },
  };
}

function release(slot: Slot, found: LoadedModel): void {
  const left = (slot.users.get(found) ?? 1) - 1;
  if (left > 0) slot.users.set(found, left);
  else slot.users.delete(found);
  if (left === 0 && slot.current !== found) found.model.free();
}

async function refreshSlot(slot: Slot, options: ModelRepositoryOptions): Promise<void> {
  const { source } = slot;
  try {
    const version = await source.currentVersion();
    if (version === slot.current?.version) return;
    const loaded = await load(source, version, options);
    const previous = slot.current;
    slot.current = loaded;
    if (previous !== undefined && !slot.users.has(previous)) previous.model.free();
    options.onLoaded?.(source.name, version);
    options.log.success('a model version answers now', { model: source.name, version });
  } catch (error) {
    slot.reason = messageOf(error);
    const keeps = slot.current === undefined ? 'nothing answers' : `version ${slot.current.version} goes on`;
    options.log.error(`a model could not be loaded: ${keeps}`, {
      model: source.name,
      cause: messageOf(error),
    });
  }
}

async function load(
  source: ModelSource,
  version: string,
  { batching, onBatch }: ModelRepositoryOptions,
): Promise<LoadedModel> {
  const model = await source.load(version);
  const batcher = createBatcher(model, {
    ...batching,
    onBatch: (requests, rows) => onBatch?.(source.name, requests, rows),
  });
  return { name: source.name, version, model, batcher };
}
