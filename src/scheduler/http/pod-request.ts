import type { z } from 'zod';

import { readPod } from '#platform/kubernetes';

import type { PodRequest } from '../cluster/types.ts';
import { requestInvalid } from '../errors.ts';
import type { podSchema } from './wire.ts';

/** The pod of a plugin's request. */
export function podOfPlugin(pod: z.output<typeof podSchema>): PodRequest {
  return { ...pod, labels: pod.labels ?? {} };
}

/**
 * The pod of an extender's request: a whole v1 Pod.
 *
 * @throws MlschedError `MLS_SCHEDULER_REQUEST` when it is none.
 */
export function podOfExtender(raw: unknown): PodRequest {
  const pod = readPod(raw);
  if (pod === undefined) throw requestInvalid('Pod', 'is no pod: it has no name or no uid');
  return {
    namespace: pod.namespace,
    name: pod.name,
    uid: pod.uid,
    schedulerName: pod.schedulerName,
    // What stands at the top already: nothing is derived from it again.
    ownerKind: pod.owner.kind === 'Pod' ? '' : pod.owner.kind,
    ownerName: pod.owner.name,
    ownerUid: pod.owner.uid,
    labels: {},
    priority: pod.priority,
    cpuRequestMillicores: pod.cpuRequestMillicores,
    cpuLimitMillicores: pod.cpuLimitMillicores,
    memoryRequestBytes: pod.memoryRequestBytes,
    memoryLimitBytes: pod.memoryLimitBytes,
    isDaemon: pod.owner.kind === 'DaemonSet',
  };
}
