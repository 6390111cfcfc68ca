import { createNodeIdentity } from '#collect';
import type { NodeAddresses, NodeIdentity } from '#collect';
import { HOUR_MS, SECOND_MS } from '#kernel/units';
import { evaluateAt, evaluateOver } from '#platform/prometheus';
import type { EvaluatedValue, PrometheusOptions } from '#platform/prometheus';

import type { LoadReport, NodeLoad, PodLoad } from '../cluster/types.ts';
import type { Dependency } from '../dependency.ts';
import type { LoadSource } from './types.ts';

export interface PrometheusSourceOptions {
  readonly prometheus: PrometheusOptions;
  readonly dependency: Dependency;
  /** Address -> node name, as a person gave it. */
  readonly staticNames: Readonly<Record<string, string>>;
  /** Nodes as they are now. */
  readonly clusterNodes: () => readonly NodeAddresses[];
}

/** Node load from Prometheus, and the past from before we were started. */
export interface PrometheusSource extends LoadSource {
  /** Load of the nodes on a 5-minute grid, oldest first, from `hours` ago until `endMs`. */
  readPast(endMs: number, hours: number): Promise<{ readonly atMs: number; readonly report: LoadReport }[]>;
}

const BY = 'by (instance, node, kubernetes_node, nodename)';
const NODE_CPU = `1 - avg ${BY} (rate(node_cpu_seconds_total{mode="idle"}[RANGE]))`;
const NODE_MEMORY = `1 - max ${BY} (node_memory_MemAvailable_bytes) / max ${BY} (node_memory_MemTotal_bytes)`;
const POD_CPU =
  'sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{container!="", pod!=""}[2m]))';
const POD_MEMORY = 'sum by (namespace, pod) (container_memory_working_set_bytes{container!="", pod!=""})';
/** Two scrapes of one minute fit in; older samples do not count as now. */
const LIVE_RANGE = '2m';
const PAST_STEP_SECONDS = 300;
/** Hours of one request of the past: some 10 MB at 5,000 nodes. */
const PAST_CHUNK_HOURS = 4;

export function createPrometheusSource(options: PrometheusSourceOptions): PrometheusSource {
  const { prometheus, dependency } = options;
  const identity = (): NodeIdentity =>
    createNodeIdentity({ staticNames: options.staticNames, clusterNodes: options.clusterNodes() });
  const at = (query: string, atMs: number): Promise<EvaluatedValue[]> =>
    dependency.call(() => evaluateAt(prometheus, query, atMs));
  return {
    async read(atMs) {
      const [cpu, memory] = await Promise.all([
        at(NODE_CPU.replace('RANGE', LIVE_RANGE), atMs),
        at(NODE_MEMORY, atMs),
      ]);
      // Pods after nodes: the bulkhead lets two through, and nodes are what nothing works without.
      const [podCpu, podMemory] = await Promise.all([at(POD_CPU, atMs), at(POD_MEMORY, atMs)]);
      return { nodes: nodeLoads({ cpu, memory, atMs }, identity()), pods: podLoads(podCpu, podMemory) };
    },
    async readPast(endMs, hours) {
      const names = identity();
      const past = new Map<number, Map<string, NodeLoad>>();
      const lastMs = Math.floor(endMs / (PAST_STEP_SECONDS * SECOND_MS)) * PAST_STEP_SECONDS * SECOND_MS;
      for (let fromMs = lastMs - hours * HOUR_MS; fromMs < lastMs; fromMs += PAST_CHUNK_HOURS * HOUR_MS) {
        const span = {
          startMs: fromMs + PAST_STEP_SECONDS * SECOND_MS,
          endMs: Math.min(fromMs + PAST_CHUNK_HOURS * HOUR_MS, lastMs),
          stepSeconds: PAST_STEP_SECONDS,
        };
        const [cpu, memory] = await Promise.all(
          [NODE_CPU.replace('RANGE', '5m'), NODE_MEMORY].map((query) =>
            dependency.call(() => evaluateOver(prometheus, query, span)),
          ),
        );
        for (const series of cpu ?? []) addPast(past, names.resolve(series.labels), series, 'cpuUsageRatio');
        for (const series of memory ?? [])
          addPast(past, names.resolve(series.labels), series, 'memoryUsageRatio');
      }
      return [...past]
        .sort(([a], [b]) => a - b)
        .map(([atMs, nodes]) => ({ atMs, report: { nodes, pods: undefined } }));
    },
  };
}

interface NodeValues {
  readonly cpu: readonly EvaluatedValue[];
  readonly memory: readonly EvaluatedValue[];
  readonly atMs: number;
}

function nodeLoads({ cpu, memory, atMs }: NodeValues, identity: NodeIdentity): Map<string, NodeLoad> {
  const memoryOf = new Map(memory.map(({ labels, value }) => [identity.resolve(labels), value]));
  const loads = new Map<string, NodeLoad>();
  for (const { labels, value } of cpu) {
    const name = identity.resolve(labels);
    if (name === undefined) continue;
    loads.set(name, { cpuUsageRatio: value, memoryUsageRatio: memoryOf.get(name) ?? Number.NaN, atMs });
  }
  return loads;
}

/** Undefined when no pod is measured at all: the exporter is not there. */
function podLoads(
  cpu: readonly EvaluatedValue[],
  memory: readonly EvaluatedValue[],
): Map<string, PodLoad> | undefined {
  if (cpu.length === 0) return undefined;
  const keyOf = ({ labels }: EvaluatedValue): string => `${labels['namespace']}/${labels['pod']}`;
  const memoryOf = new Map(memory.map((value) => [keyOf(value), value.value]));
  return new Map(
    cpu.map((value) => {
      const key = keyOf(value);
      return [key, { cpuMillicores: value.value * 1000, memoryBytes: memoryOf.get(key) ?? Number.NaN }];
    }),
  );
}

function addPast(
  past: Map<number, Map<string, NodeLoad>>,
  name: string | undefined,
  series: { readonly timesMs: Float64Array; readonly values: Float64Array },
  key: 'cpuUsageRatio' | 'memoryUsageRatio',
): void {
  if (name === undefined) return;
  series.timesMs.forEach((atMs, i) => {
    const nodes = past.get(atMs) ?? new Map<string, NodeLoad>();
    past.set(atMs, nodes);
    const before = nodes.get(name) ?? { cpuUsageRatio: Number.NaN, memoryUsageRatio: Number.NaN, atMs };
    nodes.set(name, { ...before, [key]: series.values[i] as number });
  });
}
