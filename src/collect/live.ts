import { setTimeout as sleep } from 'node:timers/promises';
import { isMlschedError } from '#kernel/errors';
import type { MlschedError } from '#kernel/errors';
import type { Clock } from '#kernel/clock';
import { SECOND_MS } from '#kernel/units';
import { collectHistory } from './history.ts';
import type { CollectHistoryOptions, HistoryReport } from './history.ts';

/** What one round of live collection came to. */
export type LiveRound =
  | { readonly kind: 'collected'; readonly atMs: number; readonly report: HistoryReport }
  /** The source or the disk is out of order for now; what is missed is fetched once it is back. */
  | { readonly kind: 'waiting'; readonly atMs: number; readonly error: MlschedError };

export interface CollectLiveOptions extends Omit<CollectHistoryOptions, 'startMs' | 'endMs' | 'progress'> {
  readonly clock: Clock;
  /** Ends the collection after the round that is under way. */
  readonly signal: AbortSignal;
  /** How far back the first round reaches when the store is empty; default one hour. */
  readonly lookbackSeconds?: number;
  /** Distance of two rounds, aligned to multiples of it; default 30. */
  readonly intervalSeconds?: number;
  /** A window is fetched this long after its end, so that late scrapes are in; default 10. */
  readonly settleSeconds?: number;
  /** Told after each round. */
  readonly onRound?: (round: LiveRound) => void;
}

const DEFAULT_LOOKBACK_SECONDS = 3600;
const DEFAULT_INTERVAL_SECONDS = 30;
const DEFAULT_SETTLE_SECONDS = 10;

/**
 * Collects for ever: each round adds what the store lacks up to now, be it one step or the days of an outage.
 *
 * The store alone says what is missing, so a restart, a kill or an outage needs no repair of its own.
 *
 * @throws MlschedError only for what waiting cannot cure: `MLS_COLLECT_STORE_TAKEN`, a damaged store.
 */
export async function collectLive(options: CollectLiveOptions): Promise<void> {
  const { clock, signal } = options;
  const startMs = clock.nowMs() - (options.lookbackSeconds ?? DEFAULT_LOOKBACK_SECONDS) * SECOND_MS;
  while (!signal.aborted) {
    const round = await collectRound(options, startMs);
    options.onRound?.(round);
    await sleepUntilNext(options);
  }
}

async function collectRound(options: CollectLiveOptions, startMs: number): Promise<LiveRound> {
  const atMs = options.clock.nowMs();
  const endMs = atMs - (options.settleSeconds ?? DEFAULT_SETTLE_SECONDS) * SECOND_MS;
  try {
    return { kind: 'collected', atMs, report: await collectHistory({ ...options, startMs, endMs }) };
  } catch (error) {
    if (!isMlschedError(error) || !isPassing(error)) throw error;
    return { kind: 'waiting', atMs, error };
  }
}

/** A token can be renewed, a disk emptied, a server repaired, all without restarting us. */
function isPassing(error: MlschedError): boolean {
  return (
    error.code.startsWith('MLS_PROMETHEUS_') ||
    error.code === 'MLS_COLLECT_NO_HISTORY' ||
    error.code === 'MLS_FILES_DISK_FULL'
  );
}

async function sleepUntilNext({ clock, signal, intervalSeconds }: CollectLiveOptions): Promise<void> {
  const intervalMs = (intervalSeconds ?? DEFAULT_INTERVAL_SECONDS) * SECOND_MS;
  const waitMs = intervalMs - (clock.nowMs() % intervalMs);
  await sleep(waitMs, undefined, { signal }).catch(() => undefined);
}
