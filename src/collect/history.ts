import { noProgress } from '#kernel/progress';
import type { Progress } from '#kernel/progress';
import { DAY_MS, SECOND_MS } from '#kernel/units';
import type { PrometheusReader } from '#platform/prometheus';
import { noHistory } from './errors.ts';
import { fetchDay } from './history-day.ts';
import { METRIC_CATALOGUE } from './metric-catalogue.ts';
import type { MetricDefinition } from './metric-catalogue.ts';
import type { NodeIdentity } from './node-identity.ts';
import { dayOf, openHistoryStore, startOfDay } from './store.ts';
import type { DayRecord } from './store.ts';

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
  const stepMs = store.stepSeconds * SECOND_MS;
  const lastWindowMs = Math.floor(options.endMs / stepMs) * stepMs;
  const firstDay = startOfDay(options.startMs);
  const total = Math.ceil((options.endMs - firstDay) / DAY_MS);
  let daysFetched = 0;
  let samplesFetched = 0;
  // One day is written while the next one is fetched.
  let writing: Promise<void> = Promise.resolve();
  try {
    for (let index = 0; index < total; index++) {
      const day = dayOf(firstDay + index * DAY_MS);
      const startMs = store.coveredTo(day) ?? firstDay + index * DAY_MS;
      const endMs = Math.min(firstDay + (index + 1) * DAY_MS, lastWindowMs);
      progress.report(index, total, `history of ${day}`);
      if (startMs >= endMs) continue;
      const { tables, record } = await fetchDay(options, {
        startMs,
        endMs,
        stepMs,
      });
      await writing;
      writing = store.append(day, tables, record);
      // Awaited in the next round; until then a failure must not count as unhandled.
      writing.catch(() => undefined);
      daysFetched++;
      samplesFetched += record.samples;
    }
  } finally {
    await writing;
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
