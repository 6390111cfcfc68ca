/**
 * Fetches 30 days x 30 s x 6 nodes x 18 metrics from a real Prometheus into a store, by both protocols:
 * `node test/bench/collect-history.ts`. Needs Debian's package prometheus and 2 GB of temporary space.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectHistory, createNodeIdentity, METRIC_CATALOGUE } from '#collect';
import type { MetricDefinition } from '#collect';
import { createRng } from '#kernel/rng';
import { createQueryReader, createRemoteReader } from '#platform/prometheus';
import type { PrometheusReader } from '#platform/prometheus';
import { startPrometheus } from '../harness/prometheus.ts';
import type { BackfillMetric } from '../harness/prometheus.ts';
import { publishSection } from './publish.ts';

const DAY_MS = 86_400_000;
const DAYS = 30;
const NODES = 6;
const STEP_MS = 30_000;
const TARGET_SECONDS = 6;

const endMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const startMs = endMs - DAYS * DAY_MS;

/** Noise around a daily wave, so that the chunks are as long as those of real metrics. */
function* samplesOf(metric: MetricDefinition, seed: number): Generator<readonly [number, number]> {
  const rng = createRng(seed);
  let total = 0;
  for (let timeMs = startMs; timeMs < endMs; timeMs += STEP_MS) {
    const level = 0.4 + 0.2 * Math.sin((timeMs / DAY_MS) * 2 * Math.PI) + 0.1 * rng.next();
    const value = Math.round(level * 1e6) / 1e6;
    total = Math.round((total + (value * STEP_MS) / 1000) * 1e6) / 1e6;
    yield [timeMs, metric.kind === 'counter' ? total : value * 1e6];
  }
}

/** Metrics of one name belong together in OpenMetrics; modes and resources are labels of their series. */
function buildHistory(): BackfillMetric[] {
  const byName = new Map<
    string,
    { type: MetricDefinition['kind']; series: BackfillMetric['series'][number][] }
  >();
  for (const [index, metric] of METRIC_CATALOGUE.entries()) {
    const name = metric.selector[0]?.value ?? '';
    const fixed = metric.selector.slice(1).filter(({ type }) => type === '=');
    const group = byName.get(name) ?? { type: metric.kind, series: [] };
    byName.set(name, group);
    for (let node = 0; node < NODES; node++) {
      const labels = {
        ...Object.fromEntries(fixed.map(({ name, value }) => [name, value])),
        instance: `node-${node}:9100`,
      };
      group.series.push({ labels, samples: samplesOf(metric, index * NODES + node) });
    }
  }
  return [...byName].map(([name, { type, series }]) => ({
    name,
    // promtool insists on `_total` for counters; a histogram's sum has another name.
    type: name.endsWith('_total') ? type : 'gauge',
    series,
  }));
}

interface Run {
  readonly seconds: number;
  /** Of this process, all threads. */
  readonly cpuSeconds: number;
  readonly samples: number;
  readonly peakMib: number;
}

async function measure(reader: PrometheusReader, storeDirectory: string): Promise<Run> {
  const begin = performance.now();
  const cpu = process.cpuUsage();
  let peak = 0;
  const report = await collectHistory({
    reader,
    identity: createNodeIdentity(),
    storeDirectory,
    startMs,
    endMs,
    progress: { report: () => (peak = Math.max(peak, process.memoryUsage.rss())) },
  });
  const seconds = (performance.now() - begin) / 1000;
  return {
    seconds,
    cpuSeconds: cpuSecondsSince(cpu),
    samples: report.samplesFetched,
    peakMib: Math.round(peak / 2 ** 20),
  };
}

function cpuSecondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

async function readOnly(reader: PrometheusReader): Promise<Run> {
  const begin = performance.now();
  const cpu = process.cpuUsage();
  let samples = 0;
  const matchers = [{ name: 'instance', type: '=~', value: 'node-.*' }] as const;
  for (let day = startMs; day < endMs; day += DAY_MS) {
    for await (const { timesMs } of reader.read({ matchers, startMs: day, endMs: day + DAY_MS }))
      samples += timesMs.length;
  }
  return {
    seconds: (performance.now() - begin) / 1000,
    cpuSeconds: cpuSecondsSince(cpu),
    samples,
    peakMib: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
}

const folder = await mkdtemp(join(tmpdir(), 'mlsched-bench-'));
const server = await startPrometheus(join(folder, 'prometheus'), buildHistory());
try {
  const options = { url: server.url };
  const remoteRead = await readOnly(createRemoteReader(options));
  const remote = await measure(createRemoteReader(options), join(folder, 'remote'));
  const queryRead = await readOnly(createQueryReader(options));
  const query = await measure(createQueryReader(options), join(folder, 'query'));
  const row = (name: string, run: Run): (string | number)[] => [
    name,
    run.samples,
    run.seconds.toFixed(2),
    run.cpuSeconds.toFixed(2),
    Math.round(run.samples / run.seconds),
    run.peakMib,
  ];
  publishSection({
    id: '20-collect-history',
    title: 'History from Prometheus',
    command: 'node test/bench/collect-history.ts',
    method: `${DAYS} days at 30 s of ${NODES} nodes and ${METRIC_CATALOGUE.length} metrics in a real Prometheus 2 (back-filled by promtool, on the same 2 cores), read day by day: raw samples only, then fetched, turned into rates, aligned and stored as Parquet with fsync. Rival: the same through range selectors of the query endpoint.`,
    tables: [
      {
        caption: 'One run each, in this order',
        columns: ['way', 'samples', 'seconds', 'CPU seconds', 'samples per second', 'peak RSS MiB'],
        rows: [
          row('remote read, read only', remoteRead),
          row('remote read, into the store', remote),
          row('queries, read only', queryRead),
          row('queries, into the store', query),
        ],
      },
    ],
    notes: [
      `Reading: remote read is ${(queryRead.seconds / remoteRead.seconds).toFixed(1)} times as fast as queries. Into the store: ${(query.seconds / remote.seconds).toFixed(1)} times.`,
      `Target of ${TARGET_SECONDS} s from server to store: ${remote.seconds <= TARGET_SECONDS ? 'met' : 'missed'} (${remote.seconds.toFixed(2)} s, ${remote.cpuSeconds.toFixed(2)} CPU seconds; ${cpus().length} cores at a load average of ${loadavg()[0]?.toFixed(1)} in the last minute).`,
    ],
  });
  process.stdout.write(`${JSON.stringify({ remoteRead, remote, queryRead, query })}\n`);
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
