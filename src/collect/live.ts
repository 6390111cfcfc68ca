import { setTimeout as sleep } from 'node:timers/promises';
import { isMlschedError } from '#kernel/errors';
import type { MlschedError } from '#kernel/errors';
import type { Clock } from '#kernel/clock';
import { DAY_MS, HOUR_MS, MIB, MINUTE_MS, SECOND_MS } from '#kernel/units';
import { everyRow, fetchSpan } from './fetch-span.ts';
import type { SpanSource } from './fetch-span.ts';
import { fillHistory, newRows, SETTLE_MS } from './history.ts';
import { createHoleRepair } from './hole-repair.ts';
import type { HoleRepair } from './hole-repair.ts';
import type { DayBatch } from './store/day-batch.ts';
import { dayOf, startOfDay } from './store/manifest.ts';
import type { HistoryStore } from './store/store.ts';

/** What one round of live collection came to. */
export type LiveRound =
  | {
      readonly kind: 'collected';
      readonly atMs: number;
      /** Windows up to here are stored, epoch milliseconds. */
      readonly coveredToMs: number;
      readonly nodes: number;
      readonly rows: number;
      /** Of `rows`, those of holes that were filled after all. */
      readonly repairedRows: number;
      readonly samples: number;
      /** The new rows, for whoever works on live data. Empty after a longer gap: then read the store. */
      readonly batches: readonly DayBatch[];
    }
  /** The source answers, but knows no load of any node: nothing is recorded, the span is asked for again. */
  | { readonly kind: 'empty'; readonly atMs: number }
  /** The source or the disk is out of order for now; what is missed is fetched once it is back. */
  | { readonly kind: 'waiting'; readonly atMs: number; readonly error: MlschedError };

export interface CollectLiveOptions extends SpanSource {
  /** Open; stays open. */
  readonly store: HistoryStore;
  readonly clock: Clock;
  /** Ends the collection after the round that is under way. */
  readonly signal: AbortSignal;
  /** How far back the first round reaches when the store is empty; default one hour. */
  readonly lookbackSeconds?: number;
  /** Distance of two rounds, aligned to multiples of it; default 30. */
  readonly intervalSeconds?: number;
  /** A window is fetched this long after its end, so that scrapes under way are in; default 10. */
  readonly settleSeconds?: number;
  /** Days that are kept; default: all. */
  readonly retentionDays?: number;
  /** Waited for before each round; a passing fault in it counts as one of the round. */
  readonly onRoundBegin?: () => Promise<void>;
  /** Told after each round. */
  readonly onRound?: (round: LiveRound) => void;
}

const DEFAULT_LOOKBACK_SECONDS = 3600;
const DEFAULT_INTERVAL_SECONDS = 30;
const DEFAULT_SETTLE_SECONDS = 10;
/** A longer gap is filled like history, straight into Parquet. */
const MAX_LIVE_GAP_MS = 15 * MINUTE_MS;
/** Live rows go to Parquet at this age or size; on the way there they are held about six times over. */
const FLUSH_INTERVAL_MS = HOUR_MS;
const FLUSH_BYTES = 8 * MIB;
/** Smaller differences between our clock and the server's are the grain of HTTP dates. */
const TOLERATED_SKEW_MS = 2 * SECOND_MS;
/** Nothing is known of the last minutes of a cluster: then longer spans are not asked for either. */
const PROBE_MS = 5 * MINUTE_MS;

/**
 * Collects for ever: each round adds what the store lacks up to now, be it one step or the days of an outage, and
 * asks again for the last minutes and for the holes of the last day, since samples may come late.
 *
 * The store alone says what is missing, so a restart, a kill or an outage needs no repair of its own. Windows end by
 * the clock of the server, which stamps the samples.
 *
 * @throws MlschedError only for what waiting cannot cure, such as a damaged store.
 */
export async function collectLive(options: CollectLiveOptions): Promise<void> {
  const { clock, signal } = options;
  const lookbackMs = (options.lookbackSeconds ?? DEFAULT_LOOKBACK_SECONDS) * SECOND_MS;
  const live: Live = {
    options,
    stepMs: options.store.stepSeconds * SECOND_MS,
    startMs: clock.nowMs() - lookbackMs,
    repair: createHoleRepair(options),
    flushedAtMs: clock.nowMs(),
    isAlone: true,
  };
  while (!signal.aborted) {
    options.onRound?.(await collectRound(live));
    await sleepUntilNext(options);
  }
}

interface Live {
  readonly options: CollectLiveOptions;
  readonly stepMs: number;
  /** Where an empty store begins. */
  readonly startMs: number;
  readonly repair: HoleRepair;
  flushedAtMs: number;
  /** The last round found nothing, or there was none. */
  isAlone: boolean;
}

async function collectRound(live: Live): Promise<LiveRound> {
  const atMs = live.options.clock.nowMs();
  try {
    await live.options.onRoundBegin?.();
    const round = await catchUp(live, atMs);
    await maintain(live, atMs);
    return round;
  } catch (error) {
    if (!isMlschedError(error) || !isPassing(error)) throw error;
    return { kind: 'waiting', atMs, error };
  }
}

/** A token can be renewed, a disk emptied, a server repaired, all without restarting us. */
function isPassing(error: MlschedError): boolean {
  return /^MLS_(PROMETHEUS|KUBERNETES)_/.test(error.code) || error.code === 'MLS_FILES_DISK_FULL';
}

async function catchUp(live: Live, atMs: number): Promise<LiveRound> {
  const { options } = live;
  const { store } = options;
  if (!(await knowsAnything(live, atMs))) return { kind: 'empty', atMs };
  const endMs = lastSettled(live, atMs);
  const beginMs = startOfDay(live.startMs);
  let filled = { rowsAdded: 0, samplesFetched: 0 };
  if (endMs - (newestCovered(store) ?? beginMs) > MAX_LIVE_GAP_MS) {
    // Up to the last minutes: rows of those may not be complete yet.
    const span = { startMs: newestCovered(store) ?? beginMs, endMs: endMs - SETTLE_MS };
    filled = await fillHistory(store, { ...options, ...span });
  }
  const coveredMs = newestCovered(store) ?? beginMs;
  // What is older was asked for above, and the source did not know it.
  const fromMs = Math.max(coveredMs - SETTLE_MS, beginMs, endMs - MAX_LIVE_GAP_MS - SETTLE_MS);
  const batches = await fetchNewest(live, { fromMs, coveredMs, endMs });
  const nodes = batches.reduce((most, { record }) => Math.max(most, record.nodes), 0);
  live.isAlone = nodes === 0;
  if (live.isAlone) return { kind: 'empty', atMs };
  const repaired = await live.repair.fetch(fromMs);
  await store.appendLive([...batches, ...repaired].filter(({ record }) => record.rows > 0));
  const coveredToMs = newestCovered(store);
  // A first sample of a counter alone gives no rate yet.
  if (coveredToMs === undefined) return { kind: 'empty', atMs };
  return {
    kind: 'collected',
    atMs,
    coveredToMs,
    nodes,
    rows: countRows(batches) + countRows(repaired) + filled.rowsAdded,
    repairedRows: countRows(repaired),
    samples: batches.reduce((sum, { record }) => sum + record.samples, filled.samplesFetched),
    batches,
  };
}

/** End of the last step that is over and settled, by the clock of the server. */
function lastSettled({ options, stepMs }: Live, atMs: number): number {
  const skewMs = options.reader.clockSkewMs?.() ?? 0;
  const serverMs = atMs + (Math.abs(skewMs) > TOLERATED_SKEW_MS ? skewMs : 0);
  const settledMs = serverMs - (options.settleSeconds ?? DEFAULT_SETTLE_SECONDS) * SECOND_MS;
  return Math.floor(settledMs / stepMs) * stepMs;
}

function countRows(batches: readonly DayBatch[]): number {
  return batches.reduce((sum, { record }) => sum + record.rows, 0);
}

/** After a round that found nothing, one small question before all the large ones. */
async function knowsAnything(live: Live, atMs: number): Promise<boolean> {
  if (!live.isAlone) return true;
  const { options, stepMs } = live;
  const endMs = Math.floor(atMs / stepMs) * stepMs;
  const metrics = options.metrics?.slice(0, 1);
  const probe = await fetchSpan(
    { ...options, ...(metrics === undefined ? {} : { metrics }) },
    { startMs: endMs - PROBE_MS, endMs, stepMs },
    everyRow,
  );
  const skewMs = options.reader.clockSkewMs?.() ?? 0;
  // With a clock that is far off, the last minutes of ours are none of the server's.
  live.isAlone = probe.record.nodes === 0 && Math.abs(skewMs) <= PROBE_MS;
  return !live.isAlone;
}

function newestCovered(store: HistoryStore): number | undefined {
  return store.days().at(-1)?.[1].coveredToMs;
}

/** One batch a day: a span over midnight is cut there. */
async function fetchNewest(
  live: Live,
  { fromMs, coveredMs, endMs }: { fromMs: number; coveredMs: number; endMs: number },
): Promise<DayBatch[]> {
  const { options, stepMs } = live;
  const batches: DayBatch[] = [];
  for (let startMs = fromMs; startMs < endMs;) {
    const dayEndMs = Math.min(startOfDay(startMs) + DAY_MS, endMs);
    const filter = {
      ...(await newRows(options.store, dayOf(startMs))),
      finalBeforeMs: endMs - SETTLE_MS,
      countSinceMs: coveredMs,
    };
    batches.push(await fetchSpan(options, { startMs, endMs: dayEndMs, stepMs }, filter));
    startMs = dayEndMs;
  }
  return batches;
}

async function maintain(live: Live, atMs: number): Promise<void> {
  const { store, retentionDays } = live.options;
  const isDue = atMs - live.flushedAtMs >= FLUSH_INTERVAL_MS;
  if (!isDue && store.walBytes < FLUSH_BYTES) return;
  await store.flush();
  live.flushedAtMs = atMs;
  await store.compact(atMs);
  if (retentionDays !== undefined) await store.dropBefore(dayOf(atMs - retentionDays * DAY_MS));
}

async function sleepUntilNext({ clock, signal, intervalSeconds }: CollectLiveOptions): Promise<void> {
  const intervalMs = (intervalSeconds ?? DEFAULT_INTERVAL_SECONDS) * SECOND_MS;
  const waitMs = intervalMs - (clock.nowMs() % intervalMs);
  await sleep(waitMs, undefined, { signal }).catch(() => undefined);
}
