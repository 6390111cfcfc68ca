import { qosOf } from '#domain';
import type { ObservedNode, ObservedOwner, ObservedPod, ObservedTaint, QosClass } from '#domain';
import type { Interner } from './intern.ts';
import { ownerOf } from './owner.ts';
import { podAmounts } from './pod-amounts.ts';
import { quantityMillis, quantityValue } from './quantity.ts';
import { identityOf, momentMs } from './raw.ts';
import type { RawNode, RawPod, RawTaint } from './raw.ts';

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;
const PHASES = ['Pending', 'Running', 'Succeeded', 'Failed'] as const;
const QOS: Readonly<Record<string, QosClass>> = {
  Guaranteed: 'guaranteed',
  Burstable: 'burstable',
  BestEffort: 'best-effort',
};
const DEFAULT_SCHEDULER = 'default-scheduler';

/**
 * Keeps of a node what we use. Amounts that the node does not state are NaN, which is unknown, never 0.
 *
 * @returns Undefined when it has no name or identity.
 */
export function observeNode(node: RawNode, intern: Interner): ObservedNode | undefined {
  const identity = identityOf(node);
  if (identity === undefined) return undefined;
  const { capacity = {}, allocatable = {}, addresses = [] } = node.status ?? {};
  // The API server does the same for a node that states no allocatable amounts.
  const free = { ...capacity, ...allocatable };
  return {
    name: intern.text(identity.name),
    uid: identity.uid,
    addresses: addresses.flatMap(({ address }) => (address === undefined ? [] : [address])),
    labels: intern.record(node.metadata?.labels),
    cpuCapacityMillicores: quantityMillis(capacity['cpu']),
    memoryCapacityBytes: quantityValue(capacity['memory']),
    cpuAllocatableMillicores: quantityMillis(free['cpu']),
    memoryAllocatableBytes: quantityValue(free['memory']),
    podsAllocatable: quantityValue(free['pods']),
    isReady: isReady(node),
    isCordoned: node.spec?.unschedulable === true,
    taints: observeTaints(node.spec?.taints ?? [], intern),
    createdAtMs: momentMs(node.metadata?.creationTimestamp),
  };
}

function isReady(node: RawNode): boolean {
  return (node.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
}

function observeTaints(taints: readonly RawTaint[], intern: Interner): ObservedTaint[] {
  return taints.flatMap((taint): ObservedTaint[] => {
    const effect = EFFECTS.find((known) => known === taint.effect);
    if (effect === undefined || taint.key === undefined) return [];
    return [{ key: intern.text(taint.key), value: intern.text(taint.value ?? ''), effect }];
  });
}

/**
 * Keeps of a pod what we use, with the amounts that the scheduler counts.
 *
 * @returns Undefined when it has no name or identity.
 */
export function observePod(pod: RawPod, intern: Interner): ObservedPod | undefined {
  const identity = identityOf(pod);
  if (identity === undefined) return undefined;
  const amounts = amountsOf(pod);
  const { spec = {}, status = {} } = pod;
  return {
    namespace: intern.text(identity.namespace),
    name: identity.name,
    uid: identity.uid,
    nodeName: optionalText(spec.nodeName, intern),
    phase: PHASES.find((known) => known === status.phase) ?? 'Unknown',
    schedulerName: intern.text(spec.schedulerName ?? DEFAULT_SCHEDULER),
    owner: shareOwner(ownerOf(pod), intern),
    labels: intern.record(pod.metadata?.labels),
    priorityClass: optionalText(spec.priorityClassName, intern),
    priority: spec.priority ?? 0,
    qos: QOS[status.qosClass ?? ''] ?? qosOf(amounts),
    ...amounts,
    createdAtMs: momentMs(pod.metadata?.creationTimestamp),
    startedAtMs: momentMs(status.startTime),
  };
}

function optionalText(value: string | undefined, intern: Interner): string | undefined {
  return value === undefined || value === '' ? undefined : intern.text(value);
}

type Amounts = Pick<
  ObservedPod,
  'cpuRequestMillicores' | 'cpuLimitMillicores' | 'memoryRequestBytes' | 'memoryLimitBytes'
>;

function amountsOf(pod: RawPod): Amounts {
  const { requests, limits } = podAmounts(pod);
  return {
    cpuRequestMillicores: requests.cpuMillicores,
    cpuLimitMillicores: limits.cpuMillicores,
    memoryRequestBytes: requests.memoryBytes,
    memoryLimitBytes: limits.memoryBytes,
  };
}

/** The name of a pod without controller is its own alone: nothing to share. */
function shareOwner(owner: ObservedOwner, intern: Interner): ObservedOwner {
  if (owner.kind === 'Pod') return owner;
  return { kind: intern.text(owner.kind), name: intern.text(owner.name), uid: intern.text(owner.uid) };
}
