import type { PrometheusReader, PrometheusSeries } from '#platform/prometheus';

const STEP_MS = 30_000;
export const FAKE_NODES = ['node-a', 'node-b', 'node-c'] as const;

/** Memory in use of a node, in 0..1, a function of node and time alone: what a row must hold. */
export function fakeMemoryRatio(node: string, timeMs: number): number {
  const minute = (timeMs / 60_000) % 1000;
  return 0.2 + 0.1 * FAKE_NODES.indexOf(node as (typeof FAKE_NODES)[number]) + minute / 4000;
}

/** A source without a server: half-busy processors and memory by `fakeMemoryRatio`, a sample every 30 s. */
export function createFakeReader(): PrometheusReader {
  return {
    protocol: 'remote-read',
    async *read({ matchers, startMs, endMs }) {
      const name = matchers.find((matcher) => matcher.name === '__name__')?.value ?? '';
      const mode = matchers.find((matcher) => matcher.name === 'mode')?.value;
      const valueAt = valueOf(name, mode);
      if (valueAt === undefined) return;
      for (const node of FAKE_NODES) yield sample(name, node, { startMs, endMs, valueAt });
    },
  };
}

type ValueAt = (node: string, timeMs: number) => number;

function valueOf(name: string, mode: string | undefined): ValueAt | undefined {
  // Whole seconds: the rate of half a second a second is exact.
  if (name === 'node_cpu_seconds_total' && mode === 'idle') return (_, timeMs) => timeMs / 2000;
  if (name === 'node_memory_MemTotal_bytes') return () => 1;
  if (name === 'node_memory_MemAvailable_bytes') return (node, timeMs) => 1 - fakeMemoryRatio(node, timeMs);
  return undefined;
}

function sample(
  name: string,
  node: string,
  { startMs, endMs, valueAt }: { startMs: number; endMs: number; valueAt: ValueAt },
): PrometheusSeries {
  const firstMs = Math.ceil(startMs / STEP_MS) * STEP_MS;
  const count = Math.max(0, Math.ceil((endMs - firstMs) / STEP_MS));
  const timesMs = Float64Array.from({ length: count }, (_, i) => firstMs + i * STEP_MS);
  return {
    labels: { __name__: name, instance: node, cpu: '0' },
    timesMs,
    values: timesMs.map((timeMs) => valueAt(node, timeMs)),
  };
}
