import { createRng } from '#kernel/rng';
import type { Rng } from '#kernel/rng';

/**
 * Shape of the duelling network: one advantage net shared by all candidates, one value net that sees the
 * context only. Context columns are the LAST of each row.
 */
export interface NetworkShape {
  /** Columns of a row: candidate features, then context features. */
  readonly inputs: number;
  /** How many of the columns are context. */
  readonly contextInputs: number;
  /** Hidden layers of the advantage net. */
  readonly hidden: readonly number[];
  /** Hidden layers of the value net. */
  readonly valueHidden: readonly number[];
}

/** One trainable tensor: its name in every graph, and its dimensions. */
export interface ParameterSpec {
  readonly name: string;
  readonly dims: readonly number[];
}

/** Trainable tensors by name, row-major. */
export type Parameters = ReadonlyMap<string, Float32Array>;

/** The layers of one of the two nets, input to output. */
export interface LayerSpec {
  readonly weight: string;
  readonly bias: string;
  readonly inputs: number;
  readonly outputs: number;
}

export function advantageLayers(shape: NetworkShape): LayerSpec[] {
  return layersOf('advantage', [shape.inputs, ...shape.hidden, 1]);
}

export function valueLayers(shape: NetworkShape): LayerSpec[] {
  return layersOf('value', [shape.contextInputs, ...shape.valueHidden, 1]);
}

function layersOf(net: string, sizes: readonly number[]): LayerSpec[] {
  return sizes.slice(1).map((outputs, i) => ({
    weight: `${net}.${i}.weight`,
    bias: `${net}.${i}.bias`,
    inputs: sizes[i] as number,
    outputs,
  }));
}

/** All trainable tensors in a fixed order. */
export function parameterSpecs(shape: NetworkShape): ParameterSpec[] {
  return [...advantageLayers(shape), ...valueLayers(shape)].flatMap((layer) => [
    { name: layer.weight, dims: [layer.inputs, layer.outputs] },
    { name: layer.bias, dims: [layer.outputs] },
  ]);
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/**
 * Draws first weights: He's uniform rule for layers before a ReLU, a tenth of it for the last ones so that
 * first values are near 0; biases 0.
 */
export function initialParameters(shape: NetworkShape, seed: number): Parameters {
  const rng = createRng(seed).fork('network-weights');
  const nets = [advantageLayers(shape), valueLayers(shape)];
  return new Map(
    nets.flatMap((layers) =>
      layers.flatMap((layer, i): [string, Float32Array][] => {
        const scale = i === layers.length - 1 ? 0.1 : 1;
        return [
          [layer.weight, drawWeights(layer, scale, rng)],
          [layer.bias, new Float32Array(layer.outputs)],
        ];
      }),
    ),
  );
}

function drawWeights(layer: LayerSpec, scale: number, rng: Rng): Float32Array {
  const bound = scale * Math.sqrt(6 / layer.inputs);
  return Float32Array.from({ length: layer.inputs * layer.outputs }, () => (rng.next() * 2 - 1) * bound);
}

/**
 * The network in plain TypeScript: same numbers as the ONNX file to float32 rounding, and synchronous, as a
 * simulator needs it. ONNX Runtime is the faster one for thousands of candidates.
 */
export interface Evaluator {
  /**
   * Advantage of each candidate; what a decision needs.
   *
   * @param rows - Shape `[count, inputs]`, row-major, normalised, finite.
   * @param out - Filled with `count` values; higher is better.
   */
  advantages(rows: Float32Array, count: number, out: Float32Array): void;
  /** Value of the state that the first row belongs to. */
  value(rows: Float32Array): number;
}

interface DenseLayer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly isLast: boolean;
}

/** @param parameters - Copied: later training steps do not change the evaluator. */
export function createEvaluator(shape: NetworkShape, parameters: Parameters): Evaluator {
  const advantage = denseLayers(advantageLayers(shape), parameters);
  const value = denseLayers(valueLayers(shape), parameters);
  const widest = Math.max(shape.inputs, ...shape.hidden, ...shape.valueHidden, 1);
  const scratch: Scratch = { one: new Float32Array(widest), other: new Float32Array(widest) };
  const { inputs, contextInputs } = shape;
  return {
    advantages(rows, count, out) {
      for (let i = 0; i < count; i++) out[i] = forward(advantage, rows, i * inputs, scratch);
    },
    value: (rows) => forward(value, rows, inputs - contextInputs, scratch),
  };
}

function denseLayers(specs: readonly LayerSpec[], parameters: Parameters): DenseLayer[] {
  return specs.map((spec, i) => ({
    inputs: spec.inputs,
    outputs: spec.outputs,
    weight: Float32Array.from(parameters.get(spec.weight) ?? []),
    bias: Float32Array.from(parameters.get(spec.bias) ?? []),
    isLast: i === specs.length - 1,
  }));
}

interface Scratch {
  readonly one: Float32Array;
  readonly other: Float32Array;
}

function forward(
  layers: readonly DenseLayer[],
  rows: Float32Array,
  offset: number,
  scratch: Scratch,
): number {
  let source = rows;
  let from = offset;
  let target = scratch.one;
  for (const layer of layers) {
    applyLayer(layer, source, from, target);
    source = target;
    from = 0;
    target = target === scratch.one ? scratch.other : scratch.one;
  }
  return source[0] as number;
}

// hot: one call a candidate and layer; skips the zeros that ReLU leaves (test/bench/placement.bench.ts)
function applyLayer(layer: DenseLayer, source: Float32Array, from: number, target: Float32Array): void {
  const { inputs, outputs, weight, bias } = layer;
  for (let o = 0; o < outputs; o++) target[o] = bias[o] as number;
  for (let i = 0; i < inputs; i++) {
    const x = source[from + i] as number;
    if (x === 0) continue;
    const row = i * outputs;
    for (let o = 0; o < outputs; o++) target[o] = (target[o] as number) + x * (weight[row + o] as number);
  }
  if (layer.isLast) return;
  for (let o = 0; o < outputs; o++) if ((target[o] as number) < 0) target[o] = 0;
}
