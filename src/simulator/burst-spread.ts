import type { StepSample } from './accounting.ts';

/** Watches how evenly the pods of each burst are spread, and how evenly loaded the nodes are once they run. */
export interface BurstSpread {
  /** @param suitableNodes - Nodes with room when the pod was placed; that of a burst's first pod counts. */
  add(burst: number, node: number, suitableNodes: number): void;
  /** Takes in the demand of a step; the first one after pods of a burst were placed tells what they did. */
  step(sample: StepSample): void;
  /**
   * Pods on the busiest node over the mean of the suitable nodes, averaged over the bursts: 1 is even.
   * NaN when there was no burst.
   *
   * @remarks Counts pods, not load: a policy that fills up the least loaded nodes is above 1 on purpose.
   */
  peakToMeanRatio(): number;
  /** CPU demand of the most loaded node over the mean of all nodes right after each burst, averaged; NaN as above. */
  loadPeakToMeanRatio(): number;
}

export function createBurstSpread(): BurstSpread {
  const bursts = new Map<
    number,
    { readonly suitableNodes: number; readonly podsOnNode: Map<number, number> }
  >();
  const loads: number[] = [];
  let isFresh = false;
  return {
    add(burst, node, suitableNodes) {
      const seen = bursts.get(burst) ?? { suitableNodes, podsOnNode: new Map<number, number>() };
      isFresh ||= !bursts.has(burst);
      seen.podsOnNode.set(node, (seen.podsOnNode.get(node) ?? 0) + 1);
      bursts.set(burst, seen);
    },
    step(sample) {
      if (!isFresh) return;
      isFresh = false;
      loads.push(loadPeakToMean(sample));
    },
    peakToMeanRatio() {
      const ratios = [...bursts.values()].map(({ suitableNodes, podsOnNode }) => {
        const counts = [...podsOnNode.values()];
        const pods = counts.reduce((total, count) => total + count, 0);
        return Math.max(...counts) / (pods / suitableNodes);
      });
      return meanOf(ratios);
    },
    loadPeakToMeanRatio: () => meanOf(loads),
  };
}

function loadPeakToMean({ isCounted, cpuDemandMillicores, cpuCapacityMillicores }: StepSample): number {
  const ratios: number[] = [];
  cpuDemandMillicores.forEach((demand, node) => {
    if (isCounted[node] === 1) ratios.push(demand / (cpuCapacityMillicores[node] as number));
  });
  return Math.max(...ratios) / meanOf(ratios);
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((total, value) => total + value, 0) / values.length;
}
