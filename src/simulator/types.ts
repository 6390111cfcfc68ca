import type { ClusterView, ModelArtefact, PodSpec } from '#domain';

/**
 * Chooses a node for one pod at a time, as a scheduler's scoring phase does.
 *
 * @remarks Every policy gets the same feasible nodes. It may keep state (what it assumed, its random stream),
 *   but sees the world only through the view.
 */
export interface PlacementPolicy {
  readonly name: string;
  /** Called once, before the first decision. */
  prepare?(view: ClusterView): void;
  /** Called after each scrape, when the metrics of the view have changed. */
  onScrape?(view: ClusterView): void;
  /**
   * @param feasible - Indices of nodes with room for the pod, ascending; only the first `feasibleCount`
   *   count. Read only.
   * @param feasibleCount - At least 2: with one candidate nobody is asked, as in kube-scheduler.
   * @returns Index of the chosen node, or -1 to abstain: the stock choice is used instead.
   */
  choose(pod: PodSpec, view: ClusterView, feasible: Int32Array, feasibleCount: number): number;
}

/** What only an oracle may know: the true demand of what runs now. Handed to the oracle alone. */
export interface FutureKnowledge {
  /** Steps looked ahead. */
  readonly steps: number;
  readonly stepSeconds: number;
  /**
   * Fills `out[k]` with the CPU that the pods now on the node, and its system, will demand `k * stepSeconds`
   * after the last full step (pods that end before count no longer), millicores, `k` in `[0, steps)`.
   */
  nodeCpuDemandMillicores(node: number, out: Float64Array): void;
  nodeMemoryDemandBytes(node: number, out: Float64Array): void;
  /** The same for one pod that is about to be placed, from now to its end. */
  podCpuDemandMillicores(uid: number, out: Float64Array): void;
  podMemoryDemandBytes(uid: number, out: Float64Array): void;
}

/** What a policy may be made from. */
export interface PolicyContext {
  /** Seed of the policy's own random stream. */
  readonly seed: number;
  /** Trained models by name, for learned policies; empty for the published rivals. */
  readonly artefacts: ReadonlyMap<string, ModelArtefact>;
  /** Only the peak oracle may read this. */
  readonly future: FutureKnowledge | undefined;
}

/** Makes a fresh policy for one run. */
export type PolicyFactory = (context: PolicyContext) => PlacementPolicy;

/** The result of one run of one policy; lower is better for every number but `emptyNodesMean`. */
export interface SimulationResult {
  readonly policy: string;
  readonly scenario: string;
  readonly seed: number;
  readonly parts: ObjectiveParts;
  /** The fixed objective of docs/explanation/how-results-are-judged.md. */
  readonly objective: number;
  /** Wall-clock time of a decision, 99th percentile, microseconds. */
  readonly decisionMicrosP99: number;
  readonly placements: number;
  /** Decisions in which the policy abstained and stock's choice was taken. */
  readonly abstentions: number;
  /** Pods of a burst on the busiest node over the mean of the suitable nodes; NaN without bursts. */
  readonly burstPeakToMeanRatio: number;
  /** CPU demand of the most loaded node over the mean of all, right after a burst; NaN without bursts. */
  readonly burstLoadPeakToMeanRatio: number;
  readonly series: NodeLoadRecord | undefined;
}

/** Everything the objective is made of, and what is reported beside it. Worker nodes only. */
export interface ObjectiveParts {
  readonly overloadNodeMinutes80: number;
  readonly overloadNodeMinutes95: number;
  readonly nodeMinutes: number;
  readonly lostCpuCoreHours: number;
  readonly demandedCpuCoreHours: number;
  readonly oomKills: number;
  readonly pods: number;
  /** 99th percentile over nodes and steps of CPU use as a ratio of capacity. */
  readonly p99NodeCpuRatio: number;
  /** Mean over steps of the standard deviation over nodes of the CPU use ratio. */
  readonly imbalanceRatio: number;
  /** Mean over steps of the number of nodes without an ordinary pod. */
  readonly emptyNodesMean: number;
  /** Pods that found no node at their first attempt. */
  readonly unschedulablePods: number;
  /** Pods that never found a node before the run ended. */
  readonly neverScheduledPods: number;
  /** Mean wait of the pods that had to queue, seconds; 0 when none had to. */
  readonly queueSecondsMean: number;
}

/** Down-sampled CPU load per node, for heat maps. */
export interface NodeLoadRecord {
  readonly nodeNames: readonly string[];
  /** End of each window since the start of the measured span, seconds. */
  readonly timeSeconds: Int32Array;
  /** Demand as a ratio of capacity (may exceed 1), shape `[nodes, times]`. */
  readonly cpuDemandRatio: Float32Array;
}
