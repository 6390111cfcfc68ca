import { LEARNED_POLICIES } from '#models/ensemble';
import { BASELINE_POLICIES, findPolicy } from '#simulator';
import type { PolicyFactory } from '#simulator';

/** Every name that `simulate` knows; our own first, then the controls and rivals. */
export function policyNames(): string[] {
  return [...Object.keys(LEARNED_POLICIES), ...Object.keys(BASELINE_POLICIES)];
}

/** True for `mlsched` and its ablations: they are ours and never count as rivals. */
export function isOwnPolicy(name: string): boolean {
  return name === 'mlsched' || name.startsWith('mlsched-');
}

/** @throws MlschedError `MLS_SIMULATOR_POLICY_UNKNOWN` with the nearest name. */
export function policyFactory(name: string): PolicyFactory {
  return findPolicy(name, LEARNED_POLICIES);
}
