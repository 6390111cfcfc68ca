import { join } from 'node:path';

import { readAnomalyMachines } from '#collect';
import type { AnomalyMachine } from '#collect';
import type { Progress } from '#kernel/progress';
import { createRng } from '#kernel/rng';
import type { Rng } from '#kernel/rng';
import { DAY_SECONDS } from '#kernel/units';
import { AlertState, fitAnomalyModel, scoreAlertHistory } from '#models/anomaly';

import { countAlarms, measuresOf, poolCounts } from './anomaly-measures.ts';
import type { AlarmCounts, AlarmMeasures } from './anomaly-measures.ts';
import { alarmAbove, RIVAL_NAMES, scoreRival } from './anomaly-rivals.ts';

/** Every detector of the comparison, ours first; `random` is ours with its alarms moved to random times. */
export const ANOMALY_DETECTORS = ['mlsched', ...RIVAL_NAMES, 'random'] as const;
export type AnomalyDetector = (typeof ANOMALY_DETECTORS)[number];

export interface EvaluateAnomalyOptions {
  /** Folder of machines (`step, split, label, m00...`); the sample in the repository when absent. */
  readonly dataDirectory?: string;
  readonly seed: number;
  /** Names of the machines to judge; all when absent. */
  readonly only?: readonly string[];
  /** Seconds between two steps; default 60. */
  readonly stepSeconds?: number;
  readonly progress: Progress;
}

/** One row of the result. */
export interface AnomalyResult extends AlarmMeasures {
  readonly machine: string;
  readonly model: AnomalyDetector;
}

/** The answer of `mlsched evaluate anomaly` (docs/reference/cli.md). */
export interface AnomalyReport {
  readonly results: readonly AnomalyResult[];
  /** Over all machines: counts are added up before ratios are taken. */
  readonly pooled: readonly Omit<AnomalyResult, 'machine'>[];
  readonly machines: number;
  readonly events: number;
  readonly seed: number;
}

const SAMPLE = join(import.meta.dirname, '../../data/sample/smd');
const RANDOM_DRAWS = 100;

/**
 * Judges the detectors on labelled machines: each is fitted on a machine's training span alone, thresholds come
 * from that span alone, labels are only counted with. No point adjustment.
 *
 * @throws MlschedError of `readAnomalyMachines`; `MLS_MODELS_ANOMALY_DATA` where a training span is too short.
 */
export async function evaluateAnomaly(options: EvaluateAnomalyOptions): Promise<AnomalyReport> {
  const all = await readAnomalyMachines(options.dataDirectory ?? SAMPLE);
  const machines = all.filter(({ machine }) => options.only?.includes(machine) ?? true);
  const stepSeconds = options.stepSeconds ?? 60;
  const judged = machines.map((machine, done) => {
    options.progress.report(done, machines.length, machine.machine);
    return judgeMachine(machine, options.seed, stepSeconds);
  });
  options.progress.report(machines.length, machines.length, 'judged');
  const perDay = DAY_SECONDS / stepSeconds;
  return {
    results: judged.flatMap((counts, i) =>
      ANOMALY_DETECTORS.map((model) => ({
        machine: (machines[i] as AnomalyMachine).machine,
        model,
        ...measuresOf(counts[model], perDay),
      })),
    ),
    pooled: ANOMALY_DETECTORS.map((model) => ({
      model,
      ...measuresOf(poolCounts(judged.map((counts) => counts[model])), perDay),
    })),
    machines: machines.length,
    events: judged.reduce((sum, counts) => sum + counts.mlsched.events, 0),
    seed: options.seed,
  };
}

type CountsByDetector = Readonly<Record<AnomalyDetector, AlarmCounts>>;

function judgeMachine(machine: AnomalyMachine, seed: number, stepSeconds: number): CountsByDetector {
  const ours = detectOurs(machine, seed, stepSeconds);
  const rival = (name: (typeof RIVAL_NAMES)[number]): AlarmCounts =>
    countAlarms(alarmAbove(scoreRival(name, machine, seed)), machine.testLabels);
  return {
    mlsched: countAlarms(ours, machine.testLabels),
    'isolation-forest': rival('isolation-forest'),
    'robust-z': rival('robust-z'),
    pca: rival('pca'),
    random: countRandom(ours, machine.testLabels, createRng(seed).fork(machine.machine)),
  };
}

/** Strength of each test step in multiples of the alert threshold; the detector starts without any history. */
export function scoreOurs(machine: AnomalyMachine, seed: number, stepSeconds: number): Float64Array {
  const { metricNames, train, test } = machine;
  const model = fitAnomalyModel([{ rows: train }], { metricNames, stepSeconds, seed });
  return scoreAlertHistory(model, test);
}

function detectOurs(machine: AnomalyMachine, seed: number, stepSeconds: number): Uint8Array {
  const state = new AlertState(1);
  return Uint8Array.from(scoreOurs(machine, seed, stepSeconds), (strength) =>
    state.update(0, strength) === 'alert' ? 1 : 0,
  );
}

/**
 * Counts the same alarms at random times: the series is turned by random offsets, so their number, lengths
 * and spacing stay. Counts are summed over the draws, which leaves every ratio a mean over them.
 */
function countRandom(alarmed: Uint8Array, labels: Int8Array, rng: Rng): AlarmCounts {
  const draws = Array.from({ length: RANDOM_DRAWS }, () =>
    countAlarms(turn(alarmed, rng.int(alarmed.length)), labels),
  );
  return poolCounts(draws);
}

function turn(flags: Uint8Array, offset: number): Uint8Array {
  const turned = new Uint8Array(flags.length);
  turned.set(flags.subarray(0, flags.length - offset), offset);
  turned.set(flags.subarray(flags.length - offset), 0);
  return turned;
}
