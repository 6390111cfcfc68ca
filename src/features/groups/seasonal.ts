import { HORIZON_MINUTES } from '#domain';

import { DAY_SECONDS, describe, HOUR_SECONDS, type FeatureGroup } from '../definition.ts';
import { DAY_WINDOWS } from '../history.ts';
import { coarseMean, relative, type ResourceView } from '../origin-view.ts';
import { addPair, pearsonOf, startPairs } from '../pair-sums.ts';

const DAYS = 7;
const HOUR_WINDOWS = 12;
/** Single days before, by number, whose change at this time of day is a feature of its own. */
const SINGLE_DAYS = [1, 2, 3, 7] as const;
const distance = describe('seasonal', 'deviations');
const likeness = describe('seasonal', 'correlation');

/** What the load did at the target's time of day and minute of the hour before. */
export const seasonalGroup: FeatureGroup = {
  definitions: [
    ...HORIZON_MINUTES.flatMap((minutes) => [
      ...SINGLE_DAYS.map((day) =>
        distance(
          `day_${day}_change_${minutes}m`,
          day * DAY_SECONDS,
          `Change over ${minutes} min from this time of day, ${day} d ago`,
        ),
      ),
      distance(
        `yesterday_${minutes}m`,
        DAY_SECONDS,
        `Yesterday's level ${minutes} min after this time of day`,
      ),
      distance(
        `yesterday_low_${minutes}m`,
        DAY_SECONDS,
        `Lowest of yesterday's windows within 5 min of the target's time`,
      ),
      distance(
        `yesterday_high_${minutes}m`,
        DAY_SECONDS,
        `Highest of yesterday's windows within 5 min of the target's time`,
      ),
      distance(
        `days_mean_${minutes}m`,
        7 * DAY_SECONDS,
        `Mean level of up to 7 days, ${minutes} min after this time of day`,
      ),
      distance(
        `days_mean_change_${minutes}m`,
        7 * DAY_SECONDS,
        `Mean change over ${minutes} min from this time of day, up to 7 days`,
      ),
      distance(
        `days_median_change_${minutes}m`,
        7 * DAY_SECONDS,
        `Median change over ${minutes} min from this time of day, up to 7 days`,
      ),
      distance(
        `hours_change_4_${minutes}m`,
        5 * HOUR_SECONDS,
        `Mean change over ${minutes} min from this minute of the last 4 hours`,
      ),
      distance(
        `hours_change_24_${minutes}m`,
        25 * HOUR_SECONDS,
        `Mean change over ${minutes} min from this minute of the last 24 hours`,
      ),
    ]),
    distance('yesterday_now', DAY_SECONDS, 'Level at this time of day, yesterday'),
    distance('days_mean_now', 7 * DAY_SECONDS, 'Mean level at this time of day, up to 7 days'),
    distance(
      'yesterday_next_hour_max',
      DAY_SECONDS,
      'Highest 5-min mean of the hour after this time, yesterday',
    ),
    distance('yesterday_next_hour_mean', DAY_SECONDS, 'Mean of the hour after this time of day, yesterday'),
    likeness(
      'yesterday_likeness_4h',
      DAY_SECONDS,
      'Correlation of the last 4 h with the same hours yesterday',
    ),
    likeness('yesterday_likeness_1d', 2 * DAY_SECONDS, 'Correlation of the last day with the day before'),
    likeness('week_likeness_1d', 8 * DAY_SECONDS, 'Correlation of the last day with the same day last week'),
  ],
  write(view, out, at) {
    const { own } = view;
    let next = at;
    for (const minutes of HORIZON_MINUTES) next = writeHorizon(own, minutes / 5, out, next);
    out[next++] = relative(own, coarseMean(own, DAY_WINDOWS));
    out[next++] = relative(own, recur(own, { period: DAY_WINDOWS, times: DAYS, ahead: 0 }).level);
    next = writeNextHour(own, out, next);
    out[next++] = correlateWith(own, DAY_WINDOWS, 48);
    out[next++] = correlateWith(own, DAY_WINDOWS, DAY_WINDOWS);
    out[next++] = correlateWith(own, DAYS * DAY_WINDOWS, DAY_WINDOWS);
  },
};

/** Changes of the single days, for their median; one scratch, filled again for each horizon. */
const dayChanges = new Float64Array(DAYS);

function writeHorizon(view: ResourceView, ahead: number, out: Float32Array, at: number): number {
  const { deviation } = view;
  const days = recur(view, { period: DAY_WINDOWS, times: DAYS, ahead });
  let known = 0;
  for (let day = 1; day <= DAYS; day++) {
    const change = dayChange(view, day, ahead);
    if (change === change) dayChanges[known++] = change;
  }
  let next = at;
  for (const day of SINGLE_DAYS) out[next++] = dayChange(view, day, ahead) / deviation;
  const before = coarseMean(view, DAY_WINDOWS - ahead + 1);
  const yesterday = coarseMean(view, DAY_WINDOWS - ahead);
  const after = coarseMean(view, DAY_WINDOWS - ahead - 1);
  out[next++] = relative(view, yesterday);
  out[next++] = relative(view, Math.min(before, yesterday, after));
  out[next++] = relative(view, Math.max(before, yesterday, after));
  out[next++] = relative(view, days.level);
  out[next++] = days.change / deviation;
  out[next++] = medianOf(dayChanges, known) / deviation;
  out[next++] = recur(view, { period: HOUR_WINDOWS, times: 4, ahead }).change / deviation;
  out[next++] = recur(view, { period: HOUR_WINDOWS, times: 24, ahead }).change / deviation;
  return next;
}

function dayChange(view: ResourceView, day: number, ahead: number): number {
  return coarseMean(view, day * DAY_WINDOWS - ahead) - coarseMean(view, day * DAY_WINDOWS);
}

function medianOf(values: Float64Array, count: number): number {
  if (count === 0) return Number.NaN;
  const sorted = values.subarray(0, count).sort();
  const middle = (count - 1) / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
}

interface Recurrence {
  readonly period: number;
  readonly times: number;
  readonly ahead: number;
}

/** Mean level at the target's place in the earlier periods, and mean change from now's place to it. */
function recur(view: ResourceView, { period, times, ahead }: Recurrence): { level: number; change: number } {
  let levels = 0;
  let changes = 0;
  let known = 0;
  let pairs = 0;
  for (let k = 1; k <= times; k++) {
    const level = coarseMean(view, k * period - ahead);
    const change = level - coarseMean(view, k * period);
    if (level === level) {
      levels += level;
      known++;
    }
    if (change === change) {
      changes += change;
      pairs++;
    }
  }
  return {
    level: known === 0 ? Number.NaN : levels / known,
    change: pairs === 0 ? Number.NaN : changes / pairs,
  };
}

function writeNextHour(view: ResourceView, out: Float32Array, at: number): number {
  let high = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let count = 0;
  for (let ahead = 1; ahead <= HOUR_WINDOWS; ahead++) {
    const value = coarseMean(view, DAY_WINDOWS - ahead);
    if (Number.isNaN(value)) continue;
    if (value > high) high = value;
    sum += value;
    count++;
  }
  out[at] = count === 0 ? Number.NaN : relative(view, high);
  out[at + 1] = count === 0 ? Number.NaN : relative(view, sum / count);
  return at + 2;
}

/** Correlation of the last `windows` windows with those `lag` before them. */
function correlateWith(view: ResourceView, lag: number, windows: number): number {
  const pairs = startPairs();
  const { anchor } = view;
  for (let i = 0; i < windows; i++) {
    addPair(pairs, coarseMean(view, i) - anchor, coarseMean(view, i + lag) - anchor);
  }
  return pearsonOf(pairs);
}
