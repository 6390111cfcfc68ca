import type { ClusterView, PodSpec } from '#domain';
import type { FutureKnowledge } from '#simulator';

import { OVERLOAD_RATIO } from './load-cost.ts';

/** Weights of the parts of a placement's cost, and how the future counts. */
export interface RewardConfig {
  /** A node-hour above 80 % CPU. */
  readonly overload: number;
  /** Lost CPU, as share of one node's capacity over an hour. */
  readonly lostCpu: number;
  /** One point (0..1) of standard deviation of node CPU over an hour. */
  readonly imbalance: number;
  /** A node that runs out of memory, which kills a pod. */
  readonly memoryRisk: number;
  /** Difference between the requested shares of CPU and memory that the pod adds, as share of a node. */
  readonly fragmentation: number;
  /** An unhealthy node (1 - health) chosen for an hour. */
  readonly unhealthy: number;
  /** Width of the soft step at 80 %, ratio: what will arrive later is not known. */
  readonly overloadWidthRatio: number;
  /** Memory use at which running out is as likely as not, and the width of that step, ratios. */
  readonly memoryLimitRatio: number;
  readonly memoryWidthRatio: number;
  /** Time constant with which later hours count less, hours. */
  readonly decayHours: number;
  /** Costs per unit of decision size are divided by this for the network; errors above it count linearly. */
  readonly costScale: number;
}

/** In proportion to the placement objective at a demand of 60 % (100 x lost share = 167 x lost capacity). */
export const DEFAULT_REWARD_CONFIG: RewardConfig = {
  overload: 50,
  lostCpu: 167,
  imbalance: 20,
  memoryRisk: 100,
  fragmentation: 0.5,
  unhealthy: 10,
  overloadWidthRatio: 0.025,
  memoryLimitRatio: 0.96,
  memoryWidthRatio: 0.03,
  decayHours: 1,
  costScale: 100,
};

/** Knows what each placement would really cost; exists in training only, where the future is known. */
export interface CounterfactualCost {
  /**
   * Fills `out[i]` with the cost that placing the pod on candidate `i` adds over its life (at most the span
   * that `future` knows), in units of the objective x node-hours; lower is better.
   *
   * @param health - Shape `[nodes]`, 0..1, NaN = unknown (counts as healthy).
   */
  evaluate(input: CounterfactualInput, out: Float64Array): void;
}

interface CounterfactualInput {
  readonly view: ClusterView;
  readonly future: FutureKnowledge;
  readonly pod: PodSpec;
  readonly candidates: Int32Array;
  readonly count: number;
  readonly health: Float64Array;
}

/**
 * @remarks The cluster's other pods end over time but new ones will come: each step is filled up evenly to
 *   the mean load of now, so that a node does not look empty because its arrivals are not known yet.
 */
export function createCounterfactualCost(config: RewardConfig): CounterfactualCost {
  const book = new DemandBook();
  return {
    evaluate(input, out) {
      book.read(input);
      for (let i = 0; i < input.count; i++) {
        const node = input.candidates[i] as number;
        const health = input.health[node] as number;
        out[i] =
          spanCost(book, config, node, input) +
          config.fragmentation * fragmentationAdded(input.view, input.pod, node) +
          config.unhealthy * (Number.isNaN(health) ? 0 : 1 - health) * book.podShareOfNode(input.view, node);
      }
    },
  };
}

/** True demand of all nodes and of the pod, by step. */
class DemandBook {
  steps = 0;
  stepHours = 0;
  /** Ratio of capacity, shape `[nodes, steps]`; NaN rows for nodes that take no pods. */
  cpuRatio = new Float64Array(0);
  memoryRatio = new Float64Array(0);
  podCpu = new Float64Array(0);
  podMemory = new Float64Array(0);
  /** Over the counted nodes, by step. */
  sum = new Float64Array(0);
  squares = new Float64Array(0);
  memorySum = new Float64Array(0);
  countedNodes = 0;

  read({ view, future, pod }: CounterfactualInput): void {
    this.allocate(view.nodeCount, future);
    this.sum.fill(0);
    this.squares.fill(0);
    this.memorySum.fill(0);
    this.countedNodes = 0;
    for (let node = 0; node < view.nodeCount; node++) this.readNode(view, future, node);
    this.refill(view);
    future.podCpuDemandMillicores(pod.uid, this.podCpu);
    future.podMemoryDemandBytes(pod.uid, this.podMemory);
  }

  /** Mean CPU of the pod over the span, share of the node. */
  podShareOfNode(view: ClusterView, node: number): number {
    let sum = 0;
    for (const use of this.podCpu) sum += use;
    return sum / this.steps / (view.nodes.cpuCapacityMillicores[node] as number);
  }

  private readNode(view: ClusterView, future: FutureKnowledge, node: number): void {
    const { steps } = this;
    const row = this.cpuRatio.subarray(node * steps, (node + 1) * steps);
    const isCounted = view.nodes.isReady[node] === 1 && view.nodes.isSchedulable[node] === 1;
    if (!isCounted) {
      row.fill(Number.NaN);
      return;
    }
    const capacity = view.nodes.cpuCapacityMillicores[node] as number;
    future.nodeCpuDemandMillicores(node, row);
    const memoryCapacity = view.nodes.memoryCapacityBytes[node] as number;
    const memory = this.memoryRatio.subarray(node * steps, (node + 1) * steps);
    future.nodeMemoryDemandBytes(node, memory);
    this.countedNodes++;
    for (let k = 0; k < steps; k++) {
      row[k] = (row[k] as number) / capacity;
      memory[k] = (memory[k] as number) / memoryCapacity;
      this.memorySum[k] = (this.memorySum[k] as number) + (memory[k] as number);
      this.sum[k] = (this.sum[k] as number) + (row[k] as number);
    }
  }

  private refill(view: ClusterView): void {
    const { steps, countedNodes } = this;
    const first = (this.sum[0] as number) / countedNodes;
    const firstMemory = (this.memorySum[0] as number) / countedNodes;
    for (let k = 0; k < steps; k++) {
      const missing = Math.max(0, first - (this.sum[k] as number) / countedNodes);
      const missingMemory = Math.max(0, firstMemory - (this.memorySum[k] as number) / countedNodes);
      this.sum[k] = 0;
      for (let node = 0; node < view.nodeCount; node++) {
        const at = node * steps + k;
        if (Number.isNaN(this.cpuRatio[at])) continue;
        const ratio = (this.cpuRatio[at] as number) + missing;
        this.cpuRatio[at] = ratio;
        this.memoryRatio[at] = (this.memoryRatio[at] as number) + missingMemory;
        const usage = Math.min(1, ratio);
        this.sum[k] = (this.sum[k] as number) + usage;
        this.squares[k] = (this.squares[k] as number) + usage * usage;
      }
    }
  }

  private allocate(nodeCount: number, future: FutureKnowledge): void {
    this.stepHours = future.stepSeconds / 3600;
    if (this.cpuRatio.length === nodeCount * future.steps) return;
    this.steps = future.steps;
    this.cpuRatio = new Float64Array(nodeCount * future.steps);
    this.memoryRatio = new Float64Array(nodeCount * future.steps);
    this.podCpu = new Float64Array(future.steps);
    this.podMemory = new Float64Array(future.steps);
    this.sum = new Float64Array(future.steps);
    this.squares = new Float64Array(future.steps);
    this.memorySum = new Float64Array(future.steps);
  }
}

function spanCost(
  book: DemandBook,
  config: RewardConfig,
  node: number,
  { view }: CounterfactualInput,
): number {
  const capacity = view.nodes.cpuCapacityMillicores[node] as number;
  let cost = 0;
  for (let k = 0; k < book.steps; k++) {
    const weight = book.stepHours * Math.exp((-k * book.stepHours) / config.decayHours);
    const before = book.cpuRatio[node * book.steps + k] as number;
    const after = before + (book.podCpu[k] as number) / capacity;
    cost +=
      weight *
      (config.overload * (overloaded(after, config) - overloaded(before, config)) +
        config.lostCpu * (Math.max(0, after - 1) - Math.max(0, before - 1)) +
        config.imbalance * spreadAdded(book, k, before, after));
  }
  return cost + config.memoryRisk * memoryRiskAdded(book, config, node, view);
}

/** By how much the pod raises the chance that the node runs out of memory at its peak. */
function memoryRiskAdded(book: DemandBook, config: RewardConfig, node: number, view: ClusterView): number {
  const capacity = view.nodes.memoryCapacityBytes[node] as number;
  let before = 0;
  let after = 0;
  for (let k = 0; k < book.steps; k++) {
    const ratio = book.memoryRatio[node * book.steps + k] as number;
    before = Math.max(before, ratio);
    after = Math.max(after, ratio + (book.podMemory[k] as number) / capacity);
  }
  const { memoryLimitRatio, memoryWidthRatio } = config;
  return (
    softStep(after, memoryLimitRatio, memoryWidthRatio) - softStep(before, memoryLimitRatio, memoryWidthRatio)
  );
}

/** Smooth share of time above 80 %. */
function overloaded(ratio: number, config: RewardConfig): number {
  return softStep(ratio, OVERLOAD_RATIO, config.overloadWidthRatio);
}

function softStep(value: number, middle: number, width: number): number {
  return 1 / (1 + Math.exp((middle - value) / width));
}

/** Growth of the standard deviation over nodes, times the number of nodes: what one node's share of it is. */
function spreadAdded(book: DemandBook, k: number, before: number, after: number): number {
  const n = book.countedNodes;
  const low = Math.min(1, before);
  const high = Math.min(1, after);
  const sum = book.sum[k] as number;
  const squares = book.squares[k] as number;
  const old = deviation(sum, squares, n);
  return n * (deviation(sum - low + high, squares - low * low + high * high, n) - old);
}

function deviation(sum: number, squares: number, n: number): number {
  return Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2));
}

/** By how much the pod pulls the requested shares of CPU and memory apart. */
function fragmentationAdded({ nodes }: ClusterView, pod: PodSpec, node: number): number {
  const cpuWhole = nodes.cpuAllocatableMillicores[node] as number;
  const memoryWhole = nodes.memoryAllocatableBytes[node] as number;
  const cpu = (nodes.cpuRequestedMillicores[node] as number) / cpuWhole;
  const memory = (nodes.memoryRequestedBytes[node] as number) / memoryWhole;
  const cpuAfter = cpu + pod.cpuRequestMillicores / cpuWhole;
  const memoryAfter = memory + pod.memoryRequestBytes / memoryWhole;
  return Math.abs(cpuAfter - memoryAfter) - Math.abs(cpu - memory);
}
