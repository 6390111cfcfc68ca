export { known, unknown } from './measured.ts';
export type { Measured, UnknownReason } from './measured.ts';
export { HORIZON_MINUTES, JUDGE_STEP_SECONDS, LOAD_TARGETS, QUANTILE_LEVELS } from './series.ts';
export type { HorizonMinutes, LoadSeries, LoadTarget, RawLoadSeries } from './series.ts';
export type { NodeForecast, QuantileForecast } from './forecast.ts';
export { DEFAULT_SCORE_WEIGHTS, SCORE_PARTS } from './decision.ts';
export type { Decision, FlipCondition, PartScore, ScoredNode, ScorePart, ScoreWeights } from './decision.ts';
export { MODEL_NAMES } from './model-artefact.ts';
export type { ModelArtefact, ModelName } from './model-artefact.ts';
export { copyHistory } from './cluster-view.ts';
export type {
  ClusterView,
  LoadMoments,
  LoadRing,
  NodeMetrics,
  NodeTable,
  PodTable,
  WorkloadTable,
} from './cluster-view.ts';
export type { NodeSpec } from './node.ts';
export {
  DEFAULT_CPU_REQUEST_MILLICORES,
  DEFAULT_MEMORY_REQUEST_BYTES,
  qosOf,
  scoringCpuMillicores,
  scoringMemoryBytes,
} from './pod.ts';
export type { PodSpec, QosClass } from './pod.ts';
export type { ObservedNode, ObservedOwner, ObservedPod, ObservedTaint } from './observed.ts';
export {
  bindPod,
  createClusterState,
  doubled,
  findFeasible,
  isFeasible,
  pruneRecent,
  unbindPod,
} from './cluster/state.ts';
export type { ClusterState } from './cluster/state.ts';
export { growWorkloads, rebuildNodes, resetWorkload } from './cluster/change.ts';
export {
  observeFinish,
  observeWorkloads,
  recordGap,
  recordPastWindow,
  recordScrape,
  renewLoadMoments,
} from './cluster/load.ts';
