import { existsSync } from 'node:fs';
import { replaceFile } from './atomic-write.ts';
import { sqlName, sqlPath, sqlText, withDuckDb } from './duckdb.ts';
import { translateFault } from './errors.ts';

/** A column taken out of each document, beside the document itself. */
export interface ExtractedColumn {
  readonly name: string;
  /** JSON path, such as `$.pod.name`. */
  readonly path: string;
  readonly type: 'text' | 'double';
}

const DOCUMENT = 'record';

/**
 * Rewrites a file of one JSON document a line as Parquet (zstd): the extracted columns, and the document as text in
 * `record`. Whole or not at all.
 *
 * @throws MlschedError `MLS_FILES_DISK_FULL`, `MLS_FILES_PERMISSION`, `MLS_FILES_IO`.
 */
export async function jsonLinesToParquet(
  source: string,
  target: string,
  columns: readonly ExtractedColumn[],
): Promise<void> {
  const select = columns.map(({ name, path, type }) => {
    const value = `json->>${sqlText(path)}`;
    return `${type === 'double' ? `(${value})::DOUBLE` : value} AS ${sqlName(name)}`;
  });
  await replaceFile(target, (temporary) =>
    withDuckDb(async (connection) => {
      await connection.run(
        `COPY (SELECT ${[...select, `json::VARCHAR AS ${DOCUMENT}`].join(', ')}
         FROM read_json_objects(${sqlPath(source)}, format = 'newline_delimited'))
         TO ${sqlText(temporary)} (FORMAT parquet, COMPRESSION zstd)`,
      );
    }),
  );
}

/**
 * Reads documents back, those whose text columns equal the given values.
 *
 * @param paths - Files that `jsonLinesToParquet` wrote; one that vanishes meanwhile holds nothing.
 */
export async function readParquetDocuments(
  paths: readonly string[],
  where: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const conditions = Object.entries(where).map(([name, value]) => `${sqlName(name)} = ${sqlText(value)}`);
  const filter = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const documents: string[] = [];
  for (const path of paths) {
    try {
      const rows = await withDuckDb((connection) =>
        connection.runAndReadAll(`SELECT ${DOCUMENT} FROM read_parquet(${sqlPath(path)}) ${filter}`),
      );
      for (const [document] of rows.getRows()) documents.push(String(document));
    } catch (error) {
      if (existsSync(path)) throw translateFault(path, error);
    }
  }
  return documents;
}
