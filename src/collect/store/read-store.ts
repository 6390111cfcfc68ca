import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeParquet } from '#platform/files';
import { noStore } from '../errors.ts';
import type { DayBatch } from './day-batch.ts';
import { lengthOf } from './day-batch.ts';
import { manifestPath, readManifest, TABLES, tablePaths } from './manifest.ts';
import type { Manifest, TableName } from './manifest.ts';
import { mergeTables } from './merge-columns.ts';
import { readWal } from './write-ahead.ts';

/** A store as one moment shows it, live rows included. */
export interface StoreView {
  readonly manifest: Manifest;
  /** Live rows that are not in Parquet yet. */
  readonly pending: readonly DayBatch[];
}

/** Parquet files of each table. */
export type TableFiles = Readonly<Record<TableName, readonly string[]>>;

const ATTEMPTS = 3;

export async function isStore(directory: string): Promise<boolean> {
  return access(manifestPath(directory)).then(
    () => true,
    () => false,
  );
}

/**
 * @returns Undefined when the folder is no store.
 * @throws MlschedError `MLS_FILES_BAD_JSON`.
 */
export async function viewStore(directory: string): Promise<StoreView | undefined> {
  // First the log, then the manifest: rows that move into Parquet in between are then told by `walDone`.
  const wal = await readWal(directory);
  const manifest = await readManifest(directory);
  if (manifest === undefined) return undefined;
  const pending = wal.filter(({ number }) => number > manifest.walDone).flatMap(({ batches }) => batches);
  return { manifest, pending };
}

/**
 * Gives the Parquet files of a store, live rows in a temporary one, to a reader, also while a writer is at work.
 *
 * @param isWanted - Days, such as `2026-01-05`, to give; default all.
 * @throws MlschedError `MLS_COLLECT_NO_STORE`; what `work` throws.
 */
export async function withStoreFiles<T>(
  directory: string,
  work: (files: TableFiles, view: StoreView) => Promise<T>,
  isWanted: (day: string) => boolean = () => true,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const view = await viewStore(directory);
    if (view === undefined) throw noStore(directory);
    const scratch = await mkdtemp(join(tmpdir(), 'mlsched-store-'));
    try {
      return await work(await collectFiles(directory, view, { scratch, isWanted }), view);
    } catch (error) {
      // The writer may have joined files under our feet: then the manifest names others by now.
      const changed = JSON.stringify(await readManifest(directory)) !== JSON.stringify(view.manifest);
      if (!changed || attempt === ATTEMPTS) throw error;
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
}

async function collectFiles(
  directory: string,
  { manifest, pending }: StoreView,
  { scratch, isWanted }: { readonly scratch: string; readonly isWanted: (day: string) => boolean },
): Promise<TableFiles> {
  const files: Record<TableName, string[]> = { nodes: [], cluster: [] };
  for (const table of TABLES) {
    files[table] = tablePaths(directory, manifest, table, isWanted);
    const live = mergeTables(
      pending.filter(({ day }) => isWanted(day)).map(({ tables }) => tables[table] ?? []),
    );
    if (lengthOf(live) === 0) continue;
    const path = join(scratch, `${table}.parquet`);
    await writeParquet(path, live);
    files[table].push(path);
  }
  return files;
}
