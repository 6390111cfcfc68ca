import { DuckDBInstance, StatementType } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '#kernel/errors';
import { sqlName, sqlPath, sqlText } from './duckdb.ts';
import { badQuery } from './errors.ts';

/** Answer of a query; times as ISO 8601 text, unknown values null. */
export interface QueryAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  /** More rows were there than were asked for. */
  readonly isCut: boolean;
}

export interface QueryParquetOptions {
  readonly sql: string;
  /** Tables by name, and the Parquet files of each; a table without files is empty. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  readonly maxRows: number;
}

/**
 * Answers one SELECT over Parquet files, read only: no other file and no network can be reached, nothing can be written.
 *
 * @throws MlschedError `MLS_FILES_BAD_QUERY` with the engine's words.
 * @remarks DuckDB in memory, one thread, at most 1 GB.
 */
export async function queryParquet({ sql, tables, maxRows }: QueryParquetOptions): Promise<QueryAnswer> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '1GB' });
  const connection = await instance.connect();
  try {
    await confine(connection, tables);
    return await answer(connection, sql, maxRows);
  } catch (error) {
    throw badQuery(messageOf(error));
  } finally {
    connection.disconnectSync();
    instance.closeSync();
  }
}

async function confine(connection: DuckDBConnection, tables: QueryParquetOptions['tables']): Promise<void> {
  const paths = Object.values(tables).flat();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(`SET allowed_paths = [${paths.map(sqlText).join(', ')}]`);
  await connection.run('SET enable_external_access = false');
  for (const [name, files] of Object.entries(tables)) {
    const from =
      files.length === 0
        ? 'SELECT NULL::TIMESTAMPTZ AS time WHERE false'
        : `SELECT * FROM read_parquet([${files.map(sqlPath).join(', ')}], union_by_name = true)`;
    await connection.run(`CREATE VIEW ${sqlName(name)} AS ${from}`);
  }
  await connection.run('SET lock_configuration = true');
}

async function answer(connection: DuckDBConnection, sql: string, maxRows: number): Promise<QueryAnswer> {
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1) throw new Error(`expected one statement, found ${statements.count}`);
  const prepared = await statements.prepare(0);
  if (prepared.statementType !== StatementType.SELECT && prepared.statementType !== StatementType.EXPLAIN) {
    throw new Error('only SELECT is allowed');
  }
  const result = await prepared.stream();
  const columns = result
    .columnNames()
    .map((name, index) => ({ name, type: String(result.columnType(index)) }));
  const rows: unknown[][] = [];
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return { columns, rows, isCut: false };
    for (const row of chunk.getRows()) {
      if (rows.length === maxRows) return { columns, rows, isCut: true };
      rows.push(row.map(plainValue));
    }
  }
}

/** Numbers as numbers, times as ISO text, everything else as the engine prints it. */
function plainValue(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  const micros = (value as { micros?: unknown }).micros;
  if (typeof micros === 'bigint' && !('scale' in (value as object))) {
    return new Date(Number(micros / 1000n)).toISOString();
  }
  // What else there is prints itself: intervals, lists, decimals, bit strings.
  return (value as { toString(): string }).toString();
}
