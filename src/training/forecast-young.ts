import type { RawLoadSeries } from '#domain';
import { COARSE_STEP_MS } from '#features';
import type { Rng } from '#kernel/rng';

/** History lengths that young rows have, in 5-minute steps: from an hour to two days. */
const SHORTEST_STEPS = 12;
const LONGEST_STEPS = 576;

/** A stretch of a machine as a monitor that was started late would have seen it. */
export interface YoungStretch {
  readonly raw: RawLoadSeries;
  /** Origins on the 5-minute grid, from an hour after the stretch begins. */
  readonly originsMs: Float64Array;
}

/**
 * Cuts stretches out of a recording, so that a model also learns what a machine with little history looks like.
 *
 * @param stretches - How many.
 * @param perStretch - Origins in each; their ages are spread evenly by ratio.
 * @param endMs - No origin at or after this.
 */
export function youngStretches(
  raw: RawLoadSeries,
  options: { stretches: number; perStretch: number; startMs: number; endMs: number; rng: Rng },
): YoungStretch[] {
  const { stretches, perStretch, startMs, endMs, rng } = options;
  const steps = Math.floor((endMs - startMs) / COARSE_STEP_MS) - LONGEST_STEPS;
  if (steps < 1) return [];
  return Array.from({ length: stretches }, () => {
    const beginMs = startMs + Math.floor(rng.next() * steps) * COARSE_STEP_MS;
    const ages = new Set(
      Array.from({ length: perStretch }, () =>
        Math.round(SHORTEST_STEPS * (LONGEST_STEPS / SHORTEST_STEPS) ** rng.next()),
      ),
    );
    const originsMs = Float64Array.from(ages, (age) => beginMs + age * COARSE_STEP_MS).sort();
    return { raw: cutSeries(raw, beginMs, originsMs.at(-1) ?? beginMs), originsMs };
  });
}

/** The samples with `fromMs < time <= toMs`. */
export function cutSeries(raw: RawLoadSeries, fromMs: number, toMs: number): RawLoadSeries {
  const first = lowerBound(raw.timesMs, fromMs);
  const last = lowerBound(raw.timesMs, toMs);
  return {
    machine: raw.machine,
    timesMs: raw.timesMs.subarray(first, last),
    cpuUsageRatio: raw.cpuUsageRatio.subarray(first, last),
    memoryUsageRatio: raw.memoryUsageRatio?.subarray(first, last),
  };
}

/** Number of samples at or before a time. */
function lowerBound(timesMs: Float64Array, timeMs: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timesMs[middle] as number) <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
