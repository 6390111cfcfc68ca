import { readFile } from 'node:fs/promises';

import { readParquetDocuments } from '#platform/files';

import { dayOf, listSegments, listWals, segmentPath } from './layout.ts';
import { decodeLines, parseRecord } from './lines.ts';
import type { JournalRecord } from './record.ts';

interface ReadJournalOptions {
  readonly directory: string;
  /** Only records of this pod, as `namespace/name`. */
  readonly pod?: string;
  /** Only of days from this moment on. */
  readonly sinceMs?: number;
}

/** Everything a journal holds, in the order of time: sealed segments, and files that are still being written. */
export async function readJournal(options: ReadJournalOptions): Promise<JournalRecord[]> {
  const { directory, pod, sinceMs = 0 } = options;
  const firstDay = new Date(sinceMs).toISOString().slice(0, 10);
  const wals = (await listWals(directory)).filter((path) => dayOf(path) >= firstDay);
  const segments = (await listSegments(directory)).filter((path) => dayOf(path) >= firstDay);
  const sealed = new Set(segments);
  const documents = await readParquetDocuments(segments);
  for (const wal of wals) {
    // Sealed and not removed yet, or sealed while we read: its records are in the segment.
    if (sealed.has(segmentPath(directory, wal))) continue;
    const content = await readFile(wal, 'utf8').catch(() => undefined);
    const found =
      content === undefined
        ? await readParquetDocuments([segmentPath(directory, wal)])
        : decodeLines(content).documents;
    for (const document of found) documents.push(document);
  }
  return documents
    .flatMap((document) => parseRecord(document) ?? [])
    .filter((record) => record.atMs >= sinceMs && (pod === undefined || podOf(record, pod)))
    .sort((a, b) => a.atMs - b.atMs);
}

function podOf(record: JournalRecord, pod: string): boolean {
  if (record.kind === 'outcome') return true;
  const named = record.kind === 'decision' ? record.pod : record;
  return `${named.namespace}/${named.name}` === pod;
}
