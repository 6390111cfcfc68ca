import { createRng } from '#kernel/rng';

import { buildNodes } from './nodes.ts';
import type { Scenario } from './scenario.ts';
import type { WorkloadTraces } from './traces.ts';
import type { RunOptions } from './world.ts';
import { buildWorkload } from './workload.ts';

/** What all policies of one seed share: the cluster and everything that will happen to it. */
export type PreparedScenario = Pick<RunOptions, 'scenario' | 'traces' | 'nodes' | 'workload' | 'seed'>;

/**
 * Builds nodes and workload of one seed. Costs more than many a run: prepare once, run every policy on it.
 *
 * @param demandRatio - Replaces the scenario's mean demand.
 */
export function prepareScenario(
  scenario: Scenario,
  traces: WorkloadTraces,
  seed: number,
  demandRatio = scenario.demandRatio,
): PreparedScenario {
  const set: Scenario = { ...scenario, demandRatio };
  const nodes = buildNodes(set, traces, createRng(seed).fork('nodes'));
  const workload = buildWorkload({ traces, scenario: set, nodes, seed });
  return { scenario: set, traces, nodes, workload, seed };
}
