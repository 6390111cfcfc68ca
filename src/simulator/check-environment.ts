import type { ClusterView } from '#domain';

import type { PlacementPolicy } from './types.ts';

/**
 * Looks for contradictions in a cluster view; empty when it is sound.
 *
 * @remarks Recounts every sum from the pod table: O(pods + nodes). Meant for tests and for a live view's
 *   self-check, not for the hot path.
 */
export function findViewBreaches(view: ClusterView): string[] {
  return [...findSumBreaches(view), ...findRatioBreaches(view), ...findRecentBreaches(view)];
}

function findSumBreaches({ nodes, pods, nodeCount, nodeNames }: ClusterView): string[] {
  const cpu = new Float64Array(nodeCount);
  const memory = new Float64Array(nodeCount);
  const count = new Int32Array(nodeCount);
  for (let slot = 0; slot < pods.slotCount; slot++) {
    const node = pods.node[slot] as number;
    if (node < 0) continue;
    cpu[node] = (cpu[node] as number) + (pods.cpuRequestMillicores[slot] as number);
    memory[node] = (memory[node] as number) + (pods.memoryRequestBytes[slot] as number);
    count[node] = (count[node] as number) + 1;
  }
  return nodeNames.flatMap((name, node) => {
    const breaches: string[] = [];
    if (cpu[node] !== nodes.cpuRequestedMillicores[node])
      breaches.push(`${name}: CPU requests do not add up`);
    if (memory[node] !== nodes.memoryRequestedBytes[node])
      breaches.push(`${name}: memory requests do not add up`);
    if (count[node] !== nodes.podCount[node]) breaches.push(`${name}: pods do not add up`);
    if ((cpu[node] as number) > (nodes.cpuAllocatableMillicores[node] as number))
      breaches.push(`${name}: CPU is over`);
    if ((memory[node] as number) > (nodes.memoryAllocatableBytes[node] as number))
      breaches.push(`${name}: memory is over`);
    if ((count[node] as number) > (nodes.podsAllocatable[node] as number))
      breaches.push(`${name}: too many pods`);
    return breaches;
  });
}

function findRatioBreaches({ metrics, nodeNames }: ClusterView): string[] {
  return [metrics.cpu, metrics.memory].flatMap((moments) =>
    Object.entries(moments).flatMap(([moment, values]: [string, Float64Array]) =>
      nodeNames.flatMap((name, node) => {
        const value = values[node] as number;
        return Number.isNaN(value) || (value >= 0 && value <= 1) ? [] : [`${name}: ${moment} is ${value}`];
      }),
    ),
  );
}

function findRecentBreaches({ pods, nowMs }: ClusterView): string[] {
  const breaches: string[] = [];
  let last = -Infinity;
  for (let i = 0; i < pods.recentCount; i++) {
    const slot = pods.recentSlots[i] as number;
    if (slot < 0) continue;
    const boundAtMs = pods.boundAtMs[slot] as number;
    if ((pods.node[slot] as number) < 0) breaches.push(`recent slot ${slot} is free`);
    if (boundAtMs < last || boundAtMs > nowMs) breaches.push(`recent slot ${slot} is out of order`);
    last = boundAtMs;
  }
  return breaches;
}

/** Wraps a policy so that every decision and scrape checks the view; breaches go to the callback. */
export function watchPolicy(policy: PlacementPolicy, report: (breach: string) => void): PlacementPolicy {
  const check = (view: ClusterView): void => findViewBreaches(view).forEach(report);
  return {
    name: policy.name,
    prepare(view) {
      check(view);
      policy.prepare?.(view);
    },
    onScrape(view) {
      check(view);
      policy.onScrape?.(view);
    },
    choose(pod, view, feasible, feasibleCount) {
      check(view);
      const chosen = policy.choose(pod, view, feasible, feasibleCount);
      const offered = feasible.subarray(0, feasibleCount);
      if (chosen !== -1 && !offered.includes(chosen))
        report(`${policy.name} chose node ${chosen}, not offered`);
      return chosen;
    },
  };
}
