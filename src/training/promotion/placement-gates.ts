import type { ModelArtefact } from '#domain';
import type { Progress } from '#kernel/progress';

import { simulate } from '../simulate.ts';
import type { SimulateReport } from '../simulate.ts';
import { gate, runGates } from './gate.ts';
import type { Gate } from './gate.ts';

export interface PlacementGateOptions {
  /** Root of the placement traces. */
  readonly dataDirectory: string;
  readonly scenario: string;
  readonly seeds: number;
  readonly progress: Progress;
}

/** Objective of the candidate / that of the champion, means over paired seeds. */
const MOST_OBJECTIVE_TO_CHAMPION = 1.02;
/** A policy that mostly abstains decides nothing. */
const MOST_ABSTAINED_RATIO = 0.5;
const MOST_DECISION_MICROS = 5000;

/**
 * Measures a placement model in the simulator on the validation traces: against stock, random and the champion, same arrivals
 * and loads for all.
 *
 * @param artefacts - All models of the candidate's ensemble; the champion's ensemble beside it differs in the placement model.
 */
export function placementGates(
  candidate: ReadonlyMap<string, ModelArtefact>,
  champion: ReadonlyMap<string, ModelArtefact> | undefined,
  options: PlacementGateOptions,
): Promise<readonly Gate[]> {
  return runGates(async () => {
    const ours = await run(candidate, ['mlsched', 'stock', 'random'], options);
    const theirs = champion === undefined ? undefined : await run(champion, ['mlsched'], options);
    const own = policyOf(ours, 'mlsched');
    const decisions = own.placements || 1;
    return [
      gate(
        'beats-stock',
        1 - own.objective / policyOf(ours, 'stock').objective,
        ['at-least', 0],
        'improvement of the objective over stock kube-scheduler',
      ),
      gate(
        'beats-random',
        1 - own.objective / policyOf(ours, 'random').objective,
        ['at-least', 0],
        'improvement of the objective over random placement',
      ),
      ...(theirs === undefined
        ? []
        : [
            gate(
              'no-worse-than-champion',
              own.objective / policyOf(theirs, 'mlsched').objective,
              ['at-most', MOST_OBJECTIVE_TO_CHAMPION],
              'objective / objective of the champion',
            ),
          ]),
      gate(
        'decides',
        own.abstentions / decisions,
        ['at-most', MOST_ABSTAINED_RATIO],
        'share of decisions in which it abstained',
      ),
      gate(
        'leaves-no-pod',
        own.unschedulablePods - policyOf(ours, 'stock').unschedulablePods,
        ['at-most', 0],
        'pods without a node at the first attempt, more than under stock',
      ),
      gate(
        'fast-enough',
        own.decisionMicrosP99,
        ['at-most', MOST_DECISION_MICROS],
        'time of a decision, 99th percentile, microseconds',
      ),
    ];
  });
}

function run(
  artefacts: ReadonlyMap<string, ModelArtefact>,
  policies: readonly string[],
  { dataDirectory, scenario, seeds, progress }: PlacementGateOptions,
): Promise<SimulateReport> {
  return simulate({ dataDirectory, scenario, policies, seeds, split: 'validation', artefacts, progress });
}

function policyOf(report: SimulateReport, name: string): SimulateReport['policies'][number] {
  const found = report.policies.find(({ policy }) => policy === name);
  if (found === undefined) throw new Error(`the simulation has no policy ${name}`);
  return found;
}
