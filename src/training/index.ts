export { simulate } from './simulate.ts';
export type { SimulateOptions, SimulateReport } from './simulate.ts';
export type { Improvement, PolicySummary, Sensitivity, SimulationComparison } from './simulate-compare.ts';
export { policyNames } from './simulate-policies.ts';
export { listScenarios, loadScenario } from './simulate-scenarios.ts';
