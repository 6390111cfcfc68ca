/**
 * The victim of the crash test: `live-crash.worker.ts STORE START_MS SEED`. Collects live on a clock that runs ahead,
 * from a source whose numbers follow from node and time, and prints how far the store reaches after each round.
 */
import { createManualClock } from '#kernel/clock';
import { createRng } from '#kernel/rng';
// Not through the index: most of a victim's short life would be spent on loading what it does not use.
import { createFakeReader } from './live-fixture.ts';
import { collectLive } from './live.ts';
import { createNodeIdentity } from './node-identity.ts';
import { openHistoryStore } from './store/store.ts';

const [directory = '', start = '', seed = ''] = process.argv.slice(2);
const rng = createRng(Number(seed));
const store = await openHistoryStore(directory, { source: 'prometheus', stepSeconds: 30 }, 'crash test');
const reachedMs = store.days().at(-1)?.[1].coveredToMs;
const clock = createManualClock((reachedMs ?? Number(start)) + 60_000);
await collectLive({
  store,
  reader: createFakeReader(),
  identity: createNodeIdentity(),
  clock,
  signal: new AbortController().signal,
  intervalSeconds: 0.001,
  onRound(round) {
    if (round.kind !== 'collected') throw new Error(`the fake source cannot fail: ${round.kind}`);
    // Written at once: what is printed must have been on disk before.
    process.stdout.write(`${round.coveredToMs}\n`);
    // Mostly live steps, at times an outage that is filled like history.
    clock.advance(rng.int(8) === 0 ? 40 * 60_000 : 30_000 + rng.int(8 * 60_000));
  },
});
