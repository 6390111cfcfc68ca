import type { ClusterView, PodSpec } from '#domain';

/** How evenly a burst of one workload is spread. */
export interface BurstGuardConfig {
  /** Most pods of a burst that a node may take, as a multiple of its even share; 0 = no limit. */
  readonly shareLimit: number;
  /** An even share below this is no burst: `shareLimit` times as many pods may always go to one node. */
  readonly smallestShare: number;
  /** Siblings bound within this time belong to one burst, seconds. */
  readonly windowSeconds: number;
}

/**
 * `shareLimit` is the bar of the burst scenario. `smallestShare` must be at least 1 / (shareLimit - 1), else there may be
 * no node left that is allowed to take the next pod.
 */
export const DEFAULT_BURST_GUARD: BurstGuardConfig = { shareLimit: 1.3, smallestShare: 4, windowSeconds: 60 };

/** Candidate nodes of one decision: the first `count` count. */
export interface Candidates {
  readonly candidates: Int32Array;
  readonly count: number;
}

/**
 * Keeps a burst from herding: while many pods of one workload are in flight, a node that has taken its share of
 * them is held back.
 *
 * @remarks In-flight accounting already adds what the profile expects of each pod, and so levels the expected load; but
 *   the error of that expectation is common to all pods of the burst, and so are start-up costs that no metric shows
 *   (image pulls, warm-up). Where a hundred pods are put by one guess, the guess must not decide alone.
 */
export class BurstGuard {
  private readonly config: BurstGuardConfig;
  /** Siblings in flight, shape `[nodes]`. */
  private siblings = new Int32Array(0);
  private allowed = new Int32Array(0);

  constructor(config: BurstGuardConfig) {
    this.config = config;
  }

  /** @returns The candidates that may take the pod, in their order; valid until the next call, never empty. */
  filter(pod: PodSpec, view: ClusterView, { candidates, count }: Candidates): Candidates {
    const { shareLimit, smallestShare } = this.config;
    if (shareLimit <= 0 || count === 0) return { candidates, count };
    const burst = this.countSiblings(pod, view) + 1;
    const limit = shareLimit * Math.max(burst / count, smallestShare);
    if (burst <= limit) return { candidates, count };
    if (this.allowed.length < count) this.allowed = new Int32Array(count);
    let allowed = 0;
    for (let i = 0; i < count; i++) {
      const node = candidates[i] as number;
      if ((this.siblings[node] as number) + 1 <= limit) this.allowed[allowed++] = node;
    }
    return allowed === 0 ? { candidates, count } : { candidates: this.allowed, count: allowed };
  }

  private countSiblings(pod: PodSpec, { pods, nowMs, nodeCount }: ClusterView): number {
    if (this.siblings.length === nodeCount) this.siblings.fill(0);
    else this.siblings = new Int32Array(nodeCount);
    const oldestMs = nowMs - this.config.windowSeconds * 1000;
    let total = 0;
    for (let i = pods.recentCount - 1; i >= 0; i--) {
      const slot = pods.recentSlots[i] as number;
      if (slot < 0) continue;
      if ((pods.boundAtMs[slot] as number) < oldestMs) break;
      const node = pods.node[slot] as number;
      if (node < 0 || pods.ownerId[slot] !== pod.ownerId) continue;
      this.siblings[node] = (this.siblings[node] as number) + 1;
      total++;
    }
    return total;
  }
}
