import { basename, dirname, resolve } from 'node:path';
import type { RawLoadSeries } from '#domain';
import { noProgress } from '#kernel/progress';
import type { Progress } from '#kernel/progress';
import { noParquet, valueMissing } from './errors.ts';
import { mergeSegments } from './load-merge.ts';
import type { LoadFinding, LoadSegment } from './load-merge.ts';
import { checkRatios } from './ratios.ts';
import { isStore, withStoreFiles } from './store/read-store.ts';
import { listParquet, readTable } from './tables.ts';
import type { Table } from './tables.ts';

/** How to read load data. */
export interface ReadLoadOptions {
  /** Told the number of files read. */
  readonly progress?: Progress;
  /** Share of null or NaN samples of one machine and column above which reading fails; default 0.5. */
  readonly maxUnknownRatio?: number;
}

/** Load series and what had to be put right to get them. */
export interface LoadHistory {
  /** Sorted by machine name. */
  readonly series: readonly RawLoadSeries[];
  readonly findings: readonly LoadFinding[];
}

const CPU = 'cpu_usage_ratio';
const MEMORY = 'memory_usage_ratio';
const DEFAULT_MAX_UNKNOWN = 0.5;

/**
 * Reads the load of all machines in a folder of Parquet files.
 *
 * A store of ours, or its folder `nodes/`, is read by its manifest, with live rows.
 * Columns: `machine` text, `time` timestamp (without a zone it counts as UTC), `cpu_usage_ratio` and, if the
 * source has it, `memory_usage_ratio`, in 0..1; others are ignored. A machine may be split over files.
 * Null and NaN are unknown samples (NaN in the result). Values up to 1.0001 are cut to 1.
 *
 * @returns One series a machine, sorted by name; times strictly increasing. `memoryUsageRatio` is undefined
 *   where no file of the machine has a memory value.
 * @throws MlschedError, each naming file, column, first bad row (from 0) and value where there is one:
 *   `MLS_FILES_MISSING`, `MLS_FILES_EMPTY`, `MLS_FILES_NOT_PARQUET`, `MLS_COLLECT_NO_PARQUET`,
 *   `MLS_COLLECT_NO_ROWS`, `MLS_COLLECT_COLUMN_MISSING`, `MLS_COLLECT_COLUMN_TYPE`, `MLS_COLLECT_VALUE_MISSING`,
 *   `MLS_COLLECT_OUT_OF_RANGE`, `MLS_COLLECT_WRONG_UNITS`, `MLS_COLLECT_CONFLICTING_DUPLICATE`,
 *   `MLS_COLLECT_TOO_MANY_UNKNOWN`.
 */
export async function readLoadSeries(
  directory: string,
  options: ReadLoadOptions = {},
): Promise<RawLoadSeries[]> {
  return [...(await readLoadHistory(directory, options)).series];
}

/** As `readLoadSeries`, together with what was put right: rows sorted, repeated rows dropped. */
export async function readLoadHistory(
  directory: string,
  options: ReadLoadOptions = {},
): Promise<LoadHistory> {
  const store = await storeOf(directory);
  if (store === undefined) return readFiles(await listParquet(directory), options);
  return withStoreFiles(store, ({ nodes }) => {
    if (nodes.length === 0) throw noParquet(directory);
    return readFiles(nodes, options);
  });
}

/** The store that a folder is, or whose `nodes/` it is: there the manifest says which files count. */
async function storeOf(directory: string): Promise<string | undefined> {
  const candidates = [directory, ...(basename(directory) === 'nodes' ? [dirname(resolve(directory))] : [])];
  for (const candidate of candidates) if (await isStore(candidate)) return candidate;
  return undefined;
}

async function readFiles(files: readonly string[], options: ReadLoadOptions): Promise<LoadHistory> {
  const progress = options.progress ?? noProgress;
  const segments = new Map<string, LoadSegment[]>();
  for (const [index, file] of files.entries()) {
    progress.report(index, files.length, 'reading load');
    for (const segment of splitByMachine(await readLoadFile(file))) {
      const list = segments.get(segment.machine);
      if (list === undefined) segments.set(segment.machine, [segment]);
      else list.push(segment);
    }
  }
  progress.report(files.length, files.length, 'reading load');
  const findings: LoadFinding[] = [];
  const series = [...segments.keys()].sort().map((machine) =>
    mergeSegments(segments.get(machine) ?? [], {
      maxUnknownRatio: options.maxUnknownRatio ?? DEFAULT_MAX_UNKNOWN,
      note: (finding) => findings.push(finding),
    }),
  );
  return { series, findings };
}

async function readLoadFile(file: string): Promise<Table> {
  const table = await readTable(file, {
    required: { machine: 'text', time: 'time', [CPU]: 'number' },
    optional: { [MEMORY]: 'number' },
  });
  const times = table.numbers('time');
  for (let row = 0; row < times.length; row++) {
    if (Number.isNaN(times[row])) throw valueMissing({ file, column: 'time', row });
  }
  checkRatios(table.numbers(CPU), { file, column: CPU });
  if (table.has(MEMORY)) checkRatios(table.numbers(MEMORY), { file, column: MEMORY });
  return table;
}

function splitByMachine(table: Table): LoadSegment[] {
  const { codes, dictionary } = table.texts('machine');
  const counts = new Int32Array(dictionary.length);
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row] as number;
    if (code < 0) throw valueMissing({ file: table.file, column: 'machine', row });
    counts[code] = (counts[code] as number) + 1;
  }
  const cpu = table.numbers(CPU);
  const memory = table.has(MEMORY) ? table.numbers(MEMORY) : undefined;
  const segments = dictionary.map((machine, code) => emptySegment(table, machine, counts[code] as number));
  const filled = new Int32Array(dictionary.length);
  const times = table.numbers('time');
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row] as number;
    const segment = segments[code] as LoadSegment;
    const at = filled[code] as number;
    segment.rows[at] = row;
    segment.timesMs[at] = times[row] as number;
    segment.cpu[at] = cpu[row] as number;
    segment.memory[at] = memory === undefined ? Number.NaN : (memory[row] as number);
    filled[code] = at + 1;
  }
  return segments;
}

function emptySegment(table: Table, machine: string, length: number): LoadSegment {
  return {
    machine,
    file: table.file,
    rows: new Int32Array(length),
    timesMs: new Float64Array(length),
    cpu: new Float32Array(length),
    memory: new Float32Array(length),
  };
}
