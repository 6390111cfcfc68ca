export { listFiles } from './list-files.ts';
export { describeParquet, readParquetColumns } from './parquet-read.ts';
export type { ColumnData, ColumnKind, ParquetColumn, ParquetTable, TextColumn } from './parquet-read.ts';
export { pathMissing } from './errors.ts';
