import type { Clock } from '#kernel/clock';
import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';

import type { GuardReport, RolloutGuard } from './guard.ts';
import { INITIAL_ROLLOUT, stepBack } from './state.ts';
import type { RolloutState } from './state.ts';
import { setRollout } from './store.ts';
import type { RolloutStore } from './store.ts';

export interface RolloutControllerOptions {
  readonly store: RolloutStore;
  readonly guard: RolloutGuard;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps the rollout of this replica as it stands in the store, and takes a step back when the guard finds a breach.
 * Every replica may step back: being careful needs no leader. Steps forward are a person's.
 */
export interface RolloutController {
  /** As last read; the last one stays while the store cannot be read. */
  readonly state: RolloutState;
  readonly report: GuardReport | undefined;
  /** Reads the store anew. */
  refresh(): Promise<void>;
  /** Asks the guard, and steps back when it says so. */
  protect(): Promise<void>;
}

export function createRolloutController(options: RolloutControllerOptions): RolloutController {
  const { store, guard, clock, log } = options;
  let state: RolloutState = INITIAL_ROLLOUT;
  let report: GuardReport | undefined;
  let isReadable = true;
  const take = (next: RolloutState): void => {
    if (next.revision === state.revision) return;
    log.info('the rollout has changed', { mode: next.mode, percent: next.percent, reason: next.reason });
    if (next.mode !== state.mode || next.percent !== state.percent) guard.reset();
    state = next;
  };
  return {
    get state() {
      return state;
    },
    get report() {
      return report;
    },
    async refresh() {
      try {
        take(await store.read());
        isReadable = true;
      } catch (error) {
        if (isReadable)
          log.warning('the rollout cannot be read; it stays as it was', { cause: messageOf(error) });
        isReadable = false;
      }
    },
    async protect() {
      report = guard.evaluate(clock.nowMs());
      const [breach] = report.breaches;
      if (breach === undefined || state.mode === 'shadow') return;
      const back = stepBack(state);
      log.error('the guard takes a step back', { from: state.percent, to: back.percent, reason: breach });
      const atMs = clock.nowMs();
      try {
        take(await setRollout(store, { ...back, atMs, by: 'guard', reason: breach }));
      } catch (error) {
        // The breach is real whether it can be written or not: this replica steps back at once.
        take({
          ...state,
          ...back,
          revision: state.revision + 1,
          changedBy: 'guard',
          changedAtMs: atMs,
          reason: breach,
        });
        log.error('the step back could not be stored', { cause: messageOf(error) });
      }
    },
  };
}
