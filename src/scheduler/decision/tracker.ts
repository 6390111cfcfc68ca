import { MINUTE_MS } from '#kernel/units';

import { isGiven, nullable } from '../journal/record.ts';
import type { BoundRecord, DecisionRecord, OutcomeRecord } from '../journal/record.ts';
import type { BoundPod, LiveCluster } from '../cluster/types.ts';

/** Load above this counts as overload, as in the objective of the simulator. */
const OVERLOAD_RATIO = 0.8;
/** A decision is judged by the load of the 15 minutes that follow it. */
const JUDGE_AFTER_MS = 15 * MINUTE_MS;
/** A pod that is not bound by then is forgotten. */
const FORGET_AFTER_MS = 60 * MINUTE_MS;
const MOST_TRACKED = 20_000;
/** Scores of all candidates are kept for so many decisions that wait for their pod to be bound. */
const MOST_WITH_SCORES = 4_000;

/** What of a decision is needed until its pod is bound and judged. */
interface Tracked {
  readonly record: DecisionRecord;
  /** Names of the view's rows as they were, and totals by candidate. */
  scores: { nodeNames: readonly string[]; candidates: Int32Array; totals: Float32Array } | undefined;
  /** Set once the pod is bound. */
  node: string | undefined;
  boundAtMs: number;
  predictedCpuRatio: number;
}

export interface TrackedScores {
  readonly nodeNames: readonly string[];
  readonly candidates: Int32Array;
  readonly totals: Float64Array;
}

/**
 * Follows decisions until their pod is bound, and then until the load that followed can be read. Bounded: the oldest
 * are given up first.
 */
export interface DecisionTracker {
  add(record: DecisionRecord, scores: TrackedScores | undefined): void;
  /** The record of a pod that got its node; also of one that was never scored by us. */
  bound(pod: BoundPod, atMs: number): BoundRecord | undefined;
  /** Records of decisions whose 15 minutes are over. */
  judge(atMs: number): OutcomeRecord[];
  readonly size: number;
}

export interface TrackerOptions {
  readonly replica: string;
  readonly cluster: Pick<LiveCluster, 'view' | 'rowOf'>;
}

export function createDecisionTracker({ replica, cluster }: TrackerOptions): DecisionTracker {
  // Insertion order is the order of age.
  const byUid = new Map<string, Tracked>();
  const withScores: Tracked[] = [];
  const dueOf: Tracked[] = [];
  return {
    get size() {
      return byUid.size;
    },
    add(record, scores) {
      const tracked: Tracked = {
        record,
        scores: scores === undefined ? undefined : { ...scores, totals: Float32Array.from(scores.totals) },
        node: undefined,
        boundAtMs: Number.NaN,
        predictedCpuRatio: Number.NaN,
      };
      byUid.delete(record.pod.uid);
      byUid.set(record.pod.uid, tracked);
      dropOldest(byUid, record.atMs);
      if (tracked.scores === undefined) return;
      withScores.push(tracked);
      if (withScores.length > MOST_WITH_SCORES) {
        const oldest = withScores.shift();
        if (oldest !== undefined) oldest.scores = undefined;
      }
    },
    bound(pod, atMs) {
      if (pod.isDaemon) return undefined;
      const tracked = byUid.get(pod.uid);
      if (tracked?.node !== undefined) return undefined;
      if (tracked !== undefined) {
        tracked.node = pod.node;
        tracked.boundAtMs = atMs;
        tracked.predictedCpuRatio = predictedOn(tracked.record, pod.node);
        byUid.delete(pod.uid);
        if (dueOf.length < MOST_TRACKED) dueOf.push(tracked);
      }
      const record = boundRecord(pod, tracked, { replica, atMs });
      if (tracked !== undefined) tracked.scores = undefined;
      return record;
    },
    judge(atMs) {
      const due: OutcomeRecord[] = [];
      while (dueOf[0] !== undefined && atMs - dueOf[0].boundAtMs >= JUDGE_AFTER_MS) {
        const outcome = judgeOne(dueOf.shift() as Tracked, cluster, { replica, atMs });
        if (outcome !== undefined) due.push(outcome);
      }
      return due;
    },
  };
}

function dropOldest(byUid: Map<string, Tracked>, nowMs: number): void {
  for (const [uid, { record }] of byUid) {
    if (byUid.size <= MOST_TRACKED && nowMs - record.atMs <= FORGET_AFTER_MS) return;
    byUid.delete(uid);
  }
}

interface Stamp {
  readonly replica: string;
  readonly atMs: number;
}

function boundRecord(pod: BoundPod, tracked: Tracked | undefined, stamp: Stamp): BoundRecord {
  const chosen = tracked?.record.chosen ?? undefined;
  return {
    schemaVersion: 1,
    kind: 'bound',
    ...stamp,
    decisionId: tracked?.record.id ?? null,
    namespace: pod.namespace,
    name: pod.name,
    uid: pod.uid,
    node: pod.node,
    schedulerName: pod.schedulerName,
    agreed: chosen === undefined ? null : chosen.node === pod.node,
    ...compare(tracked, pod.node),
  };
}

/** How good the node taken was by our own scores. */
function compare(tracked: Tracked | undefined, node: string): Pick<BoundRecord, 'regret' | 'rank'> {
  const { scores } = tracked ?? {};
  if (scores === undefined) return { regret: null, rank: null };
  const at = scores.candidates.findIndex((row) => scores.nodeNames[row] === node);
  const taken = at < 0 ? Number.NaN : (scores.totals[at] as number);
  if (Number.isNaN(taken)) return { regret: null, rank: null };
  let best = Number.NEGATIVE_INFINITY;
  let better = 0;
  for (const total of scores.totals) {
    if (total > best) best = total;
    if (total > taken) better++;
  }
  return { regret: nullable(best - taken), rank: better + 1 };
}

/** What we forecast for a node with the pod on it; known for the two best alone. */
function predictedOn(record: DecisionRecord, node: string): number {
  const judged = [record.chosen, record.runnerUp].find((candidate) => candidate?.node === node);
  const { cpuForecastMedianRatio, cpuInFlightRatio, podCpuRatio } = judged?.evidence ?? {};
  if (!isGiven(cpuForecastMedianRatio)) return Number.NaN;
  return cpuForecastMedianRatio + (cpuInFlightRatio ?? 0) + (podCpuRatio ?? 0);
}

function judgeOne(
  tracked: Tracked,
  cluster: Pick<LiveCluster, 'view' | 'rowOf'>,
  stamp: Stamp,
): OutcomeRecord | undefined {
  const { record, node } = tracked;
  if (record.chosen === null || node === undefined) return undefined;
  const { mean15mRatio } = cluster.view.metrics.cpu;
  const loadOf = (name: string): number => mean15mRatio[cluster.rowOf(name)] ?? Number.NaN;
  const realised = loadOf(node);
  if (Number.isNaN(realised)) return undefined;
  return {
    schemaVersion: 1,
    kind: 'outcome',
    ...stamp,
    decisionId: record.id,
    arm: record.arm,
    node,
    preferredNode: record.chosen.node,
    predictedCpuRatio: nullable(tracked.predictedCpuRatio),
    realisedCpuRatio: nullable(realised),
    preferredRealisedCpuRatio: nullable(loadOf(record.chosen.node)),
    wasOverloaded: realised > OVERLOAD_RATIO,
  };
}
