import type { ModelArtefact } from '#domain';
import { healthOf, loadAnomalyModel, scoreHistory } from '#models/anomaly';
import type { ServedModel } from '../model.ts';
import { floats, toFloats } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';

/**
 * Serves node health: the recent samples of each node in, the verdict on the last of them out.
 *
 * Input: `samples` FP32 `[nodes, steps, metrics]`, oldest first, NaN = unknown, metrics in the order of the model. Outputs:
 * `strength` FP32 `[nodes]` (1 = alert threshold) and `health` FP32 `[nodes]` (1 = as usual, 0 = nothing is); NaN = too little is
 * known.
 */
export function serveAnomaly(artefact: ModelArtefact): ServedModel {
  const model = loadAnomalyModel(artefact);
  const width = model.metricNames.length;
  return {
    platform: 'mlsched_node_anomaly',
    inputs: [{ name: 'samples', datatype: 'FP32', shape: [-1, -1, width] }],
    outputs: [
      { name: 'strength', datatype: 'FP32', shape: [-1] },
      { name: 'health', datatype: 'FP32', shape: [-1] },
    ],
    // Histories of different length do not join.
    isBatchable: false,
    infer([samples]) {
      const input = samples as Tensor;
      const [nodes = 0, steps = 0] = input.shape;
      const values = toFloats(input);
      const size = steps * width;
      const strength = Float32Array.from({ length: nodes }, (_, node) =>
        steps === 0
          ? Number.NaN
          : (scoreHistory(model, values.subarray(node * size, (node + 1) * size)).at(-1) ?? NaN),
      );
      return [floats('strength', strength, [nodes]), floats('health', strength.map(healthOf), [nodes])];
    },
    free: () => undefined,
  };
}
