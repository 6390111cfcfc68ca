import { describeParquet, listFiles, readParquetColumns } from '#platform/files';
import type { ColumnKind, ParquetTable, TextColumn } from '#platform/files';
import { columnMissing, columnType, noParquet, noRows, outOfRange, valueMissing } from './errors.ts';

/** Columns that a reader wants, with the kind each must have. */
export interface ColumnWish {
  readonly required: Readonly<Record<string, ColumnKind>>;
  readonly optional?: Readonly<Record<string, ColumnKind>>;
}

/** One file's wanted columns. `has` tells which optional ones it carried. */
export interface Table {
  readonly file: string;
  readonly rows: number;
  has(column: string): boolean;
  /** Numbers of a column that is there; null is NaN. */
  numbers(column: string): Float64Array;
  texts(column: string): TextColumn;
}

const EXPECTED: Readonly<Record<ColumnKind, string>> = {
  number: 'a number',
  text: 'text',
  time: 'a timestamp',
  boolean: 'true or false',
  other: 'anything',
};

/**
 * Lists the Parquet files of a folder, sorted by name; other files and subfolders are ignored.
 *
 * @throws MlschedError `MLS_FILES_MISSING`, `MLS_COLLECT_NO_PARQUET`.
 */
export async function listParquet(directory: string): Promise<string[]> {
  const files = await listFiles(directory, '.parquet');
  if (files.length === 0) throw noParquet(directory);
  return files;
}

/**
 * Reads the wanted columns of one Parquet file; columns nobody asked for are ignored.
 *
 * @throws MlschedError `MLS_COLLECT_COLUMN_MISSING`, `MLS_COLLECT_COLUMN_TYPE`, `MLS_COLLECT_NO_ROWS` and
 *   those of `describeParquet`.
 */
export async function readTable(file: string, wish: ColumnWish): Promise<Table> {
  const described = await describeWanted(file, wish);
  const optional = Object.keys(wish.optional ?? {}).filter((name) => described.columns.has(name));
  const data = await readParquetColumns(described, [...Object.keys(wish.required), ...optional]);
  return {
    file,
    rows: described.rows,
    has: (column) => data.numbers.has(column) || data.texts.has(column),
    numbers: (column) => wanted(data.numbers, column),
    texts: (column) => wanted(data.texts, column),
  };
}

/** Schema of a file after the checks of `readTable`, without reading its data. */
export async function describeWanted(file: string, wish: ColumnWish): Promise<ParquetTable> {
  const described = await describeParquet(file);
  for (const [name, kind] of Object.entries(wish.required)) {
    if (!described.columns.has(name)) throw columnMissing(file, name, [...described.columns.keys()]);
    refuseKind(described, name, kind);
  }
  for (const [name, kind] of Object.entries(wish.optional ?? {})) {
    if (described.columns.has(name)) refuseKind(described, name, kind);
  }
  if (described.rows === 0) throw noRows(file);
  return described;
}

function refuseKind(table: ParquetTable, name: string, kind: ColumnKind): void {
  const column = table.columns.get(name);
  if (column !== undefined && column.kind !== kind) {
    throw columnType(table.path, name, column.sqlType, EXPECTED[kind]);
  }
}

function wanted<T>(columns: ReadonlyMap<string, T>, name: string): T {
  const column = columns.get(name);
  if (column === undefined) throw new TypeError(`column ${name} was not asked for`);
  return column;
}

/** Texts as one string a row; null is an error. */
export function requireTexts(table: Table, column: string): string[] {
  const { codes, dictionary } = table.texts(column);
  return Array.from(codes, (code, row) => {
    if (code < 0) throw valueMissing({ file: table.file, column, row });
    return dictionary[code] as string;
  });
}

/** Numbers that must all be known, finite and at least `minimum`. */
export function requireNumbers(table: Table, column: string, minimum = 0): Float64Array {
  const values = table.numbers(column);
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as number;
    if (Number.isNaN(value)) throw valueMissing({ file: table.file, column, row });
    if (value < minimum || value === Infinity) {
      throw outOfRange({ file: table.file, column, row, value }, `a finite number of at least ${minimum}`);
    }
  }
  return values;
}
