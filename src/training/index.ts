export { simulate } from './simulate.ts';
export type { SimulateOptions, SimulateReport } from './simulate.ts';
export { compareResults } from './simulate-compare.ts';
export type { Improvement, PolicySummary, Sensitivity, SimulationComparison } from './simulate-compare.ts';
export { policyNames } from './simulate-policies.ts';
export { listScenarios, loadScenario } from './simulate-scenarios.ts';
export { ANOMALY_DETECTORS, evaluateAnomaly } from './evaluate-anomaly.ts';
export type {
  AnomalyDetector,
  AnomalyReport,
  AnomalyResult,
  EvaluateAnomalyOptions,
} from './evaluate-anomaly.ts';
export { evaluateForecast } from './evaluate-forecast.ts';
export type { EvaluateForecastOptions, ForecastEvaluation, ForecastProtocol } from './evaluate-forecast.ts';
export type { AnnouncementResult } from './forecast-announce.ts';
export { DETAIL_MODELS } from './forecast-detail.ts';
export type { DetailGroup, ForecastDetail } from './forecast-detail.ts';
export { crossValidateForecast, ROLLING_ENDS } from './forecast-cross-validate.ts';
export { FORECAST_EFFORTS } from './forecast-efforts.ts';
export { rankForecastFeatures } from './forecast-features.ts';
export type { FeatureRanking } from './forecast-features.ts';
export { tuneForecast } from './tune-forecast.ts';
export type { ForecastTuning, TunedTrial, TuneForecastOptions } from './tune-forecast.ts';
export { trainForecast } from './train-forecast.ts';
export type { TrainForecastOptions, TrainedForecast } from './train-forecast.ts';
export type { ForecastBudget } from './forecast-efforts.ts';
export type { ForecastTrace } from './forecast-judge.ts';
export type { ForecastResult } from './forecast-score.ts';
export { trainPlacement } from './train-placement.ts';
export type { TrainPlacementOptions, TrainPlacementReport } from './train-placement.ts';
export type { EpisodePoint, PlacementCurves } from './placement-curves.ts';
export type { ValidationPoint } from './placement-validation.ts';
export { trainAnomaly } from './train-anomaly.ts';
export type { TrainAnomalyOptions, TrainAnomalyReport } from './train-anomaly.ts';
export { traceAnomaly } from './trace-anomaly.ts';
export type { AnomalyTrace } from './trace-anomaly.ts';
export { traceDecision } from './trace-decision.ts';
export { drawAnomalyCurve } from './anomaly-curve.ts';
export type { AnomalyCurve, CurvePoint } from './anomaly-curve.ts';
export { runFaultTrial } from './anomaly-fault-trial.ts';
export { anomalyGates } from './promotion/anomaly-gates.ts';
export { forecastGates } from './promotion/forecast-gates.ts';
export type { Gate, GateReport } from './promotion/gate.ts';
export { placementGates } from './promotion/placement-gates.ts';
export { CHALLENGER, CHAMPION, promote, rollBack } from './promotion/promote.ts';
export type { AliasMove } from './promotion/promote.ts';
export { compareErrors } from './feature-verdict.ts';
export type { FeatureSetComparison, FeatureSetVerdict, PairedErrors } from './feature-verdict.ts';
export type { FaultOutcome, FaultTrial, KnownAnomalies } from './anomaly-fault-trial.ts';
export { findRuns } from './anomaly-measures.ts';
