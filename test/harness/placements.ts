import { setTimeout as sleep } from 'node:timers/promises';
import { qosOf, type ClusterView, type PodSpec } from '#domain';
import type { createRng } from '#kernel/rng';
import { MIB } from '#kernel/units';
import { stockScore } from '#simulator';
import type { ControlPlane } from './control-plane.ts';

export interface NodeShape {
  readonly name: string;
  readonly cpuMillicores: number;
  readonly memoryMib: number;
}

export interface PlacementTrial {
  readonly namespace: string;
  /** Undefined for the cluster's default. */
  readonly schedulerName?: string;
  readonly pods: number;
  readonly shapes: readonly NodeShape[];
}

/**
 * Places random pods one after another by the real scheduler, and compares each choice with the simulator's stock policy.
 *
 * @param trial - The nodes are empty at the start.
 * @returns One line for each pod whose node is not among those that stock scores best.
 */
export async function findStockDisagreements(
  cluster: ControlPlane,
  trial: PlacementTrial,
  rng: ReturnType<typeof createRng>,
): Promise<string[]> {
  const { shapes } = trial;
  const view = emptyView(shapes);
  const disagreements: string[] = [];
  for (let uid = 0; uid < trial.pods; uid++) {
    const pod = drawPod(uid, rng);
    const node = await place(cluster, pod, trial);
    const scores = shapes.map((_, at) => (fits(pod, view, at) ? stockScore(pod, view, at) : -1));
    const best = Math.max(...scores);
    if (scores[node] !== best)
      disagreements.push(`pod ${uid}: node ${node} has ${scores[node]}, best ${best}`);
    bind(pod, view, node);
  }
  return disagreements;
}

/** Draws shapes of nodes from those that are common. */
export function drawShapes(count: number, rng: ReturnType<typeof createRng>): NodeShape[] {
  return Array.from({ length: count }, (_, at) => ({
    name: `node-${String(at).padStart(3, '0')}`,
    cpuMillicores: [4000, 8000, 16_000, 32_000][rng.int(4)] ?? 8000,
    memoryMib: [8192, 16_384, 65_536][rng.int(3)] ?? 16_384,
  }));
}

/** Creates nodes and waits until all are ready. */
export async function createNodes(cluster: ControlPlane, shapes: readonly NodeShape[]): Promise<void> {
  for (const { name, cpuMillicores, memoryMib } of shapes) {
    const amounts = { cpu: `${cpuMillicores}m`, memory: `${memoryMib}Mi`, pods: '250' };
    await cluster.call('POST', '/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      status: { allocatable: amounts, capacity: amounts },
    });
  }
  await until('all nodes are ready', async () => {
    const list = (await cluster.call('GET', '/api/v1/nodes')) as { items: ApiNode[] };
    return list.items.filter(isReady).length >= shapes.length;
  });
}

interface ApiNode {
  readonly spec: { readonly taints?: readonly unknown[] };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

function isReady(node: ApiNode): boolean {
  const isUntainted = (node.spec.taints ?? []).length === 0;
  return (
    isUntainted &&
    (node.status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True')
  );
}

function drawPod(uid: number, rng: ReturnType<typeof createRng>): PodSpec {
  // Some pods request nothing of one resource: stock then counts its default, for scoring only.
  const amounts = {
    cpuRequestMillicores: rng.next() < 0.1 ? 0 : 50 * (1 + rng.int(20)),
    cpuLimitMillicores: 0,
    memoryRequestBytes: rng.next() < 0.1 ? 0 : 64 * MIB * (1 + rng.int(16)),
    memoryLimitBytes: 0,
  };
  return { uid, ownerId: 0, priority: 0, isDaemon: false, ...amounts, qos: qosOf(amounts) };
}

/** Creates the pod and waits for the real scheduler's binding; one at a time, so that its state is known. */
async function place(
  cluster: ControlPlane,
  pod: PodSpec,
  { namespace, schedulerName, shapes }: PlacementTrial,
): Promise<number> {
  const name = `pod-${pod.uid}`;
  const requests = {
    ...(pod.cpuRequestMillicores > 0 ? { cpu: `${pod.cpuRequestMillicores}m` } : {}),
    ...(pod.memoryRequestBytes > 0 ? { memory: `${pod.memoryRequestBytes / MIB}Mi` } : {}),
  };
  await cluster.call('POST', `/api/v1/namespaces/${namespace}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      ...(schedulerName === undefined ? {} : { schedulerName }),
      containers: [{ name: 'main', image: 'none', resources: { requests } }],
    },
  });
  let nodeName: string | undefined;
  await until(`${name} is bound`, async () => {
    const found = (await cluster.call('GET', `/api/v1/namespaces/${namespace}/pods/${name}`)) as {
      spec: { nodeName?: string };
    };
    nodeName = found.spec.nodeName;
    return nodeName !== undefined;
  });
  return shapes.findIndex((shape) => shape.name === nodeName);
}

/** Polls until something holds. @throws Error after the time. */
export async function until(what: string, probe: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (await probe()) return;
    await sleep(10);
  }
  throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
}

/** The part of the view that stock looks at, before any pod is bound. */
function emptyView(shapes: readonly NodeShape[]): ClusterView {
  const zeros = (): Float64Array => new Float64Array(shapes.length);
  const cpu = Float64Array.from(shapes, ({ cpuMillicores }) => cpuMillicores);
  const memory = Float64Array.from(shapes, ({ memoryMib }) => memoryMib * MIB);
  const nodes: Partial<ClusterView['nodes']> = {
    cpuAllocatableMillicores: cpu,
    memoryAllocatableBytes: memory,
    cpuRequestedMillicores: zeros(),
    memoryRequestedBytes: zeros(),
    cpuScoringMillicores: zeros(),
    memoryScoringBytes: zeros(),
  };
  return { nodeCount: shapes.length, nodes } as ClusterView;
}

function fits(pod: PodSpec, { nodes }: ClusterView, node: number): boolean {
  const cpu = (nodes.cpuRequestedMillicores[node] ?? 0) + pod.cpuRequestMillicores;
  const memory = (nodes.memoryRequestedBytes[node] ?? 0) + pod.memoryRequestBytes;
  return (
    cpu <= (nodes.cpuAllocatableMillicores[node] ?? 0) && memory <= (nodes.memoryAllocatableBytes[node] ?? 0)
  );
}

function bind(pod: PodSpec, { nodes }: ClusterView, node: number): void {
  add(nodes.cpuRequestedMillicores, node, pod.cpuRequestMillicores);
  add(nodes.memoryRequestedBytes, node, pod.memoryRequestBytes);
  add(nodes.cpuScoringMillicores, node, pod.cpuRequestMillicores || 100);
  add(nodes.memoryScoringBytes, node, pod.memoryRequestBytes || 200 * MIB);
}

function add(values: Float64Array, at: number, amount: number): void {
  values[at] = (values[at] ?? 0) + amount;
}
