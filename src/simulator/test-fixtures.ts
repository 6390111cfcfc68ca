import { bindPod, createClusterState, qosOf } from '#domain';
import type { ClusterState, NodeSpec, PodSpec } from '#domain';
import { createRng } from '#kernel/rng';
import { GIB } from '#kernel/units';

import { parseScenario } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import { CURVE_STEPS } from './traces.ts';
import type { CurveFamily, WorkloadTraces } from './traces.ts';
import type { PolicyFactory } from './types.ts';

/** Builders for tests. Nothing here is used by the product. */

export function aPod(fields: Partial<PodSpec> = {}): PodSpec {
  const amounts = {
    cpuRequestMillicores: 500,
    cpuLimitMillicores: 1000,
    memoryRequestBytes: GIB,
    memoryLimitBytes: 2 * GIB,
    ...fields,
  };
  return { uid: 0, ownerId: 0, priority: 0, isDaemon: false, qos: qosOf(amounts), ...amounts, ...fields };
}

/** A pod that asks for nothing. */
export function aBestEffortPod(): PodSpec {
  return aPod({ cpuRequestMillicores: 0, cpuLimitMillicores: 0, memoryRequestBytes: 0, memoryLimitBytes: 0 });
}

/** One node with what it carries and what its metrics say; ratios NaN when not given. */
export interface NodeFixture {
  readonly name?: string;
  readonly cpuMillicores?: number;
  readonly memoryBytes?: number;
  readonly pods?: readonly PodSpec[];
  readonly cpuRatio?: number;
  readonly cpuSdRatio?: number;
  readonly memoryRatio?: number;
  readonly memorySdRatio?: number;
}

/**
 * A cluster at 1,000 s whose metrics are 10 s old; pods given with a node were bound `boundSecondsAgo` before.
 */
export function aCluster(fixtures: readonly NodeFixture[], boundSecondsAgo = 600): ClusterState {
  const specs = fixtures.map((fixture, i): NodeSpec => {
    const cpu = fixture.cpuMillicores ?? 10_000;
    const memory = fixture.memoryBytes ?? 100 * GIB;
    return {
      name: fixture.name ?? `node-${i}`,
      cpuCapacityMillicores: cpu,
      memoryCapacityBytes: memory,
      cpuAllocatableMillicores: cpu,
      memoryAllocatableBytes: memory,
      podsAllocatable: 110,
      isSchedulable: true,
    };
  });
  const state = createClusterState(specs, 4, 30);
  state.view.nowMs = 1_000_000 - boundSecondsAgo * 1000;
  fixtures.forEach((fixture, node) => {
    for (const pod of fixture.pods ?? []) bindPod(state, pod, node);
  });
  state.view.nowMs = 1_000_000;
  fixtures.forEach((fixture, node) => setMetrics(state, node, fixture));
  return state;
}

function setMetrics(state: ClusterState, node: number, fixture: NodeFixture): void {
  const { metrics } = state.view;
  if (fixture.cpuRatio !== undefined) metrics.scrapedAtMs[node] = state.view.nowMs - 10_000;
  const fill = (moments: typeof metrics.cpu, ratio = Number.NaN, sd = 0): void => {
    for (const values of Object.values(moments) as Float64Array[]) values[node] = ratio;
    moments.sd15mRatio[node] = Number.isNaN(ratio) ? ratio : sd;
  };
  fill(metrics.cpu, fixture.cpuRatio, fixture.cpuSdRatio);
  fill(metrics.memory, fixture.memoryRatio, fixture.memorySdRatio);
}

/** Indices of all nodes, as a policy gets its candidates. */
export function allNodes(state: ClusterState): Int32Array {
  return Int32Array.from({ length: state.view.nodeCount }, (_, i) => i);
}

/** Small made-up traces: three families of wavy curves, an arrival every two minutes. */
export function someTraces(seed = 1): WorkloadTraces {
  const rng = createRng(seed);
  const rows = 9;
  const wave = (level: number, swing: number): Float32Array =>
    Float32Array.from({ length: rows * CURVE_STEPS }, (_, cell) => {
      const phase = (2 * Math.PI * (cell % CURVE_STEPS)) / CURVE_STEPS + Math.floor(cell / CURVE_STEPS);
      return Math.max(level + swing * Math.sin(phase) + 0.02 * rng.normal(), 0);
    });
  const count = 600;
  const families = [0, 1, 2].map((family): CurveFamily => ({
    name: `family-${family}`,
    rows: Int32Array.of(3 * family, 3 * family + 1, 3 * family + 2),
    cpuMeanRatio: 0.3,
    memoryMeanRatio: 0.4,
  }));
  const drawn = (pick: () => number): Float64Array => Float64Array.from({ length: count }, pick);
  const lifetimes = drawn(() => 300 * (1 + rng.int(60)));
  return {
    cpuUsageRatio: wave(0.3, 0.15),
    memoryUsageRatio: wave(0.4, 0.05),
    families,
    arrivals: {
      windowSeconds: count * 120,
      arrivalSeconds: Float64Array.from({ length: count }, (_, i) => i * 120),
      batch: Int32Array.from({ length: count }, (_, i) => i),
      vcpus: Float32Array.from({ length: count }, () => [1, 1, 2, 4][rng.int(4)] as number),
      lifetimeSecondsMin: lifetimes,
      lifetimeSecondsMax: lifetimes.map((seconds) => seconds + 300),
      isCensored: Uint8Array.from({ length: count }, () => (rng.next() < 0.1 ? 1 : 0)),
    },
    nodeShapes: [{ cpuMillicores: 16_000, memoryBytes: 64 * GIB }],
    requests: [{ memoryBytesPerMillicore: 4 * 1024 * 1024, priority: 0 }],
    background: [],
  };
}

/** A small scenario; any key may be replaced. */
export function aScenario(fields: Readonly<Record<string, unknown>> = {}): Scenario {
  return parseScenario(
    JSON.stringify({
      name: 'small',
      description: 'four nodes for tests',
      nodeGroups: [{ count: 4, cpuMillicores: 16_000, memoryGib: 64 }],
      measuredMinutes: 120,
      warmUpMinutes: 60,
      takeOverMinutes: 30,
      ...fields,
    }),
    'test',
  );
}

/** Names of the nodes that a policy may choose, over many seeds. */
function choicesOf(factory: PolicyFactory, order: readonly number[], pod: PodSpec): string[] {
  const state = aCluster(
    order.map((i) => ({
      name: `node-${i}`,
      cpuMillicores: 8000 + 1000 * i,
      cpuRatio: 0.2 + 0.07 * i,
      cpuSdRatio: 0.01 * (i + 1),
      memoryRatio: 0.5 - 0.05 * i,
      memorySdRatio: 0.01,
      pods: Array.from({ length: i % 3 }, () => aPod()),
    })),
  );
  const feasible = Int32Array.from(order, (_, i) => i);
  const names = Array.from({ length: 80 }, (_, seed) => {
    const policy = factory({ seed, artefacts: new Map(), future: undefined });
    policy.prepare?.(state.view);
    policy.onScrape?.(state.view);
    return state.view.nodeNames[policy.choose(pod, state.view, feasible, feasible.length)] ?? 'abstained';
  });
  return [...new Set(names)].sort();
}

/**
 * Whether a policy's possible choices stay the same when the nodes are listed in another order.
 *
 * @returns The choices in both orders, for comparison; equal lists = independent of the order.
 */
export function compareNodeOrders(factory: PolicyFactory, seed: number): [string[], string[]] {
  const order = [0, 1, 2, 3, 4, 5];
  const shuffled = createRng(seed).shuffle([...order]);
  return [choicesOf(factory, order, aPod()), choicesOf(factory, shuffled, aPod())];
}
