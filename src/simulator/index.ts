export { findViewBreaches, watchPolicy } from './check-environment.ts';
export { betaCdf } from './beta-distribution.ts';
export { OBJECTIVE_TERMS, OBJECTIVE_WEIGHTS, objectiveOf, objectiveTerms } from './objective.ts';
export type { ObjectiveTerm, ObjectiveWeights } from './objective.ts';
export { BASELINE_POLICIES, findPolicy, ORACLE_POLICIES, ORACLE_POLICY } from './policies/registry.ts';
export { clip, createScoredPolicy } from './policies/scored-policy.ts';
export { createStock, stockScore } from './policies/stock.ts';
export { prepareScenario } from './prepare.ts';
export type { PreparedScenario } from './prepare.ts';
export { runSimulation } from './run.ts';
export { parseScenario } from './scenario.ts';
export type { Scenario } from './scenario.ts';
export { isInSplit } from './split.ts';
export type { Split } from './split.ts';
export { selectTraces } from './traces.ts';
export type { CurveFamily, WorkloadTraces } from './traces.ts';
export type {
  FutureKnowledge,
  NodeLoadRecord,
  ObjectiveParts,
  PlacementPolicy,
  PolicyContext,
  PolicyFactory,
  SimulationResult,
} from './types.ts';
export type { StepSample } from './accounting.ts';
export type { RunOptions } from './world.ts';
