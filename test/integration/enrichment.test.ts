import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  buildWorkloadProfiles,
  createProfileBook,
  followWorkloads,
  profilesPath,
  readWorkloadFacts,
  readWorkloadProfiles,
  type WorkloadFollower,
  type WorkloadProfiles,
} from '#collect';
import { systemClock } from '#kernel/clock';
import { silentLog } from '#kernel/log';
import { createRng } from '#kernel/rng';
import { HOUR_MS } from '#kernel/units';
import { createKubernetesClient, openClusterAccess } from '#platform/kubernetes';
import type { KubernetesClient } from '#platform/kubernetes';
import { createRemoteReader } from '#platform/prometheus';
import { parseEnvelope, runCli } from '../cli/run-cli.ts';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { prometheusMissing, startPrometheus, type BackfillMetric } from '../harness/prometheus.ts';

const SCRAPE_MS = 15_000;
const CPU_REQUEST = 500;
const MEMORY_REQUEST = 2 ** 28;
const EVER = { startMs: 0, endMs: 9e15 };

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlsched-enrichment-'));
});

after(() => rm(folder, { recursive: true, force: true }));

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await isSo()) return;
    await sleep(50);
  }
  assert.fail(`in 20 s: ${what}`);
}

describe('facts on workloads from a real API server', { skip: controlPlaneMissing() }, () => {
  let cluster: ControlPlane;
  let client: KubernetesClient;

  before(async () => {
    cluster = await startControlPlane();
    client = createKubernetesClient(await openClusterAccess({ kubeconfig: cluster.kubeconfig }));
    const amounts = { cpu: '8', memory: '32Gi', pods: '110' };
    await cluster.call('POST', '/api/v1/nodes', {
      metadata: { name: 'worker-1' },
      status: { capacity: amounts, allocatable: amounts },
    });
  });

  after(async () => {
    client?.close();
    await cluster?.stop();
  });

  const create = (name: string, more: object = {}): Promise<unknown> =>
    cluster.call('POST', '/api/v1/namespaces/default/pods', {
      metadata: {
        name,
        labels: { app: 'api', 'pod-template-hash': '5c8f' },
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'api-5c8f', uid: 'x', controller: true },
        ],
      },
      spec: {
        containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '500m', memory: '256Mi' } } }],
        ...more,
      },
    });

  const start = async (directory: string, stop: AbortController): Promise<WorkloadFollower> => {
    const follower = await followWorkloads({
      client,
      directory,
      clock: systemClock,
      signal: stop.signal,
      log: silentLog,
      flushSeconds: 0.1,
      staticNames: { '127.0.0.1': 'worker-1', '10.9.9.9': 'worker-x' },
    });
    await until('it is synced', () => follower.status().pods.isSynced && follower.status().nodes.isSynced);
    return follower;
  };

  test('pods are facts with workload, node and class; restarts and deletions complete them', async () => {
    const directory = join(folder, 'facts');
    const stop = new AbortController();
    await create('api-5c8f-one');
    await create('api-5c8f-two', { priorityClassName: 'system-cluster-critical' });
    const first = await start(directory, stop);
    await until('both are facts', () => first.facts.openCount === 2);
    await until('the node is known by its address', () =>
      first.identity.conflicts.some(({ kind }) => kind === 'no-such-node'),
    );
    assert.equal(first.identity.resolve({ instance: '127.0.0.1:9100' }), 'worker-1');
    stop.abort();
    await first.ended;

    cluster.kubectl('delete', 'pod', 'api-5c8f-one', '--grace-period=1');
    const again = new AbortController();
    const second = await start(directory, again);
    cluster.kubectl('delete', 'pod', 'api-5c8f-two', '--grace-period=1');
    await until('nothing is open', () => second.facts.openCount === 0);
    again.abort();
    await second.ended;

    const facts = await readWorkloadFacts(directory, EVER);
    assert.deepEqual(
      facts.map(({ pod, node, ownerKind, owner, qos, priorityClass, end }) => [
        pod,
        node,
        `${ownerKind} ${owner}`,
        qos,
        priorityClass,
        end,
      ]),
      [
        ['api-5c8f-one', 'worker-1', 'Deployment api', 'burstable', undefined, 'unseen'],
        ['api-5c8f-two', 'worker-1', 'Deployment api', 'burstable', 'system-cluster-critical', 'deleted'],
      ],
    );
    assert.ok(facts.every(({ validFromMs, validToMs = 0 }) => validToMs >= validFromMs));
  });

  test('the command line follows and lists', async () => {
    const directory = join(folder, 'cli');
    await create('api-5c8f-three');
    const elected = ['--kubeconfig', cluster.kubeconfig, '--leader-election', '--for', '2', '-o', 'json'];
    const followed = await runCli(['workloads', 'follow', '--store', directory, ...elected]);
    assert.equal(followed.exitCode, 0, followed.stderr);
    assert.deepEqual(parseEnvelope(followed).data, { nodes: 1, openFacts: 1, conflicts: [] });
    const listed = await runCli(['workloads', 'list', '--store', directory]);
    assert.match(listed.stdout, /default +Deployment +api +1 +0 +1 +burstable +- +500 +256\.0 MiB/);
    const nowhere = ['--kubeconfig', join(folder, 'absent'), '-o', 'json'];
    const failed = await runCli(['workloads', 'follow', '--store', directory, ...nowhere]);
    assert.equal(failed.exitCode, 1);
    assert.equal(parseEnvelope(failed).error?.code, 'MLS_KUBERNETES_BAD_ACCESS');
  });
});

/** What the pods of a test really do. */
interface Truth {
  readonly owner: string;
  readonly pods: number;
  readonly cpuMillicores: number;
  readonly memoryBytes: number;
  /** Use of a young pod as a ratio of its later use. */
  readonly ramp: (ageSeconds: number) => number;
}

const warmUp = (ageSeconds: number): number => Math.min(1, 0.2 + (0.8 * ageSeconds) / 600);
const TRUTHS: readonly Truth[] = [
  { owner: 'api', pods: 12, cpuMillicores: 300, memoryBytes: 1.5e8, ramp: warmUp },
  { owner: 'batch', pods: 8, cpuMillicores: 900, memoryBytes: 0.5e8, ramp: () => 1 },
];

describe('profiles of workloads from a real Prometheus', { skip: prometheusMissing() }, () => {
  test('use, spread and ramp-up come out as they were put in', async () => {
    const profiles = await learnProfiles(join(folder, 'profiles'));

    assert.deepEqual(Object.keys(profiles.workloads), ['shop/Deployment/api', 'shop/Deployment/batch']);
    assert.equal(profiles.unknownPods, 1, 'a pod that no fact names is counted, not guessed');
    const api = profiles.workloads['shop/Deployment/api'];
    const batch = profiles.workloads['shop/Deployment/batch'];
    assert.ok(api !== undefined && batch !== undefined);
    assert.equal(api.members, 12);
    near(batch.cpu.meanRatio, 900 / CPU_REQUEST, 0.03);
    near(batch.cpu.p95Ratio, (900 / CPU_REQUEST) * 1.18, 0.05);
    near(api.memory.p50Ratio, 1.5e8 / MEMORY_REQUEST, 0.03);
    for (const [at, age] of [45, 90, 210, 450].entries()) {
      near(api.ramp.cpuRatio[at + 1], warmUp(age), 0.12);
      near(batch.ramp.cpuRatio[at + 1], 1, 0.12);
    }
    assert.equal(batch.life.finishedPods, 0);
    assert.equal(batch.life.meanSeconds, null, 'none ended: unknown, not 0');

    const book = createProfileBook(profiles);
    const pod = {
      namespace: 'shop',
      ownerKind: 'Deployment',
      owner: 'api',
      cpuRequestMillicores: 1000,
      memoryRequestBytes: 0,
    };
    const known = book.expect(pod);
    const stranger = book.expect({ ...pod, owner: 'new' });
    assert.ok(known !== undefined && stranger !== undefined);
    assert.deepEqual([known.from, known.pods], ['workload', 12]);
    assert.deepEqual([stranger.from, stranger.pods], ['kind', 0]);
    // The ramp of twelve pods lowers their mean; three members of the kind draw it up a little.
    near(known.cpuMillicores, 700, 0.15);
    assert.ok(known.cpuMillicores < stranger.cpuMillicores);
    assert.ok(book.rampRatio(pod, 'cpu', 15) < 0.75);
    assert.equal(book.rampRatio(pod, 'cpu', 3600), 1);
  });
});

async function learnProfiles(directory: string): Promise<WorkloadProfiles> {
  const startMs = Math.floor((Date.now() - 6 * HOUR_MS) / HOUR_MS) * HOUR_MS;
  const endMs = startMs + 4 * HOUR_MS;
  const pods = TRUTHS.flatMap((truth, at) =>
    Array.from({ length: truth.pods }, (_, index) => ({
      truth,
      name: `${truth.owner}-${index}`,
      startedAtMs: startMs + (index + at) * 257_000,
    })),
  );
  await writeFacts(directory, pods);
  const server = await startPrometheus(folder, containerMetrics(pods, endMs));
  try {
    await buildWorkloadProfiles({
      reader: createRemoteReader({ url: server.url }),
      directory,
      clock: systemClock,
      startMs,
      endMs,
    });
  } finally {
    await server.stop();
  }
  return readWorkloadProfiles(profilesPath(directory));
}

function near(value: number | null | undefined, wanted: number, tolerance: number): void {
  assert.ok(value !== null && value !== undefined, `unknown, expected ${wanted}`);
  assert.ok(Math.abs(value - wanted) <= tolerance * wanted, `${value} is not near ${wanted}`);
}

interface TestPod {
  readonly truth: Truth;
  readonly name: string;
  readonly startedAtMs: number;
}

async function writeFacts(directory: string, pods: readonly TestPod[]): Promise<void> {
  const { openWorkloadFacts } = await import('../../src/collect/enrich/workload-facts.ts');
  const facts = await openWorkloadFacts({ directory, clock: systemClock });
  facts.apply(
    pods.map(({ truth, name, startedAtMs }) => ({
      type: 'set',
      object: {
        namespace: 'shop',
        name,
        uid: name,
        nodeName: 'worker-1',
        phase: 'Running',
        schedulerName: 'default-scheduler',
        owner: { kind: 'Deployment', name: truth.owner, uid: truth.owner },
        labels: {},
        priorityClass: undefined,
        priority: 0,
        qos: 'burstable',
        cpuRequestMillicores: CPU_REQUEST,
        cpuLimitMillicores: 0,
        memoryRequestBytes: MEMORY_REQUEST,
        memoryLimitBytes: 0,
        createdAtMs: startedAtMs,
        startedAtMs,
      },
    })),
  );
  await facts.flush();
  await facts.close();
}

/** Two containers a pod, with the pod's own sum and the pause container that cAdvisor adds, and a pod of nobody. */
function containerMetrics(pods: readonly TestPod[], endMs: number): BackfillMetric[] {
  const stray = { ...(pods[0] as TestPod), name: 'stray' };
  const series = [...pods, stray].flatMap((pod) =>
    ['main', 'side', '', 'POD'].map((container) => ({
      labels: { namespace: 'shop', pod: pod.name, container, node: 'worker-1' },
      pod,
      share: container === 'main' ? 0.75 : container === 'side' ? 0.25 : 1,
    })),
  );
  return [
    {
      name: 'container_cpu_usage_seconds_total',
      type: 'counter',
      series: series.map(({ labels, pod, share }) => ({ labels, samples: cpuSamples(pod, endMs, share) })),
    },
    {
      name: 'container_memory_working_set_bytes',
      type: 'gauge',
      series: series.map(({ labels, pod, share }) => ({ labels, samples: memorySamples(pod, endMs, share) })),
    },
  ];
}

function* cpuSamples({ truth, name, startedAtMs }: TestPod, endMs: number, share: number) {
  const rng = createRng(1).fork(name);
  let seconds = 0;
  for (let timeMs = startedAtMs; timeMs < endMs; timeMs += SCRAPE_MS) {
    yield [timeMs, seconds] as const;
    const age = (timeMs - startedAtMs + SCRAPE_MS / 2) / 1000;
    const noise = 0.8 + 0.4 * rng.next();
    seconds += (truth.cpuMillicores / 1000) * truth.ramp(age) * noise * share * (SCRAPE_MS / 1000);
  }
}

function* memorySamples({ truth, startedAtMs }: TestPod, endMs: number, share: number) {
  for (let timeMs = startedAtMs; timeMs < endMs; timeMs += SCRAPE_MS) {
    yield [timeMs, truth.memoryBytes * share] as const;
  }
}
