import { DETECTOR } from './config.ts';
import { voteOf } from './vote-counter.ts';

/** How a node's deviations look beside those of nodes that should behave alike. */
export type PeerVerdict =
  | {
      readonly kind: 'compared';
      /** Judged nodes of the same group, without the node itself. */
      readonly peers: number;
      /** Share of the node's evidence that most of its peers show at the same moment, 0..1. */
      readonly sharedRatio: number;
    }
  | { readonly kind: 'unknown'; readonly reason: 'not-grouped' | 'too-few-peers' };

/** From here a disturbance is the group's rather than the node's: a shift of load, a roll-out, a slow network. */
export const SHARED_RATIO = 0.5;
/** With fewer peers "most of them" says nothing. */
const MIN_PEERS = 3;
/** A peer shares a deviation when it has gone at least this far the same way. */
const SHARED_SIGMA_RATIO = 0.5;

/** Compares nodes with their like, sample by sample. State is of the last `compare` only. */
export class PeerComparison {
  readonly #groups: ReadonlyMap<string, readonly number[]>;
  readonly #groupOf: readonly (string | undefined)[];
  readonly #metricCount: number;
  readonly #verdicts: PeerVerdict[];

  /**
   * @param groupOf - Shape `[nodes]`: name of what makes nodes alike (role and hardware); undefined = none.
   */
  constructor(groupOf: readonly (string | undefined)[], metricCount: number) {
    const groups = new Map<string, number[]>();
    for (const [node, group] of groupOf.entries()) {
      if (group !== undefined) groups.set(group, [...(groups.get(group) ?? []), node]);
    }
    this.#groups = groups;
    this.#groupOf = groupOf;
    this.#metricCount = metricCount;
    this.#verdicts = groupOf.map(() => ({ kind: 'unknown', reason: 'not-grouped' }));
  }

  /** Verdict of the last comparison. */
  verdict(node: number): PeerVerdict {
    return this.#verdicts[node] ?? { kind: 'unknown', reason: 'not-grouped' };
  }

  /** Drops the verdict of a node whose sample has changed since. */
  forget(node: number): void {
    if (this.#groupOf[node] !== undefined)
      this.#verdicts[node] = { kind: 'unknown', reason: 'too-few-peers' };
  }

  /** Share of a node's evidence that is its own, 0..1; 1 where it could not be compared. */
  ownRatio(node: number): number {
    const verdict = this.verdict(node);
    return verdict.kind === 'compared' ? 1 - verdict.sharedRatio : 1;
  }

  /**
   * Compares all nodes.
   *
   * @param sigmas - Row-major, shape `[nodes, metrics]`: signed sigmas of one moment; NaN = unknown.
   * @param isJudged - False for a node about which nothing is known now: it is nobody's peer.
   * @param isSuspicious - Only these are looked at closely; the others have nothing to share.
   */
  compare(
    sigmas: Float32Array,
    isJudged: (node: number) => boolean,
    isSuspicious: (node: number) => boolean,
  ): void {
    for (const members of this.#groups.values()) {
      const judged = members.filter(isJudged);
      const columns = judged.some(isSuspicious) ? this.#sortedColumns(sigmas, judged) : [];
      for (const node of members) {
        const peers = judged.length - (isJudged(node) ? 1 : 0);
        this.#verdicts[node] =
          peers < MIN_PEERS
            ? { kind: 'unknown', reason: 'too-few-peers' }
            : {
                kind: 'compared',
                peers,
                sharedRatio: isJudged(node) && isSuspicious(node) ? this.#shared(sigmas, node, columns) : 0,
              };
      }
    }
  }

  /** Shape `[metrics][known]`, ascending. */
  #sortedColumns(sigmas: Float32Array, nodes: readonly number[]): Float32Array[] {
    return Array.from({ length: this.#metricCount }, (_, metric) =>
      Float32Array.from(nodes, (node) => sigmas[node * this.#metricCount + metric] as number)
        .filter((sigma) => !Number.isNaN(sigma))
        .sort(),
    );
  }

  #shared(sigmas: Float32Array, node: number, columns: readonly Float32Array[]): number {
    let all = 0;
    let shared = 0;
    for (const [metric, sorted] of columns.entries()) {
      const sigma = sigmas[node * this.#metricCount + metric] as number;
      const vote = voteOf(Math.abs(sigma));
      if (vote === 0 || sorted.length <= MIN_PEERS) continue;
      all += vote;
      const usual = medianWithout(sorted, sigma) * Math.sign(sigma);
      if (usual >= DETECTOR.voteFromSigmas && usual >= SHARED_SIGMA_RATIO * Math.abs(sigma)) shared += vote;
    }
    return all === 0 ? 0 : shared / all;
  }
}

/** Median of ascending values with one occurrence of `value` taken out. */
function medianWithout(sorted: Float32Array, value: number): number {
  const removed = sorted.indexOf(value);
  const at = (i: number): number => sorted[removed >= 0 && i >= removed ? i + 1 : i] as number;
  const count = sorted.length - (removed >= 0 ? 1 : 0);
  return (at((count - 1) >> 1) + at(count >> 1)) / 2;
}
