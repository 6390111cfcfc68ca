import type { RawLoadSeries } from '#domain';
import {
  createNodeState,
  featureView,
  isLate,
  NODE_STATE_CATALOGUE,
  observeLoad,
  STATE_STEP_MS,
  writeCluster,
  writeNodeState,
  writeWorkload,
  type ClusterObservation,
  type FeatureViewName,
  type NodeState,
  type WorkloadKey,
  type WorkloadObservation,
} from '#features';
import { DAY_MS, HOUR_MS } from '#kernel/units';
import type { FeatureStore } from '#platform/feast';
import { onlineViewOf } from './features-build.ts';

/** A workload and what is known of it now. */
export interface ObservedWorkload {
  readonly key: WorkloadKey;
  readonly observation: WorkloadObservation;
}

export interface OnlineFeaturesOptions {
  readonly store: FeatureStore;
  /** Name of the cluster in its row. */
  readonly cluster: string;
  /** Workloads of the cluster at a moment; none when absent. */
  readonly workloads?: (nowMs: number) => readonly ObservedWorkload[];
  /** What the scheduler sees of capacity and pods; unknown when absent. */
  readonly view?: () => ClusterObservation['view'];
}

/** What one round came to. */
export interface OnlineRound {
  /** Event time of the rows of nodes and cluster; NaN when there is no new window. */
  readonly originMs: number;
  /** Rows that the store took, by view. */
  readonly rows: Readonly<Partial<Record<FeatureViewName, number>>>;
  readonly nodes: number;
  /** Samples that came after the row of their window. */
  readonly lateSamples: number;
}

/** Keeps the state of every node and puts its features into the online store. */
export interface OnlineFeatures {
  /**
   * Takes in what is new in the series and stores the rows as of their newest window.
   *
   * @param series - May hold what was taken in before; it is not looked at again.
   * @param nowMs - Samples from after it wait for a later round.
   * @throws MlschedError those of the store. The states have moved on by then: the next round stores newer rows.
   */
  push(series: readonly RawLoadSeries[], nowMs: number): Promise<OnlineRound>;
}

/** Enough for every window of a row, lag included. */
const WARM_UP_MS = DAY_MS + HOUR_MS;

export function createOnlineFeatures(options: OnlineFeaturesOptions): OnlineFeatures {
  const states = new Map<string, NodeState>();
  let pushedMs = Number.NEGATIVE_INFINITY;
  return {
    async push(series, nowMs) {
      const originMs = newestOrigin(series, nowMs);
      const isNew = originMs > pushedMs;
      const lateSamples = isNew ? series.reduce((late, raw) => late + takeIn(states, raw, originMs), 0) : 0;
      if (isNew) forgetSilent(states, originMs);
      const nodes = [...states.values()];
      const rows = {
        ...(isNew ? await storeNodes(options, nodes, originMs) : {}),
        ...(await storeWorkloads(options, nowMs)),
      };
      if (isNew) pushedMs = originMs;
      return { originMs: isNew ? originMs : Number.NaN, rows, nodes: nodes.length, lateSamples };
    },
  };
}

/** End of the newest window that some node has a sample of. */
function newestOrigin(series: readonly RawLoadSeries[], nowMs: number): number {
  let newest = Number.NEGATIVE_INFINITY;
  for (const { timesMs } of series) {
    for (let at = timesMs.length - 1; at >= 0; at--) {
      // A clock that is ahead must not pull the whole cluster into the future.
      if ((timesMs[at] as number) > nowMs) continue;
      newest = Math.max(newest, timesMs[at] as number);
      break;
    }
  }
  return Math.floor(newest / STATE_STEP_MS) * STATE_STEP_MS;
}

/** @returns How many samples came too late. */
function takeIn(states: Map<string, NodeState>, raw: RawLoadSeries, originMs: number): number {
  const state = states.get(raw.machine) ?? createNodeState(raw.machine);
  const { timesMs, cpuUsageRatio, memoryUsageRatio } = raw;
  let at = firstAfter(timesMs, Math.max(state.lastMs, originMs - WARM_UP_MS));
  let late = 0;
  for (; at < timesMs.length && (timesMs[at] as number) <= originMs; at++) {
    if (isLate(state, timesMs[at] as number)) {
      late++;
      continue;
    }
    observeLoad(state, timesMs[at] as number, cpuUsageRatio[at] as number, memoryUsageRatio?.[at] ?? NaN);
  }
  if (state.lastMs > Number.NEGATIVE_INFINITY) states.set(raw.machine, state);
  return late;
}

/** Index of the first time after a moment. */
function firstAfter(timesMs: Float64Array, momentMs: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timesMs[middle] as number) > momentMs) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A node that has said nothing for a day has left; its last row goes stale by itself. */
function forgetSilent(states: Map<string, NodeState>, originMs: number): void {
  for (const [machine, { lastMs }] of states) if (originMs - lastMs > DAY_MS) states.delete(machine);
}

async function storeNodes(
  { store, cluster, view }: OnlineFeaturesOptions,
  nodes: readonly NodeState[],
  originMs: number,
): Promise<OnlineRound['rows']> {
  const width = NODE_STATE_CATALOGUE.length;
  const values = new Float32Array(nodes.length * width);
  for (const [i, node] of nodes.entries()) writeNodeState(node, originMs, values, i * width);
  const whole = new Float32Array(featureView('cluster_state').features.length);
  const seen = view?.();
  writeCluster({ nodes, ...(seen === undefined ? {} : { view: seen }) }, originMs, whole, 0);
  const names = nodes.map(({ machine }) => [machine]);
  return {
    node_state: await storeRows(store, 'node_state', { entities: names, values, timeMs: originMs }),
    cluster_state: await storeRows(store, 'cluster_state', {
      entities: [[cluster]],
      values: whole,
      timeMs: originMs,
    }),
  };
}

/** Workloads are told as of now: the API server is not behind, as metrics are. */
async function storeWorkloads(
  { store, workloads }: OnlineFeaturesOptions,
  nowMs: number,
): Promise<OnlineRound['rows']> {
  const observed = workloads?.(nowMs) ?? [];
  if (observed.length === 0) return {};
  const width = featureView('workload_state').features.length;
  const values = new Float32Array(observed.length * width);
  for (const [i, { observation }] of observed.entries()) writeWorkload(observation, nowMs, values, i * width);
  const entities = observed.map(({ key }) => [key.namespace, key.ownerKind, key.ownerName]);
  return { workload_state: await storeRows(store, 'workload_state', { entities, values, timeMs: nowMs }) };
}

interface Table {
  readonly entities: readonly (readonly string[])[];
  readonly values: Float32Array;
  readonly timeMs: number;
}

async function storeRows(
  store: FeatureStore,
  name: FeatureViewName,
  { entities, values, timeMs }: Table,
): Promise<number> {
  const eventMs = new Float64Array(entities.length).fill(timeMs);
  return (await store.write({ view: onlineViewOf(name), entities, eventMs, values })).rows;
}
