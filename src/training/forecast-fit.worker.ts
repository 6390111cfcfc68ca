import { workerData } from 'node:worker_threads';
import type { RawLoadSeries } from '#domain';
import { isMlschedError, messageOf, type ErrorFields } from '#kernel/errors';

import type { FitDone, FitTask } from './forecast-fit-task.ts';

/** What every worker gets once. */
export interface FitWorkerData {
  readonly series: readonly RawLoadSeries[];
}

/** Errors cross the thread as data: a class would not survive. */
export type FitAnswer =
  | { readonly kind: 'done'; readonly result: FitDone | undefined }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly fields: ErrorFields;
    };

const { series } = workerData as FitWorkerData;

/**
 * Entry point of the pool.
 *
 * @remarks The native library is loaded here and not at the top of the file: a thread that is ended while it loads a
 *   native module takes the process with it, and an idle thread may be ended at any time.
 */
export async function runTask(task: FitTask): Promise<FitAnswer> {
  try {
    const { runFitTask } = await import('./forecast-fit-task.ts');
    return { kind: 'done', result: runFitTask(series, task) };
  } catch (error) {
    const message = messageOf(error);
    if (!isMlschedError(error)) {
      return { kind: 'failed', code: 'MLS_TRAINING_FORECAST', message, fields: { kind: 'internal' } };
    }
    const { code, kind, hint, details } = error;
    const fields = { kind, details, ...(hint === undefined ? {} : { hint }) };
    return { kind: 'failed', code, message, fields };
  }
}
