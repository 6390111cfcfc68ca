import { crc32 } from 'node:zlib';

import { journalRecordSchema } from './record.ts';
import type { JournalRecord } from './record.ts';

const CRC_DIGITS = 8;

/** One record as a line: its checksum, a space, and JSON. A line that a crash cut off does not pass its checksum. */
export function encodeLine(record: JournalRecord): string {
  const text = JSON.stringify(record);
  return `${checksum(text)} ${text}\n`;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(CRC_DIGITS, '0');
}

/** What a journal file holds, damaged lines left out and counted. */
export interface DecodedLines {
  /** JSON of each sound line. */
  readonly documents: readonly string[];
  readonly damaged: number;
}

export function decodeLines(content: string): DecodedLines {
  const documents: string[] = [];
  let damaged = 0;
  for (const line of content.split('\n')) {
    if (line === '') continue;
    const text = line.slice(CRC_DIGITS + 1);
    if (line.charAt(CRC_DIGITS) === ' ' && checksum(text) === line.slice(0, CRC_DIGITS)) documents.push(text);
    else damaged++;
  }
  return { documents, damaged };
}

/** A document as a record; undefined when it was written by a version whose form we do not know. */
export function parseRecord(document: string): JournalRecord | undefined {
  const parsed = journalRecordSchema.safeParse(JSON.parse(document));
  return parsed.success ? parsed.data : undefined;
}
