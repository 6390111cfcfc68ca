import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { Piscina } from 'piscina';

import { readPlacementData } from '#collect';
import type { ModelArtefact } from '#domain';
import { MlschedError } from '#kernel/errors';
import type { Progress } from '#kernel/progress';
import { selectTraces } from '#simulator';
import type { NodeLoadRecord, SimulationResult, Split } from '#simulator';

import { compareResults } from './simulate-compare.ts';
import type { SimulationComparison } from './simulate-compare.ts';
import { isOwnPolicy, policyFactory, policyNames } from './simulate-policies.ts';
import { loadScenario } from './simulate-scenarios.ts';
import type { SimulateAnswer, SimulateTask, SimulateWorkerData } from './simulate.worker.ts';

export interface SimulateOptions {
  /** Root of the traces; the sample in the repository when absent. */
  readonly dataDirectory?: string;
  /** Built-in name or path of a file; `hosts-24` when absent. */
  readonly scenario?: string;
  /** Names, or `all`; `all` leaves our own out when there are no artefacts. */
  readonly policies: readonly string[] | 'all';
  /** How many paired seeds: 1, 2, ... */
  readonly seeds: number;
  /** Mean demand instead of the scenario's own, 0..1 of capacity. */
  readonly demandRatio?: number;
  /** Which part of the data to use; `test` when absent: no training ever sees it. */
  readonly split?: Split;
  /** Trained models by name, for `mlsched` and its ablations. */
  readonly artefacts?: ReadonlyMap<string, ModelArtefact>;
  /** Also return node load over time, of the first seed. */
  readonly record?: boolean;
  /** Worker threads; one per core when absent. */
  readonly threads?: number;
  readonly progress: Progress;
}

/** The answer of `mlsched simulate` (docs/reference/cli.md), with what the report needs beside it. */
export interface SimulateReport extends SimulationComparison {
  readonly scenario: string;
  readonly description: string;
  readonly demandRatio: number;
  readonly split: Split;
  readonly seeds: readonly number[];
  /** Node load of the first seed by policy; empty unless asked for. */
  readonly series: Readonly<Record<string, NodeLoadRecord>>;
  readonly runs: readonly SimulationResult[];
}

const SAMPLE = join(import.meta.dirname, '../../data/sample');

/**
 * Runs policies over paired seeds of one scenario, in parallel, and compares them.
 *
 * @remarks All policies see the same arrivals and load curves per seed. Deterministic but for the decision
 *   times, whatever the number of threads.
 * @throws MlschedError for an unknown policy or scenario, or data that cannot be read.
 */
export async function simulate(options: SimulateOptions): Promise<SimulateReport> {
  const policies = options.policies === 'all' ? allPolicies(options) : [...new Set(options.policies)];
  checkOptions(options, policies);
  const scenario = await loadScenario(options.scenario ?? 'hosts-24');
  const demandRatio = options.demandRatio ?? scenario.demandRatio;
  const split = options.split ?? 'test';
  options.progress.report(0, 0, 'reading traces');
  const data = await readPlacementData(options.dataDirectory ?? SAMPLE);
  const seeds = Array.from({ length: options.seeds }, (_, i) => i + 1);
  const tasks = seeds.flatMap((seed) => policies.map((policy) => ({ policy, seed })));
  const workerData: SimulateWorkerData = {
    traces: selectTraces(data, split),
    scenario,
    demandRatio,
    artefacts: options.artefacts ?? new Map<string, ModelArtefact>(),
    record: options.record ?? false,
  };
  const runs = await runTasks(tasks, workerData, options);
  return {
    scenario: scenario.name,
    description: scenario.description,
    demandRatio,
    split,
    seeds,
    ...compareResults(runs, policies),
    series: Object.fromEntries(
      runs.flatMap(({ seed, policy, series }) => (seed === 1 && series ? [[policy, series] as const] : [])),
    ),
    runs: runs.map((run) => ({ ...run, series: undefined })),
  };
}

/** Everything that can run: our own policies only when there are models to make them from. */
function allPolicies({ artefacts }: SimulateOptions): string[] {
  const hasModels = artefacts !== undefined && artefacts.size > 0;
  return policyNames().filter((name) => hasModels || !isOwnPolicy(name));
}

function checkOptions(options: SimulateOptions, policies: readonly string[]): void {
  for (const policy of policies) policyFactory(policy);
  const isValidSeeds = Number.isInteger(options.seeds) && options.seeds >= 1;
  const demand = options.demandRatio ?? 0.5;
  const isValidDemand = demand > 0 && demand <= 1;
  if (isValidSeeds && isValidDemand && policies.length > 0) return;
  throw new MlschedError(
    'MLS_TRAINING_SIMULATE_OPTIONS',
    `cannot simulate ${policies.length} policies on ${options.seeds} seeds at demand ${demand}`,
    { kind: 'invalid-input', hint: 'give at least one policy, seeds >= 1 and a demand in 0..1' },
  );
}

/** Runs all tasks on a pool of workers and returns their results in the order of the tasks. */
async function runTasks(
  tasks: readonly SimulateTask[],
  workerData: SimulateWorkerData,
  options: SimulateOptions,
): Promise<SimulationResult[]> {
  const threads = Math.max(1, Math.min(options.threads ?? availableParallelism(), tasks.length));
  const pool = new Piscina<SimulateTask, SimulateAnswer>({
    filename: join(import.meta.dirname, 'simulate.worker.ts'),
    name: 'runTask',
    workerData,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
  });
  let done = 0;
  options.progress.report(0, tasks.length, 'simulating');
  try {
    return await Promise.all(
      tasks.map(async (task) => {
        const result = unwrap(await pool.run(task));
        options.progress.report(++done, tasks.length, `${task.policy}, seed ${task.seed}`);
        return result;
      }),
    );
  } finally {
    await pool.destroy();
  }
}

function unwrap(answer: SimulateAnswer): SimulationResult {
  if (answer.kind === 'done') return answer.result;
  throw new MlschedError(answer.code, answer.message, answer.fields);
}
