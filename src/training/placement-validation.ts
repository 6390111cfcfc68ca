import type { ModelArtefact } from '#domain';
import type { Evaluator, Experience, Normalisation } from '#models/placement';
import { ROW_COUNT } from '#models/placement';
import { createRng } from '#kernel/rng';
import { BASELINE_POLICIES, runSimulation } from '#simulator';
import type { PolicyFactory, PreparedScenario, Scenario } from '#simulator';

import type { PlacementTrainingConfig } from './placement-config.ts';
import { playEpisode, shorten } from './placement-episodes.ts';
import type { EpisodeStage } from './placement-episodes.ts';

/** How a network does on the validation scenarios, which training never plays. */
export interface ValidationPoint {
  readonly episode: number;
  /** Mean over scenarios, demands and seeds of objective / objective of the stock policy; lower is better. */
  readonly objectiveToStock: number;
  /** Cost given away per unit of decision size. */
  readonly regret: number;
  /** Root mean square error of the advantages, in the network's units. */
  readonly advantageError: number;
}

/** Validates networks on the same runs each time; stock's results are computed once. */
export class PlacementValidator {
  private readonly config: PlacementTrainingConfig;
  private readonly runs: readonly { readonly prepared: PreparedScenario; readonly stock: number }[];

  constructor(
    config: PlacementTrainingConfig,
    stage: EpisodeStage,
    scenarios: ReadonlyMap<string, Scenario>,
  ) {
    this.config = config;
    const { validation } = config;
    const stock = BASELINE_POLICIES['stock'] as PolicyFactory;
    this.runs = validation.scenarios.flatMap((name) =>
      validation.demandRatios.flatMap((demandRatio) =>
        Array.from({ length: validation.seeds }, (_, seed) => {
          const scenario = shorten(scenarios.get(name) as Scenario, validation);
          const prepared = stage.prepare({ scenario, demandRatio, seed: 1000 + seed }, 'validation');
          return { prepared, stock: runSimulation({ ...prepared, policy: stock }).objective };
        }),
      ),
    );
  }

  validate(
    episode: number,
    evaluator: Evaluator,
    normalisation: Normalisation,
    artefacts: ReadonlyMap<string, ModelArtefact>,
  ): ValidationPoint {
    const error = createErrorSum(evaluator, this.config.learner.candidates);
    let ratios = 0;
    let regret = 0;
    let size = 0;
    for (const { prepared, stock } of this.runs) {
      const { result, report } = playEpisode(prepared, {
        config: this.config,
        evaluator,
        normalisation,
        explorationRatio: 0,
        rng: createRng(prepared.seed),
        artefacts,
        record: (experience) => error.add(experience),
      });
      ratios += result.objective / stock;
      regret += report.regret;
      size += report.size;
    }
    return {
      episode,
      objectiveToStock: ratios / this.runs.length,
      regret: regret / size,
      advantageError: error.root(),
    };
  }
}

/** Squared distance of the advantages from what the candidates really cost. */
function createErrorSum(evaluator: Evaluator, candidates: number) {
  const advantages = new Float32Array(candidates);
  let squares = 0;
  let count = 0;
  return {
    add({ rows, count: kept, guide }: Experience): void {
      evaluator.advantages(rows.subarray(0, kept * ROW_COUNT), kept, advantages);
      let mean = 0;
      for (let k = 0; k < kept; k++) mean += (advantages[k] as number) / kept;
      for (let k = 0; k < kept; k++) {
        squares += ((advantages[k] as number) - mean - (guide[k] as number)) ** 2;
      }
      count += kept;
    },
    root: () => Math.sqrt(squares / Math.max(count, 1)),
  };
}
