export { createPartTable, effectiveWeights } from './combine.ts';
export type { NodeEvidence } from './evidence.ts';
export { createSignalSource } from './node-signals.ts';
export type { SignalSource, SignalView } from './node-signals.ts';
export { LEARNED_POLICIES } from './policies.ts';
export { createEnsemblePolicy, DEFAULT_ENSEMBLE_CONFIG } from './policy.ts';
export type { EnsembleConfig, EnsemblePolicy, Rating } from './policy.ts';
