import { isMlschedError } from '#kernel/errors';
import type { PrometheusReader } from '#platform/prometheus';
import { MAX_RATE_INTERVAL_MS } from './align.ts';
import type { Grid } from './align.ts';
import { METRIC_CATALOGUE } from './metric-catalogue.ts';
import type { MetricDefinition } from './metric-catalogue.ts';
import { foldMetric } from './metric-fold.ts';
import type { FoldCounts, NodeValues } from './metric-fold.ts';
import type { NodeIdentity } from './node-identity.ts';
import { buildTables, MEMORY_USAGE } from './span-tables.ts';
import type { SpanValues } from './span-tables.ts';
import type { DayBatch } from './store/day-batch.ts';
import { dayOf } from './store/manifest.ts';

/** A stretch of one day. */
export interface DaySpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** Whatever answers with series of samples: a Prometheus, or what Metrics Server said in the last minutes. */
export type SampleReader = Omit<PrometheusReader, 'protocol'> & Partial<Pick<PrometheusReader, 'protocol'>>;

/** Where rows come from. */
export interface SpanSource {
  readonly reader: SampleReader;
  readonly identity: NodeIdentity;
  readonly metrics?: readonly MetricDefinition[];
}

/** Which rows to keep. */
export interface RowFilter {
  /** False for rows that are stored already; the cluster's own rows go under the empty name. */
  isWanted(node: string, timeMs: number): boolean;
  /**
   * Rows that end later are kept only when CPU and memory are both known (where the source has both): what is late may
   * still come. Earlier ones are final. Default: all are final.
   */
  readonly finalBeforeMs?: number;
  /** Samples and resets up to here were counted before; default: the start of the span. */
  readonly countSinceMs?: number;
}

export const everyRow: RowFilter = { isWanted: () => true };

/** Requests under way at once: the server works on one while we work on another. */
const CONCURRENT_REQUESTS = 3;
/** A metric whose answer breaks off is asked for again from its start. */
const ATTEMPTS = 3;

/**
 * Reads all metrics over a span and puts them on the grid of the store.
 *
 * @throws MlschedError `MLS_PROMETHEUS_*`.
 */
export async function fetchSpan(source: SpanSource, span: DaySpan, filter: RowFilter): Promise<DayBatch> {
  const grid: Grid = {
    startMs: span.startMs,
    stepMs: span.stepMs,
    length: Math.floor((span.endMs - span.startMs) / span.stepMs),
  };
  const metrics = source.metrics ?? METRIC_CATALOGUE;
  const counts: FoldCounts = { samples: 0, resets: 0, duplicates: 0 };
  const countSinceMs = Math.max(filter.countSinceMs ?? 0, span.startMs);
  const values: SpanValues = new Map();
  const waiting = [...metrics];
  const work = async (): Promise<void> => {
    for (let metric = waiting.shift(); metric !== undefined; metric = waiting.shift()) {
      values.set(metric.column, await fetchMetric(source, metric, { grid, counts, countSinceMs }));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_REQUESTS }, work));
  addMemoryUsage(values);
  const { tables, nodes, rows } = buildTables(grid, { metrics, values }, filter);
  const seen = new Set(
    metrics
      .filter(({ scope }) => scope === 'node')
      .flatMap(({ column }) => [...(values.get(column)?.keys() ?? [])]),
  );
  const withCpu = values.get('cpu_usage_ratio');
  return {
    day: dayOf(span.startMs),
    tables,
    record: {
      coveredToMs: span.endMs,
      nodes,
      rows,
      samples: counts.samples,
      counterResets: counts.resets,
      duplicateSeries: counts.duplicates,
      absentColumns: metrics.map(({ column }) => column).filter((column) => values.get(column)?.size === 0),
      nodesWithoutCpu: [...seen].filter((node) => withCpu?.has(node) !== true).sort(),
    },
  };
}

async function fetchMetric(
  source: SpanSource,
  metric: MetricDefinition,
  into: { readonly grid: Grid; readonly counts: FoldCounts; readonly countSinceMs: number },
): Promise<NodeValues> {
  const { grid, countSinceMs } = into;
  // Windows are closed at their end, and a rate needs the sample before the first window.
  const leadMs = metric.kind === 'counter' ? MAX_RATE_INTERVAL_MS : 0;
  const selection = {
    matchers: metric.selector,
    startMs: grid.startMs - leadMs,
    endMs: grid.startMs + grid.length * grid.stepMs + 1,
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const counts: FoldCounts = { samples: 0, resets: 0, duplicates: 0 };
      const values = await foldMetric(source.reader.read(selection), metric, {
        grid,
        counts,
        countSinceMs,
        identity: source.identity,
      });
      into.counts.samples += counts.samples;
      into.counts.resets += counts.resets;
      into.counts.duplicates += counts.duplicates;
      return values;
    } catch (error) {
      const isBroken = isMlschedError(error) && error.code === 'MLS_PROMETHEUS_BROKEN_STREAM';
      const isCutOff = isMlschedError(error) && error.code === 'MLS_PROMETHEUS_UNREACHABLE';
      if (!(isBroken || isCutOff) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Use = 1 - available / capacity, where both are known. */
function addMemoryUsage(values: SpanValues): void {
  const available = values.get('memory_available_bytes') ?? new Map<string, Float64Array>();
  const capacity = values.get('memory_capacity_bytes') ?? new Map<string, Float64Array>();
  const usage: NodeValues = new Map();
  for (const [node, free] of available) {
    const whole = capacity.get(node);
    if (whole === undefined) continue;
    usage.set(
      node,
      free.map((bytes, i) => 1 - bytes / (whole[i] as number)),
    );
  }
  values.set(MEMORY_USAGE, usage);
}
