import { z } from 'zod';
import type { ObservedPod } from '#domain';

/** How a fact came to its end: `unseen` = while nobody watched, so `validToMs` is the last moment it was known to hold. */
const FACT_ENDS = ['succeeded', 'failed', 'deleted', 'changed', 'unseen'] as const;
export type FactEnd = (typeof FACT_ENDS)[number];

const Fact = z.object({
  podUid: z.string(),
  namespace: z.string(),
  pod: z.string(),
  node: z.string(),
  ownerKind: z.string(),
  owner: z.string(),
  labels: z.record(z.string(), z.string()),
  priorityClass: z.string().optional(),
  priority: z.number(),
  qos: z.enum(['guaranteed', 'burstable', 'best-effort']),
  cpuRequestMillicores: z.number(),
  cpuLimitMillicores: z.number(),
  memoryRequestBytes: z.number(),
  memoryLimitBytes: z.number(),
  createdAtMs: z.number().optional(),
  startedAtMs: z.number().optional(),
  validFromMs: z.number(),
  validToMs: z.number().optional(),
  end: z.enum(FACT_ENDS).optional(),
});

/**
 * What was true of a pod on a node from one moment to another. A pod whose labels or amounts change has several facts.
 *
 * @remarks An undefined `validToMs` means "still so". Amounts: 0 = not set, as in Kubernetes. `priorityClass` undefined =
 *   the pod names none.
 */
export type WorkloadFact = Readonly<z.infer<typeof Fact>>;

/** One record of the journal. */
export const JournalLine = z.discriminatedUnion('t', [
  z.object({ t: z.literal('fact'), fact: Fact }),
  z.object({
    t: z.literal('end'),
    podUid: z.string(),
    validFromMs: z.number(),
    atMs: z.number(),
    end: z.enum(FACT_ENDS),
  }),
  /** All that is open was still so at that moment. */
  z.object({ t: z.literal('seen'), atMs: z.number() }),
]);
export type JournalLine = z.infer<typeof JournalLine>;

/** Name of a workload over its whole life and all its pods. */
export function workloadKey(at: {
  readonly namespace: string;
  readonly ownerKind: string;
  readonly owner: string;
}): string {
  return `${at.namespace}/${at.ownerKind}/${at.owner}`;
}

export function factKey({ podUid, validFromMs }: Pick<WorkloadFact, 'podUid' | 'validFromMs'>): string {
  return `${podUid} ${validFromMs}`;
}

/** The fact that a pod states now; undefined for one that is on no node or has ended. */
export function factOf(pod: ObservedPod, validFromMs: number): WorkloadFact | undefined {
  if (pod.nodeName === undefined || pod.phase === 'Succeeded' || pod.phase === 'Failed') return undefined;
  return {
    podUid: pod.uid,
    namespace: pod.namespace,
    pod: pod.name,
    node: pod.nodeName,
    ownerKind: pod.owner.kind,
    owner: pod.owner.name,
    labels: pod.labels,
    priorityClass: pod.priorityClass,
    priority: pod.priority,
    qos: pod.qos,
    cpuRequestMillicores: pod.cpuRequestMillicores,
    cpuLimitMillicores: pod.cpuLimitMillicores,
    memoryRequestBytes: pod.memoryRequestBytes,
    memoryLimitBytes: pod.memoryLimitBytes,
    createdAtMs: pod.createdAtMs,
    startedAtMs: pod.startedAtMs,
    validFromMs,
  };
}

/** What may change while a pod stays where it is. A start that becomes known completes a fact, it is not a new one. */
const CHANGEABLE = [
  'node',
  'ownerKind',
  'owner',
  'priorityClass',
  'priority',
  'qos',
  'cpuRequestMillicores',
  'cpuLimitMillicores',
  'memoryRequestBytes',
  'memoryLimitBytes',
] as const;

export function isSameFact(a: WorkloadFact, b: WorkloadFact): boolean {
  return (
    CHANGEABLE.every((name) => a[name] === b[name]) &&
    (a.labels === b.labels || JSON.stringify(a.labels) === JSON.stringify(b.labels))
  );
}
