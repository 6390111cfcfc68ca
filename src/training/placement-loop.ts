import type { PlacementData } from '#collect';
import type { ModelArtefact } from '#domain';
import type { Progress } from '#kernel/progress';
import { createRng } from '#kernel/rng';
import {
  ColumnMoments,
  ROW_COUNT,
  ReplayMemory,
  createBatch,
  createEvaluator,
  createLearner,
  identityNormalisation,
  initialLearnerState,
  normaliseRows,
  savePlacementModel,
} from '#models/placement';
import type { Experience, Learner, Normalisation, Parameters, TrainingBatch } from '#models/placement';
import type { Scenario } from '#simulator';

import { readCheckpoint, writeCheckpoint } from './placement-checkpoint.ts';
import type { PlacementCheckpoint } from './placement-checkpoint.ts';
import type { PlacementTrainingConfig } from './placement-config.ts';
import { bestValidation } from './placement-curves.ts';
import type { EpisodePoint, PlacementCurves } from './placement-curves.ts';
import { EpisodeStage, planEpisode, playEpisode } from './placement-episodes.ts';
import { PlacementValidator } from './placement-validation.ts';
import type { ValidationPoint } from './placement-validation.ts';

export interface PlacementLoopOptions {
  readonly data: PlacementData;
  readonly scenarios: ReadonlyMap<string, Scenario>;
  readonly config: PlacementTrainingConfig;
  readonly seed: number;
  /** Forecast and health models that the trainee sees, if any. */
  readonly artefacts: ReadonlyMap<string, ModelArtefact>;
  readonly checkpointDirectory: string | undefined;
  readonly progress: Progress;
  /** Stops after this many episodes, as an interruption would; the checkpoint allows to go on. */
  readonly stopAfterEpisodes?: number;
}

export interface TrainedPlacement {
  readonly artefact: ModelArtefact;
  readonly curves: PlacementCurves;
}

/**
 * Trains a placement network: plays an episode, learns from the memory, now and then validates and keeps the
 * best network. Goes on from a checkpoint when there is one.
 *
 * @remarks Every random stream is drawn from the seed and the episode's number, so a resumed run continues
 *   bit for bit.
 */
export async function runPlacementLoop(options: PlacementLoopOptions): Promise<TrainedPlacement> {
  const { config, seed, checkpointDirectory } = options;
  const found =
    checkpointDirectory === undefined ? undefined : await readCheckpoint(checkpointDirectory, config, seed);
  const loop = await PlacementLoop.open(options, found);
  try {
    const last = Math.min(config.episodes, options.stopAfterEpisodes ?? config.episodes);
    while (loop.episode < last) {
      await loop.runEpisode();
      const isDue = loop.episode % config.checkpointEvery === 0 || loop.episode === last;
      if (checkpointDirectory !== undefined && isDue) {
        await writeCheckpoint(checkpointDirectory, config, loop.checkpoint());
      }
    }
    return loop.finish();
  } finally {
    await loop.close();
  }
}

class PlacementLoop {
  episode = 0;
  private readonly options: PlacementLoopOptions;
  private readonly stage: EpisodeStage;
  private readonly learner: Learner;
  private readonly memory: ReplayMemory;
  private readonly batch: TrainingBatch;
  private readonly validator: PlacementValidator;
  private normalisation: Normalisation = identityNormalisation(ROW_COUNT);
  private best: Parameters = new Map();
  private readonly episodes: EpisodePoint[] = [];
  private readonly validations: ValidationPoint[] = [];

  private constructor(options: PlacementLoopOptions, learner: Learner) {
    const { config } = options;
    this.options = options;
    this.learner = learner;
    this.stage = new EpisodeStage(options.data);
    this.memory = new ReplayMemory(config.replay, config.learner.batch);
    this.batch = createBatch(config.learner);
    this.validator = new PlacementValidator(config, this.stage, options.scenarios);
  }

  static async open(
    options: PlacementLoopOptions,
    found: PlacementCheckpoint | undefined,
  ): Promise<PlacementLoop> {
    const { learner: learnerConfig } = options.config;
    const state = found?.learner ?? initialLearnerState(learnerConfig.shape, options.seed);
    const loop = new PlacementLoop(options, await createLearner(learnerConfig, state));
    if (found === undefined) loop.playGuided();
    else loop.takeOver(found);
    return loop;
  }

  /** Plays, learns, and validates when due. */
  async runEpisode(): Promise<void> {
    const { config, seed, scenarios, artefacts, progress } = this.options;
    const plan = planEpisode(config, scenarios, config.guidedEpisodes + this.episode, seed);
    const rng = createRng(seed).fork(`episode-${this.episode}`);
    const { report } = playEpisode(this.stage.prepare(plan, 'train'), {
      config,
      evaluator: createEvaluator(config.learner.shape, this.learner.parameters()),
      normalisation: this.normalisation,
      explorationRatio: explorationAt(config, this.episode),
      rng: rng.fork('exploration'),
      artefacts,
      record: (experience) => this.memory.add(experience),
    });
    this.memory.endEpisode();
    const learned = await this.learn(rng.fork('draws'));
    this.episodes.push({
      episode: this.episode,
      scenario: plan.scenario.name,
      demandRatio: plan.demandRatio,
      ...learned,
      regret: report.regret / Math.max(report.size, 1e-9),
    });
    this.episode++;
    if (this.episode % config.validation.every === 0 || this.episode === config.episodes) this.validate();
    const regret = this.validations.at(-1)?.objectiveToStock;
    const note = regret === undefined ? plan.scenario.name : `objective ${regret.toFixed(3)} of stock`;
    progress.report(this.episode, config.episodes, `episode ${this.episode}, ${note}`);
  }

  checkpoint(): PlacementCheckpoint {
    return {
      seed: this.options.seed,
      episode: this.episode,
      learner: this.learner.state(),
      replay: this.memory.snapshot(),
      normalisationMean: this.normalisation.mean,
      normalisationInverseSd: this.normalisation.inverseSd,
      best: this.best,
      curves: this.curves(),
    };
  }

  finish(): TrainedPlacement {
    if (this.best.size === 0) this.validate();
    const artefact = savePlacementModel({
      shape: this.options.config.learner.shape,
      parameters: this.best,
      normalisation: this.normalisation,
      advantageError: bestValidation(this.validations)?.advantageError ?? 0,
    });
    return { artefact, curves: this.curves() };
  }

  close(): Promise<void> {
    return this.learner.close();
  }

  private takeOver(found: PlacementCheckpoint): void {
    this.episode = found.episode;
    this.memory.restore(found.replay);
    this.normalisation = { mean: found.normalisationMean, inverseSd: found.normalisationInverseSd };
    this.best = found.best;
    this.episodes.push(...found.curves.episodes);
    this.validations.push(...found.curves.validations);
  }

  /** First experience: follows the guide with exploration; its rows give the normalisation. */
  private playGuided(): void {
    const { config, seed, scenarios, artefacts, progress } = this.options;
    const moments = new ColumnMoments(ROW_COUNT);
    const kept: (Experience | 'end')[] = [];
    for (let episode = 0; episode < config.guidedEpisodes; episode++) {
      const plan = planEpisode(config, scenarios, episode, seed);
      progress.report(0, config.episodes, `first experience, ${plan.scenario.name}`);
      playEpisode(this.stage.prepare(plan, 'train'), {
        config,
        evaluator: undefined,
        normalisation: identityNormalisation(ROW_COUNT),
        explorationRatio: 0.3,
        rng: createRng(seed).fork(`guided-${episode}`),
        artefacts,
        record: (experience) => {
          moments.add(experience.rows, experience.count);
          kept.push(copyExperience(experience));
        },
      });
      kept.push('end');
    }
    this.normalisation = moments.finish();
    for (const experience of kept) this.remember(experience);
  }

  private remember(experience: Experience | 'end'): void {
    if (experience === 'end') {
      this.memory.endEpisode();
      return;
    }
    normaliseRows(this.normalisation, experience.rows, experience.count);
    this.memory.add(experience);
  }

  private async learn(rng: ReturnType<typeof createRng>): Promise<{ tdError: number; guideLoss: number }> {
    const { config } = this.options;
    const rates = {
      learningRate: learningRateAt(config, this.episode),
      qRate: config.qRate,
      guideRate: 1,
    };
    let tdError = 0;
    let guideLoss = 0;
    for (let step = 0; step < config.stepsPerEpisode; step++) {
      this.memory.draw(this.batch, rng, config.importanceExponent);
      const report = await this.learner.step(this.batch, rates);
      this.memory.reportErrors(report.tdError);
      for (const error of report.tdError) {
        tdError += error / report.tdError.length / config.stepsPerEpisode;
      }
      guideLoss += report.guideLoss / config.stepsPerEpisode;
    }
    return { tdError, guideLoss };
  }

  private validate(): void {
    const parameters = this.learner.averagedParameters();
    const evaluator = createEvaluator(this.options.config.learner.shape, parameters);
    const point = this.validator.validate(
      this.episode,
      evaluator,
      this.normalisation,
      this.options.artefacts,
    );
    this.validations.push(point);
    if (bestValidation(this.validations) === point) this.best = parameters;
  }

  private curves(): PlacementCurves {
    return {
      episodes: [...this.episodes],
      validations: [...this.validations],
      bestEpisode: bestValidation(this.validations)?.episode ?? -1,
    };
  }
}

function explorationAt(config: PlacementTrainingConfig, episode: number): number {
  const { explorationFirst, explorationLast } = config;
  return (
    explorationFirst + (explorationLast - explorationFirst) * (episode / Math.max(config.episodes - 1, 1))
  );
}

function learningRateAt(config: PlacementTrainingConfig, episode: number): number {
  const share = 0.5 * (1 + Math.cos((Math.PI * episode) / config.episodes));
  return config.learningRate * (0.05 + 0.95 * share);
}

function copyExperience(experience: Experience): Experience {
  return {
    ...experience,
    rows: experience.rows.slice(0, experience.count * ROW_COUNT),
    guide: experience.guide.slice(0, experience.count),
  };
}
