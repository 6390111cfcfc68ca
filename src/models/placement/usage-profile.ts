import type { ClusterView, PodSpec } from '#domain';
import { DEFAULT_CPU_REQUEST_MILLICORES, DEFAULT_MEMORY_REQUEST_BYTES } from '#domain';
import { clamp } from '#kernel/units';

/** How strongly estimates lean on what is more general, and how fast they forget. */
export interface ProfileConfig {
  /** Samples of a workload that weigh as much as the average of all workloads. */
  readonly ownerPriorSamples: number;
  /** Scrapes of a pod that weigh as much as its workload. */
  readonly podPriorSamples: number;
  /** Most weight that a pod's own past may get; the rest stays with its workload. */
  readonly podWeightMax: number;
  /** Scrapes over which a pod's own mean forgets. */
  readonly podMemorySamples: number;
}

const DEFAULT_PROFILE_CONFIG: ProfileConfig = {
  ownerPriorSamples: 20,
  podPriorSamples: 20,
  podWeightMax: 0.85,
  podMemorySamples: 120,
};

/** Upper ends of the age classes of the ramp-up curve, seconds; older pods count as ramped up. */
const RAMP_AGES_SECONDS = [60, 120, 300, 600] as const;

/** What a pod of a workload is expected to use once it is ramped up. */
export interface PodEstimate {
  readonly cpuMillicores: number;
  /** Standard deviation of one pod's use, millicores. */
  readonly cpuSdMillicores: number;
  readonly memoryBytes: number;
  /** Expected life, seconds. */
  readonly lifeSeconds: number;
  /** Samples behind the workload's profile; 0 = the workload is new. */
  readonly samples: number;
}

/**
 * Learns, from the metrics alone, what pods really use: per workload (ratio of use to request, from the
 * view's table, drawn towards the mean of all workloads while samples are few), per pod (a forgetting mean of
 * its own scrapes), and how use rises with a pod's age.
 */
export interface UsageProfile {
  /** Takes in one scrape. Cost O(pod slots). */
  observe(view: ClusterView): void;
  /** Expectation for a pod that is not running yet. */
  estimate(pod: Pick<PodSpec, 'ownerId' | 'cpuRequestMillicores' | 'memoryRequestBytes'>): PodEstimate;
  /** Expected CPU of the pod in a slot, millicores, ramped up. */
  slotCpuMillicores(slot: number): number;
  slotMemoryBytes(slot: number): number;
  /** Expected life of that pod from now on, seconds: the longer it has run, the longer it will. */
  slotRemainingSeconds(slot: number): number;
  slotCpuSdMillicores(slot: number): number;
  /** Use of a pod of that age as a ratio of its ramped-up use. */
  rampRatio(ageSeconds: number): number;
}

interface OwnerPrior {
  cpuRatio: number;
  cpuSdRatio: number;
  memoryRatio: number;
  lifeSeconds: number;
}

const FIRST_PRIOR: OwnerPrior = { cpuRatio: 0.8, cpuSdRatio: 0.3, memoryRatio: 0.8, lifeSeconds: 3600 };
const DEFAULT_REMAINING_SECONDS = 4 * 3600;

export function createUsageProfile(config: ProfileConfig = DEFAULT_PROFILE_CONFIG): UsageProfile {
  return new LearnedProfile(config);
}

class LearnedProfile implements UsageProfile {
  private readonly config: ProfileConfig;
  private view: ClusterView | undefined;
  private prior = { ...FIRST_PRIOR };
  private boundAtMs = new Float64Array(0);
  private podMean = new Float64Array(0);
  private podSamples = new Float64Array(0);
  private readonly rampUse = new Float64Array(RAMP_AGES_SECONDS.length + 1);
  private readonly rampExpected = new Float64Array(RAMP_AGES_SECONDS.length + 1);

  constructor(config: ProfileConfig) {
    this.config = config;
  }

  observe(view: ClusterView): void {
    this.view = view;
    this.grow(view.pods.slotCount);
    this.prior = measurePrior(view, this.prior);
    const { pods } = view;
    for (let slot = 0; slot < pods.slotCount; slot++) {
      if ((pods.node[slot] as number) < 0) continue;
      const use = pods.cpuUsageMillicores[slot] as number;
      if (this.boundAtMs[slot] !== pods.boundAtMs[slot]) this.forget(slot, pods.boundAtMs[slot] as number);
      if (!Number.isNaN(use)) this.learnPod(view, slot, use);
    }
  }

  estimate(pod: Pick<PodSpec, 'ownerId' | 'cpuRequestMillicores' | 'memoryRequestBytes'>): PodEstimate {
    const cpuRequest = pod.cpuRequestMillicores || DEFAULT_CPU_REQUEST_MILLICORES;
    const memoryRequest = pod.memoryRequestBytes || DEFAULT_MEMORY_REQUEST_BYTES;
    return {
      cpuMillicores: this.ownerCpuRatio(pod.ownerId) * cpuRequest,
      cpuSdMillicores: this.ownerCpuSdRatio(pod.ownerId) * cpuRequest,
      memoryBytes: this.ownerMemoryRatio(pod.ownerId) * memoryRequest,
      lifeSeconds: this.ownerLifeSeconds(pod.ownerId),
      samples: this.ownerSamples(pod.ownerId),
    };
  }

  slotCpuMillicores(slot: number): number {
    const pods = this.view?.pods;
    if (pods === undefined) return 0;
    const request = pods.cpuRequestMillicores[slot] || DEFAULT_CPU_REQUEST_MILLICORES;
    const owner = this.ownerCpuRatio(pods.ownerId[slot] as number) * request;
    const samples = this.isKnownSlot(slot) ? (this.podSamples[slot] as number) : 0;
    if (samples === 0) return owner;
    const weight = Math.min(samples / (samples + this.config.podPriorSamples), this.config.podWeightMax);
    const ramp = this.rampRatio(this.ageSeconds(slot));
    return (weight * (this.podMean[slot] as number)) / ramp + (1 - weight) * owner;
  }

  slotMemoryBytes(slot: number): number {
    const pods = this.view?.pods;
    if (pods === undefined) return 0;
    const seen = pods.memoryUsageBytes[slot] as number;
    if (!Number.isNaN(seen)) return seen;
    const request = pods.memoryRequestBytes[slot] || DEFAULT_MEMORY_REQUEST_BYTES;
    return this.ownerMemoryRatio(pods.ownerId[slot] as number) * request;
  }

  slotCpuSdMillicores(slot: number): number {
    const pods = this.view?.pods;
    if (pods === undefined) return 0;
    const request = pods.cpuRequestMillicores[slot] || DEFAULT_CPU_REQUEST_MILLICORES;
    return this.ownerCpuSdRatio(pods.ownerId[slot] as number) * request;
  }

  slotRemainingSeconds(slot: number): number {
    const pods = this.view?.pods;
    if (pods === undefined || pods.isDaemon[slot] === 1) return Number.POSITIVE_INFINITY;
    const life = this.ownerLifeSeconds(pods.ownerId[slot] as number);
    return Math.max(life, this.ageSeconds(slot));
  }

  rampRatio(ageSeconds: number): number {
    const age = rampClass(ageSeconds);
    const last = RAMP_AGES_SECONDS.length;
    const settled = (this.rampUse[last] as number) / (this.rampExpected[last] as number);
    const young = (this.rampUse[age] as number) / (this.rampExpected[age] as number);
    const ratio = young / settled;
    return age === last || Number.isNaN(ratio) ? 1 : clamp(ratio, 0.2, 1.5);
  }

  private ageSeconds(slot: number): number {
    const view = this.view as ClusterView;
    return Math.max(0, (view.nowMs - (view.pods.boundAtMs[slot] as number)) / 1000);
  }

  private isKnownSlot(slot: number): boolean {
    return slot < this.boundAtMs.length && this.boundAtMs[slot] === this.view?.pods.boundAtMs[slot];
  }

  private ownerSamples(owner: number): number {
    const table = this.view?.workloads;
    return table === undefined || owner >= table.ownerCount ? 0 : (table.sampleCount[owner] as number);
  }

  private ownerCpuRatio(owner: number): number {
    return this.shrunk(owner, this.view?.workloads.cpuToRequestMeanRatio, this.prior.cpuRatio);
  }

  private ownerCpuSdRatio(owner: number): number {
    return this.shrunk(owner, this.view?.workloads.cpuToRequestSdRatio, this.prior.cpuSdRatio);
  }

  private ownerMemoryRatio(owner: number): number {
    return this.shrunk(owner, this.view?.workloads.memoryToRequestMeanRatio, this.prior.memoryRatio);
  }

  private ownerLifeSeconds(owner: number): number {
    const table = this.view?.workloads;
    if (table === undefined || owner >= table.ownerCount) return this.prior.lifeSeconds;
    const finished = table.finishedPods[owner] as number;
    const life = table.lifetimeMeanSeconds[owner] as number;
    // A workload that never finished a pod lives long: its absence from the table of ends says so.
    if (finished === 0)
      return this.ownerSamples(owner) > 0 ? DEFAULT_REMAINING_SECONDS : this.prior.lifeSeconds;
    return (finished * life + this.prior.lifeSeconds) / (finished + 1);
  }

  private shrunk(owner: number, ratios: Float64Array | undefined, prior: number): number {
    const samples = this.ownerSamples(owner);
    const ratio = samples > 0 ? (ratios?.[owner] ?? Number.NaN) : Number.NaN;
    if (Number.isNaN(ratio)) return prior;
    const { ownerPriorSamples } = this.config;
    return (samples * ratio + ownerPriorSamples * prior) / (samples + ownerPriorSamples);
  }

  private forget(slot: number, boundAtMs: number): void {
    this.boundAtMs[slot] = boundAtMs;
    this.podMean[slot] = 0;
    this.podSamples[slot] = 0;
  }

  private learnPod(view: ClusterView, slot: number, use: number): void {
    const samples = (this.podSamples[slot] as number) + 1;
    const rate = 1 / Math.min(samples, this.config.podMemorySamples);
    this.podMean[slot] = (this.podMean[slot] as number) + rate * (use - (this.podMean[slot] as number));
    this.podSamples[slot] = samples;
    const age = rampClass(this.ageSeconds(slot));
    const request = view.pods.cpuRequestMillicores[slot] || DEFAULT_CPU_REQUEST_MILLICORES;
    this.rampUse[age] = (this.rampUse[age] as number) + use;
    const expected = this.ownerCpuRatio(view.pods.ownerId[slot] as number) * request;
    this.rampExpected[age] = (this.rampExpected[age] as number) + expected;
  }

  private grow(slots: number): void {
    if (slots <= this.boundAtMs.length) return;
    const size = Math.max(slots, this.boundAtMs.length * 2, 64);
    const enlarged = (old: Float64Array, fill: number): Float64Array<ArrayBuffer> => {
      const next = new Float64Array(size).fill(fill);
      next.set(old);
      return next;
    };
    this.boundAtMs = enlarged(this.boundAtMs, Number.NaN);
    this.podMean = enlarged(this.podMean, 0);
    this.podSamples = enlarged(this.podSamples, 0);
  }
}

function rampClass(ageSeconds: number): number {
  const found = RAMP_AGES_SECONDS.findIndex((end) => ageSeconds < end);
  return found < 0 ? RAMP_AGES_SECONDS.length : found;
}

/** Means over the workloads seen so far, each counting once: what to expect of a new one. */
function measurePrior(view: ClusterView, last: OwnerPrior): OwnerPrior {
  const { workloads } = view;
  const sum = { cpu: 0, sd: 0, memory: 0, count: 0, life: 0, lives: 0 };
  for (let owner = 0; owner < workloads.ownerCount; owner++) {
    const cpu = workloads.cpuToRequestMeanRatio[owner] as number;
    const memory = workloads.memoryToRequestMeanRatio[owner] as number;
    if (!Number.isNaN(cpu) && !Number.isNaN(memory)) {
      sum.cpu += cpu;
      sum.sd += (workloads.cpuToRequestSdRatio[owner] as number) || 0;
      sum.memory += memory;
      sum.count++;
    }
    const finished = workloads.finishedPods[owner] as number;
    sum.life += finished > 0 ? (workloads.lifetimeMeanSeconds[owner] as number) : 0;
    sum.lives += finished > 0 ? 1 : 0;
  }
  return {
    cpuRatio: sum.count > 0 ? sum.cpu / sum.count : last.cpuRatio,
    cpuSdRatio: sum.count > 0 ? sum.sd / sum.count : last.cpuSdRatio,
    memoryRatio: sum.count > 0 ? sum.memory / sum.count : last.memoryRatio,
    lifeSeconds: sum.lives > 0 ? sum.life / sum.lives : last.lifeSeconds,
  };
}
