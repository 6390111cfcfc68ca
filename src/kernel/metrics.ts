import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * The metrics of one service (prom-client: the client of Prometheus' own list for Node).
 *
 * @remarks Names are `mlsched_<room>_<what>_<unit>`; counters end in `_total`, times are in seconds, shares in 0..1.
 */
export function createMetricRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Buckets of a latency in seconds, from half a millisecond to five seconds. */
export const LATENCY_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];
