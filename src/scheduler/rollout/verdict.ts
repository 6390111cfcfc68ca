import { createRng } from '#kernel/rng';
import { bootstrapInterval, mean, quantile } from '#kernel/stats';
import type { Interval } from '#kernel/stats';
import { HOUR_MS } from '#kernel/units';

import { isGiven } from '../journal/record.ts';
import type { BoundRecord, DecisionRecord, JournalRecord, OutcomeRecord } from '../journal/record.ts';

interface VerdictOptions {
  /** Shadow time that it takes to tell; default 48. */
  readonly minHours?: number;
  /** Decisions that it takes to tell; default 200. */
  readonly minDecisions?: number;
  readonly seed?: number;
}

/** One thing that must hold before anybody lets us influence a placement. */
interface VerdictCheck {
  readonly name: string;
  readonly value: number;
  /** Limit that the value is held against. */
  readonly bar: number;
  readonly isPassed: boolean;
}

/** What a time in shadow mode came to. Ratios in 0..1; NaN where there is too little. */
export interface ShadowVerdict {
  readonly verdict: 'go' | 'no-go' | 'too-early';
  readonly hours: number;
  readonly decisions: number;
  /** Decisions that could be followed to their node, and to the load 15 minutes later. */
  readonly followed: number;
  readonly judged: number;
  readonly abstainRatio: number;
  readonly abstentions: Readonly<Record<string, number>>;
  /** Share of placements in which the node taken was our first choice too. */
  readonly agreementRatio: Interval;
  /** What drawing a candidate at random would agree. */
  readonly randomAgreementRatio: number;
  /** Our score of our choice less that of the node taken, 0..1. */
  readonly regret: Interval;
  readonly rankMedian: number;
  /** Mean absolute error, and mean error (above 0 = we forecast too much), of the forecast with the pod. */
  readonly forecastMaeRatio: Interval;
  readonly forecastBiasRatio: number;
  /**
   * CPU of the node taken (without the pod) less that of our choice, mean over the 15 minutes after; above 0 = our
   * choice was less loaded. Only where the two differ.
   */
  readonly loadAdvantageRatio: Interval;
  readonly overloadTakenRatio: number;
  readonly overloadPreferredRatio: number;
  readonly latencyP99Ms: number;
  readonly checks: readonly VerdictCheck[];
}

const OVERLOAD_RATIO = 0.8;
const WANTED = new Set(['', 'shadow', 'control']);

interface Case {
  readonly decision: DecisionRecord;
  readonly bound: BoundRecord | undefined;
  readonly outcome: OutcomeRecord | undefined;
}

/** Judges a time in shadow mode from the journal alone. */
export function judgeShadow(records: readonly JournalRecord[], options: VerdictOptions = {}): ShadowVerdict {
  const { minHours = 48, minDecisions = 200, seed = 1 } = options;
  const cases = joinCases(records);
  const decisions = cases.map(({ decision }) => decision);
  const rng = createRng(seed).fork('shadow-verdict');
  const intervalOf = (values: readonly number[]): Interval => meanInterval(values, rng);
  const facts = {
    hours: spanHours(decisions),
    decisions: decisions.length,
    ...countAbstentions(decisions),
    ...measureAgreement(cases, intervalOf),
    ...measureLoad(cases, intervalOf),
    latencyP99Ms: quantile(
      decisions.map(({ tookMs }) => tookMs),
      0.99,
    ),
  };
  const checks = checksOf(facts, decisions);
  const isEarly = facts.hours < minHours || facts.decisions < minDecisions || facts.judged < minDecisions / 4;
  const hasPassed = checks.every(({ isPassed }) => isPassed);
  return { verdict: isEarly ? 'too-early' : hasPassed ? 'go' : 'no-go', ...facts, checks };
}

/** Decisions that influenced nothing, each with its pod's node and what followed. */
function joinCases(records: readonly JournalRecord[]): Case[] {
  const bounds = new Map<string, BoundRecord>();
  const outcomes = new Map<string, OutcomeRecord>();
  for (const record of records) {
    if (record.kind === 'bound' && record.decisionId !== null) bounds.set(record.decisionId, record);
    if (record.kind === 'outcome') outcomes.set(record.decisionId, record);
  }
  return records.flatMap((record) =>
    record.kind === 'decision' && record.arm !== 'treated'
      ? [{ decision: record, bound: bounds.get(record.id), outcome: outcomes.get(record.id) }]
      : [],
  );
}

function spanHours(decisions: readonly DecisionRecord[]): number {
  const times = decisions.map(({ atMs }) => atMs);
  const first = times.reduce((least, time) => Math.min(least, time), Infinity);
  const last = times.reduce((most, time) => Math.max(most, time), -Infinity);
  return times.length === 0 ? 0 : (last - first) / HOUR_MS;
}

function countAbstentions(
  decisions: readonly DecisionRecord[],
): Pick<ShadowVerdict, 'abstainRatio' | 'abstentions'> {
  const abstentions: Record<string, number> = {};
  let unwanted = 0;
  for (const { reason } of decisions) {
    if (WANTED.has(reason)) continue;
    unwanted++;
    abstentions[reason] = (abstentions[reason] ?? 0) + 1;
  }
  return { abstainRatio: unwanted / decisions.length, abstentions };
}

type IntervalOf = (values: readonly number[]) => Interval;

function measureAgreement(
  cases: readonly Case[],
  intervalOf: IntervalOf,
): Pick<ShadowVerdict, 'followed' | 'agreementRatio' | 'randomAgreementRatio' | 'regret' | 'rankMedian'> {
  const followed = cases.filter(({ bound }) => isGiven(bound?.agreed));
  const known = <T>(pick: (one: Case) => T | null | undefined): T[] =>
    followed.flatMap((one) => pick(one) ?? []);
  return {
    followed: followed.length,
    agreementRatio: intervalOf(followed.map(({ bound }) => (bound?.agreed === true ? 1 : 0))),
    randomAgreementRatio: mean(
      followed.map(({ decision }) => 1 / Math.max(1, decision.candidates - decision.unknownNodes)),
    ),
    regret: intervalOf(known(({ bound }) => bound?.regret)),
    rankMedian: quantile(
      known(({ bound }) => bound?.rank),
      0.5,
    ),
  };
}

function measureLoad(
  cases: readonly Case[],
  intervalOf: IntervalOf,
): Pick<
  ShadowVerdict,
  | 'judged'
  | 'forecastMaeRatio'
  | 'forecastBiasRatio'
  | 'loadAdvantageRatio'
  | 'overloadTakenRatio'
  | 'overloadPreferredRatio'
> {
  const judged = cases.filter(({ outcome }) => isGiven(outcome?.realisedCpuRatio));
  const errors = judged.flatMap(({ outcome }) =>
    isGiven(outcome?.predictedCpuRatio) ? [outcome.predictedCpuRatio - (outcome.realisedCpuRatio ?? 0)] : [],
  );
  const differing = judged.filter(
    ({ outcome }) => isGiven(outcome?.preferredRealisedCpuRatio) && outcome?.node !== outcome?.preferredNode,
  );
  const advantages = differing.map(
    ({ decision, outcome }) =>
      (outcome?.realisedCpuRatio ?? 0) -
      (decision.chosen?.evidence.podCpuRatio ?? 0) -
      (outcome?.preferredRealisedCpuRatio ?? 0),
  );
  const shareOver = (loads: readonly number[]): number =>
    mean(loads.map((load) => (load > OVERLOAD_RATIO ? 1 : 0)));
  return {
    judged: judged.length,
    forecastMaeRatio: intervalOf(errors.map(Math.abs)),
    forecastBiasRatio: mean(errors),
    loadAdvantageRatio: intervalOf(advantages),
    overloadTakenRatio: shareOver(differing.map(({ outcome }) => outcome?.realisedCpuRatio ?? 0)),
    overloadPreferredRatio: shareOver(
      differing.map(
        ({ decision, outcome }) =>
          (outcome?.preferredRealisedCpuRatio ?? 0) + (decision.chosen?.evidence.podCpuRatio ?? 0),
      ),
    ),
  };
}

/** Mean with its interval; NaN for an empty input. */
function meanInterval(values: readonly number[], rng: ReturnType<typeof createRng>): Interval {
  if (values.length === 0) return { mean: Number.NaN, low: Number.NaN, high: Number.NaN };
  return bootstrapInterval(
    values.length,
    (indices) => indices.reduce((sum, i) => sum + (values[i] as number), 0) / indices.length,
    rng,
    1000,
  );
}

/** Differences in load up to this are no reason for or against. */
const TOLERANCE_RATIO = 0.01;

function checksOf(
  facts: Omit<ShadowVerdict, 'verdict' | 'checks'>,
  decisions: readonly DecisionRecord[],
): VerdictCheck[] {
  const failed = decisions.filter(({ reason }) => reason === 'internal-error').length / decisions.length;
  const atMost = (name: string, value: number, bar: number): VerdictCheck => ({
    name,
    value,
    bar,
    isPassed: value <= bar,
  });
  const overloadExcess = facts.overloadPreferredRatio - facts.overloadTakenRatio;
  return [
    atMost('failed decisions, ratio', failed, 0.001),
    atMost('abstentions, ratio', facts.abstainRatio, 0.05),
    atMost('decision time P99, ms', facts.latencyP99Ms, 50),
    atMost('forecast error, ratio of capacity', facts.forecastMaeRatio.mean, 0.1),
    atMost('our choice more loaded (upper bound), ratio', -facts.loadAdvantageRatio.low, TOLERANCE_RATIO),
    atMost('our choice more often overloaded, ratio', overloadExcess, TOLERANCE_RATIO),
  ];
}
