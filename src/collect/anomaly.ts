import { basename } from 'node:path';
import { columnMissing, outOfRange, valueMissing } from './errors.ts';
import { describeWanted, listParquet, readTable } from './tables.ts';
import type { ColumnWish, Table } from './tables.ts';

/**
 * Health metrics of one machine, split into a training and a labelled test span.
 *
 * @remarks Matrices are row-major: value of metric `j` at step `i` is `train[i * metricNames.length + j]`.
 *   NaN where a sample is unknown. Steps are evenly spaced; the test span is not guaranteed to follow the
 *   training span in time.
 */
export interface AnomalyMachine {
  /** File name without `.parquet`. */
  readonly machine: string;
  /** `m00`, `m01`, ... in the order of their numbers. */
  readonly metricNames: readonly string[];
  /** Shape `[trainSteps, metrics]`. */
  readonly train: Float32Array;
  readonly trainSteps: number;
  /** Shape `[testSteps, metrics]`. */
  readonly test: Float32Array;
  readonly testSteps: number;
  /** Shape `[testSteps]`: 1 anomalous, 0 ordinary. For judging only, never for fitting. */
  readonly testLabels: Int8Array;
}

const WISH: ColumnWish = { required: { step: 'number', split: 'text', label: 'number' } };
/** Explains labels in words; has other columns and is no machine. */
const COMPANION_FILE = 'interpretation.parquet';

/**
 * Reads one machine a Parquet file: `step, split ('train' | 'test'), label, m00, m01, ...`.
 *
 * Rows may come in any order; `interpretation.parquet` and columns not named above are ignored. The label
 * of a training row is not looked at.
 *
 * @returns Machines sorted by name.
 * @throws MlschedError as `readLoadSeries`; `MLS_COLLECT_OUT_OF_RANGE` also for another split name, a label
 *   other than 0 and 1, a repeated step, an infinite metric.
 */
export async function readAnomalyMachines(directory: string): Promise<AnomalyMachine[]> {
  const files = (await listParquet(directory)).filter((file) => basename(file) !== COMPANION_FILE);
  const machines: AnomalyMachine[] = [];
  for (const file of files) machines.push(await readMachine(file));
  return machines;
}

async function readMachine(file: string): Promise<AnomalyMachine> {
  const described = await describeWanted(file, WISH);
  const metricNames = [...described.columns.keys()].filter(isMetric).sort(byNumber);
  if (metricNames.length === 0) throw columnMissing(file, 'm00', [...described.columns.keys()]);
  const metrics = Object.fromEntries(metricNames.map((name) => [name, 'number' as const]));
  const table = await readTable(file, { required: { ...WISH.required, ...metrics } });
  for (const name of metricNames) refuseInfinite(table, name);
  const trainRows = rowsOfSplit(table, 'train');
  const testRows = rowsOfSplit(table, 'test');
  return {
    machine: basename(file, '.parquet'),
    metricNames,
    train: buildMatrix(table, metricNames, trainRows),
    trainSteps: trainRows.length,
    test: buildMatrix(table, metricNames, testRows),
    testSteps: testRows.length,
    testLabels: readLabels(table, testRows),
  };
}

function isMetric(name: string): boolean {
  return /^m\d+$/.test(name);
}

function byNumber(a: string, b: string): number {
  return Number(a.slice(1)) - Number(b.slice(1));
}

function refuseInfinite(table: Table, column: string): void {
  const values = table.numbers(column);
  const row = values.findIndex((value) => value === Infinity || value === -Infinity);
  if (row < 0) return;
  throw outOfRange({ file: table.file, column, row, value: values[row] as number }, 'a finite number');
}

/** Row numbers of one split, ordered by step. */
function rowsOfSplit(table: Table, split: 'train' | 'test'): Int32Array {
  const { file } = table;
  const { codes, dictionary } = table.texts('split');
  const stray = dictionary.findIndex((name) => name !== 'train' && name !== 'test');
  const strayRow = codes.findIndex((code) => code < 0 || code === stray);
  if (strayRow >= 0) {
    const value = dictionary[codes[strayRow] as number] ?? 'null';
    throw outOfRange({ file, column: 'split', row: strayRow, value }, "'train' or 'test'");
  }
  const code = dictionary.indexOf(split);
  if (code < 0) throw outOfRange({ file, column: 'split', row: 0, value: `no '${split}'` }, 'both splits');
  const steps = table.numbers('step');
  const rows = Int32Array.from({ length: codes.length }, (_, row) => row)
    .filter((row) => codes[row] === code)
    .sort((a, b) => (steps[a] as number) - (steps[b] as number));
  refuseBadSteps(table, steps, rows);
  return rows;
}

function refuseBadSteps(table: Table, steps: Float64Array, rows: Int32Array): void {
  const at = { file: table.file, column: 'step' };
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const value = steps[row] as number;
    if (Number.isNaN(value)) throw valueMissing({ ...at, row });
    if (i > 0 && value === steps[rows[i - 1] as number]) {
      throw outOfRange({ ...at, row, value }, 'each step once in a split');
    }
  }
}

function buildMatrix(table: Table, metricNames: readonly string[], rows: Int32Array): Float32Array {
  const matrix = new Float32Array(rows.length * metricNames.length);
  for (const [column, name] of metricNames.entries()) {
    const values = table.numbers(name);
    for (let i = 0; i < rows.length; i++) {
      matrix[i * metricNames.length + column] = values[rows[i] as number] as number;
    }
  }
  return matrix;
}

function readLabels(table: Table, rows: Int32Array): Int8Array {
  const labels = table.numbers('label');
  return Int8Array.from(rows, (row) => {
    const value = labels[row] as number;
    if (Number.isNaN(value)) throw valueMissing({ file: table.file, column: 'label', row });
    if (value !== 0 && value !== 1) {
      throw outOfRange({ file: table.file, column: 'label', row, value }, '0 or 1 in the test split');
    }
    return value;
  });
}
