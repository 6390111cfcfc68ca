import { readFile, rm } from 'node:fs/promises';

import { DAY_MS } from '#kernel/units';
import { jsonLinesToParquet, writeFileAtomic } from '#platform/files';

import { dayOf, listSegments, segmentPath } from './layout.ts';
import { decodeLines } from './lines.ts';

const COLUMNS = [
  { name: 'kind', path: '$.kind', type: 'text' },
  { name: 'id', path: '$.id', type: 'text' },
  { name: 'decision_id', path: '$.decisionId', type: 'text' },
  { name: 'at_ms', path: '$.atMs', type: 'double' },
  { name: 'replica', path: '$.replica', type: 'text' },
  { name: 'outcome', path: '$.outcome', type: 'text' },
  { name: 'reason', path: '$.reason', type: 'text' },
  { name: 'arm', path: '$.arm', type: 'text' },
  { name: 'node', path: '$.node', type: 'text' },
] as const;

/**
 * Turns complete files of lines into Parquet segments and removes them. Interrupted at any point, the records are in
 * one or the other or both; a reader takes a segment before the lines of the same name.
 *
 * @returns Damaged lines that were left out.
 */
export async function sealJournal(directory: string, wals: readonly string[]): Promise<number> {
  let damaged = 0;
  for (const wal of wals) {
    const decoded = decodeLines(await readFile(wal, 'utf8'));
    damaged += decoded.damaged;
    if (decoded.documents.length > 0) {
      const plain = `${wal}.plain`;
      await writeFileAtomic(plain, `${decoded.documents.join('\n')}\n`);
      try {
        await jsonLinesToParquet(plain, segmentPath(directory, wal), COLUMNS);
      } finally {
        await rm(plain, { force: true });
      }
    }
    await rm(wal, { force: true });
  }
  return damaged;
}

/** Removes segments of days that are over for longer than they are kept. */
export async function expireSegments(directory: string, keepDays: number, nowMs: number): Promise<number> {
  const oldest = new Date(nowMs - keepDays * DAY_MS).toISOString().slice(0, 10);
  const expired = (await listSegments(directory)).filter((path) => dayOf(path) < oldest);
  for (const path of expired) await rm(path, { force: true });
  return expired.length;
}
