import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Piscina } from 'piscina';
import {
  HORIZON_MINUTES,
  LOAD_TARGETS,
  type HorizonMinutes,
  type LoadTarget,
  type ModelArtefact,
  type RawLoadSeries,
} from '#domain';
import { MlschedError } from '#kernel/errors';
import type { Progress } from '#kernel/progress';
import { mergeForecasts, type HorizonFit } from '#models/forecast';

import { withTarget } from './forecast-data.ts';
import type { ForecastEffort } from './forecast-efforts.ts';
import { historyTooShort } from './forecast-errors.ts';
import type { FitDone, FitTask } from './forecast-fit-task.ts';
import type { FitAnswer, FitWorkerData } from './forecast-fit.worker.ts';

/** Workers beyond this add memory (each keeps its own rows) more than speed. */
const MOST_WORKERS = 4;

interface TrainRequest {
  /** Machines that may be seen; all when absent. */
  readonly machines?: readonly string[];
  readonly effort: ForecastEffort;
  /** Horizons to train; all when absent. */
  readonly horizons?: readonly HorizonMinutes[];
  /** Resources to train; all that the data carry when absent. */
  readonly targets?: readonly LoadTarget[];
  readonly seed: number;
  /** Model to go on from. */
  readonly continueFrom?: ModelArtefact;
  readonly progress: Progress;
}

interface TrainedParts {
  readonly artefact: ModelArtefact;
  readonly fits: readonly HorizonFit[];
  /** Training rows by resource. */
  readonly rows: Readonly<Record<string, number>>;
}

/** Trains (resource, horizon) models side by side, one thread each. The result does not depend on how many. */
export interface ForecastTrainer {
  train(request: TrainRequest): Promise<TrainedParts>;
  close(): Promise<void>;
}

/**
 * @param workers - Worker threads; the cores of the machine when absent, at most 4.
 * @remarks Threads instead of XGBoost's own: these wait in a spin, which on a busy machine costs several times the work.
 */
export function createForecastTrainer(
  series: readonly RawLoadSeries[],
  workers = availableParallelism(),
): ForecastTrainer {
  const threads = Math.max(1, Math.min(MOST_WORKERS, workers));
  const workerData: FitWorkerData = { series };
  const pool = new Piscina<FitTask, FitAnswer>({
    filename: join(import.meta.dirname, 'forecast-fit.worker.ts'),
    name: 'runTask',
    workerData,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
  });
  return {
    train: (request) => trainParts(series, request, async (task) => unwrap(await pool.run(task))),
    close: () => pool.destroy(),
  };
}

async function trainParts(
  series: readonly RawLoadSeries[],
  request: TrainRequest,
  run: (task: FitTask) => Promise<FitDone | undefined>,
): Promise<TrainedParts> {
  const { effort, seed, machines, continueFrom, progress } = request;
  const targets = (request.targets ?? LOAD_TARGETS).filter((target) => withTarget(series, target).length > 0);
  const tasks = targets.flatMap((target) =>
    (request.horizons ?? HORIZON_MINUTES).map((horizonMinutes): FitTask => {
      return {
        target,
        horizonMinutes,
        effort,
        seed,
        threads: 1,
        ...(machines === undefined ? {} : { machines }),
        ...(continueFrom === undefined ? {} : { continueFrom }),
      };
    }),
  );
  let done = 0;
  progress.report(0, tasks.length, 'training the load forecast');
  // All of them, also after a failure: no thread may be ended while it works in native code.
  const settled = await Promise.allSettled(
    tasks.map(async (task) => {
      const answer = await run(task);
      progress.report(++done, tasks.length, `trained ${task.target} at ${task.horizonMinutes} min`);
      return answer;
    }),
  );
  const trained = settled.flatMap((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value === undefined ? [] : [outcome.value];
  });
  if (trained.length === 0) throw historyTooShort(series.length);
  return {
    artefact: mergeForecasts(trained.map(({ artefact }) => artefact)),
    fits: trained.flatMap(({ fits }) => fits),
    rows: Object.fromEntries(trained.map(({ fits, rows }) => [fits[0]?.target ?? 'none', rows])),
  };
}

function unwrap(answer: FitAnswer): FitDone | undefined {
  if (answer.kind === 'done') return answer.result;
  throw new MlschedError(answer.code, answer.message, answer.fields);
}
