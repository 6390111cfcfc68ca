import type {
  ClusterView,
  LoadRing,
  NodeMetrics,
  NodeTable,
  PodTable,
  WorkloadTable,
} from '../cluster-view.ts';
import type { NodeSpec } from '../node.ts';
import { scoringCpuMillicores, scoringMemoryBytes } from '../pod.ts';
import type { PodSpec } from '../pod.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A view that its owner may change, with what is needed to keep it up to date. */
export interface ClusterState {
  readonly view: Mutable<Omit<ClusterView, 'pods' | 'history' | 'recentHistory' | 'workloads'>> & {
    readonly pods: Mutable<PodTable>;
    readonly history: Mutable<LoadRing>;
    readonly recentHistory: Mutable<LoadRing>;
    readonly workloads: Mutable<WorkloadTable>;
  };
  readonly freeSlots: number[];
  /** Position of each slot in `pods.recentSlots`, -1 when it has left the list. Shape `[slots]`. */
  recentPosition: Int32Array;
  /** Pods on each node that are not DaemonSet pods. */
  ordinaryPods: Int32Array;
  readonly sums: Mutable<WorkloadSums>;
}

/** Running sums behind the workload table. */
interface WorkloadSums {
  readonly cpu: Float64Array;
  readonly cpuSquares: Float64Array;
  readonly memory: Float64Array;
  readonly lifetimeSeconds: Float64Array;
}

/** How long a binding stays in `recentSlots`. */
const RECENT_MS = 15 * 60_000;
/** 28 hours of 5-minute means. */
const HISTORY_STEPS = 336;
const RECENT_HISTORY_SECONDS = 3900;
const FIRST_SLOTS = 256;

/** An empty cluster whose metrics are all unknown. */
export function createClusterState(
  specs: readonly NodeSpec[],
  ownerCount: number,
  stepSeconds: number,
): ClusterState {
  const count = specs.length;
  return {
    view: {
      nowMs: 0,
      nodeCount: count,
      nodeNames: specs.map(({ name }) => name),
      nodes: createNodeTable(specs),
      metrics: createMetrics(count),
      history: createRing(count, 300, HISTORY_STEPS),
      recentHistory: createRing(count, stepSeconds, Math.ceil(RECENT_HISTORY_SECONDS / stepSeconds)),
      pods: createPodTable(FIRST_SLOTS),
      workloads: createWorkloads(ownerCount),
    },
    freeSlots: [],
    recentPosition: new Int32Array(FIRST_SLOTS).fill(-1),
    ordinaryPods: new Int32Array(count),
    sums: {
      cpu: new Float64Array(ownerCount),
      cpuSquares: new Float64Array(ownerCount),
      memory: new Float64Array(ownerCount),
      lifetimeSeconds: new Float64Array(ownerCount),
    },
  };
}

export function createNodeTable(specs: readonly NodeSpec[]): NodeTable {
  const zeros = (): Float64Array => new Float64Array(specs.length);
  const take = (pick: (spec: NodeSpec) => number): Float64Array => Float64Array.from(specs, pick);
  return {
    cpuCapacityMillicores: take((spec) => spec.cpuCapacityMillicores),
    memoryCapacityBytes: take((spec) => spec.memoryCapacityBytes),
    cpuAllocatableMillicores: take((spec) => spec.cpuAllocatableMillicores),
    memoryAllocatableBytes: take((spec) => spec.memoryAllocatableBytes),
    podsAllocatable: Int32Array.from(specs, (spec) => spec.podsAllocatable),
    cpuRequestedMillicores: zeros(),
    memoryRequestedBytes: zeros(),
    cpuScoringMillicores: zeros(),
    memoryScoringBytes: zeros(),
    cpuLimitMillicores: zeros(),
    memoryLimitBytes: zeros(),
    podCount: new Int32Array(specs.length),
    isReady: new Uint8Array(specs.length).fill(1),
    isSchedulable: Uint8Array.from(specs, (spec) => (spec.isSchedulable ? 1 : 0)),
  };
}

export function createMetrics(count: number): NodeMetrics {
  const unknown = (): Float64Array => new Float64Array(count).fill(Number.NaN);
  const moments = () => ({
    latestRatio: unknown(),
    mean5mRatio: unknown(),
    mean15mRatio: unknown(),
    sd15mRatio: unknown(),
    max1hRatio: unknown(),
    max1dRatio: unknown(),
  });
  return { scrapedAtMs: unknown(), cpu: moments(), memory: moments() };
}

function createRing(nodes: number, stepSeconds: number, capacity: number): LoadRing {
  const unknown = (): Float32Array => new Float32Array(nodes * capacity).fill(Number.NaN);
  return {
    stepSeconds,
    capacity,
    count: 0,
    head: capacity - 1,
    endMs: Number.NaN,
    cpuUsageRatio: unknown(),
    memoryUsageRatio: unknown(),
  };
}

function createPodTable(slots: number): PodTable {
  return {
    slotCount: 0,
    node: new Int32Array(slots).fill(-1),
    ownerId: new Int32Array(slots),
    boundAtMs: new Float64Array(slots),
    cpuRequestMillicores: new Float64Array(slots),
    memoryRequestBytes: new Float64Array(slots),
    cpuLimitMillicores: new Float64Array(slots),
    memoryLimitBytes: new Float64Array(slots),
    isDaemon: new Uint8Array(slots),
    cpuUsageMillicores: new Float64Array(slots),
    memoryUsageBytes: new Float64Array(slots),
    recentSlots: new Int32Array(slots),
    recentCount: 0,
  };
}

function createWorkloads(ownerCount: number): WorkloadTable {
  const unknown = (): Float64Array => new Float64Array(ownerCount).fill(Number.NaN);
  return {
    ownerCount,
    runningPods: new Int32Array(ownerCount),
    sampleCount: new Float64Array(ownerCount),
    cpuToRequestMeanRatio: unknown(),
    cpuToRequestSdRatio: unknown(),
    cpuToRequestMaxRatio: unknown(),
    memoryToRequestMeanRatio: unknown(),
    memoryToRequestMaxRatio: unknown(),
    finishedPods: new Int32Array(ownerCount),
    lifetimeMeanSeconds: unknown(),
  };
}

/** Copies a typed array into one of twice the length. */
export function doubled<T extends Int32Array | Float64Array | Uint8Array>(values: T, fill = 0): T {
  const larger = new (values.constructor as new (length: number) => T)(values.length * 2);
  larger.fill(fill, values.length);
  larger.set(values);
  return larger;
}

function growPodTable(state: ClusterState): void {
  const { pods } = state.view;
  pods.node = doubled(pods.node, -1);
  pods.ownerId = doubled(pods.ownerId);
  pods.boundAtMs = doubled(pods.boundAtMs);
  pods.cpuRequestMillicores = doubled(pods.cpuRequestMillicores);
  pods.memoryRequestBytes = doubled(pods.memoryRequestBytes);
  pods.cpuLimitMillicores = doubled(pods.cpuLimitMillicores);
  pods.memoryLimitBytes = doubled(pods.memoryLimitBytes);
  pods.isDaemon = doubled(pods.isDaemon);
  pods.cpuUsageMillicores = doubled(pods.cpuUsageMillicores);
  pods.memoryUsageBytes = doubled(pods.memoryUsageBytes);
  state.recentPosition = doubled(state.recentPosition, -1);
}

/** Adds `sign` times one pod's amounts to its node's sums. */
function addToNode(state: ClusterState, pod: PodSpec, node: number, sign: 1 | -1): void {
  const { nodes } = state.view;
  const add = (sums: Float64Array, amount: number): void => {
    sums[node] = (sums[node] as number) + sign * amount;
  };
  add(nodes.cpuRequestedMillicores, pod.cpuRequestMillicores);
  add(nodes.memoryRequestedBytes, pod.memoryRequestBytes);
  add(nodes.cpuScoringMillicores, scoringCpuMillicores(pod));
  add(nodes.memoryScoringBytes, scoringMemoryBytes(pod));
  add(nodes.cpuLimitMillicores, Math.max(pod.cpuLimitMillicores, pod.cpuRequestMillicores));
  add(nodes.memoryLimitBytes, Math.max(pod.memoryLimitBytes, pod.memoryRequestBytes));
  nodes.podCount[node] = (nodes.podCount[node] as number) + sign;
  if (!pod.isDaemon) state.ordinaryPods[node] = (state.ordinaryPods[node] as number) + sign;
  const running = state.view.workloads.runningPods;
  running[pod.ownerId] = (running[pod.ownerId] as number) + sign;
}

/**
 * Binds a pod and returns its slot. Room is the caller's business.
 *
 * @param boundAtMs - When it was bound; a pod that has run for long takes no place among the recent ones.
 */
export function bindPod(
  state: ClusterState,
  pod: PodSpec,
  node: number,
  boundAtMs = state.view.nowMs,
): number {
  const { pods } = state.view;
  const slot = state.freeSlots.pop() ?? pods.slotCount++;
  if (slot >= pods.node.length) growPodTable(state);
  pods.node[slot] = node;
  pods.ownerId[slot] = pod.ownerId;
  pods.boundAtMs[slot] = boundAtMs;
  pods.cpuRequestMillicores[slot] = pod.cpuRequestMillicores;
  pods.memoryRequestBytes[slot] = pod.memoryRequestBytes;
  pods.cpuLimitMillicores[slot] = pod.cpuLimitMillicores;
  pods.memoryLimitBytes[slot] = pod.memoryLimitBytes;
  pods.isDaemon[slot] = pod.isDaemon ? 1 : 0;
  pods.cpuUsageMillicores[slot] = Number.NaN;
  pods.memoryUsageBytes[slot] = Number.NaN;
  addToNode(state, pod, node, 1);
  if (boundAtMs < state.view.nowMs - RECENT_MS) return slot;
  if (pods.recentCount === pods.recentSlots.length) pods.recentSlots = doubled(pods.recentSlots);
  state.recentPosition[slot] = pods.recentCount;
  pods.recentSlots[pods.recentCount++] = slot;
  return slot;
}

/** Takes a pod off its node and frees its slot. */
export function unbindPod(state: ClusterState, pod: PodSpec, slot: number): void {
  const { pods } = state.view;
  addToNode(state, pod, pods.node[slot] as number, -1);
  pods.node[slot] = -1;
  const position = state.recentPosition[slot] as number;
  if (position >= 0) pods.recentSlots[position] = -1;
  state.recentPosition[slot] = -1;
  state.freeSlots.push(slot);
}

/** Drops bindings older than 15 minutes, and those that are gone, from the recent list. */
export function pruneRecent(state: ClusterState): void {
  const { pods, nowMs } = state.view;
  const oldest = nowMs - RECENT_MS;
  let kept = 0;
  for (let i = 0; i < pods.recentCount; i++) {
    const slot = pods.recentSlots[i] as number;
    if (slot < 0) continue;
    if ((pods.boundAtMs[slot] as number) < oldest) {
      state.recentPosition[slot] = -1;
      continue;
    }
    state.recentPosition[slot] = kept;
    pods.recentSlots[kept++] = slot;
  }
  pods.recentCount = kept;
}

/** Whether a pod fits a node: ready, open to ordinary pods, and room for its requests. */
export function isFeasible(view: ClusterView, pod: PodSpec, node: number): boolean {
  const { nodes } = view;
  return (
    nodes.isReady[node] === 1 &&
    nodes.isSchedulable[node] === 1 &&
    (nodes.podCount[node] as number) < (nodes.podsAllocatable[node] as number) &&
    (nodes.cpuRequestedMillicores[node] as number) + pod.cpuRequestMillicores <=
      (nodes.cpuAllocatableMillicores[node] as number) &&
    (nodes.memoryRequestedBytes[node] as number) + pod.memoryRequestBytes <=
      (nodes.memoryAllocatableBytes[node] as number)
  );
}

/** Writes the indices of all feasible nodes, ascending, and returns how many there are. */
export function findFeasible(view: ClusterView, pod: PodSpec, out: Int32Array): number {
  let count = 0;
  for (let node = 0; node < view.nodeCount; node++) {
    if (isFeasible(view, pod, node)) out[count++] = node;
  }
  return count;
}
