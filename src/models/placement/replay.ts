import type { Rng } from '#kernel/rng';

import type { TrainingBatch } from './learner.ts';

/** What is kept, and how it is drawn. */
export interface ReplayConfig {
  /** Decisions kept; the oldest make room. */
  readonly capacity: number;
  readonly candidates: number;
  readonly columns: number;
  /** Steps over which rewards are summed before the next state's value is used. */
  readonly steps: number;
  /** Discount of one decision. */
  readonly gamma: number;
  /** 0 draws evenly, 1 in proportion to the last error (Schaul 2015). */
  readonly priorityExponent: number;
}

/** One decision as it was made. Candidate 0 is the chosen one. */
export interface Experience {
  /** Shape `[count, columns]`. */
  readonly rows: Float32Array;
  readonly count: number;
  readonly reward: number;
  /** Advantages to imitate, shape `[count]`, mean 0. */
  readonly guide: Float32Array;
  readonly guideWeight: number;
}

/** Everything that a memory holds, for a checkpoint; arrays are cut to the part in use. */
export interface ReplaySnapshot {
  readonly next: number;
  readonly filled: number;
  readonly largestPriority: number;
  readonly arrays: ReadonlyMap<string, Float32Array>;
}

/**
 * Remembers decisions in the order they were made, draws batches with n-step returns, and draws the
 * surprising ones more often.
 *
 * @remarks Memory is `capacity * candidates * columns` float32, allocated at once.
 */
export class ReplayMemory {
  readonly config: ReplayConfig;
  private readonly rows: Float32Array;
  private readonly counts: Int32Array;
  private readonly rewards: Float32Array;
  private readonly guides: Float32Array;
  private readonly guideWeights: Float32Array;
  /** 1 for the last decision of an episode. */
  private readonly ends: Uint8Array;
  private readonly priorities: SumTree;
  private readonly drawn: Int32Array;
  private next = 0;
  private filled = 0;
  private largestPriority = 1;

  constructor(config: ReplayConfig, largestBatch: number) {
    const { capacity, candidates, columns } = config;
    this.config = config;
    this.rows = new Float32Array(capacity * candidates * columns);
    this.counts = new Int32Array(capacity);
    this.rewards = new Float32Array(capacity);
    this.guides = new Float32Array(capacity * candidates);
    this.guideWeights = new Float32Array(capacity);
    this.ends = new Uint8Array(capacity);
    this.priorities = new SumTree(capacity);
    this.drawn = new Int32Array(largestBatch);
  }

  get size(): number {
    return this.filled;
  }

  add(experience: Experience): void {
    const { capacity, candidates, columns } = this.config;
    const at = this.next;
    const count = Math.min(experience.count, candidates);
    this.rows.set(experience.rows.subarray(0, count * columns), at * candidates * columns);
    this.guides.set(experience.guide.subarray(0, count), at * candidates);
    this.guideWeights[at] = experience.guideWeight;
    this.counts[at] = count;
    this.rewards[at] = experience.reward;
    this.ends[at] = 0;
    this.priorities.set(at, this.largestPriority);
    this.next = (at + 1) % capacity;
    this.filled = Math.min(this.filled + 1, capacity);
  }

  /** Closes the episode: what was added last has no successor. */
  endEpisode(): void {
    if (this.filled > 0) this.ends[this.newest()] = 1;
  }

  /**
   * Fills a batch.
   *
   * @param importanceExponent - 0 ignores that draws are uneven, 1 corrects for it in full.
   */
  draw(batch: TrainingBatch, rng: Rng, importanceExponent: number): void {
    const size = batch.reward.length;
    let largest = 0;
    for (let b = 0; b < size; b++) {
      const slot = this.drawSlot(rng);
      this.drawn[b] = slot;
      this.fill(batch, b, slot);
      const share = this.priorities.get(slot) / this.priorities.total();
      const weight = (this.filled * share) ** -importanceExponent;
      batch.weight[b] = weight;
      largest = Math.max(largest, weight);
    }
    for (let b = 0; b < size; b++) batch.weight[b] = (batch.weight[b] as number) / largest;
  }

  /** Tells how wrong the network was on the batch drawn last. */
  reportErrors(errors: Float32Array): void {
    for (let b = 0; b < errors.length; b++) {
      // Rounded, so that a checkpoint in float32 restores it exactly.
      const priority = Math.fround(((errors[b] as number) + 0.01) ** this.config.priorityExponent);
      this.priorities.set(this.drawn[b] as number, priority);
      this.largestPriority = Math.max(this.largestPriority, priority);
    }
  }

  snapshot(): ReplaySnapshot {
    const { filled, next, largestPriority } = this;
    const { candidates, columns } = this.config;
    const priorities = Float32Array.from({ length: filled }, (_, at) => this.priorities.get(at));
    return {
      next,
      filled,
      largestPriority,
      arrays: new Map([
        ['rows', this.rows.slice(0, filled * candidates * columns)],
        ['counts', Float32Array.from(this.counts.subarray(0, filled))],
        ['rewards', this.rewards.slice(0, filled)],
        ['guides', this.guides.slice(0, filled * candidates)],
        ['guideWeights', this.guideWeights.slice(0, filled)],
        ['ends', Float32Array.from(this.ends.subarray(0, filled))],
        ['priorities', priorities],
      ]),
    };
  }

  /** Takes over a snapshot of a memory of the same config. */
  restore(snapshot: ReplaySnapshot): void {
    const read = (name: string): Float32Array => snapshot.arrays.get(name) ?? new Float32Array(0);
    this.next = snapshot.next;
    this.filled = snapshot.filled;
    this.largestPriority = snapshot.largestPriority;
    this.rows.set(read('rows'));
    this.counts.set(read('counts'));
    this.rewards.set(read('rewards'));
    this.guides.set(read('guides'));
    this.guideWeights.set(read('guideWeights'));
    this.ends.set(read('ends'));
    read('priorities').forEach((priority, at) => this.priorities.set(at, priority));
  }

  private newest(): number {
    return (this.next - 1 + this.config.capacity) % this.config.capacity;
  }

  private drawSlot(rng: Rng): number {
    if (this.config.priorityExponent === 0) return rng.int(this.filled);
    return Math.min(this.priorities.find(rng.next() * this.priorities.total()), this.filled - 1);
  }

  private fill(batch: TrainingBatch, b: number, slot: number): void {
    const { steps, gamma, capacity, candidates } = this.config;
    let reward = 0;
    let discount = 1;
    let at = slot;
    let hasNext = false;
    for (let n = 0; n < steps; n++) {
      reward += discount * (this.rewards[at] as number);
      discount *= gamma;
      // The newest decision's successor is not known yet: treated like an end.
      hasNext = this.ends[at] === 0 && at !== this.newest();
      if (!hasNext) break;
      at = (at + 1) % capacity;
    }
    this.copyState(slot, b, batch.states, batch.mask);
    this.copyState(at, b, batch.nextStates, batch.nextMask);
    batch.reward[b] = reward;
    batch.discount[b] = hasNext ? discount : 0;
    const guide = slot * candidates;
    batch.guide.set(this.guides.subarray(guide, guide + candidates), b * candidates);
    batch.guideWeight[b] = this.guideWeights[slot] as number;
  }

  private copyState(slot: number, b: number, rows: Float32Array, mask: Float32Array): void {
    const { candidates, columns } = this.config;
    const width = candidates * columns;
    rows.set(this.rows.subarray(slot * width, (slot + 1) * width), b * width);
    const count = this.counts[slot] as number;
    for (let k = 0; k < candidates; k++) mask[b * candidates + k] = k < count ? 1 : 0;
  }
}

/** Sums over a binary tree: set and weighted draw in O(log n). */
class SumTree {
  private readonly leaves: number;
  private readonly sums: Float64Array;

  constructor(capacity: number) {
    this.leaves = 2 ** Math.ceil(Math.log2(Math.max(capacity, 2)));
    this.sums = new Float64Array(2 * this.leaves);
  }

  total(): number {
    return this.sums[1] as number;
  }

  get(at: number): number {
    return this.sums[this.leaves + at] as number;
  }

  set(at: number, value: number): void {
    let i = this.leaves + at;
    this.sums[i] = value;
    for (i >>= 1; i >= 1; i >>= 1) {
      this.sums[i] = (this.sums[2 * i] as number) + (this.sums[2 * i + 1] as number);
    }
  }

  /** Leaf in which the running sum passes `target`. */
  find(target: number): number {
    let i = 1;
    let rest = target;
    while (i < this.leaves) {
      const left = this.sums[2 * i] as number;
      if (rest < left) i = 2 * i;
      else {
        rest -= left;
        i = 2 * i + 1;
      }
    }
    return i - this.leaves;
  }
}
