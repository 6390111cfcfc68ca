import { growWorkloads, resetWorkload } from '#domain';
import type { ClusterState, ObservedOwner } from '#domain';

/** Row of the workloads table that stands for a workload never seen; nothing is ever observed of it. */
export const UNKNOWN_OWNER = 0;

const MOST_OWNERS = 20_000;

/**
 * Rows of the workloads table by the stable name of the workload. Rows of workloads without a pod are given to new
 * ones when there are too many, the longest idle first.
 */
export interface OwnerBook {
  /** Row of a workload, made when it is new. */
  take(key: string): number;
  /** Row of a workload; `UNKNOWN_OWNER` when it was never seen. Never grows the book: requests come from outside. */
  find(key: string): number;
}

export function createOwnerBook(state: ClusterState, limit = MOST_OWNERS): OwnerBook {
  // Insertion order is the order of last use.
  const rows = new Map<string, number>();
  growWorkloads(state, 1);
  const recycle = (): number | undefined => {
    for (const [key, row] of rows) {
      if ((state.view.workloads.runningPods[row] as number) > 0) continue;
      rows.delete(key);
      resetWorkload(state, row);
      return row;
    }
    return undefined;
  };
  return {
    find: (key) => rows.get(key) ?? UNKNOWN_OWNER,
    take(key) {
      const known = rows.get(key);
      if (known !== undefined) {
        rows.delete(key);
        rows.set(key, known);
        return known;
      }
      const row = (rows.size >= limit ? recycle() : undefined) ?? state.view.workloads.ownerCount;
      growWorkloads(state, row + 1);
      rows.set(key, row);
      return row;
    },
  };
}

/** Pods that nobody controls count as one workload a namespace: each of them lives only once. */
export function ownerKey(namespace: string, owner: Pick<ObservedOwner, 'kind' | 'name'>): string {
  return owner.kind === 'Pod' || owner.kind === ''
    ? `Pod/${namespace}`
    : `${owner.kind}/${namespace}/${owner.name}`;
}
