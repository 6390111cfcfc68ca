import type { ClusterView, PodSpec } from '#domain';

import { betaCdf } from '../beta-distribution.ts';
import type { PolicyFactory } from '../types.ts';
import { createScoredPolicy } from './scored-policy.ts';

const SMOOTHING_WINDOW = 5;
const LIMIT_WEIGHT = 0.5;
/** Keeps the fitted variance below that of a coin, where no Beta distribution exists. */
const LARGEST_VARIANCE_SHARE = 0.99;

/** One resource of one node, amounts in any one unit. */
export interface RiskInputs {
  readonly allocatable: number;
  /** Sums over the pods on the node, without the new one; limits raised to requests. */
  readonly requested: number;
  readonly limit: number;
  /** The new pod's. */
  readonly podRequest: number;
  readonly podLimit: number;
  /** Use as a ratio of capacity: mean and standard deviation; NaN when unknown. */
  readonly meanRatio: number;
  readonly sdRatio: number;
}

/** Share of the limits beyond the node that are not backed by requests, 0..1. */
export function limitRisk(inputs: RiskInputs): number {
  const limit = inputs.limit + Math.max(inputs.podLimit, inputs.podRequest);
  const requested = Math.min(inputs.requested + inputs.podRequest, inputs.allocatable);
  return limit > inputs.allocatable ? (limit - inputs.allocatable) / (limit - requested) : 0;
}

/** Chance that use exceeds what was requested, given that it stays below the limits; Beta fitted by moments. */
export function loadRisk(inputs: RiskInputs): number {
  const cdf = usageCdf(inputs.meanRatio, inputs.sdRatio * Math.sqrt(SMOOTHING_WINDOW));
  const atRequest = cdf(inputs.requested / inputs.allocatable);
  if (inputs.limit < inputs.allocatable && inputs.requested <= inputs.limit) {
    const atLimit = cdf(inputs.limit / inputs.allocatable);
    return atLimit === 0 ? 1 : 1 - atRequest / atLimit;
  }
  return 1 - atRequest;
}

/** Distribution of use with this mean and deviation; a step at the mean where there is no variance. */
function usageCdf(mean: number, deviation: number): (x: number) => number {
  const most = mean * (1 - mean);
  const variance = Math.min(deviation * deviation, most * LARGEST_VARIANCE_SHARE);
  if (!(variance > 0)) return (x) => (x >= mean ? 1 : 0);
  const total = most / variance - 1;
  return (x) => betaCdf(x, mean * total, (1 - mean) * total);
}

function cpuInputs(pod: PodSpec, { nodes, metrics }: ClusterView, node: number): RiskInputs {
  return {
    allocatable: nodes.cpuAllocatableMillicores[node] as number,
    requested: nodes.cpuRequestedMillicores[node] as number,
    limit: nodes.cpuLimitMillicores[node] as number,
    podRequest: pod.cpuRequestMillicores,
    podLimit: pod.cpuLimitMillicores,
    meanRatio: metrics.cpu.mean15mRatio[node] as number,
    sdRatio: metrics.cpu.sd15mRatio[node] as number,
  };
}

function memoryInputs(pod: PodSpec, { nodes, metrics }: ClusterView, node: number): RiskInputs {
  return {
    allocatable: nodes.memoryAllocatableBytes[node] as number,
    requested: nodes.memoryRequestedBytes[node] as number,
    limit: nodes.memoryLimitBytes[node] as number,
    podRequest: pod.memoryRequestBytes,
    podLimit: pod.memoryLimitBytes,
    meanRatio: metrics.memory.mean15mRatio[node] as number,
    sdRatio: metrics.memory.sd15mRatio[node] as number,
  };
}

/** Remembers the load risk of each node: it changes with a scrape or a binding, not with the pod that asks. */
function createRiskCache(): (inputs: RiskInputs, node: number, nodeCount: number) => number {
  let keys: Float64Array = new Float64Array(0);
  let risks: Float64Array = new Float64Array(0);
  return (inputs, node, nodeCount) => {
    if (risks.length !== nodeCount) {
      keys = new Float64Array(nodeCount * 4).fill(Number.NaN);
      risks = new Float64Array(nodeCount);
    }
    const at = node * 4;
    const isSame =
      keys[at] === inputs.requested &&
      keys[at + 1] === inputs.limit &&
      keys[at + 2] === inputs.meanRatio &&
      keys[at + 3] === inputs.sdRatio;
    if (isSame) return risks[node] as number;
    keys[at] = inputs.requested;
    keys[at + 1] = inputs.limit;
    keys[at + 2] = inputs.meanRatio;
    keys[at + 3] = inputs.sdRatio;
    return (risks[node] = loadRisk(inputs));
  };
}

/** Trimaran LowRiskOverCommitment, scheduler-plugins; research/placement-baselines 4.4. */
export const createLowRiskOverCommitment: PolicyFactory = ({ seed }) => {
  const cpuLoadRisk = createRiskCache();
  const memoryLoadRisk = createRiskCache();
  const mix = (limit: number, load: number): number => LIMIT_WEIGHT * limit + (1 - LIMIT_WEIGHT) * load;
  return createScoredPolicy({
    name: 'low-risk-over-commitment',
    seed,
    score(pod, view, node) {
      if (pod.qos === 'best-effort' || Number.isNaN(view.metrics.cpu.mean15mRatio[node])) return 0;
      const cpu = cpuInputs(pod, view, node);
      const memory = memoryInputs(pod, view, node);
      const risk = Math.max(
        mix(limitRisk(cpu), cpuLoadRisk(cpu, node, view.nodeCount)),
        mix(limitRisk(memory), memoryLoadRisk(memory, node, view.nodeCount)),
      );
      return Math.round(100 * (1 - risk));
    },
  });
};
