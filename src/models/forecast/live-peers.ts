import type { LoadTarget } from '#domain';
import { lastCoarseMean, type NodeHistory, type PeerLoad } from '#features';

const CHANGE_WINDOWS = 3;

/**
 * Load of the other machines at a moment, by index of the machine.
 *
 * @returns Undefined for a machine by itself.
 * @remarks Agrees with the peer table of a replay at origins on the 5-minute grid.
 */
export function createPeers(
  histories: readonly NodeHistory[],
  target: LoadTarget,
  nowMs: number,
): ((index: number) => PeerLoad) | undefined {
  if (histories.length < 2) return undefined;
  const now = addUp(histories, target, nowMs, 0);
  const before = addUp(histories, target, nowMs, CHANGE_WINDOWS);
  return (index) => {
    const lastRatio = others(now, index);
    return { lastRatio, change15Ratio: lastRatio - others(before, index) };
  };
}

interface Totals {
  readonly values: Float64Array;
  readonly sum: number;
  readonly count: number;
}

function addUp(histories: readonly NodeHistory[], target: LoadTarget, nowMs: number, lag: number): Totals {
  const values = Float64Array.from(histories, (history) => lastCoarseMean(history, target, nowMs, lag));
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return { values, sum, count };
}

function others({ values, sum, count }: Totals, index: number): number {
  const own = values[index] as number;
  const isKnown = !Number.isNaN(own);
  const rest = count - (isKnown ? 1 : 0);
  return rest < 1 ? Number.NaN : (sum - (isKnown ? own : 0)) / rest;
}
