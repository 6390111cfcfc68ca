import { DAY_SECONDS, describe, HOUR_SECONDS, type FeatureGroup } from '../definition.ts';
import { DAY_WINDOWS } from '../history.ts';
import { coarseMean, relative, type OriginView, type ResourceView } from '../origin-view.ts';
import { addPair, pearsonOf, startPairs } from '../pair-sums.ts';

/** Every fourth window of the last 8 days: enough for a mean and a spread, a quarter of the work. */
const LONG_STRIDE = 4;
const LONG_WINDOWS = 8 * DAY_WINDOWS;
/** Distances, in windows, at which the load is compared with itself. */
const ECHOES = [1, 3, 12] as const;

const level = describe('character', 'ratio');
const distance = describe('character', 'deviations');
const correlation = describe('character', 'correlation');
const span = describe('character', 'days');

/** What kind of machine this is. */
export const characterGroup: FeatureGroup = {
  definitions: [
    level(
      'deviation',
      DAY_SECONDS,
      'Mean absolute step between 5-min means of the last day: the unit of other features',
    ),
    level('long_mean', 8 * DAY_SECONDS, 'Mean of up to 8 days'),
    level('long_sd', 8 * DAY_SECONDS, 'Standard deviation of up to 8 days'),
    distance('long_mean_distance', 8 * DAY_SECONDS, 'Mean of up to 8 days, from the last value'),
    span('history_days', 8 * DAY_SECONDS, 'Length of the known history, at most 8'),
    ...ECHOES.flatMap((lag) => [
      distance(
        `last_value_error_${lag * 5}m`,
        DAY_SECONDS,
        `Mean absolute error of the last value, ${lag * 5} min ahead, over the last day`,
      ),
      correlation(
        `echo_${lag * 5}m`,
        DAY_SECONDS,
        `Autocorrelation of the last day's 5-min means at ${lag * 5} min`,
      ),
    ]),
    distance(
      'last_value_error_5m_1h',
      HOUR_SECONDS,
      'Mean absolute error of the last value, 5 min ahead, last hour',
    ),
    distance(
      'last_value_error_15m_4h',
      4 * HOUR_SECONDS,
      'Mean absolute error of the last value, 15 min ahead, last 4 h',
    ),
    correlation(
      'reversal_1d',
      DAY_SECONDS,
      'Correlation of neighbouring steps over the last day; below 0 after spikes',
    ),
    correlation('reversal_4h', 4 * HOUR_SECONDS, 'Correlation of neighbouring steps over the last 4 h'),
  ],
  write(view, out, at) {
    const { own } = view;
    let next = at;
    out[next++] = own.deviation;
    writeLong(own, out, next);
    next += 3;
    out[next++] = historyDays(view);
    for (const lag of ECHOES) {
      out[next++] = lastValueError(own, lag, DAY_WINDOWS) / own.deviation;
      out[next++] = echo(own, lag);
    }
    out[next++] = lastValueError(own, 1, 12) / own.deviation;
    out[next++] = lastValueError(own, 3, 48) / own.deviation;
    out[next++] = reversal(own, DAY_WINDOWS);
    out[next++] = reversal(own, 48);
  },
};

function historyDays(view: OriginView): number {
  return Math.min(8, (view.originMs - view.own.resource.firstMs) / (DAY_SECONDS * 1000));
}

function writeLong(view: ResourceView, out: Float32Array, at: number): void {
  let sum = 0;
  let squares = 0;
  let count = 0;
  for (let lag = 0; lag < LONG_WINDOWS; lag += LONG_STRIDE) {
    const value = coarseMean(view, lag) - view.anchor;
    if (Number.isNaN(value)) continue;
    sum += value;
    squares += value * value;
    count++;
  }
  const mean = count === 0 ? Number.NaN : sum / count;
  out[at] = mean + view.anchor;
  out[at + 1] = Math.sqrt(Math.max(0, squares / count - mean * mean));
  out[at + 2] = relative(view, mean + view.anchor);
}

/** Mean of |x(t) - x(t - lag)| over the last `windows` windows; NaN without a pair. */
function lastValueError(view: ResourceView, lag: number, windows: number): number {
  let sum = 0;
  let count = 0;
  for (let back = 0; back < windows; back++) {
    const step = Math.abs(coarseMean(view, back) - coarseMean(view, back + lag));
    if (Number.isNaN(step)) continue;
    sum += step;
    count++;
  }
  return count === 0 ? Number.NaN : sum / count;
}

function echo(view: ResourceView, lag: number): number {
  const pairs = startPairs();
  const { anchor } = view;
  for (let i = 0; i < DAY_WINDOWS - lag; i++) {
    addPair(pairs, coarseMean(view, i) - anchor, coarseMean(view, i + lag) - anchor);
  }
  return pearsonOf(pairs);
}

function reversal(view: ResourceView, windows: number): number {
  const pairs = startPairs();
  let step = coarseMean(view, 0) - coarseMean(view, 1);
  for (let i = 0; i < windows - 2; i++) {
    const before = coarseMean(view, i + 1) - coarseMean(view, i + 2);
    addPair(pairs, step, before);
    step = before;
  }
  return pearsonOf(pairs);
}
