import { HORIZON_MINUTES, type LoadSeries, type LoadTarget, type RawLoadSeries } from '#domain';
import {
  COARSE_STEP_MS,
  createFeatureWriter,
  createPeerTable,
  phasedSeries,
  replayRows,
  valueAt,
  type FeatureRows,
} from '#features';
import type { Progress } from '#kernel/progress';
import type { LoadForecaster } from '#models/forecast';

import { withTarget } from './forecast-data.ts';
import { rivalForecasts } from './forecast-rivals.ts';
import type { ScoreBoard } from './forecast-score.ts';
import { splitSpan } from './forecast-split.ts';

/** A stretch of forecasts to draw: what came and what was said `horizonMinutes` before. */
export interface ForecastTrace {
  readonly machine: string;
  readonly target: LoadTarget;
  readonly horizonMinutes: number;
  /** Times that the forecasts are about. */
  readonly timesMs: Float64Array;
  readonly actual: Float32Array;
  readonly low05: Float32Array;
  readonly median: Float32Array;
  readonly high95: Float32Array;
}

/** What to judge and where the rows go. */
export interface JudgeTask {
  /** All machines of the data, for the peer features. */
  readonly series: readonly RawLoadSeries[];
  /** Machines to judge; all when absent. */
  readonly judged?: ReadonlySet<string>;
  readonly target: LoadTarget;
  readonly forecaster: LoadForecaster;
  /** In the order of `HORIZON_MINUTES`. */
  readonly boards: readonly ScoreBoard[];
  /** Receives the first stretch of each machine at 15 minutes, when wanted. */
  readonly onTrace?: (trace: ForecastTrace) => void;
  readonly progress: Progress;
}

/** Horizon and length of a trace: 2 days, 15 minutes ahead. */
const TRACE_MINUTES = 15;
const TRACE_ROWS = 576;

/**
 * Forecasts the last 15 % of each machine at every 5-minute step and hands each row to the boards.
 *
 * A row counts when its last value and its truth are known; all models are judged on the same rows.
 */
export function judgeForecasts(task: JudgeTask): void {
  const series = withTarget(task.series, task.target);
  const grids = series.map((raw) => phasedSeries(raw, 0));
  const peers = createPeerTable(grids, task.target);
  const writer = createFeatureWriter();
  for (const [i, raw] of series.entries()) {
    if (task.judged?.has(raw.machine) === false) continue;
    task.progress.report(i, series.length, `judging ${task.target}`);
    const grid = grids[i] as LoadSeries;
    const originsMs = testOrigins(grid, task.target);
    const peersAt = (originMs: number) => peers.at(grid, originMs);
    const rows = replayRows({ raw, target: task.target, originsMs, peersAt }, writer);
    judgeMachine(task, { grid, originsMs, rows });
  }
}

function testOrigins(grid: LoadSeries, target: LoadTarget): Float64Array {
  const { testStartMs, endMs } = splitSpan(grid);
  const origins: number[] = [];
  for (let originMs = testStartMs; originMs < endMs; originMs += COARSE_STEP_MS) {
    if (!Number.isNaN(valueAt(grid, target, originMs))) origins.push(originMs);
  }
  return Float64Array.from(origins);
}

interface MachineRows {
  readonly grid: LoadSeries;
  readonly originsMs: Float64Array;
  readonly rows: FeatureRows;
}

function judgeMachine(task: JudgeTask, { grid, originsMs, rows }: MachineRows): void {
  const { target } = task;
  for (const [horizon, horizonMinutes] of HORIZON_MINUTES.entries()) {
    const bands = task.forecaster.predictRows(target, horizonMinutes, rows);
    if (bands === undefined) return;
    const actuals = originsMs.map((originMs) => valueAt(grid, target, originMs + horizonMinutes * 60_000));
    for (let row = 0; row < originsMs.length; row++) {
      const originMs = originsMs[row] as number;
      const actual = actuals[row] as number;
      if (Number.isNaN(actual)) continue;
      const rivals = rivalForecasts(grid, target, { originMs, horizonMinutes });
      task.boards[horizon]?.add({
        machine: grid.machine,
        originMs,
        actual,
        forecasts: [bands.median[row] as number, rivals.lastValue, rivals.seasonalNaive, rivals.hourMean],
        low05: bands.low05[row] as number,
        high95: bands.high95[row] as number,
      });
    }
    if (horizonMinutes !== TRACE_MINUTES) continue;
    const count = Math.min(TRACE_ROWS, originsMs.length);
    task.onTrace?.({
      machine: grid.machine,
      target,
      horizonMinutes,
      timesMs: originsMs.slice(0, count).map((originMs) => originMs + horizonMinutes * 60_000),
      actual: Float32Array.from(actuals.subarray(0, count)),
      low05: bands.low05.slice(0, count),
      median: bands.median.slice(0, count),
      high95: bands.high95.slice(0, count),
    });
  }
}
