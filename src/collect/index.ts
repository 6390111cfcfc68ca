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
export { collectHistory } from './history.ts';
export type { CollectHistoryOptions, HistoryReport } from './history.ts';
export { METRIC_CATALOGUE } from './metric-catalogue.ts';
export type { Exporter, MetricDefinition } from './metric-catalogue.ts';
export { createNodeIdentity } from './node-identity.ts';
export type { IdentityConflict, IdentitySources, NodeAddresses, NodeIdentity } from './node-identity.ts';
export { isStore, withStoreFiles } from './store/read-store.ts';
export { compactStore, describeStore, exportStore, queryStore } from './store/use-store.ts';
export type { CompactReport, ExportReport, StoreStatus } from './store/use-store.ts';
export { assessStore } from './store/store-quality.ts';
export type { ColumnQuality, StoreQuality } from './store/store-quality.ts';
export type { DayBatch } from './store/day-batch.ts';
export { openHistoryStore } from './store/store.ts';
export type { HistoryStore } from './store/store.ts';
export type { DayRecord, StoreOrigin } from './store/manifest.ts';
export { importTrace } from './import-trace.ts';
export type { ImportReport, ImportTraceOptions } from './import-trace.ts';
export { probeCatalogue, probeReach } from './probe.ts';
export type { MetricPresence } from './probe.ts';
export { collectLive } from './live.ts';
export type { CollectLiveOptions, LiveRound } from './live.ts';
export type { SpanSource } from './fetch-span.ts';
export { discoverNodes } from './discover-nodes.ts';
export { readPodUsage } from './pod-usage.ts';
export type { PodUsage, ReadPodUsageOptions } from './pod-usage.ts';
export { createMetricsServerReader, METRICS_SERVER_CATALOGUE } from './metrics-server.ts';
export type { MetricsServerReader } from './metrics-server.ts';
export { createLiveMetrics } from './live-metrics.ts';
export { followWorkloads } from './enrich/follow-workloads.ts';
export type { FollowWorkloadsOptions, WorkloadFollower } from './enrich/follow-workloads.ts';
export { readWorkloadFacts } from './enrich/fact-files.ts';
export { workloadKey } from './enrich/workload-fact.ts';
export type { WorkloadFact } from './enrich/workload-fact.ts';
export type { LiveNodeIdentity } from './enrich/live-identity.ts';
export { buildWorkloadProfiles, profilesPath } from './enrich/build-profiles.ts';
export type { BuildProfilesOptions } from './enrich/build-profiles.ts';
export { createProfileBook } from './enrich/profile-book.ts';
export type { ExpectedUse, ProfileBook, ProfiledPod } from './enrich/profile-book.ts';
export { RAMP_AGES_SECONDS, readWorkloadProfiles } from './enrich/workload-profile.ts';
export type {
  LifeProfile,
  RampProfile,
  UseProfile,
  WorkloadProfile,
  WorkloadProfiles,
} from './enrich/workload-profile.ts';
