import type { ModelArtefact, RawLoadSeries } from '#domain';
import { DAY_SECONDS } from '#kernel/units';
import { loadAnomalyModel, scoreHistory } from '#models/anomaly';
import type { AnomalyModel } from '#models/anomaly';

import { replayIncidents } from '../anomaly-replay.ts';
import { loadTrainingData } from '../train-anomaly.ts';
import { gate, runGates } from './gate.ts';
import type { Gate } from './gate.ts';
import { shareOfFaultsSeen, SUSPECT_STRENGTH } from './anomaly-probe.ts';

/** Incidents per node and 30 days on history without known faults. */
const MOST_INCIDENTS_PER_NODE_MONTH = 2;
/** Of the samples, apart from the first half hour of each node. */
const LEAST_KNOWN_RATIO = 0.9;
/** On ordinary load nodes are healthy, not even suspect, or the score would shun part of the cluster for nothing. */
const LEAST_HEALTHY_RATIO = 0.95;
const JUDGED_RATIO = 0.3;
/** Of faults injected into the newest history: jumps of CPU and memory to 0.99, leaks of memory. */
const LEAST_SEEN_RATIO = 0.5;
const MONTH_SECONDS = 30 * DAY_SECONDS;

/**
 * Measures a node health model on the newest part of each machine: that it knows a verdict, finds ordinary load healthy,
 * seldom calls, and sees hard faults that are injected into the newest history.
 *
 * @remarks How well it sees real faults is measured by `evaluate anomaly`, which needs labels: load alone has none. A model
 *   for other metrics than CPU and memory is only checked to load.
 */
export function anomalyGates(
  series: readonly RawLoadSeries[],
  candidate: ModelArtefact,
): Promise<readonly Gate[]> {
  return runGates(() => Promise.resolve(measure(series, loadAnomalyModel(candidate))));
}

function measure(series: readonly RawLoadSeries[], model: AnomalyModel): Gate[] {
  const { metricNames, stepSeconds, spans } = loadTrainingData(series);
  if (metricNames.join() !== model.metricNames.join()) return [];
  const totals = { incidents: 0, samples: 0, known: 0, healthy: 0 };
  for (const { rows } of spans) {
    const from = Math.floor((rows.length / metricNames.length) * (1 - JUDGED_RATIO));
    totals.incidents += replayIncidents(model, rows, from).length;
    for (const strength of scoreHistory(model, rows).subarray(from)) {
      totals.samples++;
      if (Number.isNaN(strength)) continue;
      totals.known++;
      if (strength < SUSPECT_STRENGTH) totals.healthy++;
    }
  }
  const months = (totals.samples * stepSeconds) / MONTH_SECONDS;
  return [
    gate(
      'knows-a-verdict',
      totals.known / totals.samples,
      ['at-least', LEAST_KNOWN_RATIO],
      'share of samples with a verdict',
    ),
    gate(
      'finds-ordinary-load-healthy',
      totals.healthy / totals.known,
      ['at-least', LEAST_HEALTHY_RATIO],
      'share of the verdicts that are healthy on the newest history',
    ),
    gate(
      'seldom-calls',
      totals.incidents / months,
      ['at-most', MOST_INCIDENTS_PER_NODE_MONTH],
      'incidents per node and month on the newest history',
    ),
    gate(
      'sees-hard-faults',
      shareOfFaultsSeen(model, spans),
      ['at-least', LEAST_SEEN_RATIO],
      'share of injected jumps and leaks that make a node suspect',
    ),
  ];
}
