import { SECOND_MS } from '#kernel/units';
import type { LabelMatcher, PrometheusReader } from '#platform/prometheus';
import { counterRates, MAX_RATE_INTERVAL_MS, SeriesFold, windowMeans } from './align.ts';
import type { Grid } from './align.ts';

/** What one pod really used, on a regular grid; NaN where it is not known. */
export interface PodUsage {
  readonly namespace: string;
  readonly pod: string;
  /** Ends of the windows, epoch milliseconds. */
  readonly timesMs: Float64Array;
  readonly cpuMillicores: Float64Array;
  /** Working set: what the kubelet counts against the limit. */
  readonly memoryBytes: Float64Array;
}

export interface ReadPodUsageOptions {
  /** Windows end in `(startMs, endMs]`. */
  readonly startMs: number;
  readonly endMs: number;
  /** Default 60. */
  readonly stepSeconds?: number;
  /** Only pods of this namespace. */
  readonly namespace?: string;
}

const CPU = 'container_cpu_usage_seconds_total';
const MEMORY = 'container_memory_working_set_bytes';
const DEFAULT_STEP_SECONDS = 60;
const MILLICORES = 1000;

/**
 * Reads what pods really used from the kubelet's cAdvisor metrics.
 *
 * A pod's use is the sum over its containers; where the runtime names none, the pod's own control group counts. The
 * pause container is left out. Label names before Kubernetes 1.16 (`pod_name`, `container_name`) are understood.
 *
 * @returns One entry a pod that has any sample, sorted by namespace and pod.
 * @throws MlschedError `MLS_PROMETHEUS_*`.
 * @remarks Memory grows with pods times windows: read busy clusters in short spans or by namespace.
 */
export async function readPodUsage(
  reader: PrometheusReader,
  { startMs, endMs, stepSeconds = DEFAULT_STEP_SECONDS, namespace }: ReadPodUsageOptions,
): Promise<PodUsage[]> {
  const stepMs = stepSeconds * SECOND_MS;
  const grid: Grid = { startMs, stepMs, length: Math.floor((endMs - startMs) / stepMs) };
  const scope: LabelMatcher[] =
    namespace === undefined ? [] : [{ name: 'namespace', type: '=', value: namespace }];
  const cpu = await readPods(reader, { name: CPU, isCounter: true, grid, scope });
  const memory = await readPods(reader, { name: MEMORY, isCounter: false, grid, scope });
  const timesMs = Float64Array.from({ length: grid.length }, (_, i) => startMs + (i + 1) * stepMs);
  const unknown = new Float64Array(grid.length).fill(NaN);
  return [...new Set([...cpu.keys(), ...memory.keys()])].sort().map((key) => {
    const [space = '', pod = ''] = key.split('/');
    return {
      namespace: space,
      pod,
      timesMs,
      cpuMillicores: (cpu.get(key) ?? unknown).map((cores) => cores * MILLICORES),
      memoryBytes: (memory.get(key) ?? unknown).slice(),
    };
  });
}

interface PodRead {
  readonly name: string;
  readonly isCounter: boolean;
  readonly grid: Grid;
  readonly scope: readonly LabelMatcher[];
}

/** Series of one pod, by container; the control group of the whole pod under the empty name. */
type Containers = Map<string, Float64Array>;

async function readPods(
  reader: PrometheusReader,
  { name, isCounter, grid, scope }: PodRead,
): Promise<Map<string, Float64Array>> {
  const pods = new Map<string, Containers>();
  const selection = {
    matchers: [{ name: '__name__', type: '=', value: name } as const, ...scope],
    startMs: grid.startMs - (isCounter ? MAX_RATE_INTERVAL_MS : 0),
    endMs: grid.startMs + grid.length * grid.stepMs + 1,
  };
  for await (const { labels, timesMs, values } of reader.read(selection)) {
    const { key, container } = identify(labels);
    if (key === undefined) continue;
    const numbers = isCounter
      ? counterRates(timesMs, values, { counted: { resets: 0 }, sinceMs: grid.startMs })
      : values;
    const containers: Containers = pods.get(key) ?? new Map();
    pods.set(key, containers);
    addMeans(containers, container, windowMeans(timesMs, numbers, grid));
  }
  return new Map([...pods].map(([key, containers]) => [key, sumContainers(containers, grid)]));
}

/** Without a pod it is a slice of the node; POD is the pause container. */
function identify(labels: Readonly<Record<string, string>>): { key: string | undefined; container: string } {
  const pod = labels['pod'] ?? labels['pod_name'] ?? '';
  const container = labels['container'] ?? labels['container_name'] ?? '';
  const isCounted = pod !== '' && container !== 'POD';
  return { key: isCounted ? `${labels['namespace'] ?? ''}/${pod}` : undefined, container };
}

/** A container that was restarted has a series each life: in a window that both know, the larger one counts. */
function addMeans(containers: Containers, container: string, means: Float64Array): void {
  const held = containers.get(container);
  if (held === undefined) {
    containers.set(container, means);
    return;
  }
  for (let i = 0; i < means.length; i++) {
    const value = means[i] as number;
    if (!Number.isNaN(value) && !((held[i] as number) >= value)) held[i] = value;
  }
}

function sumContainers(containers: Containers, grid: Grid): Float64Array {
  const fold = new SeriesFold('sum', grid.length);
  const named = [...containers].filter(([container]) => container !== '');
  for (const [, means] of named.length > 0 ? named : containers) fold.add(means);
  return fold.finish('plain');
}
