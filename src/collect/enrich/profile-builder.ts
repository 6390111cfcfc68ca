import { DEFAULT_CPU_REQUEST_MILLICORES, DEFAULT_MEMORY_REQUEST_BYTES } from '#domain';
import { median } from '#kernel/stats';
import { SECOND_MS } from '#kernel/units';
import { lifeOf } from './lifetimes.ts';
import type { Lifetime } from './lifetimes.ts';
import type { PodUsage } from '../pod-usage.ts';
import { RatioSketch } from './ratio-sketch.ts';
import { workloadKey } from './workload-fact.ts';
import type { WorkloadFact } from './workload-fact.ts';
import { RAMP_AGES_SECONDS } from './workload-profile.ts';
import type { RampProfile, UseProfile, WorkloadProfile, WorkloadProfiles } from './workload-profile.ts';

/** Ramped-up use is that of the two hours after the ramp: later the time of day would be mistaken for age. */
const SETTLED_UNTIL_SECONDS = 7200;
const SETTLED_SAMPLES = 10;
const AGES = RAMP_AGES_SECONDS.length;

/** Sums of one pod's use by age; the last class is "ramped up". */
interface PodAges {
  readonly cpuSum: Float64Array;
  readonly memorySum: Float64Array;
  readonly count: Uint32Array;
}

class WorkloadSums {
  readonly ownerKind: string;
  readonly cpu = new RatioSketch();
  readonly memory = new RatioSketch();
  readonly pods = new Map<string, PodAges>();
  cpuRequest = { sum: 0, count: 0 };
  memoryRequest = { sum: 0, count: 0 };

  constructor(ownerKind: string) {
    this.ownerKind = ownerKind;
  }
}

export interface ProfileSpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepSeconds: number;
}

/** Learns profiles from what pods were (facts) and what they used. */
export interface ProfileBuilder {
  /** Takes in one pod's use; samples at which no fact holds count as unknown. */
  add(usage: PodUsage): void;
  finish(createdAtMs: number): WorkloadProfiles;
}

/** @param facts - All that held in the span, as `readWorkloadFacts` gives them. */
export function createProfileBuilder(facts: readonly WorkloadFact[], span: ProfileSpan): ProfileBuilder {
  const factsOfPod = Map.groupBy(facts, ({ namespace, pod }) => `${namespace}/${pod}`);
  const workloads = new Map<string, WorkloadSums>();
  const unknownPods = new Set<string>();
  return {
    add(usage) {
      const name = `${usage.namespace}/${usage.pod}`;
      const ofPod = factsOfPod.get(name);
      if (ofPod === undefined) unknownPods.add(name);
      for (const fact of ofPod ?? []) addUnderFact(workloads, usage, fact, span.stepSeconds * SECOND_MS);
    },
    finish: (createdAtMs) =>
      assemble(workloads, lifetimesOf(facts, span.endMs), {
        schemaVersion: 1,
        createdAtMs,
        startMs: span.startMs,
        endMs: span.endMs,
        stepSeconds: span.stepSeconds,
        unknownPods: unknownPods.size,
      }),
  };
}

function addUnderFact(
  workloads: Map<string, WorkloadSums>,
  usage: PodUsage,
  fact: WorkloadFact,
  stepMs: number,
): void {
  const key = workloadKey(fact);
  const sums = workloads.get(key) ?? new WorkloadSums(fact.ownerKind);
  const ages = sums.pods.get(fact.podUid) ?? emptyAges();
  const samples = samplesUnderFact(usage, fact, stepMs);
  for (const { cpuRatio, memoryRatio, middleMs } of samples) {
    sums.cpu.add(cpuRatio);
    sums.memory.add(memoryRatio);
    const isWhole = !Number.isNaN(cpuRatio) && !Number.isNaN(memoryRatio);
    if (fact.startedAtMs === undefined || !isWhole) continue;
    addAge(ages, (middleMs - fact.startedAtMs) / SECOND_MS, [cpuRatio, memoryRatio]);
  }
  if (samples.length === 0) return;
  workloads.set(key, sums);
  sums.pods.set(fact.podUid, ages);
  sums.cpuRequest = count(sums.cpuRequest, fact.cpuRequestMillicores, samples.length);
  sums.memoryRequest = count(sums.memoryRequest, fact.memoryRequestBytes, samples.length);
}

interface UseSample {
  readonly middleMs: number;
  /** Of the request; NaN where that resource was not scraped. */
  readonly cpuRatio: number;
  readonly memoryRatio: number;
}

/** The windows that lie wholly within a fact and hold something. */
function samplesUnderFact(usage: PodUsage, fact: WorkloadFact, stepMs: number): UseSample[] {
  const cpuRequest = fact.cpuRequestMillicores || DEFAULT_CPU_REQUEST_MILLICORES;
  const memoryRequest = fact.memoryRequestBytes || DEFAULT_MEMORY_REQUEST_BYTES;
  const toMs = fact.validToMs ?? Infinity;
  const samples: UseSample[] = [];
  for (let i = 0; i < usage.timesMs.length; i++) {
    const endMs = usage.timesMs[i] as number;
    if (endMs - stepMs < fact.validFromMs || endMs > toMs) continue;
    const cpuRatio = (usage.cpuMillicores[i] as number) / cpuRequest;
    const memoryRatio = (usage.memoryBytes[i] as number) / memoryRequest;
    if (Number.isNaN(cpuRatio) && Number.isNaN(memoryRatio)) continue;
    samples.push({ middleMs: endMs - stepMs / 2, cpuRatio, memoryRatio });
  }
  return samples;
}

function emptyAges(): PodAges {
  return {
    cpuSum: new Float64Array(AGES + 1),
    memorySum: new Float64Array(AGES + 1),
    count: new Uint32Array(AGES + 1),
  };
}

function addAge(ages: PodAges, ageSeconds: number, [cpu, memory]: readonly [number, number]): void {
  if (ageSeconds < 0 || ageSeconds > SETTLED_UNTIL_SECONDS) return;
  const found = RAMP_AGES_SECONDS.findIndex((end) => ageSeconds < end);
  const at = found < 0 ? AGES : found;
  ages.cpuSum[at] = (ages.cpuSum[at] as number) + cpu;
  ages.memorySum[at] = (ages.memorySum[at] as number) + memory;
  ages.count[at] = (ages.count[at] as number) + 1;
}

function count(held: { sum: number; count: number }, value: number, times: number): typeof held {
  return { sum: held.sum + value * times, count: held.count + times };
}

/** The life of each pod: its facts together, from its start to the end of the last. */
function lifetimesOf(facts: readonly WorkloadFact[], endMs: number): Map<string, Lifetime[]> {
  const lives = new Map<string, Lifetime[]>();
  for (const ofPod of Map.groupBy(facts, ({ podUid }) => podUid).values()) {
    const first = ofPod[0] as WorkloadFact;
    const last = ofPod.reduce((a, b) => (b.validFromMs > a.validFromMs ? b : a));
    const startMs = last.startedAtMs ?? first.createdAtMs;
    if (startMs === undefined) continue;
    const hasEnded = last.validToMs !== undefined && last.validToMs <= endMs;
    const seconds = ((hasEnded ? (last.validToMs as number) : endMs) - startMs) / SECOND_MS;
    const key = workloadKey(first);
    const list = lives.get(key) ?? [];
    list.push({ seconds: Math.max(0, seconds), hasEnded });
    lives.set(key, list);
  }
  return lives;
}

function assemble(
  workloads: ReadonlyMap<string, WorkloadSums>,
  lives: ReadonlyMap<string, Lifetime[]>,
  head: Omit<WorkloadProfiles, 'cluster' | 'kinds' | 'workloads'>,
): WorkloadProfiles {
  const profiles = [...workloads]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, sums]) => ({
      key,
      ownerKind: sums.ownerKind,
      profile: profileOf(sums, lives.get(key) ?? []),
    }));
  const byKind = Map.groupBy(profiles, ({ ownerKind }) => ownerKind);
  const livesOf = (members: typeof profiles): Lifetime[] =>
    members.flatMap(({ key }) => lives.get(key) ?? []);
  const group = (members: typeof profiles): WorkloadProfile =>
    groupOf(
      members.map(({ profile }) => profile),
      livesOf(members),
    );
  return {
    ...head,
    cluster: group(profiles),
    kinds: Object.fromEntries([...byKind].map(([kind, members]) => [kind, group(members)])),
    workloads: Object.fromEntries(profiles.map(({ key, profile }) => [key, profile])),
  };
}

function profileOf(sums: WorkloadSums, lives: readonly Lifetime[]): WorkloadProfile {
  return {
    members: sums.pods.size,
    cpuRequestMillicores: orNull(sums.cpuRequest.sum / sums.cpuRequest.count),
    memoryRequestBytes: orNull(sums.memoryRequest.sum / sums.memoryRequest.count),
    cpu: useOf(sums.cpu),
    memory: useOf(sums.memory),
    ramp: rampOf([...sums.pods.values()]),
    life: lifeOf(lives),
  };
}

function useOf(sketch: RatioSketch): UseProfile {
  return {
    samples: sketch.count,
    meanRatio: orNull(sketch.mean),
    sdRatio: orNull(sketch.sd),
    p50Ratio: orNull(sketch.quantile(0.5)),
    p90Ratio: orNull(sketch.quantile(0.9)),
    p95Ratio: orNull(sketch.quantile(0.95)),
    p99Ratio: orNull(sketch.quantile(0.99)),
    maxRatio: orNull(sketch.max),
  };
}

/** Medians over pods of each pod's own curve: one pod that began oddly does not bend it. */
function rampOf(pods: readonly PodAges[]): RampProfile {
  const settled = pods.filter(({ count }) => (count[AGES] as number) >= SETTLED_SAMPLES);
  const curve = (read: (pod: PodAges) => Float64Array): (number | null)[] =>
    RAMP_AGES_SECONDS.map((_, at) =>
      medianOrNull(
        settled.map((pod) => {
          const young = (read(pod)[at] as number) / (pod.count[at] as number);
          return young / ((read(pod)[AGES] as number) / (pod.count[AGES] as number));
        }),
      ),
    );
  return {
    pods: settled.filter(({ count }) => RAMP_AGES_SECONDS.some((_, at) => (count[at] as number) > 0)).length,
    cpuRatio: curve(({ cpuSum }) => cpuSum),
    memoryRatio: curve(({ memorySum }) => memorySum),
  };
}

/** What to expect of a member of which nothing is known: each member counts once. */
function groupOf(members: readonly WorkloadProfile[], lives: readonly Lifetime[]): WorkloadProfile {
  const mean = (read: (profile: WorkloadProfile) => number | null): number | null => {
    const known = members.map(read).filter((value) => value !== null);
    return orNull(known.reduce((sum, value) => sum + value, 0) / known.length);
  };
  const use = (read: (profile: WorkloadProfile) => UseProfile): UseProfile => ({
    samples: members.reduce((sum, profile) => sum + read(profile).samples, 0),
    meanRatio: mean((profile) => read(profile).meanRatio),
    sdRatio: mean((profile) => read(profile).sdRatio),
    p50Ratio: mean((profile) => read(profile).p50Ratio),
    p90Ratio: mean((profile) => read(profile).p90Ratio),
    p95Ratio: mean((profile) => read(profile).p95Ratio),
    p99Ratio: mean((profile) => read(profile).p99Ratio),
    maxRatio: mean((profile) => read(profile).maxRatio),
  });
  const ramp = (read: (profile: WorkloadProfile) => readonly (number | null)[]): (number | null)[] =>
    RAMP_AGES_SECONDS.map((_, at) => medianOrNull(members.map((profile) => read(profile)[at] ?? Number.NaN)));
  return {
    members: members.length,
    cpuRequestMillicores: mean((profile) => profile.cpuRequestMillicores),
    memoryRequestBytes: mean((profile) => profile.memoryRequestBytes),
    cpu: use((profile) => profile.cpu),
    memory: use((profile) => profile.memory),
    ramp: {
      pods: members.reduce((sum, profile) => sum + profile.ramp.pods, 0),
      cpuRatio: ramp(({ ramp }) => ramp.cpuRatio),
      memoryRatio: ramp(({ ramp }) => ramp.memoryRatio),
    },
    life: lifeOf(lives),
  };
}

function medianOrNull(values: readonly number[]): number | null {
  return orNull(median(values.filter((value) => Number.isFinite(value))));
}

function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
