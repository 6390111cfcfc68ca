import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openRecordLog, readRecordLog } from '#platform/files';
import type { RecordLog } from '#platform/files';
import { decodeBatch, encodeBatch } from './day-batch.ts';
import type { DayBatch } from './day-batch.ts';

const NAME = /^(?<number>\d{8})\.wal$/;

/** Rows of one write-ahead file. */
export interface WalContent {
  readonly number: number;
  readonly batches: readonly DayBatch[];
  /** A record inside is broken: rows behind it may be lost here and must be fetched again. */
  readonly isDamaged: boolean;
}

function walDirectory(directory: string): string {
  return join(directory, 'wal');
}

function walPath(directory: string, number: number): string {
  return join(walDirectory(directory), `${String(number).padStart(8, '0')}.wal`);
}

/** Write-ahead files of a store, oldest first; for readers beside the writer too. */
export async function readWal(directory: string): Promise<WalContent[]> {
  const contents: WalContent[] = [];
  for (const number of await listNumbers(directory)) {
    const content = await readRecordLog(walPath(directory, number)).catch(() => undefined);
    // The writer may have turned it into Parquet in the meantime.
    if (content === undefined) continue;
    const batches = content.records.map(decodeBatch);
    contents.push({ number, batches, isDamaged: content.state === 'damaged' });
  }
  return contents;
}

async function listNumbers(directory: string): Promise<number[]> {
  const names = await readdir(walDirectory(directory)).catch(() => []);
  return names
    .flatMap((name) => NAME.exec(name)?.groups?.['number'] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Rows on their way into Parquet: on disk at once, cheap to add to. */
export class WriteAhead {
  readonly #directory: string;
  #number: number;
  #log: RecordLog | undefined;

  /** @param number - Of the file to write. */
  constructor(directory: string, number: number) {
    this.#directory = directory;
    this.#number = number;
  }

  get number(): number {
    return this.#number;
  }

  get bytes(): number {
    return this.#log?.bytes ?? 0;
  }

  /** All of them or none is there after a crash: they are one record of the log each, synced together. */
  async append(batches: readonly DayBatch[]): Promise<void> {
    if (this.#log === undefined) {
      await mkdir(walDirectory(this.#directory), { recursive: true });
      this.#log = await openRecordLog(walPath(this.#directory, this.#number));
    }
    await this.#log.append(batches.map(encodeBatch));
  }

  /** Ends the file; the next append goes to a new one once `advance` was called, else to the same. */
  async close(): Promise<void> {
    await this.#log?.close();
    this.#log = undefined;
  }

  /** Removes files up to this number, which are in Parquet now, and goes on behind them. */
  async advance(done: number): Promise<void> {
    for (const number of await listNumbers(this.#directory)) {
      if (number <= done) await rm(walPath(this.#directory, number), { force: true });
    }
    this.#number = done + 1;
  }

  /** Keeps a damaged file for inspection, out of the way. */
  async setAside(number: number): Promise<string> {
    const path = walPath(this.#directory, number);
    await rename(path, `${path}.damaged`);
    return `${path}.damaged`;
  }
}
