import { MINUTE_MS, SECOND_MS } from '#kernel/units';
import type { LabelMatcher, PrometheusReader } from '#platform/prometheus';
import { counterRates, MAX_RATE_INTERVAL_MS, SeriesFold, windowMeans } from '../align.ts';
import type { Grid } from '../align.ts';

/** Use of one pod over a short span, as its containers' sum. */
export interface PodUsage {
  readonly namespace: string;
  readonly pod: string;
  /** Windows END at `startMs + (i + 1) * stepMs`. */
  readonly startMs: number;
  readonly stepMs: number;
  /** Shape `[windows]`; NaN where nothing was scraped. */
  readonly cpuMillicores: Float64Array;
  /** Working set, as the kubelet's evictions count it. */
  readonly memoryBytes: Float64Array;
}

export interface ReadPodUsageOptions {
  readonly reader: PrometheusReader;
  /** `[startMs, endMs)`. */
  readonly startMs: number;
  readonly endMs: number;
  /** Default 30. */
  readonly stepSeconds?: number;
  /** Told the part done, 0..1. */
  readonly onProgress?: (ratio: number) => void;
}

/** A span is read in pieces, so that 10,000 pods take some 40 MB at once, however long it is. */
const PIECE_MS = 120 * MINUTE_MS;
const DEFAULT_STEP_SECONDS = 30;

/** Real containers only: cAdvisor also counts whole pods and slices under an empty container name, and pause as POD. */
const CONTAINERS: readonly LabelMatcher[] = [
  { name: 'container', type: '!=', value: '' },
  { name: 'container', type: '!=', value: 'POD' },
  { name: 'pod', type: '!=', value: '' },
];

const METRICS = [
  { name: 'container_cpu_usage_seconds_total', resource: 'cpu' },
  { name: 'container_memory_working_set_bytes', resource: 'memory' },
] as const;

/** Folds of one pod's containers. */
interface PodFold {
  readonly namespace: string;
  readonly pod: string;
  readonly cpu: SeriesFold;
  readonly memory: SeriesFold;
}

/**
 * Reads what pods used, from the kubelets' cAdvisor metrics in a Prometheus.
 *
 * @yields One pod and piece of the span at a time; a pod comes again in the next piece.
 * @throws MlschedError `MLS_PROMETHEUS_*`.
 */
export async function* readPodUsage(options: ReadPodUsageOptions): AsyncGenerator<PodUsage> {
  const { startMs, endMs } = options;
  const stepMs = (options.stepSeconds ?? DEFAULT_STEP_SECONDS) * SECOND_MS;
  for (let fromMs = startMs; fromMs < endMs; fromMs += PIECE_MS) {
    const toMs = Math.min(endMs, fromMs + PIECE_MS);
    const grid: Grid = { startMs: fromMs, stepMs, length: Math.floor((toMs - fromMs) / stepMs) };
    for (const { namespace, pod, cpu, memory } of await readPiece(options.reader, grid)) {
      yield {
        namespace,
        pod,
        startMs: fromMs,
        stepMs,
        cpuMillicores: cpu.finish('plain').map((cores) => cores * 1000),
        memoryBytes: memory.finish('plain'),
      };
    }
    options.onProgress?.((toMs - startMs) / (endMs - startMs));
  }
}

async function readPiece(reader: PrometheusReader, grid: Grid): Promise<Iterable<PodFold>> {
  const folds = new Map<string, PodFold>();
  for (const { name, resource } of METRICS) {
    const selection = {
      matchers: [{ name: '__name__', type: '=', value: name } as const, ...CONTAINERS],
      // A rate needs the sample before.
      startMs: grid.startMs - (resource === 'cpu' ? MAX_RATE_INTERVAL_MS : 0),
      endMs: grid.startMs + grid.length * grid.stepMs + 1,
    };
    for await (const { labels, timesMs, values } of reader.read(selection)) {
      const { namespace = '', pod = '' } = labels;
      const key = `${namespace}/${pod}`;
      let fold = folds.get(key);
      if (fold === undefined) {
        fold = {
          namespace,
          pod,
          cpu: new SeriesFold('sum', grid.length),
          memory: new SeriesFold('sum', grid.length),
        };
        folds.set(key, fold);
      }
      const known =
        resource === 'cpu' ? counterRates(timesMs, values, { counted: { resets: 0 }, sinceMs: 0 }) : values;
      fold[resource].add(windowMeans(timesMs, known, grid));
    }
  }
  return folds.values();
}
