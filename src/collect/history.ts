import { noProgress } from '#kernel/progress';
import type { Progress } from '#kernel/progress';
import { clamp, DAY_MS, MINUTE_MS, SECOND_MS } from '#kernel/units';
import { noHistory } from './errors.ts';
import { everyRow, fetchSpan } from './fetch-span.ts';
import type { RowFilter, SampleReader } from './fetch-span.ts';
import { METRIC_CATALOGUE } from './metric-catalogue.ts';
import type { MetricDefinition } from './metric-catalogue.ts';
import type { NodeIdentity } from './node-identity.ts';
import { dayOf, startOfDay } from './store/manifest.ts';
import type { DayRecord } from './store/manifest.ts';
import { openHistoryStore } from './store/store.ts';
import type { HistoryStore } from './store/store.ts';

export interface CollectHistoryOptions extends FillOptions {
  /** Folder of the store. */
  readonly storeDirectory: string;
  /** Default 30. */
  readonly stepSeconds?: number;
}

export interface FillOptions {
  readonly reader: SampleReader;
  readonly identity: NodeIdentity;
  /** Span to fetch, epoch milliseconds, `[startMs, endMs)`; begins at the midnight (UTC) before `startMs`. */
  readonly startMs: number;
  readonly endMs: number;
  readonly metrics?: readonly MetricDefinition[];
  readonly progress?: Progress;
}

/** What a run fetched and what the store now holds. */
export interface HistoryReport {
  readonly daysFetched: number;
  /** Days that an earlier run had completed. */
  readonly daysKept: number;
  readonly rowsAdded: number;
  readonly samplesFetched: number;
  readonly days: Readonly<Record<string, DayRecord>>;
  /** Columns that no fetched day had. */
  readonly absentColumns: readonly string[];
}

const DEFAULT_STEP_SECONDS = 30;
/** A span that goes on behind stored rows asks for this much again: scrapes may have come late. */
export const SETTLE_MS = 5 * MINUTE_MS;
/** Numbers held at once for a span; larger clusters are read in shorter spans. */
const MAX_CELLS = 6_000_000;
const COLUMNS = METRIC_CATALOGUE.length + 2;
const MIN_SPAN_STEPS = 20;
const PROBE_MS = 10 * MINUTE_MS;
/** When the probe finds nothing, a cluster of this many nodes is taken for granted. */
const UNKNOWN_NODES = 500;

/**
 * Fetches history day by day into a store. Days that are complete are left alone, so a run that was killed goes on
 * where it stopped, and a second run changes nothing but the day that was not over yet.
 *
 * @throws MlschedError `MLS_COLLECT_NO_HISTORY` when no day has a CPU sample of any node, `MLS_FILES_TAKEN` when
 *   another collector writes the store, `MLS_PROMETHEUS_*`, `MLS_FILES_*`. What was stored before the error stays.
 */
export async function collectHistory(options: CollectHistoryOptions): Promise<HistoryReport> {
  const store = await openHistoryStore(
    options.storeDirectory,
    { source: 'prometheus', stepSeconds: options.stepSeconds ?? DEFAULT_STEP_SECONDS },
    'collect history',
  );
  try {
    const report = await fillHistory(store, options);
    if (!Object.values(report.days).some(({ nodes }) => nodes > 0))
      throw noHistory(options.startMs, options.endMs);
    await store.compact(options.endMs);
    return report;
  } finally {
    await store.close();
  }
}

/** As `collectHistory`, into a store that is open; a source that knows nothing of the span is no error here. */
export async function fillHistory(store: HistoryStore, options: FillOptions): Promise<HistoryReport> {
  const progress = options.progress ?? noProgress;
  const stepMs = store.stepSeconds * SECOND_MS;
  const lastWindowMs = Math.floor(options.endMs / stepMs) * stepMs;
  const firstDay = startOfDay(options.startMs);
  const total = Math.ceil((options.endMs - firstDay) / DAY_MS);
  const run: Run = {
    store,
    options,
    stepMs,
    spanMs: 0,
    isSpanGuessed: false,
    samples: 0,
    rows: 0,
    writing: Promise.resolve(),
  };
  let daysFetched = 0;
  try {
    for (let index = 0; index < total; index++) {
      const day = firstDay + index * DAY_MS;
      const endMs = Math.min(day + DAY_MS, lastWindowMs);
      if ((store.coveredTo(dayOf(day)) ?? day) >= endMs) continue;
      if (run.spanMs === 0) await chooseSpan(run);
      daysFetched++;
      await fillDay(run, { startMs: day, endMs }, (share) =>
        progress.report(index + share, total, describeProgress(day, run.samples)),
      );
    }
  } finally {
    await run.writing;
  }
  progress.report(total, total, 'history');
  const days = Object.fromEntries(store.days());
  const records = Object.values(days);
  const absentColumns = (options.metrics ?? METRIC_CATALOGUE)
    .map(({ column }) => column)
    .filter((column) => records.every((record) => record.absentColumns.includes(column)));
  return {
    daysFetched,
    daysKept: total - daysFetched,
    rowsAdded: run.rows,
    samplesFetched: run.samples,
    days,
    absentColumns,
  };
}

function describeProgress(day: number, samples: number): string {
  return `days of history, now ${dayOf(day)}, ${(samples / 1e6).toFixed(1)} million samples`;
}

interface Run {
  readonly store: HistoryStore;
  readonly options: FillOptions;
  readonly stepMs: number;
  /** Length of one fetch; 0 until it is chosen. */
  spanMs: number;
  /** Nothing was known about the size of the cluster. */
  isSpanGuessed: boolean;
  samples: number;
  rows: number;
  /** One span is written while the next one is fetched. */
  writing: Promise<void>;
}

async function fillDay(
  run: Run,
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
  report: (share: number) => void,
): Promise<void> {
  const { store, options, stepMs } = run;
  const day = dayOf(startMs);
  const coveredMs = store.coveredTo(day);
  const filter = coveredMs === undefined ? everyRow : await newRows(store, day);
  const fromMs = Math.max(startMs, (coveredMs ?? startMs) - SETTLE_MS);
  for (let at = fromMs; at < endMs;) {
    report((at - startMs) / DAY_MS);
    const span = { startMs: at, endMs: Math.min(at + run.spanMs, endMs), stepMs };
    at = span.endMs;
    const batch = await fetchSpan(options, span, filter);
    if (run.isSpanGuessed && batch.record.nodes > 0) {
      run.isSpanGuessed = false;
      run.spanMs = spanFor(stepMs, batch.record.nodes * COLUMNS);
    }
    await run.writing;
    run.writing = store.addSegment(batch);
    // Awaited in the next round; until then a failure must not count as unhandled.
    run.writing.catch(() => undefined);
    run.samples += batch.record.samples;
    run.rows += batch.record.rows;
  }
}

/** Rows that the store does not have. */
export async function newRows(store: HistoryStore, day: string): Promise<RowFilter> {
  const coverage = await store.coverage(day);
  return { isWanted: (node, timeMs) => !coverage.has(node, timeMs) };
}

/** As long as memory allows, at most a day: by the number of nodes and processors at the end of the history. */
async function chooseSpan(run: Run): Promise<void> {
  const { reader, endMs, metrics = METRIC_CATALOGUE } = run.options;
  const cpu = metrics.find(({ column }) => column === 'cpu_usage_ratio');
  const instances = new Set<string>();
  let series = 0;
  const selection = { matchers: cpu?.selector ?? [], startMs: endMs - PROBE_MS, endMs };
  for await (const { labels } of reader.read(selection)) {
    series++;
    instances.add(labels['instance'] ?? '');
  }
  run.isSpanGuessed = instances.size === 0;
  run.spanMs = spanFor(run.stepMs, Math.max(series, (instances.size || UNKNOWN_NODES) * COLUMNS));
}

function spanFor(stepMs: number, cellsPerStep: number): number {
  const longest = Math.floor(DAY_MS / stepMs);
  return stepMs * clamp(Math.floor(MAX_CELLS / cellsPerStep), Math.min(MIN_SPAN_STEPS, longest), longest);
}
