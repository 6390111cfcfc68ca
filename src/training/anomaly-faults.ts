import type { Rng } from '#kernel/rng';
import { clamp } from '#kernel/units';

/** Metrics of a node in the fault experiment, in the order of their columns. */
export const NODE_METRICS = [
  'cpu',
  'memory',
  'load1',
  'cpuSteal',
  'diskUsed',
  'diskLatencyMs',
  'networkReceive',
  'networkTransmit',
  'retransmits',
  'clockOffsetMs',
] as const;
type NodeMetric = (typeof NODE_METRICS)[number];

const WIDTH = NODE_METRICS.length;
const COLUMN = Object.fromEntries(NODE_METRICS.map((name, i) => [name, i])) as Record<NodeMetric, number>;

/** The faults that are injected. A hard one is complete at its first sample, a slow one creeps. */
export const FAULTS = {
  'memory-leak': { isHard: false, minutes: 360 },
  'cpu-steal': { isHard: true, minutes: 30 },
  'disk-fill': { isHard: false, minutes: 240 },
  'network-loss': { isHard: true, minutes: 20 },
  'noisy-neighbour': { isHard: true, minutes: 60 },
  'clock-jump': { isHard: true, minutes: 15 },
  flapping: { isHard: true, minutes: 40 },
} as const;
export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

/** A fault of one node, `end` exclusive. */
export interface InjectedFault {
  readonly kind: FaultKind;
  readonly start: number;
  readonly end: number;
}

/**
 * Gives a node of which only the load was recorded the other metrics that a node exporter reports. They follow
 * the load as they do on an ordinary server, with noise: a construction, not a measurement.
 *
 * @param load - Row-major, shape `[steps, 2]`: CPU and memory in 0..1; NaN stays unknown in what follows it.
 * @returns Row-major, shape `[steps, NODE_METRICS.length]`.
 */
export function addCompanionMetrics(load: Float32Array, rng: Rng): Float32Array {
  const steps = load.length / 2;
  const rows = new Float32Array(steps * WIDTH);
  const noisy = (spread: number): number => Math.exp(spread * rng.normal());
  let queue = 0;
  for (let step = 0; step < steps; step++) {
    const cpu = load[step * 2] as number;
    if (!Number.isNaN(cpu)) queue += 0.5 * (8 * cpu - queue);
    const values: Readonly<Record<NodeMetric, number>> = {
      cpu,
      memory: load[step * 2 + 1] as number,
      load1: queue * noisy(0.05),
      cpuSteal: Math.abs(0.004 * rng.normal()),
      diskUsed: 0.45 + 0.05 * ((step % 1440) / 1440) + 0.001 * rng.normal(),
      diskLatencyMs: (2 + 3 * cpu) * noisy(0.2),
      networkReceive: (0.2 + 0.6 * cpu) * noisy(0.12),
      networkTransmit: (0.15 + 0.5 * cpu) * noisy(0.12),
      retransmits: 0.001 * noisy(0.4),
      clockOffsetMs: 0.5 + 0.2 * rng.normal(),
    };
    for (const name of NODE_METRICS) rows[step * WIDTH + COLUMN[name]] = values[name];
  }
  return rows;
}

/** How a fault changes a sample. `progress` runs from 0 at its start to 1 at its end, `step` from 0. */
type Effect = (
  sample: Sample,
  at: { readonly progress: number; readonly step: number; readonly rng: Rng },
) => void;

interface Sample {
  get(metric: NodeMetric): number;
  set(metric: NodeMetric, value: number): void;
}

function scale(sample: Sample, metric: NodeMetric, factor: number): void {
  sample.set(metric, sample.get(metric) * factor);
}

const EFFECTS: Readonly<Record<FaultKind, Effect>> = {
  'memory-leak': (sample, { progress }) => {
    const memory = sample.get('memory');
    sample.set('memory', memory + (0.98 - memory) * progress);
    // Nearly full, the kernel reclaims and the disk feels it.
    if (progress > 0.8) scale(sample, 'diskLatencyMs', 4);
  },
  'cpu-steal': (sample, { rng }) => {
    sample.set('cpuSteal', 0.3 + 0.05 * rng.normal());
    scale(sample, 'load1', 1.8);
    scale(sample, 'networkTransmit', 0.7);
  },
  'disk-fill': (sample, { progress }) => {
    const used = sample.get('diskUsed');
    sample.set('diskUsed', used + (1 - used) * progress);
    if (progress > 0.9) scale(sample, 'diskLatencyMs', 5);
  },
  'network-loss': (sample, { rng }) => {
    scale(sample, 'retransmits', 40 + 10 * rng.next());
    scale(sample, 'networkReceive', 0.4);
    scale(sample, 'networkTransmit', 0.4);
  },
  'noisy-neighbour': (sample, { rng }) => {
    sample.set('cpuSteal', 0.06 + 0.03 * rng.next());
    scale(sample, 'diskLatencyMs', 2.5 + rng.next());
    scale(sample, 'load1', 1.3);
  },
  'clock-jump': (sample) => sample.set('clockOffsetMs', sample.get('clockOffsetMs') + 2500),
  flapping: (sample, { step }) => {
    // The link is down for three samples and back for three; each time connections start over.
    scale(sample, 'retransmits', 15);
    if (step % 6 >= 3) return;
    for (const metric of ['cpu', 'load1', 'networkReceive', 'networkTransmit'] as const)
      scale(sample, metric, 0.05);
  },
};

/** Changes rows in place from `fault.start` to `fault.end`. */
export function injectFault(rows: Float32Array, fault: InjectedFault, rng: Rng): void {
  const effect = EFFECTS[fault.kind];
  for (let step = fault.start; step < fault.end; step++) {
    const first = step * WIDTH;
    const sample: Sample = {
      get: (metric) => rows[first + COLUMN[metric]] as number,
      set: (metric, value) => {
        rows[first + COLUMN[metric]] = isRatio(metric) ? clamp(value, 0, 1) : Math.max(0, value);
      },
    };
    effect(sample, {
      progress: (step - fault.start) / (fault.end - fault.start),
      step: step - fault.start,
      rng,
    });
  }
}

function isRatio(metric: NodeMetric): boolean {
  return metric === 'cpu' || metric === 'memory' || metric === 'cpuSteal' || metric === 'diskUsed';
}

/**
 * Plans one fault of each kind over a span, in random order at random times, a day and more apart where the span
 * is long enough; a span too short gets fewer faults.
 */
export function planFaults(steps: number, stepSeconds: number, rng: Rng): InjectedFault[] {
  const slot = Math.floor(steps / FAULT_KINDS.length);
  return rng.shuffle([...FAULT_KINDS]).flatMap((kind, i) => {
    const length = Math.max(1, Math.round((FAULTS[kind].minutes * 60) / stepSeconds));
    const room = Math.floor(slot / 2) - length;
    if (room < 1) return [];
    // The first half of each slot stays quiet.
    const start = i * slot + Math.floor(slot / 2) + rng.int(room);
    return [{ kind, start, end: start + length }];
  });
}
