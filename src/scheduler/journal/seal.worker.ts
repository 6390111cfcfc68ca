import { messageOf } from '#kernel/errors';

import { sealJournal } from './segments.ts';

/**
 * Seals journal files in a process of its own: what DuckDB takes in memory goes back when it ends.
 * Arguments: the journal's directory, then the files.
 */
const [directory = '', ...wals] = process.argv.slice(2);
try {
  const damaged = await sealJournal(directory, wals);
  process.stdout.write(`${JSON.stringify({ sealed: wals.length, damaged })}\n`);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
