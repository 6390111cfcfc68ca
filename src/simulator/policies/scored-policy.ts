import type { ClusterView, PodSpec } from '#domain';
import { createRng } from '#kernel/rng';

import type { PlacementPolicy } from '../types.ts';

/** Score of one node for one pod; higher is better. */
type NodeScore = (pod: PodSpec, view: ClusterView, node: number) => number;

/** Whether a policy would let a pod onto a node at all. */
type NodeFilter = (pod: PodSpec, view: ClusterView, node: number) => boolean;

export interface ScoredPolicyOptions {
  readonly name: string;
  readonly seed: number;
  readonly score: NodeScore;
  /** The policy's own filter. When it rejects every node it is ignored: else pods would wait for nothing. */
  readonly accepts?: NodeFilter;
  readonly prepare?: (view: ClusterView) => void;
  readonly onScrape?: (view: ClusterView) => void;
  /** Called before the nodes of a decision are scored. */
  readonly begin?: (pod: PodSpec, view: ClusterView) => void;
}

/** A policy that takes the best-scored node; equal scores are drawn by the seed, as kube-scheduler does. */
export function createScoredPolicy(options: ScoredPolicyOptions): PlacementPolicy {
  const rng = createRng(options.seed).fork(`ties/${options.name}`);
  const { score, accepts, begin } = options;
  const pick = (decision: Decision, filter: NodeFilter | undefined): number => {
    const { pod, view, feasible, feasibleCount } = decision;
    let best = -1;
    let bestScore = -Infinity;
    let ties = 0;
    for (let i = 0; i < feasibleCount; i++) {
      const node = feasible[i] as number;
      if (filter !== undefined && !filter(pod, view, node)) continue;
      const value = score(pod, view, node);
      if (value > bestScore) {
        bestScore = value;
        best = node;
        ties = 1;
      } else if (value === bestScore && rng.int(++ties) === 0) best = node;
    }
    return best;
  };
  return {
    name: options.name,
    ...(options.prepare === undefined ? {} : { prepare: options.prepare }),
    ...(options.onScrape === undefined ? {} : { onScrape: options.onScrape }),
    choose(pod, view, feasible, feasibleCount) {
      begin?.(pod, view);
      const decision = { pod, view, feasible, feasibleCount };
      const accepted = pick(decision, accepts);
      return accepted < 0 && accepts !== undefined ? pick(decision, undefined) : accepted;
    },
  };
}

interface Decision {
  readonly pod: PodSpec;
  readonly view: ClusterView;
  readonly feasible: Int32Array;
  readonly feasibleCount: number;
}

/** `x` limited to 0..1. */
export function clip(x: number): number {
  return x < 0 ? 0 : x > 1 ? 1 : x;
}
