/**
 * What a scheduler can see of a cluster at one moment: specifications, bindings, and metrics as of each
 * node's last scrape. There is nothing here that a live cluster could not show.
 *
 * @remarks A struct of typed arrays over nodes, so that a decision allocates nothing. The arrays are owned by
 *   whoever maintains the view: read them, never write or keep them (tables that grow are replaced).
 *   NaN means unknown everywhere; ratios are in 0..1 of the node's capacity.
 */
export interface ClusterView {
  /** The moment of the decision, milliseconds. */
  readonly nowMs: number;
  readonly nodeCount: number;
  readonly nodeNames: readonly string[];
  readonly nodes: NodeTable;
  readonly metrics: NodeMetrics;
  /** Means over 5 minutes, at least 26 hours long when that much has been seen. */
  readonly history: LoadRing;
  /** Means over one scrape interval, about one hour long. */
  readonly recentHistory: LoadRing;
  readonly pods: PodTable;
  readonly workloads: WorkloadTable;
}

/** Capacity, and the sums over the pods bound to each node (also those not yet running). All shape `[nodes]`. */
export interface NodeTable {
  readonly cpuCapacityMillicores: Float64Array;
  readonly memoryCapacityBytes: Float64Array;
  readonly cpuAllocatableMillicores: Float64Array;
  readonly memoryAllocatableBytes: Float64Array;
  readonly podsAllocatable: Int32Array;
  readonly cpuRequestedMillicores: Float64Array;
  readonly memoryRequestedBytes: Float64Array;
  /** As `cpuRequestedMillicores`, but a pod without request counts 100 m (stock's rule for scoring). */
  readonly cpuScoringMillicores: Float64Array;
  /** As `memoryRequestedBytes`, but a pod without request counts 200 MiB. */
  readonly memoryScoringBytes: Float64Array;
  /** Sum of limits, each raised to its request; a pod without limit counts its request. */
  readonly cpuLimitMillicores: Float64Array;
  readonly memoryLimitBytes: Float64Array;
  readonly podCount: Int32Array;
  /** 1 when the node is ready and may take pods. */
  readonly isReady: Uint8Array;
  /** 1 when ordinary pods may go there at all (no control-plane taint, not cordoned). */
  readonly isSchedulable: Uint8Array;
}

/** Load of each node as its metrics tell it. All shape `[nodes]`; NaN where there is no sample. */
export interface NodeMetrics {
  /** End of the newest sample's window, milliseconds; NaN when the node was never scraped. */
  readonly scrapedAtMs: Float64Array;
  readonly cpu: LoadMoments;
  readonly memory: LoadMoments;
}

/** Moments of one resource's usage ratio, each as of the last scrape; windows end there. */
export interface LoadMoments {
  /** Mean over the last scrape interval. */
  readonly latestRatio: Float64Array;
  readonly mean5mRatio: Float64Array;
  readonly mean15mRatio: Float64Array;
  /** Population standard deviation of the scrapes of the last 15 minutes. */
  readonly sd15mRatio: Float64Array;
  /** Largest 5-minute mean of the last hour. */
  readonly max1hRatio: Float64Array;
  /** Largest 5-minute mean of the last day. */
  readonly max1dRatio: Float64Array;
}

/**
 * A ring of means of each node's usage ratio on one shared time grid.
 *
 * @remarks Shape `[nodes, capacity]`, row-major; slot `head` holds the newest window, which ends at
 *   `endMs`; older windows lie before it, wrapping. NaN where a node had no sample. Windows END at their
 *   time, as in `LoadSeries`. Read a row in time order with `copyHistory`.
 */
export interface LoadRing {
  readonly stepSeconds: number;
  readonly capacity: number;
  /** Slots filled so far, at most `capacity`; the same for all nodes. */
  readonly count: number;
  readonly head: number;
  readonly endMs: number;
  readonly cpuUsageRatio: Float32Array;
  readonly memoryUsageRatio: Float32Array;
}

/**
 * The pods now bound, one slot each; a free slot has `node` -1 and is reused later.
 *
 * @remarks All shape `[slots]`. `recentSlots[0..recentCount)` lists the pods bound in the last 15 minutes (and
 *   some older), oldest first; -1 for one that is gone. In flight = bound, not yet visible in the metrics:
 *   `cpuUsageMillicores` is NaN.
 */
export interface PodTable {
  /** Slots in use or freed; slots beyond hold nothing. */
  readonly slotCount: number;
  readonly node: Int32Array;
  readonly ownerId: Int32Array;
  readonly boundAtMs: Float64Array;
  readonly cpuRequestMillicores: Float64Array;
  readonly memoryRequestBytes: Float64Array;
  /** 0 = not set. */
  readonly cpuLimitMillicores: Float64Array;
  readonly memoryLimitBytes: Float64Array;
  readonly isDaemon: Uint8Array;
  /** Use over the last scrape interval; NaN until the pod was first scraped. */
  readonly cpuUsageMillicores: Float64Array;
  readonly memoryUsageBytes: Float64Array;
  readonly recentSlots: Int32Array;
  readonly recentCount: number;
}

/**
 * What was observed of each workload's pods so far. All shape `[owners]`; NaN before the first observation.
 *
 * @remarks Use is per scraped sample of a running pod, as a ratio of the pod's own request (may exceed 1).
 */
export interface WorkloadTable {
  readonly ownerCount: number;
  readonly runningPods: Int32Array;
  readonly sampleCount: Float64Array;
  readonly cpuToRequestMeanRatio: Float64Array;
  readonly cpuToRequestSdRatio: Float64Array;
  readonly cpuToRequestMaxRatio: Float64Array;
  readonly memoryToRequestMeanRatio: Float64Array;
  readonly memoryToRequestMaxRatio: Float64Array;
  readonly finishedPods: Int32Array;
  /** Mean lifetime of the pods that finished. */
  readonly lifetimeMeanSeconds: Float64Array;
}

/**
 * Copies the newest windows of one node out of a ring, oldest first.
 *
 * @param ring - The ring to read.
 * @param values - `ring.cpuUsageRatio` or `ring.memoryUsageRatio`.
 * @param node - Row.
 * @param out - Filled from its END: the newest window is the last element; elements older than the ring
 *   knows are NaN.
 * @returns How many windows were copied.
 */
export function copyHistory(ring: LoadRing, values: Float32Array, node: number, out: Float32Array): number {
  const copied = Math.min(ring.count, out.length);
  const row = node * ring.capacity;
  out.fill(Number.NaN, 0, out.length - copied);
  for (let back = 0; back < copied; back++) {
    const slot = (ring.head - back + ring.capacity) % ring.capacity;
    out[out.length - 1 - back] = values[row + slot] as number;
  }
  return copied;
}
