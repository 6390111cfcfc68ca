import type { HorizonMinutes, LoadTarget } from '#domain';
import { createRng } from '#kernel/rng';
import { bootstrapInterval } from '#kernel/stats';
import { DAY_MS } from '#kernel/units';

/** Errors of two models on the same rows of the test span. */
export interface PairedErrors {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  /** Machine of each row. */
  readonly machines: readonly string[];
  readonly originsMs: Float64Array;
  /** Absolute errors, in shares of capacity. */
  readonly errorsA: Float32Array;
  readonly errorsB: Float32Array;
}

export type FeatureSetVerdict = 'a-better' | 'b-better' | 'no-difference' | 'too-little-data';

/** How two feature sets compare, at one resource and horizon or over all of them. */
export interface FeatureSetComparison {
  readonly verdict: FeatureSetVerdict;
  /** 1 - mean absolute error of B / that of A: above 0 when B is better. */
  readonly improvementRatio: number;
  /** Central 95 % under resampling of whole machine-days. */
  readonly ci95: readonly [low: number, high: number];
  readonly maeRatioA: number;
  readonly maeRatioB: number;
  readonly points: number;
  readonly machineDays: number;
}

/** Fewer blocks than this give no interval that one could trust. */
const FEWEST_BLOCKS = 10;
const RESAMPLES = 2000;

interface Block {
  /** Sums of errors by part. */
  readonly a: Float64Array;
  readonly b: Float64Array;
}

/**
 * Judges paired errors: the mean over parts of 1 - error B / error A, with a bootstrap of whole machine-days (Künsch 1989:
 * rows of one day and machine depend on each other, their days hardly do). The same days are drawn for both models.
 *
 * @param parts - One for each resource and horizon; they weigh the same.
 */
export function compareErrors(parts: readonly PairedErrors[], seed: number): FeatureSetComparison {
  const blocks = [...blocksOf(parts).values()];
  const pick = (indices: ArrayLike<number>): number => improvementOf(blocks, indices, parts.length);
  const interval = bootstrapInterval(blocks.length, pick, createRng(seed).fork('feature-sets'), RESAMPLES);
  const points = parts.reduce((sum, { errorsA }) => sum + errorsA.length, 0);
  return {
    verdict: verdictOf(interval, blocks.length),
    improvementRatio: interval.mean,
    ci95: [interval.low, interval.high],
    maeRatioA: meanOf(parts.map(({ errorsA }) => errorsA)),
    maeRatioB: meanOf(parts.map(({ errorsB }) => errorsB)),
    points,
    machineDays: blocks.length,
  };
}

function blocksOf(parts: readonly PairedErrors[]): Map<string, Block> {
  const blocks = new Map<string, Block>();
  for (const [i, part] of parts.entries()) {
    for (let row = 0; row < part.errorsA.length; row++) {
      const key = `${part.machines[row]}\n${Math.floor((part.originsMs[row] as number) / DAY_MS)}`;
      let block = blocks.get(key);
      if (block === undefined) {
        block = { a: new Float64Array(parts.length), b: new Float64Array(parts.length) };
        blocks.set(key, block);
      }
      block.a[i] = (block.a[i] as number) + (part.errorsA[row] as number);
      block.b[i] = (block.b[i] as number) + (part.errorsB[row] as number);
    }
  }
  return blocks;
}

function improvementOf(blocks: readonly Block[], indices: ArrayLike<number>, parts: number): number {
  let sum = 0;
  for (let part = 0; part < parts; part++) {
    let a = 0;
    let b = 0;
    for (let i = 0; i < indices.length; i++) {
      const block = blocks[indices[i] as number] as Block;
      a += block.a[part] as number;
      b += block.b[part] as number;
    }
    sum += a === 0 ? 0 : 1 - b / a;
  }
  return sum / parts;
}

function meanOf(columns: readonly Float32Array[]): number {
  let sum = 0;
  let count = 0;
  for (const column of columns) {
    for (const value of column) sum += value;
    count += column.length;
  }
  return sum / count;
}

function verdictOf(
  { low, high }: { readonly low: number; readonly high: number },
  blocks: number,
): FeatureSetVerdict {
  if (blocks < FEWEST_BLOCKS || Number.isNaN(low)) return 'too-little-data';
  if (low > 0) return 'b-better';
  return high < 0 ? 'a-better' : 'no-difference';
}
