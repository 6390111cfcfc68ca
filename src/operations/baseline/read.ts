import { existsSync } from 'node:fs';
import { isStore, profilesPath, readLoadSeries, readWorkloadProfiles, withStoreFiles } from '#collect';
import type { Progress } from '#kernel/progress';
import { describeParquet, listFiles, readParquetColumns } from '#platform/files';
import type { BaselineInput, NodeExtras, SchedulingSeries } from './types.ts';

/** Column of a store -> field of `NodeExtras`. */
const EXTRAS: Readonly<Record<string, keyof NodeExtras>> = {
  cpu_requested_cores: 'cpuRequestedCores',
  cpu_capacity_cores: 'cpuCapacityCores',
  memory_requested_bytes: 'memoryRequestedBytes',
  memory_capacity_bytes: 'memoryCapacityBytes',
};

const SCHEDULING = [
  'pods_pending',
  'scheduling_attempts_per_second',
  'scheduling_seconds_per_second',
] as const;

/**
 * Reads what a baseline needs: from a store everything it has, from a plain folder of load data the load.
 *
 * @throws MlschedError as `readLoadSeries`, `MLS_FILES_BAD_JSON` for broken profiles.
 */
export async function readBaselineInput(directory: string, progress?: Progress): Promise<BaselineInput> {
  const options = progress === undefined ? {} : { progress };
  const path = profilesPath(directory);
  const series = await readLoadSeries(directory, options);
  const profiles = existsSync(path) ? await readWorkloadProfiles(path) : undefined;
  if (!(await isStore(directory))) {
    return {
      series,
      extras: await readExtras(await listFiles(directory, '.parquet')),
      scheduling: undefined,
      profiles,
    };
  }
  return withStoreFiles(directory, async ({ nodes, cluster }) => ({
    series,
    extras: await readExtras(nodes),
    scheduling: await readScheduling(cluster),
    profiles,
  }));
}

interface Sum {
  sum: number;
  count: number;
}

async function readExtras(files: readonly string[]): Promise<Map<string, NodeExtras>> {
  const sums = new Map<string, Sum>();
  const machines = new Set<string>();
  for (const path of files) {
    const table = await describeParquet(path);
    const wanted = Object.keys(EXTRAS).filter((name) => table.columns.get(name)?.kind === 'number');
    if (wanted.length === 0) continue;
    const data = await readParquetColumns(table, ['machine', ...wanted]);
    const { codes, dictionary } = data.texts.get('machine') ?? { codes: [], dictionary: [] };
    for (const name of wanted) {
      const values = data.numbers.get(name) ?? new Float64Array();
      for (let row = 0; row < values.length; row++) {
        const machine = dictionary[codes[row] as number] ?? '';
        machines.add(machine);
        addTo(sums, `${machine} ${name}`, values[row] as number);
      }
    }
  }
  const meanOf = (machine: string, field: keyof NodeExtras): number => {
    const name = Object.keys(EXTRAS).find((column) => EXTRAS[column] === field) ?? '';
    const found = sums.get(`${machine} ${name}`);
    return found === undefined ? Number.NaN : found.sum / found.count;
  };
  return new Map(
    [...machines].map((machine) => [
      machine,
      {
        cpuRequestedCores: meanOf(machine, 'cpuRequestedCores'),
        cpuCapacityCores: meanOf(machine, 'cpuCapacityCores'),
        memoryRequestedBytes: meanOf(machine, 'memoryRequestedBytes'),
        memoryCapacityBytes: meanOf(machine, 'memoryCapacityBytes'),
      },
    ]),
  );
}

function addTo(sums: Map<string, Sum>, key: string, value: number): void {
  if (Number.isNaN(value)) return;
  const held = sums.get(key);
  if (held === undefined) sums.set(key, { sum: value, count: 1 });
  else {
    held.sum += value;
    held.count++;
  }
}

async function readScheduling(files: readonly string[]): Promise<SchedulingSeries | undefined> {
  const parts = await Promise.all(files.map(readSchedulingDay));
  if (parts.length === 0) return undefined;
  const joined = (at: number): Float64Array =>
    Float64Array.from(parts.flatMap((columns) => Array.from(columns[at] ?? [])));
  return {
    timesMs: joined(0),
    podsPending: joined(1),
    attemptsPerSecond: joined(2),
    secondsPerSecond: joined(3),
  };
}

/** Times and the three columns, each with an entry a row. */
async function readSchedulingDay(path: string): Promise<Float64Array[]> {
  const table = await describeParquet(path);
  const wanted = SCHEDULING.filter((name) => table.columns.get(name)?.kind === 'number');
  const data = await readParquetColumns(table, ['time', ...wanted]);
  const unknown = new Float64Array(table.rows).fill(Number.NaN);
  return ['time', ...SCHEDULING].map((name) => data.numbers.get(name) ?? unknown);
}
