import { workerData } from 'node:worker_threads';

import type { ModelArtefact } from '#domain';
import { isMlschedError, messageOf } from '#kernel/errors';
import type { ErrorFields } from '#kernel/errors';
import { prepareScenario, runSimulation } from '#simulator';
import type { PreparedScenario, Scenario, SimulationResult, WorkloadTraces } from '#simulator';

import { policyFactory } from './simulate-policies.ts';

/** What each worker gets once. */
export interface SimulateWorkerData {
  readonly traces: WorkloadTraces;
  readonly scenario: Scenario;
  readonly demandRatio: number;
  readonly artefacts: ReadonlyMap<string, ModelArtefact>;
  readonly record: boolean;
}

/** One run: one policy on one seed. */
export interface SimulateTask {
  readonly policy: string;
  readonly seed: number;
}

/** Errors lose their class and fields between threads, so they travel as data. */
export type SimulateAnswer =
  | { readonly kind: 'done'; readonly result: SimulationResult }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly fields: ErrorFields;
    };

const shared = workerData as SimulateWorkerData;
let prepared: PreparedScenario | undefined;

/** Runs one task; the scenario of the last seed is kept, since tasks come seed by seed. */
export function runTask(task: SimulateTask): SimulateAnswer {
  try {
    if (prepared?.seed !== task.seed) {
      prepared = prepareScenario(shared.scenario, shared.traces, task.seed, shared.demandRatio);
    }
    const result = runSimulation({
      ...prepared,
      policy: policyFactory(task.policy),
      artefacts: shared.artefacts,
      record: shared.record,
      nowMicros: () => performance.now() * 1000,
    });
    return { kind: 'done', result };
  } catch (error) {
    return failure(error);
  }
}

function failure(error: unknown): SimulateAnswer {
  const message = messageOf(error);
  if (!isMlschedError(error)) {
    const hint = error instanceof Error ? (error.stack ?? '') : '';
    return { kind: 'failed', code: 'MLS_TRAINING_SIMULATION', message, fields: { kind: 'internal', hint } };
  }
  const { code, kind, hint, details } = error;
  return {
    kind: 'failed',
    code,
    message,
    fields: { kind, details, ...(hint === undefined ? {} : { hint }) },
  };
}
