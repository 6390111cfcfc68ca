import { doubled } from '#domain';

/** What the simulator, and nobody else, knows of each pod and slot. */
export interface PodTracker {
  /** Slot that a pod runs in, -1 while it does not run. Shape `[pods]`. */
  readonly slotOfUid: Int32Array;
  /** When a running pod will end by itself. Shape `[pods]`. */
  readonly endSeconds: Float64Array;
  /** What is left of a pod's life when it is bound next. Shape `[pods]`. */
  readonly remainingSeconds: Float64Array;
  /** 1 once a pod was counted as unschedulable. Shape `[pods]`. */
  readonly wasRefused: Uint8Array;
  /** How often a pod was killed for memory. Shape `[pods]`. */
  readonly oomKills: Uint16Array;
  /** Shape `[slots]`, as are the next three. */
  uidOfSlot: Int32Array;
  cpuDemandMillicores: Float64Array;
  memoryDemandBytes: Float64Array;
  nextChangeSeconds: Float64Array;
}

export function createPodTracker(lifetimeSeconds: Float64Array): PodTracker {
  const count = lifetimeSeconds.length;
  return {
    slotOfUid: new Int32Array(count).fill(-1),
    endSeconds: new Float64Array(count),
    remainingSeconds: lifetimeSeconds.slice(),
    wasRefused: new Uint8Array(count),
    oomKills: new Uint16Array(count),
    uidOfSlot: new Int32Array(256),
    cpuDemandMillicores: new Float64Array(256),
    memoryDemandBytes: new Float64Array(256),
    nextChangeSeconds: new Float64Array(256),
  };
}

/** Makes room for a slot. */
export function reserveSlot(tracker: PodTracker, slot: number): void {
  if (slot < tracker.uidOfSlot.length) return;
  tracker.uidOfSlot = doubled(tracker.uidOfSlot);
  tracker.cpuDemandMillicores = doubled(tracker.cpuDemandMillicores);
  tracker.memoryDemandBytes = doubled(tracker.memoryDemandBytes);
  tracker.nextChangeSeconds = doubled(tracker.nextChangeSeconds);
}
