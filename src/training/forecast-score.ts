import { HORIZON_MINUTES, type HorizonMinutes, type LoadTarget } from '#domain';
import { createRng } from '#kernel/rng';
import { bootstrapInterval, median } from '#kernel/stats';

import { FORECAST_MODELS, type ForecastModelName } from './forecast-rivals.ts';

/** One line of the result: the contract's fields and some more. */
export interface ForecastResult {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  readonly model: ForecastModelName;
  /** 1 - sum of errors / sum of actual load, pooled over machines. */
  readonly wapeAccuracyRatio: number;
  /** Central 95 % of the accuracy under resampling of whole blocks; NaN with fewer than 2 blocks. */
  readonly wapeAccuracyCi95: readonly [number, number];
  /** Mean absolute error in shares of capacity. */
  readonly maeRatio: number;
  /** Error / error of the last value on the same rows. */
  readonly mase: number;
  /** 1 - error / error of the best of the three simple rivals; below 0 for those that are not the best. */
  readonly skillRatio: number;
  readonly skillCi95: readonly [number, number];
  /** Share of the truth inside the 90 % interval; null for models without one. */
  readonly coverage90Ratio: number | null;
  /** Accuracy of the median machine. */
  readonly medianMachineAccuracyRatio: number;
  readonly machines: number;
  readonly points: number;
  /** What the bootstrap draws: whole machines, or machine-days when there are fewer than 5 machines. */
  readonly bootstrapUnit: 'machine' | 'machine-day';
}

/** One judged row: truth, the four forecasts in the order of `FORECAST_MODELS`, and our interval. */
export interface JudgedRow {
  readonly machine: string;
  readonly originMs: number;
  readonly actual: number;
  readonly forecasts: readonly number[];
  readonly low05: number;
  readonly high95: number;
  /** Same time last week; for reports only. */
  readonly lastWeek: number;
  /** Of the model, see `bandPosition`. */
  readonly announcePosition: number;
}

/** Fewer machines than this are too few to resample: their days are drawn instead. */
const FEWEST_MACHINES_TO_DRAW = 5;
const RESAMPLES = 1000;
const DAY_MS = 86_400_000;

/** Sums over the rows of one block. */
interface BlockSums {
  readonly machine: string;
  readonly errors: Float64Array;
  actual: number;
  points: number;
  covered: number;
}

/** Collects rows of one resource and horizon. */
export interface ScoreBoard {
  add(row: JudgedRow): void;
  /** One result a model; empty when no row was added. */
  results(seed: number): ForecastResult[];
}

export function createScoreBoard(target: LoadTarget, horizonMinutes: HorizonMinutes): ScoreBoard {
  const days = new Map<string, BlockSums>();
  return {
    add(row) {
      const key = `${row.machine}\n${Math.floor(row.originMs / DAY_MS)}`;
      let block = days.get(key);
      if (block === undefined) {
        block = emptyBlock(row.machine);
        days.set(key, block);
      }
      addRow(block, row);
    },
    results(seed) {
      const dayBlocks = [...days.values()];
      if (dayBlocks.length === 0) return [];
      const machineBlocks = mergeByMachine(dayBlocks);
      const draw = createRng(seed).fork(`bootstrap-${target}-${horizonMinutes}`);
      const drawSeed = draw.int(2 ** 31);
      return FORECAST_MODELS.map((model, index) => ({
        target,
        horizonMinutes,
        model,
        ...summarise({ index, dayBlocks, machineBlocks, drawSeed }),
      }));
    },
  };
}

function emptyBlock(machine: string): BlockSums {
  return { machine, errors: new Float64Array(FORECAST_MODELS.length), actual: 0, points: 0, covered: 0 };
}

function addRow(block: BlockSums, row: JudgedRow): void {
  for (let model = 0; model < row.forecasts.length; model++) {
    block.errors[model] =
      (block.errors[model] as number) + Math.abs((row.forecasts[model] as number) - row.actual);
  }
  block.actual += row.actual;
  block.points += 1;
  // Half an ulp of float32: a truth of exactly 0 or 1 lies inside a band that ends there.
  if (row.actual >= row.low05 - 1e-7 && row.actual <= row.high95 + 1e-7) block.covered += 1;
}

function addBlock(into: BlockSums, block: BlockSums): void {
  for (let model = 0; model < block.errors.length; model++) {
    into.errors[model] = (into.errors[model] as number) + (block.errors[model] as number);
  }
  into.actual += block.actual;
  into.points += block.points;
  into.covered += block.covered;
}

function mergeByMachine(blocks: readonly BlockSums[]): BlockSums[] {
  const merged = new Map<string, BlockSums>();
  for (const block of blocks) {
    const into = merged.get(block.machine) ?? emptyBlock(block.machine);
    merged.set(block.machine, into);
    addBlock(into, block);
  }
  return [...merged.values()];
}

interface Summary {
  /** Index of the model. */
  readonly index: number;
  readonly dayBlocks: readonly BlockSums[];
  readonly machineBlocks: readonly BlockSums[];
  readonly drawSeed: number;
}

function summarise({ index, dayBlocks, machineBlocks, drawSeed }: Summary) {
  const total = addAll(machineBlocks);
  const error = total.errors[index] as number;
  const byMachine = machineBlocks.length >= FEWEST_MACHINES_TO_DRAW;
  const blocks = byMachine ? machineBlocks : dayBlocks;
  const drawn = (statistic: (sums: BlockSums) => number): readonly [number, number] => {
    const pick = (indices: Int32Array): number =>
      statistic(addAll(Array.from(indices, (i) => blocks[i] as BlockSums)));
    const { low, high } = bootstrapInterval(blocks.length, pick, createRng(drawSeed), RESAMPLES);
    return [low, high];
  };
  return {
    wapeAccuracyRatio: accuracy(total, index),
    wapeAccuracyCi95: drawn((sums) => accuracy(sums, index)),
    maeRatio: error / total.points,
    mase: error / (total.errors[1] as number),
    skillRatio: skill(total, index),
    skillCi95: drawn((sums) => skill(sums, index)),
    coverage90Ratio: index === 0 ? total.covered / total.points : null,
    medianMachineAccuracyRatio: median(machineBlocks.map((block) => accuracy(block, index))),
    machines: machineBlocks.length,
    points: total.points,
    bootstrapUnit: byMachine ? ('machine' as const) : ('machine-day' as const),
  };
}

function addAll(blocks: readonly BlockSums[]): BlockSums {
  const total = emptyBlock('');
  for (const block of blocks) addBlock(total, block);
  return total;
}

function accuracy(sums: BlockSums, model: number): number {
  return 1 - (sums.errors[model] as number) / sums.actual;
}

/** Against the best of the three rivals on these rows. */
function skill(sums: BlockSums, model: number): number {
  const best = Math.min(...sums.errors.subarray(1));
  return 1 - (sums.errors[model] as number) / best;
}

/** Boards of one resource, in the order of `HORIZON_MINUTES`. */
export function createScoreBoards(target: LoadTarget): ScoreBoard[] {
  return HORIZON_MINUTES.map((minutes) => createScoreBoard(target, minutes));
}
