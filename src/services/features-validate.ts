import { join } from 'node:path';
import {
  ENTITY_KEYS,
  FEATURE_VIEWS,
  validateFeature,
  validateSchema,
  type FeatureFinding,
  type FeatureHealth,
  type FeatureView,
} from '#features';
import { MlschedError } from '#kernel/errors';
import type { Progress } from '#kernel/progress';
import { HOUR_MS, SECOND_MS } from '#kernel/units';
import { describeParquet, listFiles, readParquetColumns, type ParquetTable } from '#platform/files';
import { readBuiltFeatures } from './features-build.ts';

export interface ValidateFeaturesOptions {
  /** Folder that `features build` wrote. */
  readonly directory: string;
  /** Another such folder that is held to be sound; without it the time before the judged hours is the reference. */
  readonly referenceDirectory?: string;
  /** The newest hours of the folder are judged; default: the newest fifth of its span. */
  readonly hours?: number;
  readonly progress: Progress;
}

export interface FeatureReport {
  readonly verdict: 'pass' | 'fail';
  readonly features: readonly FeatureHealth[];
  readonly findings: readonly FeatureFinding[];
  /** What was judged, by view. */
  readonly views: readonly {
    readonly view: string;
    readonly fromMs: number;
    readonly toMs: number;
    readonly rows: number;
  }[];
}

const JUDGED_SHARE = 0.2;
/** Windows that the reference is cut into at most, newest kept. */
const MOST_WINDOWS = 20;

/**
 * Judges built features: columns and versions, ranges, unknown values, and drift against the time before.
 *
 * @throws MlschedError those of `readBuiltFeatures` and `describeParquet`; `MLS_SERVICES_NO_FEATURES`.
 */
export async function validateFeatures(options: ValidateFeaturesOptions): Promise<FeatureReport> {
  const built = await readBuiltFeatures(options.directory);
  const views = FEATURE_VIEWS.filter(({ name }) => built.views[name] !== undefined);
  if (views.length === 0) throw nothingBuilt(options.directory);
  const report = {
    features: [] as FeatureHealth[],
    findings: [] as FeatureFinding[],
    views: [] as FeatureReport['views'][number][],
  };
  for (const [i, view] of views.entries()) {
    options.progress.report(i, views.length, `validating ${view.name}`);
    const tables = await describeView(options.directory, view);
    const { version } = built.views[view.name] as { version: string };
    const broken = tables.flatMap(({ columns }) =>
      validateSchema(view, ENTITY_KEYS[view.entity], {
        columns: new Map([...columns].map(([name, { kind }]) => [name, kind])),
        version,
      }),
    );
    report.findings.push(...distinct(broken));
    // Columns of another form or meaning tell nothing.
    if (broken.length === 0) await judgeView(view, tables, options, report);
  }
  return { verdict: report.findings.length === 0 ? 'pass' : 'fail', ...report };
}

function nothingBuilt(directory: string): MlschedError {
  return new MlschedError('MLS_SERVICES_NO_FEATURES', `${directory} holds no built view`, {
    kind: 'not-found',
    hint: 'Run `mlsched features build --out` with this folder first.',
    details: { directory },
  });
}

async function describeView(directory: string, view: FeatureView): Promise<ParquetTable[]> {
  const paths = await listFiles(join(directory, view.name), '.parquet');
  const tables: ParquetTable[] = [];
  for (const path of paths) tables.push(await describeParquet(path));
  return tables;
}

function distinct(findings: readonly FeatureFinding[]): FeatureFinding[] {
  return [...new Map(findings.map((one) => [`${one.kind} ${one.message}`, one])).values()];
}

interface ReportParts {
  readonly features: FeatureHealth[];
  readonly findings: FeatureFinding[];
  readonly views: FeatureReport['views'][number][];
}

async function judgeView(
  view: FeatureView,
  tables: readonly ParquetTable[],
  options: ValidateFeaturesOptions,
  report: ReportParts,
): Promise<void> {
  const times = await readAll(tables, 'event_timestamp');
  const startMs = times.reduce((first, time) => Math.min(first, time), Infinity);
  const endMs = times.reduce((last, time) => Math.max(last, time), -Infinity);
  const fromMs =
    endMs - (options.hours === undefined ? (endMs - startMs) * JUDGED_SHARE : options.hours * HOUR_MS);
  const other = await openReference(view, options);
  const isJudged = maskOf(times, (time) => time > fromMs);
  report.views.push({ view: view.name, fromMs, toMs: endMs, rows: isJudged.length });
  const spanSeconds = (endMs - fromMs) / SECOND_MS;
  const windows = other?.windows ?? cutWindows(times, { endMs: fromMs, widthMs: endMs - fromMs });
  for (const definition of view.features) {
    const all = await readAll(tables, definition.name);
    const current = pick(all, isJudged);
    const past = other === undefined ? all : await readAll(other.tables, definition.name);
    const reference = windows.map((rows) => pick(past, rows));
    const { health, findings } = validateFeature(view, definition, { current, reference, spanSeconds });
    report.features.push(health);
    report.findings.push(...findings);
  }
}

async function openReference(view: FeatureView, { referenceDirectory, directory }: ValidateFeaturesOptions) {
  if (referenceDirectory === undefined || referenceDirectory === directory) return undefined;
  const tables = await describeView(referenceDirectory, view);
  const times = await readAll(tables, 'event_timestamp');
  const endMs = times.reduce((last, time) => Math.max(last, time), -Infinity);
  const startMs = times.reduce((first, time) => Math.min(first, time), Infinity);
  return { tables, windows: cutWindows(times, { endMs, widthMs: (endMs - startMs) * JUDGED_SHARE }) };
}

async function readAll(tables: readonly ParquetTable[], column: string): Promise<Float64Array> {
  const parts: Float64Array[] = [];
  for (const table of tables) {
    const read = await readParquetColumns(table, [column]);
    parts.push(read.numbers.get(column) as Float64Array);
  }
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Numbers of the rows whose time is wanted. */
function maskOf(times: Float64Array, isWanted: (timeMs: number) => boolean): Int32Array {
  return Int32Array.from(times.keys()).filter((row) => isWanted(times[row] as number));
}

/** Rows of windows of one width, the last of which ends at `endMs`; oldest first. */
function cutWindows(
  times: Float64Array,
  { endMs, widthMs }: { readonly endMs: number; readonly widthMs: number },
): Int32Array[] {
  const windows: Int32Array[] = [];
  for (let back = 0; back < MOST_WINDOWS; back++) {
    const toMs = endMs - back * widthMs;
    const rows = maskOf(times, (time) => time > toMs - widthMs && time <= toMs);
    if (rows.length === 0) break;
    windows.unshift(rows);
  }
  return windows;
}

function pick(values: Float64Array, rows: Int32Array): Float64Array {
  return Float64Array.from(rows, (row) => values[row] as number);
}
