import type { ClusterView, LoadMoments, PodSpec } from '#domain';

import type { PolicyFactory } from '../types.ts';
import { clip, createScoredPolicy } from './scored-policy.ts';

const MARGIN = 1;
const SENSITIVITY = 1;

/**
 * Score of one resource, 0..100: half the expected use, half its risk.
 *
 * @param meanRatio - Measured mean use, 0..1.
 * @param sdRatio - Its standard deviation.
 * @param requestRatio - The pod's request as a ratio of what the node can give.
 */
export function riskBalanceScore(meanRatio: number, sdRatio: number, requestRatio: number): number {
  const mu = clip(meanRatio + requestRatio);
  const sigma = clip(MARGIN * clip(sdRatio) ** (1 / SENSITIVITY));
  return 100 * (1 - (mu + sigma) / 2);
}

function resourceScore(moments: LoadMoments, node: number, request: number, allocatable: number): number {
  const mean = moments.mean15mRatio[node] as number;
  return riskBalanceScore(mean, moments.sd15mRatio[node] as number, request / allocatable);
}

/** The smaller of the two resources' scores, rounded; one alone when only that is measured; 0 without metrics. */
export function loadVariationScore(pod: PodSpec, { metrics, nodes }: ClusterView, node: number): number {
  const cpu = resourceScore(
    metrics.cpu,
    node,
    pod.cpuRequestMillicores,
    nodes.cpuAllocatableMillicores[node] as number,
  );
  const memory = resourceScore(
    metrics.memory,
    node,
    pod.memoryRequestBytes,
    nodes.memoryAllocatableBytes[node] as number,
  );
  if (Number.isNaN(cpu)) return Number.isNaN(memory) ? 0 : Math.round(memory);
  return Math.round(Number.isNaN(memory) ? cpu : Math.min(cpu, memory));
}

/** Trimaran LoadVariationRiskBalancing, scheduler-plugins; research/placement-baselines 4.3. */
export const createLoadVariationRiskBalancing: PolicyFactory = ({ seed }) =>
  createScoredPolicy({ name: 'load-variation-risk-balancing', seed, score: loadVariationScore });
