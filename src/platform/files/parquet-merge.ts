import { replaceFile } from './atomic-write.ts';
import { sqlName, sqlPath, sqlText, withDuckDb } from './duckdb.ts';

export interface CopyParquetOptions {
  /** Columns to sort by; without any, rows keep the order of the files and memory does not grow with them. */
  readonly orderBy?: readonly string[];
  readonly format?: 'parquet' | 'csv';
}

/**
 * Joins Parquet files into one file, whole or not at all. A column that only some of them have is null in the others.
 *
 * @param format - `csv`: with a header, times in ISO 8601 UTC, unknown values empty.
 * @throws MlschedError `MLS_FILES_DISK_FULL`, `MLS_FILES_PERMISSION`, `MLS_FILES_IO`.
 */
export async function copyParquet(
  sources: readonly string[],
  target: string,
  { orderBy = [], format = 'parquet' }: CopyParquetOptions = {},
): Promise<void> {
  const from = `read_parquet([${sources.map(sqlPath).join(', ')}], union_by_name = true)`;
  const order = orderBy.length === 0 ? '' : ` ORDER BY ${orderBy.map(sqlName).join(', ')}`;
  const form =
    format === 'csv'
      ? "FORMAT csv, HEADER true, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%gZ'"
      : 'FORMAT parquet, COMPRESSION zstd';
  await replaceFile(target, (temporary) =>
    withDuckDb(async (connection) => {
      await connection.run("SET TimeZone = 'UTC'");
      await connection.run(`COPY (SELECT * FROM ${from}${order}) TO ${sqlText(temporary)} (${form})`);
    }),
  );
}
