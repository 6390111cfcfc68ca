import { createRng } from '#kernel/rng';
import { bindPod, createClusterState, observeWorkloads, pruneRecent, recordScrape } from '#domain';
import type { ClusterState, ModelArtefact, PodSpec } from '#domain';
import { MIB } from '#kernel/units';

import { createAccounting } from './accounting.ts';
import type { Accounting, StepSample } from './accounting.ts';
import { createBurstSpread } from './burst-spread.ts';
import type { BurstSpread } from './burst-spread.ts';
import { createDemand } from './demand.ts';
import type { Demand } from './demand.ts';
import { createDepartures } from './departures.ts';
import type { Departures } from './departures.ts';
import { createFutureBook } from './future.ts';
import type { FutureBook } from './future.ts';
import { createLatencyHistogram } from './latency.ts';
import type { LatencyHistogram } from './latency.ts';
import { backgroundAt } from './nodes.ts';
import type { SimulatedNode } from './nodes.ts';
import { createPodTracker, reserveSlot } from './pod-tracker.ts';
import type { PodTracker } from './pod-tracker.ts';
import { createStock } from './policies/stock.ts';
import type { Scenario } from './scenario.ts';
import type { WorkloadTraces } from './traces.ts';
import type { PlacementPolicy, PolicyFactory } from './types.ts';
import { podSpecOf } from './workload.ts';
import type { Workload } from './workload.ts';

/** Everything that one run needs. */
export interface RunOptions {
  readonly scenario: Scenario;
  readonly traces: WorkloadTraces;
  readonly nodes: readonly SimulatedNode[];
  readonly workload: Workload;
  readonly policy: PolicyFactory;
  readonly seed: number;
  readonly artefacts?: ReadonlyMap<string, ModelArtefact>;
  /** Record node load for a heat map. */
  readonly record?: boolean;
  /** A microsecond clock; without it decisions are not timed. */
  readonly nowMicros?: () => number;
  /** Sees the true demand of each accounting step, warm-up too: for rewards in training, never for decisions. */
  readonly onStep?: (sample: StepSample) => void;
  readonly onOomKill?: (node: number) => void;
  readonly onProgress?: (doneRatio: number) => void;
}

/** A pod that waits for a node. */
export interface PendingPod {
  readonly uid: number;
  readonly notBeforeSeconds: number;
  /** When it first asked, for the waiting time. */
  readonly sinceSeconds: number;
}

/** Nodes that fail, or come back, at one time. */
interface Outage {
  readonly atSeconds: number;
  readonly nodes: readonly number[];
  readonly downSeconds: number;
  readonly rescheduleSeconds: number;
}

/** The whole state of a run. */
export interface World {
  readonly options: RunOptions;
  readonly state: ClusterState;
  readonly tracker: PodTracker;
  readonly demand: Demand;
  readonly departures: Departures;
  readonly accounting: Accounting;
  readonly latency: LatencyHistogram;
  readonly policy: PlacementPolicy;
  readonly stock: PlacementPolicy;
  readonly future: FutureBook;
  readonly bursts: BurstSpread;
  readonly loads: NodeLoads;
  readonly feasible: Int32Array;
  pending: PendingPod[];
  readonly outages: Outage[];
  readonly recoveries: Outage[];
  nextArrival: number;
  placements: number;
  abstentions: number;
  isTakenOver: boolean;
  /** Something ended since the queue was last tried. */
  hasFreedRoom: boolean;
  nowSeconds(): number;
  setNow(seconds: number): void;
  specOf(uid: number): PodSpec;
  /** Sums the demand of all pods and the background per node for the step that begins at a time. */
  sumDemand(fromSeconds: number): void;
}

/** Per-node work arrays of one accounting step. */
interface NodeLoads {
  readonly cpuDemandMillicores: Float64Array;
  readonly memoryDemandBytes: Float64Array;
  readonly cpuUsageRatio: Float64Array;
  readonly memoryUsageRatio: Float64Array;
  readonly isCounted: Uint8Array;
}

export function createWorld(options: RunOptions): World {
  const { scenario, nodes, workload, traces, seed } = options;
  const specs = nodes.map(({ spec }) => spec);
  const daemonOwner = workload.owners.length;
  const state = createClusterState(specs, daemonOwner + 1, scenario.stepSeconds);
  const tracker = createPodTracker(workload.pods.lifetimeSeconds);
  const demand = createDemand(workload, traces);
  const background = (node: number, seconds: number) =>
    backgroundDemand(nodes, node, seconds - workload.startSeconds);
  const future = createFutureBook({
    state,
    demand,
    tracker,
    background,
    lifetimeSeconds: (uid) => tracker.remainingSeconds[uid] as number,
  });
  // Kept beside the view's milliseconds: a time must compare equal to itself after it was set.
  let nowSeconds = workload.startSeconds;
  const context = { seed, artefacts: options.artefacts ?? new Map<string, ModelArtefact>() };
  const world: World = {
    options,
    state,
    tracker,
    demand,
    future,
    departures: createDepartures(),
    bursts: createBurstSpread(),
    accounting: createAccounting(
      scenario.stepSeconds,
      nodes.length,
      options.record ? state.view.nodeNames : undefined,
    ),
    latency: createLatencyHistogram(),
    policy: options.policy({ ...context, future }),
    stock: createStock({ ...context, future: undefined }),
    loads: createLoads(nodes.length),
    feasible: new Int32Array(nodes.length),
    pending: [],
    outages: planOutages(options),
    recoveries: [],
    nextArrival: 0,
    placements: 0,
    abstentions: 0,
    isTakenOver: false,
    hasFreedRoom: false,
    nowSeconds: () => nowSeconds,
    setNow(seconds) {
      nowSeconds = seconds;
      state.view.nowMs = seconds * 1000;
    },
    specOf: (uid) => specOfPod(workload, uid),
    sumDemand: (fromSeconds) => sumDemand(world, background, fromSeconds),
  };
  world.setNow(workload.startSeconds);
  bindDaemons(world, daemonOwner);
  return world;
}

function specOfPod(workload: Workload, uid: number): PodSpec {
  const ownerId = workload.pods.ownerId[uid] as number;
  return podSpecOf(workload.owners[ownerId] as Workload['owners'][number], ownerId, uid);
}

function createLoads(count: number): NodeLoads {
  return {
    cpuDemandMillicores: new Float64Array(count),
    memoryDemandBytes: new Float64Array(count),
    cpuUsageRatio: new Float64Array(count),
    memoryUsageRatio: new Float64Array(count),
    isCounted: new Uint8Array(count),
  };
}

function backgroundDemand(
  nodes: readonly SimulatedNode[],
  node: number,
  secondsIntoRun: number,
): { cpu: number; memory: number } {
  const found = nodes[node];
  if (found?.background === undefined) return { cpu: 0, memory: 0 };
  const ratios = backgroundAt(found.background, secondsIntoRun);
  return {
    cpu: ratios.cpu * found.spec.cpuCapacityMillicores,
    memory: ratios.memory * found.spec.memoryCapacityBytes,
  };
}

function planOutages({ scenario, nodes, seed }: RunOptions): Outage[] {
  const rng = createRng(seed).fork('failures');
  const workers = nodes.flatMap(({ spec }, i) => (spec.isSchedulable ? [i] : []));
  return scenario.failures
    .map((failure) => ({
      atSeconds: failure.atMinutes * 60,
      nodes: rng.shuffle([...workers]).slice(0, failure.nodes),
      downSeconds: failure.downMinutes * 60,
      rescheduleSeconds: failure.rescheduleSeconds,
    }))
    .sort((a, b) => a.atSeconds - b.atSeconds);
}

function bindDaemons(world: World, ownerId: number): void {
  world.options.scenario.daemonSets.forEach((daemon) => {
    const pod: PodSpec = {
      uid: -1,
      ownerId,
      cpuRequestMillicores: daemon.cpuRequestMillicores,
      cpuLimitMillicores: 0,
      memoryRequestBytes: daemon.memoryRequestMib * MIB,
      memoryLimitBytes: 0,
      priority: 2_000_001_000,
      qos: 'burstable',
      isDaemon: true,
    };
    for (let node = 0; node < world.state.view.nodeCount; node++) {
      const slot = bindPod(world.state, pod, node);
      reserveSlot(world.tracker, slot);
      world.tracker.uidOfSlot[slot] = -1;
      world.tracker.nextChangeSeconds[slot] = Infinity;
    }
  });
}

// hot: guarded by test/bench/simulator.bench.ts
function sumDemand(
  { state, tracker, demand, loads }: World,
  background: (node: number, seconds: number) => { cpu: number; memory: number },
  fromSeconds: number,
): void {
  const { pods, nodeCount } = state.view;
  for (let node = 0; node < nodeCount; node++) {
    const load = background(node, fromSeconds);
    loads.cpuDemandMillicores[node] = load.cpu;
    loads.memoryDemandBytes[node] = load.memory;
  }
  for (let slot = 0; slot < pods.slotCount; slot++) {
    const node = pods.node[slot] as number;
    if (node < 0) continue;
    if ((tracker.nextChangeSeconds[slot] as number) <= fromSeconds) {
      const uid = tracker.uidOfSlot[slot] as number;
      tracker.cpuDemandMillicores[slot] = demand.cpuMillicores(uid, fromSeconds);
      tracker.memoryDemandBytes[slot] = demand.memoryBytes(uid, fromSeconds);
      tracker.nextChangeSeconds[slot] = demand.nextChangeSeconds(uid, fromSeconds);
    }
    loads.cpuDemandMillicores[node] =
      (loads.cpuDemandMillicores[node] as number) + (tracker.cpuDemandMillicores[slot] as number);
    loads.memoryDemandBytes[node] =
      (loads.memoryDemandBytes[node] as number) + (tracker.memoryDemandBytes[slot] as number);
  }
}

/** Hands the step to the accounting, when it is part of the measured span, and to an observer. */
export function accountStep(
  { state, loads, accounting, bursts, options }: World,
  untilSeconds: number,
): void {
  const { nodes, nodeCount } = state.view;
  for (let node = 0; node < nodeCount; node++) {
    loads.isCounted[node] = (nodes.isReady[node] as number) & (nodes.isSchedulable[node] as number);
  }
  const sample: StepSample = {
    secondsSinceStart: untilSeconds,
    isCounted: loads.isCounted,
    cpuDemandMillicores: loads.cpuDemandMillicores,
    cpuCapacityMillicores: nodes.cpuCapacityMillicores,
    ordinaryPods: state.ordinaryPods,
  };
  options.onStep?.(sample);
  bursts.step(sample);
  if (untilSeconds > 0) accounting.step(sample);
}

/** Publishes what a metrics pipeline would see: throttled use, per node and per pod. */
export function scrape(world: World, step: number): void {
  const { state, loads, tracker, options } = world;
  const { nodes, nodeCount, pods } = state.view;
  for (let node = 0; node < nodeCount; node++) {
    const isUp = nodes.isReady[node] === 1;
    const cpu = (loads.cpuDemandMillicores[node] as number) / (nodes.cpuCapacityMillicores[node] as number);
    const memory = (loads.memoryDemandBytes[node] as number) / (nodes.memoryCapacityBytes[node] as number);
    loads.cpuUsageRatio[node] = isUp ? Math.min(cpu, 1) : Number.NaN;
    loads.memoryUsageRatio[node] = isUp ? Math.min(memory, 1) : Number.NaN;
  }
  for (let slot = 0; slot < pods.slotCount; slot++) {
    const node = pods.node[slot] as number;
    if (node < 0) continue;
    const demand = loads.cpuDemandMillicores[node] as number;
    const throttle = Math.min((nodes.cpuCapacityMillicores[node] as number) / Math.max(demand, 1), 1);
    pods.cpuUsageMillicores[slot] = (tracker.cpuDemandMillicores[slot] as number) * throttle;
    pods.memoryUsageBytes[slot] = tracker.memoryDemandBytes[slot] as number;
  }
  recordScrape(state, { cpu: loads.cpuUsageRatio, memory: loads.memoryUsageRatio }, step);
  if ((step * options.scenario.stepSeconds) % 300 === 0) observeWorkloads(state);
  pruneRecent(state);
}
