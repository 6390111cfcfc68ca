/**
 * Placements per second of the simulator on one core, and the memory of a million placements. Prints one JSON
 * document. `--placements N` changes how many placements are timed.
 */
import { parseArgs } from 'node:util';

import { parseScenario, findPolicy, runSimulation } from '#simulator';
import type { CurveFamily, PreparedScenario, WorkloadTraces } from '#simulator';

import { publishSection } from './publish.ts';

const { values } = parseArgs({ options: { placements: { type: 'string', default: '1000000' } } });
const placements = Number(values.placements);
const NODES = 24;
const SPAN_MINUTES = 600;

/** One family with flat curves: the bench measures the machinery, not the traces. */
function flatTraces(): WorkloadTraces {
  const family: CurveFamily = {
    name: 'flat',
    rows: Int32Array.of(0, 1),
    cpuMeanRatio: 0.25,
    memoryMeanRatio: 0.25,
  };
  return {
    cpuUsageRatio: new Float32Array(2 * 288).fill(0.25),
    memoryUsageRatio: new Float32Array(2 * 288).fill(0.25),
    families: [family],
    arrivals: {
      windowSeconds: 1,
      arrivalSeconds: new Float64Array(0),
      batch: new Int32Array(0),
      vcpus: new Float32Array(0),
      lifetimeSecondsMin: new Float64Array(0),
      lifetimeSecondsMax: new Float64Array(0),
      isCensored: new Uint8Array(0),
    },
    nodeShapes: [],
    requests: [],
    background: [],
  };
}

/** Pods of one size that arrive evenly and live just long enough to keep the cluster about half full. */
function steadyRun(count: number): PreparedScenario {
  const scenario = parseScenario(
    JSON.stringify({
      name: 'bench',
      description: 'steady arrivals on equal hosts',
      nodeGroups: [{ count: NODES, cpuMillicores: 32_000, memoryGib: 128 }],
      measuredMinutes: SPAN_MINUTES,
      warmUpMinutes: 5,
      takeOverMinutes: 5,
    }),
    'bench',
  );
  const traces = flatTraces();
  const spanSeconds = SPAN_MINUTES * 60;
  const alive = NODES * 32;
  const gibibyte = 1024 ** 3;
  return {
    scenario,
    traces,
    seed: 1,
    nodes: Array.from({ length: NODES }, (_, i) => ({
      spec: {
        name: `node-${i}`,
        cpuCapacityMillicores: 32_000,
        memoryCapacityBytes: 128 * gibibyte,
        cpuAllocatableMillicores: 31_000,
        memoryAllocatableBytes: 120 * gibibyte,
        podsAllocatable: 110,
        isSchedulable: true,
      },
      background: undefined,
    })),
    workload: {
      startSeconds: -300,
      endSeconds: spanSeconds,
      dayOffsetSeconds: 0,
      owners: [
        {
          family: traces.families[0] as CurveFamily,
          cpuSizeMillicores: 1000,
          memorySizeBytes: 2 * gibibyte,
          cpuRequestMillicores: 500,
          memoryRequestBytes: gibibyte,
          priority: 0,
        },
      ],
      pods: {
        count,
        arrivalSeconds: Float64Array.from({ length: count }, (_, i) => (i * spanSeconds) / count),
        lifetimeSeconds: new Float64Array(count).fill((alive * spanSeconds) / count),
        ownerId: new Int32Array(count),
        member: new Int32Array(count),
        shiftSeconds: new Int32Array(count),
        burst: new Int16Array(count).fill(-1),
      },
    },
  };
}

function measure(policy: string, count: number) {
  const prepared = steadyRun(count);
  const began = performance.now();
  const result = runSimulation({ ...prepared, policy: findPolicy(policy) });
  const seconds = (performance.now() - began) / 1000;
  return {
    policy,
    nodes: NODES,
    placements: result.placements,
    seconds: Number(seconds.toFixed(3)),
    placementsPerSecond: Math.round(result.placements / seconds),
    peakResidentBytes: process.resourceUsage().maxRSS * 1024,
  };
}

measure('stock', 20_000);
const results = ['stock', 'random', 'target-load-packing'].map((policy) => measure(policy, placements));
process.stdout.write(
  `${JSON.stringify({ bench: 'simulator', node: process.version, results }, undefined, 2)}\n`,
);

const stock = results[0];
const verdict = (isMet: boolean | undefined): string => (isMet ? 'met' : 'missed');
if (placements >= 1_000_000) {
  publishSection({
    id: '30-simulator',
    title: 'Simulator speed',
    command: 'make bench BENCH=simulator',
    method: `${placements.toLocaleString('en')} placements on ${NODES} equal hosts in one thread, cluster half full, arrivals and departures included; peak RSS is that of the whole process, after the policies above it.`,
    tables: [
      {
        caption: 'One run each',
        columns: ['policy', 'placements per second', 'peak RSS MiB'],
        rows: results.map((each) => [
          each.policy,
          each.placementsPerSecond,
          Math.round(each.peakResidentBytes / 2 ** 20),
        ]),
      },
    ],
    notes: [
      `Target of 50,000 placements a second for stock: ${verdict(stock && stock.placementsPerSecond >= 50_000)}.`,
      `Target of 1 GiB for a million placements: ${verdict(results.every((each) => each.peakResidentBytes < 2 ** 30))}.`,
    ],
  });
}
