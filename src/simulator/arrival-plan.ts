import { hashText } from '#kernel/rng';
import type { Rng } from '#kernel/rng';

import { tracesTooSmall } from './errors.ts';
import { createLifetimeSampler } from './lifetimes.ts';
import type { LifetimeSampler } from './lifetimes.ts';
import type { Scenario } from './scenario.ts';
import { CURVE_STEP_SECONDS, curveCell } from './traces.ts';
import type { ArrivalWindow, CurveFamily, WorkloadTraces } from './traces.ts';

/** A pod before its amounts are fixed. Times are seconds; 0 = measured start. */
export interface PlannedPod {
  readonly arrivalSeconds: number;
  readonly lifetimeSeconds: number;
  readonly vcpus: number;
  readonly family: CurveFamily;
  /** Which curve of its family the pod follows on day 0. */
  readonly member: number;
  /** Shift of the curve against the clock: siblings on one curve do not move in lockstep. */
  readonly shiftSeconds: number;
  /** Which of the scenario's bursts it belongs to; -1 for none. */
  readonly burst: number;
}

export interface ArrivalOptions {
  readonly traces: WorkloadTraces;
  readonly scenario: Scenario;
  readonly startSeconds: number;
  readonly endSeconds: number;
  /** Mean CPU use over the measured span that all pods together shall reach. */
  readonly targetMillicores: number;
  readonly largestNodeMillicores: number;
  /** Time of day, in curve time, at second 0. */
  readonly dayOffsetSeconds: number;
  readonly rng: Rng;
}

/** Rows `[begin, end)` of the window that belong to one batch. */
interface BatchRows {
  readonly batch: number;
  readonly begin: number;
  readonly end: number;
}

const HOUR_SECONDS = 3600;

/** Siblings are shifted by at most this much either way. */
const MAX_SHIFT_SECONDS = 7200;

/** The planned mean demand is met this closely; a batch that would overshoot by more is left out. */
const TARGET_TOLERANCE = 0.005;

/** How often the whole window may be laid over itself before the scenario counts as too large. */
const MAX_COPIES = 64;

/**
 * Chooses which batches of the arrival trace this run sees: whole batches at their real times, as many as
 * reach the target demand.
 *
 * @remarks The window repeats around the clock from a seeded starting point, also into the past, so that
 *   VMs that arrived before the run are there at its start with what is left of their lives. A cluster larger
 *   than the traced one takes further copies of the window, turned against each other. Sorted by arrival.
 */
export function planArrivals(options: ArrivalOptions): PlannedPod[] {
  const { scenario, rng, targetMillicores } = options;
  const pods = planBursts(options);
  let missing = targetMillicores - sumMillicores(pods, options);
  const tolerance = TARGET_TOLERANCE * targetMillicores;
  const batches = groupBatches(options.traces.arrivals);
  const context: PlanContext = {
    ...options,
    familyClasses: classifyFamilies(options.traces.families),
    lifetimes: createLifetimeSampler(options.traces.arrivals),
    largestBatchMillicores: scenario.largestBatchRatio * targetMillicores,
  };
  for (let copy = 0; missing > tolerance; copy++) {
    if (copy === MAX_COPIES) {
      throw tracesTooSmall(
        `${scenario.name} asks for more than ${MAX_COPIES} times the traced arrivals`,
        'shrink it',
      );
    }
    const stream = rng.fork(`copy-${copy}`);
    const before = missing;
    for (const instance of repeatWindow(context, batches, stream)) {
      if (missing <= tolerance) break;
      const members = makePods(context, instance, stream);
      const use = sumMillicores(members, options);
      if (use > missing + tolerance) continue;
      pods.push(...members);
      missing -= use;
    }
    if (missing === before) throw tracesTooSmall('no VM is small enough for the nodes', 'use larger nodes');
  }
  return pods.sort((a, b) => a.arrivalSeconds - b.arrivalSeconds);
}

type PlanContext = ArrivalOptions & {
  readonly familyClasses: readonly (readonly CurveFamily[])[];
  readonly largestBatchMillicores: number;
  readonly lifetimes: LifetimeSampler;
};

function groupBatches(arrivals: ArrivalWindow): BatchRows[] {
  const order = Int32Array.from({ length: arrivals.batch.length }, (_, i) => i);
  const groups: BatchRows[] = [];
  let begin = 0;
  for (let i = 1; i <= order.length; i++) {
    if (i < order.length && arrivals.batch[i] === arrivals.batch[begin]) continue;
    groups.push({ batch: arrivals.batch[begin] as number, begin, end: i });
    begin = i;
  }
  return groups;
}

/** All repetitions of all batches in one turn of the window that may touch the run, in random order. */
function repeatWindow(context: PlanContext, batches: readonly BatchRows[], rng: Rng): BatchInstance[] {
  const { arrivals } = context.traces;
  const { windowSeconds } = arrivals;
  const turn = rng.next() * windowSeconds;
  const longest = context.lifetimes.longestSeconds;
  const instances: BatchInstance[] = [];
  for (const rows of batches) {
    const first = (arrivals.arrivalSeconds[rows.begin] as number) + turn;
    const laps = Math.floor((context.endSeconds - first) / windowSeconds);
    for (let lap = laps; first + lap * windowSeconds > context.startSeconds - longest; lap--) {
      instances.push({ rows, atSeconds: first + lap * windowSeconds });
    }
  }
  return rng.shuffle(instances);
}

interface BatchInstance {
  readonly rows: BatchRows;
  readonly atSeconds: number;
}

/** The pods of one batch that are alive at some time of the run, cut where the batch grows too large. */
function makePods(context: PlanContext, { rows, atSeconds }: BatchInstance, rng: Rng): PlannedPod[] {
  const { arrivals } = context.traces;
  const pods: PlannedPod[] = [];
  const family = familyOf(context, rows, rng);
  let size = 0;
  for (let row = rows.begin; row < rows.end && size < context.largestBatchMillicores; row++) {
    const vcpus = arrivals.vcpus[row] as number;
    if (vcpus * 2000 > context.largestNodeMillicores) continue;
    const stop = atSeconds + context.lifetimes.drawSeconds(row, rng);
    const arrivalSeconds = Math.max(atSeconds, context.startSeconds);
    size += vcpus * 1000 * family.cpuMeanRatio;
    if (stop > arrivalSeconds) {
      pods.push({
        arrivalSeconds,
        lifetimeSeconds: stop - arrivalSeconds,
        vcpus,
        family,
        burst: -1,
        ...drawCurve(family, rng),
      });
    }
  }
  return pods;
}

function drawCurve(family: CurveFamily, rng: Rng): Pick<PlannedPod, 'member' | 'shiftSeconds'> {
  return {
    member: rng.int(family.rows.length),
    shiftSeconds: rng.int(2 * MAX_SHIFT_SECONDS) - MAX_SHIFT_SECONDS,
  };
}

/** Mean CPU use of some pods over the measured span. */
function sumMillicores(pods: readonly PlannedPod[], options: ArrivalOptions): number {
  let sum = 0;
  for (const pod of pods) {
    const load = meanLoad(pod, options, options.traces.cpuUsageRatio);
    sum += load * pod.vcpus * 1000;
  }
  return sum;
}

/** Integral of a pod's curve over the measured span, divided by the span; steps of the curve's own 5 minutes. */
export function meanLoad(
  pod: PlannedPod,
  options: Pick<ArrivalOptions, 'endSeconds' | 'dayOffsetSeconds'>,
  ratios: Float32Array,
): number {
  const from = Math.max(pod.arrivalSeconds, 0);
  const to = Math.min(pod.arrivalSeconds + pod.lifetimeSeconds, options.endSeconds);
  let sum = 0;
  for (let at = from; at < to; at += CURVE_STEP_SECONDS) {
    const cell = curveCell(pod.family, pod.member, at + options.dayOffsetSeconds + pod.shiftSeconds);
    sum += Math.min(ratios[cell] as number, 1) * Math.min(CURVE_STEP_SECONDS, to - at);
  }
  return sum / options.endSeconds;
}

/** Short lives (below an hour), medium ones (below half a day), long ones. */
function lifetimeClass(seconds: number): number {
  if (seconds < HOUR_SECONDS) return 0;
  return seconds < 12 * HOUR_SECONDS ? 1 : 2;
}

/** Deals each family to one lifetime class by its name; an empty class may use every family. */
function classifyFamilies(families: readonly CurveFamily[]): CurveFamily[][] {
  const classes: CurveFamily[][] = [[], [], []];
  for (const family of families) classes[hashText(`class/${family.name}`) % 3]?.push(family);
  return classes.map((members) => (members.length === 0 ? [...families] : members));
}

function familyOf(context: PlanContext, rows: BatchRows, rng: Rng): CurveFamily {
  const life = context.traces.arrivals.lifetimeSecondsMin[rows.begin] as number;
  return pickFamily(context.familyClasses[lifetimeClass(life)] ?? [], rng);
}

function pickFamily(families: readonly CurveFamily[], rng: Rng): CurveFamily {
  const family = families[rng.int(families.length)];
  if (family === undefined) throw tracesTooSmall('no VM family', 'use more VMs');
  return family;
}

/** The scenario's own bursts: pods of one owner at once, as when a Deployment is scaled up. */
function planBursts({ scenario, traces, rng }: ArrivalOptions): PlannedPod[] {
  const stream = rng.fork('bursts');
  let count = 0;
  return scenario.bursts.flatMap((burst) =>
    burst.atMinutes.flatMap((minute) => {
      const family = pickFamily(traces.families, stream);
      const index = count++;
      return Array.from({ length: burst.pods }, () => ({
        arrivalSeconds: minute * 60,
        lifetimeSeconds: burst.lifetimeMinutes * 60,
        vcpus: burst.vcpus,
        family,
        burst: index,
        ...drawCurve(family, stream),
      }));
    }),
  );
}
