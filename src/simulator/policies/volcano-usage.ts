import type { ClusterView } from '#domain';

import type { PolicyFactory } from '../types.ts';
import { sumRecent } from './recent-pods.ts';
import { clip, createScoredPolicy } from './scored-policy.ts';

const THRESHOLD_RATIO = 0.8;
const STALE_MS = 5 * 60_000;
const METRIC_INTERVAL_MS = 30_000;
const REQUEST_SHARE = 0.7;
const BURST_SHARE = 0;
const BUSY_RATIO = 0.6;
const BUSY_FACTOR = 1.2;
const USAGE_WEIGHT = 5;
const DEFAULT_CPU_MILLICORES = 250;
const DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024;

/** Estimated use of a pod that no metric shows yet; `factor` is 1.2 on a busy node, else 1. */
export function shadowUse(request: number, limit: number, factor: number, whenUnset: number): number {
  if (request === 0 && limit === 0) return whenUnset * factor;
  const estimate = (REQUEST_SHARE * request + BURST_SHARE * Math.max(limit - request, 0)) * factor;
  return limit > 0 ? Math.min(Math.max(estimate, 0), limit) : estimate;
}

/** Score 0..500 of two use ratios. */
export function usageScore(cpuRatio: number, memoryRatio: number): number {
  return (100 * USAGE_WEIGHT * (1 - clip(cpuRatio) + (1 - clip(memoryRatio)))) / 2;
}

/** How much a node's load inflates estimates: by a fifth when CPU and memory are 60 % used on average. */
function busyFactor({ metrics }: ClusterView, node: number): number {
  const load = ((metrics.cpu.mean5mRatio[node] as number) + (metrics.memory.mean5mRatio[node] as number)) / 2;
  return load >= BUSY_RATIO ? BUSY_FACTOR : 1;
}

/** Volcano's usage plugin; research/placement-baselines 4.8. */
export const createVolcanoUsage: PolicyFactory = ({ seed }) => {
  let cpuShadow = new Float64Array(0);
  let memoryShadow = new Float64Array(0);
  return createScoredPolicy({
    name: 'volcano-usage',
    seed,
    begin(_pod, view) {
      if (cpuShadow.length !== view.nodeCount) {
        cpuShadow = new Float64Array(view.nodeCount);
        memoryShadow = new Float64Array(view.nodeCount);
      }
      const { pods } = view;
      const oldest = view.nowMs - METRIC_INTERVAL_MS;
      sumRecent(view, cpuShadow, oldest, (_view, slot, node) => {
        const request = pods.cpuRequestMillicores[slot] as number;
        const limit = pods.cpuLimitMillicores[slot] as number;
        return shadowUse(request, limit, busyFactor(view, node), DEFAULT_CPU_MILLICORES);
      });
      sumRecent(view, memoryShadow, oldest, (_view, slot, node) => {
        const request = pods.memoryRequestBytes[slot] as number;
        const limit = pods.memoryLimitBytes[slot] as number;
        return shadowUse(request, limit, busyFactor(view, node), DEFAULT_MEMORY_BYTES);
      });
    },
    accepts(_pod, { metrics, nowMs }, node) {
      if (!(nowMs - (metrics.scrapedAtMs[node] as number) <= STALE_MS)) return true;
      return (
        !((metrics.cpu.mean5mRatio[node] as number) > THRESHOLD_RATIO) &&
        !((metrics.memory.mean5mRatio[node] as number) > THRESHOLD_RATIO)
      );
    },
    score(_pod, { metrics, nodes }, node) {
      const cpu = metrics.cpu.mean5mRatio[node] as number;
      const memory = metrics.memory.mean5mRatio[node] as number;
      if (Number.isNaN(cpu) || Number.isNaN(memory)) return 0;
      return usageScore(
        cpu + (cpuShadow[node] as number) / (nodes.cpuCapacityMillicores[node] as number),
        memory + (memoryShadow[node] as number) / (nodes.memoryCapacityBytes[node] as number),
      );
    },
  });
};
