import { parentPort, workerData } from 'node:worker_threads';

import { readPlacementData } from '#collect';
import type { ModelArtefact } from '#domain';
import { isMlschedError, messageOf } from '#kernel/errors';
import type { ErrorFields } from '#kernel/errors';

import type { PlacementTrainingConfig } from './placement-config.ts';
import { runPlacementLoop } from './placement-loop.ts';
import type { TrainedPlacement } from './placement-loop.ts';
import { loadScenario } from './simulate-scenarios.ts';

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
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly fields: ErrorFields;
    };

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
    return failure(error);
  }
}

function failure(error: unknown): PlacementWorkerMessage {
  const message = messageOf(error);
  if (!isMlschedError(error)) {
    const hint = error instanceof Error ? (error.stack ?? '') : '';
    return { kind: 'failed', code: 'MLS_TRAINING_PLACEMENT', message, fields: { kind: 'internal', hint } };
  }
  const { code, kind, hint, details } = error;
  return {
    kind: 'failed',
    code,
    message,
    fields: { kind, details, ...(hint === undefined ? {} : { hint }) },
  };
}
