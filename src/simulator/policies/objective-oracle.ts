import type { ClusterView } from '#domain';

import { policyNeeds } from '../errors.ts';
import { OBJECTIVE_WEIGHTS } from '../objective.ts';
import type { FutureKnowledge, PolicyFactory } from '../types.ts';
import { createScoredPolicy } from './scored-policy.ts';

const OVERLOAD_RATIO = 0.8;
/** Lost CPU is counted per demanded core-hour: about this share of the capacity is demanded. */
const TYPICAL_DEMAND_RATIO = 0.65;
/** Typical standard deviation of node CPU, around which the imbalance term is made linear. */
const TYPICAL_SPREAD_RATIO = 0.1;
/** Memory beyond this share of a node is an OOM kill to come, and never worth it. */
const MEMORY_LIMIT_RATIO = 0.97;
const MEMORY_COST = 1000;

/**
 * What one node costs the objective in one step at a CPU demand, up to a constant: above 80 % or not, CPU
 * lost beyond capacity, and distance from the cluster's mean.
 */
export function stepCost(demandRatio: number, meanRatio: number): number {
  const overload = demandRatio > OVERLOAD_RATIO ? OBJECTIVE_WEIGHTS.overload : 0;
  const lost = (OBJECTIVE_WEIGHTS.lostCpu / TYPICAL_DEMAND_RATIO) * Math.max(demandRatio - 1, 0);
  const spread = OBJECTIVE_WEIGHTS.imbalance / (2 * TYPICAL_SPREAD_RATIO);
  return overload + lost + spread * (demandRatio - meanRatio) ** 2;
}

interface Buffers {
  readonly future: FutureKnowledge;
  readonly podCpu: Float64Array;
  readonly podMemory: Float64Array;
  readonly nodeCpu: Float64Array;
  readonly nodeMemory: Float64Array;
}

function createBuffers(future: FutureKnowledge | undefined): Buffers {
  if (future === undefined) throw policyNeeds('objective-oracle', 'knowledge of the future');
  const steps = (): Float64Array => new Float64Array(future.steps);
  return { future, podCpu: steps(), podMemory: steps(), nodeCpu: steps(), nodeMemory: steps() };
}

/**
 * The higher ceiling: knows the next two hours and the yardstick, and takes the node where the pod adds least to
 * the objective over its life. Greedy, one pod at a time. Never counted as a rival.
 */
export const createObjectiveOracle: PolicyFactory = ({ seed, future }) => {
  const buffers = createBuffers(future);
  const { podCpu, podMemory, nodeCpu, nodeMemory } = buffers;
  let meanRatio = 0;
  return createScoredPolicy({
    name: 'objective-oracle',
    seed,
    begin(pod, view) {
      buffers.future.podCpuDemandMillicores(pod.uid, podCpu);
      buffers.future.podMemoryDemandBytes(pod.uid, podMemory);
      meanRatio = meanUse(view);
    },
    score(_pod, { nodes }, node) {
      buffers.future.nodeCpuDemandMillicores(node, nodeCpu);
      buffers.future.nodeMemoryDemandBytes(node, nodeMemory);
      const capacity = nodes.cpuCapacityMillicores[node] as number;
      const memoryLimit = (nodes.memoryCapacityBytes[node] as number) * MEMORY_LIMIT_RATIO;
      let cost = 0;
      for (let k = 0; k < podCpu.length; k++) {
        const before = nodeCpu[k] as number;
        const after = before + (podCpu[k] as number);
        cost += stepCost(after / capacity, meanRatio) - stepCost(before / capacity, meanRatio);
        const memory = (nodeMemory[k] as number) + (podMemory[k] as number);
        if (memory > memoryLimit && (podMemory[k] as number) > 0)
          cost += MEMORY_COST * (memory / memoryLimit);
      }
      return -cost;
    },
  });
};

/** Mean CPU use of the nodes that take ordinary pods; 0 before the first scrape. */
function meanUse({ nodes, metrics, nodeCount }: ClusterView): number {
  let sum = 0;
  let count = 0;
  for (let node = 0; node < nodeCount; node++) {
    const ratio = metrics.cpu.latestRatio[node] as number;
    if (nodes.isSchedulable[node] === 0 || Number.isNaN(ratio)) continue;
    sum += ratio;
    count++;
  }
  return count === 0 ? 0 : sum / count;
}
