import { describe, MINUTE_SECONDS, type FeatureGroup } from '../definition.ts';
import { FINE_PER_COARSE, fineMean, fineWindow, relative, type ResourceView } from '../origin-view.ts';

/** Single minutes before the origin that are features of their own. */
const MINUTES = 12;
/** Spans of the sub-window statistics, in fine windows: 5 and 15 minutes. */
const SPANS = [FINE_PER_COARSE, 3 * FINE_PER_COARSE] as const;
/** Spans of the slopes, in fine windows: 5, 15 and 60 minutes. */
const SLOPES = [FINE_PER_COARSE, 3 * FINE_PER_COARSE, 12 * FINE_PER_COARSE] as const;
/** 5-minute means so many windows back. */
const LAGS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 18, 24, 36] as const;

const level = describe('recent', 'ratio');
const distance = describe('recent', 'deviations');
const trend = describe('recent', 'deviations-per-minute');
const age = describe('recent', 'minutes');

/** The last minutes at the finest detail there is. */
export const recentGroup: FeatureGroup = {
  definitions: [
    level('last_value', 5 * MINUTE_SECONDS, 'Mean of the last 5 minutes (up to half an hour old in a gap)'),
    age('last_value_age', 30 * MINUTE_SECONDS, 'Age of the last value; above 0 only in a gap'),
    distance('half_minute_0', 30, 'Mean of the last 30 s'),
    distance('half_minute_1', 60, 'Mean of the 30 s before'),
    ...Array.from({ length: MINUTES }, (_, i) =>
      distance(`minute_${i}`, (i + 1) * MINUTE_SECONDS, `Mean of the minute that ended ${i} min ago`),
    ),
    ...SPANS.flatMap((span) => {
      const minutes = span / 2;
      const seconds = minutes * MINUTE_SECONDS;
      return [
        distance(`sub_sd_${minutes}m`, seconds, `Spread of the samples of the last ${minutes} min`),
        distance(`sub_min_${minutes}m`, seconds, `Lowest sample of the last ${minutes} min`),
        distance(`sub_max_${minutes}m`, seconds, `Highest sample of the last ${minutes} min`),
      ];
    }),
    ...SLOPES.map((span) =>
      trend(`slope_${span / 2}m`, span * 30, `Least-squares slope of the last ${span / 2} min`),
    ),
  ],
  write(view, out, at) {
    const { own } = view;
    let next = at;
    out[next++] = own.anchor;
    out[next++] = own.anchorAgeMinutes;
    out[next++] = relative(own, fineWindow(own, 0));
    out[next++] = relative(own, fineWindow(own, 1));
    for (let i = 0; i < MINUTES; i++) out[next++] = relative(own, fineMean(own, 2 * i, 2 * i + 2));
    for (const span of SPANS) {
      writeSpread(own, span, out, next);
      next += 3;
    }
    for (const span of SLOPES) out[next++] = slope(own, span);
  },
};

const lagged = describe('lag', 'deviations');

/** Means of 5 minutes, some windows back, exact at any origin. */
export const lagGroup: FeatureGroup = {
  definitions: LAGS.map((lag) =>
    lagged(
      `lag_${lag * 5}m`,
      (lag + 1) * 5 * MINUTE_SECONDS,
      `Mean of the 5 min that ended ${lag * 5} min ago`,
    ),
  ),
  write(view, out, at) {
    for (let i = 0; i < LAGS.length; i++) {
      const from = (LAGS[i] as number) * FINE_PER_COARSE;
      out[at + i] = relative(view.own, fineMean(view.own, from, from + FINE_PER_COARSE));
    }
  },
};

/** Standard deviation, minimum and maximum of the known samples among the last `span` fine windows. */
function writeSpread(view: ResourceView, span: number, out: Float32Array, at: number): void {
  const centre = fineMean(view, 0, span);
  let squares = 0;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let back = 0; back < span; back++) {
    const value = fineWindow(view, back);
    if (Number.isNaN(value)) continue;
    squares += (value - centre) ** 2;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const count = view.fineCounts[span] as number;
  out[at] = count < 2 ? Number.NaN : Math.sqrt(squares / count) / view.deviation;
  out[at + 1] = count === 0 ? Number.NaN : relative(view, low);
  out[at + 2] = count === 0 ? Number.NaN : relative(view, high);
}

/** Slope of the least-squares line through the known samples, per minute; NaN below 2 samples. */
function slope(view: ResourceView, span: number): number {
  const count = view.fineCounts[span] as number;
  if (count < 2) return Number.NaN;
  const centre = fineMean(view, 0, span);
  let positions = 0;
  for (let back = 0; back < span; back++) if (!Number.isNaN(fineWindow(view, back))) positions += back;
  const middle = positions / count;
  let cross = 0;
  let squares = 0;
  for (let back = 0; back < span; back++) {
    const value = fineWindow(view, back);
    if (Number.isNaN(value)) continue;
    cross += (middle - back) * (value - centre);
    squares += (middle - back) ** 2;
  }
  return ((cross / squares) * 2) / view.deviation;
}
