import { DOUBLE, DuckDBDataChunk, INTEGER } from '@duckdb/node-api';
import type { DuckDBConnection, DuckDBVector } from '@duckdb/node-api';
import { replaceFile } from './atomic-write.ts';
import { sqlName, sqlText, withDuckDb } from './duckdb.ts';
import type { TextColumn } from './parquet-read.ts';

/** A column to be written. NaN is written as null, whatever the type; a text code of -1 too. */
export type WriteColumn =
  | {
      readonly name: string;
      readonly type: 'float' | 'double' | 'int32' | 'int64' | 'int8' | 'time' | 'boolean';
      /** Times are epoch milliseconds, booleans 0 and 1. */
      readonly values: Float64Array | Float32Array | Int32Array | Int8Array | Uint8Array;
    }
  | { readonly name: string; readonly type: 'text'; readonly values: TextColumn };

const SQL_TYPE = {
  float: 'FLOAT',
  double: 'DOUBLE',
  int32: 'INTEGER',
  int64: 'BIGINT',
  int8: 'TINYINT',
  boolean: 'BOOLEAN',
} as const;

const CHUNK_ROWS = 2048;
let tables = 0;

/**
 * Writes a Parquet file (zstd, UTC timestamps), whole or not at all.
 *
 * @param columns - At least one; all of the same length.
 * @throws MlschedError `MLS_FILES_DISK_FULL`, `MLS_FILES_PERMISSION`, `MLS_FILES_IO`.
 * @remarks About 0.3 s a million rows of two columns.
 */
export async function writeParquet(path: string, columns: readonly WriteColumn[]): Promise<void> {
  await replaceFile(path, (temporary) => withDuckDb((connection) => copyOut(connection, temporary, columns)));
}

async function copyOut(
  connection: DuckDBConnection,
  path: string,
  columns: readonly WriteColumn[],
): Promise<void> {
  const table = `staging_${tables++}`;
  const staged = columns.map(({ type }, i) => `c${i} ${type === 'text' ? 'INTEGER' : 'DOUBLE'}`);
  await connection.run(`CREATE TABLE ${table} (${staged.join(', ')})`);
  try {
    await append(connection, table, columns);
    const select = columns.map((column, i) => `${sqlValue(column, i)} AS ${sqlName(column.name)}`);
    // The target of COPY is taken literally: it knows no wildcards.
    await connection.run(
      `COPY (SELECT ${select.join(', ')} FROM ${table}) TO ${sqlText(path)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${table}`);
  }
}

async function append(
  connection: DuckDBConnection,
  table: string,
  columns: readonly WriteColumn[],
): Promise<void> {
  const arrays = columns.map((column) => (column.type === 'text' ? column.values.codes : column.values));
  const rows = arrays[0]?.length ?? 0;
  const stray = columns.find((_, i) => arrays[i]?.length !== rows);
  if (stray !== undefined) throw new TypeError(`column ${stray.name} has another length than the first`);
  const appender = await connection.createAppender(table);
  const chunk = DuckDBDataChunk.create(
    columns.map(({ type }) => (type === 'text' ? INTEGER : DOUBLE)),
    CHUNK_ROWS,
  );
  for (let start = 0; start < rows; start += CHUNK_ROWS) {
    chunk.reset();
    const count = Math.min(CHUNK_ROWS, rows - start);
    chunk.rowCount = count;
    for (const [index, array] of arrays.entries()) {
      fillVector(chunk.getColumnVector(index), array, { start, count });
    }
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

// hot: once a value of everything that is stored
function fillVector(
  vector: DuckDBVector,
  values: ArrayLike<number>,
  { start, count }: { readonly start: number; readonly count: number },
): void {
  for (let i = 0; i < count; i++) vector.setItem(i, values[start + i] as number);
  vector.flush();
}

function sqlValue(column: WriteColumn, index: number): string {
  const staged = `c${index}`;
  if (column.type === 'text') {
    return `list_extract([${column.values.dictionary.map(sqlText).join(', ')}]::VARCHAR[], ${staged} + 1)`;
  }
  const known = `CASE WHEN isnan(${staged}) THEN NULL ELSE ${staged} END`;
  if (column.type === 'time') return `make_timestamp((${known})::BIGINT * 1000)::TIMESTAMPTZ`;
  return `(${known})::${SQL_TYPE[column.type]}`;
}
