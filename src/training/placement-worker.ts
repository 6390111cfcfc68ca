import { parentPort, workerData } from 'node:worker_threads';

import { readPlacementData } from '#collect';
import type { ModelArtefact } from '#domain';

import type { PlacementTrainingConfig } from './placement-config.ts';
import { runPlacementLoop } from './placement-loop.ts';
import type { TrainedPlacement } from './placement-loop.ts';
import { loadScenario } from './simulate-scenarios.ts';
import { packFailure } from './worker-failure.ts';
import type { WorkerFailure } from './worker-failure.ts';

/** What the worker is started with. */
export interface PlacementWorkerData {
  readonly dataDirectory: string;
  readonly config: PlacementTrainingConfig;
  readonly seed: number;
  readonly artefacts: ReadonlyMap<string, ModelArtefact>;
  readonly checkpointDirectory: string | undefined;
}

/** What it sends; errors lose their class between threads, so they travel as data. */
export type PlacementWorkerMessage =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number; readonly note: string }
  | { readonly kind: 'done'; readonly trained: TrainedPlacement }
  | WorkerFailure;

const port = parentPort;
if (port !== null) {
  const send = (message: PlacementWorkerMessage): void => port.postMessage(message);
  send(await train(workerData as PlacementWorkerData, send));
}

async function train(
  { dataDirectory, config, seed, artefacts, checkpointDirectory }: PlacementWorkerData,
  send: (message: PlacementWorkerMessage) => void,
): Promise<PlacementWorkerMessage> {
  try {
    const names = new Set([...config.scenarios, ...config.validation.scenarios]);
    const scenarios = new Map(
      await Promise.all([...names].map(async (name) => [name, await loadScenario(name)] as const)),
    );
    const trained = await runPlacementLoop({
      data: await readPlacementData(dataDirectory),
      scenarios,
      config,
      seed,
      artefacts,
      checkpointDirectory,
      progress: {
        report: (done, total, note = '') => send({ kind: 'progress', done, total, note }),
      },
    });
    return { kind: 'done', trained };
  } catch (error) {
    return packFailure(error, 'MLS_TRAINING_PLACEMENT');
  }
}
