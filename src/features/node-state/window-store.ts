/** Width of a window, milliseconds: the interval at which metrics are scraped. */
export const STATE_STEP_MS = 30_000;
/** Spans of the rolling features, in windows. The last one is the memory of a node. */
export const STATE_SPANS = [
  { name: '5m', windows: 10 },
  { name: '15m', windows: 30 },
  { name: '1h', windows: 120 },
  { name: '6h', windows: 720 },
  { name: '1d', windows: 2880 },
] as const;
export const LONGEST_SPAN = 2880;
const SPAN_COUNT = STATE_SPANS.length;
const SPAN_WINDOWS = Int32Array.from(STATE_SPANS, ({ windows }) => windows);

/**
 * A load of 1 in whole units. Sums of a day of windows and of their squares stay below 2^53, so they are exact and do
 * not depend on where a replay began: a service that starts today gives the same bits as one that ran all year.
 */
const UNITS = 2 ** 20;
const UNKNOWN_UNITS = -1;
/** As in the load reader: rounding of the source may lift a ratio this far above 1. */
const LARGEST_RATIO = 1.0001;
/** A power of two above the longest span plus the longest lag's width, so that a position is a mask away. */
const RING = 4096;
const MASK = RING - 1;

/** The 5 minutes that ended so many windows ago. */
export const STATE_LAGS = [
  { name: '5m', windows: 10 },
  { name: '15m', windows: 30 },
  { name: '30m', windows: 60 },
  { name: '1h', windows: 120 },
  { name: '6h', windows: 720 },
  { name: '1d', windows: LONGEST_SPAN },
] as const;
export const LAG_WIDTH = 10;
const LAG_COUNT = STATE_LAGS.length;
const LAG_WINDOWS = Int32Array.from(STATE_LAGS, ({ windows }) => windows);

/** The last day of one resource in windows of 30 s, with its sums and extremes kept up to date. */
export interface WindowStore {
  /** Means in `UNITS` by window number modulo the ring; -1 is unknown. */
  readonly units: Int32Array;
  readonly counts: Int32Array;
  readonly sums: Float64Array;
  readonly squares: Float64Array;
  readonly lagCounts: Int32Array;
  readonly lagSums: Float64Array;
  readonly low: Extremes;
  readonly high: Extremes;
  /** Number of the last window with a known value; NaN without one. */
  lastKnown: number;
}

/**
 * Candidates for the extreme of any span that ends now, oldest first, each more extreme than all after it (the
 * monotone deque of Lemire 2006). Positions only grow; `buffer` is a ring that doubles when it is full.
 */
interface Extremes {
  readonly sign: 1 | -1;
  buffer: Int32Array;
  end: number;
  /** Position of the extreme of each span. */
  readonly heads: Int32Array;
}

export function createWindowStore(): WindowStore {
  return {
    units: new Int32Array(RING).fill(UNKNOWN_UNITS),
    counts: new Int32Array(SPAN_COUNT),
    sums: new Float64Array(SPAN_COUNT),
    squares: new Float64Array(SPAN_COUNT),
    lagCounts: new Int32Array(LAG_COUNT),
    lagSums: new Float64Array(LAG_COUNT),
    low: createExtremes(-1),
    high: createExtremes(1),
    lastKnown: Number.NaN,
  };
}

function createExtremes(sign: 1 | -1): Extremes {
  return { sign, buffer: new Int32Array(64), end: 0, heads: new Int32Array(SPAN_COUNT) };
}

/** A usage ratio in units; unknown when it is NaN or outside 0..1. */
export function toUnits(ratio: number): number {
  return ratio >= 0 && ratio <= LARGEST_RATIO ? Math.round(Math.min(1, ratio) * UNITS) : UNKNOWN_UNITS;
}

/** Forgets everything. */
export function clearWindows(store: WindowStore): void {
  store.units.fill(UNKNOWN_UNITS);
  store.counts.fill(0);
  store.sums.fill(0);
  store.squares.fill(0);
  store.lagCounts.fill(0);
  store.lagSums.fill(0);
  for (const extremes of [store.low, store.high]) extremes.heads.fill(extremes.end);
}

/** Closes window `n`, the successor of the last one closed, with its mean in units (-1 when unknown). */
export function closeWindow(store: WindowStore, n: number, value: number): void {
  const { units, counts, sums, squares } = store;
  // hot: once a sample and resource
  for (let span = 0; span < SPAN_COUNT; span++) {
    const leaving = units[(n - (SPAN_WINDOWS[span] as number)) & MASK] as number;
    if (leaving >= 0) {
      counts[span] = (counts[span] as number) - 1;
      sums[span] = (sums[span] as number) - leaving;
      squares[span] = (squares[span] as number) - leaving * leaving;
    }
    if (value >= 0) {
      counts[span] = (counts[span] as number) + 1;
      sums[span] = (sums[span] as number) + value;
      squares[span] = (squares[span] as number) + value * value;
    }
  }
  units[n & MASK] = value;
  slideLags(store, n);
  if (value >= 0) {
    store.lastKnown = n;
    pushExtreme(store.low, units, n);
    pushExtreme(store.high, units, n);
  }
  dropOld(store.low, n);
  dropOld(store.high, n);
}

function slideLags({ units, lagCounts, lagSums }: WindowStore, n: number): void {
  for (let lag = 0; lag < LAG_COUNT; lag++) {
    const at = n - (LAG_WINDOWS[lag] as number);
    const entering = units[at & MASK] as number;
    const leaving = units[(at - LAG_WIDTH) & MASK] as number;
    if (entering >= 0) {
      lagCounts[lag] = (lagCounts[lag] as number) + 1;
      lagSums[lag] = (lagSums[lag] as number) + entering;
    }
    if (leaving >= 0) {
      lagCounts[lag] = (lagCounts[lag] as number) - 1;
      lagSums[lag] = (lagSums[lag] as number) - leaving;
    }
  }
}

function pushExtreme(extremes: Extremes, units: Int32Array, n: number): void {
  const { sign, heads } = extremes;
  const value = sign * (units[n & MASK] as number);
  const oldest = heads[SPAN_COUNT - 1] as number;
  let { end } = extremes;
  let mask = extremes.buffer.length - 1;
  while (
    end > oldest &&
    sign * (units[(extremes.buffer[(end - 1) & mask] as number) & MASK] as number) <= value
  )
    end--;
  if (end - oldest > mask) {
    grow(extremes, oldest, end);
    mask = extremes.buffer.length - 1;
  }
  extremes.buffer[end & mask] = n;
  for (let span = 0; span < SPAN_COUNT; span++) if ((heads[span] as number) > end) heads[span] = end;
  extremes.end = end + 1;
}

function grow(extremes: Extremes, from: number, to: number): void {
  const { buffer } = extremes;
  const larger = new Int32Array(buffer.length * 2);
  for (let at = from; at < to; at++) {
    larger[at & (larger.length - 1)] = buffer[at & (buffer.length - 1)] as number;
  }
  extremes.buffer = larger;
}

function dropOld(extremes: Extremes, n: number): void {
  const { buffer, heads, end } = extremes;
  const mask = buffer.length - 1;
  for (let span = 0; span < SPAN_COUNT; span++) {
    const oldest = n - (SPAN_WINDOWS[span] as number);
    let head = heads[span] as number;
    while (head < end && (buffer[head & mask] as number) <= oldest) head++;
    heads[span] = head;
  }
}

/** Mean of the known windows of a span (index into `STATE_SPANS`), 0..1; NaN when all are unknown. */
export function spanMean(store: WindowStore, span: number): number {
  return (store.sums[span] as number) / (store.counts[span] as number) / UNITS;
}

/** Population standard deviation of the known windows of a span; NaN when all are unknown. */
export function spanDeviation(store: WindowStore, span: number): number {
  const count = store.counts[span] as number;
  const sum = store.sums[span] as number;
  return Math.sqrt(Math.max(0, (store.squares[span] as number) * count - sum * sum)) / count / UNITS;
}

/** Lowest known window of a span; NaN when all are unknown. */
export function spanLow(store: WindowStore, span: number): number {
  return extremeOf(store.low, store.units, span);
}

/** Highest known window of a span; NaN when all are unknown. */
export function spanHigh(store: WindowStore, span: number): number {
  return extremeOf(store.high, store.units, span);
}

function extremeOf({ buffer, heads, end }: Extremes, units: Int32Array, span: number): number {
  const head = heads[span] as number;
  if (head >= end) return Number.NaN;
  return (units[(buffer[head & (buffer.length - 1)] as number) & MASK] as number) / UNITS;
}

/** Mean of window `n` alone; NaN when unknown. */
export function windowMean(store: WindowStore, n: number): number {
  const value = store.units[n & MASK] as number;
  return value < 0 ? Number.NaN : value / UNITS;
}

/** Mean of the known windows of a lag (index into `STATE_LAGS`); NaN when all are unknown. */
export function lagMean(store: WindowStore, lag: number): number {
  return (store.lagSums[lag] as number) / (store.lagCounts[lag] as number) / UNITS;
}
