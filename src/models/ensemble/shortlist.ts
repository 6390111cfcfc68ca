import type { ClusterView, PodSpec } from '#domain';
import type { Outlook } from '#models/placement';
import { clamp } from '#kernel/units';

import type { Candidates } from './burst-guard.ts';

/** Load that an entirely unhealthy node is taken to have on top of its own, ratio of capacity. */
const UNHEALTHY_RATIO = 1;

/**
 * Picks the candidates of a large cluster that are worth the network: those with the least expected load over the
 * pod's life, pods in flight included. An unhealthy node counts as loaded, an unknown load as the average one.
 */
export class Shortlist {
  private readonly outlook: Outlook;
  private readonly picked: Int32Array;
  private keys = new Float64Array(0);
  private sorted = new Float64Array(0);

  /** @param limit - Most candidates that are picked. */
  constructor(outlook: Outlook, limit: number) {
    this.outlook = outlook;
    this.picked = new Int32Array(limit);
  }

  /**
   * @param health - Shape `[nodes]`, 0..1, NaN = unknown.
   * @returns The candidates themselves when there are few; else the picked ones, ascending, valid until the next call.
   */
  pick(
    {
      pod,
      view,
      health,
    }: { readonly pod: PodSpec; readonly view: ClusterView; readonly health: Float64Array },
    { candidates, count }: Candidates,
  ): Candidates {
    const limit = this.picked.length;
    if (count <= limit) return { candidates, count };
    this.rate(pod, view, health, candidates.subarray(0, count));
    this.sorted.set(this.keys.subarray(0, count));
    const worst = this.sorted.subarray(0, count).sort()[limit - 1] as number;
    let picked = 0;
    for (let i = 0; i < count && picked < limit; i++) {
      if ((this.keys[i] as number) <= worst) this.picked[picked++] = candidates[i] as number;
    }
    return { candidates: this.picked, count: picked };
  }

  private rate(pod: PodSpec, { nodes }: ClusterView, health: Float64Array, candidates: Int32Array): void {
    const count = candidates.length;
    if (this.keys.length < count) {
      this.keys = new Float64Array(count);
      this.sorted = new Float64Array(count);
    }
    const estimate = this.outlook.profile.estimate(pod);
    const seconds = clamp(estimate.lifeSeconds, 600, 14_400);
    let sum = 0;
    let known = 0;
    for (let i = 0; i < count; i++) {
      const node = candidates[i] as number;
      const load = this.outlook.cpuRatio(node, seconds);
      const added = estimate.cpuMillicores / (nodes.cpuCapacityMillicores[node] as number);
      const healthRatio = health[node] as number;
      this.keys[i] = load + added + (healthRatio < 1 ? UNHEALTHY_RATIO * (1 - healthRatio) : 0);
      if (Number.isNaN(load)) continue;
      sum += load;
      known++;
    }
    const average = known === 0 ? 0 : sum / known;
    for (let i = 0; i < count; i++) if (Number.isNaN(this.keys[i])) this.keys[i] = average;
  }
}
