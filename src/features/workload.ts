import type { ObservedPod, WorkloadTable } from '#domain';
import { HOUR_MS, MIB, SECOND_MS } from '#kernel/units';

import { DAY_SECONDS, describe, HOUR_SECONDS, type FeatureDefinition } from './definition.ts';
import { rowShapeWrong } from './errors.ts';

/** Name of a workload: what runs its pods at the top. */
export interface WorkloadKey {
  readonly namespace: string;
  readonly ownerKind: string;
  readonly ownerName: string;
}

/** What is known of one workload at a moment. */
export interface WorkloadObservation {
  /** Its pods as the API server shows them, in any order; those created after the moment do not count. */
  readonly pods: readonly ObservedPod[];
  /** What its pods were seen to use, and its row in that table; absent when nobody measured. */
  readonly measured?: { readonly table: WorkloadTable; readonly owner: number };
}

/** Kinds of owner that have a flag of their own; any other kind leaves all of them 0. */
const OWNER_KINDS = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'Pod'] as const;
const QOS_CLASSES = ['guaranteed', 'burstable', 'best-effort'] as const;

const pods = describe('pods', 'count');
const podShare = describe('pods', 'share');
const millicores = describe('requests', 'millicores');
const mebibytes = describe('requests', 'mebibytes');
const ofRequest = describe('requests', 'ratio-of-request');
const requestShare = describe('requests', 'share');
const usage = describe('usage', 'ratio-of-request');
const used = describe('usage', 'millicores');
const usedMemory = describe('usage', 'mebibytes');
const samples = describe('usage', 'count');
const lifetime = describe('lifetime', 'seconds');
const finished = describe('lifetime', 'count');
const owner = describe('owner', 'flag');
const rank = describe('owner', 'priority');

/** Features of a workload (Deployment, Job, ...): what it asks for, what it uses, how long its pods live. */
export const WORKLOAD_CATALOGUE: readonly FeatureDefinition[] = [
  pods('pods', 0, 'Pods that exist, finished ones included'),
  pods('pods_running', 0, 'Pods that run'),
  pods('pods_pending', 0, 'Pods that wait, bound or not'),
  pods('pods_unbound', 0, 'Pods without a node'),
  pods(
    'pods_created_1h',
    HOUR_SECONDS,
    'Pods created in the last hour: scale-ups, restarts and runs of a job',
  ),
  podShare('pods_failed_share', 0, 'Failed pods of all finished ones; unknown without one'),
  pods('nodes_used', 0, 'Nodes that its unfinished pods are bound to'),
  podShare('largest_node_share', 0, 'Share of its bound pods on the node that has most of them'),
  millicores('cpu_request_millicores', 0, 'Mean CPU request a pod; 0 when none is set'),
  millicores('cpu_limit_millicores', 0, 'Mean CPU limit a pod that has one'),
  mebibytes('memory_request_mib', 0, 'Mean memory request a pod; 0 when none is set'),
  mebibytes('memory_limit_mib', 0, 'Mean memory limit a pod that has one'),
  ofRequest('cpu_limit_to_request', 0, 'CPU limits over CPU requests; unknown unless every pod has both'),
  ofRequest(
    'memory_limit_to_request',
    0,
    'Memory limits over memory requests; unknown unless every pod has both',
  ),
  requestShare('cpu_requested_share', 0, 'Share of its pods that request CPU'),
  requestShare('memory_requested_share', 0, 'Share of its pods that request memory'),
  ...QOS_CLASSES.map((qos) =>
    requestShare(`qos_${qos.replace('-', '_')}_share`, 0, `Share of its pods of QoS ${qos}`),
  ),
  usage('cpu_use_mean', DAY_SECONDS, 'Mean CPU use over request of its running pods'),
  usage('cpu_use_sd', DAY_SECONDS, 'Standard deviation of CPU use over request'),
  usage('cpu_use_max', DAY_SECONDS, 'Highest CPU use over request'),
  usage('memory_use_mean', DAY_SECONDS, 'Mean memory use over request'),
  usage('memory_use_max', DAY_SECONDS, 'Highest memory use over request'),
  used('cpu_expected_millicores', DAY_SECONDS, 'CPU that a pod is expected to use: mean request x mean use'),
  usedMemory(
    'memory_expected_mib',
    DAY_SECONDS,
    'Memory that a pod is expected to use: mean request x mean use',
  ),
  samples('use_samples', DAY_SECONDS, 'Samples behind the use; 0 when nobody measured yet'),
  finished('pods_finished', DAY_SECONDS, 'Pods seen to finish'),
  lifetime('lifetime_mean_seconds', DAY_SECONDS, 'Mean lifetime of the pods that finished'),
  lifetime('age_seconds', DAY_SECONDS, 'Age of its oldest pod'),
  lifetime('newest_pod_age_seconds', DAY_SECONDS, 'Age of its newest pod'),
  lifetime('start_delay_mean_seconds', DAY_SECONDS, 'Mean time from creation to start of its started pods'),
  rank('priority', 0, 'Highest priority of its pods'),
  ...OWNER_KINDS.map((kind) =>
    owner(
      `is_${kind.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase()}`,
      0,
      `1 for pods owned by a ${kind}`,
    ),
  ),
];

const COUNT = WORKLOAD_CATALOGUE.length;

/**
 * Writes the row of a workload as of a moment at `out[at]`; NaN where a feature is not known.
 *
 * Sums are of whole numbers, so the order of the pods changes no bit.
 *
 * @throws MlschedError `MLS_FEATURES_SHAPE` when the row does not fit.
 */
export function writeWorkload(
  observation: WorkloadObservation,
  originMs: number,
  out: Float32Array,
  at: number,
): void {
  if (at < 0 || at + COUNT > out.length) throw rowShapeWrong(out.length, at + COUNT);
  const seen = observation.pods.filter(({ createdAtMs }) => !((createdAtMs ?? 0) > originMs));
  const row = [
    ...podCounts(seen, originMs),
    ...requests(seen),
    ...qosShares(seen),
    ...uses(seen, observation.measured),
    ...lifetimes(seen, originMs, observation.measured),
    seen.length === 0 ? Number.NaN : seen.reduce((top, { priority }) => Math.max(top, priority), -Infinity),
    ...OWNER_KINDS.map((kind) => (seen.length === 0 ? Number.NaN : Number(seen[0]?.owner.kind === kind))),
  ];
  out.set(row, at);
}

/** Workload that a pod belongs to. */
export function workloadOf(pod: ObservedPod): WorkloadKey {
  return { namespace: pod.namespace, ownerKind: pod.owner.kind, ownerName: pod.owner.name };
}

function isFinished({ phase }: ObservedPod): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

function podCounts(seen: readonly ObservedPod[], originMs: number): number[] {
  const ended = seen.filter(isFinished);
  const bound = new Map<string, number>();
  for (const pod of seen) {
    if (isFinished(pod) || pod.nodeName === undefined) continue;
    bound.set(pod.nodeName, (bound.get(pod.nodeName) ?? 0) + 1);
  }
  const boundPods = [...bound.values()].reduce((sum, count) => sum + count, 0);
  return [
    seen.length,
    seen.filter(({ phase }) => phase === 'Running').length,
    seen.filter(({ phase }) => phase === 'Pending').length,
    seen.filter((pod) => pod.nodeName === undefined && !isFinished(pod)).length,
    // A pod whose creation is not known is not taken for a new one.
    seen.filter(({ createdAtMs }) => (createdAtMs ?? -Infinity) > originMs - HOUR_MS).length,
    ended.filter(({ phase }) => phase === 'Failed').length / (ended.length || Number.NaN),
    bound.size,
    Math.max(...bound.values()) / (boundPods || Number.NaN),
  ];
}

/** Mean of a whole number over pods; NaN without a pod. */
function meanOf(from: readonly ObservedPod[], value: (pod: ObservedPod) => number): number {
  return from.reduce((sum, pod) => sum + value(pod), 0) / from.length;
}

function shareOf(from: readonly ObservedPod[], isIn: (pod: ObservedPod) => boolean): number {
  return from.filter(isIn).length / from.length;
}

function requests(seen: readonly ObservedPod[]): number[] {
  const cpuLimited = seen.filter(({ cpuLimitMillicores }) => cpuLimitMillicores > 0);
  const memoryLimited = seen.filter(({ memoryLimitBytes }) => memoryLimitBytes > 0);
  const cpuRequest = meanOf(seen, (pod) => pod.cpuRequestMillicores);
  const cpuLimit = meanOf(cpuLimited, (pod) => pod.cpuLimitMillicores);
  const memoryRequest = meanOf(seen, (pod) => pod.memoryRequestBytes);
  const memoryLimit = meanOf(memoryLimited, (pod) => pod.memoryLimitBytes);
  const hasCpu = shareOf(seen, (pod) => pod.cpuRequestMillicores > 0);
  const hasMemory = shareOf(seen, (pod) => pod.memoryRequestBytes > 0);
  const isCpuWhole = hasCpu === 1 && cpuLimited.length === seen.length;
  const isMemoryWhole = hasMemory === 1 && memoryLimited.length === seen.length;
  return [
    cpuRequest,
    cpuLimit,
    memoryRequest / MIB,
    memoryLimit / MIB,
    isCpuWhole ? cpuLimit / cpuRequest : Number.NaN,
    isMemoryWhole ? memoryLimit / memoryRequest : Number.NaN,
    hasCpu,
    hasMemory,
  ];
}

function qosShares(seen: readonly ObservedPod[]): number[] {
  return QOS_CLASSES.map((qos) => shareOf(seen, (pod) => pod.qos === qos));
}

function uses(seen: readonly ObservedPod[], measured: WorkloadObservation['measured']): number[] {
  const of = (column: keyof Omit<WorkloadTable, 'ownerCount'>): number =>
    measured?.table[column][measured.owner] ?? Number.NaN;
  const cpu = of('cpuToRequestMeanRatio');
  const memory = of('memoryToRequestMeanRatio');
  const sampleCount = of('sampleCount');
  return [
    cpu,
    of('cpuToRequestSdRatio'),
    of('cpuToRequestMaxRatio'),
    memory,
    of('memoryToRequestMaxRatio'),
    cpu * meanOf(seen, (pod) => pod.cpuRequestMillicores),
    (memory * meanOf(seen, (pod) => pod.memoryRequestBytes)) / MIB,
    Number.isNaN(sampleCount) ? 0 : sampleCount,
  ];
}

function lifetimes(
  seen: readonly ObservedPod[],
  originMs: number,
  measured: WorkloadObservation['measured'],
): number[] {
  const created = seen.flatMap(({ createdAtMs }) => createdAtMs ?? []);
  const delays = seen.flatMap(({ createdAtMs, startedAtMs }) =>
    createdAtMs === undefined || startedAtMs === undefined || startedAtMs > originMs
      ? []
      : [startedAtMs - createdAtMs],
  );
  const ageOf = (momentMs: number): number =>
    created.length === 0 ? Number.NaN : (originMs - momentMs) / SECOND_MS;
  return [
    measured?.table.finishedPods[measured.owner] ?? Number.NaN,
    measured?.table.lifetimeMeanSeconds[measured.owner] ?? Number.NaN,
    ageOf(created.reduce((first, moment) => Math.min(first, moment), Infinity)),
    ageOf(created.reduce((last, moment) => Math.max(last, moment), -Infinity)),
    delays.reduce((sum, delay) => sum + delay, 0) / delays.length / SECOND_MS,
  ];
}
