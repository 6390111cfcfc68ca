import type { ClusterView } from '#domain';
import { formatPercent } from '#kernel/units';

import type { Brain } from './brain.ts';
import type { KnownPod, LiveCluster } from '../cluster/types.ts';

/** When a node may be left out altogether. */
export interface FilterConfig {
  /** Off by default: a filter can stop all scheduling. */
  readonly enabled: boolean;
  /** Most of the schedulable nodes that may be rejected at once, 0..1. */
  readonly maxRejectedRatio: number;
  /** A node this unhealthy or worse is rejected. */
  readonly minHealthRatio: number;
  /** A node whose forecast CPU with the pod is above this is rejected. */
  readonly maxForecastRatio: number;
}

export interface RejectedNode {
  readonly node: string;
  readonly reason: string;
}

interface FilterInput {
  readonly cluster: LiveCluster;
  readonly brain: Brain;
  readonly known: KnownPod;
}

/**
 * Nodes that are so bad that a pod should rather wait or go anywhere else, the worst first: never more than the set
 * share of the nodes that are open to pods, and never one of which we do not know enough.
 */
export function rejectNodes({ cluster, brain, known }: FilterInput, config: FilterConfig): RejectedNode[] {
  if (!config.enabled) return [];
  const { view } = cluster;
  const found: (RejectedNode & { readonly badness: number })[] = [];
  let open = 0;
  for (let row = 0; row < view.nodeCount; row++) {
    if (!isOpen(view, row)) continue;
    open++;
    if (!cluster.isFresh(row)) continue;
    const evidence = brain.policy.evidence(known.spec, view, row);
    const load = evidence.cpuForecastMedianRatio + evidence.cpuInFlightRatio + evidence.podCpuRatio;
    const health = evidence.healthRatio;
    const node = view.nodeNames[row] ?? '';
    if (health <= config.minHealthRatio) {
      found.push({ node, reason: `mlsched: health is ${formatPercent(health, 0)}`, badness: 2 - health });
    } else if (load > config.maxForecastRatio) {
      const reason = `mlsched: CPU is forecast at ${formatPercent(load, 0)}`;
      found.push({ node, reason, badness: Math.min(load, 1) });
    }
  }
  const most = Math.floor(open * Math.min(config.maxRejectedRatio, 0.99));
  return found
    .sort((a, b) => b.badness - a.badness || (a.node < b.node ? -1 : 1))
    .slice(0, most)
    .map(({ node, reason }) => ({ node, reason }));
}

function isOpen({ nodes }: ClusterView, row: number): boolean {
  return nodes.isReady[row] === 1 && nodes.isSchedulable[row] === 1;
}
