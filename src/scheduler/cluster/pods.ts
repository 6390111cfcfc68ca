import { qosOf } from '#domain';
import type { ObservedPod, PodSpec } from '#domain';
import { hashText } from '#kernel/rng';
import { ownerOf } from '#platform/kubernetes';

import { ownerKey } from './owners.ts';
import type { PodRequest } from './types.ts';

/** A pod and where it stands: waiting, promised to a node, or bound. */
export interface PodEntry {
  readonly key: string;
  readonly uid: string;
  spec: PodSpec;
  readonly owner: string;
  readonly ownerKind: string;
  readonly schedulerName: string;
  state: 'pending' | 'reserved' | 'bound';
  node: string | undefined;
  /** Slot in the pod table; -1 while it has none (waiting, or on a node not in the view). */
  slot: number;
  /** When it entered its state, milliseconds. */
  sinceMs: number;
  /** When it was bound as far as is known; NaN before. */
  boundAtMs: number;
  /** False for a pod that only a request described: the API server has not shown it. */
  isWatched: boolean;
}

export function podKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

type Amounts = Pick<
  PodSpec,
  'cpuRequestMillicores' | 'cpuLimitMillicores' | 'memoryRequestBytes' | 'memoryLimitBytes'
>;

/** The same pod has the same number on every replica: samples of large clusters start there. */
export function specOf(
  uid: string,
  ownerId: number,
  pod: Amounts & { readonly priority: number; readonly isDaemon: boolean },
): PodSpec {
  return {
    uid: hashText(uid),
    ownerId,
    cpuRequestMillicores: pod.cpuRequestMillicores,
    cpuLimitMillicores: pod.cpuLimitMillicores,
    memoryRequestBytes: pod.memoryRequestBytes,
    memoryLimitBytes: pod.memoryLimitBytes,
    priority: pod.priority,
    qos: qosOf(pod),
    isDaemon: pod.isDaemon,
  };
}

/** Name of the workload at the top, from what a request says of the pod's direct owner. */
export function requestOwner(pod: PodRequest): { key: string; kind: string } {
  const { namespace, name, uid, ownerKind, ownerName, ownerUid, labels } = pod;
  const owner = ownerOf({
    metadata: {
      namespace,
      name,
      uid,
      labels,
      ownerReferences:
        ownerKind === '' ? [] : [{ kind: ownerKind, name: ownerName, uid: ownerUid, controller: true }],
    },
  });
  return { kind: owner.kind, key: ownerKey(namespace, owner) };
}

export function isDaemonPod(pod: ObservedPod): boolean {
  return pod.owner.kind === 'DaemonSet';
}

export function hasEnded(pod: ObservedPod): boolean {
  return pod.phase === 'Succeeded' || pod.phase === 'Failed';
}

/** Kinds whose pods end by themselves: their lifetimes can be learned. */
const FINITE_KINDS = new Set(['Job', 'CronJob', 'Pod', 'Workflow']);

export function isFinite(kind: string): boolean {
  return FINITE_KINDS.has(kind);
}
