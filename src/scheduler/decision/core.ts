import { randomBytes } from 'node:crypto';

import type { Clock } from '#kernel/clock';
import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { clamp } from '#kernel/units';
import type { Rating } from '#models/ensemble';

import type { KnownPod, LiveCluster, PodRequest, RequestedTotals } from '../cluster/types.ts';
import { nullable } from '../journal/record.ts';
import type { DecisionRecord, JudgedNode } from '../journal/record.ts';
import { armOf } from '../rollout/arm.ts';
import type { Arm } from '../rollout/arm.ts';
import type { RolloutState } from '../rollout/state.ts';
import type { Brain } from './brain.ts';
import type { DecisionMetrics } from './metrics.ts';
import type { TrackedScores } from './tracker.ts';

interface ScoreQuestion {
  readonly front: DecisionRecord['front'];
  readonly pod: PodRequest;
  readonly nodes: readonly string[];
  readonly requested?: readonly RequestedTotals[] | undefined;
  /** When the caller stops waiting, on the monotonic clock of `performance.now()`. */
  readonly deadlineMs: number;
}

interface ScoreVerdict {
  readonly decisionId: string;
  readonly outcome: 'scored' | 'abstained';
  /** Empty when scored. */
  readonly reason: string;
  /** Aligned with the question's nodes: 0..100, -1 = not known; all -1 when abstained. */
  readonly scores: Int8Array;
}

export interface DecisionCoreOptions {
  readonly cluster: LiveCluster;
  /** The models at work; undefined while there are none. */
  readonly brain: () => Brain | undefined;
  readonly rollout: () => RolloutState;
  /** Why nothing can be decided yet, or undefined. */
  readonly unreadyReason: () => string | undefined;
  readonly record: (record: DecisionRecord, scores: TrackedScores | undefined) => void;
  readonly metrics: DecisionMetrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: string;
  /** Below this share of nodes with a fresh load the service abstains. */
  readonly minKnownRatio: number;
  /** How far scores are spread, at most: 50 + 100 x gain x (total - mean). */
  readonly scoreGain: number;
  /** Decisions under way at once, at most. */
  readonly concurrency: number;
}

/** Decides one pod at a time. Never throws and never waits for anything but the network: it abstains. */
export interface DecisionCore {
  score(question: ScoreQuestion): Promise<ScoreVerdict>;
}

export function createDecisionCore(options: DecisionCoreOptions): DecisionCore {
  return new Core(options);
}

const NEUTRAL_SCORE = 50;
const UNKNOWN_SCORE = -1;
const HELD_BACK_SCORE = 0;

/** What is found out of a question before the models are asked. */
interface Prepared extends Arm {
  readonly known: KnownPod;
  /** Row of each node asked for, -1 where it is not known or its load is not. Shape `[nodes]`. */
  readonly rows: Int32Array;
  /** Known rows, ascending. */
  readonly candidates: Int32Array;
  readonly rollout: RolloutState;
}

class Core implements DecisionCore {
  private readonly options: DecisionCoreOptions;
  private readonly idPrefix: string;
  private sequence = 0;
  private underWay = 0;

  constructor(options: DecisionCoreOptions) {
    this.options = options;
    // Of two lives of one replica no two decisions share an id.
    this.idPrefix = `${options.replica}-${randomBytes(4).toString('hex')}`;
  }

  async score(question: ScoreQuestion): Promise<ScoreVerdict> {
    // A question without nodes is a caller's way to see whether we answer: nothing is decided.
    if (question.nodes.length === 0) return abstention('', 'no-candidate', 0);
    const began = performance.now();
    const id = `${this.idPrefix}-${(this.sequence++).toString(36)}`;
    this.underWay++;
    try {
      return await this.decide(question, id, began);
    } catch (error) {
      this.options.metrics.failed();
      this.options.log.error('a decision failed; the pod is placed as without us', {
        decision: id,
        cause: messageOf(error),
      });
      return abstention(id, 'internal-error', question.nodes.length);
    } finally {
      this.underWay--;
      this.options.metrics.took(question.front, performance.now() - began);
    }
  }

  private async decide(question: ScoreQuestion, id: string, began: number): Promise<ScoreVerdict> {
    const prepared = this.prepare(question);
    const brain = this.options.brain();
    const reason = this.refusal(question, prepared, brain);
    if (reason !== undefined || brain === undefined) {
      return this.abstain({ question, prepared, id, began }, reason ?? 'no-model');
    }
    const { view } = this.options.cluster;
    const { spec } = prepared.known;
    const { candidates } = prepared;
    const { nodeNames } = view;
    const rating = await brain.policy.rate(spec, view, candidates, candidates.length);
    const facts = { question, prepared, id, began };
    if (rating.decision.kind === 'abstained') return this.abstain(facts, rating.decision.reason, rating);
    const isLate = performance.now() > question.deadlineMs;
    const verdict = this.answer(facts, rating, isLate);
    this.record(facts, { verdict, rating, brain, nodeNames });
    return verdict;
  }

  private prepare({ pod, nodes, requested }: ScoreQuestion): Prepared {
    const { cluster } = this.options;
    const known = cluster.describePod(pod);
    const rows = Int32Array.from(nodes, (name) => cluster.rowOf(name));
    if (requested !== undefined) cluster.reconcileRequested(rows, requested);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      if (row >= 0 && !cluster.isFresh(row)) rows[i] = -1;
    }
    const rollout = this.options.rollout();
    const arm = armOf(rollout, known.owner, pod.name);
    return { known, rows, candidates: distinctRows(rows), rollout, ...arm };
  }

  /** Why the models are not asked. */
  private refusal(
    { nodes, deadlineMs }: ScoreQuestion,
    { candidates }: Prepared,
    brain: Brain | undefined,
  ): string | undefined {
    const { unreadyReason, minKnownRatio, concurrency } = this.options;
    if (unreadyReason() !== undefined) return 'not-ready';
    if (brain === undefined) return 'no-model';
    if (this.underWay > concurrency) return 'overloaded';
    if (performance.now() > deadlineMs) return 'deadline';
    if (candidates.length < minKnownRatio * nodes.length || candidates.length === 0) return 'stale';
    return undefined;
  }

  private answer({ question, prepared, id }: Facts, rating: Rating, isLate: boolean): ScoreVerdict {
    const count = question.nodes.length;
    if (isLate) return abstention(id, 'deadline', count);
    if (prepared.arm !== 'treated') return abstention(id, prepared.arm, count);
    return {
      decisionId: id,
      outcome: 'scored',
      reason: '',
      scores: this.spread(prepared.rows, rating),
    };
  }

  /**
   * Totals as whole numbers around 50. A node that the models held back, since it took its share of a burst or is more
   * loaded than all that were scored, gets 0; one of which too little is known stays unknown.
   */
  private spread(rows: Int32Array, { candidates, totals }: Rating): Int8Array {
    const mean = meanOf(totals);
    const gain = Math.min(this.options.scoreGain, widestGain(totals, mean));
    const scoreOf = new Map<number, number>();
    for (let i = 0; i < candidates.length; i++) {
      const total = totals[i] as number;
      if (Number.isNaN(total)) continue;
      const score = NEUTRAL_SCORE + 100 * gain * (total - mean);
      scoreOf.set(candidates[i] as number, Math.round(clamp(score, 0, 100)));
    }
    return Int8Array.from(rows, (row) => (row < 0 ? UNKNOWN_SCORE : (scoreOf.get(row) ?? HELD_BACK_SCORE)));
  }

  private abstain(facts: Facts, reason: string, rating?: Rating): ScoreVerdict {
    const verdict = abstention(facts.id, reason, facts.question.nodes.length);
    this.record(facts, { verdict, rating, brain: this.options.brain(), nodeNames: [] });
    return verdict;
  }

  private record(facts: Facts, { verdict, rating, brain, nodeNames }: Recorded): void {
    const { prepared, question, began } = facts;
    const { metrics, record, clock, replica } = this.options;
    metrics.decided(question.front, prepared.arm, verdict);
    const { pod } = question;
    const { rollout, bucket, arm, known } = prepared;
    record(
      {
        schemaVersion: 1,
        kind: 'decision',
        id: verdict.decisionId,
        atMs: clock.nowMs(),
        replica,
        front: question.front,
        pod: {
          namespace: pod.namespace,
          name: pod.name,
          uid: pod.uid,
          owner: known.owner,
          schedulerName: pod.schedulerName,
          cpuRequestMillicores: known.spec.cpuRequestMillicores,
          memoryRequestBytes: known.spec.memoryRequestBytes,
          priority: pod.priority,
        },
        mode: rollout.mode,
        arm,
        percent: rollout.percent,
        bucket,
        outcome: verdict.outcome,
        reason: verdict.reason,
        candidates: question.nodes.length,
        unknownNodes: question.nodes.length - prepared.candidates.length,
        models: { ...brain?.versions },
        ...this.describe(prepared, rating, brain),
        tookMs: Number((performance.now() - began).toFixed(3)),
      },
      rating === undefined ? undefined : { nodeNames, candidates: rating.candidates, totals: rating.totals },
    );
  }

  private describe(
    { known }: Prepared,
    rating: Rating | undefined,
    brain: Brain | undefined,
  ): Pick<DecisionRecord, 'chosen' | 'runnerUp' | 'margin' | 'meanTotal' | 'flips'> {
    const decision = rating?.decision;
    if (brain === undefined || decision?.kind !== 'scored' || rating === undefined) {
      return { chosen: null, runnerUp: null, margin: null, meanTotal: null, flips: [] };
    }
    const judged = (scored: (typeof decision)['runnerUp']): JudgedNode | null => {
      const row = scored === undefined ? -1 : this.options.cluster.rowOf(scored.node);
      if (scored === undefined || row < 0) return null;
      const evidence = brain.policy.evidence(known.spec, this.options.cluster.view, row);
      return { ...scored, total: scored.total, evidence: knownOnly(evidence) };
    };
    return {
      chosen: judged(decision.chosen),
      runnerUp: judged(decision.runnerUp),
      margin: nullable(decision.margin),
      meanTotal: nullable(meanOf(rating.totals)),
      flips: [...decision.flips],
    };
  }
}

interface Facts {
  readonly question: ScoreQuestion;
  readonly prepared: Prepared;
  readonly id: string;
  readonly began: number;
}

interface Recorded {
  readonly verdict: ScoreVerdict;
  readonly rating: Rating | undefined;
  readonly brain: Brain | undefined;
  readonly nodeNames: readonly string[];
}

function abstention(decisionId: string, reason: string, nodes: number): ScoreVerdict {
  return { decisionId, outcome: 'abstained', reason, scores: new Int8Array(nodes).fill(UNKNOWN_SCORE) };
}

/** Rows that are known, ascending, each once: the answer must not depend on the order of the question. */
function distinctRows(rows: Int32Array): Int32Array {
  const sorted = rows.slice().sort();
  let count = 0;
  for (let i = 0; i < sorted.length; i++) {
    const row = sorted[i] as number;
    if (row >= 0 && (count === 0 || row !== sorted[count - 1])) sorted[count++] = row;
  }
  return sorted.slice(0, count);
}

function meanOf(totals: Float64Array): number {
  let sum = 0;
  let known = 0;
  for (const total of totals) {
    if (Number.isNaN(total)) continue;
    sum += total;
    known++;
  }
  return sum / known;
}

/** The gain at which the candidate furthest from the average just reaches 0 or 100: beyond it order would be lost. */
function widestGain(totals: Float64Array, mean: number): number {
  let furthest = 0;
  for (const total of totals) if (Math.abs(total - mean) > furthest) furthest = Math.abs(total - mean);
  return 0.5 / furthest;
}

function knownOnly(evidence: object): JudgedNode['evidence'] {
  return Object.fromEntries(
    Object.entries(evidence).map(([key, value]) => [key, nullable(value as number)]),
  ) as JudgedNode['evidence'];
}
