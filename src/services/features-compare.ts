import { readLoadSeries } from '#collect';
import {
  HORIZON_MINUTES,
  LOAD_TARGETS,
  type HorizonMinutes,
  type LoadSeries,
  type LoadTarget,
  type RawLoadSeries,
} from '#domain';
import {
  COARSE_STEP_MS,
  createFeatureWriter,
  createPeerTable,
  FEATURE_COUNT,
  parseFeatureSet,
  phasedSeries,
  replayRows,
  samplesOf,
  valueAt,
} from '#features';
import { MlschedError } from '#kernel/errors';
import type { Progress } from '#kernel/progress';
import { MINUTE_MS } from '#kernel/units';
import { openXgboost, trainBooster } from '#native';
import { compareErrors, type FeatureSetComparison, type PairedErrors } from '#training';
import { loadDirectory } from './features-build.ts';

export interface CompareFeaturesOptions {
  readonly dataDirectory: string;
  /** Feature sets in the words of `parseFeatureSet`. */
  readonly setA: string;
  readonly setB: string;
  readonly horizons: readonly HorizonMinutes[];
  readonly seed: number;
  readonly progress: Progress;
}

export interface FeatureComparison extends FeatureSetComparison {
  readonly setA: { readonly text: string; readonly features: number };
  readonly setB: { readonly text: string; readonly features: number };
  /** By resource and horizon. */
  readonly results: readonly (FeatureSetComparison & {
    readonly target: LoadTarget;
    readonly horizonMinutes: HorizonMinutes;
  })[];
}

/** Shares of each machine's span: fit, then early stopping, then test; nothing crosses a border. */
const FIT_END = 0.7;
const TEST_START = 0.85;
const MOST_ROUNDS = 300;
/** Fit rows at most, evenly thinned: enough to tell two sets apart, in seconds. */
const MOST_FIT_ROWS = 60_000;
const PARAMETERS = {
  objective: 'reg:absoluteerror',
  tree_method: 'hist',
  max_depth: 7,
  eta: 0.1,
  subsample: 0.7,
  colsample_bynode: 0.5,
  min_child_weight: 60,
  max_bin: 64,
} as const;

/**
 * Trains a forecast on each of two feature sets and judges them on the last 15 % of every machine, which neither saw: the
 * same rows, the same settings, the same seed, errors in pairs.
 *
 * @throws MlschedError those of `readLoadSeries` and `parseFeatureSet`; `MLS_SERVICES_COMPARE_HISTORY`; those of #native.
 */
export async function compareFeatures(options: CompareFeaturesOptions): Promise<FeatureComparison> {
  const columnsA = parseFeatureSet(options.setA);
  const columnsB = parseFeatureSet(options.setB);
  const series = await readLoadSeries(loadDirectory(options.dataDirectory), { progress: options.progress });
  const parts: PairedErrors[] = [];
  for (const target of LOAD_TARGETS) {
    const rows = collectRows(series, target);
    for (const [i, horizonMinutes] of options.horizons.entries()) {
      options.progress.report(i, options.horizons.length, `comparing ${target} at ${horizonMinutes} min`);
      const labelled = labelRows(rows, horizonMinutes);
      if (labelled.fit.length < 200 || labelled.test.length < 50) continue;
      const errorsA = errorsOf(rows, labelled, { columns: columnsA, seed: options.seed });
      const errorsB = errorsOf(rows, labelled, { columns: columnsB, seed: options.seed });
      const machines = Array.from(labelled.test, (row) => rows.machines[row] as string);
      const originsMs = Float64Array.from(labelled.test, (row) => rows.originsMs[row] as number);
      parts.push({ target, horizonMinutes, machines, originsMs, errorsA, errorsB });
    }
  }
  if (parts.length === 0) throw historyTooShort();
  return {
    setA: { text: options.setA, features: columnsA.length },
    setB: { text: options.setB, features: columnsB.length },
    ...compareErrors(parts, options.seed),
    results: parts.map((part) => ({
      target: part.target,
      horizonMinutes: part.horizonMinutes,
      ...compareErrors([part], options.seed),
    })),
  };
}

function historyTooShort(): MlschedError {
  return new MlschedError(
    'MLS_SERVICES_COMPARE_HISTORY',
    'the history is too short to compare two feature sets on it',
    {
      kind: 'invalid-input',
      hint: 'Give at least two days of load; a week or more for a verdict.',
    },
  );
}

/** Rows of all machines, one after another; role by place in the machine's span. */
interface Rows {
  readonly values: Float32Array;
  readonly anchors: Float32Array;
  readonly deviations: Float32Array;
  readonly machines: string[];
  readonly originsMs: number[];
  readonly grids: LoadSeries[];
  readonly target: LoadTarget;
}

function collectRows(series: readonly RawLoadSeries[], target: LoadTarget): Rows {
  const measured = series.filter(
    (raw) => samplesOf(raw, target)?.some((value) => !Number.isNaN(value)) === true,
  );
  const all = measured.map((raw) => phasedSeries(raw, 0));
  const peers = createPeerTable(all, target);
  const writer = createFeatureWriter();
  const count = all.reduce((sum, { length }) => sum + length, 0);
  const rows = {
    values: new Float32Array(count * FEATURE_COUNT),
    anchors: new Float32Array(count),
    deviations: new Float32Array(count),
    machines: [] as string[],
    originsMs: [] as number[],
    grids: [] as LoadSeries[],
    target,
  };
  for (const [i, raw] of measured.entries()) {
    const grid = all[i] as LoadSeries;
    const originsMs = Float64Array.from(
      { length: grid.length },
      (_, at) => grid.startMs + at * COARSE_STEP_MS,
    );
    const part = replayRows(
      { raw, target, originsMs, peersAt: (originMs) => peers.at(grid, originMs) },
      writer,
    );
    const at = rows.machines.length;
    rows.values.set(part.values, at * FEATURE_COUNT);
    rows.anchors.set(part.anchors, at);
    rows.deviations.set(part.deviations, at);
    for (const originMs of originsMs) {
      rows.machines.push(raw.machine);
      rows.originsMs.push(originMs);
      rows.grids.push(grid);
    }
  }
  return rows;
}

interface LabelledRows {
  readonly fit: readonly number[];
  readonly stop: readonly number[];
  readonly test: readonly number[];
  /** The truth of each row, 0..1; NaN where it is not known or lies behind the border of its part. */
  readonly actuals: Float32Array;
}

function labelRows(rows: Rows, horizonMinutes: number): LabelledRows {
  const parts: Record<'fit' | 'stop' | 'test', number[]> = { fit: [], stop: [], test: [] };
  const actuals = new Float32Array(rows.machines.length).fill(Number.NaN);
  for (const [row, grid] of rows.grids.entries()) {
    const originMs = rows.originsMs[row] as number;
    const endMs = originMs + horizonMinutes * MINUTE_MS;
    const actual = valueAt(grid, rows.target, endMs);
    const part = partOf(grid, originMs);
    if (Number.isNaN(actual) || Number.isNaN(rows.anchors[row]) || partOf(grid, endMs) !== part) continue;
    actuals[row] = actual;
    parts[part].push(row);
  }
  return { ...parts, fit: thin(parts.fit), actuals };
}

function partOf(grid: LoadSeries, timeMs: number): 'fit' | 'stop' | 'test' {
  const place = (timeMs - grid.startMs) / (grid.length * COARSE_STEP_MS);
  if (place < FIT_END) return 'fit';
  return place < TEST_START ? 'stop' : 'test';
}

function thin(rows: readonly number[]): readonly number[] {
  const stride = Math.ceil(rows.length / MOST_FIT_ROWS);
  return rows.filter((_, i) => i % stride === 0);
}

/** Absolute errors on the test rows, in shares of capacity. */
function errorsOf(
  rows: Rows,
  labelled: LabelledRows,
  { columns, seed }: { readonly columns: readonly number[]; readonly seed: number },
): Float32Array {
  const library = openXgboost();
  const pack = (chosen: readonly number[]) => ({
    values: packColumns(rows.values, chosen, columns),
    labels: Float32Array.from(chosen, (row) => changeOf(rows, labelled, row)),
    weights: Float32Array.from(chosen, (row) => Math.sqrt(rows.deviations[row] as number)),
  });
  const shape = { columns: columns.length, maxBins: PARAMETERS.max_bin, threads: 1 };
  using training = library.createMatrix({ ...shape, batches: [pack(labelled.fit)] });
  using stopping = library.createMatrix({ ...shape, batches: [pack(labelled.stop)], reference: training });
  using booster = trainBooster(library, {
    parameters: { ...PARAMETERS, seed },
    training,
    evaluation: { stopping },
    rounds: MOST_ROUNDS,
    earlyStoppingRounds: 20,
    threads: 1,
  }).booster;
  const test = packColumns(rows.values, labelled.test, columns);
  const { values } = booster.predict(test, labelled.test.length);
  return Float32Array.from(labelled.test, (row, i) => {
    const forecast = (rows.anchors[row] as number) + (values[i] as number) * (rows.deviations[row] as number);
    return Math.abs(Math.min(1, Math.max(0, forecast)) - (labelled.actuals[row] as number));
  });
}

function changeOf(rows: Rows, { actuals }: LabelledRows, row: number): number {
  const change =
    ((actuals[row] as number) - (rows.anchors[row] as number)) / (rows.deviations[row] as number);
  return Math.min(200, Math.max(-200, change));
}

function packColumns(
  values: Float32Array,
  rows: readonly number[],
  columns: readonly number[],
): Float32Array {
  const packed = new Float32Array(rows.length * columns.length);
  let at = 0;
  for (const row of rows)
    for (const column of columns) packed[at++] = values[row * FEATURE_COUNT + column] as number;
  return packed;
}

/**
 * Horizons that a person named, such as `5,60`.
 *
 * @throws MlschedError `MLS_SERVICES_HORIZON`.
 */
export function parseHorizons(text: string): readonly HorizonMinutes[] {
  return text.split(',').map((part) => {
    const horizon = HORIZON_MINUTES.find((minutes) => String(minutes) === part.trim());
    if (horizon === undefined) throw horizonUnknown(part);
    return horizon;
  });
}

function horizonUnknown(part: string): MlschedError {
  return new MlschedError('MLS_SERVICES_HORIZON', `there is no forecast ${part} min ahead`, {
    kind: 'invalid-input',
    hint: `Name some of ${HORIZON_MINUTES.join(', ')}, separated by commas.`,
    details: { part },
  });
}
