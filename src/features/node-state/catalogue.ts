import { LOAD_TARGETS, type LoadTarget } from '#domain';

import { clockDefinitions, writeClock, CLOCK_COUNT } from '../clock.ts';
import { DAY_SECONDS, describe, HOUR_SECONDS, type FeatureDefinition } from '../definition.ts';
import { rowShapeWrong } from '../errors.ts';
import { advanceTo, type NodeState } from './state.ts';
import {
  LONGEST_SPAN,
  lagMean,
  LAG_WIDTH,
  spanDeviation,
  spanHigh,
  spanLow,
  spanMean,
  STATE_LAGS,
  STATE_SPANS,
  STATE_STEP_MS,
  windowMean,
  type WindowStore,
} from './window-store.ts';

/** Lags whose distance from the last 5 minutes is a feature too. */
const CHANGES = [0, 3, 5] as const;
const SPAN_5M = 0;
const SPAN_15M = 1;
const SPAN_1H = 2;
const SPAN_1D = 4;

const level = describe('recent', 'ratio');
const age = describe('recent', 'seconds');
const rolling = describe('rolling', 'ratio');
const lagged = describe('lag', 'ratio');
const change = describe('lag', 'ratio-change');
const share = describe('coverage', 'share');
const seconds = (windows: number): number => (windows * STATE_STEP_MS) / 1000;

function resourceDefinitions(target: LoadTarget): FeatureDefinition[] {
  const what = target === 'cpu' ? 'CPU' : 'Memory';
  return [
    level(`${target}_now`, 30, `${what} use of the last 30 s`),
    age(`${target}_age_seconds`, DAY_SECONDS, `Age of the newest known ${what} window, at most a day back`),
    ...STATE_SPANS.flatMap(({ name, windows }) => [
      rolling(`${target}_mean_${name}`, seconds(windows), `Mean ${what} use of the last ${name}`),
      rolling(
        `${target}_sd_${name}`,
        seconds(windows),
        `Standard deviation of the 30 s means of the last ${name}`,
      ),
      rolling(`${target}_min_${name}`, seconds(windows), `Lowest 30 s mean of the last ${name}`),
      rolling(`${target}_max_${name}`, seconds(windows), `Highest 30 s mean of the last ${name}`),
    ]),
    ...STATE_LAGS.map(({ name, windows }) =>
      lagged(
        `${target}_lag_${name}`,
        seconds(windows + LAG_WIDTH),
        `Mean ${what} use of the 5 min that ended ${name} ago`,
      ),
    ),
    ...CHANGES.map((lag) =>
      change(
        `${target}_change_${STATE_LAGS[lag].name}`,
        seconds(STATE_LAGS[lag].windows + LAG_WIDTH),
        `Last 5 min less the 5 min that ended ${STATE_LAGS[lag].name} ago`,
      ),
    ),
    rolling(`${target}_headroom_1h`, HOUR_SECONDS, `1 less the highest 30 s mean of the last 1h`),
    share(`${target}_known_1h`, HOUR_SECONDS, `Share of the last hour's windows that are known`),
    share(`${target}_known_1d`, DAY_SECONDS, `Share of the last day's windows that are known`),
  ];
}

/** Features of a node as it stands, in plain ratios, every 30 s: for online use, beside the forecast's own row. */
export const NODE_STATE_CATALOGUE: readonly FeatureDefinition[] = [
  ...LOAD_TARGETS.flatMap(resourceDefinitions),
  change('cpu_less_memory_15m', 900, 'Mean CPU use less mean memory use of the last 15 min'),
  ...clockDefinitions,
];

const COUNT = NODE_STATE_CATALOGUE.length;

/**
 * Writes the state of a node as of a moment at `out[at]`; NaN where a feature is not known.
 *
 * @param originMs - Windows that end at or before it count; no sample from after it may have been taken in.
 * @throws MlschedError `MLS_FEATURES_ORIGIN_PAST`, `MLS_FEATURES_SHAPE`.
 * @remarks O(features), whatever the spans: about a microsecond.
 */
export function writeNodeState(state: NodeState, originMs: number, out: Float32Array, at: number): void {
  if (at < 0 || at + COUNT > out.length) throw rowShapeWrong(out.length, at + COUNT);
  const now = advanceTo(state, originMs);
  let next = writeResource(state.cpu, { now, originMs }, out, at);
  next = writeResource(state.memory, { now, originMs }, out, next);
  out[next] = spanMean(state.cpu, SPAN_15M) - spanMean(state.memory, SPAN_15M);
  writeClock(originMs, out, at + COUNT - CLOCK_COUNT);
}

interface Moment {
  readonly now: number;
  readonly originMs: number;
}

function writeResource(store: WindowStore, { now, originMs }: Moment, out: Float32Array, at: number): number {
  let next = at;
  out[next++] = windowMean(store, now);
  const isForgotten = !(store.lastKnown > now - LONGEST_SPAN);
  out[next++] = isForgotten ? Number.NaN : (originMs - store.lastKnown * STATE_STEP_MS) / 1000;
  for (let span = 0; span < STATE_SPANS.length; span++) {
    out[next++] = spanMean(store, span);
    out[next++] = spanDeviation(store, span);
    out[next++] = spanLow(store, span);
    out[next++] = spanHigh(store, span);
  }
  const lags = next;
  for (let lag = 0; lag < STATE_LAGS.length; lag++) out[next++] = lagMean(store, lag);
  for (const lag of CHANGES) out[next++] = spanMean(store, SPAN_5M) - (out[lags + lag] as number);
  out[next++] = 1 - spanHigh(store, SPAN_1H);
  out[next++] = (store.counts[SPAN_1H] as number) / STATE_SPANS[SPAN_1H].windows;
  out[next++] = (store.counts[SPAN_1D] as number) / LONGEST_SPAN;
  return next;
}
