import { scoringCpuMillicores, scoringMemoryBytes } from '#domain';
import type { ClusterView, PodSpec } from '#domain';

import type { PolicyFactory } from '../types.ts';
import { createScoredPolicy } from './scored-policy.ts';
import { balancedAllocationScore } from './stock.ts';

/** MostAllocated of one resource, 0..100, integer division; a full resource counts as allocatable. */
export function mostAllocatedOf(allocatable: number, requested: number): number {
  if (allocatable === 0) return 0;
  return Math.floor((Math.min(requested, allocatable) * 100) / allocatable);
}

/** NodeResourcesFit with MostAllocated, CPU and memory weighted 1:1. */
export function mostAllocatedScore(pod: PodSpec, { nodes }: ClusterView, node: number): number {
  const cpu = mostAllocatedOf(
    nodes.cpuAllocatableMillicores[node] as number,
    (nodes.cpuScoringMillicores[node] as number) + scoringCpuMillicores(pod),
  );
  const memory = mostAllocatedOf(
    nodes.memoryAllocatableBytes[node] as number,
    (nodes.memoryScoringBytes[node] as number) + scoringMemoryBytes(pod),
  );
  return Math.floor((cpu + memory) / 2);
}

/** kube-scheduler set to pack: MostAllocated instead of LeastAllocated, BalancedAllocation as ever. */
export const createMostAllocated: PolicyFactory = ({ seed }) =>
  createScoredPolicy({
    name: 'most-allocated',
    seed,
    score: (pod, view, node) =>
      mostAllocatedScore(pod, view, node) + balancedAllocationScore(pod, view, node),
  });
