import { createRng } from '#kernel/rng';
import { bootstrapInterval, mean } from '#kernel/stats';
import {
  OBJECTIVE_TERMS,
  OBJECTIVE_WEIGHTS,
  objectiveOf,
  objectiveTerms,
  ORACLE_POLICIES,
  ORACLE_POLICY,
} from '#simulator';
import type { ObjectiveParts, ObjectiveTerm, ObjectiveWeights, SimulationResult } from '#simulator';

import { isOwnPolicy } from './simulate-policies.ts';

/** Means over the seeds of one policy; the parts that add up are per run. */
export interface PolicySummary {
  readonly policy: string;
  readonly overloadNodeMinutes80: number;
  readonly overloadNodeMinutes95: number;
  readonly lostCpuCoreHours: number;
  readonly oomKills: number;
  readonly p99NodeCpuRatio: number;
  readonly imbalanceRatio: number;
  readonly emptyNodesMean: number;
  readonly unschedulablePods: number;
  readonly decisionMicrosP99: number;
  readonly objective: number;
  /** Bootstrap 95 % interval of the mean over seeds; NaN with one seed. */
  readonly objectiveCi95: readonly [number, number];
  /** What each term adds to the objective. */
  readonly contributions: Readonly<Record<ObjectiveTerm, number>>;
  readonly parts: ObjectiveParts;
  readonly placements: number;
  readonly abstentions: number;
  /** See `SimulationResult`; NaN without bursts. */
  readonly burstPeakToMeanRatio: number;
  readonly burstLoadPeakToMeanRatio: number;
}

/** How much better the subject is than a rival: 1 - subject / rival, paired over seeds. */
export interface Improvement {
  readonly rival: string;
  readonly improvementRatio: number;
  readonly ci95: readonly [number, number];
}

/** The verdict against the best rival with one weight changed. */
export interface Sensitivity extends Improvement {
  readonly term: ObjectiveTerm;
  readonly factor: number;
}

export interface SimulationComparison {
  /** Best objective first. */
  readonly policies: readonly PolicySummary[];
  /** Whose improvement is stated: `mlsched` when it ran, else the best policy that is not the oracle. */
  readonly subject: string;
  /** Undefined when `random` did not run or is the subject itself. */
  readonly versusRandom: Improvement | undefined;
  /** Against the best published rival, never the oracle; undefined without one. */
  readonly versusBest: Improvement | undefined;
  /** Against every other policy that ran, oracles too, in the order of `policies`. */
  readonly versusEach: readonly Improvement[];
  /** Share of the way from the best rival to the oracle; undefined when the oracle did not run. */
  readonly towardsOracleRatio: number | undefined;
  readonly sensitivity: readonly Sensitivity[];
}

const RESAMPLES = 2000;

/** Compares runs of several policies on the same seeds. */
export function compareResults(
  runs: readonly SimulationResult[],
  names: readonly string[],
): SimulationComparison {
  const byPolicy = new Map(names.map((name) => [name, runsOf(runs, name)]));
  const policies = names
    .map((name) => summarise(name, byPolicy.get(name) ?? []))
    .sort((a, b) => a.objective - b.objective);
  const candidates = policies
    .map(({ policy }) => policy)
    .filter((policy) => !ORACLE_POLICIES.includes(policy));
  const subject = names.includes('mlsched') ? 'mlsched' : (candidates[0] ?? names[0] ?? '');
  const rivals = candidates.filter((policy) => policy !== subject && !isOwnPolicy(policy));
  const contest: Contest = { byPolicy, subject, rivals };
  return {
    policies,
    subject,
    versusRandom: rivals.includes('random') ? improve(contest, 'random', OBJECTIVE_WEIGHTS) : undefined,
    versusBest: versusBest(contest, OBJECTIVE_WEIGHTS),
    versusEach: policies.flatMap(({ policy }) =>
      policy === subject ? [] : [improve(contest, policy, OBJECTIVE_WEIGHTS)],
    ),
    towardsOracleRatio: towardsOracle(contest),
    sensitivity: weightSensitivity(contest),
  };
}

interface Contest {
  readonly byPolicy: ReadonlyMap<string, readonly SimulationResult[]>;
  readonly subject: string;
  readonly rivals: readonly string[];
}

/** Runs of one policy, by seed: the pairing. */
function runsOf(runs: readonly SimulationResult[], policy: string): SimulationResult[] {
  return runs.filter((run) => run.policy === policy).sort((a, b) => a.seed - b.seed);
}

function summarise(policy: string, runs: readonly SimulationResult[]): PolicySummary {
  const parts = meanParts(runs);
  const objectives = runs.map(({ objective }) => objective);
  const interval = bootstrapInterval(
    runs.length,
    (indices) => mean(Array.from(indices, (i) => objectives[i] as number)),
    createRng(1).fork('objective'),
    RESAMPLES,
  );
  const {
    overloadNodeMinutes80,
    overloadNodeMinutes95,
    lostCpuCoreHours,
    oomKills,
    p99NodeCpuRatio,
    imbalanceRatio,
    emptyNodesMean,
    unschedulablePods,
  } = parts;
  return {
    policy,
    overloadNodeMinutes80,
    overloadNodeMinutes95,
    lostCpuCoreHours,
    oomKills,
    p99NodeCpuRatio,
    imbalanceRatio,
    emptyNodesMean,
    unschedulablePods,
    decisionMicrosP99: mean(runs.map((run) => run.decisionMicrosP99)),
    objective: interval.mean,
    objectiveCi95: [interval.low, interval.high],
    contributions: meanContributions(runs),
    parts,
    placements: mean(runs.map(({ placements }) => placements)),
    abstentions: mean(runs.map(({ abstentions }) => abstentions)),
    burstPeakToMeanRatio: mean(runs.map((run) => run.burstPeakToMeanRatio)),
    burstLoadPeakToMeanRatio: mean(runs.map((run) => run.burstLoadPeakToMeanRatio)),
  };
}

function meanParts(runs: readonly SimulationResult[]): ObjectiveParts {
  const keys = Object.keys(runs[0]?.parts ?? {}) as (keyof ObjectiveParts)[];
  return Object.fromEntries(
    keys.map((key) => [key, mean(runs.map(({ parts }) => parts[key]))]),
  ) as unknown as ObjectiveParts;
}

function meanContributions(runs: readonly SimulationResult[]): Record<ObjectiveTerm, number> {
  const terms = runs.map(({ parts }) => objectiveTerms(parts));
  return Object.fromEntries(
    OBJECTIVE_TERMS.map((term) => [term, OBJECTIVE_WEIGHTS[term] * mean(terms.map((each) => each[term]))]),
  ) as Record<ObjectiveTerm, number>;
}

function objectives(contest: Contest, policy: string, weights: ObjectiveWeights): number[] {
  return (contest.byPolicy.get(policy) ?? []).map(({ parts }) => objectiveOf(parts, weights));
}

function bestRival(contest: Contest, weights: ObjectiveWeights): string | undefined {
  const ranked = contest.rivals
    .map((policy) => ({ policy, objective: mean(objectives(contest, policy, weights)) }))
    .sort((a, b) => a.objective - b.objective);
  return ranked[0]?.policy;
}

function versusBest(contest: Contest, weights: ObjectiveWeights): Improvement | undefined {
  const rival = bestRival(contest, weights);
  return rival === undefined ? undefined : improve(contest, rival, weights);
}

function improve(contest: Contest, rival: string, weights: ObjectiveWeights): Improvement {
  const ours = objectives(contest, contest.subject, weights);
  const theirs = objectives(contest, rival, weights);
  const ratio = (indices: Int32Array): number => {
    let own = 0;
    let other = 0;
    for (const i of indices) {
      own += ours[i] as number;
      other += theirs[i] as number;
    }
    return 1 - own / other;
  };
  const interval = bootstrapInterval(ours.length, ratio, createRng(1).fork(`versus/${rival}`), RESAMPLES);
  return { rival, improvementRatio: interval.mean, ci95: [interval.low, interval.high] };
}

/** The same verdict with each weight halved and doubled: a win that depends on a weight is not a win. */
function weightSensitivity(contest: Contest): Sensitivity[] {
  return OBJECTIVE_TERMS.flatMap((term) =>
    [0.5, 2].flatMap((factor) => {
      const weights = { ...OBJECTIVE_WEIGHTS, [term]: OBJECTIVE_WEIGHTS[term] * factor };
      const verdict = versusBest(contest, weights);
      return verdict === undefined ? [] : [{ term, factor, ...verdict }];
    }),
  );
}

function towardsOracle(contest: Contest): number | undefined {
  const rival = bestRival(contest, OBJECTIVE_WEIGHTS);
  if (rival === undefined || !contest.byPolicy.has(ORACLE_POLICY)) return undefined;
  const of = (policy: string): number => mean(objectives(contest, policy, OBJECTIVE_WEIGHTS));
  return (of(rival) - of(contest.subject)) / (of(rival) - of(ORACLE_POLICY));
}
