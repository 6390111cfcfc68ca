import type { ClusterView, LoadMoments } from '#domain';
import { clamp } from '#kernel/units';

import type { PolicyFactory } from '../types.ts';
import { sumRecent } from './recent-pods.ts';
import { createScoredPolicy } from './scored-policy.ts';

/** The three annotations per resource: weight in the score and how often they are renewed. */
const MEAN_5M = { weight: 0.2, refreshMs: 3 * 60_000 };
const MAX_1H = { weight: 0.3, refreshMs: 15 * 60_000 };
const MAX_1D = { weight: 0.5, refreshMs: 3 * 3_600_000 };
const LARGEST_MEAN_5M = 0.65;
const LARGEST_MAX_1H = 0.75;
/** Bindings within a window that count as one degree of heat. */
const HOT_RULES = [
  { windowMs: 5 * 60_000, bindings: 5 },
  { windowMs: 60_000, bindings: 2 },
] as const;

/** Annotations of one resource of all nodes, as last written. */
export interface CraneAnnotations {
  readonly mean5m: Float64Array;
  readonly max1h: Float64Array;
  readonly max1d: Float64Array;
}

/** Degree of heat of a node with so many bindings in the windows of the rules. */
export function hotValue(bindings: readonly [number, number]): number {
  return HOT_RULES.reduce((sum, rule, i) => sum + Math.floor((bindings[i] as number) / rule.bindings), 0);
}

/** Weighted free share of the annotations less 10 per degree of heat, 0..100; an unknown annotation adds 0. */
export function craneScore(
  annotations: readonly CraneAnnotations[],
  node: number,
  bindings: readonly [number, number],
): number {
  let sum = 0;
  let weights = 0;
  const add = (usage: number, weight: number): void => {
    weights += weight;
    if (!Number.isNaN(usage)) sum += 100 * weight * (1 - usage);
  };
  for (const each of annotations) {
    add(each.mean5m[node] as number, MEAN_5M.weight);
    add(each.max1h[node] as number, MAX_1H.weight);
    add(each.max1d[node] as number, MAX_1D.weight);
  }
  // The sum of the weights is not exact in binary: without rounding 70 may come out as 69.99 and lose a point.
  const share = Math.floor(Number((sum / weights).toFixed(9)));
  return clamp(share - 10 * hotValue(bindings), 0, 100);
}

function createAnnotations(count: number): CraneAnnotations {
  const unknown = (): Float64Array => new Float64Array(count).fill(Number.NaN);
  return { mean5m: unknown(), max1h: unknown(), max1d: unknown() };
}

/** Crane's dynamic scheduler with the staleness of its annotations; research/placement-baselines 4.7. */
export const createCraneDynamic: PolicyFactory = ({ seed }) => {
  let annotations = [createAnnotations(0), createAnnotations(0)] as const;
  let counts = [new Float64Array(0), new Float64Array(0)] as const;
  const refreshedAtMs = { mean5m: -Infinity, max1h: -Infinity, max1d: -Infinity };
  const refresh = (view: ClusterView): void => {
    const renew = (key: keyof CraneAnnotations, everyMs: number, source: keyof LoadMoments): void => {
      if (view.nowMs - refreshedAtMs[key] < everyMs) return;
      refreshedAtMs[key] = view.nowMs;
      annotations[0][key].set(view.metrics.cpu[source]);
      annotations[1][key].set(view.metrics.memory[source]);
    };
    renew('mean5m', MEAN_5M.refreshMs, 'mean5mRatio');
    renew('max1h', MAX_1H.refreshMs, 'max1hRatio');
    renew('max1d', MAX_1D.refreshMs, 'max1dRatio');
  };
  return createScoredPolicy({
    name: 'crane-dynamic',
    seed,
    prepare(view) {
      annotations = [createAnnotations(view.nodeCount), createAnnotations(view.nodeCount)];
      counts = [new Float64Array(view.nodeCount), new Float64Array(view.nodeCount)];
      refresh(view);
    },
    onScrape: refresh,
    begin(_pod, view) {
      sumRecent(view, counts[0], view.nowMs - HOT_RULES[0].windowMs, () => 1);
      sumRecent(view, counts[1], view.nowMs - HOT_RULES[1].windowMs, () => 1);
    },
    accepts: (_pod, _view, node) =>
      annotations.every(
        ({ mean5m, max1h }) =>
          !((mean5m[node] as number) > LARGEST_MEAN_5M) && !((max1h[node] as number) > LARGEST_MAX_1H),
      ),
    score: (_pod, _view, node) =>
      craneScore(annotations, node, [counts[0][node] as number, counts[1][node] as number]),
  });
};
