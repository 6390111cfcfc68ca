import { CURVE_STEP_SECONDS, curveCell } from './traces.ts';
import type { WorkloadTraces } from './traces.ts';
import type { Owner, Workload } from './workload.ts';

/** What pods really demand. Seconds count from the measured start; demand is held over each 5-minute step. */
export interface Demand {
  readonly cpuMillicores: (uid: number, seconds: number) => number;
  readonly memoryBytes: (uid: number, seconds: number) => number;
  /** When the demand of a pod next changes after `seconds`. */
  readonly nextChangeSeconds: (uid: number, seconds: number) => number;
}

/**
 * Reads pods' demand from the curves of their families: size x ratio, never above the limit. A pod that
 * lives past midnight goes on with the next member of its family.
 */
export function createDemand(workload: Workload, traces: WorkloadTraces): Demand {
  const { pods, owners } = workload;
  const ownerOf = (uid: number): Owner => owners[pods.ownerId[uid] as number] as Owner;
  const curveSeconds = (uid: number, seconds: number): number =>
    seconds + workload.dayOffsetSeconds + (pods.shiftSeconds[uid] as number);
  const ratioOf = (values: Float32Array, uid: number, seconds: number): number => {
    const cell = curveCell(ownerOf(uid).family, pods.member[uid] as number, curveSeconds(uid, seconds));
    return Math.min(values[cell] as number, 1);
  };
  return {
    cpuMillicores: (uid, seconds) =>
      ratioOf(traces.cpuUsageRatio, uid, seconds) * ownerOf(uid).cpuSizeMillicores,
    memoryBytes: (uid, seconds) =>
      ratioOf(traces.memoryUsageRatio, uid, seconds) * ownerOf(uid).memorySizeBytes,
    nextChangeSeconds(uid, seconds) {
      const inCurve = curveSeconds(uid, seconds);
      const next = (Math.floor(inCurve / CURVE_STEP_SECONDS) + 1) * CURVE_STEP_SECONDS;
      return seconds + next - inCurve;
    },
  };
}
