import type { ClusterState } from '#domain';
import type { Demand } from './demand.ts';
import type { PodTracker } from './pod-tracker.ts';
import type { FutureKnowledge } from './types.ts';

const STEPS = 24;
const STEP_SECONDS = 300;

/** The oracle's knowledge, kept up to date by the simulator. */
export interface FutureBook extends FutureKnowledge {
  /** A pod left before its time: sum anew when next asked. */
  invalidate(): void;
  /** One pod was bound since. */
  addPod(uid: number, node: number): void;
}

interface FutureSources {
  readonly state: ClusterState;
  readonly demand: Demand;
  readonly tracker: PodTracker;
  /** Background demand of a node at a time, added to that of the pods. */
  background(node: number, seconds: number): { cpu: number; memory: number };
  lifetimeSeconds(uid: number): number;
}

/**
 * Creates the book. The demand of all pods is summed once per 5 minutes, on a grid of 5 minutes, and kept up to date
 * by what is bound in between; pods that end by themselves were never counted beyond their end.
 */
export function createFutureBook(sources: FutureSources): FutureBook {
  const { state, demand, tracker } = sources;
  const nodeCount = state.view.nodeCount;
  const cpu = new Float64Array(nodeCount * STEPS);
  const memory = new Float64Array(nodeCount * STEPS);
  let summedFor = Number.NaN;
  const gridSeconds = (): number => Math.floor(state.view.nowMs / 1000 / STEP_SECONDS) * STEP_SECONDS;
  const addPod = (uid: number, node: number): void => {
    const start = gridSeconds();
    const end = tracker.endSeconds[uid] as number;
    for (let k = 0; k < STEPS && start + k * STEP_SECONDS < end; k++) {
      const cell = node * STEPS + k;
      cpu[cell] = (cpu[cell] as number) + demand.cpuMillicores(uid, start + k * STEP_SECONDS);
      memory[cell] = (memory[cell] as number) + demand.memoryBytes(uid, start + k * STEP_SECONDS);
    }
  };
  const sumAll = (): void => {
    const start = gridSeconds();
    for (let node = 0; node < nodeCount; node++) {
      for (let k = 0; k < STEPS; k++) {
        const load = sources.background(node, start + k * STEP_SECONDS);
        cpu[node * STEPS + k] = load.cpu;
        memory[node * STEPS + k] = load.memory;
      }
    }
    const { pods } = state.view;
    for (let slot = 0; slot < pods.slotCount; slot++) {
      const node = pods.node[slot] as number;
      if (node >= 0 && pods.isDaemon[slot] === 0) addPod(tracker.uidOfSlot[slot] as number, node);
    }
    summedFor = start;
  };
  const podDemand = (uid: number, out: Float64Array, read: Demand['cpuMillicores']): void => {
    const start = gridSeconds();
    const end = state.view.nowMs / 1000 + sources.lifetimeSeconds(uid);
    for (let k = 0; k < STEPS; k++) {
      const at = start + k * STEP_SECONDS;
      out[k] = at < end ? read(uid, at) : 0;
    }
  };
  const nodeDemand = (values: Float64Array, node: number, out: Float64Array): void => {
    if (summedFor !== gridSeconds()) sumAll();
    for (let k = 0; k < STEPS; k++) out[k] = values[node * STEPS + k] as number;
  };
  return {
    steps: STEPS,
    stepSeconds: STEP_SECONDS,
    nodeCpuDemandMillicores: (node, out) => nodeDemand(cpu, node, out),
    nodeMemoryDemandBytes: (node, out) => nodeDemand(memory, node, out),
    podCpuDemandMillicores: (uid, out) => podDemand(uid, out, demand.cpuMillicores),
    podMemoryDemandBytes: (uid, out) => podDemand(uid, out, demand.memoryBytes),
    invalidate() {
      summedFor = Number.NaN;
    },
    addPod(uid, node) {
      if (summedFor === gridSeconds()) addPod(uid, node);
    },
  };
}
