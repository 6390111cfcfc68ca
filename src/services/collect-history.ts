import { collectHistory, describeStore } from '#collect';
import type { HistoryReport, IdentityConflict, StoreStatus } from '#collect';
import { systemClock } from '#kernel/clock';
import type { Progress } from '#kernel/progress';
import { DAY_MS, SECOND_MS } from '#kernel/units';
import { openSource } from './collect-source.ts';
import type { CollectSourceOptions } from './collect-source.ts';

export interface CollectHistoryRequest {
  readonly source: CollectSourceOptions;
  readonly storeDirectory: string;
  readonly days: number;
  readonly stepSeconds: number;
  readonly progress: Progress;
}

export interface CollectHistoryResult {
  readonly protocol: 'remote-read' | 'query';
  readonly seconds: number;
  readonly fetched: Omit<HistoryReport, 'days'>;
  readonly store: StoreStatus;
  readonly conflicts: readonly IdentityConflict[];
}

/** Newer windows may not be whole yet; the next run fetches them. */
const SETTLE_SECONDS = 60;

/**
 * Fetches the last days of a Prometheus into a store.
 *
 * @throws MlschedError as `openSource` and `collectHistory`.
 */
export async function runCollectHistory(request: CollectHistoryRequest): Promise<CollectHistoryResult> {
  const beginMs = performance.now();
  const nowMs = systemClock.nowMs();
  const { reader, identity } = await openSource(request.source, nowMs);
  const { days: _, ...fetched } = await collectHistory({
    reader,
    identity,
    storeDirectory: request.storeDirectory,
    startMs: nowMs - request.days * DAY_MS,
    endMs: nowMs + (reader.clockSkewMs?.() ?? 0) - SETTLE_SECONDS * SECOND_MS,
    stepSeconds: request.stepSeconds,
    progress: request.progress,
  });
  return {
    protocol: reader.protocol,
    seconds: (performance.now() - beginMs) / SECOND_MS,
    fetched,
    store: await describeStore(request.storeDirectory, nowMs),
    conflicts: identity.conflicts,
  };
}
