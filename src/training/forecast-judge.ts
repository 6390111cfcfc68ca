import {
  HORIZON_MINUTES,
  type HorizonMinutes,
  type LoadSeries,
  type LoadTarget,
  type RawLoadSeries,
} from '#domain';
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
import { MINUTE_MS } from '#kernel/units';
import {
  createForecastTracker,
  type ForecastBands,
  type ForecastTracker,
  type LoadForecaster,
} from '#models/forecast';

import { withTarget } from './forecast-data.ts';
import { rivalForecasts } from './forecast-rivals.ts';
import type { JudgedRow } from './forecast-score.ts';
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

/** Takes in judged rows. */
export interface RowSink {
  add(row: JudgedRow): void;
}

/** What to judge and where the rows go. */
export interface JudgeTask {
  /** All machines of the data, for the peer features. */
  readonly series: readonly RawLoadSeries[];
  /** Machines to judge; all when absent. */
  readonly judged?: ReadonlySet<string>;
  readonly target: LoadTarget;
  readonly forecaster: LoadForecaster;
  /** Receive the judged rows of each horizon, in the order of `HORIZON_MINUTES`. */
  readonly boards: readonly RowSink[];
  /** Receives the first stretch of each machine at 15 minutes, when wanted. */
  readonly onTrace?: (trace: ForecastTrace) => void;
  readonly progress: Progress;
}

/** Horizon and length of a trace: 2 days, 15 minutes ahead. */
const TRACE_MINUTES = 15;
const TRACE_ROWS = 576;
/** On a machine that training never saw, forecasts are followed from this long before the first judged one. */
const WARM_UP_MS = 3 * 86_400_000;

/**
 * Forecasts the last 15 % of each machine at every 5-minute step and hands each row to the boards.
 *
 * A row counts when its last value and its truth are known; all models are judged on the same rows. Our forecasts are
 * corrected by how earlier ones turned out, as they are in live use: a truth counts from the moment at which it is
 * known. On a machine that training saw, the correction begins anew with the judged span, since the model would shine on
 * what it was trained on; on others it begins three days earlier.
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
    const { testStartMs } = splitSpan(grid);
    const isSeen = task.forecaster.machines.has(raw.machine);
    const originsMs = knownOrigins(grid, task.target, isSeen ? testStartMs : testStartMs - WARM_UP_MS);
    const peersAt = (originMs: number) => peers.at(grid, originMs);
    const rows = replayRows({ raw, target: task.target, originsMs, peersAt }, writer);
    judgeMachine(task, { grid, originsMs, rows, judgedFromMs: testStartMs });
  }
}

function knownOrigins(grid: LoadSeries, target: LoadTarget, fromMs: number): Float64Array {
  const { endMs } = splitSpan(grid);
  const origins: number[] = [];
  for (let originMs = Math.max(fromMs, grid.startMs); originMs < endMs; originMs += COARSE_STEP_MS) {
    if (!Number.isNaN(valueAt(grid, target, originMs))) origins.push(originMs);
  }
  return Float64Array.from(origins);
}

interface MachineRows {
  readonly grid: LoadSeries;
  readonly originsMs: Float64Array;
  readonly rows: FeatureRows;
  readonly judgedFromMs: number;
}

function judgeMachine(task: JudgeTask, machine: MachineRows): void {
  const { target, forecaster } = task;
  const { grid, originsMs, rows, judgedFromMs } = machine;
  const tracker = createForecastTracker();
  const bands = HORIZON_MINUTES.map((minutes) => forecaster.predictRows(target, minutes, rows));
  const traced: JudgedRow[] = [];
  for (let row = 0; row < originsMs.length; row++) {
    const originMs = originsMs[row] as number;
    tracker.observe(grid.machine, target, originMs, valueAt(grid, target, originMs));
    for (const [horizon, horizonMinutes] of HORIZON_MINUTES.entries()) {
      const raw = bands[horizon];
      if (raw === undefined) continue;
      const at = { grid, target, originMs, horizonMinutes };
      const judged = judgeRow(tracker, at, { bands: raw, row, deviation: rows.deviations[row] as number });
      if (originMs < judgedFromMs) continue;
      if (!Number.isNaN(judged.actual)) task.boards[horizon]?.add(judged);
      if (horizonMinutes === TRACE_MINUTES && traced.length < TRACE_ROWS) traced.push(judged);
    }
  }
  task.onTrace?.(drawTrace(grid.machine, target, traced));
}

interface RowPlace {
  readonly grid: LoadSeries;
  readonly target: LoadTarget;
  readonly originMs: number;
  readonly horizonMinutes: HorizonMinutes;
}

interface RawRow {
  readonly bands: ForecastBands;
  readonly row: number;
  readonly deviation: number;
}

function judgeRow(tracker: ForecastTracker, place: RowPlace, raw: RawRow): JudgedRow {
  const { grid, target, originMs, horizonMinutes } = place;
  const { bands, row, deviation } = raw;
  const rivals = rivalForecasts(grid, target, { originMs, horizonMinutes });
  const band = tracker.correct(
    { machine: grid.machine, target, horizonMinutes },
    {
      originMs,
      low05: bands.low05[row] as number,
      median: bands.median[row] as number,
      high95: bands.high95[row] as number,
      fallbacks: [rivals.lastValue, rivals.hourMean, rivals.seasonalNaive],
      deviation,
    },
  );
  return {
    machine: grid.machine,
    originMs,
    actual: valueAt(grid, target, originMs + horizonMinutes * MINUTE_MS),
    forecasts: [band.median, rivals.lastValue, rivals.seasonalNaive, rivals.hourMean],
    lastWeek: rivals.lastWeek,
    low05: band.low05,
    high95: band.high95,
    announcePosition: bands.announcePosition,
  };
}

function drawTrace(machine: string, target: LoadTarget, rows: readonly JudgedRow[]): ForecastTrace {
  const column = (of: (row: JudgedRow) => number): Float32Array => Float32Array.from(rows, of);
  return {
    machine,
    target,
    horizonMinutes: TRACE_MINUTES,
    timesMs: Float64Array.from(rows, ({ originMs }) => originMs + TRACE_MINUTES * MINUTE_MS),
    actual: column(({ actual }) => actual),
    low05: column(({ low05 }) => low05),
    median: column(({ forecasts }) => forecasts[0] as number),
    high95: column(({ high95 }) => high95),
  };
}
