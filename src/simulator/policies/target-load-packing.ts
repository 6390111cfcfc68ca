import type { ClusterView, PodSpec } from '#domain';

import type { PolicyFactory } from '../types.ts';
import { sumRecent } from './recent-pods.ts';
import { createScoredPolicy } from './scored-policy.ts';

const TARGET_PERCENT = 40;
const REQUEST_MULTIPLIER = 1.5;
const NO_REQUEST_MILLICORES = 1000;
/** A pod bound this shortly before the metrics' end still counts as missing from them. */
const METRICS_LAG_MS = 60_000;
/** Window over which the watcher averages. */
const LONGEST_WINDOW_MS = 15 * 60_000;

/** Guess of a pod's CPU use: its limit; else 1.5 x its request; else one core. */
export function guessCpuMillicores(
  pod: Pick<PodSpec, 'cpuRequestMillicores' | 'cpuLimitMillicores'>,
): number {
  if (pod.cpuLimitMillicores > 0) return pod.cpuLimitMillicores;
  if (pod.cpuRequestMillicores > 0) return Math.round(pod.cpuRequestMillicores * REQUEST_MULTIPLIER);
  return NO_REQUEST_MILLICORES;
}

/**
 * Score 0..100 of a predicted CPU use in percent: rises to 100 at the target, drops to it just above, then
 * falls to 0 at 100 %.
 */
export function targetLoadScore(usePercent: number): number {
  const target = TARGET_PERCENT;
  if (!(usePercent <= 100)) return 0;
  if (usePercent <= target) return Math.round(((100 - target) * usePercent) / target + target);
  return Math.round((target * (100 - usePercent)) / (100 - target));
}

/** Trimaran TargetLoadPacking, scheduler-plugins; research/placement-baselines 4.2. */
export const createTargetLoadPacking: PolicyFactory = ({ seed }) => {
  let missing = new Float64Array(0);
  const missingOf = (view: ClusterView, slot: number, node: number): number => {
    const scrapedAtMs = view.metrics.scrapedAtMs[node] as number;
    if ((view.pods.boundAtMs[slot] as number) <= scrapedAtMs - METRICS_LAG_MS) return 0;
    return guessCpuMillicores({
      cpuRequestMillicores: view.pods.cpuRequestMillicores[slot] as number,
      cpuLimitMillicores: view.pods.cpuLimitMillicores[slot] as number,
    });
  };
  return createScoredPolicy({
    name: 'target-load-packing',
    seed,
    begin(_pod, view) {
      if (missing.length !== view.nodeCount) missing = new Float64Array(view.nodeCount);
      sumRecent(view, missing, view.nowMs - LONGEST_WINDOW_MS, missingOf);
    },
    score(pod, view, node) {
      const capacity = view.nodes.cpuCapacityMillicores[node] as number;
      const measured = (view.metrics.cpu.mean15mRatio[node] as number) * capacity;
      const use = (100 * (measured + guessCpuMillicores(pod) + (missing[node] as number))) / capacity;
      return targetLoadScore(use);
    },
  });
};
