import type { LoadSeries, LoadTarget, RawLoadSeries } from '#domain';

import { COARSE_STEP_MS } from './history.ts';
import { NO_PEERS, type PeerLoad } from './origin-view.ts';
import { resampleLoad } from './resample.ts';

/**
 * The 5-minute means of a machine whose windows end at `n * 5 min + phaseMs`.
 *
 * @returns As `resampleLoad` with 300 s; `startMs` carries the phase.
 */
export function phasedSeries(raw: RawLoadSeries, phaseMs: number): LoadSeries {
  const timesMs = phaseMs === 0 ? raw.timesMs : raw.timesMs.map((time) => time - phaseMs);
  const series = resampleLoad({ ...raw, timesMs }, COARSE_STEP_MS / 1000);
  return { ...series, startMs: series.startMs + phaseMs };
}

/** The 5-minute mean that ends at `endMs`; NaN when it is empty, outside or not on the grid. */
export function valueAt(series: LoadSeries, target: LoadTarget, endMs: number): number {
  const at = (endMs - series.startMs) / (series.stepSeconds * 1000);
  return series.values[target]?.[at] ?? Number.NaN;
}

/** Load of all machines but one, by 5-minute window. */
export interface PeerTable {
  at(own: LoadSeries, originMs: number): PeerLoad;
}

const CHANGE_WINDOWS = 3;

/**
 * Adds up all machines by window, so that "the others" is one subtraction.
 *
 * @param all - Series of one phase; only they count as peers.
 */
export function createPeerTable(all: readonly LoadSeries[], target: LoadTarget): PeerTable {
  const known = all.filter((series) => series.values[target] !== undefined && series.length > 0);
  const startMs = Math.min(...known.map((series) => series.startMs));
  const endMs = Math.max(...known.map((series) => series.startMs + series.length * COARSE_STEP_MS));
  const windows = known.length < 2 ? 0 : Math.round((endMs - startMs) / COARSE_STEP_MS);
  const sums = new Float64Array(windows);
  const counts = new Int32Array(windows);
  for (const series of known) addSeries(series, target, { startMs, sums, counts });
  const othersMean = (own: LoadSeries, timeMs: number): number => {
    const window = (timeMs - startMs) / COARSE_STEP_MS;
    if (!(window >= 0 && window < windows)) return Number.NaN;
    const ownValue = valueAt(own, target, timeMs);
    const isOwn = Number.isNaN(ownValue) ? 0 : 1;
    const others = (counts[window] as number) - isOwn;
    return others < 1 ? Number.NaN : ((sums[window] as number) - (isOwn === 1 ? ownValue : 0)) / others;
  };
  return {
    at(own, originMs) {
      if (windows === 0) return NO_PEERS;
      const lastRatio = othersMean(own, originMs);
      const before = othersMean(own, originMs - CHANGE_WINDOWS * COARSE_STEP_MS);
      return { lastRatio, change15Ratio: lastRatio - before };
    },
  };
}

interface WindowSums {
  readonly startMs: number;
  readonly sums: Float64Array;
  readonly counts: Int32Array;
}

function addSeries(series: LoadSeries, target: LoadTarget, into: WindowSums): void {
  const values = series.values[target] as Float32Array;
  const shift = Math.round((series.startMs - into.startMs) / COARSE_STEP_MS);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    into.sums[i + shift] = (into.sums[i + shift] as number) + value;
    into.counts[i + shift] = (into.counts[i + shift] as number) + 1;
  }
}
