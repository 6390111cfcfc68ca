import { createRng } from '#kernel/rng';
import { scoringCpuMillicores, scoringMemoryBytes } from '#domain';
import type { ClusterView, PodSpec } from '#domain';

import type { PolicyFactory } from '../types.ts';

/** Below this many nodes, and never fewer than this many, all feasible nodes are scored. */
const MIN_FEASIBLE_NODES = 100;
const MIN_PERCENTAGE = 5;

/**
 * How many feasible nodes kube-scheduler looks for before it scores: all below 100, else 50 - nodes / 125
 * percent, at least 5 %, at least 100 (`numFeasibleNodesToFind`, integer arithmetic).
 */
export function feasibleNodesToFind(nodeCount: number): number {
  if (nodeCount < MIN_FEASIBLE_NODES) return nodeCount;
  const percentage = Math.max(50 - Math.floor(nodeCount / 125), MIN_PERCENTAGE);
  return Math.max(Math.floor((nodeCount * percentage) / 100), MIN_FEASIBLE_NODES);
}

/** LeastAllocated of one resource, 0..100, integer division as upstream; 0 when over. */
export function leastAllocatedOf(allocatable: number, requested: number): number {
  if (allocatable === 0 || requested > allocatable) return 0;
  return Math.floor(((allocatable - requested) * 100) / allocatable);
}

/** NodeResourcesFit with LeastAllocated, CPU and memory weighted 1:1; pods without request count 100 m / 200 MiB. */
export function leastAllocatedScore(pod: PodSpec, { nodes }: ClusterView, node: number): number {
  const cpu = leastAllocatedOf(
    nodes.cpuAllocatableMillicores[node] as number,
    (nodes.cpuScoringMillicores[node] as number) + scoringCpuMillicores(pod),
  );
  const memory = leastAllocatedOf(
    nodes.memoryAllocatableBytes[node] as number,
    (nodes.memoryScoringBytes[node] as number) + scoringMemoryBytes(pod),
  );
  return Math.floor((cpu + memory) / 2);
}

/**
 * NodeResourcesBalancedAllocation of CPU and memory as kube-scheduler 1.36 and newer compute it: how much the pod
 * improves the balance of the node, 50..100, 75 when it changes nothing; best-effort pods get 0 everywhere (skipped).
 * Until 1.35 the score was `balanceOf` with the pod alone.
 */
export function balancedAllocationScore(pod: PodSpec, { nodes }: ClusterView, node: number): number {
  if (pod.cpuRequestMillicores === 0 && pod.memoryRequestBytes === 0) return 0;
  const cpu = nodes.cpuRequestedMillicores[node] as number;
  const memory = nodes.memoryRequestedBytes[node] as number;
  const cpuAllocatable = nodes.cpuAllocatableMillicores[node] as number;
  const memoryAllocatable = nodes.memoryAllocatableBytes[node] as number;
  const withPod = balanceOf(
    (cpu + pod.cpuRequestMillicores) / cpuAllocatable,
    (memory + pod.memoryRequestBytes) / memoryAllocatable,
  );
  const withoutPod = balanceOf(cpu / cpuAllocatable, memory / memoryAllocatable);
  return 50 + Math.trunc((50 + withPod - withoutPod) / 2);
}

/** 100 when both resources are requested to the same share, 50 when one is full and the other empty; integer. */
function balanceOf(cpuRatio: number, memoryRatio: number): number {
  return Math.floor((1 - Math.abs((Math.min(cpuRatio, 1) - Math.min(memoryRatio, 1)) / 2)) * 100);
}

/** What stock kube-scheduler adds up where only resources matter, 0..200. */
export function stockScore(pod: PodSpec, view: ClusterView, node: number): number {
  return leastAllocatedScore(pod, view, node) + balancedAllocationScore(pod, view, node);
}

/**
 * Stock kube-scheduler: LeastAllocated + BalancedAllocation, on a sample of the feasible nodes that starts
 * where the last search ended; the best one, ties drawn at random.
 */
export const createStock: PolicyFactory = ({ seed }) => {
  const rng = createRng(seed).fork('ties/stock');
  let start = 0;
  return {
    name: 'stock',
    choose(pod, view, feasible, feasibleCount) {
      const wanted = Math.min(feasibleNodesToFind(view.nodeCount), feasibleCount);
      const first = firstFrom(feasible, feasibleCount, start);
      let best = -1;
      let bestScore = -1;
      let ties = 0;
      let node = start;
      for (let i = 0; i < wanted; i++) {
        const at = first + i;
        node = feasible[at < feasibleCount ? at : at - feasibleCount] as number;
        const score = stockScore(pod, view, node);
        if (score > bestScore) {
          bestScore = score;
          best = node;
          ties = 1;
        } else if (score === bestScore && rng.int(++ties) === 0) best = node;
      }
      // Upstream goes on after the last node it looked at; a search that found too few looked at all.
      if (wanted < feasibleCount) start = (node + 1) % view.nodeCount;
      return best;
    },
  };
};

/** Position of the first feasible node at or after `start`; 0 when there is none. */
function firstFrom(feasible: Int32Array, feasibleCount: number, start: number): number {
  let low = 0;
  let high = feasibleCount;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((feasible[middle] as number) < start) low = middle + 1;
    else high = middle;
  }
  return low === feasibleCount ? 0 : low;
}
