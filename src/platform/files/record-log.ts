import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncPath } from './atomic-write.ts';
import { translateFault } from './errors.ts';

/** Length and CRC-32 of a record, both 32 bits little-endian, stand before it. */
const HEADER_BYTES = 8;

/** What a log file holds. */
export interface RecordLogContent {
  readonly records: readonly Buffer[];
  /** Bytes of the sound records; what follows is a write that a crash cut off, or damage. */
  readonly soundBytes: number;
  /**
   * `whole`: nothing follows. `torn`: the last write did not reach the disk whole, as after a crash.
   * `damaged`: a record inside is broken, so that sound ones behind it may be out of reach.
   */
  readonly state: 'whole' | 'torn' | 'damaged';
}

/** A file that only grows, record by record. */
export interface RecordLog {
  readonly path: string;
  readonly bytes: number;
  /** Adds records, on disk when the promise resolves. After an error the log ends with the last sound record. */
  append(records: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Creates a log file, or opens one at its end, a torn record at its end cut off.
 *
 * @throws MlschedError `MLS_FILES_DISK_FULL`, `MLS_FILES_PERMISSION`, `MLS_FILES_IO`.
 */
export async function openRecordLog(path: string): Promise<RecordLog> {
  try {
    const handle = await open(path, 'a');
    let bytes = (await readRecordLog(path)).soundBytes;
    await handle.truncate(bytes);
    await handle.sync();
    await syncPath(dirname(path));
    return {
      path,
      get bytes() {
        return bytes;
      },
      async append(records) {
        const frame = Buffer.concat(records.flatMap((record) => [headerOf(record), record]));
        try {
          await handle.appendFile(frame);
          await handle.datasync();
          bytes += frame.length;
        } catch (error) {
          // Half a record must not stand before the next one.
          await handle.truncate(bytes).catch(() => undefined);
          throw translateFault(path, error);
        }
      },
      close: () => handle.close(),
    };
  } catch (error) {
    throw translateFault(path, error);
  }
}

function headerOf(record: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(record.length, 0);
  header.writeUInt32LE(crc32(record), 4);
  return header;
}

/**
 * Reads all records of a log; a reader beside the writer sees what was on disk at that moment.
 *
 * @throws MlschedError `MLS_FILES_MISSING`, `MLS_FILES_PERMISSION`.
 */
export async function readRecordLog(path: string): Promise<RecordLogContent> {
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (error) {
    throw translateFault(path, error);
  }
  const records: Buffer[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= content.length) {
    const length = content.readUInt32LE(at);
    const end = at + HEADER_BYTES + length;
    const record = content.subarray(at + HEADER_BYTES, end);
    // A file system may leave zeros where a write was on its way: they would pass for empty records.
    if (length === 0) return { records, soundBytes: at, state: 'torn' };
    if (end > content.length || crc32(record) !== content.readUInt32LE(at + 4)) {
      return { records, soundBytes: at, state: end < content.length ? 'damaged' : 'torn' };
    }
    records.push(record);
    at = end;
  }
  return { records, soundBytes: at, state: at === content.length ? 'whole' : 'torn' };
}
