import { basename } from 'node:path';
import type { RawLoadSeries } from '#domain';
import { noProgress } from '#kernel/progress';
import type { Progress } from '#kernel/progress';
import { DAY_MS } from '#kernel/units';
import { sha256, sha256File } from '#platform/files';
import type { WriteColumn } from '#platform/files';
import { readLoadSeries } from './load.ts';
import { dayOf, startOfDay } from './store/manifest.ts';
import { openHistoryStore } from './store/store.ts';
import type { HistoryStore } from './store/store.ts';
import { listParquet } from './tables.ts';

export interface ImportTraceOptions {
  /** Folder of load Parquet, as `readLoadSeries` takes it. */
  readonly traceDirectory: string;
  readonly storeDirectory: string;
  readonly progress?: Progress;
}

export interface ImportReport {
  readonly daysWritten: number;
  /** Days that an earlier run had completed. */
  readonly daysKept: number;
  readonly rows: number;
  readonly machines: number;
}

/**
 * Imports a recorded trace into a store of day files, at its own times.
 *
 * A run that was killed goes on where it stopped, a second run changes nothing, and a store that holds another
 * trace, or an earlier version of this one, is refused.
 *
 * @throws MlschedError as `readLoadSeries`; `MLS_COLLECT_STORE_TAKEN`; `MLS_FILES_*` while writing.
 */
export async function importTrace(options: ImportTraceOptions): Promise<ImportReport> {
  const progress = options.progress ?? noProgress;
  const source = `trace:${await checksumTrace(options.traceDirectory)}`;
  const store = await openHistoryStore(options.storeDirectory, { source, stepSeconds: 0 }, 'import');
  try {
    return await importInto(store, options.traceDirectory, progress);
  } finally {
    await store.close();
  }
}

async function importInto(
  store: HistoryStore,
  traceDirectory: string,
  progress: Progress,
): Promise<ImportReport> {
  const series = await readLoadSeries(traceDirectory);
  const days = listDays(series);
  let daysWritten = 0;
  let rows = 0;
  for (const [index, startMs] of days.entries()) {
    progress.report(index, days.length, `importing ${dayOf(startMs)}`);
    const endMs = startMs + DAY_MS;
    const slices = series
      .map((one) => sliceDay(one, startMs, endMs))
      .filter(({ timesMs }) => timesMs.length > 0);
    const count = slices.reduce((sum, { timesMs }) => sum + timesMs.length, 0);
    rows += count;
    if (store.coveredTo(dayOf(startMs)) === endMs) continue;
    await store.addSegment({
      day: dayOf(startMs),
      tables: { nodes: buildColumns(slices, count), cluster: undefined },
      record: {
        coveredToMs: endMs,
        nodes: slices.length,
        rows: count,
        samples: count,
        counterResets: 0,
        duplicateSeries: 0,
        absentColumns: [],
        nodesWithoutCpu: [],
      },
    });
    daysWritten++;
  }
  progress.report(days.length, days.length, 'importing');
  return { daysWritten, daysKept: days.length - daysWritten, rows, machines: series.length };
}

/** Changes with any byte of any file of the trace, and with a file's name. */
async function checksumTrace(directory: string): Promise<string> {
  const lines: string[] = [];
  for (const file of await listParquet(directory)) lines.push(`${basename(file)} ${await sha256File(file)}`);
  return sha256(lines.join('\n'));
}

/** Midnights of the days with at least one row, ascending. */
function listDays(series: readonly RawLoadSeries[]): number[] {
  const days = new Set<number>();
  for (const { timesMs } of series) {
    for (let row = 0; row < timesMs.length; row++) days.add(startOfDay(timesMs[row] as number));
  }
  return [...days].sort((a, b) => a - b);
}

function sliceDay(series: RawLoadSeries, startMs: number, endMs: number): RawLoadSeries {
  const from = lowerBound(series.timesMs, startMs);
  const to = lowerBound(series.timesMs, endMs);
  return {
    machine: series.machine,
    timesMs: series.timesMs.subarray(from, to),
    cpuUsageRatio: series.cpuUsageRatio.subarray(from, to),
    memoryUsageRatio: series.memoryUsageRatio?.subarray(from, to),
  };
}

/** Index of the first time at or after `timeMs`. */
function lowerBound(timesMs: Float64Array, timeMs: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((timesMs[middle] as number) < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function buildColumns(slices: readonly RawLoadSeries[], rows: number): WriteColumn[] {
  const codes = new Int32Array(rows);
  const times = new Float64Array(rows);
  const cpu = new Float32Array(rows);
  const memory = new Float32Array(rows).fill(NaN);
  let at = 0;
  for (const [code, { timesMs, cpuUsageRatio, memoryUsageRatio }] of slices.entries()) {
    codes.fill(code, at, at + timesMs.length);
    times.set(timesMs, at);
    cpu.set(cpuUsageRatio, at);
    if (memoryUsageRatio !== undefined) memory.set(memoryUsageRatio, at);
    at += timesMs.length;
  }
  return [
    { name: 'machine', type: 'text', values: { dictionary: slices.map(({ machine }) => machine), codes } },
    { name: 'time', type: 'time', values: times },
    { name: 'cpu_usage_ratio', type: 'float', values: cpu },
    { name: 'memory_usage_ratio', type: 'float', values: memory },
  ];
}
