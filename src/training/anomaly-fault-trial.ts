import type { RawLoadSeries } from '#domain';
import { createRng } from '#kernel/rng';
import { median } from '#kernel/stats';
import { MINUTE_SECONDS, SECOND_MS } from '#kernel/units';
import { fitAnomalyModel } from '#models/anomaly';
import type { AnomalyModel, Incident } from '#models/anomaly';

import {
  addCompanionMetrics,
  FAULT_KINDS,
  FAULTS,
  injectFault,
  NODE_METRICS,
  planFaults,
} from './anomaly-faults.ts';
import type { FaultKind, InjectedFault } from './anomaly-faults.ts';
import { replayIncidents } from './anomaly-replay.ts';
import { INCIDENT_BUDGET, loadTrainingData } from './train-anomaly.ts';

/** What came of the injected faults of one kind. */
export interface FaultOutcome {
  readonly kind: FaultKind;
  readonly isHard: boolean;
  readonly injected: number;
  readonly detected: number;
  /** From the start of the fault to the incident; null when none was detected. */
  readonly delaySamplesMedian: number | null;
}

/** What came of all of them. An incident is right when it opens while a fault lasts, or soon after. */
export interface FaultTrial {
  readonly outcomes: readonly FaultOutcome[];
  readonly incidents: number;
  readonly rightIncidents: number;
  readonly hardDelaySamplesMedian: number | null;
}

/** An incident that opens this long after a fault ended is still that fault's: recovery also stands out. */
const AFTERMATH_SECONDS = 15 * MINUTE_SECONDS;

/**
 * Injects every kind of fault into the second half of each machine, learns from the first half, and counts.
 *
 * @param series - Real load; the metrics beside CPU and memory are constructed (`addCompanionMetrics`).
 */
export function runFaultTrial(series: readonly RawLoadSeries[], seed: number): FaultTrial {
  const { spans, stepSeconds } = loadTrainingData(series);
  const rng = createRng(seed).fork('faults');
  const nodes = spans.map(({ rows }) => addCompanionMetrics(rows, rng));
  const middleOf = (rows: Float32Array): number => Math.floor(rows.length / NODE_METRICS.length / 2);
  const model = fitAnomalyModel(
    nodes.map((rows) => ({ rows: rows.subarray(0, middleOf(rows) * NODE_METRICS.length) })),
    {
      metricNames: NODE_METRICS,
      stepSeconds,
      seed,
      exhaustible: ['memory', 'diskUsed'],
      incidentsPerNodeMonth: INCIDENT_BUDGET,
    },
  );
  const trials = nodes.map((rows) => {
    const second = rows.slice(middleOf(rows) * NODE_METRICS.length);
    const faults = planFaults(second.length / NODE_METRICS.length, stepSeconds, rng);
    for (const fault of faults) injectFault(second, fault, rng);
    return matchIncidents(model, faults, replayIncidents(model, second));
  });
  return summarise(trials);
}

interface NodeTrial {
  readonly faults: readonly InjectedFault[];
  /** Shape `[faults]`: samples from start to incident; NaN = not detected. */
  readonly delays: readonly number[];
  readonly incidents: number;
  readonly rightIncidents: number;
}

function matchIncidents(
  model: AnomalyModel,
  faults: readonly InjectedFault[],
  incidents: readonly Incident[],
): NodeTrial {
  const steps = incidents.map(({ openedMs }) => openedMs / SECOND_MS / model.stepSeconds);
  const aftermath = AFTERMATH_SECONDS / model.stepSeconds;
  const isOf = (step: number, fault: InjectedFault): boolean =>
    step >= fault.start && step < fault.end + aftermath;
  return {
    faults,
    delays: faults.map((fault) => (steps.find((step) => isOf(step, fault)) ?? Number.NaN) - fault.start),
    incidents: steps.length,
    rightIncidents: steps.filter((step) => faults.some((fault) => isOf(step, fault))).length,
  };
}

function summarise(trials: readonly NodeTrial[]): FaultTrial {
  const delaysOf = (isWanted: (kind: FaultKind) => boolean): number[] =>
    trials.flatMap(({ faults, delays }) =>
      delays.filter((_, i) => isWanted((faults[i] as InjectedFault).kind)),
    );
  const medianOf = (delays: readonly number[]): number | null => {
    const known = delays.filter((delay) => !Number.isNaN(delay));
    return known.length === 0 ? null : median(known);
  };
  return {
    outcomes: FAULT_KINDS.map((kind) => {
      const delays = delaysOf((other) => other === kind);
      return {
        kind,
        isHard: FAULTS[kind].isHard,
        injected: delays.length,
        detected: delays.filter((delay) => !Number.isNaN(delay)).length,
        delaySamplesMedian: medianOf(delays),
      };
    }),
    incidents: trials.reduce((sum, trial) => sum + trial.incidents, 0),
    rightIncidents: trials.reduce((sum, trial) => sum + trial.rightIncidents, 0),
    hardDelaySamplesMedian: medianOf(delaysOf((kind) => FAULTS[kind].isHard)),
  };
}
