import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from './control-plane.ts';
import type { RunningScheduler } from './kube-scheduler.ts';
import { until } from './placements.ts';
import { createNamespace, createPod } from './scheduler-config.ts';

/** Who places, and how its pods are marked. */
export interface Contestant {
  readonly scheduler: RunningScheduler;
  readonly schedulerName: string;
}

export interface Burst {
  readonly namespace: string;
  readonly pods: number;
  /** Called when the scheduler is let go. */
  readonly onStart?: () => void;
  /** Called when the last pod is bound. */
  readonly onEnd?: () => void;
}

export interface BurstReport {
  readonly pods: number;
  /** Slope between the first and the last tenth of the burst. */
  readonly podsPerSecond: number;
  /** Pods that were not bound in the end. */
  readonly lost: number;
}

const SCHEDULED = 'scheduler_schedule_attempts_total';
const BURST_TIMEOUT_MS = 400_000;

/** Creates nodes of 32 cores and 256 GiB, many at a time, and waits until all are ready. */
export async function createManyNodes(cluster: ControlPlane, from: number, to: number): Promise<void> {
  const amounts = { cpu: '32', memory: '256Gi', pods: '110' };
  await inParallel(to - from, 16, async (at) => {
    const name = nodeName(from + at);
    const labels = { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `zone-${at % 3}` };
    await cluster.call('POST', '/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      status: { allocatable: amounts, capacity: amounts },
    });
  });
  const isReady = async (): Promise<boolean> => {
    const list = (await cluster.call('GET', '/api/v1/nodes?resourceVersion=0')) as { items: NodeStatus[] };
    const ready = list.items.filter(({ status }) =>
      (status.conditions ?? []).some((one) => one.type === 'Ready' && one.status === 'True'),
    );
    return ready.length >= to;
  };
  await until(`${to} nodes are ready`, async () => (await isReady()) || (await sleep(500, false)), 600_000);
}

const nodeName = (at: number): string => `node-${String(at).padStart(5, '0')}`;

/** Names of the first nodes that `createManyNodes` makes. */
export const manyNodeNames = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => nodeName(at));

interface NodeStatus {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function inParallel(count: number, width: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/**
 * Creates pods while the scheduler is held, lets it go, and measures how fast it binds them.
 *
 * @remarks Held by SIGSTOP: its caches stay warm and nothing has to be started anew, so that contestants can take turns.
 */
export async function runBurst(
  cluster: ControlPlane,
  { scheduler, schedulerName }: Contestant,
  { namespace, pods, onStart, onEnd }: Burst,
): Promise<BurstReport> {
  await createNamespace(cluster, namespace);
  const before = await scheduled(scheduler, schedulerName);
  process.kill(scheduler.pid, 'SIGSTOP');
  try {
    await inParallel(pods, 16, (at) => createPod(cluster, { namespace, schedulerName, count: 1 }, at));
  } finally {
    onStart?.();
    process.kill(scheduler.pid, 'SIGCONT');
  }
  const trace = await traceBinding(scheduler, schedulerName, before, pods);
  onEnd?.();
  const lost = await countPending(cluster, namespace);
  await deletePods(cluster, namespace);
  return { pods, podsPerSecond: slopeOf(trace, pods), lost };
}

const scheduled = (scheduler: RunningScheduler, profile: string): Promise<number> =>
  scheduler.metric(SCHEDULED, { profile, result: 'scheduled' });

type Trace = readonly (readonly [timeMs: number, bound: number])[];

async function traceBinding(
  scheduler: RunningScheduler,
  profile: string,
  before: number,
  pods: number,
): Promise<Trace> {
  const trace: [number, number][] = [];
  const deadline = performance.now() + BURST_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const bound = (await scheduled(scheduler, profile)) - before;
    trace.push([performance.now(), bound]);
    if (bound >= pods) break;
    await sleep(100);
  }
  return trace;
}

function slopeOf(trace: Trace, pods: number): number {
  const middle = trace.filter(([, bound]) => bound >= 0.1 * pods && bound <= 0.9 * pods);
  const points = middle.length > 1 ? middle : trace.filter(([, bound]) => bound > 0);
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || last[0] === first[0]) return NaN;
  return ((last[1] - first[1]) / (last[0] - first[0])) * 1000;
}

async function countPending(cluster: ControlPlane, namespace: string): Promise<number> {
  const list = (await cluster.call('GET', `/api/v1/namespaces/${namespace}/pods`)) as {
    items: { spec: { nodeName?: string } }[];
  };
  return list.items.filter(({ spec }) => spec.nodeName === undefined).length;
}

export async function deletePods(cluster: ControlPlane, namespace: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  await cluster.call('DELETE', `${path}?gracePeriodSeconds=0`);
  await until(
    'the pods are gone',
    async () => {
      const list = (await cluster.call('GET', `${path}?limit=1`)) as { items: unknown[] };
      return list.items.length === 0 || (await sleep(200, false));
    },
    BURST_TIMEOUT_MS,
  );
}

/** Creates pods at an even rate, and waits until all are bound. Resolves to the number that never were. */
export async function runTrickle(
  cluster: ControlPlane,
  { schedulerName }: Contestant,
  namespace: string,
  rate: { readonly podsPerSecond: number; readonly seconds: number },
): Promise<number> {
  await createNamespace(cluster, namespace);
  const start = performance.now();
  const count = Math.round(rate.podsPerSecond * rate.seconds);
  const calls: Promise<void>[] = [];
  for (let at = 0; at < count; at++) {
    const wait = start + (at * 1000) / rate.podsPerSecond - performance.now();
    if (wait > 0) await sleep(wait);
    calls.push(createPod(cluster, { namespace, schedulerName, count: 1 }, at));
  }
  await Promise.all(calls);
  const deadline = performance.now() + 60_000;
  let pending = count;
  while (pending > 0 && performance.now() < deadline) {
    pending = await countPending(cluster, namespace);
    if (pending > 0) await sleep(200);
  }
  return pending;
}

export interface HistogramCounts {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

/** Cumulative counts of a histogram by upper bound, summed over the series that have all the labels. */
export function readHistogram(
  page: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): HistogramCounts {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  const sums = new Map<number, number>();
  for (const line of page.split('\n')) {
    if (!line.startsWith(`${name}_bucket{`) || !wanted.every((label) => line.includes(label))) continue;
    const bound = /[{,]le="([^"]+)"/.exec(line)?.[1] ?? '';
    const limit = bound === '+Inf' ? Infinity : Number(bound);
    sums.set(limit, (sums.get(limit) ?? 0) + Number(line.slice(line.lastIndexOf(' ') + 1)));
  }
  const entries = [...sums].sort(([a], [b]) => a - b);
  return { bounds: entries.map(([bound]) => bound), counts: entries.map(([, count]) => count) };
}

/** A quantile of what was added between two readings, linear within its bucket; milliseconds. */
export function quantileMs(before: HistogramCounts, after: HistogramCounts, share: number): number {
  const counts = after.counts.map((count, at) => count - (before.counts[at] ?? 0));
  const wanted = share * (counts.at(-1) ?? 0);
  const at = counts.findIndex((count) => count >= wanted && count > 0);
  if (at < 0) return NaN;
  const low = after.bounds[at - 1] ?? 0;
  const high = after.bounds[at] ?? Infinity;
  if (high === Infinity) return low * 1000;
  const below = counts[at - 1] ?? 0;
  const inside = (counts[at] ?? 0) - below;
  return (low + (high - low) * (inside === 0 ? 1 : (wanted - below) / inside)) * 1000;
}
