import type { RawLoadSeries } from '#domain';

/** Samples in one demand curve: a day of 5-minute means. */
export const CURVE_STEPS = 288;
export const CURVE_STEP_SECONDS = 300;

/**
 * One day of use of many VMs, as share of what each VM was given.
 *
 * @remarks Row-major, shape `[count, 288]`: value of VM `v` in the 5 minutes from minute `5 * s` on is
 *   `cpuUsageRatio[v * 288 + s]`. Mostly in 0..1; above 1 (at most 4) where a VM used more than it had
 *   asked for. NaN where unknown.
 */
export interface DemandCurves {
  readonly count: number;
  /** Sorted. */
  readonly names: readonly string[];
  readonly cpuUsageRatio: Float32Array;
  /** Undefined when the source records CPU only. */
  readonly memoryUsageRatio: Float32Array | undefined;
}

/** Arrivals of VMs, one entry an arrival, ordered by time then by batch. */
export interface VmArrivals {
  readonly count: number;
  /** Seconds since the start of the trace, shape `[count]`. */
  readonly arrivalSeconds: Float64Array;
  /** VMs that one tenant asked for at once share a batch, shape `[count]`. */
  readonly batch: Int32Array;
  readonly vcpus: Float32Array;
  readonly memoryGib: Float32Array;
  /** The life lies in `[lifetimeSecondsMin, lifetimeSecondsMax]`. */
  readonly lifetimeSecondsMin: Float64Array;
  /** NaN where not published. */
  readonly lifetimeSecondsMax: Float64Array;
  /** 1 when the VM still ran at the end of the trace: its life is at least the minimum. */
  readonly isCensored: Uint8Array;
}

/** Nodes of a recorded cluster. */
export interface ClusterNodes {
  readonly count: number;
  readonly names: readonly string[];
  readonly cpuMillicores: Float64Array;
  readonly memoryBytes: Float64Array;
  readonly gpus: Int32Array;
  /** Null where a node has no GPU. */
  readonly gpuModels: readonly (string | null)[];
}

/** Pods of a recorded cluster, in file order. Times are seconds since the start of the trace. */
export interface ClusterPods {
  /** File name without `.parquet`: which published mix this is. */
  readonly name: string;
  readonly count: number;
  readonly names: readonly string[];
  readonly cpuMillicores: Float64Array;
  readonly memoryBytes: Float64Array;
  readonly gpus: Int32Array;
  /** Share of one GPU in thousandths. */
  readonly gpuMillis: Int32Array;
  /** As published (LS, BE, Burstable, ...); null where not given. */
  readonly qos: readonly (string | null)[];
  readonly creationSeconds: Float64Array;
  /** NaN where the pod was never deleted. */
  readonly deletionSeconds: Float64Array;
  /** NaN where the pod was never scheduled. */
  readonly scheduledSeconds: Float64Array;
}

/** Everything the simulator needs to replay real demand. */
export interface PlacementData {
  /** `google-vms/`: CPU and memory curves. */
  readonly googleVms: DemandCurves;
  /** `azure-arrivals/`. */
  readonly azureArrivals: VmArrivals;
  /** `openb/nodes.parquet`. */
  readonly openbNodes: ClusterNodes;
  /** `openb/pods-*.parquet`, sorted by name; at least one. */
  readonly openbPods: readonly ClusterPods[];
  /** `planetlab/`, CPU only; undefined when the root has none. */
  readonly planetlabVms: DemandCurves | undefined;
  /** `smd-nodes/`; undefined when the root has none. */
  readonly nodeLoad: readonly RawLoadSeries[] | undefined;
}
