import { isMlschedError } from '#kernel/errors';
import { readJson, writeJson } from '#platform/files';

import { nothingToUndo, rolloutConflict } from '../errors.ts';
import { changeRollout, INITIAL_ROLLOUT, rolloutStateSchema, undoRollout } from './state.ts';
import type { RolloutChange, RolloutState } from './state.ts';

/** Where all replicas find how far the rollout is. */
export interface RolloutStore {
  /** The state, or the initial one when nothing was set yet. */
  read(): Promise<RolloutState>;
  /**
   * Replaces the state that the writer has seen.
   *
   * @throws MlschedError `MLS_SCHEDULER_ROLLOUT_CONFLICT` when it was changed meanwhile.
   */
  replace(seen: RolloutState, next: RolloutState): Promise<void>;
}

/** The state as a file that all replicas share (one machine, or a shared volume). */
export function createFileRolloutStore(path: string): RolloutStore {
  const read = async (): Promise<RolloutState> => {
    try {
      return await readJson(path, rolloutStateSchema);
    } catch (error) {
      if (isMlschedError(error) && error.code === 'MLS_FILES_MISSING') return INITIAL_ROLLOUT;
      throw error;
    }
  };
  return {
    read,
    async replace(seen, next) {
      const found = await read();
      if (found.revision !== seen.revision) throw rolloutConflict(seen.revision, found.revision);
      await writeJson(path, next);
    },
  };
}

/** Changes the rollout and returns the new state. */
export async function setRollout(store: RolloutStore, change: RolloutChange): Promise<RolloutState> {
  const seen = await store.read();
  const next = changeRollout(seen, change);
  await store.replace(seen, next);
  return next;
}

/**
 * Takes the last change back.
 *
 * @throws MlschedError `MLS_SCHEDULER_NOTHING_TO_UNDO`.
 */
export async function undoLastRollout(store: RolloutStore, atMs: number): Promise<RolloutState> {
  const seen = await store.read();
  const next = undoRollout(seen, atMs);
  if (next === undefined) throw nothingToUndo();
  await store.replace(seen, next);
  return next;
}
