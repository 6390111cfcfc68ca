import type { NodeSpec } from '#domain';
import { GIB } from '#kernel/units';
import type { Rng } from '#kernel/rng';

import { tracesTooSmall } from './errors.ts';
import type { Scenario } from './scenario.ts';
import { BACKGROUND_STEP_SECONDS } from './traces.ts';
import type { BackgroundTrace, WorkloadTraces } from './traces.ts';

/** A simulated node: what the scheduler is told, and the system load that it only sees in the metrics. */
export interface SimulatedNode {
  readonly spec: NodeSpec;
  readonly background: BackgroundLoad | undefined;
}

export interface BackgroundLoad {
  readonly trace: BackgroundTrace;
  /** Where in the trace the run starts, in trace steps. */
  readonly firstStep: number;
  /** Share of the node's capacity at the trace's full scale. */
  readonly cpuScaleRatio: number;
  readonly memoryScaleRatio: number;
  /** Steady CPU load below the trace, share of capacity. */
  readonly cpuFloorRatio: number;
}

/** Builds the nodes of a scenario; the random stream deals background traces and traced shapes. */
export function buildNodes(scenario: Scenario, traces: WorkloadTraces, rng: Rng): SimulatedNode[] {
  const nodes: SimulatedNode[] = [];
  const add = (cpuMillicores: number, memoryBytes: number, group: NodeTraits): void => {
    const spec = nodeSpec(`node-${String(nodes.length).padStart(4, '0')}`, cpuMillicores, memoryBytes);
    nodes.push({
      spec: { ...spec, ...capacityLimits(scenario, spec, group) },
      background: dealBackground(traces, group, rng),
    });
  };
  for (const group of scenario.nodeGroups) {
    for (let i = 0; i < group.count; i++) add(group.cpuMillicores, Math.round(group.memoryGib * GIB), group);
  }
  const traced = scenario.tracedNodes;
  if (traced === undefined) return nodes;
  if (traces.nodeShapes.length === 0) throw tracesTooSmall('no node shapes', 'add openb/nodes.parquet');
  for (let i = 0; i < traced.count; i++) {
    const shape = traces.nodeShapes[rng.int(traces.nodeShapes.length)];
    if (shape === undefined) continue;
    add(Math.round(shape.cpuMillicores * traced.scale), Math.round(shape.memoryBytes * traced.scale), {
      isSchedulable: true,
      backgroundRatio: traced.backgroundRatio,
      backgroundFloorRatio: traced.backgroundFloorRatio,
      backgroundMemoryRatio: traced.backgroundMemoryRatio,
    });
  }
  return nodes;
}

interface NodeTraits {
  readonly isSchedulable: boolean;
  readonly backgroundRatio: number;
  readonly backgroundFloorRatio: number;
  readonly backgroundMemoryRatio: number;
}

function nodeSpec(name: string, cpuCapacityMillicores: number, memoryCapacityBytes: number) {
  return { name, cpuCapacityMillicores, memoryCapacityBytes };
}

function capacityLimits(
  scenario: Scenario,
  spec: ReturnType<typeof nodeSpec>,
  group: NodeTraits,
): Omit<NodeSpec, keyof ReturnType<typeof nodeSpec>> {
  const kept = 1 - scenario.reservedRatio;
  return {
    cpuAllocatableMillicores: Math.floor(spec.cpuCapacityMillicores * kept),
    memoryAllocatableBytes: Math.floor(spec.memoryCapacityBytes * kept),
    podsAllocatable: scenario.podsPerNode,
    isSchedulable: group.isSchedulable,
  };
}

function dealBackground(traces: WorkloadTraces, group: NodeTraits, rng: Rng): BackgroundLoad | undefined {
  const trace = traces.background[rng.int(Math.max(traces.background.length, 1))];
  if (trace === undefined) return undefined;
  return {
    trace,
    firstStep: rng.int(trace.cpuUsageRatio.length),
    cpuScaleRatio: group.backgroundRatio,
    memoryScaleRatio: group.backgroundMemoryRatio,
    cpuFloorRatio: group.backgroundFloorRatio,
  };
}

/** CPU and memory of a node's background load, ratios of its capacity, `seconds` after the run's start. */
export function backgroundAt(load: BackgroundLoad, seconds: number): { cpu: number; memory: number } {
  const length = load.trace.cpuUsageRatio.length;
  const step = (load.firstStep + Math.floor(seconds / BACKGROUND_STEP_SECONDS)) % length;
  return {
    cpu: Math.min(load.cpuFloorRatio + (load.trace.cpuUsageRatio[step] as number) * load.cpuScaleRatio, 1),
    memory: (load.trace.memoryUsageRatio[step] as number) * load.memoryScaleRatio,
  };
}
