import { HORIZON_MINUTES, type LoadSeries, type LoadTarget, type RawLoadSeries } from '#domain';
import {
  COARSE_STEP_MS,
  createFeatureWriter,
  createPeerTable,
  FEATURE_COUNT,
  phasedSeries,
  replayRows,
  samplesOf,
  valueAt,
  type FeatureRows,
  type FeatureWriter,
  type PeerTable,
} from '#features';
import { createRng, type Rng } from '#kernel/rng';
import { median } from '#kernel/stats';
import { ROW_ROLES, type TrainingRows } from '#models/forecast';

import type { RowSpool } from './forecast-spool.ts';
import { splitSpan, type SpanBorders } from './forecast-split.ts';
import { youngStretches } from './forecast-young.ts';

/** Phases of the 5-minute grid that training uses at most: one origin a minute. */
const MOST_PHASES = 5;
const MINUTE_MS = 60_000;
/** Share of rows of machines with little history, and how many are taken from one stretch of a recording. */
const YOUNG_SHARE = 0.06;
const YOUNG_PER_STRETCH = 16;

/** Which rows to collect for training. */
export interface CollectRowsOptions {
  readonly series: readonly RawLoadSeries[];
  readonly target: LoadTarget;
  /** Rows to aim at, over all machines; a seeded subsample is taken when there are more. */
  readonly rows: number;
  readonly seed: number;
  /** Takes the features of rows that do not fit into memory; they are kept in memory when absent. */
  readonly spool?: RowSpool;
}

/** Rows as they are collected, in memory. */
interface CollectedRows extends FeatureRows {
  readonly actuals: readonly Float32Array[];
  readonly roles: Uint8Array;
}

/** Series that carry a resource. */
export function withTarget(series: readonly RawLoadSeries[], target: LoadTarget): RawLoadSeries[] {
  return series.filter((raw) => {
    const samples = samplesOf(raw, target);
    return samples !== undefined && samples.some((value) => !Number.isNaN(value));
  });
}

/**
 * Collects training rows from the first 85 % of each machine: 70 % to fit, 15 % to tune and calibrate. No row
 * and no label reaches into the last 15 %.
 *
 * Finer data than 5 minutes are used from origins between the judged steps too (grids shifted by whole minutes), as
 * far as the aimed number of rows asks for more.
 *
 * @returns Undefined when no machine carries the resource.
 */
export function collectTrainingRows(options: CollectRowsOptions): TrainingRows | undefined {
  const series = withTarget(options.series, options.target);
  if (series.length === 0) return undefined;
  const grids = series.map((raw) => phasedSeries(raw, 0));
  const borders = grids.map(splitSpan);
  const perPhase = borders.reduce((sum, { testStartMs }, i) => {
    return sum + (testStartMs - (grids[i] as LoadSeries).startMs) / COARSE_STEP_MS;
  }, 0);
  const phases = Math.min(MOST_PHASES, phasesIn(series), Math.max(1, Math.ceil(options.rows / perPhase)));
  const keepShare = Math.min(1, options.rows / (perPhase * phases));
  const rng = createRng(options.seed).fork(`rows-${options.target}`);
  const writer = createFeatureWriter();
  const parts: CollectedRows[] = [];
  for (let phase = 0; phase < phases; phase++) {
    const phaseMs = phase * MINUTE_MS;
    const shifted = phase === 0 ? grids : series.map((raw) => phasedSeries(raw, phaseMs));
    const peers = createPeerTable(shifted, options.target);
    for (const [i, raw] of series.entries()) {
      const grid = shifted[i] as LoadSeries;
      const machine = { raw, grid, borders: borders[i] as SpanBorders, peers, phaseMs };
      const found = [machineRows(machine, { target: options.target, keepShare, rng, writer })];
      if (phase === 0) found.push(...youngRows(machine, { options, machines: series.length, rng, writer }));
      for (const part of found) parts.push(spooled(part, options.spool));
    }
  }
  return joinRows(parts, options.spool);
}

interface YoungSampling {
  readonly options: CollectRowsOptions;
  readonly machines: number;
  readonly rng: Rng;
  readonly writer: FeatureWriter;
}

/** Rows as of a machine that was watched for an hour to two days: beside the others, a few of a hundred. */
function youngRows(machine: MachinePhase, sampling: YoungSampling): CollectedRows[] {
  const { options, machines, rng, writer } = sampling;
  const { raw, grid, borders, peers } = machine;
  const stretches = Math.ceil((options.rows * YOUNG_SHARE) / machines / YOUNG_PER_STRETCH);
  const found = youngStretches(raw, {
    stretches: Math.min(stretches, Math.ceil(grid.length / YOUNG_PER_STRETCH / 8)),
    perStretch: YOUNG_PER_STRETCH,
    startMs: grid.startMs,
    endMs: borders.testStartMs,
    rng,
  });
  return found.map((stretch) => {
    const peersAt = (originMs: number) => peers.at(grid, originMs);
    const rows = replayRows({ ...stretch, target: options.target, peersAt }, writer);
    return labelRows(machine, { rows, originsMs: stretch.originsMs, target: options.target });
  });
}

/** How many whole-minute phases the finest of the data can tell apart. */
function phasesIn(series: readonly RawLoadSeries[]): number {
  const steps = series.map(({ timesMs }) =>
    median(timesMs.subarray(1, 1001).map((time, i) => time - (timesMs[i] as number))),
  );
  const stepMs = Math.min(...steps.filter((step) => step > 0));
  return Number.isFinite(stepMs)
    ? Math.max(1, Math.min(MOST_PHASES, Math.round(COARSE_STEP_MS / stepMs)))
    : 1;
}

interface MachinePhase {
  readonly raw: RawLoadSeries;
  readonly grid: LoadSeries;
  readonly borders: SpanBorders;
  readonly peers: PeerTable;
  readonly phaseMs: number;
}

interface RowSampling {
  readonly target: LoadTarget;
  readonly keepShare: number;
  readonly rng: Rng;
  readonly writer: FeatureWriter;
}

function machineRows(machine: MachinePhase, sampling: RowSampling): CollectedRows {
  const { raw, grid, borders, peers, phaseMs } = machine;
  const { target } = sampling;
  const origins: number[] = [];
  for (let i = 0; i < grid.length; i++) {
    const originMs = grid.startMs + i * COARSE_STEP_MS;
    if (originMs >= borders.testStartMs) break;
    if (sampling.rng.next() < sampling.keepShare) origins.push(originMs);
  }
  const originsMs = Float64Array.from(origins);
  const peersAt = (originMs: number) => peers.at(grid, originMs);
  const rows = replayRows({ raw, target, originsMs, phaseMs, peersAt }, sampling.writer);
  return labelRows(machine, { rows, originsMs, target });
}

interface UnlabelledRows {
  readonly rows: FeatureRows;
  readonly originsMs: Float64Array;
  readonly target: LoadTarget;
}

/** Adds the later means; those beyond the border of a row's own span stay unknown. */
function labelRows({ grid, borders }: MachinePhase, unlabelled: UnlabelledRows): CollectedRows {
  const { rows, originsMs, target } = unlabelled;
  const roles = Uint8Array.from(originsMs, (originMs) =>
    originMs < borders.calibrationStartMs ? ROW_ROLES.fit : ROW_ROLES.calibrate,
  );
  const actuals = HORIZON_MINUTES.map((minutes) =>
    Float32Array.from(originsMs, (originMs) => {
      const endMs = originMs + minutes * MINUTE_MS;
      const isFit = originMs < borders.calibrationStartMs;
      const borderMs = isFit ? borders.calibrationStartMs : borders.testStartMs;
      return endMs < borderMs ? valueAt(grid, target, endMs) : Number.NaN;
    }),
  );
  return { ...rows, actuals, roles };
}

/** One set from the parts; the parts' memory is free for collection as soon as it is copied. */
function joinRows(parts: CollectedRows[], spool: RowSpool | undefined): TrainingRows {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const values = spool ?? new Float32Array(rows * FEATURE_COUNT);
  const joined = {
    rows,
    values,
    anchors: new Float32Array(rows),
    deviations: new Float32Array(rows),
    actuals: HORIZON_MINUTES.map(() => new Float32Array(rows)),
    roles: new Uint8Array(rows),
  };
  let at = 0;
  for (const part of parts.splice(0)) {
    if (values instanceof Float32Array) values.set(part.values, at * FEATURE_COUNT);
    joined.anchors.set(part.anchors, at);
    joined.deviations.set(part.deviations, at);
    for (const [i, actual] of part.actuals.entries()) joined.actuals[i]?.set(actual, at);
    joined.roles.set(part.roles, at);
    at += part.rows;
  }
  return joined;
}

/** Moves the features of a part into the spool, when there is one. */
function spooled(part: CollectedRows, spool: RowSpool | undefined): CollectedRows {
  if (spool === undefined) return part;
  spool.append(part.values);
  return { ...part, values: new Float32Array(0) };
}
