import { bootstrapInterval, quantileOfSorted } from '#kernel/stats';
import { createRng } from '#kernel/rng';
import { HOUR_MS, formatPercent } from '#kernel/units';

import type { DecisionRecord, OutcomeRecord } from '../journal/record.ts';

/** When the guard takes a step back. */
export interface GuardLimits {
  /** Failed decisions of all, and how many decisions it takes to tell. */
  readonly maxErrorRatio: number;
  /** Unwanted abstentions of all. */
  readonly maxAbstainRatio: number;
  readonly maxLatencyP99Ms: number;
  /** How much more of the treated pods' nodes may be overloaded than of the control's, at 95 % confidence. */
  readonly maxOverloadExcessRatio: number;
  /** How many more of the treated pods may wait for over 5 minutes than of the control. */
  readonly maxPendingExcessRatio: number;
  readonly minDecisions: number;
  readonly minOutcomes: number;
}

export const DEFAULT_GUARD_LIMITS: GuardLimits = {
  maxErrorRatio: 0.001,
  maxAbstainRatio: 0.2,
  maxLatencyP99Ms: 50,
  maxOverloadExcessRatio: 0.02,
  maxPendingExcessRatio: 0.05,
  minDecisions: 200,
  minOutcomes: 100,
};

/** One arm of the rollout as the guard sees it. */
interface ArmStatus {
  readonly decisions: number;
  readonly outcomes: number;
  /** Share of nodes above 80 % CPU in the 15 minutes after a pod came; NaN without outcomes. */
  readonly overloadRatio: number;
  /** Of the decisions of this window, whose pod waits for over 5 minutes. */
  readonly pending: number;
}

export interface GuardReport {
  readonly treated: ArmStatus;
  readonly control: ArmStatus;
  readonly errorRatio: number;
  readonly abstainRatio: number;
  readonly latencyP99Ms: number;
  /** Treated less control, with its 95 % interval; NaN while there is too little. */
  readonly overloadExcess: { readonly mean: number; readonly low: number; readonly high: number };
  /** What is beyond its limit, as sentences. */
  readonly breaches: readonly string[];
}

/** Collects what the two arms of a rollout bring, over a moving window. */
export interface RolloutGuard {
  decided(record: DecisionRecord): void;
  bound(uid: string): void;
  judged(outcome: OutcomeRecord): void;
  evaluate(nowMs: number): GuardReport;
  /** Forgets everything: another step has begun. */
  reset(): void;
}

const WINDOW_MS = 24 * HOUR_MS;
const PENDING_MS = 5 * 60_000;
const MOST_KEPT = 20_000;
const RESAMPLES = 400;
const WANTED_REASONS = new Set(['shadow', 'control']);

type Arm = DecisionRecord['arm'];

interface Seen {
  readonly atMs: number;
  readonly arm: Arm;
  readonly tookMs: number;
  readonly isAbstention: boolean;
  readonly isFailure: boolean;
}

export function createRolloutGuard(limits: GuardLimits = DEFAULT_GUARD_LIMITS): RolloutGuard {
  const decisions: Seen[] = [];
  const outcomes: { atMs: number; arm: Arm; isOverloaded: boolean }[] = [];
  const waiting = new Map<string, { sinceMs: number; arm: Arm }>();
  return {
    decided(record) {
      decisions.push({
        atMs: record.atMs,
        arm: record.arm,
        tookMs: record.tookMs,
        isAbstention: record.outcome === 'abstained' && !WANTED_REASONS.has(record.reason),
        isFailure: record.reason === 'internal-error',
      });
      if (decisions.length > MOST_KEPT) decisions.splice(0, MOST_KEPT / 10);
      // A pod that is tried again has waited since its first try.
      if (!waiting.has(record.pod.uid) && waiting.size < MOST_KEPT)
        waiting.set(record.pod.uid, { sinceMs: record.atMs, arm: record.arm });
    },
    bound: (uid) => void waiting.delete(uid),
    judged({ atMs, arm, wasOverloaded }) {
      outcomes.push({ atMs, arm, isOverloaded: wasOverloaded });
      if (outcomes.length > MOST_KEPT) outcomes.splice(0, MOST_KEPT / 10);
    },
    reset() {
      decisions.length = 0;
      outcomes.length = 0;
      waiting.clear();
    },
    evaluate(nowMs) {
      dropBefore(decisions, nowMs - WINDOW_MS);
      dropBefore(outcomes, nowMs - WINDOW_MS);
      for (const [uid, { sinceMs }] of waiting) if (sinceMs < nowMs - WINDOW_MS) waiting.delete(uid);
      const armOf = (arm: Arm): ArmStatus & { flags: Uint8Array } => {
        const flags = Uint8Array.from(
          outcomes.filter((outcome) => outcome.arm === arm),
          (outcome) => (outcome.isOverloaded ? 1 : 0),
        );
        const pending = [...waiting.values()].filter(
          (pod) => pod.arm === arm && nowMs - pod.sinceMs > PENDING_MS,
        );
        return {
          decisions: decisions.filter((decision) => decision.arm === arm).length,
          outcomes: flags.length,
          overloadRatio: meanOf(flags),
          pending: pending.length,
          flags,
        };
      };
      const { flags: treatedFlags, ...treated } = armOf('treated');
      const { flags: controlFlags, ...control } = armOf('control');
      const facts = {
        treated,
        control,
        ...rates(decisions),
        overloadExcess: excessOf(treatedFlags, controlFlags, limits.minOutcomes),
      };
      return { ...facts, breaches: breachesOf(facts, limits, decisions.length) };
    },
  };
}

function dropBefore(items: { readonly atMs: number }[], oldestMs: number): void {
  const kept = items.findIndex(({ atMs }) => atMs >= oldestMs);
  items.splice(0, kept < 0 ? items.length : kept);
}

function meanOf(values: Uint8Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function rates(
  decisions: readonly Seen[],
): Pick<GuardReport, 'errorRatio' | 'abstainRatio' | 'latencyP99Ms'> {
  const share = (pick: (seen: Seen) => boolean): number => decisions.filter(pick).length / decisions.length;
  const times = Float64Array.from(decisions, ({ tookMs }) => tookMs).sort();
  return {
    errorRatio: share(({ isFailure }) => isFailure),
    abstainRatio: share(({ isAbstention }) => isAbstention),
    latencyP99Ms: quantileOfSorted(times, 0.99),
  };
}

function excessOf(treated: Uint8Array, control: Uint8Array, least: number): GuardReport['overloadExcess'] {
  const none = { mean: Number.NaN, low: Number.NaN, high: Number.NaN };
  if (treated.length < least || control.length < least) return none;
  const rng = createRng(treated.length * 31 + control.length);
  const intervalOf = (flags: Uint8Array) =>
    bootstrapInterval(
      flags.length,
      (indices) => indices.reduce((sum, i) => sum + (flags[i] as number), 0) / indices.length,
      rng,
      RESAMPLES,
    );
  const [ours, theirs] = [intervalOf(treated), intervalOf(control)];
  // Intervals of two independent means: half-widths add up in squares.
  const mean = ours.mean - theirs.mean;
  return {
    mean,
    low: mean - Math.hypot(ours.mean - ours.low, theirs.high - theirs.mean),
    high: mean + Math.hypot(ours.high - ours.mean, theirs.mean - theirs.low),
  };
}

function breachesOf(facts: Omit<GuardReport, 'breaches'>, limits: GuardLimits, decisions: number): string[] {
  const breaches: string[] = [];
  const check = (isBeyond: boolean, sentence: string): void => {
    if (isBeyond) breaches.push(sentence);
  };
  if (decisions >= limits.minDecisions) {
    const { errorRatio, abstainRatio, latencyP99Ms } = facts;
    check(errorRatio > limits.maxErrorRatio, `${formatPercent(errorRatio, 2)} of the decisions failed`);
    check(abstainRatio > limits.maxAbstainRatio, `${formatPercent(abstainRatio)} of the decisions abstained`);
    check(latencyP99Ms > limits.maxLatencyP99Ms, `P99 of a decision is ${latencyP99Ms.toFixed(1)} ms`);
  }
  const { overloadExcess, treated, control } = facts;
  check(
    overloadExcess.low > limits.maxOverloadExcessRatio,
    `nodes of treated pods are overloaded in ${formatPercent(treated.overloadRatio)} of cases, of the control in ${formatPercent(control.overloadRatio)}`,
  );
  const pendingExcess = treated.pending / treated.decisions - (control.pending / control.decisions || 0);
  check(
    treated.decisions >= limits.minDecisions && pendingExcess > limits.maxPendingExcessRatio,
    `${treated.pending} treated pods wait for over 5 minutes, ${control.pending} of the control`,
  );
  return breaches;
}
