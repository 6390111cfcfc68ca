import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { noProgress } from '#kernel/progress';
import type { Progress } from '#kernel/progress';
import { DAY_MS, SECOND_MS } from '#kernel/units';
import { copyParquet, folderLockHolder, queryParquet } from '#platform/files';
import type { LockHolder, QueryAnswer } from '#platform/files';
import { noStore } from '../errors.ts';
import { dayOf, listDays, mergeRecords, NOTHING, readManifest, TABLES, tablePaths } from './manifest.ts';
import type { DayRecord } from './manifest.ts';
import { viewStore, withStoreFiles } from './read-store.ts';
import { openHistoryStore } from './store.ts';

/** Days of a store, `2026-01-05`, both included; default: all. */
export interface DayRange {
  readonly firstDay?: string;
  readonly lastDay?: string;
}

/**
 * Answers one SELECT over the tables `nodes` and `cluster` of a store, live rows included, also while it is written.
 *
 * @throws MlschedError `MLS_COLLECT_NO_STORE`, `MLS_FILES_BAD_QUERY`.
 */
export async function queryStore(directory: string, sql: string, maxRows: number): Promise<QueryAnswer> {
  return withStoreFiles(directory, ({ nodes, cluster }) =>
    queryParquet({ sql, tables: { nodes, cluster }, maxRows }),
  );
}

export interface ExportReport {
  readonly files: readonly string[];
}

/**
 * Writes a store as CSV, one file a table and day: `nodes/DAY.csv`, `cluster/DAY.csv`, each whole or not at all.
 *
 * @throws MlschedError `MLS_COLLECT_NO_STORE`, `MLS_FILES_*`.
 */
export async function exportStore(
  directory: string,
  target: string,
  {
    firstDay = '',
    lastDay = '9999',
    progress = noProgress,
  }: DayRange & { readonly progress?: Progress } = {},
): Promise<ExportReport> {
  const view = await viewStore(directory);
  if (view === undefined) throw noStore(directory);
  const all = [...listDays(view.manifest).map(([day]) => day), ...view.pending.map(({ day }) => day)];
  const days = [...new Set(all)].filter((day) => day >= firstDay && day <= lastDay).sort();
  const files: string[] = [];
  for (const [index, day] of days.entries()) {
    progress.report(index, days.length, 'days to CSV');
    // Of one day: live rows come in a file of their own days.
    await withStoreFiles(
      directory,
      async (sources) => {
        for (const table of TABLES) {
          if (sources[table].length === 0) continue;
          const path = join(target, table, `${day}.csv`);
          const orderBy = table === 'nodes' ? ['time', 'machine'] : ['time'];
          await copyParquet(sources[table], path, { orderBy, format: 'csv' });
          if (!files.includes(path)) files.push(path);
        }
      },
      (other) => other === day,
    );
  }
  progress.report(days.length, days.length, 'days to CSV');
  return { files };
}

/** What a store holds, for people and machines. */
export interface StoreStatus {
  readonly directory: string;
  readonly source: string;
  readonly stepSeconds: number;
  readonly days: number;
  readonly firstDay: string | undefined;
  /** End of the newest span that is stored. */
  readonly coveredTo: string | undefined;
  readonly ageSeconds: number | undefined;
  readonly nodes: number;
  readonly rows: number;
  readonly samples: number;
  readonly counterResets: number;
  readonly duplicateSeries: number;
  /** Columns that no day has. */
  readonly absentColumns: readonly string[];
  readonly nodesWithoutCpu: readonly string[];
  readonly files: number;
  readonly bytes: number;
  /** Live rows that are not in Parquet yet. */
  readonly liveRows: number;
  /** Who writes it; the lock itself is the kernel's, so after a crash this may name the dead. */
  readonly writer: LockHolder | undefined;
  /** Days of the span without any row. */
  readonly missingDays: readonly string[];
}

/** @throws MlschedError `MLS_COLLECT_NO_STORE`, `MLS_FILES_BAD_JSON`. */
export async function describeStore(directory: string, nowMs: number): Promise<StoreStatus> {
  const view = await viewStore(directory);
  if (view === undefined) throw noStore(directory);
  const { manifest, pending } = view;
  const days = new Map<string, DayRecord>(listDays(manifest).map(([day, { record }]) => [day, record]));
  for (const { day, record } of pending) days.set(day, mergeRecords(days.get(day), record));
  const names = [...days.keys()].sort();
  const records = [...days.values()];
  const paths = TABLES.flatMap((table) => tablePaths(directory, manifest, table));
  const { coveredToMs: _, ...whole } = sumRecords(records);
  const coveredMs =
    records.length === 0 ? undefined : Math.max(...records.map((record) => record.coveredToMs));
  return {
    directory,
    source: manifest.source,
    stepSeconds: manifest.stepSeconds,
    days: days.size,
    firstDay: names[0],
    coveredTo: coveredMs === undefined ? undefined : new Date(coveredMs).toISOString(),
    ageSeconds: coveredMs === undefined ? undefined : Math.round((nowMs - coveredMs) / SECOND_MS),
    ...whole,
    files: paths.length,
    bytes: await sumSizes(paths),
    liveRows: pending.reduce((sum, { record }) => sum + record.rows, 0),
    writer: await folderLockHolder(directory),
    missingDays: missingDays(names),
  };
}

function sumRecords(records: readonly DayRecord[]): DayRecord {
  const [first, ...rest] = records;
  return first === undefined ? NOTHING : rest.reduce<DayRecord>(mergeRecords, first);
}

async function sumSizes(paths: readonly string[]): Promise<number> {
  const sizes = paths.map((path) =>
    stat(path).then(
      ({ size }) => size,
      // Joined with others a moment ago.
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function missingDays(names: readonly string[]): string[] {
  const missing: string[] = [];
  const present = new Set(names);
  const lastMs = Date.parse(names.at(-1) ?? '');
  for (let timeMs = Date.parse(names[0] ?? ''); timeMs < lastMs; timeMs += DAY_MS) {
    if (!present.has(dayOf(timeMs))) missing.push(dayOf(timeMs));
  }
  return missing;
}

export interface CompactReport {
  /** Days whose files were joined. */
  readonly daysJoined: number;
  readonly daysDropped: readonly string[];
}

/**
 * Joins small files and removes days that are older than wanted.
 *
 * @throws MlschedError `MLS_COLLECT_NO_STORE`, `MLS_FILES_TAKEN` when a collector writes the store: it does this by
 *   itself.
 */
export async function compactStore(
  directory: string,
  { nowMs, retentionDays }: { readonly nowMs: number; readonly retentionDays?: number },
): Promise<CompactReport> {
  const manifest = await readManifest(directory);
  if (manifest === undefined) throw noStore(directory);
  const store = await openHistoryStore(directory, manifest, 'collect compact');
  try {
    const daysDropped =
      retentionDays === undefined ? [] : await store.dropBefore(dayOf(nowMs - retentionDays * DAY_MS));
    return { daysJoined: await store.compact(nowMs), daysDropped };
  } finally {
    await store.close();
  }
}
