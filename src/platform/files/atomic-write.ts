import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { HOUR_MS } from '#kernel/units';
import { translateFault } from './errors.ts';

/** Temporary files of writes that are under way in this process. */
const active = new Set<string>();
/** Folders already searched for what an earlier process left behind. */
const swept = new Set<string>();
const TEMPORARY = /^\..+\.mlsched-(?<host>[A-Za-z0-9-]+)-(?<pid>\d+)-[0-9a-f]{12}\.tmp$/;

/**
 * Writes a whole file or nothing: a reader sees the old content or the new one, whatever kills us.
 *
 * Missing parent folders are created. The first write to a folder also removes temporary files that killed
 * processes left there.
 *
 * @throws MlschedError `MLS_FILES_DISK_FULL`, `MLS_FILES_PERMISSION`, `MLS_FILES_IO`; the target is then
 *   as it was before.
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(content);
    } finally {
      await handle.close();
    }
  });
}

/**
 * As `writeFileAtomic`, for content that something else produces: `produce` creates the file at the path it
 * is given, then that file is synced and takes the target's place.
 */
export async function replaceFile(
  path: string,
  produce: (temporary: string) => Promise<void>,
): Promise<void> {
  const directory = dirname(resolve(path));
  const temporary = join(directory, temporaryName(path));
  active.add(temporary);
  try {
    await mkdir(directory, { recursive: true });
    await sweepOnce(directory);
    await produce(temporary);
    await syncPath(temporary);
    await rename(temporary, path);
    await syncPath(directory);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw translateFault(path, error);
  } finally {
    active.delete(temporary);
  }
}

/**
 * Removes temporary files of ours that no living process owns.
 *
 * A file counts as abandoned when its process on this host is gone, or when it is over an hour old (another
 * host's process cannot be asked, and process numbers return).
 *
 * @returns How many were removed.
 */
export async function removeAbandoned(directory: string): Promise<number> {
  let removed = 0;
  for (const name of await readdir(directory)) {
    const found = TEMPORARY.exec(name)?.groups;
    const path = join(resolve(directory), name);
    if (found === undefined || active.has(path)) continue;
    if (isOwnerGone(found['host'] ?? '', Number(found['pid'])) || (await isOld(path))) {
      await rm(path, { force: true });
      removed++;
    }
  }
  return removed;
}

/** Flushes a file or a folder to the disk. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sweepOnce(directory: string): Promise<void> {
  if (swept.has(directory)) return;
  swept.add(directory);
  await removeAbandoned(directory);
}

function temporaryName(path: string): string {
  return `.${basename(path)}.mlsched-${hostLabel()}-${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
}

function hostLabel(): string {
  return hostname().replace(/[^A-Za-z0-9-]/g, '-') || 'host';
}

function isOwnerGone(host: string, pid: number): boolean {
  if (host !== hostLabel()) return false;
  // The same number but not among our own writes: an earlier process had it, as in a restarted container.
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

async function isOld(path: string): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined);
  return facts !== undefined && Date.now() - facts.mtimeMs > HOUR_MS;
}
