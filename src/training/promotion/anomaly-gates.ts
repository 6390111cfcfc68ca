import type { ModelArtefact, RawLoadSeries } from '#domain';
import { DAY_SECONDS } from '#kernel/units';
import { healthOf, loadAnomalyModel, scoreHistory } from '#models/anomaly';
import type { AnomalyModel } from '#models/anomaly';

import { replayIncidents } from '../anomaly-replay.ts';
import { loadTrainingData } from '../train-anomaly.ts';
import { gate, runGates } from './gate.ts';
import type { Gate } from './gate.ts';

/** Incidents per node and 30 days on history without known faults. */
const MOST_INCIDENTS_PER_NODE_MONTH = 2;
/** Of the samples, apart from the first half hour of each node. */
const LEAST_KNOWN_RATIO = 0.9;
/** On ordinary load nodes are healthy, or the score would shun half of the cluster. */
const LEAST_HEALTHY_RATIO = 0.95;
const HEALTHY_FROM = 0.5;
const JUDGED_RATIO = 0.3;
const MONTH_SECONDS = 30 * DAY_SECONDS;

/**
 * Measures a node health model on the newest part of each machine: that it knows a verdict, finds ordinary load healthy and
 * seldom calls.
 *
 * @remarks Whether it sees real faults is measured by `evaluate anomaly`, which needs labels: load alone has none. A model
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
      if (healthOf(strength) >= HEALTHY_FROM) totals.healthy++;
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
  ];
}
