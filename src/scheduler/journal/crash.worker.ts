import { systemClock } from '#kernel/clock';
import { silentLog } from '#kernel/log';

import { createJournalWriter } from './writer.ts';

/** Writes numbered records until it is killed, and says a line for each 20 that are on the disk; for tests. */
const writer = createJournalWriter({
  directory: process.argv[2] ?? '',
  replica: 'crash',
  clock: systemClock,
  log: silentLog,
  flushMs: 1,
});
let next = 0;
for (;;) {
  for (let i = 0; i < 20; i++) {
    writer.append({
      schemaVersion: 1,
      kind: 'bound',
      atMs: Date.now() + next,
      replica: 'crash',
      decisionId: null,
      namespace: 'shop',
      name: String(next++),
      uid: '',
      node: 'a',
      schedulerName: '',
      agreed: null,
      regret: null,
      rank: null,
    });
  }
  while (writer.queued > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  // The queue is empty once a batch is taken; it is on the disk when the next one can begin.
  await new Promise((resolve) => setTimeout(resolve, 100));
  process.stdout.write('.\n');
}
