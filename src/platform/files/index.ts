export { removeAbandoned, replaceFile, writeFileAtomic } from './atomic-write.ts';
export { pathMissing } from './errors.ts';
export { readJson, writeJson } from './json.ts';
export { listFiles } from './list-files.ts';
export { describeParquet, readParquetColumns } from './parquet-read.ts';
export type { ColumnData, ColumnKind, ParquetTable, TextColumn } from './parquet-read.ts';
export { writeParquet } from './parquet-write.ts';
export type { WriteColumn } from './parquet-write.ts';
export { sha256, sha256File } from './sha256.ts';
