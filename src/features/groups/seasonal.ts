import { HORIZON_MINUTES } from '#domain';

import { DAY_SECONDS, describe, HOUR_SECONDS, type FeatureGroup } from '../definition.ts';
import { DAY_WINDOWS } from '../history.ts';
import { coarseMean, relative, type ResourceView } from '../origin-view.ts';

const DAYS = 7;
const HOUR_WINDOWS = 12;
const distance = describe('seasonal', 'deviations');

/** What the load did at the target's time of day and minute of the hour before. */
export const seasonalGroup: FeatureGroup = {
  definitions: [
    ...HORIZON_MINUTES.flatMap((minutes) => [
      distance(`yesterday_${minutes}m`, DAY_SECONDS, `Yesterday, ${minutes} min after this time of day`),
      distance(
        `yesterday_change_${minutes}m`,
        DAY_SECONDS,
        `Change over ${minutes} min from this time of day yesterday`,
      ),
      distance(
        `days_mean_${minutes}m`,
        7 * DAY_SECONDS,
        `Mean of up to 7 days, ${minutes} min after this time`,
      ),
      distance(
        `days_change_${minutes}m`,
        7 * DAY_SECONDS,
        `Mean change over ${minutes} min from this time of day, up to 7 days`,
      ),
      distance(`last_week_${minutes}m`, 7 * DAY_SECONDS, `7 days ago, ${minutes} min after this time of day`),
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
    distance(
      'yesterday_next_hour_max',
      DAY_SECONDS,
      'Highest 5-min mean of the hour after this time, yesterday',
    ),
    distance('yesterday_next_hour_mean', DAY_SECONDS, 'Mean of the hour after this time of day, yesterday'),
  ],
  write(view, out, at) {
    let next = at;
    for (const minutes of HORIZON_MINUTES) {
      writeHorizon(view.own, minutes / 5, out, next);
      next += 7;
    }
    writeNextHour(view.own, out, next);
  },
};

function writeHorizon(view: ResourceView, ahead: number, out: Float32Array, at: number): void {
  const days = meanBefore(view, { period: DAY_WINDOWS, times: DAYS, ahead });
  const hours4 = meanBefore(view, { period: HOUR_WINDOWS, times: 4, ahead });
  const hours24 = meanBefore(view, { period: HOUR_WINDOWS, times: 24, ahead });
  const yesterday = coarseMean(view, DAY_WINDOWS - ahead);
  out[at] = relative(view, yesterday);
  out[at + 1] = (yesterday - coarseMean(view, DAY_WINDOWS)) / view.deviation;
  out[at + 2] = relative(view, days.level);
  out[at + 3] = days.change / view.deviation;
  out[at + 4] = relative(view, coarseMean(view, DAYS * DAY_WINDOWS - ahead));
  out[at + 5] = hours4.change / view.deviation;
  out[at + 6] = hours24.change / view.deviation;
}

interface Recurrence {
  readonly period: number;
  readonly times: number;
  readonly ahead: number;
}

/** Mean level at the target's place in the earlier periods, and mean change from now's place to it. */
function meanBefore(
  view: ResourceView,
  { period, times, ahead }: Recurrence,
): { level: number; change: number } {
  let levels = 0;
  let changes = 0;
  let known = 0;
  let pairs = 0;
  for (let k = 1; k <= times; k++) {
    const level = coarseMean(view, k * period - ahead);
    const change = level - coarseMean(view, k * period);
    if (!Number.isNaN(level)) {
      levels += level;
      known++;
    }
    if (!Number.isNaN(change)) {
      changes += change;
      pairs++;
    }
  }
  return {
    level: known === 0 ? Number.NaN : levels / known,
    change: pairs === 0 ? Number.NaN : changes / pairs,
  };
}

function writeNextHour(view: ResourceView, out: Float32Array, at: number): void {
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
}
