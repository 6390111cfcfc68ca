import { mkdir, open, readFile, truncate } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { translateFault } from './errors.ts';

/** A file of lines that only grows. */
export interface AppendFile {
  /** Adds lines; resolves once they are on the disk. Calls must not overlap. */
  append(lines: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a file of lines for appending, creating it and its folders. A last line without its end, which a crash left, is cut off.
 *
 * @throws MlschedError `MLS_FILES_PERMISSION`, `MLS_FILES_DISK_FULL`, `MLS_FILES_IO`; `append` too, and then a part of
 *   the last line may be there, which the next opening cuts off.
 */
export async function openAppendFile(path: string): Promise<AppendFile> {
  let handle: FileHandle;
  try {
    await mkdir(dirname(path), { recursive: true });
    await cutTornLine(path);
    handle = await open(path, 'a');
  } catch (error) {
    throw translateFault(path, error);
  }
  return {
    async append(lines) {
      if (lines.length === 0) return;
      try {
        await handle.appendFile(`${lines.join('\n')}\n`);
        await handle.datasync();
      } catch (error) {
        throw translateFault(path, error);
      }
    },
    close: () => handle.close(),
  };
}

/** Whole lines of such a file; none when there is no file. */
export async function readWholeLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw translateFault(path, error);
  });
  return text.split('\n').slice(0, -1);
}

async function cutTornLine(path: string): Promise<void> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (bytes === undefined || bytes.length === 0) return;
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) await truncate(path, end);
}
