import { policyUnknown } from '../errors.ts';
import { nearestName } from '#kernel/nearest-name';
import type { PolicyFactory } from '../types.ts';
import { createBestFit } from './best-fit.ts';
import { createCraneDynamic } from './crane-dynamic.ts';
import { createKoordinatorLoadAware } from './koordinator-load-aware.ts';
import { createLoadVariationRiskBalancing } from './load-variation-risk-balancing.ts';
import { createLowRiskOverCommitment } from './low-risk-over-commitment.ts';
import { createMostAllocated } from './most-allocated.ts';
import { createObjectiveOracle } from './objective-oracle.ts';
import { createPeakOracle } from './peak-oracle.ts';
import { createRandom } from './random.ts';
import { createRoundRobin } from './round-robin.ts';
import { createStock } from './stock.ts';
import { createTargetLoadPacking } from './target-load-packing.ts';
import { createVolcanoUsage } from './volcano-usage.ts';

/** The published rivals and the controls, by the names of the contract. */
export const BASELINE_POLICIES: Readonly<Record<string, PolicyFactory>> = {
  random: createRandom,
  'round-robin': createRoundRobin,
  stock: createStock,
  'most-allocated': createMostAllocated,
  'target-load-packing': createTargetLoadPacking,
  'load-variation-risk-balancing': createLoadVariationRiskBalancing,
  'low-risk-over-commitment': createLowRiskOverCommitment,
  'koordinator-load-aware': createKoordinatorLoadAware,
  'crane-dynamic': createCraneDynamic,
  'volcano-usage': createVolcanoUsage,
  'best-fit': createBestFit,
  'peak-oracle': createPeakOracle,
  'objective-oracle': createObjectiveOracle,
};

/** Policies that know the future: ceilings, never rivals. */
export const ORACLE_POLICIES: readonly string[] = ['peak-oracle', 'objective-oracle'];

/** The ceiling that the distance is stated to. */
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
