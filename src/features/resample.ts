import { LOAD_TARGETS, type LoadSeries, type LoadTarget, type RawLoadSeries } from '#domain';

import { stepInvalid } from './errors.ts';

/**
 * Averages recorded samples on a regular grid.
 *
 * @param raw - Times strictly increasing; gaps and irregular steps allowed; NaN samples count as absent.
 * @param stepSeconds - Width of a window, whole seconds above 0.
 * @returns Value `i` is the mean of the samples in `(end - step, end]` with `end = startMs + i * step`, NaN
 *   where there is none. A window is never filled from its neighbours.
 * @throws MlschedError `MLS_FEATURES_STEP`.
 */
export function resampleLoad(raw: RawLoadSeries, stepSeconds: number): LoadSeries {
  if (!Number.isInteger(stepSeconds) || stepSeconds <= 0) throw stepInvalid(stepSeconds);
  const stepMs = stepSeconds * 1000;
  const { timesMs } = raw;
  const count = timesMs.length;
  const first = count === 0 ? 0 : Math.ceil((timesMs[0] as number) / stepMs);
  const last = count === 0 ? -1 : Math.ceil((timesMs[count - 1] as number) / stepMs);
  const grid = { stepMs, first, length: last - first + 1 };
  const values: Partial<Record<LoadTarget, Float32Array>> = {};
  for (const target of LOAD_TARGETS) {
    const samples = samplesOf(raw, target);
    if (samples !== undefined) values[target] = averageWindows(timesMs, samples, grid);
  }
  return { machine: raw.machine, startMs: first * stepMs, stepSeconds, values, length: grid.length };
}

/** The samples of one resource; `undefined` where the source has none. */
export function samplesOf(raw: RawLoadSeries, target: LoadTarget): Float32Array | undefined {
  return target === 'cpu' ? raw.cpuUsageRatio : raw.memoryUsageRatio;
}

interface Grid {
  readonly stepMs: number;
  /** Number of the first window, counted from the epoch. */
  readonly first: number;
  readonly length: number;
}

function averageWindows(timesMs: Float64Array, samples: Float32Array, grid: Grid): Float32Array {
  const sums = new Float64Array(grid.length);
  const counts = new Int32Array(grid.length);
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] as number;
    if (Number.isNaN(value)) continue;
    const at = Math.ceil((timesMs[i] as number) / grid.stepMs) - grid.first;
    sums[at] = (sums[at] as number) + value;
    counts[at] = (counts[at] as number) + 1;
  }
  // 0 / 0 is NaN: an empty window stays unknown.
  return Float32Array.from(sums, (sum, at) => sum / (counts[at] as number));
}
