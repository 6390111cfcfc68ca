export { readAnomalyMachines } from './anomaly.ts';
export type { AnomalyMachine } from './anomaly.ts';
export { readLoadHistory, readLoadSeries } from './load.ts';
export type { LoadHistory, ReadLoadOptions } from './load.ts';
export type { LoadFinding } from './load-merge.ts';
export { readPlacementData } from './placement.ts';
export { CURVE_STEP_SECONDS, CURVE_STEPS } from './placement-types.ts';
export type {
  ClusterNodes,
  ClusterPods,
  DemandCurves,
  PlacementData,
  VmArrivals,
} from './placement-types.ts';
export { assessQuality } from './quality.ts';
export type { AssessOptions } from './quality.ts';
export { QUALITY_BAR } from './quality-types.ts';
export type { Gap, MetricQuality, QualityPart, QualityParts, QualityReport } from './quality-types.ts';
