import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { messageOf } from '#kernel/errors';

import { listWals } from './layout.ts';
import { createRecentRecords } from './recent.ts';
import type { RecentRecords } from './recent.ts';
import type { JournalRecord } from './record.ts';
import { expireSegments } from './segments.ts';
import { createJournalWriter } from './writer.ts';
import type { JournalWriterOptions } from './writer.ts';

const run = promisify(execFile);
const SEAL = fileURLToPath(new URL('seal.worker.ts', import.meta.url));
const SEAL_TIMEOUT_MS = 10 * 60_000;

export interface JournalOptions extends Omit<JournalWriterOptions, 'onClosed'> {
  /** Segments older than this are removed. */
  readonly keepDays: number;
}

/** The journal of one replica: lines at once, Parquet segments once a file is complete, the newest in memory. */
export interface Journal {
  /** Never waits: what the disk cannot take in time is dropped and counted. */
  append(record: JournalRecord): void;
  readonly recent: RecentRecords;
  facts(): { readonly journalQueued: number; readonly journalDropped: number };
  close(): Promise<void>;
}

export function createJournal(options: JournalOptions): Journal {
  const { directory, replica, clock, log, keepDays } = options;
  const recent = createRecentRecords();
  let isClosing = false;
  let sealing: Promise<void> = Promise.resolve();
  const seal = async (wals: readonly string[]): Promise<void> => {
    if (wals.length === 0 || isClosing) return;
    try {
      await run(process.execPath, ['--disable-warning=ExperimentalWarning', SEAL, directory, ...wals], {
        timeout: SEAL_TIMEOUT_MS,
      });
      await expireSegments(directory, keepDays, clock.nowMs());
    } catch (error) {
      log.warning('journal files could not be sealed; they stay as lines', { cause: messageOf(error) });
    }
  };
  const sealLater = (wals: () => Promise<readonly string[]>): void => {
    sealing = sealing.then(async () => seal(await wals())).catch(() => undefined);
  };
  // What an earlier life of this replica left behind; this one's first file does not exist yet.
  sealLater(() => listWals(directory, replica));
  const writer = createJournalWriter({ ...options, onClosed: (path) => sealLater(async () => [path]) });
  return {
    recent,
    append(record) {
      recent.add(record);
      writer.append(record);
    },
    facts: () => ({ journalQueued: writer.queued, journalDropped: writer.dropped }),
    async close() {
      isClosing = true;
      await writer.close();
      await sealing;
    },
  };
}
