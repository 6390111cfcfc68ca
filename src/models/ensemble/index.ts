export { createPartTable, effectiveWeights } from './combine.ts';
export { LEARNED_POLICIES } from './policies.ts';
export { createEnsemblePolicy } from './policy.ts';
