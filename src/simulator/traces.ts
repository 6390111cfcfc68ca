import type { ClusterPods, DemandCurves, PlacementData } from '#collect';
import type { RawLoadSeries } from '#domain';
import { hashText } from '#kernel/rng';
import { mean } from '#kernel/stats';

import { tracesTooSmall } from './errors.ts';
import { arrivalWindow, daysOfSplit, isInSplit } from './split.ts';
import type { Split } from './split.ts';

/** Step and length of a demand curve: one day in 5-minute means. */
export const CURVE_STEP_SECONDS = 300;
export const CURVE_STEPS = 288;

/** Grid on which background load is held. */
export const BACKGROUND_STEP_SECONDS = 60;

/** VMs that did the same work: instances of one job, or one PlanetLab slice. At least two members. */
export interface CurveFamily {
  readonly name: string;
  /** Rows of the curve tables; a pod that lives on takes the next row each day. */
  readonly rows: Int32Array;
  /** Mean use of its VMs as a ratio of their size. */
  readonly cpuMeanRatio: number;
  readonly memoryMeanRatio: number;
}

/** The real traces of one split, ready to make a workload from. No NaN anywhere. */
export interface WorkloadTraces {
  /** Shape `[rows, 288]`: CPU as a ratio of the VM's own size. */
  readonly cpuUsageRatio: Float32Array;
  /** Same shape. A PlanetLab row borrows the memory of a Google VM (PlanetLab recorded CPU alone). */
  readonly memoryUsageRatio: Float32Array;
  readonly families: readonly CurveFamily[];
  readonly arrivals: ArrivalWindow;
  readonly nodeShapes: readonly NodeShape[];
  readonly requests: readonly RequestShape[];
  /** May be empty: then nodes have no background load. */
  readonly background: readonly BackgroundTrace[];
}

/** Arrivals within the time window of the split; times count from the window's start. */
export interface ArrivalWindow {
  readonly windowSeconds: number;
  readonly arrivalSeconds: Float64Array;
  readonly batch: Int32Array;
  readonly vcpus: Float32Array;
  readonly lifetimeSecondsMin: Float64Array;
  readonly lifetimeSecondsMax: Float64Array;
  /** 1 where the trace ended before the VM did: its life is longer than the minimum. */
  readonly isCensored: Uint8Array;
}

interface NodeShape {
  readonly cpuMillicores: number;
  readonly memoryBytes: number;
}

/** What one real pod tells of its workload beside the CPU size. */
interface RequestShape {
  readonly memoryBytesPerMillicore: number;
  /** 0 for the latency-sensitive tier, -10 for the best-effort tier. */
  readonly priority: number;
}

/** Load of one real server on the background grid, ratios of its capacity. */
export interface BackgroundTrace {
  readonly machine: string;
  readonly cpuUsageRatio: Float32Array;
  readonly memoryUsageRatio: Float32Array;
}

/**
 * Selects what one split may use. Training, validation and test share no VM family, no PlanetLab day, no
 * load machine and no arrival; node shapes and request shapes are facts of hardware and habit and shared.
 *
 * @throws MlschedError `MLS_SIMULATOR_TRACES_TOO_SMALL` when the split is left without curves or arrivals.
 */
export function selectTraces(data: PlacementData, split: Split): WorkloadTraces {
  const curves = joinCurves(data);
  const google = groupFamilies({
    names: data.googleVms.names,
    firstRow: 0,
    keyOf: jobOf,
    split,
    similarity: (row) => meanOfRows(curves.memoryUsageRatio, [row]),
  });
  const slices = planetlabFamilies(data, split);
  lendMemory(curves.memoryUsageRatio, google, slices);
  const families = [...google, ...slices].map((family) => ({
    ...family,
    cpuMeanRatio: meanOfRows(curves.cpuUsageRatio, family.rows),
    memoryMeanRatio: meanOfRows(curves.memoryUsageRatio, family.rows),
  }));
  if (families.length === 0) throw tracesTooSmall(`no VM family in split ${split}`, 'use more VMs');
  return {
    ...curves,
    families,
    arrivals: selectArrivals(data, split),
    nodeShapes: nodeShapes(data),
    requests: data.openbPods.slice(0, 1).flatMap(requestShapes),
    background: (data.nodeLoad ?? [])
      .filter(({ machine }) => isInSplit(machine, split))
      .map(resampleBackground),
  };
}

/** `vm_4857081234_7` is instance 7 of job 4857081234. */
function jobOf(vm: string): string {
  return vm.replace(/_\d+$/, '');
}

/** `20110303/host_site_edu_uw_oneswarm` belongs to slice `uw_oneswarm`. */
function sliceOf(vm: string): string {
  return vm.split('_').slice(-2).join('_');
}

/**
 * Groups VMs by a key. VMs that are alone under their key are put together in fours of similar size, because
 * a pod that lives for two days must not replay the same day twice.
 */
function groupFamilies(vms: VmNames): FamilyRows[] {
  const rows = new Map<string, number[]>();
  vms.names.forEach((name, i) => {
    const key = vms.keyOf(name);
    if (!isInSplit(key, vms.split)) return;
    const members = rows.get(key);
    if (members === undefined) rows.set(key, [vms.firstRow + i]);
    else members.push(vms.firstRow + i);
  });
  const likeness = ([, [row]]: [string, number[]]): number => vms.similarity(row as number);
  const lonely = [...rows]
    .filter(([, members]) => members.length === 1)
    .sort((a, b) => likeness(a) - likeness(b));
  for (let i = 0; i < lonely.length; i += 4) {
    const group = lonely.slice(i, i + 4);
    for (const [key] of group) rows.delete(key);
    const members = group.flatMap(([, only]) => only);
    rows.set(`singles/${group[0]?.[0] ?? ''}`, members);
  }
  return [...rows]
    .filter(([, members]) => members.length > 1)
    .map(([name, members]) => ({ name, rows: Int32Array.from(members) }));
}

type FamilyRows = Pick<CurveFamily, 'name' | 'rows'>;

interface VmNames {
  readonly names: readonly string[];
  readonly firstRow: number;
  readonly keyOf: (name: string) => string;
  readonly split: Split;
  /** Lonely VMs with neighbouring values are put together. */
  readonly similarity: (row: number) => number;
}

function planetlabFamilies(data: PlacementData, split: Split): FamilyRows[] {
  const vms = data.planetlabVms;
  if (vms === undefined) return [];
  const days = new Set(daysOfSplit([...new Set(vms.names.map((name) => name.split('/')[0] ?? ''))], split));
  const inDay = (row: number): boolean =>
    days.has((vms.names[row - data.googleVms.count] ?? '').split('/')[0] ?? '');
  return groupFamilies({
    names: vms.names,
    firstRow: data.googleVms.count,
    keyOf: sliceOf,
    split,
    similarity: Number,
  })
    .map(({ name, rows }) => ({ name, rows: rows.filter(inDay) }))
    .filter(({ rows }) => rows.length > 1);
}

function joinCurves(data: PlacementData): Pick<WorkloadTraces, 'cpuUsageRatio' | 'memoryUsageRatio'> {
  const google = data.googleVms;
  const extra = data.planetlabVms;
  const rows = google.count + (extra?.count ?? 0);
  const cpuUsageRatio = new Float32Array(rows * CURVE_STEPS);
  const memoryUsageRatio = new Float32Array(rows * CURVE_STEPS);
  copyCurves(google, 0, cpuUsageRatio, 'cpuUsageRatio');
  copyCurves(google, 0, memoryUsageRatio, 'memoryUsageRatio');
  if (extra !== undefined) copyCurves(extra, google.count, cpuUsageRatio, 'cpuUsageRatio');
  return { cpuUsageRatio, memoryUsageRatio };
}

/** Each slice borrows the memory of one job, member by member, so that siblings stay alike. */
function lendMemory(
  memoryUsageRatio: Float32Array,
  lenders: readonly FamilyRows[],
  slices: readonly FamilyRows[],
): void {
  for (const { name, rows } of slices) {
    const lender = lenders[hashText(`memory/${name}`) % Math.max(lenders.length, 1)];
    if (lender === undefined) throw tracesTooSmall('no VM family with memory', 'use more of google-vms');
    rows.forEach((row, i) => {
      const from = (lender.rows[i % lender.rows.length] as number) * CURVE_STEPS;
      memoryUsageRatio.copyWithin(row * CURVE_STEPS, from, from + CURVE_STEPS);
    });
  }
}

function copyCurves(
  from: DemandCurves,
  firstRow: number,
  to: Float32Array,
  member: 'cpuUsageRatio' | 'memoryUsageRatio',
): void {
  const values = from[member];
  if (values === undefined) return;
  to.set(values, firstRow * CURVE_STEPS);
  for (let row = firstRow; row < firstRow + from.count; row++) {
    carryForward(to.subarray(row * CURVE_STEPS, (row + 1) * CURVE_STEPS));
  }
}

/** Fills NaN by the value before, the first ones by the first known value; all-NaN becomes 0 (never ran). */
function carryForward(values: Float32Array): void {
  let held = values.find((value) => !Number.isNaN(value)) ?? 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) values[i] = held;
    else held = values[i] as number;
  }
}

function selectArrivals(data: PlacementData, split: Split): ArrivalWindow {
  const all = data.azureArrivals;
  if (all.count === 0) throw tracesTooSmall('no arrivals', 'use a longer arrival trace');
  const first = all.arrivalSeconds[0] as number;
  const last = all.arrivalSeconds[all.count - 1] as number;
  const [from, to] = arrivalWindow(first, last, split);
  const begin = all.arrivalSeconds.findIndex((second) => second >= from);
  const after = all.arrivalSeconds.findIndex((second) => second >= to);
  const end = after < 0 ? all.count : after;
  if (begin < 0 || end <= begin)
    throw tracesTooSmall(`no arrival in split ${split}`, 'use a longer arrival trace');
  const maxima = all.lifetimeSecondsMax.slice(begin, end);
  const minima = all.lifetimeSecondsMin.slice(begin, end);
  return {
    windowSeconds: to - from,
    arrivalSeconds: all.arrivalSeconds.slice(begin, end).map((second) => second - from),
    batch: all.batch.slice(begin, end),
    vcpus: all.vcpus.slice(begin, end),
    lifetimeSecondsMin: minima,
    isCensored: all.isCensored.slice(begin, end),
    lifetimeSecondsMax: maxima.map((max, i) => (Number.isNaN(max) ? (minima[i] as number) : max)),
  };
}

function nodeShapes(data: PlacementData): NodeShape[] {
  const { count, cpuMillicores, memoryBytes } = data.openbNodes;
  return Array.from({ length: count }, (_, i) => ({
    cpuMillicores: cpuMillicores[i] as number,
    memoryBytes: memoryBytes[i] as number,
  }));
}

function requestShapes(pods: ClusterPods): RequestShape[] {
  return Array.from({ length: pods.count }, (_, i) => ({
    memoryBytesPerMillicore: (pods.memoryBytes[i] as number) / (pods.cpuMillicores[i] as number),
    priority: pods.qos[i] === 'BE' ? -10 : 0,
  })).filter(
    ({ memoryBytesPerMillicore }) => Number.isFinite(memoryBytesPerMillicore) && memoryBytesPerMillicore > 0,
  );
}

function resampleBackground(series: RawLoadSeries): BackgroundTrace {
  const times = series.timesMs;
  const first = times[0] ?? 0;
  const stepMs = BACKGROUND_STEP_SECONDS * 1000;
  const length = Math.floor(((times[times.length - 1] ?? first) - first) / stepMs) + 1;
  const place = (values: Float32Array | undefined): Float32Array => {
    const grid = new Float32Array(length).fill(Number.NaN);
    values?.forEach((value, i) => {
      grid[Math.floor(((times[i] as number) - first) / stepMs)] = value;
    });
    carryForward(grid);
    return grid;
  };
  return {
    machine: series.machine,
    cpuUsageRatio: place(series.cpuUsageRatio),
    memoryUsageRatio: place(series.memoryUsageRatio),
  };
}

function meanOfRows(values: Float32Array, rows: ArrayLike<number>): number {
  const means = Array.from(rows, (row) => mean(values.subarray(row * CURVE_STEPS, (row + 1) * CURVE_STEPS)));
  return mean(means);
}

/** Keeps curve time positive for any warm-up; a whole number of days. */
const EPOCH_SECONDS = 100 * 86_400;

/**
 * Index into the curve tables for one pod at one time: a pod that lives past midnight goes on with the next
 * member of its family.
 *
 * @param curveSeconds - Time in curve time, 0 = midnight of day 0; may be negative.
 */
export function curveCell(family: CurveFamily, member: number, curveSeconds: number): number {
  const step = Math.floor((curveSeconds + EPOCH_SECONDS) / CURVE_STEP_SECONDS);
  const day = Math.floor(step / CURVE_STEPS);
  const row = family.rows[(member + day) % family.rows.length] as number;
  return row * CURVE_STEPS + (step % CURVE_STEPS);
}
