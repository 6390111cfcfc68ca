import { noProgress } from '#kernel/progress';
import type { Progress } from '#kernel/progress';
import { DAY_MS, SECOND_MS } from '#kernel/units';
import type { WriteColumn } from '#platform/files';
import type { PrometheusReader } from '#platform/prometheus';
import { counterRates, MAX_RATE_INTERVAL_MS, SeriesFold, windowMeans } from './align.ts';
import type { CounterFaults, Grid } from './align.ts';
import { noHistory } from './errors.ts';
import { METRIC_CATALOGUE } from './metric-catalogue.ts';
import type { MetricDefinition } from './metric-catalogue.ts';
import type { NodeIdentity } from './node-identity.ts';
import { dayOf, openHistoryStore, startOfDay } from './store.ts';
import type { DayRecord, DayTables } from './store.ts';

export interface CollectHistoryOptions {
  readonly reader: PrometheusReader;
  readonly identity: NodeIdentity;
  /** Folder of the store. */
  readonly storeDirectory: string;
  /** Span to fetch, epoch milliseconds, `[startMs, endMs)`; begins at the midnight (UTC) before `startMs`. */
  readonly startMs: number;
  readonly endMs: number;
  /** Default 30. */
  readonly stepSeconds?: number;
  readonly metrics?: readonly MetricDefinition[];
  readonly progress?: Progress;
}

/** What a run fetched and what the store now holds. */
export interface HistoryReport {
  readonly daysFetched: number;
  /** Days that an earlier run had completed. */
  readonly daysKept: number;
  readonly samplesFetched: number;
  readonly days: Readonly<Record<string, DayRecord>>;
  /** Columns that no fetched day had. */
  readonly absentColumns: readonly string[];
}

const DEFAULT_STEP_SECONDS = 30;

/**
 * Fetches history day by day into a store. Days that are complete are left alone, so a run that was killed
 * goes on where it stopped, and a second run changes nothing but the day that was not over yet.
 *
 * @throws MlschedError `MLS_COLLECT_NO_HISTORY` when no day has a CPU sample of any node, `MLS_PROMETHEUS_*`,
 *   `MLS_FILES_*`. Days finished before the error stay.
 */
export async function collectHistory(options: CollectHistoryOptions): Promise<HistoryReport> {
  const progress = options.progress ?? noProgress;
  const store = await openHistoryStore(options.storeDirectory, {
    source: 'prometheus',
    stepSeconds: options.stepSeconds ?? DEFAULT_STEP_SECONDS,
  });
  const firstDay = startOfDay(options.startMs);
  const total = Math.ceil((options.endMs - firstDay) / DAY_MS);
  let daysFetched = 0;
  let samplesFetched = 0;
  for (let index = 0; index < total; index++) {
    const startMs = firstDay + index * DAY_MS;
    const endMs = Math.min(startMs + DAY_MS, options.endMs);
    progress.report(index, total, `history of ${dayOf(startMs)}`);
    if (store.has(dayOf(startMs), endMs)) continue;
    const { tables, record } = await fetchDay(options, {
      startMs,
      endMs,
      stepMs: store.stepSeconds * SECOND_MS,
    });
    await store.write(dayOf(startMs), tables, record);
    daysFetched++;
    samplesFetched += record.samples;
  }
  progress.report(total, total, 'history');
  const days = Object.fromEntries(store.days());
  const records = Object.values(days);
  if (!records.some(({ nodes }) => nodes > 0)) throw noHistory(options.startMs, options.endMs);
  const absentColumns = (options.metrics ?? METRIC_CATALOGUE)
    .map(({ column }) => column)
    .filter((column) => records.every((record) => record.absentColumns.includes(column)));
  return { daysFetched, daysKept: total - daysFetched, samplesFetched, days, absentColumns };
}

interface DaySpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** Column -> node (or '' for the cluster) -> values on the grid. */
type DayValues = Map<string, Map<string, Float64Array>>;

async function fetchDay(
  options: CollectHistoryOptions,
  span: DaySpan,
): Promise<{ tables: DayTables; record: DayRecord }> {
  const grid: Grid = {
    startMs: span.startMs,
    stepMs: span.stepMs,
    length: Math.floor((span.endMs - span.startMs) / span.stepMs),
  };
  const metrics = options.metrics ?? METRIC_CATALOGUE;
  const values: DayValues = new Map();
  const counted = { samples: 0, resets: 0 };
  for (const metric of metrics)
    values.set(metric.column, await fetchMetric(options, metric, { grid, counted }));
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
  options: CollectHistoryOptions,
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
  for await (const { labels, timesMs, values } of options.reader.read(selection)) {
    const node = metric.scope === 'cluster' ? '' : options.identity.resolve(labels);
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
  for (let i = 0; i < timesMs.length && (timesMs[i] as number) < sinceMs; i++) count--;
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
  const times = Float64Array.from(kept, (row) => grid.startMs + ((row % grid.length) + 1) * grid.stepMs);
  const codes = kept.map((row) => Math.floor(row / grid.length));
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
      const values = Float64Array.from(
        kept,
        (row, i) => byGroup[codes[i] as number]?.[row % grid.length] ?? NaN,
      );
      return { name: column, type: column.endsWith('_bytes') ? 'double' : 'float', values };
    }),
  ];
}
