import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { SECOND_MS } from '#kernel/units';
import type { LiveRound } from './live.ts';

/** What live collection tells of itself. */
export interface LiveMetrics {
  /** @param seconds - How long the round took. */
  observe(round: LiveRound, seconds: number): void;
  /** @param skewMs - The server's clock minus ours. */
  observeStore(state: { walBytes: number; skewMs: number | undefined; isWriter: boolean }): void;
}

const ROUND_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];

export function createLiveMetrics(registry: Registry): LiveMetrics {
  const shared = { registers: [registry] };
  const rounds = new Counter({
    name: 'mlsched_collect_rounds_total',
    help: 'Rounds of live collection by outcome: collected, empty (the source knows no node), waiting (source or disk out of order).',
    labelNames: ['outcome'],
    ...shared,
  });
  const rows = new Counter({
    name: 'mlsched_collect_rows_total',
    help: 'Rows stored, a node and step each; kind repaired: holes that were filled later.',
    labelNames: ['kind'],
    ...shared,
  });
  const samples = new Counter({
    name: 'mlsched_collect_samples_total',
    help: 'New samples read.',
    ...shared,
  });
  const seconds = new Histogram({
    name: 'mlsched_collect_round_duration_seconds',
    help: 'Time of one round, from the first request until its rows are on disk.',
    buckets: ROUND_BUCKETS_SECONDS,
    ...shared,
  });
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: `mlsched_collect_${name}`, help, ...shared });
  const covered = gauge('covered_timestamp_seconds', 'Up to when windows are stored; its age is the lag.');
  const nodes = gauge('nodes', 'Nodes with a CPU sample in the last round.');
  const wal = gauge('wal_bytes', 'Live rows that are not in Parquet yet.');
  const skew = gauge('clock_skew_seconds', "The source's clock minus ours.");
  const writer = gauge('is_writer', '1 when this collector writes the store, 0 while it stands by.');
  for (const outcome of ['collected', 'empty', 'waiting']) rounds.inc({ outcome }, 0);
  return {
    observe(round, duration) {
      rounds.inc({ outcome: round.kind });
      seconds.observe(duration);
      if (round.kind !== 'collected') return;
      rows.inc({ kind: 'new' }, round.rows - round.repairedRows);
      rows.inc({ kind: 'repaired' }, round.repairedRows);
      samples.inc(round.samples);
      nodes.set(round.nodes);
      covered.set(round.coveredToMs / SECOND_MS);
    },
    observeStore({ walBytes, skewMs, isWriter }) {
      wal.set(walBytes);
      writer.set(isWriter ? 1 : 0);
      if (skewMs !== undefined) skew.set(skewMs / SECOND_MS);
    },
  };
}
