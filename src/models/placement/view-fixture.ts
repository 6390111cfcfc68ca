import type { ClusterView, LoadMoments, LoadRing, PodSpec } from '#domain';
import { GIB } from '#kernel/units';

/** A pod on a node of a view made for tests. */
interface FixturePod {
  readonly node: number;
  readonly ownerId?: number;
  readonly cpuRequestMillicores?: number;
  /** NaN = in flight. */
  readonly cpuUsageMillicores?: number;
  readonly ageSeconds?: number;
}

export interface FixtureCluster {
  readonly nodes: number;
  readonly pods?: readonly FixturePod[];
  /** Measured CPU of each node, ratio. */
  readonly cpuRatio?: readonly number[];
  readonly memoryRatio?: readonly number[];
  /** Observed workloads: ratio of use to request, by owner; NaN = never seen. */
  readonly ownerCpuRatios?: readonly number[];
}

const NODE_MILLICORES = 10_000;
const NODE_BYTES = 40 * GIB;
const NOW_MS = 100 * 3_600_000;

/** A cluster of equal nodes of 10 cores and 40 GiB as a scheduler would see it; for tests. */
export function aClusterView(cluster: FixtureCluster): ClusterView {
  const { nodes: count, pods = [], ownerCpuRatios = [0.5] } = cluster;
  const perNode = (value: number): Float64Array => new Float64Array(count).fill(value);
  const requested = perNode(0);
  const memoryRequested = perNode(0);
  const podCount = new Int32Array(count);
  for (const pod of pods) {
    requested[pod.node] = (requested[pod.node] as number) + (pod.cpuRequestMillicores ?? 1000);
    memoryRequested[pod.node] = (memoryRequested[pod.node] as number) + GIB;
    podCount[pod.node] = (podCount[pod.node] as number) + 1;
  }
  return {
    nowMs: NOW_MS,
    nodeCount: count,
    nodeNames: Array.from({ length: count }, (_, i) => `node-${i}`),
    nodes: {
      cpuCapacityMillicores: perNode(NODE_MILLICORES),
      memoryCapacityBytes: perNode(NODE_BYTES),
      cpuAllocatableMillicores: perNode(NODE_MILLICORES),
      memoryAllocatableBytes: perNode(NODE_BYTES),
      podsAllocatable: new Int32Array(count).fill(110),
      cpuRequestedMillicores: requested,
      memoryRequestedBytes: memoryRequested,
      cpuScoringMillicores: requested,
      memoryScoringBytes: memoryRequested,
      cpuLimitMillicores: requested,
      memoryLimitBytes: memoryRequested,
      podCount,
      isReady: new Uint8Array(count).fill(1),
      isSchedulable: new Uint8Array(count).fill(1),
    },
    metrics: {
      scrapedAtMs: perNode(NOW_MS),
      cpu: moments(count, cluster.cpuRatio),
      memory: moments(count, cluster.memoryRatio),
    },
    history: emptyRing(count, 300),
    recentHistory: emptyRing(count, 30),
    pods: podTable(pods),
    workloads: workloadTable(ownerCpuRatios),
  };
}

/** A pod of 1 core and 1 GiB. */
export function aPod(overrides: Partial<PodSpec> = {}): PodSpec {
  return {
    uid: 1,
    ownerId: 0,
    cpuRequestMillicores: 1000,
    cpuLimitMillicores: 0,
    memoryRequestBytes: GIB,
    memoryLimitBytes: 0,
    priority: 0,
    qos: 'burstable',
    isDaemon: false,
    ...overrides,
  };
}

function moments(count: number, ratios: readonly number[] | undefined): LoadMoments {
  const values = (): Float64Array => Float64Array.from({ length: count }, (_, i) => ratios?.[i] ?? 0.3);
  return {
    latestRatio: values(),
    mean5mRatio: values(),
    mean15mRatio: values(),
    sd15mRatio: new Float64Array(count).fill(0.02),
    max1hRatio: values(),
    max1dRatio: values(),
  };
}

function emptyRing(count: number, stepSeconds: number): LoadRing {
  const capacity = 4;
  return {
    stepSeconds,
    capacity,
    count: 0,
    head: 0,
    endMs: NOW_MS,
    cpuUsageRatio: new Float32Array(count * capacity).fill(Number.NaN),
    memoryUsageRatio: new Float32Array(count * capacity).fill(Number.NaN),
  };
}

function podTable(pods: readonly FixturePod[]): ClusterView['pods'] {
  const take = (pick: (pod: FixturePod) => number): Float64Array => Float64Array.from(pods, pick);
  const usage = take((pod) => pod.cpuUsageMillicores ?? Number.NaN);
  return {
    slotCount: pods.length,
    node: Int32Array.from(pods, (pod) => pod.node),
    ownerId: Int32Array.from(pods, (pod) => pod.ownerId ?? 0),
    boundAtMs: take((pod) => NOW_MS - (pod.ageSeconds ?? 3600) * 1000),
    cpuRequestMillicores: take((pod) => pod.cpuRequestMillicores ?? 1000),
    memoryRequestBytes: take(() => GIB),
    cpuLimitMillicores: take(() => 0),
    memoryLimitBytes: take(() => 0),
    isDaemon: new Uint8Array(pods.length),
    cpuUsageMillicores: usage,
    memoryUsageBytes: usage.map((use) => (Number.isNaN(use) ? Number.NaN : GIB)),
    recentSlots: Int32Array.from(pods, (_, slot) => slot),
    recentCount: pods.length,
  };
}

function workloadTable(ratios: readonly number[]): ClusterView['workloads'] {
  const isSeen = (ratio: number): boolean => !Number.isNaN(ratio);
  const take = (pick: (ratio: number) => number): Float64Array => Float64Array.from(ratios, pick);
  return {
    ownerCount: ratios.length,
    runningPods: Int32Array.from(ratios, (ratio) => (isSeen(ratio) ? 1 : 0)),
    sampleCount: take((ratio) => (isSeen(ratio) ? 1000 : 0)),
    cpuToRequestMeanRatio: take((ratio) => ratio),
    cpuToRequestSdRatio: take((ratio) => ratio / 5),
    cpuToRequestMaxRatio: take((ratio) => 2 * ratio),
    memoryToRequestMeanRatio: take((ratio) => (isSeen(ratio) ? 0.8 : Number.NaN)),
    memoryToRequestMaxRatio: take((ratio) => (isSeen(ratio) ? 1 : Number.NaN)),
    finishedPods: Int32Array.from(ratios, (ratio) => (isSeen(ratio) ? 10 : 0)),
    lifetimeMeanSeconds: take((ratio) => (isSeen(ratio) ? 3600 : Number.NaN)),
  };
}
