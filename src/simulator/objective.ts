import type { ObjectiveParts } from './types.ts';

/** Weights of the fixed objective; the yardstick of the project, never tuned. */
export const OBJECTIVE_WEIGHTS = {
  lostCpu: 100,
  overload: 50,
  oomKills: 1,
  imbalance: 20,
  unschedulable: 30,
} as const;

export type ObjectiveTerm = keyof typeof OBJECTIVE_WEIGHTS;
export type ObjectiveWeights = Readonly<Record<ObjectiveTerm, number>>;
export const OBJECTIVE_TERMS = Object.keys(OBJECTIVE_WEIGHTS) as ObjectiveTerm[];

/** What each weight multiplies: shares and rates, all >= 0, lower is better. */
export function objectiveTerms(parts: ObjectiveParts): Record<ObjectiveTerm, number> {
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return {
    lostCpu: share(parts.lostCpuCoreHours, parts.demandedCpuCoreHours),
    overload: share(parts.overloadNodeMinutes80, parts.nodeMinutes),
    oomKills: 1000 * share(parts.oomKills, parts.pods),
    imbalance: parts.imbalanceRatio,
    unschedulable: share(parts.unschedulablePods, parts.pods),
  };
}

/**
 * The placement objective, lower is better: 100 x lost CPU core-hours / demanded core-hours + 50 x share of
 * node-minutes above 80 % CPU + OOM kills per 1,000 pods + 20 x mean standard deviation of node CPU + 30 x
 * share of unschedulable pods.
 *
 * @param weights - Only a check of sensitivity passes its own.
 */
export function objectiveOf(parts: ObjectiveParts, weights: ObjectiveWeights = OBJECTIVE_WEIGHTS): number {
  const terms = objectiveTerms(parts);
  return OBJECTIVE_TERMS.reduce((sum, term) => sum + weights[term] * terms[term], 0);
}
