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
import type { Run } from './anomaly-measures.ts';
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
  /** Of `incidents`: those that are no injected fault's, but a real anomaly's that the data set knows of. */
  readonly realIncidents: number;
  readonly hardDelaySamplesMedian: number | null;
}

/** Real anomalies inside a recorded load, by machine: steps of the whole series. */
export type KnownAnomalies = ReadonlyMap<string, readonly Run[]>;

/** An incident that opens this long after a fault ended is still that fault's: recovery also stands out. */
const AFTERMATH_SECONDS = 15 * MINUTE_SECONDS;

/**
 * Injects every kind of fault into the second half of each machine, learns from the first half, and counts.
 *
 * The monitor sees each machine from its first sample on, as one in service does; incidents count in the second half.
 *
 * @param series - Real load; the metrics beside CPU and memory are constructed (`addCompanionMetrics`).
 * @param known - Real anomalies that are in the load anyway; they only count, nothing learns from them.
 */
export function runFaultTrial(
  series: readonly RawLoadSeries[],
  seed: number,
  known: KnownAnomalies = new Map(),
): FaultTrial {
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
  const trials = nodes.map((rows, node) => {
    const middle = middleOf(rows);
    const faults = planFaults(rows.length / NODE_METRICS.length - middle, stepSeconds, rng).map((fault) => ({
      ...fault,
      start: fault.start + middle,
      end: fault.end + middle,
    }));
    for (const fault of faults) injectFault(rows, fault, rng);
    const real = known.get(series[node]?.machine ?? '') ?? [];
    return matchIncidents(model, { faults, real }, replayIncidents(model, rows, middle));
  });
  return summarise(trials);
}

interface NodeTrial {
  readonly faults: readonly InjectedFault[];
  /** Shape `[faults]`: samples from start to incident; NaN = not detected. */
  readonly delays: readonly number[];
  readonly incidents: number;
  readonly rightIncidents: number;
  readonly realIncidents: number;
}

function matchIncidents(
  model: AnomalyModel,
  { faults, real }: { readonly faults: readonly InjectedFault[]; readonly real: readonly Run[] },
  incidents: readonly Incident[],
): NodeTrial {
  const steps = incidents.map(({ openedMs }) => openedMs / SECOND_MS / model.stepSeconds);
  const aftermath = AFTERMATH_SECONDS / model.stepSeconds;
  const isOf = (step: number, fault: Run): boolean => step >= fault.start && step < fault.end + aftermath;
  const stray = steps.filter((step) => !faults.some((fault) => isOf(step, fault)));
  return {
    faults,
    delays: faults.map((fault) => (steps.find((step) => isOf(step, fault)) ?? Number.NaN) - fault.start),
    incidents: steps.length,
    rightIncidents: steps.length - stray.length,
    realIncidents: stray.filter((step) => real.some((event) => isOf(step, event))).length,
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
    realIncidents: trials.reduce((sum, trial) => sum + trial.realIncidents, 0),
    hardDelaySamplesMedian: medianOf(delaysOf((kind) => FAULTS[kind].isHard)),
  };
}
