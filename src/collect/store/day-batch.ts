import type { WriteColumn } from '#platform/files';
import type { DayRecord } from './manifest.ts';

/** Rows of one day. */
export interface DayTables {
  /** A row a node and step: `machine`, `time` (end of the step) and a column a metric. */
  readonly nodes: readonly WriteColumn[];
  /** A row a step: `time` and a column a metric. Undefined where the source speaks of machines only. */
  readonly cluster: readonly WriteColumn[] | undefined;
}

/** Rows of one day that came together: they are stored together or not at all. */
export interface DayBatch {
  readonly day: string;
  readonly tables: DayTables;
  readonly record: DayRecord;
}

interface ColumnHead {
  readonly name: string;
  readonly type: WriteColumn['type'];
  readonly dictionary?: readonly string[];
  readonly length: number;
}

interface BatchHead {
  readonly day: string;
  readonly record: DayRecord;
  readonly nodes: readonly ColumnHead[];
  readonly cluster: readonly ColumnHead[] | null;
}

/** Bytes of a batch for the write-ahead log: a JSON head behind its length, then the columns as they are in memory. */
export function encodeBatch({ day, record, tables }: DayBatch): Buffer {
  const head: BatchHead = {
    day,
    record,
    nodes: tables.nodes.map(headOf),
    cluster: tables.cluster?.map(headOf) ?? null,
  };
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const columns = [...tables.nodes, ...(tables.cluster ?? [])].map((column) => bytesOf(packed(column)));
  return Buffer.concat([length, text, ...columns]);
}

/** @throws RangeError when the bytes are no batch, although their checksum was right. */
export function decodeBatch(bytes: Buffer): DayBatch {
  const headEnd = 4 + bytes.readUInt32LE(0);
  const head = JSON.parse(bytes.toString('utf8', 4, headEnd)) as BatchHead;
  let at = headEnd;
  const take = (column: ColumnHead): WriteColumn => {
    const size = column.length * widthOf(column.type);
    // A copy: records do not begin at multiples of eight bytes.
    const part = Uint8Array.prototype.slice.call(bytes, at, at + size);
    at += size;
    return unpacked(column, part.buffer);
  };
  const nodes = head.nodes.map(take);
  const cluster = head.cluster?.map(take);
  return { day: head.day, record: head.record, tables: { nodes, cluster } };
}

export function lengthOf(columns: readonly WriteColumn[] | undefined): number {
  const first = columns?.[0];
  if (first === undefined) return 0;
  return first.type === 'text' ? first.values.codes.length : first.values.length;
}

function headOf(column: WriteColumn): ColumnHead {
  const { name, type } = column;
  const length = lengthOf([column]);
  return type === 'text'
    ? { name, type, dictionary: column.values.dictionary, length }
    : { name, type, length };
}

/** `float` columns take half the room and are stored in single precision anyway. */
function widthOf(type: WriteColumn['type']): number {
  return type === 'text' || type === 'float' ? 4 : 8;
}

function packed(column: WriteColumn): Int32Array | Float32Array | Float64Array {
  if (column.type === 'text') return column.values.codes;
  return column.type === 'float' ? Float32Array.from(column.values) : Float64Array.from(column.values);
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Float32Array | Float64Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function unpacked({ name, type, dictionary = [] }: ColumnHead, bytes: ArrayBufferLike): WriteColumn {
  if (type === 'text') return { name, type, values: { codes: new Int32Array(bytes), dictionary } };
  return { name, type, values: type === 'float' ? new Float32Array(bytes) : new Float64Array(bytes) };
}
