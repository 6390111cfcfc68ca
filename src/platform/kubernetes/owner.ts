import type { ObservedOwner } from '#domain';
import { MINUTE_MS } from '#kernel/units';
import type { RawMeta, RawPod } from './raw.ts';
import { momentMs } from './raw.ts';

/** A Job of a CronJob is named after its minute; a pod older or younger than this against it is not its. */
const CRON_WINDOW_MS = 7 * 24 * 60 * MINUTE_MS;

/**
 * What runs a pod at the top, from the pod alone.
 *
 * @remarks Decided by the names that the controllers themselves give, so that every replica of ours says the same at the
 *   same moment, with no further watch and no race between two of them: a ReplicaSet of a Deployment ends with the pod's
 *   `pod-template-hash` (of an Argo Rollout with `rollouts-pod-template-hash`); a Job of a CronJob ends with the minute
 *   it was due, which must be near the pod's creation. Where the rule does not hold the direct controller is the owner.
 *   `uid` is the controller's where that is the owner, else made of namespace, kind and name: stable over rollouts.
 */
export function ownerOf(pod: RawPod): ObservedOwner {
  const { name = '', uid = '', namespace = '' } = pod.metadata ?? {};
  const controller = controllerOf(pod);
  if (controller === undefined) return { kind: 'Pod', name, uid };
  const above = RULES[controller.kind]?.(controller.name, pod.metadata ?? {});
  return above === undefined ? controller : { ...above, uid: `${namespace}/${above.kind}/${above.name}` };
}

function controllerOf(pod: RawPod): ObservedOwner | undefined {
  const found = pod.metadata?.ownerReferences?.find((owner) => owner.controller === true);
  if (found?.kind === undefined || found.name === undefined) return undefined;
  return { kind: found.kind, name: found.name, uid: found.uid ?? '' };
}

type Above = Pick<ObservedOwner, 'kind' | 'name'>;

/** By kind of the direct controller: what stands above it, from its name and the pod's metadata. */
const RULES: Readonly<Record<string, (controller: string, pod: RawMeta) => Above | undefined>> = {
  ReplicaSet: (controller, { labels }) =>
    named('Deployment', withoutSuffix(controller, labels?.['pod-template-hash'])) ??
    named('Rollout', withoutSuffix(controller, labels?.['rollouts-pod-template-hash'])),
  Job: (controller, { creationTimestamp }) =>
    named('CronJob', cronJobOf(controller, momentMs(creationTimestamp))),
  // A static pod belongs to its node's kubelet; the same one on each node is one workload.
  Node: (controller, { name = '' }) => ({ kind: 'Node', name: withoutSuffix(name, controller) ?? name }),
};

function named(kind: string, name: string | undefined): Above | undefined {
  return name === undefined ? undefined : { kind, name };
}

/** `api-5c8f9` without `5c8f9` is `api`; undefined when it does not end so. */
function withoutSuffix(name: string, suffix: string | undefined): string | undefined {
  const end = `-${suffix ?? ''}`;
  return end !== '-' && name.endsWith(end) && name.length > end.length
    ? name.slice(0, -end.length)
    : undefined;
}

/** Kubernetes' rule since 1.21: the CronJob's name, a dash, the scheduled time in minutes since 1970. */
function cronJobOf(jobName: string, createdAtMs: number | undefined): string | undefined {
  const groups = /^(?<name>.+)-(?<minute>\d{8})$/.exec(jobName)?.groups;
  if (groups?.['name'] === undefined || createdAtMs === undefined) return undefined;
  const distanceMs = Math.abs(Number(groups['minute']) * MINUTE_MS - createdAtMs);
  return distanceMs <= CRON_WINDOW_MS ? groups['name'] : undefined;
}
