import { LOAD_TARGETS } from '#domain';
import type { LoadTarget, RawLoadSeries } from '#domain';
import { mean, median } from '#kernel/stats';
import {
  clamp,
  DAY_SECONDS,
  formatDuration,
  formatPercent,
  HOUR_SECONDS,
  MINUTE_SECONDS,
} from '#kernel/units';
import type { LoadFinding } from './load-merge.ts';
import { QUALITY_BAR } from './quality-types.ts';
import type { Gap, MetricQuality, QualityPart, QualityParts, QualityReport } from './quality-types.ts';

export interface AssessOptions {
  /** What reading put right, from `readLoadHistory`; without it order and uniqueness count as perfect. */
  readonly findings?: readonly LoadFinding[];
  /** The present, for live data; leave it out for a recording, which is old by nature. */
  readonly asOfMs?: number;
  /** Default 0.95. */
  readonly barRatio?: number;
}

const MAX_GAPS_LISTED = 10;
/** Share of samples in flat runs from which it is worth a word. */
const FLAT_SHARE = 0.05;
/** A gap is a distance of more than this many steps: one late scrape is none. */
const GAP_STEPS = 2;
const FRESH_SECONDS = 5 * MINUTE_SECONDS;
/** CPU use of a living machine moves; memory may rest for long, so only days of rest are suspicious. */
const FLAT_SECONDS: Readonly<Record<LoadTarget, number>> = { cpu: 6 * HOUR_SECONDS, memory: 3 * DAY_SECONDS };

/**
 * Scores how far load series can be trusted, per machine and metric.
 *
 * Score = completeness x range x order x uniqueness x freshness, each 0..1. A metric that the
 * source does not have at all is not scored.
 *
 * @param series - As read or as collected; values outside 0..1 lower the score here instead of failing.
 * @remarks Pure, O(samples log samples) for the median step.
 */
export function assessQuality(series: readonly RawLoadSeries[], options: AssessOptions = {}): QualityReport {
  const barRatio = options.barRatio ?? QUALITY_BAR;
  const metrics = series
    .flatMap((one) => LOAD_TARGETS.flatMap((target) => assessMetric(one, target, options) ?? []))
    .sort((a, b) => a.score - b.score || compare(a.machine, b.machine) || compare(a.metric, b.metric));
  const score = metrics.length === 0 ? 0 : mean(metrics.map((metric) => metric.score));
  const failing = metrics.filter(({ verdict }) => verdict === 'fail').map(({ machine }) => machine);
  return {
    schemaVersion: 1,
    barRatio,
    score,
    verdict: score >= barRatio ? 'pass' : 'fail',
    machines: series.length,
    metrics,
    failingMachines: [...new Set(failing)].sort(),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function assessMetric(
  series: RawLoadSeries,
  metric: LoadTarget,
  options: AssessOptions,
): MetricQuality | undefined {
  const values = metric === 'cpu' ? series.cpuUsageRatio : series.memoryUsageRatio;
  if (values === undefined) return undefined;
  const { timesMs, machine } = series;
  const stepSeconds = medianStepSeconds(timesMs);
  const scan = scanValues(timesMs, values, {
    stepMs: stepSeconds * 1000,
    flatMs: FLAT_SECONDS[metric] * 1000,
  });
  const parts: QualityParts = {
    completeness: completeness(timesMs, stepSeconds, scan.known),
    range: ratio(scan.inRange, scan.known),
    order: 1 - findingShare(options.findings, { machine, kind: 'unsorted-times' }, timesMs.length),
    uniqueness: 1 - findingShare(options.findings, { machine, kind: 'repeated-times' }, timesMs.length),
    freshness: freshness(scan.lastKnownMs, options.asOfMs),
  };
  const score = Object.values(parts).reduce((product: number, part: number) => product * part, 1);
  const weakestPart = findWeakest(parts);
  const passes = score >= (options.barRatio ?? QUALITY_BAR);
  return {
    machine,
    metric,
    score,
    verdict: passes ? 'pass' : 'fail',
    parts,
    weakestPart,
    action:
      passes || weakestPart === undefined
        ? adviseOnFlat(scan)
        : adviseOn(weakestPart, parts, scan.gaps.length),
    stepSeconds,
    samples: timesMs.length,
    gapCount: scan.gaps.length,
    gaps: scan.gaps.sort((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs)).slice(0, MAX_GAPS_LISTED),
    flatRatio: ratio(scan.flatSamples, scan.known),
    longestFlatSeconds: scan.longestFlatMs / 1000,
  };
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function medianStepSeconds(timesMs: Float64Array): number {
  const steps = Float64Array.from({ length: Math.max(0, timesMs.length - 1) }, (_, i) => {
    return ((timesMs[i + 1] as number) - (timesMs[i] as number)) / 1000;
  });
  return median(steps);
}

function completeness(timesMs: Float64Array, stepSeconds: number, known: number): number {
  if (timesMs.length < 2) return known;
  const spanSeconds = ((timesMs.at(-1) as number) - (timesMs[0] as number)) / 1000;
  return clamp(known / (Math.round(spanSeconds / stepSeconds) + 1), 0, 1);
}

function findingShare(
  findings: readonly LoadFinding[] = [],
  wanted: Pick<LoadFinding, 'machine' | 'kind'>,
  samples: number,
): number {
  const rows = findings
    .filter(({ machine, kind }) => machine === wanted.machine && kind === wanted.kind)
    .reduce((sum, finding) => sum + finding.rows, 0);
  return ratio(rows, samples + rows);
}

function freshness(lastKnownMs: number, asOfMs: number | undefined): number {
  if (asOfMs === undefined) return 1;
  if (Number.isNaN(lastKnownMs)) return 0;
  const ageSeconds = (asOfMs - lastKnownMs) / 1000;
  return ageSeconds <= FRESH_SECONDS ? 1 : clamp(1 - ageSeconds / DAY_SECONDS, 0, 1);
}

interface ValueScan {
  known: number;
  inRange: number;
  flatSamples: number;
  longestFlatMs: number;
  lastKnownMs: number;
  readonly gaps: Gap[];
}

/** One pass: range, gaps between known samples, runs in which the value stood still. */
function scanValues(
  timesMs: Float64Array,
  values: Float32Array,
  limits: { readonly stepMs: number; readonly flatMs: number },
): ValueScan {
  const scan: ValueScan = {
    known: 0,
    inRange: 0,
    flatSamples: 0,
    longestFlatMs: 0,
    lastKnownMs: NaN,
    gaps: [],
  };
  const run = { value: NaN, fromMs: NaN, samples: 0 };
  const closeRun = (): void => {
    const lengthMs = scan.lastKnownMs - run.fromMs;
    if (lengthMs > scan.longestFlatMs) scan.longestFlatMs = lengthMs;
    if (lengthMs >= limits.flatMs) scan.flatSamples += run.samples;
  };
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    const timeMs = timesMs[i] as number;
    const distanceMs = timeMs - scan.lastKnownMs;
    if (distanceMs > GAP_STEPS * limits.stepMs) {
      const missingSamples = Math.round(distanceMs / limits.stepMs) - 1;
      scan.gaps.push({ fromMs: scan.lastKnownMs, toMs: timeMs, missingSamples });
    }
    if (value !== run.value) {
      closeRun();
      Object.assign(run, { value, fromMs: timeMs, samples: 0 });
    }
    run.samples++;
    scan.known++;
    if (value >= 0 && value <= 1) scan.inRange++;
    scan.lastKnownMs = timeMs;
  }
  closeRun();
  return scan;
}

function findWeakest(parts: QualityParts): QualityPart | undefined {
  const [name, value] =
    (Object.entries(parts) as [QualityPart, number][]).sort((a, b) => a[1] - b[1])[0] ?? [];
  return value === undefined || value >= 1 ? undefined : name;
}

function adviseOn(part: QualityPart, parts: QualityParts, gaps: number): string {
  const share = formatPercent(1 - parts[part]);
  const advice: Readonly<Record<QualityPart, string>> = {
    completeness: `${share} of the samples are missing in ${gaps} gaps: collect that span again, or leave the machine out.`,
    range: `${share} of the samples lie outside 0..1: check the capacity that the usage is divided by.`,
    order: `${share} of the rows came out of order: export sorted by time and check the clocks of the sources.`,
    uniqueness: `${share} of the rows were repeats: two collectors may write the same machine.`,
    freshness: 'The newest sample is old: check that the scrape target is up.',
  };
  return advice[part];
}

function adviseOnFlat(scan: ValueScan): string {
  if (scan.flatSamples <= FLAT_SHARE * scan.known) return '';
  return `The value stood still for up to ${formatDuration(scan.longestFlatMs)}: the machine is idle or its exporter is frozen.`;
}
