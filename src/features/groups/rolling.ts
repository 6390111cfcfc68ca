import { DAY_SECONDS, describe, HOUR_SECONDS, MINUTE_SECONDS, type FeatureGroup } from '../definition.ts';
import { DAY_WINDOWS } from '../history.ts';
import {
  coarseMean,
  FINE_PER_COARSE,
  fineMean,
  fineWindow,
  relative,
  type ResourceView,
} from '../origin-view.ts';

/** Rolling spans in 5-minute windows. */
const SPANS = [
  { name: '15m', windows: 3, seconds: 15 * MINUTE_SECONDS },
  { name: '1h', windows: 12, seconds: HOUR_SECONDS },
  { name: '4h', windows: 48, seconds: 4 * HOUR_SECONDS },
  { name: '1d', windows: DAY_WINDOWS, seconds: DAY_SECONDS },
] as const;
/** Half-lives of the moving averages, in fine windows of 30 s. */
const HALF_LIVES = [
  { name: '3m', fineWindows: 6 },
  { name: '10m', fineWindows: 20 },
  { name: '40m', fineWindows: 80 },
] as const;
/** Weights below 2^-6 of the newest are left out: a moving average looks back 6 half-lives. */
const REMEMBERED_HALF_LIVES = 6;

const distance = describe('rolling', 'deviations');
const share = describe('rolling', 'share');

/** Mean, spread and extremes of growing spans. */
export const rollingGroup: FeatureGroup = {
  definitions: [
    ...SPANS.flatMap(({ name, seconds }) => [
      distance(`mean_${name}`, seconds, `Mean of the last ${name}`),
      distance(`sd_${name}`, seconds, `Standard deviation of the 5-min means of the last ${name}`),
      distance(`min_${name}`, seconds, `Lowest 5-min mean of the last ${name}`),
      distance(`max_${name}`, seconds, `Highest 5-min mean of the last ${name}`),
      share(`rank_${name}`, seconds, `Share of the 5-min means of the last ${name} below the last value`),
    ]),
    ...HALF_LIVES.map(({ name, fineWindows }) =>
      distance(
        `ewma_${name}`,
        fineWindows * REMEMBERED_HALF_LIVES * 30,
        `Exponential moving average, half-life ${name}`,
      ),
    ),
  ],
  write(view, out, at) {
    let next = at;
    for (const { windows } of SPANS) {
      writeSpan(view.own, windows, out, next);
      next += 5;
    }
    for (const { fineWindows } of HALF_LIVES)
      out[next++] = relative(view.own, movingAverage(view.own, fineWindows));
  },
};

/** 5-minute mean `lag` windows back: exact from the fine ring where it reaches, else from the coarse one. */
function windowBack(view: ResourceView, lag: number, windows: number): number {
  if (windows > 48) return coarseMean(view, lag);
  return fineMean(view, lag * FINE_PER_COARSE, (lag + 1) * FINE_PER_COARSE);
}

function writeSpan(view: ResourceView, windows: number, out: Float32Array, at: number): void {
  let sum = 0;
  let squares = 0;
  let count = 0;
  let below = 0;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let lag = 0; lag < windows; lag++) {
    // Distances from the last value, not levels: the squares of small numbers lose no digits.
    const value = windowBack(view, lag, windows) - view.anchor;
    if (Number.isNaN(value)) continue;
    sum += value;
    squares += value * value;
    count++;
    if (value < 0) below++;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const isEmpty = count === 0;
  const mean = isEmpty ? Number.NaN : sum / count;
  out[at] = mean / view.deviation;
  out[at + 1] = Math.sqrt(Math.max(0, squares / count - mean * mean)) / view.deviation;
  out[at + 2] = isEmpty ? Number.NaN : low / view.deviation;
  out[at + 3] = isEmpty ? Number.NaN : high / view.deviation;
  out[at + 4] = isEmpty ? Number.NaN : below / count;
}

/** Exponentially weighted mean of the known fine windows, weights 2^(-age / halfLife). */
function movingAverage(view: ResourceView, halfLife: number): number {
  const decay = 2 ** (-1 / halfLife);
  const oldest = Math.min(view.fine.length, halfLife * REMEMBERED_HALF_LIVES);
  let weight = 1;
  let sum = 0;
  let weights = 0;
  for (let back = 0; back < oldest; back++) {
    const value = fineWindow(view, back);
    if (!Number.isNaN(value)) {
      sum += weight * value;
      weights += weight;
    }
    weight *= decay;
  }
  return weights === 0 ? Number.NaN : sum / weights;
}
