import {
  observeWorkloads,
  pruneRecent,
  recordGap,
  recordPastWindow,
  recordScrape,
  renewLoadMoments,
} from '#domain';
import type { ClusterState } from '#domain';
import { MINUTE_MS, SECOND_MS, clamp } from '#kernel/units';

import type { PodEntry } from './pods.ts';
import type { LoadReport, NodeLoad } from './types.ts';

const FIVE_MINUTES_SECONDS = 300;
/** A pod without metrics of its own counts as visible in its node's load after this long. */
const VISIBLE_AFTER_MS = MINUTE_MS;
/** Clocks of exporters may be ahead of ours by this much. */
const CLOCK_SKEW_MS = 5 * SECOND_MS;
/** Rounding can lift a ratio a little over 1; anything beyond is no ratio. */
const HIGHEST_RATIO = 1.05;

export interface LoadIntakeOptions {
  readonly tickSeconds: number;
  /** Load older than this is unknown. */
  readonly staleSeconds: number;
}

/** Turns load reports into the metrics of a view, on one shared time grid. */
export interface LoadIntake {
  record(report: LoadReport, nowMs: number, pods: Iterable<PodEntry>): void;
  /** Load of nodes from before the start, one report a 5-minute window, oldest first. */
  recordPast(report: LoadReport, atMs: number): void;
}

export function createLoadIntake(state: ClusterState, options: LoadIntakeOptions): LoadIntake {
  const latest = new Map<string, NodeLoad>();
  const staleMs = options.staleSeconds * SECOND_MS;
  const stepMs = options.tickSeconds * SECOND_MS;
  let lastStep = -1;
  let isPastNew = false;
  const none = new Float64Array(0);
  const buffers: UsageBuffers = { cpu: none, memory: none, scrapedAtMs: none };
  return {
    recordPast(report, atMs) {
      const step = Math.floor(atMs / stepMs);
      const windowSteps = (FIVE_MINUTES_SECONDS * SECOND_MS) / stepMs;
      if (step <= lastStep || step % windowSteps !== 0) return;
      const missed = lastStep < 0 ? 0 : step - windowSteps - lastStep;
      if (missed > 0) recordGap(state, step - windowSteps, missed);
      keepLatest(latest, report, atMs);
      recordPastWindow(state, readUsage(state, buffers, latest, atMs), step * stepMs);
      lastStep = step;
      isPastNew = true;
    },
    record(report, nowMs, pods) {
      const step = Math.floor(nowMs / stepMs);
      const isNewStep = step > lastStep;
      if (isNewStep) {
        if (lastStep >= 0 && step > lastStep + 1) recordGap(state, step - 1, step - 1 - lastStep);
        lastStep = step;
        keepLatest(latest, report, nowMs);
        recordScrape(state, readUsage(state, buffers, latest, nowMs - staleMs), step);
        alignRings(state, step * stepMs);
      }
      if (isPastNew) renewLoadMoments(state);
      isPastNew = false;
      const arePodsMeasured = report.pods !== undefined;
      if (arePodsMeasured) writePodUse(state, report, pods);
      else sharePodUse(state, nowMs);
      // Use that was only shared out says nothing of a workload.
      if (isNewStep && arePodsMeasured && (step * options.tickSeconds) % FIVE_MINUTES_SECONDS === 0)
        observeWorkloads(state);
      pruneRecent(state);
      if (latest.size > 2 * state.view.nodeCount + 100) forgetGone(latest, state);
    },
  };
}

function keepLatest(latest: Map<string, NodeLoad>, { nodes }: LoadReport, nowMs: number): void {
  for (const [name, load] of nodes) {
    const before = latest.get(name);
    const isNew = before === undefined || load.atMs > before.atMs;
    if (isNew && load.atMs <= nowMs + CLOCK_SKEW_MS && !Number.isNaN(ratioOf(load.cpuUsageRatio)))
      latest.set(name, { ...load });
  }
}

/** What is out of range is unknown: a wrong number must not become a load. */
function ratioOf(value: number): number {
  return value >= 0 && value <= HIGHEST_RATIO ? clamp(value, 0, 1) : Number.NaN;
}

/** What is read into, kept from round to round: rounds of the past come by the hundred. */
interface UsageBuffers {
  cpu: Float64Array;
  memory: Float64Array;
  scrapedAtMs: Float64Array;
}

/** The newest load of each node, as long as it is young enough: one missed scrape is no reason to know nothing. */
function readUsage(
  state: ClusterState,
  buffers: UsageBuffers,
  latest: ReadonlyMap<string, NodeLoad>,
  oldestMs: number,
): UsageBuffers {
  const { nodeNames, nodeCount, metrics } = state.view;
  if (buffers.cpu.length !== nodeCount) {
    buffers.cpu = new Float64Array(nodeCount);
    buffers.memory = new Float64Array(nodeCount);
    buffers.scrapedAtMs = new Float64Array(nodeCount);
  }
  buffers.cpu.fill(Number.NaN);
  buffers.memory.fill(Number.NaN);
  buffers.scrapedAtMs.set(metrics.scrapedAtMs);
  nodeNames.forEach((name, row) => {
    const load = latest.get(name);
    if (load === undefined || load.atMs < oldestMs) return;
    buffers.cpu[row] = ratioOf(load.cpuUsageRatio);
    buffers.memory[row] = ratioOf(load.memoryUsageRatio);
    buffers.scrapedAtMs[row] = load.atMs;
  });
  return buffers;
}

/** Windows end on the grid, whenever the report of them came. */
function alignRings({ view }: ClusterState, endMs: number): void {
  view.recentHistory.endMs = endMs;
  const longMs = view.history.stepSeconds * SECOND_MS;
  if (endMs % longMs === 0) view.history.endMs = endMs;
}

function writePodUse({ view }: ClusterState, { pods }: LoadReport, entries: Iterable<PodEntry>): void {
  const table = view.pods;
  for (const entry of entries) {
    if (entry.slot < 0 || entry.state !== 'bound') continue;
    const load = pods?.get(entry.key);
    // A pod that was seen before and is missing now keeps its last use: its node's load holds it still.
    if (load === undefined) continue;
    if (load.cpuMillicores >= 0) table.cpuUsageMillicores[entry.slot] = load.cpuMillicores;
    if (load.memoryBytes >= 0) table.memoryUsageBytes[entry.slot] = load.memoryBytes;
  }
}

/** Without metrics of pods, a node's load is shared out by request among the pods that it must hold by now. */
function sharePodUse({ view }: ClusterState, nowMs: number): void {
  const { pods, nodes, metrics } = view;
  const total = new Float64Array(view.nodeCount);
  const isVisible = (slot: number): boolean =>
    (pods.node[slot] as number) >= 0 && nowMs - (pods.boundAtMs[slot] as number) >= VISIBLE_AFTER_MS;
  for (let slot = 0; slot < pods.slotCount; slot++) {
    if (!isVisible(slot)) continue;
    const node = pods.node[slot] as number;
    total[node] = (total[node] as number) + weightOf(view, slot);
  }
  for (let slot = 0; slot < pods.slotCount; slot++) {
    if (!isVisible(slot)) continue;
    const node = pods.node[slot] as number;
    const share = weightOf(view, slot) / (total[node] as number);
    const cpu = (metrics.cpu.latestRatio[node] as number) * (nodes.cpuCapacityMillicores[node] as number);
    const memory = (metrics.memory.latestRatio[node] as number) * (nodes.memoryCapacityBytes[node] as number);
    if (Number.isNaN(cpu)) continue;
    pods.cpuUsageMillicores[slot] = cpu * share;
    pods.memoryUsageBytes[slot] = memory * share;
  }
}

function weightOf({ pods }: ClusterState['view'], slot: number): number {
  return pods.cpuRequestMillicores[slot] || 100;
}

function forgetGone(latest: Map<string, NodeLoad>, { view }: ClusterState): void {
  const present = new Set(view.nodeNames);
  for (const name of latest.keys()) if (!present.has(name)) latest.delete(name);
}
