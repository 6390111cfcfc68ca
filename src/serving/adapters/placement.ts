import type { ModelArtefact } from '#domain';
import { openPlacementSession, ROW_COUNT } from '#models/placement';
import type { ServedModel } from '../model.ts';
import { floats, toFloats } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { rowsTensor } from './booster.ts';

/**
 * Serves the placement network: a row of features a candidate node in, its value out.
 *
 * Input: `features` FP32 `[candidates, features]`, finite. Output: `q_value` FP32 `[candidates]`, higher is better.
 *
 * @remarks Not batched: the network normalises over the candidates of one pod.
 */
export async function servePlacement(artefact: ModelArtefact): Promise<ServedModel> {
  const session = await openPlacementSession(artefact);
  return {
    platform: 'onnx',
    inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, ROW_COUNT] }],
    outputs: [{ name: 'q_value', datatype: 'FP32', shape: [-1] }],
    isBatchable: false,
    async infer([features]) {
      const input = features as Tensor;
      const count = input.shape[0] ?? 0;
      if (count === 0) return [floats('q_value', new Float32Array(0), [0])];
      const values = await session.score(toFloats(input), count);
      return [floats('q_value', values, [count])];
    },
    fromInstances: (instances) => [rowsTensor('features', instances, ROW_COUNT)],
    free: () => void session.close(),
  };
}
