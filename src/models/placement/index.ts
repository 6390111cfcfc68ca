export { loadPlacementModel, savePlacementModel, usesForecast } from './artefact.ts';
export type { PlacementModel } from './artefact.ts';
export { DEFAULT_REWARD_CONFIG } from './counterfactual.ts';
export type { RewardConfig } from './counterfactual.ts';
export {
  CANDIDATE_FEATURES,
  CONTEXT_COUNT,
  CONTEXT_FEATURES,
  PLACEMENT_SCHEMA_VERSION,
  ROW_COUNT,
  createFeatureEncoder,
} from './features.ts';
export type { EncodeInput, FeatureEncoder } from './features.ts';
export { createBatch, createLearner, initialLearnerState } from './learner.ts';
export type { Learner, LearnerConfig, LearnerState, StepReport, TrainingBatch } from './learner.ts';
export { OVERLOAD_RATIO, expectedExcess, normalCdf, shareAbove } from './load-cost.ts';
export { createEvaluator, parameterSpecs } from './network.ts';
export type { Evaluator, NetworkShape, Parameters } from './network.ts';
export { ColumnMoments, identityNormalisation, normaliseRows } from './normalisation.ts';
export type { Normalisation } from './normalisation.ts';
export { createOutlook } from './outlook.ts';
export type { Outlook } from './outlook.ts';
export { ReplayMemory } from './replay.ts';
export type { Experience, ReplayConfig, ReplaySnapshot } from './replay.ts';
export { createPlacementScorer, openPlacementSession } from './scorer.ts';
export type { PlacementScorer, PlacementSession } from './scorer.ts';
export { FORECAST_VALUES_PER_NODE, forecastIndex, horizonForSpan, unknownSignals } from './signals.ts';
export type { NodeSignals } from './signals.ts';
export { createTrainee } from './trainee.ts';
export type { TraineeOptions, TraineeReport } from './trainee.ts';
export { createUsageProfile } from './usage-profile.ts';
export type { PodEstimate, UsageProfile } from './usage-profile.ts';
