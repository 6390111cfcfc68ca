import { DAY_MS, MINUTE_MS, SECOND_MS } from '#kernel/units';
import { fetchSpan } from './fetch-span.ts';
import type { SpanSource } from './fetch-span.ts';
import { newRows } from './history.ts';
import type { DayBatch } from './store/day-batch.ts';
import { dayOf, startOfDay } from './store/manifest.ts';
import type { HistoryStore } from './store/store.ts';

/** Asks again for what nodes lack in the last day: an agent that was cut off may deliver late. */
export interface HoleRepair {
  /**
   * Asks for the holes of one quarter of an hour, of those that are due, the newest first.
   *
   * @param endMs - Only holes up to here: what comes later is asked for anyway, and must not come twice.
   * @returns Rows that have come since; empty when none is due.
   */
  fetch(endMs: number): Promise<DayBatch[]>;
}

export interface HoleRepairOptions extends SpanSource {
  readonly store: HistoryStore;
}

/** Older holes are not asked for again. */
const HORIZON_MS = DAY_MS;
/** Small enough that a piece of a large cluster fits into little memory. */
const PIECE_MS = 15 * MINUTE_MS;
const FIRST_WAIT_MS = 10 * MINUTE_MS;
/** Each try waits this much longer than the one before: 10 min, 30 min, 90 min, 4.5 h, 13.5 h. */
const GROWTH = 3;

interface Patience {
  nextMs: number;
  waitMs: number;
}

/** @remarks Memory: a few numbers a quarter of an hour of the last day. */
export function createHoleRepair(options: HoleRepairOptions): HoleRepair {
  const patience = new Map<number, Patience>();
  const { store } = options;
  const stepMs = store.stepSeconds * SECOND_MS;
  return {
    async fetch(endMs) {
      const oldestMs = Math.floor((endMs - HORIZON_MS) / PIECE_MS) * PIECE_MS;
      for (const pieceMs of patience.keys()) if (pieceMs < oldestMs) patience.delete(pieceMs);
      for (let pieceMs = Math.floor(endMs / PIECE_MS) * PIECE_MS; pieceMs >= oldestMs; pieceMs -= PIECE_MS) {
        const due = patience.get(pieceMs) ?? { nextMs: pieceMs + FIRST_WAIT_MS, waitMs: FIRST_WAIT_MS };
        if (endMs < due.nextMs || store.coveredTo(dayOf(pieceMs)) === undefined) continue;
        const hole = await findHole(store, pieceMs, Math.min(pieceMs + PIECE_MS, endMs));
        patience.set(pieceMs, { nextMs: endMs + due.waitMs, waitMs: due.waitMs * GROWTH });
        if (hole === undefined) continue;
        const span = { startMs: hole.firstMs - stepMs, endMs: hole.lastMs, stepMs };
        return [await fetchSpan(options, span, await newRows(store, dayOf(pieceMs)))];
      }
      return [];
    },
  };
}

/** The stretch of a piece in which some node lacks a row. Nodes are those with any row on that day. */
async function findHole(
  store: HistoryStore,
  fromMs: number,
  toMs: number,
): Promise<{ firstMs: number; lastMs: number } | undefined> {
  const coverage = await store.coverage(dayOf(startOfDay(fromMs)));
  let firstMs = Infinity;
  let lastMs = -Infinity;
  for (const node of coverage.nodes()) {
    const hole = coverage.missing(node, fromMs, toMs);
    if (hole === undefined) continue;
    firstMs = Math.min(firstMs, hole.firstMs);
    lastMs = Math.max(lastMs, hole.lastMs);
  }
  return lastMs > firstMs - 1 ? { firstMs, lastMs } : undefined;
}
