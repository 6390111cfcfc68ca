import type { ObservedNode, ObservedPod } from '#domain';
import { GIB } from '#kernel/units';

import type { ClusterChange, LoadReport, PodRequest } from './cluster/types.ts';

/** Builders for tests. Nothing here is used by the product. */

export const START_MS = Date.UTC(2026, 0, 5);

export function aNode(name: string, fields: Partial<ObservedNode> = {}): ObservedNode {
  return {
    name,
    uid: `uid-${name}`,
    addresses: [],
    labels: {},
    cpuCapacityMillicores: 16_000,
    memoryCapacityBytes: 64 * GIB,
    cpuAllocatableMillicores: 16_000,
    memoryAllocatableBytes: 64 * GIB,
    podsAllocatable: 110,
    isReady: true,
    isCordoned: false,
    taints: [],
    createdAtMs: START_MS,
    ...fields,
  };
}

export function aPod(name: string, fields: Partial<ObservedPod> = {}): ObservedPod {
  return {
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
    nodeName: undefined,
    phase: fields.nodeName === undefined ? 'Pending' : 'Running',
    schedulerName: 'mlsched',
    owner: { kind: 'Deployment', name: 'web', uid: 'web' },
    labels: {},
    priorityClass: undefined,
    priority: 0,
    qos: 'burstable',
    cpuRequestMillicores: 100,
    cpuLimitMillicores: 0,
    memoryRequestBytes: GIB,
    memoryLimitBytes: 0,
    createdAtMs: START_MS,
    startedAtMs: undefined,
    ...fields,
  };
}

export function aRequest(name: string, fields: Partial<PodRequest> = {}): PodRequest {
  return {
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
    schedulerName: 'mlsched',
    ownerKind: 'Deployment',
    ownerName: 'web',
    ownerUid: 'web',
    labels: {},
    priority: 0,
    cpuRequestMillicores: 100,
    cpuLimitMillicores: 0,
    memoryRequestBytes: GIB,
    memoryLimitBytes: 0,
    isDaemon: false,
    ...fields,
  };
}

export function set<T>(object: T): ClusterChange<T> {
  return { type: 'set', object };
}

/** The same CPU and memory ratio for each of the nodes, or one CPU ratio each. */
export function aLoad(loads: Readonly<Record<string, number>>, atMs: number): LoadReport {
  return {
    nodes: new Map(
      Object.entries(loads).map(([name, cpuUsageRatio]) => [
        name,
        { cpuUsageRatio, memoryUsageRatio: 0.4, atMs },
      ]),
    ),
    pods: undefined,
  };
}
