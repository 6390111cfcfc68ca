import { median } from '#kernel/stats';

/** A stretch of consecutive steps, `end` exclusive. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/** What one or more machines' alarms come to, as counts that can be added up. */
export interface AlarmCounts {
  readonly steps: number;
  readonly anomalousSteps: number;
  readonly alarmedSteps: number;
  /** Alarmed steps that are anomalous. */
  readonly hitSteps: number;
  readonly events: number;
  /** Events with at least one alarmed step. */
  readonly hitEvents: number;
  readonly alarms: number;
  /** Alarms with at least one anomalous step. */
  readonly rightAlarms: number;
  /** Steps from each hit event's start to its first alarmed step. */
  readonly delays: readonly number[];
}

/** The measures of the contract. Null where a ratio has no denominator. */
export interface AlarmMeasures {
  readonly pointPrecision: number | null;
  readonly pointRecall: number | null;
  readonly falsePositiveRate: number | null;
  readonly eventPrecision: number | null;
  readonly eventRecall: number | null;
  readonly delaySamplesMedian: number | null;
  /** For each machine and day. */
  readonly alarmsPerDay: number;
  readonly alarmedShareRatio: number;
  readonly prevalenceRatio: number;
}

/** Runs of non-zero flags, in order. */
export function findRuns(flags: ArrayLike<number>): Run[] {
  const runs: Run[] = [];
  for (let start = 0; start < flags.length; start++) {
    if (flags[start] === 0) continue;
    let end = start + 1;
    while (end < flags.length && flags[end] !== 0) end++;
    runs.push({ start, end });
    start = end;
  }
  return runs;
}

/**
 * Counts alarms against labels. No point adjustment: a hit step counts as one step, whatever event it is in.
 *
 * @param alarmed - Shape `[steps]`, 1 = alarmed.
 * @param labels - Shape `[steps]`, 1 = anomalous.
 */
export function countAlarms(alarmed: Uint8Array, labels: Int8Array): AlarmCounts {
  const isTouched = (run: Run, flags: ArrayLike<number>): boolean => firstSet(flags, run) >= 0;
  const events = findRuns(labels);
  const alarms = findRuns(alarmed);
  const delays = events.flatMap((event) => {
    const first = firstSet(alarmed, event);
    return first < 0 ? [] : [first - event.start];
  });
  let hitSteps = 0;
  for (let i = 0; i < labels.length; i++) hitSteps += (labels[i] as number) & (alarmed[i] as number);
  return {
    steps: labels.length,
    anomalousSteps: totalLength(events),
    alarmedSteps: totalLength(alarms),
    hitSteps,
    events: events.length,
    hitEvents: delays.length,
    alarms: alarms.length,
    rightAlarms: alarms.filter((alarm) => isTouched(alarm, labels)).length,
    delays,
  };
}

function firstSet(flags: ArrayLike<number>, run: Run): number {
  for (let i = run.start; i < run.end; i++) if (flags[i] !== 0) return i;
  return -1;
}

function totalLength(runs: readonly Run[]): number {
  return runs.reduce((sum, run) => sum + run.end - run.start, 0);
}

/** Adds counts up: pooled measures weigh every step, event and alarm alike, whichever machine it is on. */
export function poolCounts(parts: readonly AlarmCounts[]): AlarmCounts {
  const sum = (of: (part: AlarmCounts) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  return {
    steps: sum((part) => part.steps),
    anomalousSteps: sum((part) => part.anomalousSteps),
    alarmedSteps: sum((part) => part.alarmedSteps),
    hitSteps: sum((part) => part.hitSteps),
    events: sum((part) => part.events),
    hitEvents: sum((part) => part.hitEvents),
    alarms: sum((part) => part.alarms),
    rightAlarms: sum((part) => part.rightAlarms),
    delays: parts.flatMap((part) => part.delays),
  };
}

/** Turns counts into the measures of the contract. */
export function measuresOf(counts: AlarmCounts, stepsPerDay: number): AlarmMeasures {
  const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  const falseSteps = counts.alarmedSteps - counts.hitSteps;
  return {
    pointPrecision: ratio(counts.hitSteps, counts.alarmedSteps),
    pointRecall: ratio(counts.hitSteps, counts.anomalousSteps),
    falsePositiveRate: ratio(falseSteps, counts.steps - counts.anomalousSteps),
    eventPrecision: ratio(counts.rightAlarms, counts.alarms),
    eventRecall: ratio(counts.hitEvents, counts.events),
    delaySamplesMedian: counts.delays.length === 0 ? null : median(counts.delays),
    alarmsPerDay: (counts.alarms * stepsPerDay) / counts.steps,
    alarmedShareRatio: counts.alarmedSteps / counts.steps,
    prevalenceRatio: counts.anomalousSteps / counts.steps,
  };
}
