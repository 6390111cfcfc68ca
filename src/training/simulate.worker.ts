import { workerData } from 'node:worker_threads';

import type { ModelArtefact } from '#domain';
import { prepareScenario, runSimulation } from '#simulator';
import type { PreparedScenario, Scenario, SimulationResult, WorkloadTraces } from '#simulator';

import { policyFactory } from './simulate-policies.ts';
import { packFailure } from './worker-failure.ts';
import type { WorkerFailure } from './worker-failure.ts';

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
export type SimulateAnswer = { readonly kind: 'done'; readonly result: SimulationResult } | WorkerFailure;

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
    return packFailure(error, 'MLS_TRAINING_SIMULATION');
  }
}
