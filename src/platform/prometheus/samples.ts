import type { SampleBuffer } from './xor-chunk.ts';

/** Samples in strictly increasing time; chunks may overlap, then the later copy of a time wins. */
export function sortSamples(samples: SampleBuffer): { timesMs: Float64Array; values: Float64Array } {
  const timesMs = samples.timesMs.subarray(0, samples.length);
  const values = samples.values.subarray(0, samples.length);
  if (isIncreasing(timesMs)) return { timesMs: timesMs.slice(), values: values.slice() };
  const order = Int32Array.from({ length: samples.length }, (_, i) => i)
    .sort((a, b) => (timesMs[a] as number) - (timesMs[b] as number) || a - b)
    .filter((at, i, all) => i + 1 === all.length || timesMs[at] !== timesMs[all[i + 1] as number]);
  return {
    timesMs: Float64Array.from(order, (i) => timesMs[i] as number),
    values: Float64Array.from(order, (i) => values[i] as number),
  };
}

function isIncreasing(timesMs: Float64Array): boolean {
  for (let i = 1; i < timesMs.length; i++) {
    if ((timesMs[i] as number) <= (timesMs[i - 1] as number)) return false;
  }
  return true;
}
