import type { ClusterView } from '#domain';

/** What a policy adds for one recently bound pod, given its slot; 0 leaves it out. */
export type SlotAmount = (view: ClusterView, slot: number, node: number) => number;

/**
 * Sums an amount over the recently bound pods, per node.
 *
 * @param out - Overwritten, shape `[nodes]`.
 * @param oldestMs - Pods bound earlier are not looked at.
 */
export function sumRecent(view: ClusterView, out: Float64Array, oldestMs: number, amount: SlotAmount): void {
  const { pods } = view;
  out.fill(0);
  for (let i = pods.recentCount - 1; i >= 0; i--) {
    const slot = pods.recentSlots[i] as number;
    if (slot < 0) continue;
    if ((pods.boundAtMs[slot] as number) < oldestMs) return;
    const node = pods.node[slot] as number;
    out[node] = (out[node] as number) + amount(view, slot, node);
  }
}
