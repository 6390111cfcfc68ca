import { readAnomalyMachines } from '#collect';
import type { AnomalyMachine } from '#collect';
import { AlertState, fitAnomalyModel, scoreAlertHistory } from '#models/anomaly';

/** The anomaly score of one labelled machine over its test span, for a plot. */
export interface AnomalyTrace {
  readonly machine: string;
  /** In multiples of the alert threshold, shape `[steps]`; NaN where unknown. */
  readonly score: Float64Array;
  readonly alertScore: number;
  /** Runs of steps, end exclusive. */
  readonly alarms: readonly (readonly [number, number])[];
  readonly labelled: readonly (readonly [number, number])[];
}

/** Scores are in multiples of the threshold. */
const ALERT_SCORE = 1;
const STEP_SECONDS = 60;

/** Replays the machine with the most labelled incidents through a model of its own training span. */
export async function traceAnomaly(options: {
  readonly dataDirectory: string;
  readonly seed: number;
}): Promise<AnomalyTrace | undefined> {
  const machines = await readAnomalyMachines(options.dataDirectory);
  const labelled = machines.map((machine) =>
    runsOf(machine.testSteps, (step) => machine.testLabels[step] === 1),
  );
  const at = labelled.reduce((best, runs, i) => (runs.length > (labelled[best]?.length ?? 0) ? i : best), 0);
  const machine = machines[at];
  return machine === undefined ? undefined : traceMachine(machine, labelled[at] ?? [], options.seed);
}

function traceMachine(
  machine: AnomalyMachine,
  labelled: AnomalyTrace['labelled'],
  seed: number,
): AnomalyTrace {
  const { metricNames } = machine;
  const model = fitAnomalyModel([{ rows: machine.train }], { metricNames, stepSeconds: STEP_SECONDS, seed });
  const score = scoreAlertHistory(model, machine.test);
  const state = new AlertState(1);
  const levels = Array.from(score, (value) => state.update(0, value));
  const alarms = runsOf(score.length, (step) => levels[step] === 'alert');
  return { machine: machine.machine, score, alertScore: ALERT_SCORE, alarms, labelled };
}

function runsOf(length: number, isSet: (step: number) => boolean): [number, number][] {
  const runs: [number, number][] = [];
  for (let start = 0; start < length; start++) {
    if (!isSet(start)) continue;
    let end = start + 1;
    while (end < length && isSet(end)) end++;
    runs.push([start, end]);
    start = end;
  }
  return runs;
}
