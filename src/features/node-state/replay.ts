import type { RawLoadSeries } from '#domain';

import { NODE_STATE_CATALOGUE, writeNodeState } from './catalogue.ts';
import { createNodeState, observeLoad } from './state.ts';

/**
 * Plays a machine's samples in order and writes its state at each origin.
 *
 * @param originsMs - Ascending.
 * @returns Row-major, shape `[originsMs.length, NODE_STATE_CATALOGUE.length]`; NaN is unknown.
 */
export function replayNodeState(raw: RawLoadSeries, originsMs: Float64Array): Float32Array {
  const width = NODE_STATE_CATALOGUE.length;
  const values = new Float32Array(originsMs.length * width);
  const state = createNodeState(raw.machine);
  const { timesMs, cpuUsageRatio, memoryUsageRatio } = raw;
  let next = 0;
  for (let row = 0; row < originsMs.length; row++) {
    const originMs = originsMs[row] as number;
    while (next < timesMs.length && (timesMs[next] as number) <= originMs) {
      const memory = memoryUsageRatio === undefined ? Number.NaN : (memoryUsageRatio[next] as number);
      observeLoad(state, timesMs[next] as number, cpuUsageRatio[next] as number, memory);
      next++;
    }
    writeNodeState(state, originMs, values, row * width);
  }
  return values;
}
