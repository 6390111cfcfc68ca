import { policyNeeds } from '../errors.ts';
import type { FutureKnowledge, PolicyFactory } from '../types.ts';
import { createScoredPolicy } from './scored-policy.ts';

/** A memory overrun kills: it weighs this much more than CPU. */
const MEMORY_OVERRUN_WEIGHT = 10;

/** Largest sum of two courses of demand. */
export function peakOfSum(a: Float64Array, b: Float64Array): number {
  let peak = 0;
  for (let k = 0; k < a.length; k++) peak = Math.max(peak, (a[k] as number) + (b[k] as number));
  return peak;
}

interface Buffers {
  readonly future: FutureKnowledge;
  readonly podCpu: Float64Array;
  readonly podMemory: Float64Array;
  readonly nodeCpu: Float64Array;
  readonly nodeMemory: Float64Array;
}

function createBuffers(future: FutureKnowledge | undefined): Buffers {
  if (future === undefined) throw policyNeeds('peak-oracle', 'knowledge of the future');
  const steps = (): Float64Array => new Float64Array(future.steps);
  return { future, podCpu: steps(), podMemory: steps(), nodeCpu: steps(), nodeMemory: steps() };
}

/**
 * The ceiling: knows what every pod will demand over the next two hours and takes the node whose true CPU peak
 * stays lowest, keeping clear of memory overruns. Never counted as a rival.
 */
export const createPeakOracle: PolicyFactory = ({ seed, future }) => {
  const buffers = createBuffers(future);
  return createScoredPolicy({
    name: 'peak-oracle',
    seed,
    begin(pod) {
      buffers.future.podCpuDemandMillicores(pod.uid, buffers.podCpu);
      buffers.future.podMemoryDemandBytes(pod.uid, buffers.podMemory);
    },
    score(_pod, { nodes }, node) {
      buffers.future.nodeCpuDemandMillicores(node, buffers.nodeCpu);
      buffers.future.nodeMemoryDemandBytes(node, buffers.nodeMemory);
      const cpu = peakOfSum(buffers.nodeCpu, buffers.podCpu) / (nodes.cpuCapacityMillicores[node] as number);
      const memory =
        peakOfSum(buffers.nodeMemory, buffers.podMemory) / (nodes.memoryCapacityBytes[node] as number);
      return -cpu - MEMORY_OVERRUN_WEIGHT * Math.max(memory - 1, 0);
    },
  });
};
