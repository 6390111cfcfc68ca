import type { LoadMoments, LoadRing, NodeTable } from '../cluster-view.ts';
import type { NodeSpec } from '../node.ts';
import { createMetrics, createNodeTable } from './state.ts';
import type { ClusterState } from './state.ts';

/** A typed array that a row can be copied into. */
type Values = Float64Array | Float32Array | Int32Array | Uint8Array;

/**
 * Gives a cluster another set of nodes: what is known of a node that stays goes with it to its new row, a new
 * node starts unknown.
 *
 * @param specs - The new nodes in their order; names are unique.
 * @remarks Pods of nodes that leave must be unbound before. Row numbers change: whoever keeps them must look
 *   them up again. Cost O(nodes x ring) and O(pod slots).
 */
export function rebuildNodes(state: ClusterState, specs: readonly NodeSpec[]): void {
  const { view } = state;
  const oldRowOf = new Map(view.nodeNames.map((name, row) => [name, row]));
  const source = Int32Array.from(specs, ({ name }) => oldRowOf.get(name) ?? -1);
  moveRings(state, source);
  moveMetrics(state, source);
  moveNodes(state, specs, source);
  movePods(state, source);
  view.nodeNames = specs.map(({ name }) => name);
  view.nodeCount = specs.length;
}

function moveRings(state: ClusterState, source: Int32Array): void {
  for (const ring of [state.view.history, state.view.recentHistory]) {
    ring.cpuUsageRatio = movedRows(ring, ring.cpuUsageRatio, source);
    ring.memoryUsageRatio = movedRows(ring, ring.memoryUsageRatio, source);
  }
}

function movedRows(ring: LoadRing, values: Float32Array, source: Int32Array): Float32Array<ArrayBuffer> {
  const moved = new Float32Array(source.length * ring.capacity).fill(Number.NaN);
  for (let row = 0; row < source.length; row++) {
    const from = (source[row] as number) * ring.capacity;
    if (from >= 0) moved.set(values.subarray(from, from + ring.capacity), row * ring.capacity);
  }
  return moved;
}

function moveMetrics(state: ClusterState, source: Int32Array): void {
  const old = state.view.metrics;
  const moved = createMetrics(source.length);
  copyRows(old.scrapedAtMs, moved.scrapedAtMs, source);
  for (const resource of ['cpu', 'memory'] as const) {
    for (const key of Object.keys(moved[resource]) as (keyof LoadMoments)[]) {
      copyRows(old[resource][key], moved[resource][key], source);
    }
  }
  state.view.metrics = moved;
}

/** What a specification does not say: sums over pods, and readiness. */
const CARRIED: readonly (keyof NodeTable)[] = [
  'cpuRequestedMillicores',
  'memoryRequestedBytes',
  'cpuScoringMillicores',
  'memoryScoringBytes',
  'cpuLimitMillicores',
  'memoryLimitBytes',
  'podCount',
  'isReady',
];

function moveNodes(state: ClusterState, specs: readonly NodeSpec[], source: Int32Array): void {
  const old = state.view.nodes;
  const moved = createNodeTable(specs);
  for (const key of CARRIED) copyRows(old[key], moved[key], source);
  const ordinaryPods = new Int32Array(specs.length);
  copyRows(state.ordinaryPods, ordinaryPods, source);
  state.view.nodes = moved;
  state.ordinaryPods = ordinaryPods;
}

function copyRows(from: Values, to: Values, source: Int32Array): void {
  for (let row = 0; row < source.length; row++) {
    const old = source[row] as number;
    if (old >= 0) to[row] = from[old] as number;
  }
}

function movePods(state: ClusterState, source: Int32Array): void {
  const newRowOf = new Int32Array(state.view.nodeCount).fill(-1);
  source.forEach((old, row) => {
    if (old >= 0) newRowOf[old] = row;
  });
  const { pods } = state.view;
  for (let slot = 0; slot < pods.slotCount; slot++) {
    const node = pods.node[slot] as number;
    if (node >= 0) pods.node[slot] = newRowOf[node] as number;
  }
}

/** Makes room for at least this many workloads; the new ones were never observed. */
export function growWorkloads(state: ClusterState, ownerCount: number): void {
  const { workloads } = state.view;
  const { sums } = state;
  if (ownerCount <= workloads.ownerCount) return;
  workloads.ownerCount = ownerCount;
  if (ownerCount <= workloads.sampleCount.length) return;
  const size = Math.max(ownerCount, 2 * workloads.sampleCount.length, 64);
  const grown = (values: Float64Array, fill: number): Float64Array<ArrayBuffer> => {
    const larger = new Float64Array(size).fill(fill);
    larger.set(values);
    return larger;
  };
  const counts = (values: Int32Array): Int32Array<ArrayBuffer> => {
    const larger = new Int32Array(size);
    larger.set(values);
    return larger;
  };
  workloads.runningPods = counts(workloads.runningPods);
  workloads.finishedPods = counts(workloads.finishedPods);
  workloads.sampleCount = grown(workloads.sampleCount, 0);
  for (const key of OBSERVED) workloads[key] = grown(workloads[key], Number.NaN);
  for (const key of ['cpu', 'cpuSquares', 'memory', 'lifetimeSeconds'] as const) {
    sums[key] = grown(sums[key], 0);
  }
}

const OBSERVED = [
  'cpuToRequestMeanRatio',
  'cpuToRequestSdRatio',
  'cpuToRequestMaxRatio',
  'memoryToRequestMeanRatio',
  'memoryToRequestMaxRatio',
  'lifetimeMeanSeconds',
] as const;

/** Forgets what was observed of a workload, so that another may take its row. It must have no bound pod. */
export function resetWorkload(state: ClusterState, owner: number): void {
  const { workloads } = state.view;
  for (const key of OBSERVED) workloads[key][owner] = Number.NaN;
  workloads.sampleCount[owner] = 0;
  workloads.finishedPods[owner] = 0;
  for (const values of [state.sums.cpu, state.sums.cpuSquares, state.sums.memory, state.sums.lifetimeSeconds])
    values[owner] = 0;
}
