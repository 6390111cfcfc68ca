import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isMlschedError } from '#kernel/errors';
import { DAY_MS } from '#kernel/units';
import { describeParquet, readJson, readParquetColumns, writeJson, writeParquet } from '#platform/files';
import type { WriteColumn } from '#platform/files';
import { appendRows } from './append-rows.ts';
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
  /** How far a day is complete, epoch milliseconds; undefined when nothing of it is there. */
  coveredTo(day: string): number | undefined;
  /**
   * Adds rows to a day behind those that it has. Without a row nothing is written or recorded: the span is asked
   * for again the next time.
   */
  append(day: string, tables: DayTables, record: DayRecord): Promise<void>;
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
    coveredTo: (day) => (existsSync(nodesPath(day)) ? state.days[day]?.coveredToMs : undefined),
    async append(day, tables, record) {
      if (record.rows === 0) return;
      const held = existsSync(nodesPath(day)) ? state.days[day] : undefined;
      await writeGrown(nodesPath(day), tables.nodes, held !== undefined);
      if (tables.cluster !== undefined) {
        await writeGrown(join(directory, 'cluster', `${day}.parquet`), tables.cluster, held !== undefined);
      }
      state.days[day] = held === undefined ? copyRecord(record) : mergeRecords(held, record);
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

/** Rows that a crash left in the file but not in the record come a second time: the newer copy replaces them. */
async function writeGrown(path: string, added: readonly WriteColumn[], grows: boolean): Promise<void> {
  if (!grows) return writeParquet(path, added);
  const times = added.find(({ type }) => type === 'time')?.values as Float64Array;
  await writeParquet(
    path,
    appendRows(
      await readParquetColumns(
        await describeParquet(path),
        added.map(({ name }) => name),
      ),
      added,
      {
        beforeMs: times.reduce((first, time) => Math.min(first, time), Infinity),
      },
    ),
  );
}

function copyRecord(record: DayRecord): State['days'][string] {
  return {
    ...record,
    absentColumns: [...record.absentColumns],
    nodesWithoutCpu: [...record.nodesWithoutCpu],
  };
}

function mergeRecords(held: DayRecord, added: DayRecord): State['days'][string] {
  return {
    coveredToMs: added.coveredToMs,
    nodes: Math.max(held.nodes, added.nodes),
    rows: held.rows + added.rows,
    samples: held.samples + added.samples,
    counterResets: held.counterResets + added.counterResets,
    absentColumns: held.absentColumns.filter((column) => added.absentColumns.includes(column)),
    nodesWithoutCpu: [...new Set([...held.nodesWithoutCpu, ...added.nodesWithoutCpu])].sort(),
  };
}
