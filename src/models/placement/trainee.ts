import type { PodSpec } from '#domain';
import type { Rng } from '#kernel/rng';
import { clamp } from '#kernel/units';
import type { FutureKnowledge, PlacementPolicy } from '#simulator';

import { createCounterfactualCost } from './counterfactual.ts';
import type { RewardConfig } from './counterfactual.ts';
import { ROW_COUNT, createFeatureEncoder } from './features.ts';
import type { Evaluator } from './network.ts';
import type { Normalisation } from './normalisation.ts';
import { normaliseRows } from './normalisation.ts';
import { createOutlook } from './outlook.ts';
import type { Outlook } from './outlook.ts';
import type { Experience } from './replay.ts';
import type { NodeSignals } from './signals.ts';
import { unknownSignals } from './signals.ts';
import { createUsageProfile } from './usage-profile.ts';

/** How a trainee behaves in one episode. */
export interface TraineeOptions {
  /** Its present network; undefined = it follows the guide. */
  readonly evaluator: Evaluator | undefined;
  readonly normalisation: Normalisation;
  /** Share of decisions taken at random. */
  readonly explorationRatio: number;
  readonly reward: RewardConfig;
  /** Candidates kept of each decision. */
  readonly candidates: number;
  readonly future: FutureKnowledge;
  readonly rng: Rng;
  /** Takes each decision; the arrays are reused afterwards. */
  readonly record: (experience: Experience) => void;
}

/** Sums over the decisions of one episode. */
export interface TraineeReport {
  decisions: number;
  /** Sum of size x cost above the cheapest candidate's: what was given away. */
  regret: number;
  size: number;
}

/**
 * The policy that learns: chooses by its network with some exploration, and records each decision together
 * with what every candidate would really have cost.
 *
 * @remarks Only for simulated training runs: it reads the future, but its choices use the features alone
 *   (except while it has no network and follows the guide).
 */
export function createTrainee(options: TraineeOptions): PlacementPolicy & { readonly report: TraineeReport } {
  const outlook = createOutlook(createUsageProfile());
  const encoder = createFeatureEncoder(outlook);
  const cost = createCounterfactualCost(options.reward);
  const buffers = new TraineeBuffers(options.candidates, options.reward.costScale);
  const report = { decisions: 0, regret: 0, size: 0 };
  let signals: NodeSignals = unknownSignals(0);
  const refresh: NonNullable<PlacementPolicy['onScrape']> = (view) => {
    if (signals.health.length !== view.nodeCount) signals = unknownSignals(view.nodeCount);
    outlook.profile.observe(view);
    outlook.refresh(view);
    encoder.refresh(view);
  };
  return {
    name: 'trainee',
    report,
    prepare: refresh,
    onScrape: refresh,
    choose(pod, view, candidates, count) {
      buffers.reserve(count);
      outlook.countNewBindings(view);
      const rows = encoder.encode({ view, pod, candidates, count, signals });
      normaliseRows(options.normalisation, rows, count);
      const { health } = signals;
      cost.evaluate({ view, future: options.future, pod, candidates, count, health }, buffers.costs);
      const chosen = chooseCandidate(options, rows, count, buffers);
      const size = decisionSize(
        outlook,
        pod,
        view.nodes.cpuCapacityMillicores[candidates[chosen] as number] as number,
      );
      for (let i = 0; i < count; i++) buffers.costs[i] = (buffers.costs[i] as number) / size;
      tally(report, buffers.costs, { count, chosen, size });
      options.record(buffers.experience({ rows, count, chosen, size, rng: options.rng }));
      return candidates[chosen] as number;
    },
  };
}

/**
 * How much a decision matters: expected share of a node times effective hours. Costs are learned per unit of
 * it, so that small and large pods teach the same lesson.
 */
function decisionSize(outlook: Outlook, pod: PodSpec, capacityMillicores: number): number {
  const estimate = outlook.profile.estimate(pod);
  const hours = 1 - Math.exp(-estimate.lifeSeconds / 3600);
  return clamp((estimate.cpuMillicores / capacityMillicores) * hours, 0.002, 1);
}

function chooseCandidate(
  options: TraineeOptions,
  rows: Float32Array,
  count: number,
  buffers: TraineeBuffers,
): number {
  if (options.rng.next() < options.explorationRatio) return options.rng.int(count);
  if (options.evaluator === undefined) return indexOfBest(buffers.costs, count, -1);
  options.evaluator.advantages(rows, count, buffers.advantages);
  return indexOfBest(buffers.advantages, count, 1);
}

/** Index of the largest value of `sign * values`. */
function indexOfBest(values: Float32Array | Float64Array, count: number, sign: 1 | -1): number {
  let best = 0;
  for (let i = 1; i < count; i++) {
    if (sign * (values[i] as number) > sign * (values[best] as number)) best = i;
  }
  return best;
}

interface Chosen {
  readonly count: number;
  readonly chosen: number;
  readonly size: number;
}

function tally(report: TraineeReport, costs: Float64Array, { count, chosen, size }: Chosen): void {
  const cheapest = costs[indexOfBest(costs, count, -1)] as number;
  report.decisions++;
  report.regret += size * ((costs[chosen] as number) - cheapest);
  report.size += size;
}

interface RecordInput extends Chosen {
  readonly rows: Float32Array;
  readonly rng: Rng;
}

class TraineeBuffers {
  costs = new Float64Array(0);
  advantages = new Float32Array(0);
  private order = new Int32Array(0);
  private readonly kept: number;
  private readonly rows: Float32Array;
  private readonly guide: Float32Array;

  private readonly scale: number;

  constructor(kept: number, scale: number) {
    this.kept = kept;
    this.scale = scale;
    this.rows = new Float32Array(kept * ROW_COUNT);
    this.guide = new Float32Array(kept);
  }

  reserve(count: number): void {
    if (this.costs.length >= count) return;
    this.costs = new Float64Array(count);
    this.advantages = new Float32Array(count);
    this.order = new Int32Array(count);
  }

  /** Keeps the chosen candidate, the cheapest one, and a random sample of the others. */
  experience(input: RecordInput): Experience {
    const { rows, count, chosen, size } = input;
    const kept = this.sample(input);
    let mean = 0;
    for (let k = 0; k < kept; k++) mean += (this.costs[this.order[k] as number] as number) / kept;
    for (let k = 0; k < kept; k++) {
      const from = this.order[k] as number;
      this.rows.set(rows.subarray(from * ROW_COUNT, (from + 1) * ROW_COUNT), k * ROW_COUNT);
      this.guide[k] = (mean - (this.costs[from] as number)) / this.scale;
    }
    return {
      rows: this.rows,
      count: kept,
      reward: -(this.costs[chosen] as number) / this.scale,
      guide: this.guide,
      guideWeight: count > 1 ? Math.sqrt(size) * 5 : 0,
    };
  }

  private sample({ count, chosen, rng }: RecordInput): number {
    const { order, kept } = this;
    for (let i = 0; i < count; i++) order[i] = i;
    swap(order, 0, chosen);
    const cheapest = order.indexOf(indexOfBest(this.costs, count, -1));
    if (cheapest > 0) swap(order, 1, cheapest);
    for (let i = 2; i < Math.min(kept, count); i++) swap(order, i, i + rng.int(count - i));
    return Math.min(kept, count);
  }
}

function swap(order: Int32Array, one: number, other: number): void {
  const held = order[one] as number;
  order[one] = order[other] as number;
  order[other] = held;
}
