import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';

let shared: Promise<DuckDBInstance> | undefined;

/**
 * Runs work on a connection of its own to one in-memory DuckDB of this process.
 *
 * One thread: row order of a scan is then the order in the file, and two cores stay free for others.
 * Extensions are never fetched: what we use is built in, and a reader must not reach for the network.
 */
export async function withDuckDb<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  shared ??= DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: '1GB',
    // Unset, an in-memory database spills into a folder of the current directory.
    temp_directory: '',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await (await shared).connect();
  try {
    return await work(connection);
  } finally {
    connection.disconnectSync();
  }
}

/** A path as an SQL string that DuckDB takes literally: its wildcards are quoted too. */
export function sqlPath(path: string): string {
  return sqlText(path.replace(/[[*?]/g, '[$&]'));
}

export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
