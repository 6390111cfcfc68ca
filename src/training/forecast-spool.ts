import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { FEATURE_COUNT } from '#features';
import type { RowStore } from '#models/forecast';

/** Rows that one read brings in: 10 MB. */
const WINDOW_ROWS = 16_384;
const ROW_BYTES = 4 * FEATURE_COUNT;

/** Feature rows in a file that is gone when the process is. */
export interface RowSpool extends RowStore {
  /** Adds whole rows at the end. */
  append(values: Float32Array): void;
  close(): void;
}

/**
 * Opens an empty spool in the folder for temporary files.
 *
 * @remarks Its name is removed at once: the space is given back when it is closed or the process ends, however it ends.
 */
export function openRowSpool(): RowSpool {
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-rows-'));
  const file = openSync(join(folder, 'rows.f32'), 'wx+');
  rmSync(folder, { recursive: true });
  const window = new Float32Array(WINDOW_ROWS * FEATURE_COUNT);
  let firstRow = 0;
  let rows = 0;
  return {
    append(values) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    },
    copyRow(row, into, at) {
      if (row < firstRow || row >= firstRow + rows) {
        firstRow = row;
        rows = fillWindow(file, window, row);
      }
      const from = (row - firstRow) * FEATURE_COUNT;
      into.set(window.subarray(from, from + FEATURE_COUNT), at);
    },
    close: () => closeSync(file),
  };
}

/** @returns Whole rows read. */
function fillWindow(file: number, window: Float32Array, row: number): number {
  const bytes = new Uint8Array(window.buffer);
  let filled = 0;
  while (filled < bytes.length) {
    const read = readSync(file, bytes, filled, bytes.length - filled, row * ROW_BYTES + filled);
    if (read === 0) break;
    filled += read;
  }
  return Math.floor(filled / ROW_BYTES);
}
