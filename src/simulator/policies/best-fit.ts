import type { ClusterView, PodSpec } from '#domain';

import type { PolicyFactory } from '../types.ts';
import { createScoredPolicy } from './scored-policy.ts';

/** Largest node of the cluster, per resource: what free room is measured by. */
export interface LargestNode {
  readonly cpuMillicores: number;
  readonly memoryBytes: number;
}

/** 100 x (1 - mean free share left after the pod, relative to the largest node). */
export function bestFitScore(
  pod: PodSpec,
  { nodes }: ClusterView,
  node: number,
  largest: LargestNode,
): number {
  const cpuLeft =
    (nodes.cpuAllocatableMillicores[node] as number) -
    (nodes.cpuRequestedMillicores[node] as number) -
    pod.cpuRequestMillicores;
  const memoryLeft =
    (nodes.memoryAllocatableBytes[node] as number) -
    (nodes.memoryRequestedBytes[node] as number) -
    pod.memoryRequestBytes;
  return 100 * (1 - (cpuLeft / largest.cpuMillicores + memoryLeft / largest.memoryBytes) / 2);
}

function largestOf(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** Best fit as in the FGD simulator: the node that the pod fills best; research/placement-baselines 4.9. */
export const createBestFit: PolicyFactory = ({ seed }) => {
  let largest: LargestNode | undefined;
  return createScoredPolicy({
    name: 'best-fit',
    seed,
    score(pod, view, node) {
      largest ??= {
        cpuMillicores: largestOf(view.nodes.cpuAllocatableMillicores),
        memoryBytes: largestOf(view.nodes.memoryAllocatableBytes),
      };
      return bestFitScore(pod, view, node, largest);
    },
  });
};
