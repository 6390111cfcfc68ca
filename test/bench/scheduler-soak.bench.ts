/**
 * The decision service under steady load for a long time: `node test/bench/scheduler-soak.bench.ts [--minutes 60] [--nodes 5000]`.
 * Watches what leaks: heap, resident memory, stalls of the event loop, pods that are not bound.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { linearFit } from './linear-fit.ts';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startDecisionService, type DecisionService } from '../harness/decision-service.ts';
import { sumOfSeries } from '../harness/kube-scheduler.ts';
import { until } from '../harness/placements.ts';
import { pluginProfile } from '../harness/scheduler-config.ts';
import { createManyNodes, deletePods, manyNodeNames, runTrickle } from '../harness/scheduler-load.ts';
import { publishSection } from './publish.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    nodes: { type: 'string', default: '5000' },
  },
});
const MINUTES = Number(values.minutes);
const NODES = Number(values.nodes);
const PODS_PER_SECOND = 20;
const SAMPLE_MS = 5000;
/** Caches fill and code is compiled at first. */
const WARM_UP_SHARE = 0.2;
const TARGETS = { stallSeconds: 0.05, residentMb: 300 };
const MB = 1e6;

interface Sample {
  readonly minutes: number;
  readonly heapMb: number;
  readonly residentMb: number;
  /** Longest stall since the sample before. */
  readonly stallSeconds: number;
}

async function sample(service: DecisionService, startMs: number): Promise<Sample> {
  const page = await (await fetch(`${service.url}/metrics`)).text();
  return {
    minutes: (performance.now() - startMs) / 60_000,
    heapMb: sumOfSeries(page, 'nodejs_heap_size_used_bytes') / MB,
    residentMb: sumOfSeries(page, 'process_resident_memory_bytes') / MB,
    stallSeconds: sumOfSeries(page, 'nodejs_eventloop_lag_max_seconds'),
  };
}

/** Lowest heap of each minute: what is left after a collection. */
function lowestPerMinute(samples: readonly Sample[]): Sample[] {
  const lowest = new Map<number, Sample>();
  for (const one of samples) {
    const minute = Math.floor(one.minutes);
    const before = lowest.get(minute);
    if (before === undefined || one.heapMb < before.heapMb) lowest.set(minute, one);
  }
  return [...lowest.values()];
}

async function watch(service: DecisionService, samples: Sample[], signal: AbortSignal): Promise<void> {
  const startMs = performance.now();
  while (!signal.aborted) {
    samples.push(await sample(service, startMs));
    await sleep(SAMPLE_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function measure(folder: string, cluster: ControlPlane): Promise<void> {
  await createManyNodes(cluster, 0, NODES);
  const service = await startDecisionService({
    folder: join(folder, 'service'),
    kubeconfig: cluster.kubeconfig,
  });
  const pushLoad = (): Promise<void> =>
    service.pushLoad(
      manyNodeNames(NODES).map((name, at) => ({
        name,
        cpuUsageRatio: 0.2 + 0.0005 * ((at * 7919) % 1000) + 0.05 * Math.random(),
        memoryUsageRatio: 0.3,
      })),
    );
  await pushLoad();
  const pushing = setInterval(() => void pushLoad().catch(() => undefined), 20_000);
  const over = new AbortController();
  const samples: Sample[] = [];
  try {
    await until('the service is ready', async () => (await fetch(`${service.url}/readyz`)).ok, 120_000);
    service.mlsched('rollout', 'set', '100');
    const profiles = [pluginProfile('mlsched', { urls: [service.url] }, 5)];
    const scheduler = await cluster.startScheduler({ binary: 'plugin', config: { profiles } });
    const watching = watch(service, samples, over.signal);
    let lost = 0;
    for (let minute = 0; minute < MINUTES; minute++) {
      const rate = { podsPerSecond: PODS_PER_SECOND, seconds: 60 };
      lost += await runTrickle(cluster, { scheduler, schedulerName: 'mlsched' }, `soak-${minute}`, rate);
      if (minute > 0) await deletePods(cluster, `soak-${minute - 1}`);
      process.stderr.write(`minute ${minute + 1}: ${JSON.stringify(samples.at(-1))}, ${lost} lost\n`);
    }
    over.abort();
    await watching;
    publish(samples, lost, await scheduler.metric('mlsched_plugin_decisions_total', { outcome: 'applied' }));
  } finally {
    over.abort();
    clearInterval(pushing);
    await service.stop();
  }
}

function publish(samples: readonly Sample[], lost: number, applied: number): void {
  const steady = samples.filter(({ minutes }) => minutes >= WARM_UP_SHARE * MINUTES);
  const lowest = lowestPerMinute(steady);
  const heap = linearFit(
    lowest.map(({ minutes }) => minutes / 60),
    lowest.map(({ heapMb }) => heapMb),
  );
  const resident = Math.max(...steady.map(({ residentMb }) => residentMb));
  const stalls = steady.map(({ stallSeconds }) => stallSeconds).sort((a, b) => a - b);
  const longest = stalls.at(-1) ?? NaN;
  const isFlat = heap.slope - 2 * heap.slopeError <= 0;
  const verdict = (isMet: boolean): string => (isMet ? 'met' : 'missed');
  publishSection({
    id: `62-scheduler-soak`,
    title: 'In the scheduler: soak',
    command: `node test/bench/scheduler-soak.bench.ts --minutes ${MINUTES} --nodes ${NODES}`,
    method: `${PODS_PER_SECOND} pods/s for ${MINUTES} minutes on ${NODES} fake nodes; the decision service is sampled every ${SAMPLE_MS / 1000} s through its own metrics, on the cores that also run the control plane. The first ${100 * WARM_UP_SHARE} % are warm-up. Heap slope: least squares over the lowest value of each minute, with twice its standard error.`,
    tables: [
      {
        caption: 'Steady state',
        columns: ['what', 'value'],
        rows: [
          ['heap slope, MB/h', `${heap.slope.toFixed(1)} +- ${(2 * heap.slopeError).toFixed(1)}`],
          ['resident memory, highest, MB', resident.toFixed(0)],
          ['event loop stall, longest, ms', (1000 * longest).toFixed(0)],
          [
            'event loop stall, median of 5 s maxima, ms',
            (1000 * (stalls[Math.floor(stalls.length / 2)] ?? NaN)).toFixed(0),
          ],
          ['pods scored', applied],
          ['pods not bound', lost],
        ],
      },
    ],
    notes: [
      `No heap growth (slope within twice its error of 0 or below): ${verdict(isFlat)}.`,
      `No stall above ${1000 * TARGETS.stallSeconds} ms: ${verdict(longest <= TARGETS.stallSeconds)}. A stall includes time in which the machine gave the process no core.`,
      `Resident memory at most ${TARGETS.residentMb} MB: ${verdict(resident <= TARGETS.residentMb)}.`,
      ...(MINUTES < 60 ? [`A short run of ${MINUTES} minutes; the target is 60 (\`make soak\`).`] : []),
    ],
  });
}

const folder = mkdtempSync(join(tmpdir(), 'mlsched-soak-'));
const cluster = await startControlPlane({ scheduler: false });
try {
  await measure(folder, cluster);
} finally {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}
