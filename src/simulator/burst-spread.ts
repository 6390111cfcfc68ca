/** Watches how evenly the pods of each burst are spread. */
export interface BurstSpread {
  /** @param suitableNodes - Nodes with room when the pod was placed; that of a burst's first pod counts. */
  add(burst: number, node: number, suitableNodes: number): void;
  /**
   * Pods on the busiest node over the mean of the suitable nodes, averaged over the bursts: 1 is even.
   * NaN when there was no burst.
   */
  peakToMeanRatio(): number;
}

export function createBurstSpread(): BurstSpread {
  const bursts = new Map<
    number,
    { readonly suitableNodes: number; readonly podsOnNode: Map<number, number> }
  >();
  return {
    add(burst, node, suitableNodes) {
      const seen = bursts.get(burst) ?? { suitableNodes, podsOnNode: new Map<number, number>() };
      seen.podsOnNode.set(node, (seen.podsOnNode.get(node) ?? 0) + 1);
      bursts.set(burst, seen);
    },
    peakToMeanRatio() {
      let sum = 0;
      for (const { suitableNodes, podsOnNode } of bursts.values()) {
        const counts = [...podsOnNode.values()];
        const pods = counts.reduce((total, count) => total + count, 0);
        sum += Math.max(...counts) / (pods / suitableNodes);
      }
      return bursts.size === 0 ? Number.NaN : sum / bursts.size;
    },
  };
}
