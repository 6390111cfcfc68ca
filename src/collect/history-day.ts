import type { WriteColumn } from '#platform/files';
import type { PrometheusReader } from '#platform/prometheus';
import { counterRates, MAX_RATE_INTERVAL_MS, SeriesFold, windowMeans } from './align.ts';
import type { CounterFaults, Grid } from './align.ts';
import { METRIC_CATALOGUE } from './metric-catalogue.ts';
import type { MetricDefinition } from './metric-catalogue.ts';
import type { NodeIdentity } from './node-identity.ts';
import type { DayRecord, DayTables } from './store.ts';

export interface DaySpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** Column -> node (or '' for the cluster) -> values on the grid. */
type DayValues = Map<string, Map<string, Float64Array>>;

/** Where a day comes from. */
export interface DaySource {
  readonly reader: PrometheusReader;
  readonly identity: NodeIdentity;
  readonly metrics?: readonly MetricDefinition[];
}

/** Reads one day of all metrics and puts it on the grid of the store. */
export async function fetchDay(
  source: DaySource,
  span: DaySpan,
): Promise<{ tables: DayTables; record: DayRecord }> {
  const grid: Grid = {
    startMs: span.startMs,
    stepMs: span.stepMs,
    length: Math.floor((span.endMs - span.startMs) / span.stepMs),
  };
  const metrics = source.metrics ?? METRIC_CATALOGUE;
  const values: DayValues = new Map();
  const counted = { samples: 0, resets: 0 };
  for (const metric of metrics)
    values.set(metric.column, await fetchMetric(source, metric, { grid, counted }));
  addMemoryUsage(values);
  const nodeColumns = metrics.filter(({ scope }) => scope === 'node').map(({ column }) => column);
  const clusterColumns = metrics.filter(({ scope }) => scope === 'cluster').map(({ column }) => column);
  const seen = new Set(nodeColumns.flatMap((column) => [...(values.get(column)?.keys() ?? [])]));
  const nodes = [...seen].filter((node) => values.get('cpu_usage_ratio')?.has(node)).sort();
  const rows = findKnownRows(grid, nodes, values);
  return {
    tables: {
      nodes: buildTable(grid, rows, {
        groups: nodes,
        values,
        columns: [...nodeColumns, 'memory_usage_ratio'],
      }),
      cluster: buildTable(grid, undefined, { groups: [''], values, columns: clusterColumns }),
    },
    record: {
      coveredToMs: span.endMs,
      nodes: nodes.length,
      rows: rows.length,
      samples: counted.samples,
      counterResets: counted.resets,
      absentColumns: metrics.map(({ column }) => column).filter((column) => values.get(column)?.size === 0),
      nodesWithoutCpu: [...seen].filter((node) => !nodes.includes(node)).sort(),
    },
  };
}

async function fetchMetric(
  source: DaySource,
  metric: MetricDefinition,
  into: { readonly grid: Grid; readonly counted: CounterFaults & { samples: number } },
): Promise<Map<string, Float64Array>> {
  const { grid, counted } = into;
  const folds = new Map<string, SeriesFold>();
  // Windows are closed at their end, and a rate needs the sample before the first window.
  const leadMs = metric.kind === 'counter' ? MAX_RATE_INTERVAL_MS : 0;
  const selection = {
    matchers: metric.selector,
    startMs: grid.startMs - leadMs,
    endMs: grid.startMs + grid.length * grid.stepMs + 1,
  };
  for await (const { labels, timesMs, values } of source.reader.read(selection)) {
    const node = metric.scope === 'cluster' ? '' : source.identity.resolve(labels);
    if (node === undefined) continue;
    const numbers =
      metric.kind === 'counter' ? counterRates(timesMs, values, { counted, sinceMs: grid.startMs }) : values;
    const fold = folds.get(node) ?? new SeriesFold(metric.combine, grid.length);
    folds.set(node, fold);
    fold.add(windowMeans(timesMs, numbers, grid));
    counted.samples += countSince(timesMs, grid.startMs);
  }
  return new Map([...folds].map(([node, fold]) => [node, fold.finish(metric.shape)]));
}

function countSince(timesMs: Float64Array, sinceMs: number): number {
  let count = timesMs.length;
  for (let i = 0; i < timesMs.length && (timesMs[i] as number) <= sinceMs; i++) count--;
  return count;
}

/** Use = 1 - available / capacity, where both are known. */
function addMemoryUsage(values: DayValues): void {
  const available = values.get('memory_available_bytes') ?? new Map<string, Float64Array>();
  const capacity = values.get('memory_capacity_bytes') ?? new Map<string, Float64Array>();
  const usage = new Map<string, Float64Array>();
  for (const [node, free] of available) {
    const whole = capacity.get(node);
    if (whole !== undefined)
      usage.set(
        node,
        free.map((bytes, i) => 1 - bytes / (whole[i] as number)),
      );
  }
  values.set('memory_usage_ratio', usage);
}

/**
 * Rows worth keeping: a step in which neither CPU nor memory of a node is known is a gap, and gaps are absent
 * rows. Row number = node * steps + step.
 */
function findKnownRows(grid: Grid, nodes: readonly string[], values: DayValues): Int32Array {
  const isKnown = (column: string, node: string, step: number): boolean =>
    !Number.isNaN(values.get(column)?.get(node)?.[step] ?? NaN);
  return Int32Array.from({ length: nodes.length * grid.length }, (_, row) => row).filter((row) => {
    const node = nodes[Math.floor(row / grid.length)] ?? '';
    const step = row % grid.length;
    return isKnown('cpu_usage_ratio', node, step) || isKnown('memory_usage_ratio', node, step);
  });
}

interface TableContent {
  /** Nodes, or one empty name for the cluster. */
  readonly groups: readonly string[];
  readonly values: DayValues;
  readonly columns: readonly string[];
}

/** Columns of a day's file, by group, then by time. Without `rows`: every step, and no machine column. */
function buildTable(grid: Grid, rows: Int32Array | undefined, content: TableContent): WriteColumn[] {
  const kept = rows ?? Int32Array.from({ length: grid.length }, (_, i) => i);
  const codes = kept.map((row) => Math.floor(row / grid.length));
  const times = new Float64Array(kept.length);
  for (let i = 0; i < kept.length; i++) {
    times[i] = grid.startMs + (((kept[i] as number) % grid.length) + 1) * grid.stepMs;
  }
  const machine: WriteColumn = {
    name: 'machine',
    type: 'text',
    values: { dictionary: content.groups, codes },
  };
  return [
    ...(rows === undefined ? [] : [machine]),
    { name: 'time', type: 'time', values: times },
    ...content.columns.map((column): WriteColumn => {
      const byGroup = content.groups.map((group) => content.values.get(column)?.get(group));
      const values = new Float64Array(kept.length);
      // hot: once a value of the store
      for (let i = 0; i < kept.length; i++) {
        values[i] = byGroup[codes[i] as number]?.[(kept[i] as number) % grid.length] ?? NaN;
      }
      return { name: column, type: column.endsWith('_bytes') ? 'double' : 'float', values };
    }),
  ];
}
