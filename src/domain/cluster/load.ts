import type { LoadMoments, LoadRing } from '../cluster-view.ts';
import { DEFAULT_CPU_REQUEST_MILLICORES, DEFAULT_MEMORY_REQUEST_BYTES } from '../pod.ts';
import type { ClusterState } from './state.ts';

const FIVE_MINUTES_SECONDS = 300;
const WINDOW_15M_SECONDS = 900;
const STEPS_PER_HOUR = 12;
const STEPS_PER_DAY = 288;

/** One scrape of all nodes; all shape `[nodes]`. */
export interface ScrapedUsage {
  /** Ratio of capacity; NaN for a node that did not answer. */
  readonly cpu: Float64Array;
  readonly memory: Float64Array;
  /** When each value was measured; the moment of the scrape when absent. */
  readonly scrapedAtMs?: Float64Array;
}

/**
 * Records one scrape of all nodes and renews every number derived from it.
 *
 * @param usage - What this scrape brought.
 * @param step - How many scrapes there were, this one included.
 */
export function recordScrape(state: ClusterState, usage: ScrapedUsage, step: number): void {
  const { view } = state;
  const recent = view.recentHistory;
  pushRing(recent, view.nowMs);
  writeRing(recent, usage.cpu, usage.memory);
  for (let node = 0; node < view.nodeCount; node++) {
    const scrapedAtMs = usage.scrapedAtMs?.[node] ?? view.nowMs;
    if (!Number.isNaN(usage.cpu[node])) view.metrics.scrapedAtMs[node] = scrapedAtMs;
  }
  renewShortMoments(view.metrics.cpu, recent, recent.cpuUsageRatio);
  renewShortMoments(view.metrics.memory, recent, recent.memoryUsageRatio);
  if ((step * recent.stepSeconds) % FIVE_MINUTES_SECONDS !== 0) return;
  pushRing(view.history, view.nowMs);
  writeRing(view.history, view.metrics.cpu.mean5mRatio, view.metrics.memory.mean5mRatio);
  renewLongMoments(view.metrics.cpu, view.history, view.history.cpuUsageRatio);
  renewLongMoments(view.metrics.memory, view.history, view.history.memoryUsageRatio);
}

/**
 * Notes that scrapes were missed: their windows exist and are unknown.
 *
 * @param lastStep - Number of the last missed scrape.
 * @param steps - How many were missed.
 */
export function recordGap(state: ClusterState, lastStep: number, steps: number): void {
  const { view } = state;
  const { recentHistory, history } = view;
  const stepMs = recentHistory.stepSeconds * 1000;
  const longSteps = FIVE_MINUTES_SECONDS / recentHistory.stepSeconds;
  const windows = Math.min(steps, recentHistory.capacity);
  for (let back = windows - 1; back >= 0; back--) {
    pushRing(recentHistory, (lastStep - back) * stepMs);
    clearHead(recentHistory, view.nodeCount);
  }
  const longWindows = Math.floor(lastStep / longSteps) - Math.floor((lastStep - steps) / longSteps);
  for (let back = Math.min(longWindows, history.capacity) - 1; back >= 0; back--) {
    pushRing(history, (Math.floor(lastStep / longSteps) - back) * FIVE_MINUTES_SECONDS * 1000);
    clearHead(history, view.nodeCount);
  }
}

/**
 * Writes one 5-minute window of the past: one mean stands for all its scrapes. Numbers derived from the rings are
 * not renewed; call `renewLoadMoments` once the past is in.
 */
export function recordPastWindow(state: ClusterState, usage: ScrapedUsage, endMs: number): void {
  const { recentHistory, history } = state.view;
  const stepMs = recentHistory.stepSeconds * 1000;
  const steps = FIVE_MINUTES_SECONDS / recentHistory.stepSeconds;
  for (let back = steps - 1; back >= 0; back--) {
    pushRing(recentHistory, endMs - back * stepMs);
    writeRing(recentHistory, usage.cpu, usage.memory);
  }
  pushRing(history, endMs);
  writeRing(history, usage.cpu, usage.memory);
}

/** Renews every number derived from the rings. */
export function renewLoadMoments({ view }: ClusterState): void {
  const { recentHistory, history, metrics } = view;
  renewShortMoments(metrics.cpu, recentHistory, recentHistory.cpuUsageRatio);
  renewShortMoments(metrics.memory, recentHistory, recentHistory.memoryUsageRatio);
  renewLongMoments(metrics.cpu, history, history.cpuUsageRatio);
  renewLongMoments(metrics.memory, history, history.memoryUsageRatio);
}

function clearHead(ring: LoadRing, nodeCount: number): void {
  for (let node = 0; node < nodeCount; node++) {
    ring.cpuUsageRatio[node * ring.capacity + ring.head] = Number.NaN;
    ring.memoryUsageRatio[node * ring.capacity + ring.head] = Number.NaN;
  }
}

function pushRing(ring: ClusterState['view']['history'], nowMs: number): void {
  ring.head = (ring.head + 1) % ring.capacity;
  ring.count = Math.min(ring.count + 1, ring.capacity);
  ring.endMs = nowMs;
}

function writeRing(ring: LoadRing, cpu: Float64Array, memory: Float64Array): void {
  for (let node = 0; node < cpu.length; node++) {
    ring.cpuUsageRatio[node * ring.capacity + ring.head] = cpu[node] as number;
    ring.memoryUsageRatio[node * ring.capacity + ring.head] = memory[node] as number;
  }
}

/** Latest value, and the moments over 5 and 15 minutes. */
function renewShortMoments(moments: LoadMoments, ring: LoadRing, values: Float32Array): void {
  const steps5m = FIVE_MINUTES_SECONDS / ring.stepSeconds;
  const steps15m = WINDOW_15M_SECONDS / ring.stepSeconds;
  for (let node = 0; node < moments.latestRatio.length; node++) {
    moments.latestRatio[node] = values[node * ring.capacity + ring.head] as number;
    moments.mean5mRatio[node] = ringMean(ring, values, node, steps5m);
    const mean = ringMean(ring, values, node, steps15m);
    moments.mean15mRatio[node] = mean;
    moments.sd15mRatio[node] = ringDeviation(ring, values, { node, steps: steps15m, mean });
  }
}

function renewLongMoments(moments: LoadMoments, ring: LoadRing, values: Float32Array): void {
  for (let node = 0; node < moments.max1hRatio.length; node++) {
    moments.max1hRatio[node] = ringMax(ring, values, node, STEPS_PER_HOUR);
    moments.max1dRatio[node] = ringMax(ring, values, node, STEPS_PER_DAY);
  }
}

/** Mean of the newest `steps` windows; NaN windows are left out, NaN when none is left. */
function ringMean(ring: LoadRing, values: Float32Array, node: number, steps: number): number {
  const row = node * ring.capacity;
  const length = Math.min(steps, ring.count);
  let sum = 0;
  let count = 0;
  let slot = ring.head;
  for (let back = 0; back < length; back++) {
    const value = values[row + slot] as number;
    if (value === value) {
      sum += value;
      count++;
    }
    slot = slot === 0 ? ring.capacity - 1 : slot - 1;
  }
  return count === 0 ? Number.NaN : sum / count;
}

interface DeviationWindow {
  readonly node: number;
  readonly steps: number;
  readonly mean: number;
}

/** Population standard deviation of the newest windows around their mean. */
function ringDeviation(ring: LoadRing, values: Float32Array, window: DeviationWindow): number {
  const row = window.node * ring.capacity;
  const length = Math.min(window.steps, ring.count);
  let squares = 0;
  let count = 0;
  let slot = ring.head;
  for (let back = 0; back < length; back++) {
    const value = values[row + slot] as number;
    if (value === value) {
      squares += (value - window.mean) ** 2;
      count++;
    }
    slot = slot === 0 ? ring.capacity - 1 : slot - 1;
  }
  return count === 0 ? Number.NaN : Math.sqrt(squares / count);
}

function ringMax(ring: LoadRing, values: Float32Array, node: number, steps: number): number {
  const row = node * ring.capacity;
  const length = Math.min(steps, ring.count);
  let most = Number.NaN;
  for (let back = 0; back < length; back++) {
    const value = values[row + ((ring.head - back + ring.capacity) % ring.capacity)] as number;
    if (!(value <= most)) most = value === value ? value : most;
  }
  return most;
}

/** Adds one sample of each visible ordinary pod to what is known of its workload; call every 5 minutes. */
export function observeWorkloads(state: ClusterState): void {
  const { pods, workloads } = state.view;
  const { sums } = state;
  for (let slot = 0; slot < pods.slotCount; slot++) {
    const usage = pods.cpuUsageMillicores[slot] as number;
    if ((pods.node[slot] as number) < 0 || usage !== usage || pods.isDaemon[slot] === 1) continue;
    const owner = pods.ownerId[slot] as number;
    const cpu = usage / (pods.cpuRequestMillicores[slot] || DEFAULT_CPU_REQUEST_MILLICORES);
    const memory =
      (pods.memoryUsageBytes[slot] as number) /
      (pods.memoryRequestBytes[slot] || DEFAULT_MEMORY_REQUEST_BYTES);
    workloads.sampleCount[owner] = (workloads.sampleCount[owner] as number) + 1;
    sums.cpu[owner] = (sums.cpu[owner] as number) + cpu;
    sums.cpuSquares[owner] = (sums.cpuSquares[owner] as number) + cpu * cpu;
    sums.memory[owner] = (sums.memory[owner] as number) + memory;
    raise(workloads.cpuToRequestMaxRatio, owner, cpu);
    raise(workloads.memoryToRequestMaxRatio, owner, memory);
  }
  for (let owner = 0; owner < workloads.ownerCount; owner++) renewWorkload(state, owner);
}

function raise(values: Float64Array, at: number, value: number): void {
  if (!(value <= (values[at] as number))) values[at] = value;
}

function renewWorkload({ view: { workloads }, sums }: ClusterState, owner: number): void {
  const count = workloads.sampleCount[owner] as number;
  if (count === 0) return;
  const mean = (sums.cpu[owner] as number) / count;
  const variance = Math.max((sums.cpuSquares[owner] as number) / count - mean * mean, 0);
  workloads.cpuToRequestMeanRatio[owner] = mean;
  workloads.cpuToRequestSdRatio[owner] = Math.sqrt(variance);
  workloads.memoryToRequestMeanRatio[owner] = (sums.memory[owner] as number) / count;
}

/** Notes that a pod ended by itself after this many seconds. */
export function observeFinish(state: ClusterState, owner: number, lifetimeSeconds: number): void {
  const { workloads } = state.view;
  const finished = (workloads.finishedPods[owner] as number) + 1;
  const sum = (state.sums.lifetimeSeconds[owner] as number) + lifetimeSeconds;
  workloads.finishedPods[owner] = finished;
  state.sums.lifetimeSeconds[owner] = sum;
  workloads.lifetimeMeanSeconds[owner] = sum / finished;
}
