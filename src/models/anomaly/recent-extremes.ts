import { DETECTOR } from './config.ts';

/** How many of the largest values decide: the third largest, so that two strays alone change nothing. */
const KEPT = 3;

/**
 * The third largest magnitude of each column within the recent past (a day, say): what the column is now known
 * to do by itself. A pattern that keeps coming back raises it and so stops being news; after the window it is
 * forgotten again.
 *
 * Time is cut into blocks, the window is the present block and the `blocks - 1` before it. In the older part of the window
 * magnitudes fade, so that what was learned yesterday weighs less than what is happening today.
 *
 * @remarks `blocks · 3` floats a column. Update O(1), O(blocks) once a block.
 */
export class RecentExtremes {
  readonly #blocks: number;
  /** Shape `[columns, blocks, 3]`: largest first. */
  readonly #tops: Float32Array;
  /** Shape `[columns, 3]`: largest of all whole blocks in the window. */
  readonly #older: Float32Array;

  constructor(columns: number, blocks: number) {
    this.#blocks = blocks;
    this.#tops = new Float32Array(columns * blocks * KEPT);
    this.#older = new Float32Array(columns * KEPT);
  }

  /** Fills the past of a column as if its third largest magnitude had been `magnitude` one block ago. */
  seed(column: number, magnitude: number): void {
    const newest = (column * this.#blocks + this.#blocks - 1) * KEPT;
    this.#tops.fill(magnitude, newest, newest + KEPT);
    this.#older.fill(magnitude, column * KEPT, column * KEPT + KEPT);
  }

  /** Third largest magnitude of the window; 0 when fewer were seen. */
  third(column: number, block: number): number {
    const p = this.#present(column, block);
    const q = column * KEPT;
    const [a1, a2, a3] = [this.#tops[p] as number, this.#tops[p + 1] as number, this.#tops[p + 2] as number];
    const [b1, b2, b3] = [
      this.#older[q] as number,
      this.#older[q + 1] as number,
      this.#older[q + 2] as number,
    ];
    return Math.max(a3, Math.min(a2, b1), Math.min(a1, b2), b3);
  }

  /** Adds a magnitude, 0 or more, to the present block. */
  push(column: number, block: number, magnitude: number): void {
    insertTop(this.#tops, this.#present(column, block), magnitude);
  }

  #present(column: number, block: number): number {
    return (column * this.#blocks + (block % this.#blocks)) * KEPT;
  }

  /** Begins a block: what was `blocks` ago is forgotten. Call it before the first use of a new block. */
  begin(column: number, block: number): void {
    const start = column * this.#blocks * KEPT;
    const present = start + (block % this.#blocks) * KEPT;
    this.#tops.fill(0, present, present + KEPT);
    const older = column * KEPT;
    this.#older.fill(0, older, older + KEPT);
    for (let i = start; i < start + this.#blocks * KEPT; i++) {
      const slot = Math.floor((i - start) / KEPT);
      const age = ((block % this.#blocks) - slot + this.#blocks) % this.#blocks;
      insertTop(this.#older, older, (this.#tops[i] as number) * weightOf(age / this.#blocks));
    }
  }
}

/**
 * Weight of a magnitude by its age: full at first, then falling in a line.
 *
 * @param age - As a share of the window, 0..1.
 */
function weightOf(age: number): number {
  const { memoryFullRatio, memoryEndWeight } = DETECTOR;
  if (age < memoryFullRatio) return 1;
  return 1 - ((1 - memoryEndWeight) * (age - memoryFullRatio)) / (1 - memoryFullRatio);
}

function insertTop(tops: Float32Array, start: number, magnitude: number): void {
  if (magnitude <= (tops[start + 2] as number)) return;
  if (magnitude <= (tops[start + 1] as number)) {
    tops[start + 2] = magnitude;
    return;
  }
  tops[start + 2] = tops[start + 1] as number;
  if (magnitude <= (tops[start] as number)) {
    tops[start + 1] = magnitude;
    return;
  }
  tops[start + 1] = tops[start] as number;
  tops[start] = magnitude;
}
