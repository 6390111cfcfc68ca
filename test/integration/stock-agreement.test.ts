import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { qosOf, type ClusterView, type PodSpec } from '#domain';
import { createRng } from '#kernel/rng';
import { MIB } from '#kernel/units';
import { stockScore } from '#simulator';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';

const NODES = 24;
const PODS = 300;
const REQUIRED_AGREEMENT = 0.99;

interface NodeShape {
  readonly name: string;
  readonly cpuMillicores: number;
  readonly memoryMib: number;
}

let cluster: ControlPlane;

describe('a real control plane', { skip: controlPlaneMissing() }, () => {
  before(async () => {
    cluster = await startControlPlane();
  });

  after(async () => {
    await cluster?.stop();
  });

  test(`the simulator's stock policy would also choose the node that kube-scheduler chose`, async () => {
    const rng = createRng(7);
    const shapes = await createNodes(rng.fork('nodes'));
    const view = emptyView(shapes);
    const disagreements: string[] = [];
    for (let uid = 0; uid < PODS; uid++) {
      const pod = drawPod(uid, rng);
      const node = await place(pod, shapes);
      const scores = shapes.map((_, at) => (fits(pod, view, at) ? stockScore(pod, view, at) : -1));
      const best = Math.max(...scores);
      if (scores[node] !== best)
        disagreements.push(`pod ${uid}: node ${node} has ${scores[node]}, best ${best}`);
      bind(pod, view, node);
    }

    assert.ok(
      disagreements.length <= PODS * (1 - REQUIRED_AGREEMENT),
      `${disagreements.length} of ${PODS} placements differ:\n${disagreements.slice(0, 5).join('\n')}`,
    );
  });
});

async function createNodes(rng: ReturnType<typeof createRng>): Promise<NodeShape[]> {
  const shapes = Array.from({ length: NODES }, (_, at) => ({
    name: `node-${String(at).padStart(3, '0')}`,
    cpuMillicores: [4000, 8000, 16_000, 32_000][rng.int(4)] ?? 8000,
    memoryMib: [8192, 16_384, 65_536][rng.int(3)] ?? 16_384,
  }));
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
    return list.items.filter(isReady).length === NODES;
  });
  return shapes;
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
async function place(pod: PodSpec, shapes: readonly NodeShape[]): Promise<number> {
  const name = `pod-${pod.uid}`;
  const requests = {
    ...(pod.cpuRequestMillicores > 0 ? { cpu: `${pod.cpuRequestMillicores}m` } : {}),
    ...(pod.memoryRequestBytes > 0 ? { memory: `${pod.memoryRequestBytes / MIB}Mi` } : {}),
  };
  await cluster.call('POST', '/api/v1/namespaces/default/pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'main', image: 'none', resources: { requests } }] },
  });
  let nodeName: string | undefined;
  await until(`${name} is bound`, async () => {
    const found = (await cluster.call('GET', `/api/v1/namespaces/default/pods/${name}`)) as {
      spec: { nodeName?: string };
    };
    nodeName = found.spec.nodeName;
    return nodeName !== undefined;
  });
  return shapes.findIndex((shape) => shape.name === nodeName);
}

async function until(what: string, probe: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (await probe()) return;
    await sleep(10);
  }
  throw new Error(`waited a minute in vain until ${what}`);
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
