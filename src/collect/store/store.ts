import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DAY_MS, SECOND_MS } from '#kernel/units';
import { acquireFolderLock, copyParquet, queryParquet, writeParquet } from '#platform/files';
import type { FolderLock, WriteColumn } from '#platform/files';
import { storeDamaged, storeTaken } from '../errors.ts';
import { DayCoverage } from './coverage.ts';
import { lengthOf } from './day-batch.ts';
import type { DayBatch } from './day-batch.ts';
import {
  emptyManifest,
  listDays,
  mergeRecords,
  readManifest,
  startOfDay,
  TABLES,
  tablePaths,
  writeManifest,
} from './manifest.ts';
import type { DayRecord, Manifest, StoreOrigin, TableName } from './manifest.ts';
import { mergeTables } from './merge-columns.ts';
import { readWal, WriteAhead } from './write-ahead.ts';

/**
 * A local store of collected metrics, open for its one writer.
 *
 * `nodes/` (a row a node and step) and `cluster/` (a row a step) hold Parquet files by UTC day, `wal/` the newest live
 * rows, and `history.json` says which files count. A file is written before it is named there and removed after it
 * no longer is, so a kill at any moment loses nothing that was stored and doubles nothing.
 */
export interface HistoryStore {
  readonly directory: string;
  readonly stepSeconds: number;
  /** Bytes of live rows that are not in Parquet yet. */
  readonly walBytes: number;
  /** Files that were damaged and put aside, or missing, when the store was opened. */
  readonly damagedFiles: readonly string[];
  /** How far a day is complete, epoch milliseconds; undefined when nothing of it is there. */
  coveredTo(day: string): number | undefined;
  /** Which steps of a day are stored. */
  coverage(day: string): Promise<DayCoverage>;
  /** Stores rows as a Parquet file. Without a row nothing is recorded: the span is asked for again. */
  addSegment(batch: DayBatch): Promise<void>;
  /** Stores live rows, on disk when the promise resolves. */
  appendLive(batches: readonly DayBatch[]): Promise<void>;
  /** Turns the live rows into Parquet. */
  flush(): Promise<void>;
  /** Joins the small files of a day: of closed days all, of the present one when they are many. */
  compact(nowMs: number): Promise<number>;
  /** Removes whole days before this one. */
  dropBefore(day: string): Promise<string[]>;
  /** Days, oldest first. */
  days(): (readonly [day: string, record: DayRecord])[];
  close(): Promise<void>;
}

/** How often the manifest is written during an import: what a kill can cost. */
const MANIFEST_INTERVAL_MS = SECOND_MS;
/** Files of an unfinished day above which they are joined. */
const MAX_OPEN_FILES = 8;
/** Larger days are joined without sorting, so that memory does not grow with them. */
const MAX_SORTED_ROWS = 500_000;
const MAX_COVERAGE_DAYS = 3;
const SEGMENT = /^\d{4}-\d{2}-\d{2}\.\d{6}\.parquet$/;

/**
 * Opens a store for writing, creating it if need be, and finishes what a killed writer left.
 *
 * @param purpose - What the writer does, for whoever finds the store taken.
 * @throws MlschedError `MLS_FILES_TAKEN` when another process writes it, `MLS_COLLECT_STORE_TAKEN` when it was filled
 *   from another source or with another step, `MLS_COLLECT_STORE_DAMAGED`, `MLS_FILES_BAD_JSON`.
 */
export async function openHistoryStore(
  directory: string,
  origin: StoreOrigin,
  purpose = 'import',
): Promise<HistoryStore> {
  const lock = await acquireFolderLock(directory, purpose);
  try {
    const manifest = await openManifest(directory, origin);
    const store = new StoreWriter(directory, manifest, lock);
    await store.recover();
    return store;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openManifest(directory: string, origin: StoreOrigin): Promise<Manifest> {
  const manifest = await readManifest(directory);
  if (manifest === undefined) {
    if ((await listSegments(directory)).length > 0) throw storeDamaged(directory, 'history.json is missing');
    const fresh = emptyManifest(origin);
    await writeManifest(directory, fresh);
    return fresh;
  }
  if (manifest.source !== origin.source || manifest.stepSeconds !== origin.stepSeconds) {
    throw storeTaken(directory, describe(manifest), describe(origin));
  }
  return manifest;
}

function describe({ source, stepSeconds }: StoreOrigin): string {
  return stepSeconds === 0 ? source : `${source} at ${stepSeconds} s`;
}

async function listSegments(directory: string): Promise<string[]> {
  const lists = TABLES.map(async (table) => {
    const names = await readdir(join(directory, table)).catch(() => []);
    return names.filter((name) => SEGMENT.test(name)).map((name) => join(directory, table, name));
  });
  return (await Promise.all(lists)).flat();
}

class StoreWriter implements HistoryStore {
  readonly directory: string;
  readonly damagedFiles: string[] = [];
  readonly #manifest: Manifest;
  readonly #lock: FolderLock;
  readonly #wal: WriteAhead;
  /** Records of the live rows that are in the write-ahead log only. */
  readonly #pending = new Map<string, DayRecord>();
  readonly #coverage = new Map<string, DayCoverage>();
  #writtenAtMs = 0;
  #isDirty = false;

  constructor(directory: string, manifest: Manifest, lock: FolderLock) {
    this.directory = directory;
    this.#manifest = manifest;
    this.#lock = lock;
    this.#wal = new WriteAhead(directory, manifest.walDone + 1);
  }

  get stepSeconds(): number {
    return this.#manifest.stepSeconds;
  }

  get walBytes(): number {
    return this.#wal.bytes;
  }

  /** Days whose files someone took away are asked for again; rows in their other files stay. */
  async #forgetMissing(): Promise<void> {
    const present = new Set(await listSegments(this.directory));
    for (const [day, { record, files }] of listDays(this.#manifest)) {
      for (const table of TABLES) {
        const kept = files[table].filter((name) => present.has(join(this.directory, table, name)));
        if (kept.length === files[table].length) continue;
        this.damagedFiles.push(...files[table].filter((name) => !kept.includes(name)));
        files[table] = kept;
        record.coveredToMs = startOfDay(Date.parse(day));
      }
      if (files.nodes.length === 0) delete this.#manifest.days[day];
    }
  }

  /** Removes files that are not named in the manifest and turns live rows of a killed writer into Parquet. */
  async recover(): Promise<void> {
    await this.#forgetMissing();
    const named = new Set(TABLES.flatMap((table) => tablePaths(this.directory, this.#manifest, table)));
    for (const path of await listSegments(this.directory)) if (!named.has(path)) await rm(path);
    const left = (await readWal(this.directory)).filter(({ number }) => number > this.#manifest.walDone);
    for (const { number, isDamaged } of left) {
      if (isDamaged) this.damagedFiles.push(await this.#wal.setAside(number));
    }
    await this.#storeWal(
      left.flatMap(({ batches }) => batches),
      left.at(-1)?.number ?? this.#manifest.walDone,
    );
  }

  coveredTo(day: string): number | undefined {
    const stored = this.#manifest.days[day]?.record.coveredToMs;
    const pending = this.#pending.get(day)?.coveredToMs;
    return stored === undefined ? pending : Math.max(stored, pending ?? 0);
  }

  async coverage(day: string): Promise<DayCoverage> {
    const held = this.#coverage.get(day);
    if (held !== undefined) return held;
    for (const old of this.#coverage.keys()) {
      if (this.#coverage.size < MAX_COVERAGE_DAYS) break;
      // Rows of the write-ahead log could not be found again.
      if (!this.#pending.has(old)) this.#coverage.delete(old);
    }
    const loaded = await loadCoverage(this.directory, this.#manifest, day);
    this.#coverage.set(day, loaded);
    return loaded;
  }

  async addSegment(batch: DayBatch): Promise<void> {
    if (batch.record.rows === 0) return;
    await this.#writeSegment(batch);
    // Else it will be read from the files when someone asks.
    if (this.#coverage.has(batch.day)) await this.#markCovered([batch]);
    await this.#saveSoon();
  }

  async appendLive(batches: readonly DayBatch[]): Promise<void> {
    // Live rows must not outlive older ones that the manifest does not name yet.
    if (this.#isDirty) await this.#save();
    // Before the rows are there: afterwards it would have to be read from two places.
    for (const { day } of batches) await this.coverage(day);
    await this.#wal.append(batches);
    for (const { day, record } of batches)
      this.#pending.set(day, mergeRecords(this.#pending.get(day), record));
    await this.#markCovered(batches);
  }

  async flush(): Promise<void> {
    await this.#wal.close();
    const contents = (await readWal(this.directory)).filter(({ number }) => number > this.#manifest.walDone);
    await this.#storeWal(
      contents.flatMap(({ batches }) => batches),
      contents.at(-1)?.number ?? this.#manifest.walDone,
    );
  }

  async compact(nowMs: number): Promise<number> {
    let joined = 0;
    for (const [day] of listDays(this.#manifest)) {
      const isClosed = Date.parse(day) + DAY_MS <= nowMs;
      if (await this.#compactDay(day, isClosed ? 1 : MAX_OPEN_FILES)) joined++;
    }
    return joined;
  }

  async dropBefore(day: string): Promise<string[]> {
    const dropped = listDays(this.#manifest).filter(([old]) => old < day);
    if (dropped.length === 0) return [];
    const wanted = new Set(dropped.map(([old]) => old));
    const paths = TABLES.flatMap((table) =>
      tablePaths(this.directory, this.#manifest, table, (old) => wanted.has(old)),
    );
    for (const old of wanted) delete this.#manifest.days[old];
    await this.#save();
    for (const path of paths) await rm(path, { force: true });
    return [...wanted];
  }

  days(): (readonly [string, DayRecord])[] {
    const days = new Map<string, DayRecord>(
      listDays(this.#manifest).map(([day, { record }]) => [day, record]),
    );
    for (const [day, record] of this.#pending) days.set(day, mergeRecords(days.get(day), record));
    return [...days].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  async close(): Promise<void> {
    try {
      await this.#wal.close();
      if (this.#isDirty) await this.#save();
    } finally {
      await this.#lock.release();
    }
  }

  /** @param upTo - Number of the last write-ahead file among the rows. */
  async #storeWal(batches: readonly DayBatch[], upTo: number): Promise<void> {
    const byDay = Map.groupBy(batches, ({ day }) => day);
    for (const [day, parts] of byDay) {
      const clusters = parts.flatMap(({ tables }) => (tables.cluster === undefined ? [] : [tables.cluster]));
      await this.#writeSegment({
        day,
        tables: {
          nodes: mergeTables(parts.map(({ tables }) => tables.nodes)),
          cluster: clusters.length === 0 ? undefined : mergeTables(clusters),
        },
        record: parts.map(({ record }) => record).reduce(mergeRecords),
      });
    }
    this.#manifest.walDone = Math.max(this.#manifest.walDone, upTo);
    if (upTo >= this.#wal.number) {
      await this.#save();
      await this.#wal.advance(upTo);
    }
    this.#pending.clear();
  }

  async #writeSegment({ day, tables, record }: DayBatch): Promise<void> {
    const nodes = await this.#writeTable('nodes', day, tables.nodes);
    const cluster = await this.#writeTable('cluster', day, tables.cluster ?? []);
    const held = this.#manifest.days[day];
    this.#manifest.days[day] = {
      record: mergeRecords(held?.record, record),
      files: {
        nodes: [...(held?.files.nodes ?? []), ...nodes],
        cluster: [...(held?.files.cluster ?? []), ...cluster],
      },
    };
  }

  async #writeTable(table: TableName, day: string, columns: readonly WriteColumn[]): Promise<string[]> {
    if (lengthOf(columns) === 0) return [];
    const name = this.#nextName(day);
    await writeParquet(join(this.directory, table, name), columns);
    return [name];
  }

  #nextName(day: string): string {
    return `${day}.${String(this.#manifest.nextFile++).padStart(6, '0')}.parquet`;
  }

  async #compactDay(day: string, maxFiles: number): Promise<boolean> {
    const content = this.#manifest.days[day];
    if (content === undefined) return false;
    const old: string[] = [];
    for (const table of TABLES) {
      const names = content.files[table];
      if (names.length <= maxFiles) continue;
      const paths = names.map((name) => join(this.directory, table, name));
      const name = this.#nextName(day);
      const isSorted = content.record.rows <= MAX_SORTED_ROWS;
      const orderBy = table === 'nodes' ? ['machine', 'time'] : ['time'];
      await copyParquet(paths, join(this.directory, table, name), { orderBy: isSorted ? orderBy : [] });
      content.files[table] = [name];
      old.push(...paths);
    }
    if (old.length === 0) return false;
    await this.#save();
    for (const path of old) await rm(path, { force: true });
    return true;
  }

  async #markCovered(batches: readonly DayBatch[]): Promise<void> {
    for (const { day, tables } of batches) {
      const coverage = await this.coverage(day);
      for (const columns of [tables.nodes, tables.cluster ?? []]) markRows(coverage, columns);
    }
  }

  async #saveSoon(): Promise<void> {
    this.#isDirty = true;
    if (performance.now() - this.#writtenAtMs >= MANIFEST_INTERVAL_MS) await this.#save();
  }

  async #save(): Promise<void> {
    await writeManifest(this.directory, this.#manifest);
    this.#writtenAtMs = performance.now();
    this.#isDirty = false;
  }
}

/** Rows without a machine are the cluster's own, under the empty name. */
function markRows(coverage: DayCoverage, columns: readonly WriteColumn[]): void {
  const time = columns.find(({ type }) => type === 'time');
  const machine = columns.find(({ name }) => name === 'machine');
  if (time === undefined || time.type === 'text') return;
  const names = machine?.type === 'text' ? machine.values : undefined;
  for (let row = 0; row < time.values.length; row++) {
    const node = names === undefined ? '' : (names.dictionary[names.codes[row] as number] ?? '');
    coverage.add(node, time.values[row] as number);
  }
}

async function loadCoverage(directory: string, manifest: Manifest, day: string): Promise<DayCoverage> {
  const stepMs = manifest.stepSeconds * SECOND_MS;
  const startMs = startOfDay(Date.parse(day));
  const coverage = new DayCoverage(startMs, stepMs);
  for (const table of TABLES) {
    const files = tablePaths(directory, manifest, table, (other) => other === day);
    if (files.length === 0) continue;
    const step = `round((epoch_ms(time) - ${startMs}) / ${stepMs})::INTEGER - 1`;
    const name = table === 'nodes' ? 'machine' : "''";
    const { rows } = await queryParquet({
      sql: `SELECT ${name}, bitstring_agg(${step}, 0, ${coverage.steps - 1})::VARCHAR FROM rows WHERE ${step} BETWEEN 0 AND ${coverage.steps - 1} GROUP BY 1`,
      tables: { rows: files },
      maxRows: Infinity,
    });
    for (const [node, bits] of rows) markBits(coverage, String(node), String(bits), { startMs, stepMs });
  }
  return coverage;
}

function markBits(
  coverage: DayCoverage,
  node: string,
  bits: string,
  { startMs, stepMs }: { readonly startMs: number; readonly stepMs: number },
): void {
  for (let at = bits.indexOf('1'); at >= 0; at = bits.indexOf('1', at + 1)) {
    coverage.add(node, startMs + (at + 1) * stepMs);
  }
}
