/** The victim of the crash test: `history.worker.ts URL STORE START_MS END_MS`; prints a dot a piece. */
import { createRemoteReader } from '#platform/prometheus';
import { collectHistory, createNodeIdentity } from './index.ts';

const PIECE_MS = 6 * 3_600_000;
const [url = '', storeDirectory = '', start = '', end = ''] = process.argv.slice(2);
// In pieces of six hours, so that days grow and are not only written once.
for (let endMs = Number(start) + PIECE_MS; endMs <= Number(end); endMs += PIECE_MS) {
  await collectHistory({
    reader: createRemoteReader({ url }),
    identity: createNodeIdentity(),
    storeDirectory,
    startMs: Number(start),
    endMs,
  });
  process.stdout.write('.');
}
process.stdout.write('done');
