import { median } from '#kernel/stats';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '#kernel/units';
import type { PrometheusReader } from '#platform/prometheus';
import { METRIC_CATALOGUE } from './metric-catalogue.ts';
import type { MetricDefinition } from './metric-catalogue.ts';
import { createNodeIdentity } from './node-identity.ts';
import type { NodeIdentity } from './node-identity.ts';

/** Whether a source has a metric, and what is lost if not. */
export interface MetricPresence {
  readonly metric: MetricDefinition;
  /** Series with a sample in the last ten minutes; 0 means absent. */
  readonly series: number;
  /** Names under which they were found: of an old exporter another one than today's. */
  readonly names: readonly string[];
  /** Nodes that they speak of, sorted; empty for the cluster's own metrics. */
  readonly nodes: readonly string[];
  /** Newest sample, epoch milliseconds; NaN when absent. */
  readonly newestMs: number;
  /** Median distance of two samples; NaN when absent. */
  readonly intervalSeconds: number;
}

const WINDOW_MS = 10 * MINUTE_MS;

/**
 * Asks a source for each metric of the catalogue over the last ten minutes.
 *
 * @param nowMs - The present.
 * @returns One entry a metric, in the order of the catalogue.
 */
export async function probeCatalogue(
  reader: PrometheusReader,
  nowMs: number,
  { metrics = METRIC_CATALOGUE, identity = createNodeIdentity() }: ProbeOptions = {},
): Promise<MetricPresence[]> {
  const found: MetricPresence[] = [];
  for (const metric of metrics) found.push(await probeMetric(reader, nowMs, { metric, identity }));
  return found;
}

export interface ProbeOptions {
  readonly metrics?: readonly MetricDefinition[];
  readonly identity?: NodeIdentity;
}

async function probeMetric(
  reader: PrometheusReader,
  nowMs: number,
  { metric, identity }: { readonly metric: MetricDefinition; readonly identity: NodeIdentity },
): Promise<MetricPresence> {
  const nodes = new Set<string>();
  const names = new Set<string>();
  const intervals: number[] = [];
  let newestMs = NaN;
  let series = 0;
  const selection = { matchers: metric.selector, startMs: nowMs - WINDOW_MS, endMs: nowMs + 1 };
  for await (const { labels, timesMs } of reader.read(selection)) {
    const lastMs = timesMs.at(-1);
    if (lastMs === undefined) continue;
    series++;
    newestMs = Number.isNaN(newestMs) ? lastMs : Math.max(newestMs, lastMs);
    names.add(labels['__name__'] ?? '');
    const node = metric.scope === 'node' ? identity.resolve(labels) : undefined;
    if (node !== undefined) nodes.add(node);
    const beforeMs = timesMs.at(-2);
    if (beforeMs !== undefined) intervals.push((lastMs - beforeMs) / SECOND_MS);
  }
  return {
    metric,
    series,
    names: [...names].sort(),
    nodes: [...nodes].sort(),
    newestMs,
    intervalSeconds: median(Float64Array.from(intervals)),
  };
}

/** Reaches that are tried, the longest first. */
const REACH_DAYS = [90, 60, 30, 14, 7, 3, 1] as const;

/**
 * How many days back a source still has CPU samples, to the nearest of 90, 60, 30, 14, 7, 3 and 1.
 *
 * @returns 0 when it has less than a day.
 */
export async function probeReach(reader: PrometheusReader, nowMs: number): Promise<number> {
  const cpu = METRIC_CATALOGUE.find(({ column }) => column === 'cpu_usage_ratio');
  for (const days of REACH_DAYS) {
    const startMs = nowMs - days * DAY_MS;
    const selection = { matchers: cpu?.selector ?? [], startMs, endMs: startMs + WINDOW_MS };
    for await (const { timesMs } of reader.read(selection)) if (timesMs.length > 0) return days;
  }
  return 0;
}
