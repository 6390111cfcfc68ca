import type { LoadTarget, RawLoadSeries } from '#domain';

import { FEATURE_COUNT } from './catalogue.ts';
import { createNodeHistory, pushValues } from './history.ts';
import type { PeerLoad } from './origin-view.ts';
import type { FeatureWriter } from './row.ts';

/** Which rows of one machine to compute. */
export interface ReplayRequest {
  readonly raw: RawLoadSeries;
  readonly target: LoadTarget;
  /** Strictly increasing, each `n * 5 min + phaseMs`. */
  readonly originsMs: Float64Array;
  /** @defaultValue 0 */
  readonly phaseMs?: number;
  /** The other machines at an origin; none when absent. */
  readonly peersAt?: (originMs: number) => PeerLoad;
}

/** Feature rows of one machine. */
export interface FeatureRows {
  readonly rows: number;
  /** Row-major, shape `[rows, FEATURE_COUNT]`; NaN is unknown. */
  readonly values: Float32Array;
  /** Last value of each row, 0..1; NaN when there is none. */
  readonly anchors: Float32Array;
  /** Unit of each row's relative features, 0..1. */
  readonly deviations: Float32Array;
}

/** Plays a machine's samples in order and computes a row at each origin from what had come in by then. */
export function replayRows(request: ReplayRequest, writer: FeatureWriter): FeatureRows {
  const { raw, target, originsMs } = request;
  const rows = originsMs.length;
  const values = new Float32Array(rows * FEATURE_COUNT);
  const anchors = new Float32Array(rows);
  const deviations = new Float32Array(rows);
  const history = createNodeHistory(raw.machine, request.phaseMs ?? 0);
  const memory = raw.memoryUsageRatio;
  let next = 0;
  for (let row = 0; row < rows; row++) {
    const originMs = originsMs[row] as number;
    while (next < raw.timesMs.length && (raw.timesMs[next] as number) <= originMs) {
      const memoryNow = memory === undefined ? Number.NaN : (memory[next] as number);
      pushValues(history, raw.timesMs[next] as number, raw.cpuUsageRatio[next] as number, memoryNow);
      next++;
    }
    const peers = request.peersAt?.(originMs);
    const origin = { history, target, originMs, ...(peers === undefined ? {} : { peers }) };
    const scale = writer.writeRow(origin, values, row * FEATURE_COUNT);
    anchors[row] = scale.anchorRatio;
    deviations[row] = scale.deviationRatio;
  }
  return { rows, values, anchors, deviations };
}
