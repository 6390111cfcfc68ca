import { readPlacementData } from '#collect';
import type { ClusterView, Decision, ModelArtefact, PodSpec } from '#domain';
import { createEnsemblePolicy } from '#models/ensemble';
import { prepareScenario, runSimulation, selectTraces } from '#simulator';
import type { PlacementPolicy } from '#simulator';

import { loadScenario } from './simulate-scenarios.ts';

export interface TraceDecisionOptions {
  readonly dataDirectory: string;
  /** Built-in name or path of a file. */
  readonly scenario: string;
  readonly seed: number;
  readonly artefacts: ReadonlyMap<string, ModelArtefact>;
}

export type ScoredDecision = Extract<Decision, { kind: 'scored' }>;

/**
 * Replays one run of `mlsched` and explains its clearest decision: of those in which every model had a say, the one
 * with the largest margin over the runner-up.
 *
 * @returns Undefined when there was none, for example because a model is missing.
 */
export async function traceDecision(options: TraceDecisionOptions): Promise<ScoredDecision | undefined> {
  const traces = selectTraces(await readPlacementData(options.dataDirectory), 'test');
  const scenario = await loadScenario(options.scenario);
  let clearest: ScoredDecision | undefined;
  const note = (decision: Decision): void => {
    if (decision.kind !== 'scored' || decision.runnerUp === undefined || !hasEveryPart(decision)) return;
    if (clearest === undefined || decision.margin > clearest.margin) clearest = decision;
  };
  runSimulation({
    ...prepareScenario(scenario, traces, options.seed),
    artefacts: options.artefacts,
    policy: (context) => createWitness(createEnsemblePolicy({ name: 'mlsched', context }), note),
  });
  return clearest;
}

function hasEveryPart({ chosen }: ScoredDecision): boolean {
  return Object.values(chosen.parts).every(({ kind }) => kind === 'scored');
}

type Explaining = PlacementPolicy & {
  explain(pod: PodSpec, view: ClusterView, candidates: Int32Array, count: number): Decision;
};

/** The same policy, telling about every decision between several nodes. */
function createWitness(policy: Explaining, note: (decision: Decision) => void): PlacementPolicy {
  return {
    name: policy.name,
    prepare: (view) => policy.prepare?.(view),
    onScrape: (view) => policy.onScrape?.(view),
    choose(pod, view, feasible, feasibleCount) {
      if (feasibleCount > 1) note(policy.explain(pod, view, feasible, feasibleCount));
      return policy.choose(pod, view, feasible, feasibleCount);
    },
  };
}
