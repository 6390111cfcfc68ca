import type { LoadTarget } from '#domain';

import { sampleOutOfOrder } from './errors.ts';

/** Width of the fine windows, milliseconds: the finest detail that features see. */
export const FINE_STEP_MS = 30_000;
/** Fine windows kept: 4 hours. */
export const FINE_WINDOWS = 480;
/** Width of the coarse windows, milliseconds: the step at which forecasts are judged. */
export const COARSE_STEP_MS = 300_000;
/** Coarse windows of a day. */
export const DAY_WINDOWS = 288;
/** Coarse windows kept: 8 days and an hour, so that "last week, an hour from now" is inside. */
export const COARSE_WINDOWS = 8 * DAY_WINDOWS + 12;

/** The last windows of one resource, in a ring. Window `n` ends at `n * step + phase`; NaN when it is empty. */
export interface WindowRing {
  readonly stepMs: number;
  readonly phaseMs: number;
  readonly means: Float32Array;
  /** Number of the window that the newest sample fell into; -1 before the first sample. */
  newest: number;
  sum: number;
  count: number;
}

function createRing(stepMs: number, windows: number, phaseMs: number): WindowRing {
  return {
    stepMs,
    phaseMs,
    means: new Float32Array(windows).fill(Number.NaN),
    newest: -1,
    sum: 0,
    count: 0,
  };
}

function addToRing(ring: WindowRing, timeMs: number, value: number): void {
  const { means } = ring;
  const size = means.length;
  const at = Math.ceil((timeMs - ring.phaseMs) / ring.stepMs);
  if (at !== ring.newest) {
    const firstNew = ring.newest < 0 ? at : Math.max(ring.newest + 1, at - size + 1);
    for (let n = firstNew; n <= at; n++) means[n % size] = Number.NaN;
    ring.newest = at;
    ring.sum = 0;
    ring.count = 0;
  }
  ring.sum += value;
  ring.count += 1;
  means[at % size] = ring.sum / ring.count;
}

/**
 * Copies the last windows of a ring in the order of time.
 *
 * @param now - Number of the window that becomes the last of `out`.
 * @param out - As long as the ring; NaN for windows that are empty, not there yet or forgotten.
 */
export function copyWindows(ring: WindowRing, now: number, out: Float32Array): void {
  const size = ring.means.length;
  const first = Math.max(0, ring.newest - size + 1, now - size + 1);
  const last = Math.min(now, ring.newest);
  if (last < now || first > now - size + 1) out.fill(Number.NaN);
  if (ring.newest < 0 || last < first) return;
  const shift = size - 1 - now;
  for (let n = first; n <= last;) {
    const at = n % size;
    const run = Math.min(last - n + 1, size - at);
    out.set(ring.means.subarray(at, at + run), n + shift);
    n += run;
  }
}

/** What is remembered of one resource of one machine. */
export interface ResourceHistory {
  readonly fine: WindowRing;
  readonly coarse: WindowRing;
  /** Time of the first known sample; NaN before it. */
  firstMs: number;
  lastMs: number;
}

/**
 * What the features of one machine are made of: its last 4 hours in windows of 30 s and its last 8 days in
 * windows of 5 minutes. About 23 KiB a machine; the same object serves a replay and a live service.
 */
export interface NodeHistory {
  readonly machine: string;
  readonly cpu: ResourceHistory;
  readonly memory: ResourceHistory;
  /** Time of the newest sample, known or not; -Infinity before the first. */
  lastMs: number;
}

/**
 * @param phaseMs - Shifts the borders of the 5-minute windows; training uses other phases to see the same
 *   history from origins between the judged steps. In 0..299,999. @defaultValue 0
 */
export function createNodeHistory(machine: string, phaseMs = 0): NodeHistory {
  const resource = (): ResourceHistory => ({
    fine: createRing(FINE_STEP_MS, FINE_WINDOWS, 0),
    coarse: createRing(COARSE_STEP_MS, COARSE_WINDOWS, phaseMs),
    firstMs: Number.NaN,
    lastMs: Number.NaN,
  });
  return { machine, cpu: resource(), memory: resource(), lastMs: Number.NEGATIVE_INFINITY };
}

/** One sample of a machine; NaN where a resource was not measured. */
export interface LoadSample {
  readonly timeMs: number;
  readonly cpuUsageRatio: number;
  readonly memoryUsageRatio: number;
}

/**
 * Takes in one sample.
 *
 * @throws MlschedError `MLS_FEATURES_OUT_OF_ORDER` when it is older than the newest one.
 */
export function pushSample(history: NodeHistory, sample: LoadSample): void {
  pushValues(history, sample.timeMs, sample.cpuUsageRatio, sample.memoryUsageRatio);
}

/** As `pushSample` without an object, for replays. */
export function pushValues(history: NodeHistory, timeMs: number, cpu: number, memory: number): void {
  if (timeMs < history.lastMs) throw sampleOutOfOrder(history.machine, timeMs, history.lastMs);
  history.lastMs = timeMs;
  if (!Number.isNaN(cpu)) pushResource(history.cpu, timeMs, cpu);
  if (!Number.isNaN(memory)) pushResource(history.memory, timeMs, memory);
}

function pushResource(resource: ResourceHistory, timeMs: number, value: number): void {
  if (Number.isNaN(resource.firstMs)) resource.firstMs = timeMs;
  resource.lastMs = timeMs;
  addToRing(resource.fine, timeMs, value);
  addToRing(resource.coarse, timeMs, value);
}

/** The resource that a forecast is about. */
export function ownResource(history: NodeHistory, target: LoadTarget): ResourceHistory {
  return target === 'cpu' ? history.cpu : history.memory;
}

/** The other resource of the same machine. */
export function otherResource(history: NodeHistory, target: LoadTarget): ResourceHistory {
  return target === 'cpu' ? history.memory : history.cpu;
}

/**
 * 5-minute mean of a machine, `lag` windows before the last complete one at `nowMs`; NaN when unknown.
 */
export function lastCoarseMean(history: NodeHistory, target: LoadTarget, nowMs: number, lag: number): number {
  const { coarse } = ownResource(history, target);
  const size = coarse.means.length;
  const n = Math.floor((nowMs - coarse.phaseMs) / coarse.stepMs) - lag;
  if (n < 0 || n > coarse.newest || n <= coarse.newest - size) return Number.NaN;
  return coarse.means[n % size] as number;
}
