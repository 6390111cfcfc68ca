import type { ObservedNode } from '#domain';
import { MINUTE_MS, SECOND_MS } from '#kernel/units';
import type { ResourceUse } from '#platform/kubernetes';
import type { SampleReader } from './fetch-span.ts';
import { METRIC_CATALOGUE } from './metric-catalogue.ts';
import type { MetricDefinition } from './metric-catalogue.ts';

/** Remembers what Metrics Server said, since it knows the present only, and answers like a server of samples. */
export interface MetricsServerReader extends SampleReader {
  /** Takes in one answer; `nodes` gives the capacities that use is put in relation to. */
  note(uses: readonly ResourceUse[], nodes: ReadonlyMap<string, ObservedNode>): void;
}

const COLUMNS = ['cpu_usage_ratio', 'memory_capacity_bytes', 'memory_available_bytes'] as const;
type Column = (typeof COLUMNS)[number];

/** The metrics that Metrics Server can stand in for; memory in use is derived as for the others. CPU comes first. */
export const METRICS_SERVER_CATALOGUE: readonly MetricDefinition[] = COLUMNS.flatMap((column) =>
  METRIC_CATALOGUE.filter((metric) => metric.column === column).map((metric): MetricDefinition => ({
    ...metric,
    selector: [{ name: '__name__', type: '=', value: column }],
    kind: 'gauge',
    combine: 'max',
    parts: [],
    shape: column === 'cpu_usage_ratio' ? 'ratio' : 'plain',
  })),
);

/** As long as live collection may ask back. */
const KEPT_MS = 30 * MINUTE_MS;

interface Sample {
  readonly timeMs: number;
  readonly value: number;
}

/**
 * @param stepSeconds - Distance of two rows. A mean over a longer window holds for each step within it.
 * @remarks Memory: three numbers a node and step of the last half hour.
 */
export function createMetricsServerReader(stepSeconds: number): MetricsServerReader {
  const kept = new Map<Column, Map<string, Sample[]>>(COLUMNS.map((column) => [column, new Map()]));
  const newestMs = new Map<string, number>();
  const keep = (column: Column, node: string, samples: readonly Sample[]): void => {
    const known = samples.filter(({ value }) => Number.isFinite(value));
    const before = kept.get(column)?.get(node) ?? [];
    kept.get(column)?.set(node, [...before, ...known]);
  };
  const forget = (): void => {
    const oldestMs = Math.max(...newestMs.values()) - KEPT_MS;
    for (const byNode of kept.values()) {
      for (const [node, samples] of byNode) {
        const recent = samples.filter(({ timeMs }) => timeMs > oldestMs);
        if (recent.length > 0) byNode.set(node, recent);
        else byNode.delete(node);
      }
    }
    for (const [node, timeMs] of newestMs) if (timeMs <= oldestMs) newestMs.delete(node);
  };
  return {
    note(uses, nodes) {
      for (const use of uses) {
        const { name, atMs, windowSeconds } = use;
        // Said again: a node that is not measured any more keeps its old time, and so becomes unknown.
        if (atMs <= (newestMs.get(name) ?? -Infinity)) continue;
        newestMs.set(name, atMs);
        const { cpuCapacityMillicores = NaN, memoryCapacityBytes = NaN } = nodes.get(name) ?? {};
        const cpuRatio = cpuCapacityMillicores > 0 ? use.cpuMillicores / cpuCapacityMillicores : NaN;
        const steps = Math.max(1, Math.round(windowSeconds / stepSeconds) || 1);
        const cpu = Array.from({ length: steps }, (_, i) => ({
          timeMs: atMs - (steps - 1 - i) * stepSeconds * SECOND_MS,
          value: cpuRatio,
        }));
        keep('cpu_usage_ratio', name, cpu);
        if (!(memoryCapacityBytes > 0)) continue;
        keep('memory_capacity_bytes', name, [{ timeMs: atMs, value: memoryCapacityBytes }]);
        keep('memory_available_bytes', name, [
          { timeMs: atMs, value: memoryCapacityBytes - use.memoryBytes },
        ]);
      }
      forget();
    },
    async *read({ matchers, startMs, endMs }) {
      const column = matchers.find(({ name }) => name === '__name__')?.value as Column;
      for (const [node, samples] of kept.get(column) ?? []) {
        const inside = samples.filter(({ timeMs }) => timeMs >= startMs && timeMs < endMs);
        if (inside.length === 0) continue;
        yield {
          labels: { __name__: column, node },
          timesMs: Float64Array.from(inside, ({ timeMs }) => timeMs),
          values: Float64Array.from(inside, ({ value }) => value),
        };
      }
    },
  };
}
