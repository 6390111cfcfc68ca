import { policyUnknown } from '../errors.ts';
import { nearestName } from '../nearest-name.ts';
import type { PolicyFactory } from '../types.ts';
import { createLowRiskOverCommitment } from './low-risk-over-commitment.ts';
import { createMostAllocated } from './most-allocated.ts';
import { createRandom } from './random.ts';
import { createRoundRobin } from './round-robin.ts';
import { createStock } from './stock.ts';
import { createTargetLoadPacking } from './target-load-packing.ts';

/** The published rivals and the controls, by the names of the contract. */
export const BASELINE_POLICIES: Readonly<Record<string, PolicyFactory>> = {
  random: createRandom,
  'round-robin': createRoundRobin,
  stock: createStock,
  'most-allocated': createMostAllocated,
  'target-load-packing': createTargetLoadPacking,
  'low-risk-over-commitment': createLowRiskOverCommitment,
};

/** The policy that knows the future: a ceiling, never a rival. */
export const ORACLE_POLICY = 'peak-oracle';

/**
 * Finds a policy by name, among the baselines and any others that the caller adds.
 *
 * @throws MlschedError `MLS_SIMULATOR_POLICY_UNKNOWN` with the nearest name.
 */
export function findPolicy(name: string, added: Readonly<Record<string, PolicyFactory>> = {}): PolicyFactory {
  const factory = BASELINE_POLICIES[name] ?? added[name];
  if (factory !== undefined) return factory;
  const known = [...Object.keys(BASELINE_POLICIES), ...Object.keys(added)];
  throw policyUnknown(name, nearestName(name, known), known);
}
