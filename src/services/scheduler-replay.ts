import { readPlacementData } from '#collect';
import type { ClusterView, ObservedNode, ObservedPod } from '#domain';
import { createRng } from '#kernel/rng';
import { SECOND_MS } from '#kernel/units';
import type { LoadReport, LiveCluster } from '#scheduler';
import { createStock, prepareScenario, runSimulation, selectTraces } from '#simulator';
import { loadScenario } from '#training';
import type { ClusterFeed, ClusterFeedOptions } from './scheduler-cluster.ts';

/** A recorded day of a simulated cluster, played again and again in real time. */
interface Recording {
  readonly names: readonly string[];
  /** One entry a step of 30 s, each shape `[nodes]`. */
  readonly cpu: readonly Float64Array[];
  readonly memory: readonly Float64Array[];
  readonly nodes: readonly ObservedNode[];
  readonly pods: readonly ObservedPod[];
}

const STEP_MS = 30 * SECOND_MS;
const PAST_WINDOW_STEPS = 10;

/**
 * A cluster without a cluster: nodes, pods and load of a trace-driven scenario. What is decided is shown and recorded
 * as ever, but no pod is really placed.
 */
export async function openReplay({ config, dataRoot, log }: ClusterFeedOptions): Promise<ClusterFeed> {
  const scenario = await loadScenario(config.cluster.scenario);
  const traces = selectTraces(await readPlacementData(dataRoot), 'test');
  const prepared = prepareScenario(scenario, traces, 1);
  const recording = record(prepared);
  log.info('a recorded cluster is replayed', { scenario: scenario.name, nodes: recording.nodes.length });
  let problem: string | undefined = 'the replay has not begun';
  return {
    loadSource: { read: (atMs) => Promise.resolve(reportAt(recording, atMs)) },
    problem: () => problem,
    run(cluster) {
      fill(cluster, recording, Date.now());
      problem = undefined;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

function fill(cluster: LiveCluster, recording: Recording, nowMs: number): void {
  cluster.applyNodes(recording.nodes.map((object) => ({ type: 'set', object })));
  cluster.applyPods(recording.pods.map((object) => ({ type: 'set', object })));
  cluster.rebuild();
  const windowMs = PAST_WINDOW_STEPS * STEP_MS;
  const lastMs = Math.floor(nowMs / windowMs) * windowMs;
  const windows = Math.floor(recording.cpu.length / PAST_WINDOW_STEPS);
  for (let back = windows; back >= 0; back--) {
    const atMs = lastMs - back * windowMs;
    cluster.recordPast(reportAt(recording, atMs), atMs);
  }
}

/** The recording goes round: the same moment of the clock has the same load each time. */
function reportAt({ names, cpu, memory }: Recording, atMs: number): LoadReport {
  const step = Math.floor(atMs / STEP_MS) % cpu.length;
  return {
    nodes: new Map(
      names.map((name, row) => [
        name,
        {
          cpuUsageRatio: cpu[step]?.[row] ?? Number.NaN,
          memoryUsageRatio: memory[step]?.[row] ?? Number.NaN,
          atMs,
        },
      ]),
    ),
    pods: undefined,
  };
}

function record(prepared: ReturnType<typeof prepareScenario>): Recording {
  const cpu: Float64Array[] = [];
  const memory: Float64Array[] = [];
  let last: ClusterView | undefined;
  runSimulation({
    ...prepared,
    policy: (context) => ({
      ...createStock(context),
      onScrape(view) {
        last = view;
        cpu.push(view.metrics.cpu.latestRatio.slice());
        memory.push(view.metrics.memory.latestRatio.slice());
      },
    }),
  });
  if (last === undefined) throw new Error('the scenario has no step to record');
  return { names: last.nodeNames, cpu, memory, nodes: nodesOf(last), pods: podsOf(last) };
}

function nodesOf({ nodeNames, nodes }: ClusterView): ObservedNode[] {
  return nodeNames.map((name, row) => ({
    name,
    uid: name,
    addresses: [],
    labels: {},
    cpuCapacityMillicores: nodes.cpuCapacityMillicores[row] as number,
    memoryCapacityBytes: nodes.memoryCapacityBytes[row] as number,
    cpuAllocatableMillicores: nodes.cpuAllocatableMillicores[row] as number,
    memoryAllocatableBytes: nodes.memoryAllocatableBytes[row] as number,
    podsAllocatable: nodes.podsAllocatable[row] as number,
    isReady: true,
    isCordoned: nodes.isSchedulable[row] === 0,
    taints: [],
    createdAtMs: undefined,
  }));
}

function podsOf({ nodeNames, pods, nowMs }: ClusterView): ObservedPod[] {
  const found: ObservedPod[] = [];
  const offsetMs = Date.now() - nowMs;
  const rng = createRng(1).fork('replayed-uids');
  for (let slot = 0; slot < pods.slotCount; slot++) {
    const node = pods.node[slot] as number;
    if (node < 0) continue;
    const isDaemon = pods.isDaemon[slot] === 1;
    const startedAtMs = (pods.boundAtMs[slot] as number) + offsetMs;
    found.push({
      namespace: 'replay',
      name: `pod-${slot}`,
      uid: `${slot}-${rng.int(1e9)}`,
      nodeName: nodeNames[node],
      phase: 'Running',
      schedulerName: 'default-scheduler',
      owner: { kind: isDaemon ? 'DaemonSet' : 'Deployment', name: `owner-${pods.ownerId[slot]}`, uid: '' },
      labels: {},
      priorityClass: undefined,
      priority: 0,
      qos: 'burstable',
      cpuRequestMillicores: pods.cpuRequestMillicores[slot] as number,
      cpuLimitMillicores: pods.cpuLimitMillicores[slot] as number,
      memoryRequestBytes: pods.memoryRequestBytes[slot] as number,
      memoryLimitBytes: pods.memoryLimitBytes[slot] as number,
      createdAtMs: startedAtMs,
      startedAtMs,
    });
  }
  return found;
}
