import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * Where a journal keeps its files: `open/` holds lines, one file a replica, start and sequence; `segments/day=.../`
 * holds Parquet files of the same names once a file is complete.
 */
export interface WalName {
  readonly directory: string;
  readonly replica: string;
  readonly nowMs: number;
  readonly sequence: number;
}

const OPEN = 'open';
const SEGMENTS = 'segments';
const LINES = '.jsonl';
const PARQUET = '.parquet';

export function walPath({ directory, replica, nowMs, sequence }: WalName): string {
  const day = new Date(nowMs).toISOString().slice(0, 10);
  return join(
    directory,
    OPEN,
    `${day}_${safe(replica)}_${nowMs.toString(36)}-${process.pid}-${sequence}${LINES}`,
  );
}

/** The segment that a file of lines becomes. */
export function segmentPath(directory: string, wal: string): string {
  const name = basename(wal, LINES);
  return join(directory, SEGMENTS, `day=${dayOf(wal)}`, `${name}${PARQUET}`);
}

export function dayOf(path: string): string {
  return basename(path).slice(0, 10);
}

/** Files of lines that are not segments yet, oldest first; of one replica when it is named. */
export async function listWals(directory: string, replica?: string): Promise<string[]> {
  const names = await namesIn(join(directory, OPEN));
  const isOurs = (name: string): boolean => replica === undefined || name.split('_')[1] === safe(replica);
  return names
    .filter((name) => name.endsWith(LINES) && isOurs(name))
    .map((name) => join(directory, OPEN, name));
}

export async function listSegments(directory: string): Promise<string[]> {
  const days = await namesIn(join(directory, SEGMENTS));
  const found = await Promise.all(
    days.map(async (day) =>
      (await namesIn(join(directory, SEGMENTS, day)))
        .filter((name) => name.endsWith(PARQUET))
        .map((name) => join(directory, SEGMENTS, day, name)),
    ),
  );
  return found.flat();
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function safe(name: string): string {
  return name.replace(/[^A-Za-z0-9.-]/g, '-');
}
