import type { ClusterState } from './cluster-state.ts';
import type { Demand } from './demand.ts';
import type { PodTracker } from './pod-tracker.ts';
import type { FutureKnowledge } from './types.ts';

const STEPS = 24;
const STEP_SECONDS = 300;

/** The oracle's knowledge, kept up to date by the simulator. */
export interface FutureBook extends FutureKnowledge {
  /** Everything may have changed: count anew when next asked. */
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

/** Creates the book; it sums the true demand of all pods lazily, once per accounting step. */
export function createFutureBook(sources: FutureSources): FutureBook {
  const { state, demand, tracker } = sources;
  const nodeCount = state.view.nodeCount;
  const cpu = new Float64Array(nodeCount * STEPS);
  const memory = new Float64Array(nodeCount * STEPS);
  let isFresh = false;
  const nowSeconds = (): number => state.view.nowMs / 1000;
  const addPod = (uid: number, node: number): void => {
    const now = nowSeconds();
    const end = tracker.endSeconds[uid] as number;
    for (let k = 0; k < STEPS && now + k * STEP_SECONDS < end; k++) {
      const cell = node * STEPS + k;
      cpu[cell] = (cpu[cell] as number) + demand.cpuMillicores(uid, now + k * STEP_SECONDS);
      memory[cell] = (memory[cell] as number) + demand.memoryBytes(uid, now + k * STEP_SECONDS);
    }
  };
  const rebuild = (): void => {
    const now = nowSeconds();
    for (let node = 0; node < nodeCount; node++) {
      for (let k = 0; k < STEPS; k++) {
        const load = sources.background(node, now + k * STEP_SECONDS);
        cpu[node * STEPS + k] = load.cpu;
        memory[node * STEPS + k] = load.memory;
      }
    }
    const { pods } = state.view;
    for (let slot = 0; slot < pods.slotCount; slot++) {
      const node = pods.node[slot] as number;
      if (node >= 0 && pods.isDaemon[slot] === 0) addPod(tracker.uidOfSlot[slot] as number, node);
    }
    isFresh = true;
  };
  const podDemand = (uid: number, out: Float64Array, read: Demand['cpuMillicores']): void => {
    const now = nowSeconds();
    const life = sources.lifetimeSeconds(uid);
    for (let k = 0; k < STEPS; k++) out[k] = k * STEP_SECONDS < life ? read(uid, now + k * STEP_SECONDS) : 0;
  };
  const nodeDemand = (values: Float64Array, node: number, out: Float64Array): void => {
    if (!isFresh) rebuild();
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
      isFresh = false;
    },
    addPod(uid, node) {
      if (isFresh) addPod(uid, node);
    },
  };
}
