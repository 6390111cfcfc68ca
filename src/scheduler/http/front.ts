import type { LiveCluster, PodRequest } from '../cluster/types.ts';
import type { DecisionCore } from '../decision/core.ts';
import type { RejectedNode } from '../decision/filter.ts';

/** What the fronts are made of. */
export interface FrontContext {
  readonly core: DecisionCore;
  readonly cluster: LiveCluster;
  /** Time for one request: what the caller gives, less a margin for the way back, at most what is configured. */
  budgetMs(asked: number | undefined): number;
  /** Nodes to leave out; `reason` says why there are none where that is not the models' own answer. */
  filter(pod: PodRequest): { readonly rejected: readonly RejectedNode[]; readonly reason: string };
}
