import type { ClusterView } from '#domain';
import { quantileOfSorted } from '#kernel/stats';

import { clockDefinitions, CLOCK_COUNT, writeClock } from './clock.ts';
import { describe, HOUR_SECONDS, MINUTE_SECONDS, type FeatureDefinition } from './definition.ts';
import { rowShapeWrong } from './errors.ts';
import { advanceTo, type NodeState } from './node-state/state.ts';
import { lagMean, spanMean, type WindowStore } from './node-state/window-store.ts';

/** What is known of a cluster at a moment. */
export interface ClusterObservation {
  /** Its nodes, in any order. */
  readonly nodes: readonly NodeState[];
  /** What the scheduler sees of capacity and pods; absent where only metrics are read. */
  readonly view?: Pick<ClusterView, 'nodeCount' | 'nodes'>;
}

const SPAN_5M = 0;
const SPAN_1H = 2;
const LAG_1H = 3;
const FULL = 0.8;
const OVERLOADED = 0.95;
const FIVE_MINUTES = 5 * MINUTE_SECONDS;

const nodeCount = describe('coverage', 'count');
const load = describe('spread', 'ratio');
const loadChange = describe('spread', 'ratio-change');
const loadShare = describe('spread', 'share');
const capacity = describe('capacity', 'ratio-of-request');
const counted = describe('capacity', 'count');
const capacityShare = describe('capacity', 'share');

function loadDefinitions(resource: 'cpu' | 'memory'): FeatureDefinition[] {
  const what = resource === 'cpu' ? 'CPU' : 'memory';
  return [
    load(`${resource}_mean_5m`, FIVE_MINUTES, `Mean ${what} use over the nodes, last 5 min`),
    load(
      `${resource}_sd_5m`,
      FIVE_MINUTES,
      `Standard deviation of ${what} use over the nodes: the imbalance`,
    ),
    load(`${resource}_min_5m`, FIVE_MINUTES, `${what} use of the least loaded node`),
    load(`${resource}_p90_5m`, FIVE_MINUTES, `90th percentile of ${what} use over the nodes`),
    load(`${resource}_max_5m`, FIVE_MINUTES, `${what} use of the most loaded node`),
    loadShare(`${resource}_full_share`, FIVE_MINUTES, `Share of the nodes above 80 % ${what}`),
    loadShare(`${resource}_overloaded_share`, FIVE_MINUTES, `Share of the nodes above 95 % ${what}`),
    load(`${resource}_mean_1h`, HOUR_SECONDS, `Mean ${what} use over the nodes, last hour`),
    loadChange(
      `${resource}_change_1h`,
      HOUR_SECONDS + FIVE_MINUTES,
      `Mean change of ${what} use against 1 h ago`,
    ),
  ];
}

/** Features of the whole cluster: level and spread of the load, what is requested, and how much of it is seen. */
export const CLUSTER_CATALOGUE: readonly FeatureDefinition[] = [
  nodeCount('nodes_known', FIVE_MINUTES, 'Nodes with a CPU sample in the last 5 min'),
  nodeCount('nodes_silent', FIVE_MINUTES, 'Nodes once seen, without one'),
  ...loadDefinitions('cpu'),
  ...loadDefinitions('memory'),
  capacityShare('nodes_ready_share', 0, 'Share of the nodes that are ready'),
  capacityShare('nodes_schedulable_share', 0, 'Share of the nodes that ordinary pods may go to'),
  capacity('cpu_requested', 0, 'CPU requested over CPU allocatable'),
  capacity('memory_requested', 0, 'Memory requested over memory allocatable'),
  capacity('cpu_limits', 0, 'CPU limits over CPU allocatable: the overcommitment'),
  capacity('memory_limits', 0, 'Memory limits over memory allocatable'),
  counted('pods_bound', 0, 'Pods bound to a node'),
  capacity('pods_places', 0, 'Pods bound over places for pods'),
  ...clockDefinitions,
];

const COUNT = CLUSTER_CATALOGUE.length;

/**
 * Writes the row of the cluster as of a moment at `out[at]`; NaN where a feature is not known.
 *
 * @throws MlschedError `MLS_FEATURES_ORIGIN_PAST` when a node holds samples from after it, `MLS_FEATURES_SHAPE`.
 */
export function writeCluster(
  observation: ClusterObservation,
  originMs: number,
  out: Float32Array,
  at: number,
): void {
  if (at < 0 || at + COUNT > out.length) throw rowShapeWrong(out.length, at + COUNT);
  // In one order, so that sums of fractions do not depend on the order of the caller.
  const nodes = [...observation.nodes].sort((a, b) => (a.machine < b.machine ? -1 : 1));
  for (const node of nodes) advanceTo(node, originMs);
  const known = nodes.filter(({ cpu }) => (cpu.counts[SPAN_5M] as number) > 0).length;
  const row = [
    known,
    nodes.length - known,
    ...loadSpread(nodes.map(({ cpu }) => cpu)),
    ...loadSpread(nodes.map(({ memory }) => memory)),
    ...capacities(observation.view),
  ];
  out.set(row, at);
  writeClock(originMs, out, at + COUNT - CLOCK_COUNT);
}

function loadSpread(stores: readonly WindowStore[]): number[] {
  const sorted = knownOf(stores.map((store) => spanMean(store, SPAN_5M))).sort((a, b) => a - b);
  const mean = meanOf(sorted);
  const squares = sorted.map((value) => (value - mean) ** 2);
  return [
    mean,
    Math.sqrt(meanOf(squares)),
    sorted[0] ?? Number.NaN,
    quantileOfSorted(sorted, 0.9),
    sorted.at(-1) ?? Number.NaN,
    sorted.filter((value) => value > FULL).length / sorted.length,
    sorted.filter((value) => value > OVERLOADED).length / sorted.length,
    meanOf(knownOf(stores.map((store) => spanMean(store, SPAN_1H)))),
    meanOf(knownOf(stores.map((store) => spanMean(store, SPAN_5M) - lagMean(store, LAG_1H)))),
  ];
}

function knownOf(values: readonly number[]): number[] {
  return values.filter((value) => !Number.isNaN(value));
}

/** NaN for no value. */
function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function capacities(view: ClusterObservation['view']): number[] {
  if (view === undefined) return Array.from({ length: 8 }, () => Number.NaN);
  const { nodes } = view;
  const sum = (column: ArrayLike<number>): number => {
    let total = 0;
    for (let node = 0; node < view.nodeCount; node++) total += column[node] as number;
    return total;
  };
  const cpu = sum(nodes.cpuAllocatableMillicores);
  const memory = sum(nodes.memoryAllocatableBytes);
  const bound = sum(nodes.podCount);
  return [
    sum(nodes.isReady) / view.nodeCount,
    sum(nodes.isSchedulable) / view.nodeCount,
    sum(nodes.cpuRequestedMillicores) / cpu,
    sum(nodes.memoryRequestedBytes) / memory,
    sum(nodes.cpuLimitMillicores) / cpu,
    sum(nodes.memoryLimitBytes) / memory,
    bound,
    bound / sum(nodes.podsAllocatable),
  ];
}
