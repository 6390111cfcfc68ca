import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathMissing } from '#platform/files';
import { MIB } from '#kernel/units';
import { noPodFile } from './errors.ts';
import { readDemandCurves } from './demand-curves.ts';
import { readLoadSeries } from './load.ts';
import type { ClusterNodes, ClusterPods, PlacementData, VmArrivals } from './placement-types.ts';
import { listParquet, readTable, requireNumbers, requireTexts } from './tables.ts';
import type { Table } from './tables.ts';

/**
 * Reads a data root for the simulator: `google-vms/`, `azure-arrivals/` and `openb/` are required,
 * `planetlab/` and `smd-nodes/` optional; other folders are ignored.
 *
 * @throws MlschedError `MLS_FILES_MISSING` naming the folder that is not there; otherwise as `readLoadSeries`.
 */
export async function readPlacementData(root: string): Promise<PlacementData> {
  if (!(await exists(root))) throw pathMissing(root, 'data directory');
  const has = async (folder: string): Promise<boolean> => exists(join(root, folder));
  const openb = await readOpenb(join(root, 'openb'));
  return {
    ...openb,
    googleVms: await readDemandCurves(join(root, 'google-vms'), 'required'),
    azureArrivals: await readArrivals(join(root, 'azure-arrivals')),
    planetlabVms: (await has('planetlab'))
      ? await readDemandCurves(join(root, 'planetlab'), 'absent')
      : undefined,
    nodeLoad: (await has('smd-nodes')) ? await readLoadSeries(join(root, 'smd-nodes')) : undefined,
  };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function readArrivals(directory: string): Promise<VmArrivals> {
  const tables: Table[] = [];
  for (const file of await listParquet(directory)) tables.push(await readArrivalFile(file));
  const join64 = (pick: (table: Table) => Float64Array): Float64Array => concatenate(tables.map(pick));
  const arrivals = join64((table) => requireNumbers(table, 'arrival_seconds'));
  const batches = join64((table) => requireNumbers(table, 'batch'));
  const order = Int32Array.from({ length: arrivals.length }, (_, i) => i).sort(
    (a, b) =>
      (arrivals[a] as number) - (arrivals[b] as number) ||
      (batches[a] as number) - (batches[b] as number) ||
      a - b,
  );
  const ordered = (values: Float64Array): Float64Array =>
    Float64Array.from(order, (i) => values[i] as number);
  return {
    count: order.length,
    arrivalSeconds: ordered(arrivals),
    batch: Int32Array.from(ordered(batches)),
    vcpus: Float32Array.from(ordered(join64((table) => requireNumbers(table, 'vcpus')))),
    memoryGib: Float32Array.from(ordered(join64((table) => requireNumbers(table, 'memory_gib')))),
    lifetimeSecondsMin: ordered(join64((table) => requireNumbers(table, 'lifetime_seconds_min'))),
    lifetimeSecondsMax: ordered(join64((table) => table.numbers('lifetime_seconds_max'))),
    isCensored: Uint8Array.from(ordered(join64((table) => requireNumbers(table, 'censored')))),
  };
}

function readArrivalFile(file: string): Promise<Table> {
  return readTable(file, {
    required: {
      arrival_seconds: 'number',
      batch: 'number',
      vcpus: 'number',
      memory_gib: 'number',
      lifetime_seconds_min: 'number',
      lifetime_seconds_max: 'number',
      censored: 'boolean',
    },
  });
}

function concatenate(parts: readonly Float64Array[]): Float64Array {
  const joined = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

async function readOpenb(directory: string): Promise<Pick<PlacementData, 'openbNodes' | 'openbPods'>> {
  const podFiles = (await listParquet(directory)).filter((file) => basename(file).startsWith('pods-'));
  if (podFiles.length === 0) throw noPodFile(directory);
  const openbPods: ClusterPods[] = [];
  for (const file of podFiles) openbPods.push(await readPods(file));
  return { openbNodes: await readNodes(join(directory, 'nodes.parquet')), openbPods };
}

async function readNodes(file: string): Promise<ClusterNodes> {
  const table = await readTable(file, {
    required: { node: 'text', cpu_millicores: 'number', memory_mib: 'number' },
    optional: { gpus: 'number', gpu_model: 'text' },
  });
  return {
    count: table.rows,
    names: requireTexts(table, 'node'),
    cpuMillicores: requireNumbers(table, 'cpu_millicores'),
    memoryBytes: memoryBytes(table),
    gpus: optionalCounts(table, 'gpus'),
    gpuModels: optionalTexts(table, 'gpu_model'),
  };
}

async function readPods(file: string): Promise<ClusterPods> {
  const table = await readTable(file, {
    required: {
      pod: 'text',
      cpu_millicores: 'number',
      memory_mib: 'number',
      creation_seconds: 'number',
      deletion_seconds: 'number',
    },
    optional: { gpus: 'number', gpu_millis: 'number', qos: 'text', scheduled_seconds: 'number' },
  });
  return {
    name: basename(file, '.parquet'),
    count: table.rows,
    names: requireTexts(table, 'pod'),
    cpuMillicores: requireNumbers(table, 'cpu_millicores'),
    memoryBytes: memoryBytes(table),
    gpus: optionalCounts(table, 'gpus'),
    gpuMillis: optionalCounts(table, 'gpu_millis'),
    qos: optionalTexts(table, 'qos'),
    creationSeconds: requireNumbers(table, 'creation_seconds'),
    deletionSeconds: table.numbers('deletion_seconds'),
    scheduledSeconds: table.has('scheduled_seconds')
      ? table.numbers('scheduled_seconds')
      : new Float64Array(table.rows).fill(Number.NaN),
  };
}

function memoryBytes(table: Table): Float64Array {
  return requireNumbers(table, 'memory_mib').map((mib) => mib * MIB);
}

/** A cluster without the column has no GPU at all: here absent truly means none. */
function optionalCounts(table: Table, column: string): Int32Array {
  return table.has(column) ? Int32Array.from(requireNumbers(table, column)) : new Int32Array(table.rows);
}

function optionalTexts(table: Table, column: string): (string | null)[] {
  if (!table.has(column)) return Array.from({ length: table.rows }, () => null);
  const { codes, dictionary } = table.texts(column);
  return Array.from(codes, (code) => dictionary[code] ?? null);
}
