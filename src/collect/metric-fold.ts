import type { PrometheusSeries } from '#platform/prometheus';
import { counterRates, SeriesFold, windowMeans } from './align.ts';
import type { Grid } from './align.ts';
import type { MetricDefinition } from './metric-catalogue.ts';
import type { NodeIdentity } from './node-identity.ts';

/** Node (or '' for the cluster) -> values on a grid. */
export type NodeValues = Map<string, Float64Array>;

export interface FoldCounts {
  samples: number;
  resets: number;
  /** Series that said the same as another one of their node. */
  duplicates: number;
}

export interface FoldTarget {
  readonly grid: Grid;
  readonly counts: FoldCounts;
  /** Samples and resets up to here are not counted. */
  readonly countSinceMs: number;
  readonly identity: NodeIdentity;
}

/**
 * Turns the series of one metric into one number a node and window.
 *
 * Series of a node that agree in the labels that matter (`parts`: the core, the device) are one thing seen twice:
 * scraped by two jobs, by two replicas of Prometheus, or under a new address since a restart. They count once, in
 * each window by the larger value.
 */
export async function foldMetric(
  series: AsyncIterable<PrometheusSeries>,
  metric: MetricDefinition,
  { grid, counts, countSinceMs, identity }: FoldTarget,
): Promise<NodeValues> {
  const nodes = new Map<string, Map<string, Float64Array>>();
  for await (const { labels, timesMs, values } of series) {
    const node = metric.scope === 'cluster' ? '' : identity.resolve(labels);
    if (node === undefined) continue;
    const numbers =
      metric.kind === 'counter'
        ? counterRates(timesMs, values, { counted: counts, sinceMs: countSinceMs })
        : values;
    const means = windowMeans(timesMs, numbers, grid);
    counts.samples += countSince(timesMs, countSinceMs);
    const parts = nodes.get(node) ?? new Map<string, Float64Array>();
    nodes.set(node, parts);
    const part = metric.parts.map((label) => labels[label] ?? '').join('\u0000');
    const twin = parts.get(part);
    if (twin === undefined) parts.set(part, means);
    else if (takeLarger(twin, means)) counts.duplicates++;
  }
  const folded: NodeValues = new Map();
  for (const [node, parts] of nodes) {
    folded.set(node, finish(parts.values(), metric, grid));
    // Its parts are garbage from here on, not only once all nodes are folded.
    nodes.delete(node);
  }
  return folded;
}

function finish(parts: Iterable<Float64Array>, metric: MetricDefinition, grid: Grid): Float64Array {
  const fold = new SeriesFold(metric.combine, grid.length);
  for (const means of parts) fold.add(means);
  return fold.finish(metric.shape);
}

/** @returns True when both know a value of the same window: only then are they rivals and not successors. */
function takeLarger(held: Float64Array, other: Float64Array): boolean {
  let overlaps = false;
  for (let i = 0; i < other.length; i++) {
    const value = other[i] as number;
    if (Number.isNaN(value)) continue;
    const before = held[i] as number;
    if (Number.isNaN(before)) held[i] = value;
    else {
      overlaps = true;
      held[i] = Math.max(before, value);
    }
  }
  return overlaps;
}

function countSince(timesMs: Float64Array, sinceMs: number): number {
  let count = timesMs.length;
  for (let i = 0; i < timesMs.length && (timesMs[i] as number) <= sinceMs; i++) count--;
  return count;
}
