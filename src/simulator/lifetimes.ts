import type { Rng } from '#kernel/rng';

import type { ArrivalWindow } from './traces.ts';

/** Beyond the longest life that was seen to end, lives go on for up to a day more. */
const TAIL_SECONDS = 86_400;

/** Survival of the lives in a trace: chance to live longer than each duration (Kaplan and Meier 1958). */
interface Survival {
  /** Durations at which lives ended, ascending, and the upper edge of each bin. */
  readonly seconds: number[];
  readonly untilSeconds: number[];
  /** Chance to outlive the duration. */
  readonly survival: number[];
}

/** Draws the lifetime of a row of the arrival trace. */
export interface LifetimeSampler {
  drawSeconds(row: number, rng: Rng): number;
  /** No draw is longer. */
  readonly longestSeconds: number;
}

/**
 * Creates the sampler of one window of arrivals.
 *
 * @remarks A recorded life is drawn evenly within its bin. A life that the end of the trace cut off is
 *   drawn from the lives known to be longer (Kaplan-Meier, given the age reached); taken as it stands it would
 *   make every VM of the window die together at the trace's end.
 */
export function createLifetimeSampler(window: ArrivalWindow): LifetimeSampler {
  const table = estimateSurvival(window);
  const { lifetimeSecondsMin, lifetimeSecondsMax, isCensored } = window;
  return {
    longestSeconds: lifetimeSecondsMax.reduce((most, value) => Math.max(most, value), 0) + TAIL_SECONDS,
    drawSeconds(row, rng) {
      const least = lifetimeSecondsMin[row] as number;
      const most = lifetimeSecondsMax[row] as number;
      return isCensored[row] === 1 ? drawLonger(table, least, rng) : least + rng.next() * (most - least);
    },
  };
}

/** Kaplan-Meier estimate over the distinct durations. */
function estimateSurvival({ lifetimeSecondsMin, lifetimeSecondsMax, isCensored }: ArrivalWindow): Survival {
  const order = Int32Array.from({ length: lifetimeSecondsMin.length }, (_, i) => i).sort(
    (a, b) => (lifetimeSecondsMin[a] as number) - (lifetimeSecondsMin[b] as number),
  );
  const table: Survival = { seconds: [], untilSeconds: [], survival: [] };
  let survival = 1;
  for (let begin = 0; begin < order.length;) {
    const first = order[begin] as number;
    const duration = lifetimeSecondsMin[first] as number;
    let ended = 0;
    let end = begin;
    for (; end < order.length && lifetimeSecondsMin[order[end] as number] === duration; end++) {
      if (isCensored[order[end] as number] === 0) ended++;
    }
    survival *= 1 - ended / (order.length - begin);
    if (ended > 0) {
      table.seconds.push(duration);
      table.untilSeconds.push(lifetimeSecondsMax[first] as number);
      table.survival.push(survival);
    }
    begin = end;
  }
  return table;
}

/** A life given that it is longer than `age`: inverts the survival from there on. */
function drawLonger(table: Survival, age: number, rng: Rng): number {
  const reached = table.seconds.findLastIndex((seconds) => seconds <= age);
  const level = rng.next() * (reached < 0 ? 1 : (table.survival[reached] as number));
  for (let i = reached + 1; i < table.seconds.length; i++) {
    if ((table.survival[i] as number) > level) continue;
    const from = Math.max(table.seconds[i] as number, age);
    return from + rng.next() * Math.max((table.untilSeconds[i] as number) - from, 0);
  }
  return Math.max(age, table.untilSeconds[table.untilSeconds.length - 1] ?? 0) + rng.next() * TAIL_SECONDS;
}
