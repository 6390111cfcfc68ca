export { AlertState } from './alert-state.ts';
export { loadAnomalyModel, saveAnomalyModel } from './codec.ts';
export { NODE_ANOMALY_SCHEMA } from './config.ts';
export { fitAnomalyModel } from './fit.ts';
export type { FitOptions, TrainingSpan } from './fit.ts';
export { describeContributions } from './contribution-words.ts';
export { createHealthMonitor, healthOf } from './health-monitor.ts';
export type { HealthMonitor, HealthMonitorOptions } from './health-monitor.ts';
export { createIncidentLog } from './incidents.ts';
export type {
  Incident,
  IncidentEvent,
  IncidentLog,
  KnownCause,
  Observation,
  SuppressedSpan,
} from './incidents.ts';
export { fitIsolationForest, scoreIsolationForest } from './isolation-forest.ts';
export type { IsolationForest, IsolationForestOptions } from './isolation-forest.ts';
export { fitPrincipalComponents, scorePrincipalComponents } from './principal-components.ts';
export type { PrincipalComponents } from './principal-components.ts';
export { fitRobustScale, scoreRobustZ } from './robust-scale.ts';
export type { RobustScale } from './robust-scale.ts';
export { scoreAlertHistory, scoreHistory, scoreSigmas } from './strength.ts';
export { DEFAULT_TARGET_PRECISION, tuneThreshold } from './tune-threshold.ts';
export type { JudgedIncident, TunedThreshold } from './tune-threshold.ts';
export type { PeerVerdict } from './peers.ts';
export type { AnomalyModel, Contribution, HealthLevel, NodeHealth } from './types.ts';
