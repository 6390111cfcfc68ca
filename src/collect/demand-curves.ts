import { basename } from 'node:path';
import { outOfRange, valueMissing } from './errors.ts';
import { CURVE_STEPS, CURVE_STEP_SECONDS } from './placement-types.ts';
import type { DemandCurves } from './placement-types.ts';
import { checkRatios } from './ratios.ts';
import { listParquet, readTable } from './tables.ts';
import type { Table } from './tables.ts';

const CPU = 'cpu_usage_ratio';
const MEMORY = 'memory_usage_ratio';
/** A VM may use more than it asked for; published curves reach 2.2. */
const MAX_USE_OF_REQUEST = 4;
const MINUTES_PER_STEP = CURVE_STEP_SECONDS / 60;

/**
 * Reads day curves `vm, minute (0..1435 in steps of 5), cpu_usage_ratio[, memory_usage_ratio]`.
 *
 * With several files (one a day) a VM is named `file/vm`, so that a name that returns on another day is
 * another curve.
 *
 * @throws MlschedError as `readLoadSeries`; `MLS_COLLECT_OUT_OF_RANGE` also for a minute off the grid.
 */
export async function readDemandCurves(
  directory: string,
  memory: 'required' | 'absent',
): Promise<DemandCurves> {
  const files = await listParquet(directory);
  const parts: DemandCurves[] = [];
  for (const file of files) {
    const prefix = files.length > 1 ? `${basename(file, '.parquet')}/` : '';
    parts.push(buildCurves(await readCurveFile(file, memory), prefix, memory));
  }
  return parts.length === 1 ? (parts[0] as DemandCurves) : joinCurves(parts);
}

async function readCurveFile(file: string, memory: 'required' | 'absent'): Promise<Table> {
  const table = await readTable(file, {
    required: {
      vm: 'text',
      minute: 'number',
      [CPU]: 'number',
      ...(memory === 'required' ? { [MEMORY]: 'number' as const } : {}),
    },
  });
  checkRatios(table.numbers(CPU), { file, column: CPU }, MAX_USE_OF_REQUEST);
  if (memory === 'required') checkRatios(table.numbers(MEMORY), { file, column: MEMORY }, MAX_USE_OF_REQUEST);
  return table;
}

function buildCurves(table: Table, prefix: string, memory: 'required' | 'absent'): DemandCurves {
  const { codes, dictionary } = table.texts('vm');
  const slots = slotOfRows(table, codes);
  const size = dictionary.length * CURVE_STEPS;
  const scatter = (column: string): Float32Array => {
    const values = table.numbers(column);
    const curve = new Float32Array(size).fill(Number.NaN);
    for (let row = 0; row < slots.length; row++) curve[slots[row] as number] = values[row] as number;
    return curve;
  };
  return {
    count: dictionary.length,
    names: dictionary.map((name) => prefix + name),
    cpuUsageRatio: scatter(CPU),
    memoryUsageRatio: memory === 'required' ? scatter(MEMORY) : undefined,
  };
}

function slotOfRows(table: Table, codes: Int32Array): Int32Array {
  const { file } = table;
  const minutes = table.numbers('minute');
  return codes.map((code, row) => {
    if (code < 0) throw valueMissing({ file, column: 'vm', row });
    const minute = minutes[row] as number;
    const step = minute / MINUTES_PER_STEP;
    if (!Number.isInteger(step) || step < 0 || step >= CURVE_STEPS) {
      throw outOfRange({ file, column: 'minute', row, value: minute }, 'a multiple of 5 in 0..1435');
    }
    return code * CURVE_STEPS + step;
  });
}

function joinCurves(parts: readonly DemandCurves[]): DemandCurves {
  const join = (arrays: readonly Float32Array[]): Float32Array => {
    const joined = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
    let at = 0;
    for (const array of arrays) {
      joined.set(array, at);
      at += array.length;
    }
    return joined;
  };
  const memories = parts.flatMap((part) => part.memoryUsageRatio ?? []);
  return {
    count: parts.reduce((sum, part) => sum + part.count, 0),
    names: parts.flatMap((part) => part.names),
    cpuUsageRatio: join(parts.map((part) => part.cpuUsageRatio)),
    memoryUsageRatio: memories.length === parts.length ? join(memories) : undefined,
  };
}
