import type { ModelArtefact } from '#domain';
import { createTrainee } from '#models/placement';
import type { Evaluator, Experience, Normalisation, TraineeReport } from '#models/placement';
import type { Rng } from '#kernel/rng';
import { prepareScenario, runSimulation, selectTraces } from '#simulator';
import type { PreparedScenario, Scenario, SimulationResult, Split, WorkloadTraces } from '#simulator';
import type { PlacementData } from '#collect';

import type { PlacementTrainingConfig } from './placement-config.ts';

/** Where in the rotation of scenarios and demands an episode stands, and on which workload it plays. */
export interface EpisodePlan {
  readonly scenario: Scenario;
  readonly demandRatio: number;
  readonly seed: number;
}

/** The scenarios of a training run, cut to length. */
export function planEpisode(
  config: PlacementTrainingConfig,
  scenarios: ReadonlyMap<string, Scenario>,
  episode: number,
  seed: number,
): EpisodePlan {
  const workload = Math.floor(episode / config.playsPerWorkload);
  const turn = workload % config.scenarios.length;
  const lap = Math.floor(workload / config.scenarios.length);
  const scenario = scenarios.get(config.scenarios[turn] as string) as Scenario;
  return {
    scenario: shorten(scenario, config),
    demandRatio: config.demandRatios[(lap + turn) % config.demandRatios.length] as number,
    seed: seed * 100_000 + workload,
  };
}

interface Spans {
  readonly warmUpMinutes: number;
  readonly measuredMinutes: number;
}

/** Cuts a scenario's spans; bursts and failures that would lie beyond the end are moved into it. */
export function shorten(scenario: Scenario, { warmUpMinutes, measuredMinutes }: Spans): Scenario {
  const within = (minutes: number): number => minutes % Math.max(measuredMinutes - 30, 30);
  return {
    ...scenario,
    warmUpMinutes: Math.min(scenario.warmUpMinutes, warmUpMinutes),
    takeOverMinutes: Math.min(scenario.takeOverMinutes, warmUpMinutes),
    measuredMinutes: Math.min(scenario.measuredMinutes, measuredMinutes),
    bursts: scenario.bursts.map((burst) => ({
      ...burst,
      atMinutes: [...new Set(burst.atMinutes.map(within))],
    })),
    failures: scenario.failures.map((failure) => ({ ...failure, atMinutes: within(failure.atMinutes) })),
  };
}

/** Traces of a split, selected once, and the workload prepared last. */
export class EpisodeStage {
  private readonly data: PlacementData;
  private readonly traces = new Map<Split, WorkloadTraces>();
  private prepared: PreparedScenario | undefined;
  private preparedFor = '';

  constructor(data: PlacementData) {
    this.data = data;
  }

  prepare(plan: EpisodePlan, split: Split): PreparedScenario {
    const key = [
      split,
      plan.scenario.name,
      plan.demandRatio,
      plan.seed,
      plan.scenario.measuredMinutes,
    ].join();
    if (this.prepared === undefined || this.preparedFor !== key) {
      this.prepared = prepareScenario(plan.scenario, this.tracesOf(split), plan.seed, plan.demandRatio);
      this.preparedFor = key;
    }
    return this.prepared;
  }

  private tracesOf(split: Split): WorkloadTraces {
    const known = this.traces.get(split) ?? selectTraces(this.data, split);
    this.traces.set(split, known);
    return known;
  }
}

export interface RolloutOptions {
  readonly config: PlacementTrainingConfig;
  readonly evaluator: Evaluator | undefined;
  readonly normalisation: Normalisation;
  readonly explorationRatio: number;
  readonly rng: Rng;
  readonly artefacts: ReadonlyMap<string, ModelArtefact>;
  readonly record: (experience: Experience) => void;
}

export interface Rollout {
  readonly result: SimulationResult;
  readonly report: TraineeReport;
}

/** Plays one run with the trainee and returns what it gave away. */
export function playEpisode(prepared: PreparedScenario, options: RolloutOptions): Rollout {
  let report: TraineeReport = { decisions: 0, regret: 0, size: 0 };
  const result = runSimulation({
    ...prepared,
    artefacts: options.artefacts,
    policy: ({ future }) => {
      if (future === undefined) throw new Error('the simulator gave the trainee no future to learn from');
      const trainee = createTrainee({
        ...options,
        reward: options.config.reward,
        candidates: options.config.learner.candidates,
        future,
      });
      report = trainee.report;
      return trainee;
    },
  });
  return { result, report };
}
