import type { ClusterView, ObservedNode, ObservedPod, PodSpec } from '#domain';

/** Measured load of one node. */
export interface NodeLoad {
  /** Ratio of capacity, 0..1; NaN = not measured. */
  readonly cpuUsageRatio: number;
  readonly memoryUsageRatio: number;
  /** End of the window that was measured, milliseconds. */
  readonly atMs: number;
}

/** Measured use of one pod. */
export interface PodLoad {
  readonly cpuMillicores: number;
  readonly memoryBytes: number;
}

/** What one round of measuring brought; a node or pod that did not answer is absent. */
export interface LoadReport {
  readonly nodes: ReadonlyMap<string, NodeLoad>;
  /** By `namespace/name`; undefined when pods are not measured at all. */
  readonly pods: ReadonlyMap<string, PodLoad> | undefined;
}

/** One change, as a watch delivers it. */
export type ClusterChange<T> =
  | { readonly type: 'set'; readonly object: T }
  | { readonly type: 'removed'; readonly uid: string; readonly namespace: string; readonly name: string };

/** What the scheduler reports of a pod before the API server shows it. */
export interface PlacementEvent {
  readonly type: 'reserved' | 'unreserved' | 'bound';
  readonly podUid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
}

/** A pod that is to be placed, as its caller described it. */
export interface PodRequest {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly schedulerName: string;
  readonly ownerKind: string;
  readonly ownerName: string;
  readonly ownerUid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly cpuRequestMillicores: number;
  readonly cpuLimitMillicores: number;
  readonly memoryRequestBytes: number;
  readonly memoryLimitBytes: number;
  readonly isDaemon: boolean;
}

/** A pod got a node. */
export interface BoundPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly schedulerName: string;
  readonly isDaemon: boolean;
  /** Stable name of its workload. */
  readonly owner: string;
}

/** The pod as the models see it, and the stable name of its workload. */
export interface KnownPod {
  readonly spec: PodSpec;
  readonly owner: string;
}

/** Totals that the caller's own cache holds of one node: `[cpuMillicores, memoryBytes, pods]`. */
export type RequestedTotals = readonly number[];

/** How the picture of the cluster is doing. */
export interface ClusterHealth {
  readonly nodes: number;
  readonly freshNodes: number;
  readonly boundPods: number;
  readonly inFlightPods: number;
  readonly pendingPods: number;
  /** Longest that a pod known to us has been waiting, seconds. */
  readonly oldestPendingSeconds: number;
}

/**
 * The cluster as it is now, kept up to date by events and load reports. Synchronous: between two of its calls a reader
 * sees a consistent view.
 */
export interface LiveCluster {
  readonly view: ClusterView;
  applyNodes(changes: readonly ClusterChange<ObservedNode>[]): void;
  applyPods(changes: readonly ClusterChange<ObservedPod>[]): void;
  applyEvents(events: readonly PlacementEvent[]): number;
  /** Remembers what a pod asks for, so that a reservation of it can be counted before the watch shows it. */
  describePod(pod: PodRequest): KnownPod;
  /** Counts what the caller's cache has assumed and we were never told. Shapes `[count]`. */
  reconcileRequested(nodes: Int32Array, requested: readonly RequestedTotals[]): void;
  /** Whether nodes came, went or changed their size since `rebuild`. */
  readonly needsRebuild: boolean;
  /** Takes in node changes; row numbers of the view change. */
  rebuild(): void;
  /** Takes in one round of measuring, at a step of the shared time grid. */
  recordLoad(report: LoadReport): void;
  /** Takes in load from before the start; in order of time, once the nodes are there. */
  recordPast(report: LoadReport, atMs: number): void;
  /** Names and addresses of the nodes. */
  nodeAddresses(): readonly { readonly name: string; readonly addresses: readonly string[] }[];
  /** Row of a node, -1 when the view does not have it. */
  rowOf(node: string): number;
  /** Whether the node's load is recent enough to decide by. */
  isFresh(row: number): boolean;
  health(): ClusterHealth;
  onBound(listener: (pod: BoundPod) => void): void;
}
