import { LOAD_TARGETS } from '#domain';
import type { LoadSeries, LoadTarget, RawLoadSeries } from '#domain';
import { resampleLoad } from '#features';
import { mean, median, quantile, standardDeviation } from '#kernel/stats';
import { HOUR_MS, MINUTE_SECONDS } from '#kernel/units';
import type {
  BaselineInput,
  BaselineReport,
  ClusterUse,
  NodeBaseline,
  NodeUse,
  SchedulingBaseline,
  SchedulingSeries,
} from './types.ts';

/** Load is judged on 5-minute means, as everywhere. */
const STEP_SECONDS = 300;
const STEP_MINUTES = STEP_SECONDS / MINUTE_SECONDS;
const STEP_MS = STEP_SECONDS * 1000;
const HOT = 0.8;
const FULL = 0.95;
const ROOMY = 0.5;
const BINS = 20;

/** All nodes on one grid: row-major `[nodes, windows]`, NaN where unknown. */
interface LoadTable {
  readonly nodes: readonly string[];
  readonly startMs: number;
  readonly windows: number;
  readonly values: Readonly<Partial<Record<LoadTarget, Float32Array>>>;
}

/** Measures the baseline. At least one series with at least one known CPU value. */
export function measureBaseline(input: BaselineInput): BaselineReport {
  const table = tabulate(input.series);
  const hasMemory = table.values.memory?.some((value) => !Number.isNaN(value)) === true;
  const nodes = table.nodes.map((node, at): NodeBaseline => {
    const cpu = rowOf(table, 'cpu', at);
    return {
      node,
      cpu: useOf(cpu),
      memory: hasMemory ? useOf(rowOf(table, 'memory', at)) : undefined,
      extras: input.extras.get(node),
      cpuP95ByHourRatio: byHour(cpu, table.startMs),
    };
  });
  return {
    startMs: table.startMs - STEP_MS,
    endMs: table.startMs + (table.windows - 1) * STEP_MS,
    stepSeconds: STEP_SECONDS,
    nodes: nodes.sort((a, b) => b.cpu.meanRatio - a.cpu.meanRatio),
    cpu: clusterUse(table, 'cpu'),
    memory: hasMemory ? clusterUse(table, 'memory') : undefined,
    scheduling: input.scheduling === undefined ? undefined : schedulingOf(input.scheduling),
    profiles: input.profiles,
  };
}

function tabulate(raw: readonly RawLoadSeries[]): LoadTable {
  const series = raw.map((one) => resampleLoad(one, STEP_SECONDS));
  const startMs = Math.min(...series.map((one) => one.startMs));
  const endMs = Math.max(...series.map((one) => one.startMs + one.length * STEP_MS));
  const windows = Math.round((endMs - startMs) / STEP_MS);
  const values = Object.fromEntries(
    LOAD_TARGETS.map((target) => [target, spread(series, target, { startMs, windows })]),
  );
  return { nodes: series.map(({ machine }) => machine), startMs, windows, values };
}

function spread(
  series: readonly LoadSeries[],
  target: LoadTarget,
  grid: { readonly startMs: number; readonly windows: number },
): Float32Array {
  const all = new Float32Array(series.length * grid.windows).fill(Number.NaN);
  for (const [at, one] of series.entries()) {
    const values = one.values[target];
    if (values !== undefined) {
      all.set(values, at * grid.windows + Math.round((one.startMs - grid.startMs) / STEP_MS));
    }
  }
  return all;
}

function rowOf(table: LoadTable, target: LoadTarget, node: number): Float32Array {
  return (table.values[target] as Float32Array).subarray(node * table.windows, (node + 1) * table.windows);
}

function useOf(values: Float32Array): NodeUse {
  const known = values.filter((value) => !Number.isNaN(value));
  const above = (level: number): number => known.filter((value) => value > level).length * STEP_MINUTES;
  return {
    meanRatio: mean(known),
    p50Ratio: quantile(known, 0.5),
    p95Ratio: quantile(known, 0.95),
    p99Ratio: quantile(known, 0.99),
    maxRatio: known.length === 0 ? Number.NaN : known.reduce((a, b) => Math.max(a, b)),
    minutesAbove80: above(HOT),
    minutesAbove95: above(FULL),
    completenessRatio: known.length / values.length,
  };
}

/** 95th percentile of each hour of the day, UTC: hot hours show, quiet moments within them do not hide them. */
function byHour(values: Float32Array, startMs: number): number[] {
  const hours = Array.from({ length: 24 }, (): number[] => []);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    // Windows are named by their end: the one that ends at a full hour lies before it.
    const hour = Math.floor((startMs + i * STEP_MS - 1) / HOUR_MS) % 24;
    if (!Number.isNaN(value)) hours[hour]?.push(value);
  }
  return hours.map((known) => quantile(known, 0.95));
}

function clusterUse(table: LoadTable, target: LoadTarget): ClusterUse {
  const all = table.values[target] as Float32Array;
  const known = all.filter((value) => !Number.isNaN(value));
  const above = (level: number): number => known.filter((value) => value > level).length;
  const between = compareNodes(table, all);
  return {
    target,
    meanRatio: mean(known),
    idleRatio: 1 - mean(known),
    minutesAbove80: above(HOT) * STEP_MINUTES,
    minutesAbove95: above(FULL) * STEP_MINUTES,
    shareAbove80Ratio: above(HOT) / known.length,
    ...between,
    distribution: distributionOf(known),
  };
}

/** Looks across the nodes at each moment. */
function compareNodes(
  table: LoadTable,
  all: Float32Array,
): Pick<ClusterUse, 'imbalanceRatio' | 'spreadMedianRatio' | 'avoidableShareRatio' | 'timeline'> {
  const { windows } = table;
  const timeline = {
    timesMs: Float64Array.from({ length: windows }, (_, i) => table.startMs + i * STEP_MS),
    meanRatio: new Float64Array(windows).fill(Number.NaN),
    lowestRatio: new Float64Array(windows).fill(Number.NaN),
    highestRatio: new Float64Array(windows).fill(Number.NaN),
  };
  const deviations: number[] = [];
  const spreads: number[] = [];
  let avoidable = 0;
  for (let window = 0; window < windows; window++) {
    const values = knownAt(table, all, window);
    if (values.length === 0) continue;
    const [lowest, highest] = extremes(values);
    timeline.meanRatio[window] = mean(values);
    timeline.lowestRatio[window] = lowest;
    timeline.highestRatio[window] = highest;
    if (values.length === 1) continue;
    deviations.push(standardDeviation(values));
    spreads.push(highest - lowest);
    avoidable += highest > HOT && lowest < ROOMY ? 1 : 0;
  }
  return {
    imbalanceRatio: mean(deviations),
    spreadMedianRatio: median(spreads),
    avoidableShareRatio: avoidable / spreads.length,
    timeline,
  };
}

function knownAt({ nodes, windows }: LoadTable, all: Float32Array, window: number): number[] {
  const values: number[] = [];
  for (let node = 0; node < nodes.length; node++) {
    const value = all[node * windows + window] as number;
    if (!Number.isNaN(value)) values.push(value);
  }
  return values;
}

function extremes(values: readonly number[]): [lowest: number, highest: number] {
  let [lowest, highest] = [Infinity, -Infinity];
  for (const value of values) {
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  return [lowest, highest];
}

function distributionOf(known: Float32Array): number[] {
  const counts = Array.from({ length: BINS }, () => 0);
  for (const value of known) {
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(value * BINS)));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts.map((count) => count / known.length);
}

function schedulingOf(series: SchedulingSeries): SchedulingBaseline | undefined {
  const { timesMs, podsPending, attemptsPerSecond, secondsPerSecond } = series;
  const pending = podsPending.filter((value) => !Number.isNaN(value));
  const attempts = attemptsPerSecond.filter((value) => !Number.isNaN(value));
  if (pending.length + attempts.length === 0) return undefined;
  const hours = new Map<number, { attempts: number; seconds: number }>();
  const total = { attempts: 0, seconds: 0 };
  for (let i = 0; i < timesMs.length; i++) {
    const rate = attemptsPerSecond[i] as number;
    const seconds = secondsPerSecond[i] as number;
    if (Number.isNaN(rate) || Number.isNaN(seconds)) continue;
    const hour = Math.floor((timesMs[i] as number) / HOUR_MS);
    const held = hours.get(hour) ?? { attempts: 0, seconds: 0 };
    hours.set(hour, { attempts: held.attempts + rate, seconds: held.seconds + seconds });
    total.attempts += rate;
    total.seconds += seconds;
  }
  const means = [...hours.values()]
    .filter((hour) => hour.attempts > 0)
    .map((hour) => (1000 * hour.seconds) / hour.attempts);
  return {
    podsPendingMean: mean(pending),
    podsPendingMax: pending.length === 0 ? Number.NaN : pending.reduce((a, b) => Math.max(a, b)),
    attemptsPerMinute: 60 * mean(attempts),
    attemptMeanMs: (1000 * total.seconds) / total.attempts,
    slowestHourMeanMs: means.length === 0 ? Number.NaN : Math.max(...means),
  };
}
