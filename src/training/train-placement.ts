import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import type { ModelArtefact } from '#domain';
import { MlschedError } from '#kernel/errors';
import type { Progress } from '#kernel/progress';

import { placementConfig } from './placement-config.ts';
import type { PlacementBudget, PlacementTrainingConfig } from './placement-config.ts';
import { convergedAtEpisode } from './placement-curves.ts';
import type { PlacementCurves } from './placement-curves.ts';
import type { TrainedPlacement } from './placement-loop.ts';
import type { PlacementWorkerData, PlacementWorkerMessage } from './placement-worker.ts';

export interface TrainPlacementOptions {
  /** Root of the traces; the sample in the repository when absent. */
  readonly dataDirectory?: string;
  /** Trains and validates on this scenario alone; the usual mix when absent. */
  readonly scenario?: string;
  readonly seed: number;
  /** `demo`: a useful policy in well under a minute; `full`: the best one, at most 20 minutes on 2 cores. */
  readonly budget: PlacementBudget;
  /** Forecast and health models that the policy may look at. */
  readonly artefacts?: ReadonlyMap<string, ModelArtefact>;
  /** Goes on from a checkpoint found here, and writes new ones. */
  readonly checkpointDirectory?: string;
  /** Replaces single hyper-parameters of the budget. */
  readonly overrides?: Partial<PlacementTrainingConfig>;
  readonly progress: Progress;
}

export interface TrainPlacementReport {
  readonly artefact: ModelArtefact;
  /** Learning curves for the report. */
  readonly curves: PlacementCurves;
  /** Episode from which every validation stays within 5 % of the best; -1 = never. */
  readonly convergedAtEpisode: number;
}

const SAMPLE = join(import.meta.dirname, '../../data/sample');

/**
 * Trains the placement policy on the training split of the traces, in a worker thread, and returns the
 * network that did best on the validation split.
 *
 * @throws MlschedError from the data, a scenario or a checkpoint; `MLS_TRAINING_PLACEMENT` for anything else.
 */
export async function trainPlacement(options: TrainPlacementOptions): Promise<TrainPlacementReport> {
  const data: PlacementWorkerData = {
    dataDirectory: options.dataDirectory ?? SAMPLE,
    config: configOf(options),
    seed: options.seed,
    artefacts: options.artefacts ?? new Map<string, ModelArtefact>(),
    checkpointDirectory: options.checkpointDirectory,
  };
  const { artefact, curves } = await runWorker(data, options.progress);
  return { artefact, curves, convergedAtEpisode: convergedAtEpisode(curves.validations) };
}

function configOf(options: TrainPlacementOptions): PlacementTrainingConfig {
  const config = { ...placementConfig(options.budget), ...options.overrides };
  if (options.scenario === undefined) return config;
  const scenarios = [options.scenario];
  return { ...config, scenarios, validation: { ...config.validation, scenarios } };
}

async function runWorker(data: PlacementWorkerData, progress: Progress): Promise<TrainedPlacement> {
  const worker = new Worker(join(import.meta.dirname, 'placement-worker.ts'), { workerData: data });
  const finished = new Promise<TrainedPlacement>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', (code) =>
      reject(
        new MlschedError('MLS_TRAINING_PLACEMENT', `placement training ended early (code ${code})`, {
          kind: 'internal',
          hint: 'Run it again; with a checkpoint directory it goes on where it stopped.',
        }),
      ),
    );
    worker.on('message', (message: PlacementWorkerMessage) => {
      if (message.kind === 'progress') progress.report(message.done, message.total, message.note);
      else if (message.kind === 'done') resolve(message.trained);
      else reject(new MlschedError(message.code, message.message, message.fields));
    });
  });
  try {
    return await finished;
  } finally {
    await worker.terminate();
  }
}
