import type { RawLoadSeries } from '#domain';
import { conflictingDuplicate, tooManyUnknown } from './errors.ts';

/** One machine's rows of one file, in file order. Memory is NaN where the file has none. */
export interface LoadSegment {
  readonly machine: string;
  readonly file: string;
  /** Row number in the file, from 0. */
  readonly rows: Int32Array;
  readonly timesMs: Float64Array;
  readonly cpu: Float32Array;
  readonly memory: Float32Array;
}

/** Something in the input that was put right. */
export interface LoadFinding {
  readonly kind: 'unsorted-times' | 'repeated-times' | 'memory-absent';
  readonly machine: string;
  /** First file that shows it. */
  readonly file: string;
  /** How many rows were moved, dropped or without a value. */
  readonly rows: number;
}

export interface MergeOptions {
  readonly maxUnknownRatio: number;
  note(finding: LoadFinding): void;
}

interface Merged {
  timesMs: Float64Array;
  cpu: Float32Array;
  memory: Float32Array;
  /** Index of the segment of each row, for messages. */
  source: Int32Array;
  rows: Int32Array;
  length: number;
}

/**
 * Joins one machine's segments into a series with strictly increasing times.
 *
 * Unsorted rows are sorted and equal repeats dropped, each noted; repeats that disagree are refused. Where one
 * repeat knows a value and the other does not, the known one is kept.
 */
export function mergeSegments(segments: readonly LoadSegment[], options: MergeOptions): RawLoadSeries {
  const merged = concatenate(segments);
  const { machine, file } = segments[0] as LoadSegment;
  const moved = countBackSteps(merged.timesMs);
  if (moved > 0) {
    sortByTime(merged);
    options.note({ kind: 'unsorted-times', machine, file, rows: moved });
  }
  const dropped = dropRepeats(merged, segments);
  if (dropped > 0) options.note({ kind: 'repeated-times', machine, file, rows: dropped });
  const hasMemory = !isAllUnknown(merged.memory, merged.length);
  if (!hasMemory) options.note({ kind: 'memory-absent', machine, file, rows: merged.length });
  refuseUnknown(merged, segments, 'cpu', options.maxUnknownRatio);
  if (hasMemory) refuseUnknown(merged, segments, 'memory', options.maxUnknownRatio);
  return {
    machine,
    timesMs: merged.timesMs.slice(0, merged.length),
    cpuUsageRatio: merged.cpu.slice(0, merged.length),
    memoryUsageRatio: hasMemory ? merged.memory.slice(0, merged.length) : undefined,
  };
}

function concatenate(segments: readonly LoadSegment[]): Merged {
  const length = segments.reduce((sum, segment) => sum + segment.timesMs.length, 0);
  const merged: Merged = {
    timesMs: new Float64Array(length),
    cpu: new Float32Array(length),
    memory: new Float32Array(length),
    source: new Int32Array(length),
    rows: new Int32Array(length),
    length,
  };
  let at = 0;
  for (const [index, segment] of segments.entries()) {
    merged.timesMs.set(segment.timesMs, at);
    merged.cpu.set(segment.cpu, at);
    merged.memory.set(segment.memory, at);
    merged.rows.set(segment.rows, at);
    merged.source.fill(index, at, at + segment.timesMs.length);
    at += segment.timesMs.length;
  }
  return merged;
}

function countBackSteps(timesMs: Float64Array): number {
  let count = 0;
  for (let i = 1; i < timesMs.length; i++) {
    if ((timesMs[i] as number) < (timesMs[i - 1] as number)) count++;
  }
  return count;
}

function sortByTime(merged: Merged): void {
  const { timesMs } = merged;
  const order = Int32Array.from({ length: merged.length }, (_, i) => i).sort(
    (a, b) => (timesMs[a] as number) - (timesMs[b] as number) || a - b,
  );
  merged.timesMs = Float64Array.from(order, (i) => merged.timesMs[i] as number);
  merged.cpu = Float32Array.from(order, (i) => merged.cpu[i] as number);
  merged.memory = Float32Array.from(order, (i) => merged.memory[i] as number);
  merged.source = Int32Array.from(order, (i) => merged.source[i] as number);
  merged.rows = Int32Array.from(order, (i) => merged.rows[i] as number);
}

/** Compacts in place; returns how many rows went. */
function dropRepeats(merged: Merged, segments: readonly LoadSegment[]): number {
  let kept = 0;
  for (let i = 0; i < merged.length; i++) {
    if (kept > 0 && merged.timesMs[i] === merged.timesMs[kept - 1]) {
      merged.cpu[kept - 1] = agree(merged, segments, 'cpu', [kept - 1, i]);
      merged.memory[kept - 1] = agree(merged, segments, 'memory', [kept - 1, i]);
      continue;
    }
    merged.timesMs[kept] = merged.timesMs[i] as number;
    merged.cpu[kept] = merged.cpu[i] as number;
    merged.memory[kept] = merged.memory[i] as number;
    merged.source[kept] = merged.source[i] as number;
    merged.rows[kept] = merged.rows[i] as number;
    kept++;
  }
  const dropped = merged.length - kept;
  merged.length = kept;
  return dropped;
}

function agree(
  merged: Merged,
  segments: readonly LoadSegment[],
  target: 'cpu' | 'memory',
  [first, second]: readonly [number, number],
): number {
  const kept = merged[target][first] as number;
  const repeated = merged[target][second] as number;
  if (kept === repeated || Number.isNaN(repeated)) return kept;
  if (Number.isNaN(kept)) return repeated;
  const { machine, file } = segments[merged.source[second] as number] as LoadSegment;
  const column = `${target}_usage_ratio`;
  throw conflictingDuplicate(
    { file, column, row: merged.rows[second] as number, value: repeated },
    machine,
    kept,
  );
}

function isAllUnknown(values: Float32Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (!Number.isNaN(values[i])) return false;
  return true;
}

function refuseUnknown(
  merged: Merged,
  segments: readonly LoadSegment[],
  target: 'cpu' | 'memory',
  maxUnknownRatio: number,
): void {
  let unknown = 0;
  let first = -1;
  for (let i = 0; i < merged.length; i++) {
    if (!Number.isNaN(merged[target][i])) continue;
    unknown++;
    if (first < 0) first = i;
  }
  if (unknown <= maxUnknownRatio * merged.length) return;
  const { machine, file } = segments[merged.source[first] as number] as LoadSegment;
  const at = { file, column: `${target}_usage_ratio`, row: merged.rows[first] as number };
  throw tooManyUnknown(machine, at, unknown / merged.length);
}
