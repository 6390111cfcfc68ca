import type { ModelArtefact } from '#domain';
import { createSession, floatTensor } from '#native';

import { policyBytes } from './artefact.ts';
import type { PlacementModel } from './artefact.ts';
import { placementFeatureInvalid } from './errors.ts';
import { CANDIDATE_FEATURES, CONTEXT_FEATURES, ROW_COUNT } from './features.ts';
import { createEvaluator } from './network.ts';
import { normaliseRows } from './normalisation.ts';

/** Scores the candidates of one decision at once, in plain TypeScript. */
export interface PlacementScorer {
  /**
   * @param rows - Raw features, shape `[count, ROW_COUNT]`; normalised in place.
   * @param out - Filled with advantages less their mean over the candidates; higher is better.
   */
  score(rows: Float32Array, count: number, out: Float64Array): void;
}

export function createPlacementScorer(model: PlacementModel): PlacementScorer {
  const evaluator = createEvaluator(model.shape, model.parameters);
  let advantages = new Float32Array(64);
  return {
    score(rows, count, out) {
      if (advantages.length < count) advantages = new Float32Array(count);
      normaliseRows(model.normalisation, rows, count);
      evaluator.advantages(rows, count, advantages);
      let mean = 0;
      for (let i = 0; i < count; i++) mean += (advantages[i] as number) / count;
      for (let i = 0; i < count; i++) out[i] = (advantages[i] as number) - mean;
    },
  };
}

/** The policy in ONNX Runtime: fastest for thousands of candidates, but asynchronous. */
export interface PlacementSession {
  /**
   * @param rows - Raw features, shape `[count, ROW_COUNT]`, finite.
   * @returns Q-value of each candidate, shape `[count]`; higher is better.
   * @throws MlschedError `MLS_MODELS_PLACEMENT_FEATURE` for a feature that is not finite.
   */
  score(rows: Float32Array, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}

export async function openPlacementSession(artefact: ModelArtefact): Promise<PlacementSession> {
  const session = await createSession(policyBytes(artefact));
  return {
    async score(rows, count) {
      checkRows(rows, count);
      const features = floatTensor(rows.subarray(0, count * ROW_COUNT), [count, ROW_COUNT]);
      const { qValue } = await session.run({ features });
      return qValue?.data as Float32Array;
    },
    close: () => session.release(),
  };
}

/** Finds the first feature that is not finite. */
function checkRows(rows: Float32Array, count: number): void {
  for (let i = 0; i < count * ROW_COUNT; i++) {
    const value = rows[i] as number;
    if (Number.isFinite(value)) continue;
    const column = i % ROW_COUNT;
    const name = [...CANDIDATE_FEATURES, ...CONTEXT_FEATURES][column] ?? String(column);
    throw placementFeatureInvalid(name, Math.floor(i / ROW_COUNT), value);
  }
}
