import { z } from 'zod';

import { hashText } from '#kernel/rng';

/** Steps that a rollout goes through, percent of workloads. */
export const ROLLOUT_STEPS = [10, 50, 100] as const;

/**
 * How far we are let into scheduling. `shadow`: every pod is scored and recorded, none is influenced. `active`: so
 * many percent of the workloads get our scores.
 */
export const rolloutStateSchema = z.object({
  schemaVersion: z.literal(1),
  /** Counts the changes; a writer names the one it has seen. */
  revision: z.int().min(0),
  mode: z.enum(['shadow', 'active']),
  percent: z.number().min(0).max(100),
  changedAtMs: z.number(),
  /** Who changed it: a person by `mlsched rollout`, or the guard. */
  changedBy: z.enum(['default', 'operator', 'guard']),
  reason: z.string(),
  /** What `undo` returns to, the latest last. */
  history: z
    .array(
      z.object({
        mode: z.enum(['shadow', 'active']),
        percent: z.number(),
        changedAtMs: z.number(),
        changedBy: z.enum(['default', 'operator', 'guard']),
        reason: z.string(),
      }),
    )
    .max(50),
});
export type RolloutState = z.infer<typeof rolloutStateSchema>;

/** Before anybody decided otherwise nothing is influenced. */
export const INITIAL_ROLLOUT: RolloutState = {
  schemaVersion: 1,
  revision: 0,
  mode: 'shadow',
  percent: 0,
  changedAtMs: 0,
  changedBy: 'default',
  reason: 'nothing was set yet',
  history: [],
};

export interface RolloutChange {
  readonly mode: RolloutState['mode'];
  readonly percent: number;
  readonly atMs: number;
  readonly by: 'operator' | 'guard';
  readonly reason: string;
}

const MOST_HISTORY = 50;

/** The next state; what was before is kept for `undo`. */
export function changeRollout(state: RolloutState, change: RolloutChange): RolloutState {
  const { mode, percent, changedAtMs, changedBy, reason } = state;
  return {
    schemaVersion: 1,
    revision: state.revision + 1,
    mode: change.mode,
    percent: change.mode === 'shadow' ? 0 : change.percent,
    changedAtMs: change.atMs,
    changedBy: change.by,
    reason: change.reason,
    history: [...state.history, { mode, percent, changedAtMs, changedBy, reason }].slice(-MOST_HISTORY),
  };
}

/** Back to what was before the last change; undefined when there was none. */
export function undoRollout(state: RolloutState, atMs: number): RolloutState | undefined {
  const last = state.history.at(-1);
  if (last === undefined) return undefined;
  return {
    ...state,
    revision: state.revision + 1,
    mode: last.mode,
    percent: last.percent,
    changedAtMs: atMs,
    changedBy: 'operator',
    reason: `undone: ${state.reason}`,
    history: state.history.slice(0, -1),
  };
}

/** The step below, as the guard takes it: 100 -> 50 -> 10 -> shadow. */
export function stepBack(state: RolloutState): Pick<RolloutState, 'mode' | 'percent'> {
  const below = ROLLOUT_STEPS.filter((step) => step < state.percent).at(-1);
  return below === undefined ? { mode: 'shadow', percent: 0 } : { mode: 'active', percent: below };
}

/**
 * Stable place of a workload in 0..99: the same on every replica and after every restart. A workload that is treated at
 * one percentage is treated at every higher one.
 */
export function bucketOf(owner: string): number {
  return hashText(owner) % 100;
}
