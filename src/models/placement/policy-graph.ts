import { createOnnxGraph } from '#native';
import type { OnnxGraph, OnnxValue } from '#native';

import { placementArtefactInvalid } from './errors.ts';
import { advantageLayers, parameterSpecs, valueLayers } from './network.ts';
import type { LayerSpec, NetworkShape, Parameters } from './network.ts';
import { NORMALISED_LIMIT } from './normalisation.ts';
import type { Normalisation } from './normalisation.ts';

/**
 * Writes a trained policy as a standard ONNX file: raw features in, Q-values out.
 *
 * Input `features` [candidates, columns] float32, not normalised, one decision a run; output `qValue`
 * [candidates, 1], higher is better: state value plus advantage less the mean advantage (Wang 2016, eq. 9).
 */
export function buildPolicyGraph(
  shape: NetworkShape,
  parameters: Parameters,
  normalisation: Normalisation,
): Uint8Array {
  const graph = createOnnxGraph('placement-policy');
  const features = graph.input('features', ['candidates', shape.inputs]);
  const mean = graph.constant('normalisation.mean', normalisation.mean, [shape.inputs]);
  const inverse = graph.constant('normalisation.inverseSd', normalisation.inverseSd, [shape.inputs]);
  const scaled = graph.mul(graph.sub(features, mean), inverse);
  const rows = graph.clip(scaled, -NORMALISED_LIMIT, NORMALISED_LIMIT);
  const weights = declareWeights(graph, shape, parameters);
  const advantage = forward(graph, advantageLayers(shape), rows, weights);
  const value = forward(graph, valueLayers(shape), contextColumns(graph, shape, rows), weights);
  const centred = graph.sub(advantage, graph.reduceMean(advantage, { axes: [0], keepDimensions: true }));
  graph.output('qValue', graph.add(value, centred), ['candidates', 1]);
  return graph.toBytes();
}

type Weights = ReadonlyMap<string, OnnxValue>;

function declareWeights(graph: OnnxGraph, shape: NetworkShape, parameters: Parameters): Weights {
  return new Map(
    parameterSpecs(shape).map(({ name, dims }) => {
      const data = parameters.get(name);
      if (data === undefined) throw placementArtefactInvalid(`has no weights ${name}`);
      return [name, graph.constant(name, data, dims)];
    }),
  );
}

function forward(
  graph: OnnxGraph,
  layers: readonly LayerSpec[],
  input: OnnxValue,
  weights: Weights,
): OnnxValue {
  return layers.reduce((value, layer, i) => {
    const linear = graph.gemm(
      value,
      weights.get(layer.weight) as OnnxValue,
      weights.get(layer.bias) as OnnxValue,
    );
    return i < layers.length - 1 ? graph.relu(linear) : linear;
  }, input);
}

function contextColumns(graph: OnnxGraph, shape: NetworkShape, rows: OnnxValue): OnnxValue {
  const bound = (name: string, value: number): OnnxValue =>
    graph.constant(name, BigInt64Array.of(BigInt(value)), [1]);
  const from = bound('context.from', shape.inputs - shape.contextInputs);
  return graph.node('Slice', [rows, from, bound('context.to', shape.inputs), bound('context.axis', 1)]);
}
