import type { FeatureDefinition } from '../definition.ts';
import { UNIT_RANGES, type FeatureView } from '../views.ts';
import { compareDistributions } from './kolmogorov-smirnov.ts';
import { stabilityIndex } from './psi.ts';

type FindingKind =
  'version' | 'missing-column' | 'wrong-type' | 'unknown-column' | 'range' | 'unknown-share' | 'drift';

/** One thing that is not as it must be. */
export interface FeatureFinding {
  readonly kind: FindingKind;
  readonly view: string;
  /** Absent where the whole view is meant. */
  readonly feature?: string;
  readonly message: string;
}

/** One feature over a window of time beside the time before. Numbers are NaN where there is nothing to tell. */
export interface FeatureHealth {
  readonly view: string;
  readonly feature: string;
  readonly rows: number;
  readonly unknownRatio: number;
  readonly referenceUnknownRatio: number;
  /** Share of the known values outside the range of the unit. */
  readonly outsideRatio: number;
  readonly stabilityIndex: number;
  /** What the index may reach: the bar, or more where the reference itself moved as much. */
  readonly stabilityLimit: number;
  readonly kolmogorovSmirnov: number;
  readonly pValue: number;
}

/** Values of one feature; NaN is unknown. */
export interface FeatureColumns {
  readonly current: Float64Array;
  /** Windows of the time before, oldest first, each about as long as the current one. */
  readonly reference: readonly Float64Array[];
  /** Length of the current window. */
  readonly spanSeconds: number;
}

/** Above it a distribution counts as changed much (Siddiqi 2006). */
const STABILITY_BAR = 0.25;
/** How far above the restlessness of the reference a change must lie. */
const RESTLESSNESS_MARGIN = 1.25;
/** So many more unknown values than before are a finding. */
const UNKNOWN_JUMP = 0.1;
/** Rounding to float32 may carry a value this far over the edge. */
const EDGE = 1e-5;
/**
 * Values of a feature that looks back a day hardly differ within the day: a window shorter than so many looks back
 * holds too few independent values to tell drift from the weather.
 */
const FEWEST_LOOKS_BACK = 4;
/** Fewer known values than this tell nothing of a distribution. */
const FEWEST_VALUES = 100;

/**
 * Judges one feature: values inside the range of its unit, no more unknown ones than before, and no drift beyond what
 * the reference shows among its own windows.
 *
 * The clock is not judged for drift: its distribution is that of the hours looked at. Neither is a feature that looks back
 * further than a quarter of the current window.
 */
export function validateFeature(
  view: Pick<FeatureView, 'name'>,
  definition: FeatureDefinition,
  columns: FeatureColumns,
): { readonly health: FeatureHealth; readonly findings: readonly FeatureFinding[] } {
  const current = knownOf(columns.current);
  const windows = columns.reference.map(knownOf);
  const reference = joined(windows);
  const referenceRows = columns.reference.reduce((sum, { length }) => sum + length, 0);
  const hasDrift =
    definition.group !== 'calendar' &&
    columns.spanSeconds >= FEWEST_LOOKS_BACK * definition.windowSeconds &&
    Math.min(current.length, reference.length) >= FEWEST_VALUES;
  const test = hasDrift ? compareDistributions(reference, current) : { statistic: NaN, pValue: NaN };
  const health: FeatureHealth = {
    view: view.name,
    feature: definition.name,
    rows: columns.current.length,
    unknownRatio: 1 - current.length / columns.current.length,
    referenceUnknownRatio: 1 - reference.length / referenceRows,
    outsideRatio: outsideShare(definition, current),
    stabilityIndex: hasDrift ? stabilityIndex(reference, current) : Number.NaN,
    stabilityLimit: Math.max(STABILITY_BAR, RESTLESSNESS_MARGIN * restlessness(windows)),
    kolmogorovSmirnov: test.statistic,
    pValue: test.pValue,
  };
  return { health, findings: findingsOf(definition, health) };
}

/** Ascending, without NaN. */
function knownOf(values: Float64Array): Float64Array {
  return values.filter((value) => !Number.isNaN(value)).sort();
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.sort();
}

/** Largest index of one window of the reference against its other windows; 0 with fewer than two. */
function restlessness(windows: readonly Float64Array[]): number {
  return windows.reduce((worst, window, i) => {
    const others = joined(windows.filter((_, other) => other !== i));
    if (Math.min(window.length, others.length) < FEWEST_VALUES) return worst;
    return Math.max(worst, stabilityIndex(others, window));
  }, 0);
}

function outsideShare({ unit }: FeatureDefinition, sorted: Float64Array): number {
  const [low, high] = UNIT_RANGES[unit];
  const outside = sorted.filter(
    (value) => !(value >= low - EDGE && value <= high + EDGE) || !Number.isFinite(value),
  );
  return sorted.length === 0 ? Number.NaN : outside.length / sorted.length;
}

function findingsOf(definition: FeatureDefinition, health: FeatureHealth): FeatureFinding[] {
  const { view, feature } = health;
  const found: FeatureFinding[] = [];
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  if (health.outsideRatio > 0) {
    const [low, high] = UNIT_RANGES[definition.unit];
    const message = `${percent(health.outsideRatio)} of the known values lie outside ${low} to ${high} (${definition.unit})`;
    found.push({ kind: 'range', view, feature, message });
  }
  if (health.unknownRatio - health.referenceUnknownRatio > UNKNOWN_JUMP) {
    const message = `${percent(health.unknownRatio)} are unknown, ${percent(health.referenceUnknownRatio)} were before`;
    found.push({ kind: 'unknown-share', view, feature, message });
  }
  if (health.stabilityIndex > health.stabilityLimit) {
    const message = `stability index ${health.stabilityIndex.toFixed(2)} is above ${health.stabilityLimit.toFixed(2)} (Kolmogorov-Smirnov ${health.kolmogorovSmirnov.toFixed(2)})`;
    found.push({ kind: 'drift', view, feature, message });
  }
  return found;
}

/** Kind of each column that a file has: `number`, `text`, `time` and so on. */
type ColumnKinds = ReadonlyMap<string, string>;

/**
 * Judges the columns of a view's file.
 *
 * @param keys - Names of the key columns.
 * @param version - Version that the file was written with; undefined when nobody tells.
 */
export function validateSchema(
  view: FeatureView,
  keys: readonly string[],
  { columns, version }: { readonly columns: ColumnKinds; readonly version: string | undefined },
): FeatureFinding[] {
  const expected = new Map<string, string>([
    ...keys.map((key): [string, string] => [key, 'text']),
    ['event_timestamp', 'time'],
    ...view.features.map(({ name }): [string, string] => [name, 'number']),
  ]);
  const found: FeatureFinding[] = [];
  const add = (kind: FindingKind, message: string, feature?: string): void => {
    found.push({ kind, view: view.name, message, ...(feature === undefined ? {} : { feature }) });
  };
  if (version !== view.version)
    add('version', `written as ${version ?? 'no version'}, this is ${view.version}`);
  for (const [name, kind] of expected) {
    const has = columns.get(name);
    if (has === undefined) add('missing-column', `there is no column ${name}`, name);
    else if (has !== kind) add('wrong-type', `column ${name} is ${has}, expected ${kind}`, name);
  }
  for (const name of columns.keys()) {
    if (!expected.has(name)) add('unknown-column', `column ${name} is not of this view`, name);
  }
  return found;
}
