/**
 * A decision service over a made-up cluster, for the bench: a process of its own, so that its memory and its event loop
 * are its own. Arguments: nodes, pods, directory. First line of output: the port; on SIGTERM one JSON document with what
 * was measured inside.
 */
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { ObservedPod } from '#domain';
import { systemClock } from '#kernel/clock';
import { createLog } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { createRng } from '#kernel/rng';
import { GIB } from '#kernel/units';
import { loadModelFolder } from '#registry';
import {
  createFileRolloutStore,
  createSchedulerService,
  openBrain,
  parseServiceConfig,
  setRollout,
} from '#scheduler';
import type { LoadReport } from '#scheduler';

const [nodeCount = '5000', podCount = '50000', directory = '.'] = process.argv.slice(2);
const names = Array.from({ length: Number(nodeCount) }, (_, i) => `node-${String(i).padStart(5, '0')}`);
const rng = createRng(1);
const base = names.map(() => 0.2 + 0.5 * rng.next());
const loads = base.map((memoryUsageRatio) => ({ cpuUsageRatio: 0, memoryUsageRatio, atMs: 0 }));
const loadOf = new Map(names.map((name, i) => [name, loads[i] as (typeof loads)[number]]));
const log = createLog({ service: 'bench' });

function loadAt(atMs: number): LoadReport {
  const phase = Math.sin((atMs / 3_600_000) * Math.PI) * 0.1;
  for (const [i, load] of loads.entries()) {
    load.cpuUsageRatio = Math.max(0, (base[i] as number) + phase + 0.02 * rng.normal());
    load.atMs = atMs;
  }
  return { nodes: loadOf, pods: undefined };
}

const store = createFileRolloutStore(join(directory, 'rollout.json'));
await setRollout(store, { mode: 'active', percent: 100, atMs: Date.now(), by: 'operator', reason: 'bench' });
let isComplete = false;
const service = await createSchedulerService({
  config: parseServiceConfig(
    'listen: { port: 0 }\nreplica: bench\nload: { source: none, tickSeconds: 30 }\n',
    'bench',
  ),
  journalDirectory: join(directory, 'journal'),
  rolloutStore: store,
  loadSource: { read: (atMs) => Promise.resolve(loadAt(atMs)) },
  clusterProblem: () => (isComplete ? undefined : 'filling'),
  clock: systemClock,
  log,
  registry: createMetricRegistry('bench'),
  version: '0.0.0',
});
const { cluster } = service;
cluster.applyNodes(
  names.map((name) => ({
    type: 'set' as const,
    object: {
      name,
      uid: name,
      addresses: [],
      labels: {},
      cpuCapacityMillicores: 32_000,
      memoryCapacityBytes: 128 * GIB,
      cpuAllocatableMillicores: 31_000,
      memoryAllocatableBytes: 120 * GIB,
      podsAllocatable: 110,
      isReady: true,
      isCordoned: false,
      taints: [],
      createdAtMs: 0,
    },
  })),
);
for (let i = 0; i < Number(podCount); i++) cluster.applyPods([{ type: 'set', object: aPod(i) }]);
cluster.rebuild();
for (let back = 300; back >= 1; back--) {
  const atMs = Math.floor(Date.now() / 300_000) * 300_000 - back * 300_000;
  cluster.recordPast(loadAt(atMs), atMs);
  if (back % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
}
const models = await Promise.all(
  (['load-forecast', 'placement', 'node-anomaly'] as const).map(async (name) => {
    const folder = join(import.meta.dirname, '../../data/starter-models', name);
    return [name, (await loadModelFolder(folder)).artefact] as const;
  }),
);
const delay = monitorEventLoopDelay({ resolution: 5 });
isComplete = true;
await service.useBrain(
  await openBrain(
    { artefacts: new Map(models), versions: {} },
    { clock: systemClock, log, candidateLimit: 128 },
  ),
);
await service.tick();
const { port } = await service.start();
process.stdout.write(`${JSON.stringify({ port })}\n`);
// Once the start is over and everything is compiled, stalls count.
setTimeout(() => delay.enable(), 5000);
let rssBytes = 0;
const watch = setInterval(() => {
  rssBytes = Math.max(rssBytes, process.memoryUsage.rss());
}, 500);
process.once('SIGTERM', () => void finish());

async function finish(): Promise<void> {
  clearInterval(watch);
  const { body } = await service.app.inject('/metrics');
  const inside = [
    ...body.matchAll(/mlsched_scheduler_decision_duration_seconds_bucket\{le="([^"]+)"[^}]*\} (\d+)/g),
  ];
  process.stdout.write(
    `${JSON.stringify({
      rssMiB: rssBytes / 2 ** 20,
      stallP99Ms: delay.percentile(99) / 1e6,
      stallMaxMs: delay.max / 1e6,
      buckets: inside.map(([, le, count]) => [le, Number(count)]),
    })}\n`,
  );
  await service.close();
  process.exit(0);
}

function aPod(i: number): ObservedPod {
  return {
    namespace: `ns-${i % 50}`,
    name: `pod-${i}`,
    uid: `running-${i}`,
    nodeName: names[i % names.length],
    phase: 'Running',
    schedulerName: 'default-scheduler',
    owner: { kind: 'Deployment', name: `app-${i % 800}`, uid: '' },
    labels: {},
    priorityClass: undefined,
    priority: 0,
    qos: 'burstable',
    cpuRequestMillicores: 500,
    cpuLimitMillicores: 0,
    memoryRequestBytes: GIB,
    memoryLimitBytes: 0,
    createdAtMs: 0,
    startedAtMs: Date.now() - 3_600_000,
  };
}
