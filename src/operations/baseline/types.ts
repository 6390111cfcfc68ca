import type { LoadTarget, RawLoadSeries } from '#domain';
import type { WorkloadProfiles } from '#collect';

/** Something that was read per node beside its load; means over the span, NaN = unknown. */
export interface NodeExtras {
  readonly cpuRequestedCores: number;
  readonly cpuCapacityCores: number;
  readonly memoryRequestedBytes: number;
  readonly memoryCapacityBytes: number;
}

/** Scheduling over time, one value a step of the store; NaN = unknown. */
export interface SchedulingSeries {
  readonly timesMs: Float64Array;
  readonly podsPending: Float64Array;
  readonly attemptsPerSecond: Float64Array;
  readonly secondsPerSecond: Float64Array;
}

/** What the baseline is measured on. What the source lacks is undefined, and the report says so. */
export interface BaselineInput {
  readonly series: readonly RawLoadSeries[];
  readonly extras: ReadonlyMap<string, NodeExtras>;
  readonly scheduling: SchedulingSeries | undefined;
  readonly profiles: WorkloadProfiles | undefined;
}

/** How one resource of one node was used. Ratios of capacity; NaN = unknown. */
export interface NodeUse {
  readonly meanRatio: number;
  readonly p50Ratio: number;
  readonly p95Ratio: number;
  readonly p99Ratio: number;
  readonly maxRatio: number;
  /** Minutes whose 5-minute mean was above. */
  readonly minutesAbove80: number;
  readonly minutesAbove95: number;
  /** Share of the 5-minute windows of the span that are known. */
  readonly completenessRatio: number;
}

export interface NodeBaseline {
  readonly node: string;
  readonly cpu: NodeUse;
  /** Undefined where the source has no memory. */
  readonly memory: NodeUse | undefined;
  readonly extras: NodeExtras | undefined;
  /** Shape `[24]`, hours in UTC: 95th percentile of CPU. */
  readonly cpuP95ByHourRatio: readonly number[];
}

/** The cluster over time; each array one value a 5-minute window. */
export interface ClusterTimeline {
  readonly timesMs: Float64Array;
  readonly meanRatio: Float64Array;
  readonly lowestRatio: Float64Array;
  readonly highestRatio: Float64Array;
}

export interface ClusterUse {
  readonly target: LoadTarget;
  /** Mean of the nodes, each counting the same. */
  readonly meanRatio: number;
  readonly idleRatio: number;
  /** Node-minutes above, and their share of the known node time. */
  readonly minutesAbove80: number;
  readonly minutesAbove95: number;
  readonly shareAbove80Ratio: number;
  /** Mean over time of the standard deviation between nodes. */
  readonly imbalanceRatio: number;
  /** Median over time of the distance between the fullest and the emptiest node. */
  readonly spreadMedianRatio: number;
  /** Share of the time in which a node was above 80 % while another was below 50 %. */
  readonly avoidableShareRatio: number;
  /** Shape `[20]`: share of node time in each 5 % of capacity. */
  readonly distribution: readonly number[];
  readonly timeline: ClusterTimeline;
}

export interface SchedulingBaseline {
  readonly podsPendingMean: number;
  readonly podsPendingMax: number;
  readonly attemptsPerMinute: number;
  /** Mean time of one attempt over the span, weighted by attempts. */
  readonly attemptMeanMs: number;
  /** Mean of the slowest hour. */
  readonly slowestHourMeanMs: number;
}

/** The present cluster in numbers: what an improvement is measured against (REQUIREMENTS EDA-2). */
export interface BaselineReport {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepSeconds: number;
  /** Fullest first. */
  readonly nodes: readonly NodeBaseline[];
  readonly cpu: ClusterUse;
  readonly memory: ClusterUse | undefined;
  readonly scheduling: SchedulingBaseline | undefined;
  readonly profiles: WorkloadProfiles | undefined;
}
