import { join } from 'node:path';
import { z } from 'zod';
import { isMlschedError } from '#kernel/errors';
import { DAY_MS } from '#kernel/units';
import { readJson, writeJson } from '#platform/files';

const DayRecordForm = z.object({
  coveredToMs: z.number(),
  nodes: z.number(),
  rows: z.number(),
  samples: z.number(),
  counterResets: z.number(),
  duplicateSeries: z.number(),
  absentColumns: z.array(z.string()),
  nodesWithoutCpu: z.array(z.string()),
});

/** What one day of the store holds. */
export interface DayRecord {
  /** End of the span that was asked for, epoch milliseconds; the day is closed when it reaches the day's end. */
  readonly coveredToMs: number;
  readonly nodes: number;
  readonly rows: number;
  readonly samples: number;
  readonly counterResets: number;
  /** Series that said the same as another one of their node (two scrapes of one exporter, say) and were folded into it. */
  readonly duplicateSeries: number;
  /** Columns for which the source had nothing on that day. */
  readonly absentColumns: readonly string[];
  /** Nodes that some metric names but CPU use does not: their addresses are probably mapped to other names. */
  readonly nodesWithoutCpu: readonly string[];
}

const ManifestForm = z.object({
  schemaVersion: z.literal(2),
  source: z.string(),
  stepSeconds: z.number(),
  /** Number of the next Parquet file. */
  nextFile: z.number(),
  /** Write-ahead files up to this number are in Parquet. */
  walDone: z.number(),
  days: z.record(
    z.string(),
    z.object({
      record: DayRecordForm,
      files: z.object({ nodes: z.array(z.string()), cluster: z.array(z.string()) }),
    }),
  ),
});

/** The truth about a store: a file that is not named here does not count. */
export type Manifest = z.infer<typeof ManifestForm>;
export type ManifestDay = Manifest['days'][string];

/** The two tables of a store: a row a node and step, a row a step. */
export const TABLES = ['nodes', 'cluster'] as const;
export type TableName = (typeof TABLES)[number];

/** What a store is filled from; a store never mixes two. */
export interface StoreOrigin {
  /** `prometheus`, or `trace:` and the checksum of the trace. */
  readonly source: string;
  /** Distance of two rows of a node; 0 for a trace, which keeps its own times. */
  readonly stepSeconds: number;
}

export function manifestPath(directory: string): string {
  return join(directory, 'history.json');
}

/**
 * @returns Undefined when the folder is no store yet.
 * @throws MlschedError `MLS_FILES_BAD_JSON` when `history.json` is not ours, `MLS_FILES_PERMISSION`.
 */
export async function readManifest(directory: string): Promise<Manifest | undefined> {
  try {
    return await readJson(manifestPath(directory), ManifestForm);
  } catch (error) {
    if (isMlschedError(error) && error.code === 'MLS_FILES_MISSING') return undefined;
    throw error;
  }
}

export async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  await writeJson(manifestPath(directory), manifest);
}

export function emptyManifest({ source, stepSeconds }: StoreOrigin): Manifest {
  return { schemaVersion: 2, source, stepSeconds, nextFile: 1, walDone: 0, days: {} };
}

/** Days of a manifest, oldest first. */
export function listDays(manifest: Manifest): [day: string, content: ManifestDay][] {
  return Object.entries(manifest.days).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Paths of a table's files, oldest day first, in the order in which they were written. */
export function tablePaths(
  directory: string,
  manifest: Manifest,
  table: TableName,
  isWanted: (day: string) => boolean = () => true,
): string[] {
  return listDays(manifest)
    .filter(([day]) => isWanted(day))
    .flatMap(([, { files }]) => files[table].map((name) => join(directory, table, name)));
}

export function mergeRecords(held: DayRecord | undefined, added: DayRecord): ManifestDay['record'] {
  const before: DayRecord = held ?? { ...NOTHING, absentColumns: added.absentColumns };
  return {
    coveredToMs: Math.max(before.coveredToMs, added.coveredToMs),
    nodes: Math.max(before.nodes, added.nodes),
    rows: before.rows + added.rows,
    samples: before.samples + added.samples,
    counterResets: before.counterResets + added.counterResets,
    duplicateSeries: Math.max(before.duplicateSeries, added.duplicateSeries),
    absentColumns: added.absentColumns.filter((column) => before.absentColumns.includes(column)),
    nodesWithoutCpu: [...new Set([...before.nodesWithoutCpu, ...added.nodesWithoutCpu])].sort(),
  };
}

/** The record of a day without anything. */
export const NOTHING: DayRecord = {
  coveredToMs: 0,
  nodes: 0,
  rows: 0,
  samples: 0,
  counterResets: 0,
  duplicateSeries: 0,
  absentColumns: [],
  nodesWithoutCpu: [],
};

/** The UTC day of a moment, `2026-01-05`. */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** Midnight at or before a moment. */
export function startOfDay(timeMs: number): number {
  return Math.floor(timeMs / DAY_MS) * DAY_MS;
}
