import { HORIZON_MINUTES, type HorizonMinutes, type LoadTarget } from '#domain';
import { COARSE_STEP_MS, lastCoarseMean, type NodeHistory } from '#features';
import { MINUTE_MS } from '#kernel/units';

import type { ForecastTracker, TrackedBand } from './tracker.ts';
import type { PredictionRows } from './types.ts';

/** A forecast counts as made at a 5-minute step when it comes at most this much later. */
const LATEST_MS = MINUTE_MS;
const HOUR_WINDOWS = 12;
const DAY_WINDOWS = 288;
/** Finished windows that a call looks back on: those of the longest horizon, should calls have been missed. */
const CAUGHT_UP_WINDOWS = Math.max(...HORIZON_MINUTES) / 5 + 1;

interface LiveMoment {
  readonly histories: readonly NodeHistory[];
  readonly nowMs: number;
  readonly target: LoadTarget;
}

/** Corrects the raw band of one machine at one horizon. */
type Correct = (machine: number, horizonMinutes: HorizonMinutes, raw: TrackedBand) => TrackedBand;

/** Tells the tracker what has come in since, and gives the correction of this moment. */
export function liveCorrection(tracker: ForecastTracker, moment: LiveMoment, rows: PredictionRows): Correct {
  const { histories, nowMs, target } = moment;
  const gridMs = Math.floor(nowMs / COARSE_STEP_MS) * COARSE_STEP_MS;
  for (const history of histories) {
    for (let lag = CAUGHT_UP_WINDOWS; lag >= 0; lag--) {
      const actual = lastCoarseMean(history, target, gridMs, lag);
      tracker.observe(history.machine, target, gridMs - lag * COARSE_STEP_MS, actual);
    }
  }
  const originMs = nowMs - gridMs <= LATEST_MS ? gridMs : undefined;
  return (machine, horizonMinutes, raw) => {
    const history = histories[machine] as NodeHistory;
    const back = (lag: number): number => lastCoarseMean(history, target, gridMs, lag);
    const lastValue = rows.anchors[machine] as number;
    return tracker.correct(
      { machine: history.machine, target, horizonMinutes },
      {
        ...raw,
        originMs,
        fallbacks: [lastValue, hourMean(back), back(DAY_WINDOWS - horizonMinutes / 5)],
        deviation: rows.deviations[machine] as number,
      },
    );
  };
}

function hourMean(back: (lag: number) => number): number {
  let sum = 0;
  let known = 0;
  for (let lag = 0; lag < HOUR_WINDOWS; lag++) {
    const value = back(lag);
    if (Number.isNaN(value)) continue;
    sum += value;
    known++;
  }
  return known === 0 ? Number.NaN : sum / known;
}
