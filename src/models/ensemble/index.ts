export { combineParts, createPartTable, effectiveWeights, normaliseWeights } from './combine.ts';
export type { PartTable } from './combine.ts';
export { decide, rankTotals } from './decide.ts';
export type { AbstentionLimit, DecisionInput, Ranking } from './decide.ts';
