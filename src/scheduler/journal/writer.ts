import { mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as yieldLoop, setTimeout as sleep } from 'node:timers/promises';

import type { Clock } from '#kernel/clock';
import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { SECOND_MS } from '#kernel/units';

import { walPath } from './layout.ts';
import { encodeLine } from './lines.ts';
import type { JournalRecord } from './record.ts';

/** Where lines go; replaced in tests by a disk that stalls. */
interface JournalSink {
  /** Appends, and returns once the bytes are on the disk. */
  append(text: string): Promise<void>;
  close(): Promise<void>;
}

export interface JournalWriterOptions {
  readonly directory: string;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Records that may wait for the disk; more are dropped and counted. */
  readonly queueLimit?: number;
  /** A file that is larger is closed. */
  readonly fileLimitBytes?: number;
  /** Longest that a record waits before it is written. */
  readonly flushMs?: number;
  readonly openSink?: (path: string) => Promise<JournalSink>;
  /** Told of each file that is complete. */
  readonly onClosed?: (path: string) => void;
}

/** Appends records without ever making the caller wait. */
export interface JournalWriter {
  append(record: JournalRecord): void;
  readonly queued: number;
  /** Records dropped since the start: the disk was too slow, or full. */
  readonly dropped: number;
  /** Writes what waits and closes the file. */
  close(): Promise<void>;
}

const DEFAULT_QUEUE_LIMIT = 20_000;
const DEFAULT_FILE_LIMIT_BYTES = 32 * 1024 * 1024;
const DEFAULT_FLUSH_MS = 250;
/** Records turned into text in one go: some 2 ms. */
const SLICE = 100;
const RETRY_MS = SECOND_MS;

export function createJournalWriter(options: JournalWriterOptions): JournalWriter {
  return new Writer(options);
}

class Writer implements JournalWriter {
  private readonly options: JournalWriterOptions;
  private readonly queueLimit: number;
  private queue: JournalRecord[] = [];
  private file: { sink: JournalSink; path: string; day: string; bytes: number } | undefined;
  private files = 0;
  private isClosing = false;
  private wake: (() => void) | undefined;
  private readonly ended: Promise<void>;
  private hasFailed = false;
  dropped = 0;

  constructor(options: JournalWriterOptions) {
    this.options = options;
    this.queueLimit = options.queueLimit ?? DEFAULT_QUEUE_LIMIT;
    this.ended = this.run();
  }

  get queued(): number {
    return this.queue.length;
  }

  append(record: JournalRecord): void {
    if (this.isClosing || this.queue.length >= this.queueLimit) {
      this.dropped++;
      return;
    }
    this.queue.push(record);
    this.wake?.();
  }

  async close(): Promise<void> {
    this.isClosing = true;
    this.wake?.();
    await this.ended;
  }

  private async run(): Promise<void> {
    for (;;) {
      if (this.queue.length === 0) {
        if (this.isClosing) break;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        this.wake = undefined;
        // A moment more, so that one flush to the disk serves many.
        if (!this.isClosing) await sleep(this.options.flushMs ?? DEFAULT_FLUSH_MS);
        continue;
      }
      if (!(await this.flush()) && this.isClosing) break;
    }
    await this.closeFile();
  }

  /** Writes what waits now; on failure all of it waits again. */
  private async flush(): Promise<boolean> {
    const batch = this.queue;
    this.queue = [];
    try {
      const text = await encodeAll(batch);
      const file = await this.fileOf();
      await file.sink.append(text);
      file.bytes += Buffer.byteLength(text);
      this.hasFailed = false;
      return true;
    } catch (error) {
      this.fail(batch, error);
      if (!this.isClosing) await sleep(RETRY_MS);
      return false;
    }
  }

  private fail(batch: readonly JournalRecord[], error: unknown): void {
    if (!this.hasFailed) {
      this.options.log.error('the journal cannot be written; decisions go on, records wait', {
        cause: messageOf(error),
      });
    }
    this.hasFailed = true;
    const all = [...batch, ...this.queue];
    this.dropped += Math.max(0, all.length - this.queueLimit);
    this.queue = all.slice(0, this.queueLimit);
    // A write that failed half-way left a torn line: the next goes to a new file.
    void this.file?.sink.close().catch(() => undefined);
    this.file = undefined;
  }

  /** The open file, another one each day and each so many bytes. */
  private async fileOf(): Promise<NonNullable<Writer['file']>> {
    const { clock, directory, replica, openSink = openFile, fileLimitBytes } = this.options;
    const nowMs = clock.nowMs();
    const day = new Date(nowMs).toISOString().slice(0, 10);
    const limit = fileLimitBytes ?? DEFAULT_FILE_LIMIT_BYTES;
    if (this.file !== undefined && (this.file.day !== day || this.file.bytes >= limit))
      await this.closeFile();
    if (this.file === undefined) {
      const path = walPath({ directory, replica, nowMs, sequence: this.files++ });
      this.file = { sink: await openSink(path), path, day, bytes: 0 };
    }
    return this.file;
  }

  private async closeFile(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    if (file === undefined) return;
    await file.sink.close().catch(() => undefined);
    this.options.onClosed?.(file.path);
  }
}

async function encodeAll(batch: readonly JournalRecord[]): Promise<string> {
  const parts: string[] = [];
  for (let i = 0; i < batch.length; i++) {
    parts.push(encodeLine(batch[i] as JournalRecord));
    if (i % SLICE === SLICE - 1) await yieldLoop();
  }
  return parts.join('');
}

async function openFile(path: string): Promise<JournalSink> {
  await mkdir(dirname(path), { recursive: true });
  const handle: FileHandle = await open(path, 'a');
  return {
    async append(text) {
      await handle.appendFile(text);
      await handle.datasync();
    },
    close: () => handle.close(),
  };
}
