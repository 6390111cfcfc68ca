/** The victim of the crash test: `history.worker.ts URL STORE START_MS END_MS`; prints a dot a day. */
import { createRemoteReader } from '#platform/prometheus';
import { collectHistory, createNodeIdentity } from './index.ts';

const [url = '', storeDirectory = '', start = '', end = ''] = process.argv.slice(2);
await collectHistory({
  reader: createRemoteReader({ url }),
  identity: createNodeIdentity(),
  storeDirectory,
  startMs: Number(start),
  endMs: Number(end),
  progress: { report: () => void process.stdout.write('.') },
});
process.stdout.write('done');
