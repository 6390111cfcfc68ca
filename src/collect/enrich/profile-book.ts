import { DEFAULT_CPU_REQUEST_MILLICORES, DEFAULT_MEMORY_REQUEST_BYTES } from '#domain';
import { workloadKey } from './workload-fact.ts';
import { RAMP_AGES_SECONDS } from './workload-profile.ts';
import type { UseProfile, WorkloadProfile, WorkloadProfiles } from './workload-profile.ts';

/** A pod that is asked about: one that runs, or one that is still to be placed. */
export interface ProfiledPod {
  readonly namespace: string;
  readonly ownerKind: string;
  readonly owner: string;
  /** 0 = not set. */
  readonly cpuRequestMillicores: number;
  readonly memoryRequestBytes: number;
}

/** What a pod is expected to use once it is ramped up. */
export interface ExpectedUse {
  readonly cpuMillicores: number;
  readonly cpuP95Millicores: number;
  readonly memoryBytes: number;
  readonly memoryP95Bytes: number;
  /** Mean life; undefined = not known. */
  readonly lifeSeconds: number | undefined;
  /** The most particular knowledge that went into it; what is more general always weighs in a little. */
  readonly from: 'workload' | 'kind' | 'cluster';
  /** Pods of the workload behind it; 0 = the workload is new. */
  readonly pods: number;
}

/** Answers about pods from stored profiles; look-ups only, fit for the decision path. */
export interface ProfileBook {
  /** Undefined when nothing was ever measured: the caller must not take that for 0. */
  expect(pod: ProfiledPod): ExpectedUse | undefined;
  /**
   * Use of a pod of that age as a ratio of its ramped-up use; 1 where nothing is known. For counting pods that the
   * metrics do not show yet: `expect(pod).cpuMillicores * rampRatio(pod, 'cpu', age)`.
   */
  rampRatio(pod: ProfiledPod, resource: 'cpu' | 'memory', ageSeconds: number): number;
}

/** Pods that weigh as much as the kind of their workload, and workloads that weigh as much as the cluster. */
const PRIOR_MEMBERS = 3;
/** Pods whose start was seen that weigh as much as the curve of their kind. */
const PRIOR_RAMP_PODS = 5;

export function createProfileBook(profiles: WorkloadProfiles): ProfileBook {
  const { cluster } = profiles;
  const of = (pod: ProfiledPod) => ({
    own: profiles.workloads[workloadKey(pod)],
    kind: profiles.kinds[pod.ownerKind],
  });
  const ratio = (pod: ProfiledPod, read: (profile: WorkloadProfile) => number | null): number | undefined => {
    const { own, kind } = of(pod);
    return blend(own, blend(kind, read(cluster) ?? undefined, read), read);
  };
  const use = (pod: ProfiledPod, resource: 'cpu' | 'memory', name: keyof UseProfile): number | undefined =>
    ratio(pod, (profile) => profile[resource][name]);
  return {
    expect(pod) {
      const [cpu, cpuP95] = [use(pod, 'cpu', 'meanRatio'), use(pod, 'cpu', 'p95Ratio')];
      const [memory, memoryP95] = [use(pod, 'memory', 'meanRatio'), use(pod, 'memory', 'p95Ratio')];
      if (cpu === undefined || memory === undefined) return undefined;
      const cpuRequest = pod.cpuRequestMillicores || DEFAULT_CPU_REQUEST_MILLICORES;
      const memoryRequest = pod.memoryRequestBytes || DEFAULT_MEMORY_REQUEST_BYTES;
      const { own, kind } = of(pod);
      return {
        cpuMillicores: cpu * cpuRequest,
        cpuP95Millicores: (cpuP95 ?? cpu) * cpuRequest,
        memoryBytes: memory * memoryRequest,
        memoryP95Bytes: (memoryP95 ?? memory) * memoryRequest,
        lifeSeconds: lifeSeconds([own, kind, cluster]),
        from: own !== undefined ? 'workload' : kind !== undefined ? 'kind' : 'cluster',
        pods: own?.members ?? 0,
      };
    },
    rampRatio(pod, resource, ageSeconds) {
      const { own, kind } = of(pod);
      const name = resource === 'cpu' ? 'cpuRatio' : 'memoryRatio';
      const at = (age: number): number =>
        [cluster, kind, own].reduce((general: number, profile) => {
          const known = profile?.ramp[name][age];
          if (profile === undefined || known === null || known === undefined) return general;
          const weight = profile.ramp.pods / (profile.ramp.pods + PRIOR_RAMP_PODS);
          return weight * known + (1 - weight) * general;
        }, 1);
      return interpolate(at, ageSeconds);
    },
  };
}

/** A member's own figure drawn towards the more general one while few are behind it. */
function blend(
  profile: WorkloadProfile | undefined,
  general: number | undefined,
  read: (profile: WorkloadProfile) => number | null,
): number | undefined {
  const own = profile === undefined ? null : read(profile);
  if (profile === undefined || own === null) return general;
  if (general === undefined) return own;
  return (profile.members * own + PRIOR_MEMBERS * general) / (profile.members + PRIOR_MEMBERS);
}

/** A workload of which no pod ever ended lives long: at least as long as was watched, which the group cannot say better. */
function lifeSeconds(from: readonly (WorkloadProfile | undefined)[]): number | undefined {
  return (
    from.map((profile) => profile?.life.meanSeconds).find((mean) => mean !== null && mean !== undefined) ??
    undefined
  );
}

/** Between the middles of the age classes, straight; ramped up after the last. */
function interpolate(at: (age: number) => number, ageSeconds: number): number {
  const last = RAMP_AGES_SECONDS.length - 1;
  if (ageSeconds >= (RAMP_AGES_SECONDS[last] as number)) return 1;
  const middle = (age: number): number =>
    ((RAMP_AGES_SECONDS[age - 1] ?? 0) + (RAMP_AGES_SECONDS[age] as number)) / 2;
  const next = RAMP_AGES_SECONDS.findIndex((_, age) => ageSeconds < middle(age));
  if (next === 0) return at(0);
  const low = next < 0 ? last : next - 1;
  const [fromSeconds, from] = [middle(low), at(low)];
  const [toSeconds, to] = next < 0 ? [RAMP_AGES_SECONDS[last] as number, 1] : [middle(next), at(next)];
  return from + ((to - from) * (ageSeconds - fromSeconds)) / (toSeconds - fromSeconds);
}
