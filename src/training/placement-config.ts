import { CONTEXT_COUNT, DEFAULT_REWARD_CONFIG, ROW_COUNT } from '#models/placement';
import type { LearnerConfig, ReplayConfig, RewardConfig } from '#models/placement';

/** Every hyper-parameter of placement training, one line each. */
export interface PlacementTrainingConfig {
  readonly reward: RewardConfig;
  readonly learner: LearnerConfig;
  readonly replay: ReplayConfig;
  /** Episodes in which the network learns; one episode is one simulated run. */
  readonly episodes: number;
  /** Episodes before them that follow the guide with exploration; they also set the normalisation. */
  readonly guidedEpisodes: number;
  /** Training steps after each episode. */
  readonly stepsPerEpisode: number;
  /** First learning rate; falls by a cosine to a twentieth. */
  readonly learningRate: number;
  /** Share of the Q loss beside the imitation loss of weight 1; 0 = imitation alone. */
  readonly qRate: number;
  /** Share of random decisions, first and last episode; linear between. */
  readonly explorationFirst: number;
  readonly explorationLast: number;
  /** Exponent that corrects for uneven draws. */
  readonly importanceExponent: number;
  /** Scenarios that episodes go through in turn, and the demands in turn. */
  readonly scenarios: readonly string[];
  readonly demandRatios: readonly number[];
  /** Length of a training run: warm-up and measured span, minutes. */
  readonly warmUpMinutes: number;
  readonly measuredMinutes: number;
  /** Times each prepared workload is played, with other exploration each time. */
  readonly playsPerWorkload: number;
  readonly validation: ValidationConfig;
  /** Episodes between two checkpoints. */
  readonly checkpointEvery: number;
}

/** On what the best network is chosen. */
interface ValidationConfig {
  readonly scenarios: readonly string[];
  readonly demandRatios: readonly number[];
  readonly seeds: number;
  /** Episodes between two validations. */
  readonly every: number;
  readonly warmUpMinutes: number;
  readonly measuredMinutes: number;
}

export type PlacementBudget = 'demo' | 'full';

const CANDIDATES = 16;
const GAMMA = 0.6;

const FULL: PlacementTrainingConfig = {
  reward: DEFAULT_REWARD_CONFIG,
  learner: {
    shape: { inputs: ROW_COUNT, contextInputs: CONTEXT_COUNT, hidden: [64, 48], valueHidden: [24] },
    batch: 64,
    candidates: CANDIDATES,
    clipNorm: 5,
    targetRate: 0.005,
  },
  replay: {
    capacity: 60_000,
    candidates: CANDIDATES,
    columns: ROW_COUNT,
    steps: 3,
    gamma: GAMMA,
    priorityExponent: 0.4,
  },
  episodes: 175,
  guidedEpisodes: 15,
  stepsPerEpisode: 120,
  learningRate: 1e-3,
  qRate: 0.3,
  explorationFirst: 0.25,
  explorationLast: 0.05,
  importanceExponent: 0.6,
  scenarios: ['hosts-24', 'skewed', 'burst-100', 'node-failure', 'hydatis'],
  demandRatios: [0.6, 0.75, 0.45],
  warmUpMinutes: 360,
  measuredMinutes: 300,
  playsPerWorkload: 2,
  validation: {
    scenarios: ['hosts-24', 'burst-100', 'skewed', 'node-failure'],
    demandRatios: [0.6, 0.75],
    seeds: 2,
    every: 25,
    warmUpMinutes: 480,
    measuredMinutes: 360,
  },
  checkpointEvery: 10,
};

const DEMO: PlacementTrainingConfig = {
  ...FULL,
  replay: { ...FULL.replay, capacity: 20_000 },
  episodes: 30,
  guidedEpisodes: 5,
  stepsPerEpisode: 80,
  warmUpMinutes: 240,
  measuredMinutes: 240,
  validation: { ...FULL.validation, seeds: 1, every: 10, warmUpMinutes: 300, measuredMinutes: 240 },
};

/** The hyper-parameters of a budget: `demo` for a useful policy in well under a minute, `full` for the best. */
export function placementConfig(budget: PlacementBudget): PlacementTrainingConfig {
  return budget === 'demo' ? DEMO : FULL;
}
