import { MlschedError } from '#kernel/errors';

import type { Booster, BoosterParameters, EvaluationMetric } from './booster.ts';
import type { XgboostLibrary } from './library.ts';
import type { TrainingMatrix } from './matrix.ts';

/** One finished round. */
export interface TrainingRound {
  /** From 0. */
  readonly round: number;
  /** Every metric of every evaluation set; empty when there is no set. */
  readonly metrics: readonly EvaluationMetric[];
}

export interface TrainBoosterOptions {
  /** XGBoost's own names, for example `objective`, `quantile_alpha`, `max_depth`, `eta`. */
  readonly parameters: BoosterParameters;
  readonly training: TrainingMatrix;
  /** Most rounds to boost. */
  readonly rounds: number;
  /** Evaluated after each round, in this order; the last metric of the LAST set decides early stopping. */
  readonly evaluation?: Readonly<Record<string, TrainingMatrix>>;
  /** Stops after this many rounds without an improvement; needs an evaluation set. */
  readonly earlyStoppingRounds?: number;
  /** An improvement smaller than this does not count. @defaultValue 0 */
  readonly minimumImprovement?: number;
  /** @defaultValue 1 */
  readonly threads?: number;
  /** Model bytes to go on from (warm start): the new rounds are added to its trees. */
  readonly continueFrom?: Uint8Array;
  /** Called after each round; return `stop` to end training there (pruned trial, deadline). */
  readonly onRound?: (round: TrainingRound) => 'continue' | 'stop';
}

export interface TrainedBooster {
  /** With early stopping only the rounds up to the best one. The caller frees it. */
  readonly booster: Booster;
  /** Best round from 0 by the deciding metric; the last round when nothing was evaluated. */
  readonly bestRound: number;
  /** Value of the deciding metric in the best round; NaN when nothing was evaluated. */
  readonly bestValue: number;
  readonly history: readonly TrainingRound[];
}

/** Metrics that grow as a model gets better; all others shrink. As XGBoost's own callback. */
const MAXIMISED = ['auc', 'aucpr', 'pre', 'map', 'ndcg', 'auuc'];

/**
 * Trains a booster round by round with optional early stopping.
 *
 * @remarks Deterministic for the same data, parameters (with `seed`) and thread count.
 * @throws MlschedError `MLS_NATIVE_XGBOOST_FAILED` when XGBoost refuses parameters or data,
 *   `MLS_NATIVE_NO_EVALUATION` when early stopping has nothing to look at.
 */
export function trainBooster(library: XgboostLibrary, options: TrainBoosterOptions): TrainedBooster {
  if (options.earlyStoppingRounds !== undefined && evaluationSets(options) === undefined) {
    throw new MlschedError('MLS_NATIVE_NO_EVALUATION', 'early stopping needs an evaluation set', {
      kind: 'invalid-input',
      hint: 'Pass `evaluation`, or leave `earlyStoppingRounds` out.',
    });
  }
  const booster = startBooster(library, options);
  try {
    const run = boost(booster, options);
    const kept = run.bestRound + 1 < run.history.length && options.earlyStoppingRounds !== undefined;
    if (!kept) return { booster, ...run };
    const firstRounds = booster.boostedRounds() - run.history.length;
    const best = booster.slice(0, firstRounds + run.bestRound + 1);
    booster.free();
    return { booster: best, ...run };
  } catch (error) {
    booster[Symbol.dispose]();
    throw error;
  }
}

function evaluationSets(options: TrainBoosterOptions): Readonly<Record<string, TrainingMatrix>> | undefined {
  const sets = options.evaluation;
  return sets === undefined || Object.keys(sets).length === 0 ? undefined : sets;
}

function startBooster(library: XgboostLibrary, options: TrainBoosterOptions): Booster {
  const parameters = { ...options.parameters, nthread: options.threads ?? 1 };
  if (options.continueFrom === undefined) {
    const cached = [options.training, ...Object.values(options.evaluation ?? {})];
    return library.createBooster(parameters, cached);
  }
  const booster = library.loadBooster(options.continueFrom);
  try {
    booster.setParameters(parameters);
  } catch (error) {
    booster.free();
    throw error;
  }
  return booster;
}

function boost(booster: Booster, options: TrainBoosterOptions): Omit<TrainedBooster, 'booster'> {
  const sets = evaluationSets(options);
  const patience = options.earlyStoppingRounds ?? Number.POSITIVE_INFINITY;
  const first = booster.boostedRounds();
  const history: TrainingRound[] = [];
  let best = { round: -1, value: Number.NaN };
  for (let round = 0; round < options.rounds; round++) {
    booster.update(options.training, first + round);
    const metrics = sets === undefined ? [] : booster.evaluate(sets, first + round);
    const entry: TrainingRound = { round, metrics };
    history.push(entry);
    best = betterOf(best, entry, options.minimumImprovement ?? 0);
    if (options.onRound?.(entry) === 'stop' || round - best.round >= patience) break;
  }
  return { bestRound: best.round, bestValue: best.value, history };
}

interface BestRound {
  readonly round: number;
  readonly value: number;
}

/** Without a metric the newest round counts as the best. */
function betterOf(best: BestRound, entry: TrainingRound, margin: number): BestRound {
  const deciding = entry.metrics.at(-1);
  if (deciding === undefined) return { round: entry.round, value: Number.NaN };
  return isBetter(deciding, best.value, margin) ? { round: entry.round, value: deciding.value } : best;
}

function isBetter(found: EvaluationMetric, best: number, margin: number): boolean {
  if (Number.isNaN(best)) return true;
  const base = found.metric.split('@')[0] ?? found.metric;
  return MAXIMISED.includes(base) ? found.value > best + margin : found.value < best - margin;
}
