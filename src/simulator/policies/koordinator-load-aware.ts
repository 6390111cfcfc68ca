import type { ClusterView, PodSpec } from '#domain';

import type { PolicyFactory } from '../types.ts';
import { sumRecent } from './recent-pods.ts';
import { createScoredPolicy } from './scored-policy.ts';

const CPU_FACTOR = 0.85;
const MEMORY_FACTOR = 0.7;
const DEFAULT_CPU_MILLICORES = 250;
const DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024;
const CPU_THRESHOLD_PERCENT = 65;
const MEMORY_THRESHOLD_PERCENT = 95;
const REPORT_INTERVAL_MS = 60_000;
const EXPIRY_MS = 180_000;

/** Estimated use of a pod: the larger of request and limit times a factor, not above the limit. */
function estimateUse(request: number, limit: number, factor: number, whenUnset: number): number {
  if (request === 0 && limit === 0) return whenUnset;
  const estimate = Math.max(request, limit) * factor;
  return limit > 0 ? Math.min(estimate, limit) : estimate;
}

export function estimateCpuMillicores(
  pod: Pick<PodSpec, 'cpuRequestMillicores' | 'cpuLimitMillicores'>,
): number {
  return estimateUse(pod.cpuRequestMillicores, pod.cpuLimitMillicores, CPU_FACTOR, DEFAULT_CPU_MILLICORES);
}

export function estimateMemoryBytes(pod: Pick<PodSpec, 'memoryRequestBytes' | 'memoryLimitBytes'>): number {
  return estimateUse(pod.memoryRequestBytes, pod.memoryLimitBytes, MEMORY_FACTOR, DEFAULT_MEMORY_BYTES);
}

/** Score of one resource, 0..100: the free share after the estimate, rounded down; 0 when over. */
export function freeShareScore(estimated: number, allocatable: number): number {
  return estimated > allocatable ? 0 : Math.floor((100 * (allocatable - estimated)) / allocatable);
}

/** What the policy holds per node between two reports of the node agent. */
interface Reports {
  reportedAtMs: number;
  readonly cpuMillicores: Float64Array;
  readonly memoryBytes: Float64Array;
  readonly scrapedAtMs: Float64Array;
  readonly pendingCpu: Float64Array;
  readonly pendingMemory: Float64Array;
}

function createReports(count: number): Reports {
  const unknown = (): Float64Array => new Float64Array(count).fill(Number.NaN);
  return {
    reportedAtMs: -Infinity,
    cpuMillicores: unknown(),
    memoryBytes: unknown(),
    scrapedAtMs: unknown(),
    pendingCpu: new Float64Array(count),
    pendingMemory: new Float64Array(count),
  };
}

/** Takes over the 5-minute means, once per report interval. */
function takeReport(reports: Reports, view: ClusterView): void {
  if (view.nowMs - reports.reportedAtMs < REPORT_INTERVAL_MS) return;
  reports.reportedAtMs = view.nowMs;
  for (let node = 0; node < view.nodeCount; node++) {
    reports.cpuMillicores[node] =
      (view.metrics.cpu.mean5mRatio[node] as number) * (view.nodes.cpuCapacityMillicores[node] as number);
    reports.memoryBytes[node] =
      (view.metrics.memory.mean5mRatio[node] as number) * (view.nodes.memoryCapacityBytes[node] as number);
    reports.scrapedAtMs[node] = view.metrics.scrapedAtMs[node] as number;
  }
}

/** Sums, over the pods that the report cannot speak for yet, what their estimate exceeds their reported use by. */
function sumPending(reports: Reports, view: ClusterView): void {
  const { pods } = view;
  const isTrusted = (slot: number, node: number): boolean =>
    (pods.boundAtMs[slot] as number) <= (reports.scrapedAtMs[node] as number) - REPORT_INTERVAL_MS;
  const missing = (estimate: number, reported: number): number =>
    Number.isNaN(reported) ? estimate : Math.max(0, estimate - reported);
  const oldest = reports.reportedAtMs - 2 * REPORT_INTERVAL_MS - EXPIRY_MS;
  sumRecent(view, reports.pendingCpu, oldest, (_view, slot, node) => {
    const reported = pods.cpuUsageMillicores[slot] as number;
    if (isTrusted(slot, node) && !Number.isNaN(reported)) return 0;
    const request = pods.cpuRequestMillicores[slot] as number;
    const limit = pods.cpuLimitMillicores[slot] as number;
    return missing(estimateUse(request, limit, CPU_FACTOR, DEFAULT_CPU_MILLICORES), reported);
  });
  sumRecent(view, reports.pendingMemory, oldest, (_view, slot, node) => {
    const reported = pods.memoryUsageBytes[slot] as number;
    if (isTrusted(slot, node) && !Number.isNaN(reported)) return 0;
    const request = pods.memoryRequestBytes[slot] as number;
    const limit = pods.memoryLimitBytes[slot] as number;
    return missing(estimateUse(request, limit, MEMORY_FACTOR, DEFAULT_MEMORY_BYTES), reported);
  });
}

/** Koordinator LoadAware (filter and score, weights 1:1); research/placement-baselines 4.6. */
export const createKoordinatorLoadAware: PolicyFactory = ({ seed }) => {
  let reports = createReports(0);
  const estimate = (pod: PodSpec, node: number): { cpu: number; memory: number } => ({
    cpu:
      (reports.cpuMillicores[node] as number) +
      (reports.pendingCpu[node] as number) +
      estimateCpuMillicores(pod),
    memory:
      (reports.memoryBytes[node] as number) +
      (reports.pendingMemory[node] as number) +
      estimateMemoryBytes(pod),
  });
  const isExpired = (view: ClusterView, node: number): boolean =>
    !(view.nowMs - (reports.scrapedAtMs[node] as number) < EXPIRY_MS);
  return createScoredPolicy({
    name: 'koordinator-load-aware',
    seed,
    prepare(view) {
      reports = createReports(view.nodeCount);
      takeReport(reports, view);
    },
    onScrape: (view) => takeReport(reports, view),
    begin: (_pod, view) => sumPending(reports, view),
    accepts(pod, view, node) {
      if (isExpired(view, node)) return true;
      const { cpu, memory } = estimate(pod, node);
      const percent = (used: number, allocatable: number): number => Math.round((100 * used) / allocatable);
      return (
        percent(cpu, view.nodes.cpuAllocatableMillicores[node] as number) <= CPU_THRESHOLD_PERCENT &&
        percent(memory, view.nodes.memoryAllocatableBytes[node] as number) <= MEMORY_THRESHOLD_PERCENT
      );
    },
    score(pod, view, node) {
      if (isExpired(view, node)) return 0;
      const { cpu, memory } = estimate(pod, node);
      const cpuScore = freeShareScore(cpu, view.nodes.cpuAllocatableMillicores[node] as number);
      const memoryScore = freeShareScore(memory, view.nodes.memoryAllocatableBytes[node] as number);
      return Math.floor((cpuScore + memoryScore) / 2);
    },
  });
};
