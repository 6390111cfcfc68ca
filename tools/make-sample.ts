/**
 * Cuts the sample in data/sample from the full data sets: `MLSCHED_DATA=DIR node tools/make-sample.ts`.
 * Values are copied as published; only machines, VMs and spans are left out. The choice is fixed here, by
 * name or by checksum of the name, so that it follows no result.
 */
import { copyFile, mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { listFiles, replaceFile, sha256File, writeJson } from '#platform/files';

/** Two machines of each of the three groups of the publication. */
const NODE_MACHINES = [
  'machine-1-2',
  'machine-1-6',
  'machine-2-1',
  'machine-2-4',
  'machine-3-3',
  'machine-3-5',
];
/** The first machine of each group. */
const HEALTH_MACHINES = ['machine-1-2', 'machine-2-1', 'machine-3-4'];
const VM_COUNT = 400;
const ARRIVAL_DAYS = 2;
const MAX_BYTES = 10_000_000;

interface Cut {
  readonly target: string;
  readonly source: string;
  /** What follows `SELECT * FROM source`. */
  readonly clause: string;
}

const CUTS: readonly Cut[] = [
  ...NODE_MACHINES.map((machine) => whole(`smd-nodes/${machine}.parquet`, 'ORDER BY time')),
  ...HEALTH_MACHINES.map((machine) => whole(`smd/${machine}.parquet`, 'ORDER BY split DESC, step')),
  {
    ...whole('smd/interpretation.parquet', ''),
    clause: `WHERE machine IN (${HEALTH_MACHINES.map((name) => `'${name}'`).join(', ')}) ORDER BY machine, start_step`,
  },
  {
    ...whole('google-vms/vms.parquet', ''),
    clause: `WHERE vm IN (SELECT vm FROM (SELECT DISTINCT vm FROM source) ORDER BY md5(vm) LIMIT ${VM_COUNT}) ORDER BY vm, minute`,
  },
  {
    ...whole('azure-arrivals/arrivals.parquet', ''),
    clause: `WHERE arrival_seconds < ${ARRIVAL_DAYS * 86_400} ORDER BY arrival_seconds, batch`,
  },
  whole('openb/nodes.parquet', 'ORDER BY node'),
  whole('openb/pods-default.parquet', 'ORDER BY pod'),
];

function whole(path: string, clause: string): Cut {
  return { target: path, source: path, clause };
}

interface SampleFile {
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

async function cut(
  connection: DuckDBConnection,
  roots: Roots,
  { source, target, clause }: Cut,
): Promise<SampleFile> {
  const from = join(roots.source, source).replaceAll("'", "''");
  const path = join(roots.target, target);
  await connection.run(`CREATE OR REPLACE TEMP VIEW source AS SELECT * FROM read_parquet('${from}')`);
  await replaceFile(path, async (temporary) => {
    // Version 2 encodings halve the size of float columns; pyarrow, Spark and DuckDB read them.
    await connection.run(
      `COPY (SELECT * FROM source ${clause}) TO '${temporary.replaceAll("'", "''")}'
       (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19, PARQUET_VERSION v2)`,
    );
  });
  const counted = await connection.runAndReadAll(
    `WITH wanted AS (SELECT * FROM source ${clause}), written AS (SELECT * FROM read_parquet('${path}'))
     SELECT (SELECT count(*) FROM written),
            (SELECT count(*) FROM (FROM wanted EXCEPT ALL FROM written)),
            (SELECT count(*) FROM (FROM written EXCEPT ALL FROM wanted))`,
  );
  const [rows = 0, lost, added] = (counted.getRows()[0] ?? []).map(Number);
  if (rows === 0 || lost !== 0 || added !== 0) throw new Error(`${target} is not a true copy`);
  return { file: target, rows, bytes: (await stat(path)).size, sha256: await sha256File(path) };
}

interface Roots {
  readonly source: string;
  readonly target: string;
}

const source = process.env['MLSCHED_DATA'];
if (source === undefined) throw new Error('MLSCHED_DATA must name the folder of the full data sets');
const roots: Roots = { source: resolve(source), target: resolve(import.meta.dirname, '../data/sample') };
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
for (const folder of new Set(CUTS.map(({ target }) => join(roots.target, dirname(target))))) {
  await mkdir(folder, { recursive: true });
  for (const old of await listFiles(folder, '.parquet')) await rm(old);
}
const files: SampleFile[] = [];
for (const one of CUTS) files.push(await cut(connection, roots, one));
connection.disconnectSync();
await copyFile(join(roots.source, 'smd/LICENSE.txt'), join(roots.target, 'smd/LICENSE.txt'));
const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
if (bytes > MAX_BYTES) throw new Error(`the sample has ${bytes} bytes, more than ${MAX_BYTES}`);
await writeJson(join(roots.target, 'manifest.json'), { bytes, files });
process.stdout.write(`${files.length} files, ${bytes} bytes\n`);
