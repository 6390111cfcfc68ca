import { mkdir, open, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { folderTaken, translateFault } from './errors.ts';

const LOCK_FILE = 'lock';

/** Who writes a folder. Written for people: the lock itself is the kernel's. */
const LockHolder = z.object({ pid: z.number(), host: z.string(), purpose: z.string(), since: z.string() });
export type LockHolder = z.infer<typeof LockHolder>;

/** The right to write a folder, until `release` or the end of the process, however it comes. */
export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Makes this process the one writer of a folder.
 *
 * @param purpose - A word on what for, shown to whoever comes second.
 * @throws MlschedError `MLS_FILES_TAKEN` naming the holder; `MLS_FILES_PERMISSION`, `MLS_FILES_IO`.
 */
export async function acquireFolderLock(directory: string, purpose: string): Promise<FolderLock> {
  // Loaded here: readers of files need no foreign code.
  const { tryLockFile } = await import('#native');
  const path = join(directory, LOCK_FILE);
  try {
    await mkdir(directory, { recursive: true });
    const handle = await open(path, 'a+');
    if (!tryLockFile(handle.fd)) {
      await handle.close();
      throw folderTaken(directory, describe(await folderLockHolder(directory)));
    }
    const holder: LockHolder = {
      pid: process.pid,
      host: hostname(),
      purpose,
      since: new Date().toISOString(),
    };
    await handle.truncate(0);
    await handle.write(`${JSON.stringify(holder)}\n`);
    return {
      async release() {
        await handle.truncate(0);
        await handle.close();
      },
    };
  } catch (error) {
    throw translateFault(path, error);
  }
}

/** Who says to write a folder; undefined when nobody does. After a crash it names the dead until the next writer comes. */
export async function folderLockHolder(directory: string): Promise<LockHolder | undefined> {
  try {
    return LockHolder.parse(JSON.parse(await readFile(join(directory, LOCK_FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

function describe(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'another process';
  return `process ${holder.pid} on ${holder.host} (${holder.purpose}, since ${holder.since})`;
}
