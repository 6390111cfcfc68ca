import { readAnomalyMachines } from '#collect';
import type { AnomalyMachine } from '#collect';
import { quantileOfSorted } from '#kernel/stats';
import { AlertState } from '#models/anomaly';

import { countAlarms, measuresOf, poolCounts } from './anomaly-measures.ts';
import type { AlarmMeasures } from './anomaly-measures.ts';
import { RIVAL_NAMES, scoreRival } from './anomaly-rivals.ts';
import type { RivalName } from './anomaly-rivals.ts';
import { scoreOurs } from './evaluate-anomaly.ts';

/** Pooled measures of one detector at one sensitivity. */
export interface CurvePoint extends AlarmMeasures {
  readonly model: 'mlsched' | RivalName;
  /** Alert threshold, in multiples of the default one; null where the alarm rate was given instead. */
  readonly thresholdMultiple: number | null;
}

export interface AnomalyCurve {
  /** Ours over the sensitivity. */
  readonly points: readonly CurvePoint[];
  /** For each point of `points`: every rival at the same number of alarms, alerts formed in the same way. */
  readonly rivalsAtEqualRate: readonly (readonly CurvePoint[])[];
}

const STEPS_PER_DAY = 1440;
/** Thresholds tried for a rival, from the highest score down; each leaves out this share of the one before. */
const TRIED_THRESHOLDS = 120;
const TAIL_FACTOR = 0.92;

interface Scored {
  readonly test: Float64Array;
  readonly labels: Int8Array;
}

/**
 * Draws event precision over event recall, pooled over the machines of a folder.
 *
 * @param multiples - Thresholds, as multiples of the default one.
 * @remarks Rivals' scores are measured from their training median in the distance to their 99.5 % training quantile
 *   (an Isolation Forest never scores near 0), then one
 *   threshold for all machines is chosen so that there are as many alarms as ours: labels take no part.
 */
export async function drawAnomalyCurve(
  dataDirectory: string,
  seed: number,
  multiples: readonly number[],
): Promise<AnomalyCurve> {
  const machines = await readAnomalyMachines(dataDirectory);
  const ours = machines.map((machine) => ({
    test: scoreOurs(machine, seed, 60),
    labels: machine.testLabels,
  }));
  const points = multiples.map((thresholdMultiple) => ({
    model: 'mlsched' as const,
    thresholdMultiple,
    ...measureAt(ours, thresholdMultiple),
  }));
  const rivals = RIVAL_NAMES.map((model) => {
    const scored = machines.map((machine) => scoreInQuantiles(model, machine, seed));
    return { model, tried: triedThresholds(scored).map((threshold) => measureAt(scored, threshold)) };
  });
  const rivalsAtEqualRate = points.map(({ alarmsPerDay }) =>
    rivals.flatMap(({ model, tried }) => {
      const found = tried.find((measures) => measures.alarmsPerDay >= alarmsPerDay);
      return found === undefined ? [] : [{ model, thresholdMultiple: null, ...found }];
    }),
  );
  return { points, rivalsAtEqualRate };
}

/** A rival's scores, brought to one scale for all machines by their training span. */
function scoreInQuantiles(model: RivalName, machine: AnomalyMachine, seed: number): Scored {
  const { train, test } = scoreRival(model, machine, seed);
  const sorted = train.toSorted();
  const middle = quantileOfSorted(sorted, 0.5);
  const scale = quantileOfSorted(sorted, 0.995) - middle || 1;
  return { test: test.map((score) => (score - middle) / scale), labels: machine.testLabels };
}

/** Thresholds from the highest score of all downwards, closer together in the tail. */
function triedThresholds(scored: readonly Scored[]): number[] {
  const sorted = Float64Array.from(scored.flatMap(({ test }) => [...test])).sort();
  return Array.from({ length: TRIED_THRESHOLDS }, (_, i) => {
    const share = 0.2 * TAIL_FACTOR ** (TRIED_THRESHOLDS - 1 - i);
    return quantileOfSorted(sorted, 1 - share);
  });
}

function measureAt(scored: readonly Scored[], threshold: number): AlarmMeasures {
  const counts = scored.map(({ test, labels }) => {
    const state = new AlertState(1);
    const alarmed = Uint8Array.from(test, (score) =>
      state.update(0, score / threshold) === 'alert' ? 1 : 0,
    );
    return countAlarms(alarmed, labels);
  });
  return measuresOf(poolCounts(counts), STEPS_PER_DAY);
}
