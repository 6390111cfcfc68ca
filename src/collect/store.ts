import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isMlschedError } from '#kernel/errors';
import { DAY_MS } from '#kernel/units';
import { readJson, writeJson, writeParquet } from '#platform/files';
import type { WriteColumn } from '#platform/files';
import { storeTaken } from './errors.ts';

/** What one day of the store holds. */
export interface DayRecord {
  /** End of the span that was asked for, epoch milliseconds; the day is closed when it reaches the day's end. */
  readonly coveredToMs: number;
  readonly nodes: number;
  readonly rows: number;
  readonly samples: number;
  readonly counterResets: number;
  /** Columns for which the source had nothing on that day. */
  readonly absentColumns: readonly string[];
  /** Nodes that some metric names but CPU use does not: their addresses are probably mapped to other names. */
  readonly nodesWithoutCpu: readonly string[];
}

const State = z.object({
  schemaVersion: z.literal(1),
  source: z.string(),
  stepSeconds: z.number(),
  days: z.record(
    z.string(),
    z.object({
      coveredToMs: z.number(),
      nodes: z.number(),
      rows: z.number(),
      samples: z.number(),
      counterResets: z.number(),
      absentColumns: z.array(z.string()),
      nodesWithoutCpu: z.array(z.string()),
    }),
  ),
});

type State = z.infer<typeof State>;

/**
 * A local store of collected metrics: `nodes/DAY.parquet` (a row a node and step) and `cluster/DAY.parquet` (a
 * row a step), days in UTC, and `history.json`, which tells what is complete.
 *
 * `nodes/` is load data as `readLoadSeries` reads it. A day's files are written before it is recorded, each
 * whole or not at all, so a kill costs at most the day that was under way.
 */
export interface HistoryStore {
  readonly directory: string;
  readonly stepSeconds: number;
  /** True when the day is recorded up to `toMs` with at least one row and its file is there. */
  has(day: string, toMs: number): boolean;
  write(day: string, tables: DayTables, record: DayRecord): Promise<void>;
  /** Recorded days, oldest first. */
  days(): readonly (readonly [day: string, record: DayRecord])[];
}

export interface DayTables {
  readonly nodes: readonly WriteColumn[];
  /** Undefined where the source speaks of machines only. */
  readonly cluster: readonly WriteColumn[] | undefined;
}

/** What a store is filled from; a store never mixes two. */
export interface StoreOrigin {
  /** `prometheus`, or `trace:` and the checksum of the trace. */
  readonly source: string;
  /** Distance of two rows of a node; 0 for a trace, which keeps its own times. */
  readonly stepSeconds: number;
}

/**
 * Opens a store, creating it on the first write.
 *
 * @throws MlschedError `MLS_COLLECT_STORE_TAKEN` when it was filled from another source or with another step,
 *   `MLS_FILES_BAD_JSON` when `history.json` is not ours.
 */
export async function openHistoryStore(directory: string, origin: StoreOrigin): Promise<HistoryStore> {
  const statePath = join(directory, 'history.json');
  const state = await readState(statePath, origin);
  if (state.source !== origin.source || state.stepSeconds !== origin.stepSeconds) {
    throw storeTaken(directory, describe(state), describe(origin));
  }
  const nodesPath = (day: string): string => join(directory, 'nodes', `${day}.parquet`);
  return {
    directory,
    stepSeconds: origin.stepSeconds,
    has(day, toMs) {
      const record = state.days[day];
      return record !== undefined && record.coveredToMs >= toMs && existsSync(nodesPath(day));
    },
    async write(day, tables, record) {
      // A day of which nothing is known is asked for again the next time, and a file without rows serves nobody.
      if (record.rows === 0) return;
      await writeParquet(nodesPath(day), tables.nodes);
      if (tables.cluster !== undefined) {
        await writeParquet(join(directory, 'cluster', `${day}.parquet`), tables.cluster);
      }
      const { absentColumns, nodesWithoutCpu } = record;
      state.days[day] = {
        ...record,
        absentColumns: [...absentColumns],
        nodesWithoutCpu: [...nodesWithoutCpu],
      };
      await writeJson(statePath, state);
    },
    days: () => Object.entries(state.days).sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}

/** The UTC day of a moment, `2026-01-05`. */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** Midnight at or before a moment. */
export function startOfDay(timeMs: number): number {
  return Math.floor(timeMs / DAY_MS) * DAY_MS;
}

function describe({ source, stepSeconds }: StoreOrigin): string {
  return stepSeconds === 0 ? source : `${source} at ${stepSeconds} s`;
}

async function readState(path: string, { source, stepSeconds }: StoreOrigin): Promise<State> {
  try {
    return await readJson(path, State);
  } catch (error) {
    if (isMlschedError(error) && error.code === 'MLS_FILES_MISSING') {
      return { schemaVersion: 1, source, stepSeconds, days: {} };
    }
    throw error;
  }
}
