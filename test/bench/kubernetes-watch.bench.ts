/**
 * Memory of a process that watches a large cluster: objects cut down while they are parsed, against objects kept whole.
 *
 * Run with `whole` or `projected` as argument it is the measured process itself. The API server is a list of made-up
 * objects over HTTP on loopback: a real one gives the same bytes, and needs hours to be filled with as many pods.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { MIB } from '#kernel/units';
import { createKubernetesClient, openClusterAccess, watchNodes, watchPods } from '#platform/kubernetes';
import type { KubernetesClient, WatchOptions } from '#platform/kubernetes';
import { publishSection } from './publish.ts';

const NODES = 5000;
const PODS = 50_000;

interface Measured {
  readonly rssBeforeMib: number;
  readonly rssAfterMib: number;
  readonly heapMib: number;
  readonly seconds: number;
  readonly nodes: number;
  readonly pods: number;
}

/** A node as a kubelet reports it: 50 images, as is the default. */
function makeNode(at: number): object {
  const name = `node-${at}.cluster.example`;
  const amounts = { cpu: '32', memory: '131072Mi', 'ephemeral-storage': '500Gi', pods: '110' };
  return {
    metadata: {
      name,
      uid: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
      resourceVersion: String(at + 1),
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'topology.kubernetes.io/zone': `z${at % 3}`,
      },
    },
    spec: { podCIDR: '10.0.0.0/24' },
    status: {
      capacity: amounts,
      allocatable: amounts,
      addresses: [{ type: 'InternalIP', address: `10.${at >> 8}.${at & 255}.1` }],
      conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => ({
        type,
        status: type === 'Ready' ? 'True' : 'False',
        reason: `Kubelet${type}`,
        message: 'kubelet has sufficient resources available',
        lastHeartbeatTime: '2026-01-01T00:00:00Z',
      })),
      images: Array.from({ length: 50 }, (_, image) => ({
        names: [`registry.example/team/image-${image}@sha256:${'a'.repeat(64)}`],
        sizeBytes: 123_456_789 + image,
      })),
    },
  };
}

function makePod(at: number): object {
  const app = `app-${at % 2000}`;
  const container = (name: string) => ({
    name,
    image: `registry.example/team/${app}:1.0`,
    env: Array.from({ length: 12 }, (_, i) => ({ name: `VARIABLE_${i}`, value: `value-${i}-of-${app}` })),
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } },
    volumeMounts: [
      { name: 'token', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
    ],
  });
  return {
    metadata: {
      name: `${app}-5c8f9d-${at}`,
      namespace: `team-${at % 100}`,
      uid: `10000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
      resourceVersion: String(at + 1),
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app, 'pod-template-hash': '5c8f9d', team: `team-${at % 100}` },
      ownerReferences: [
        { kind: 'ReplicaSet', name: `${app}-5c8f9d`, uid: `rs-${at % 2000}`, controller: true },
      ],
      managedFields: [
        { manager: 'kubelet', operation: 'Update', fieldsV1: { 'f:status': { 'f:phase': {} } } },
      ],
    },
    spec: {
      nodeName: `node-${at % NODES}.cluster.example`,
      schedulerName: 'default-scheduler',
      priority: 0,
      containers: [container('main'), container('side')],
      tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }],
    },
    status: {
      phase: 'Running',
      qosClass: 'Burstable',
      startTime: '2026-01-01T00:00:01Z',
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
      })),
      containerStatuses: ['main', 'side'].map((name) => ({ name, ready: true, imageID: 'b'.repeat(64) })),
    },
  };
}

/** Lists in pages; a watch stays open and silent. */
function serve(): void {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.searchParams.has('watch')) {
      response.writeHead(200).flushHeaders();
      return;
    }
    const isNodes = url.pathname.endsWith('/nodes');
    const total = isNodes ? NODES : PODS;
    const from = Number(url.searchParams.get('continue') ?? 0);
    const to = Math.min(total, from + Number(url.searchParams.get('limit') ?? total));
    const items = Array.from({ length: to - from }, (_, i) => (isNodes ? makeNode : makePod)(from + i));
    const metadata = { resourceVersion: '1000000', ...(to < total && { continue: String(to) }) };
    response.end(JSON.stringify({ metadata, items }));
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port, not a window: it has no origin
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port));
}

/** Watches as a service does, or keeps the pages as they are. */
async function measure(kubeconfig: string, mode: string): Promise<Measured> {
  const client = createKubernetesClient(await openClusterAccess({ kubeconfig }));
  const rssBeforeMib = process.memoryUsage().rss / MIB;
  const startMs = performance.now();
  const kept = mode === 'whole' ? await keepWhole(client) : await follow(client);
  const seconds = (performance.now() - startMs) / 1000;
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const [nodes, pods] = kept.map(({ size }) => size);
  return {
    rssBeforeMib,
    rssAfterMib: rss / MIB,
    heapMib: heapUsed / MIB,
    seconds,
    nodes: nodes ?? 0,
    pods: pods ?? 0,
  };
}

async function keepWhole(client: KubernetesClient): Promise<Map<string, unknown>[]> {
  const paths = ['/api/v1/nodes', '/api/v1/pods'];
  return Promise.all(paths.map((path) => listWhole(client, path)));
}

async function listWhole(client: KubernetesClient, path: string): Promise<Map<string, unknown>> {
  const objects = new Map<string, unknown>();
  let next: string | undefined;
  do {
    const page = (await client.call({ path, query: { limit: 500, continue: next } })) as {
      metadata: { continue?: string };
      items: { metadata: { uid: string } }[];
    };
    for (const item of page.items) objects.set(item.metadata.uid, item);
    next = page.metadata.continue;
  } while (next !== undefined);
  return objects;
}

async function follow(client: KubernetesClient): Promise<Map<string, unknown>[]> {
  const { signal } = new AbortController();
  const keep = <T extends { readonly uid: string }>(start: (options: WatchOptions<T>) => unknown) => {
    const objects = new Map<string, unknown>();
    return new Promise<Map<string, unknown>>((resolve) => {
      start({
        client,
        signal,
        onSynced: () => resolve(objects),
        onChange(events) {
          for (const event of events) if (event.type === 'set') objects.set(event.object.uid, event.object);
        },
      });
    });
  };
  return Promise.all([keep(watchNodes), keep(watchPods)]);
}

async function compare(): Promise<void> {
  const server = new Worker(import.meta.filename);
  const port = await new Promise<number>((resolve) => server.once('message', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-watch-bench-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const config = {
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: 'u', user: { token: 'none' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const run = (mode: string): Measured => {
    const args = ['--expose-gc', '--max-old-space-size=8192', import.meta.filename, mode, kubeconfig];
    const done = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return JSON.parse(done.stdout) as Measured;
  };
  const rows = ['projected', 'whole'].map((mode) => ({ mode, ...run(mode) }));
  await server.terminate();
  rmSync(folder, { recursive: true });
  publishSection({
    id: '70-kubernetes-watch',
    title: 'Watching a large cluster',
    command: 'make bench BENCH=kubernetes-watch',
    method: `One process lists and follows ${NODES} nodes and ${PODS} pods of realistic size (a list server on loopback gives the bytes) and keeps what it is told, against one that keeps the objects whole. Memory after a collection of garbage.`,
    tables: [
      {
        caption: 'Memory of the process, MiB',
        columns: ['what is kept', 'nodes', 'pods', 'resident before', 'resident after', 'heap after'],
        rows: rows.map((row) => [
          row.mode === 'whole' ? 'whole objects' : 'ours: cut down while parsed',
          row.nodes,
          row.pods,
          Math.round(row.rssBeforeMib),
          Math.round(row.rssAfterMib),
          Math.round(row.heapMib),
        ]),
      },
    ],
    notes: [
      `Bar: a service stays below 300 MiB at 5,000 nodes; the watch alone takes ${Math.round(rows[0]?.rssAfterMib ?? 0)} MiB of it here, the process itself included.`,
    ],
  });
  process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
}

const [mode, kubeconfig] = process.argv.slice(2);
if (!isMainThread) serve();
else if (mode === undefined || kubeconfig === undefined) await compare();
else {
  process.stdout.write(JSON.stringify(await measure(kubeconfig, mode)));
  // The watches stay open for ever.
  process.exit(0);
}
