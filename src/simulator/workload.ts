import type { PodSpec } from '#domain';
import { qosOf } from '#domain';
import { createRng, hashText } from '#kernel/rng';
import { MIB } from '#kernel/units';

import { meanLoad, planArrivals } from './arrival-plan.ts';
import type { PlannedPod } from './arrival-plan.ts';
import { tracesTooSmall } from './errors.ts';
import type { SimulatedNode } from './nodes.ts';
import type { Scenario } from './scenario.ts';
import type { CurveFamily, WorkloadTraces } from './traces.ts';

/** Everything that arrives in one run, the same for all policies. Times are seconds; 0 = measured start. */
export interface Workload {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly pods: PodPlan;
  readonly owners: readonly Owner[];
  /** Time of day, in curve time, at second 0. */
  readonly dayOffsetSeconds: number;
}

/** Shape `[pods]` each, ordered by arrival. */
interface PodPlan {
  readonly count: number;
  readonly arrivalSeconds: Float64Array;
  /** Counted from the binding, so a pod that waits runs as long as one that does not. */
  readonly lifetimeSeconds: Float64Array;
  readonly ownerId: Int32Array;
  /** Which curve of its family the pod follows on day 0. */
  readonly member: Int32Array;
  /** Shift of the curve against the clock: siblings on one curve do not move in lockstep. */
  readonly shiftSeconds: Int32Array;
  /** Which of the scenario's bursts a pod belongs to; -1 for none. */
  readonly burst: Int16Array;
}

/** A workload: all its pods have one size and follow the curves of one family. */
export interface Owner {
  readonly family: CurveFamily;
  /** Size of the VM behind the curve; its use is a ratio of this. Also the limits. */
  readonly cpuSizeMillicores: number;
  readonly memorySizeBytes: number;
  readonly cpuRequestMillicores: number;
  readonly memoryRequestBytes: number;
  readonly priority: number;
}

export interface WorkloadOptions {
  readonly traces: WorkloadTraces;
  readonly scenario: Scenario;
  readonly nodes: readonly SimulatedNode[];
  readonly seed: number;
}

/**
 * Makes the pods of one run from real traces.
 *
 * @remarks What is real: when VMs arrive, in which batches, their relative sizes, how long they live, how
 *   much of its own size each VM uses over the day, memory per core of requests. What is ours, because no
 *   public trace has it all: which job's curves a batch follows (short, medium and long lives are kept apart,
 *   as tenants do), one factor for the rate of arrivals (reaches `demandRatio`), one factor from VM size to
 *   CPU request (reaches `requestToUseRatio`), and two factors for memory size and memory request. The
 *   spread of use around the request, a factor of six between workloads, is thus the real one.
 */
export function buildWorkload(options: WorkloadOptions): Workload {
  const { traces, scenario, nodes, seed } = options;
  const rng = createRng(seed).fork('workload');
  const startSeconds = -scenario.warmUpMinutes * 60;
  const endSeconds = scenario.measuredMinutes * 60;
  const dayOffsetSeconds = rng.int(288) * 300;
  const capacity = schedulableCapacity(nodes);
  const planned = planArrivals({
    traces,
    scenario,
    startSeconds,
    endSeconds,
    targetMillicores: scenario.demandRatio * capacity.cpuMillicores - capacity.backgroundCpuMillicores,
    largestNodeMillicores: capacity.largestNodeMillicores,
    dayOffsetSeconds,
    rng,
  });
  const load = measureLoad(planned, { endSeconds, dayOffsetSeconds }, traces);
  const memoryTarget =
    (scenario.memoryDemandRatio * scenario.demandRatio * capacity.memoryBytes) / 0.6 -
    capacity.backgroundMemoryBytes;
  const factors: SizeFactors = {
    cpuRequest: (load.cpuUse / load.cpuSize) * scenario.requestToUseRatio,
    memorySize: Math.max(memoryTarget, 0) / load.memoryUse,
    memoryRequest: scenario.memoryRequestToUseRatio,
  };
  const owners = new OwnerTable(traces, factors);
  const pods = freezePods(planned, owners);
  return { startSeconds, endSeconds, pods, owners: owners.list, dayOffsetSeconds };
}

/** The specification that a scheduler gets to see. */
export function podSpecOf(owner: Owner, ownerId: number, uid: number): PodSpec {
  const amounts = {
    cpuRequestMillicores: owner.cpuRequestMillicores,
    cpuLimitMillicores: owner.cpuSizeMillicores,
    memoryRequestBytes: owner.memoryRequestBytes,
    memoryLimitBytes: owner.memorySizeBytes,
  };
  return { uid, ownerId, ...amounts, priority: owner.priority, qos: qosOf(amounts), isDaemon: false };
}

interface SizeFactors {
  readonly cpuRequest: number;
  readonly memorySize: number;
  readonly memoryRequest: number;
}

/** Collects owners on first use: one per family and VM size. */
class OwnerTable {
  readonly list: Owner[] = [];
  private readonly ids = new Map<string, number>();
  private readonly traces: WorkloadTraces;
  private readonly factors: SizeFactors;

  constructor(traces: WorkloadTraces, factors: SizeFactors) {
    this.traces = traces;
    this.factors = factors;
  }

  idOf(family: CurveFamily, vcpus: number): number {
    const key = `${family.name}/${vcpus}`;
    const found = this.ids.get(key);
    if (found !== undefined) return found;
    const id = this.list.length;
    this.list.push(this.makeOwner(family, vcpus));
    this.ids.set(key, id);
    return id;
  }

  private makeOwner(family: CurveFamily, vcpus: number): Owner {
    const cpuSizeMillicores = vcpus * 1000;
    const shape = requestShapeOf(this.traces, family);
    const memory = cpuSizeMillicores * shape.memoryBytesPerMillicore * this.factors.memorySize;
    const memorySizeBytes = Math.max(Math.round(memory / MIB), 1) * MIB;
    const memoryRatio = family.memoryMeanRatio * this.factors.memoryRequest;
    const toMib = (bytes: number): number => Math.max(Math.round(bytes / MIB), 1) * MIB;
    return {
      family,
      cpuSizeMillicores,
      memorySizeBytes,
      cpuRequestMillicores: Math.max(Math.round(cpuSizeMillicores * this.factors.cpuRequest), 1),
      memoryRequestBytes: Math.min(toMib(memorySizeBytes * memoryRatio), memorySizeBytes),
      priority: shape.priority,
    };
  }
}

/** Each family takes one real pod's habits, always the same one. */
function requestShapeOf(traces: WorkloadTraces, family: CurveFamily) {
  const shape = traces.requests[hashText(`request/${family.name}`) % Math.max(traces.requests.length, 1)];
  if (shape === undefined) throw tracesTooSmall('no pod requests', 'add openb/pods-*.parquet');
  return shape;
}

/** Capacity of the nodes that take ordinary pods, and the mean background load on them. */
function schedulableCapacity(nodes: readonly SimulatedNode[]) {
  const sum = {
    cpuMillicores: 0,
    memoryBytes: 0,
    backgroundCpuMillicores: 0,
    backgroundMemoryBytes: 0,
    largestNodeMillicores: 0,
  };
  for (const { spec, background } of nodes) {
    if (!spec.isSchedulable) continue;
    sum.cpuMillicores += spec.cpuCapacityMillicores;
    sum.memoryBytes += spec.memoryCapacityBytes;
    sum.largestNodeMillicores = Math.max(sum.largestNodeMillicores, spec.cpuCapacityMillicores);
    if (background === undefined) continue;
    const { cpuUsageRatio, memoryUsageRatio } = background.trace;
    sum.backgroundCpuMillicores +=
      spec.cpuCapacityMillicores *
      (background.cpuFloorRatio + background.cpuScaleRatio * meanOf(cpuUsageRatio));
    sum.backgroundMemoryBytes +=
      spec.memoryCapacityBytes * background.memoryScaleRatio * meanOf(memoryUsageRatio);
  }
  return sum;
}

function meanOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}

/** Mean size and mean use over the measured span, CPU in millicores, memory before its size factor. */
function measureLoad(
  planned: readonly PlannedPod[],
  span: { readonly endSeconds: number; readonly dayOffsetSeconds: number },
  traces: WorkloadTraces,
) {
  const sum = { cpuSize: 0, cpuUse: 0, memoryUse: 0 };
  for (const pod of planned) {
    const from = Math.max(pod.arrivalSeconds, 0);
    const overlap = Math.min(pod.arrivalSeconds + pod.lifetimeSeconds, span.endSeconds) - from;
    if (overlap <= 0) continue;
    const size = pod.vcpus * 1000;
    sum.cpuSize += (size * overlap) / span.endSeconds;
    sum.cpuUse += size * meanLoad(pod, span, traces.cpuUsageRatio);
    sum.memoryUse +=
      size *
      requestShapeOf(traces, pod.family).memoryBytesPerMillicore *
      meanLoad(pod, span, traces.memoryUsageRatio);
  }
  if (sum.cpuUse === 0) throw tracesTooSmall('no pod runs in the measured span', 'use more arrivals');
  return sum;
}

function freezePods(planned: readonly PlannedPod[], owners: OwnerTable): PodPlan {
  const plan: PodPlan = {
    count: planned.length,
    arrivalSeconds: new Float64Array(planned.length),
    lifetimeSeconds: new Float64Array(planned.length),
    ownerId: new Int32Array(planned.length),
    member: new Int32Array(planned.length),
    shiftSeconds: new Int32Array(planned.length),
    burst: new Int16Array(planned.length),
  };
  planned.forEach((pod, i) => {
    plan.arrivalSeconds[i] = pod.arrivalSeconds;
    plan.lifetimeSeconds[i] = pod.lifetimeSeconds;
    plan.ownerId[i] = owners.idOf(pod.family, pod.vcpus);
    plan.member[i] = pod.member;
    plan.shiftSeconds[i] = pod.shiftSeconds;
    plan.burst[i] = pod.burst;
  });
  return plan;
}
