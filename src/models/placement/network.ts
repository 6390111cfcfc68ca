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

/** Rows that go through the net together: each weight is read once for all of them. */
const BLOCK = 4;

interface DenseLayer {
  readonly inputs: number;
  readonly outputs: number;
  /** Shape `[outputs, inputs]`; doubles, because float32 costs a conversion at each use. */
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  readonly isLast: boolean;
}

/** @param parameters - Copied: later training steps do not change the evaluator. */
export function createEvaluator(shape: NetworkShape, parameters: Parameters): Evaluator {
  const advantage = denseLayers(advantageLayers(shape), parameters);
  const value = denseLayers(valueLayers(shape), parameters);
  const widest = Math.max(shape.inputs, ...shape.hidden, ...shape.valueHidden, 1);
  const scratch: Scratch = {
    one: new Float64Array(BLOCK * widest),
    other: new Float64Array(BLOCK * widest),
  };
  const { inputs, contextInputs } = shape;
  return {
    advantages(rows, count, out) {
      for (let i = 0; i < count; i += BLOCK) {
        const last = Math.min(BLOCK, count - i) - 1;
        for (let k = 0; k < BLOCK; k++) {
          loadRow(rows, (i + Math.min(k, last)) * inputs, { columns: inputs, k }, scratch.one);
        }
        const block = forward(advantage, scratch);
        for (let k = 0; k <= last; k++) out[i + k] = block[k] as number;
      }
    },
    value(rows) {
      for (let k = 0; k < BLOCK; k++) {
        loadRow(rows, inputs - contextInputs, { columns: contextInputs, k }, scratch.one);
      }
      return forward(value, scratch)[0] as number;
    },
  };
}

function denseLayers(specs: readonly LayerSpec[], parameters: Parameters): DenseLayer[] {
  return specs.map((spec, i) => ({
    inputs: spec.inputs,
    outputs: spec.outputs,
    weight: transposed(parameters.get(spec.weight) ?? new Float32Array(0), spec),
    bias: Float64Array.from(parameters.get(spec.bias) ?? []),
    isLast: i === specs.length - 1,
  }));
}

function transposed(weight: Float32Array, { inputs, outputs }: LayerSpec): Float64Array {
  return Float64Array.from(
    { length: inputs * outputs },
    (_, at) => weight[(at % inputs) * outputs + Math.floor(at / inputs)] as number,
  );
}

interface Scratch {
  readonly one: Float64Array;
  readonly other: Float64Array;
}

/** Writes one row into its place of a block, which keeps the values of a column side by side. */
function loadRow(
  rows: Float32Array,
  from: number,
  { columns, k }: { readonly columns: number; readonly k: number },
  block: Float64Array,
): void {
  for (let c = 0; c < columns; c++) block[c * BLOCK + k] = rows[from + c] as number;
}

/** Takes the block in `scratch.one` through all layers and returns where the outputs stand. */
function forward(layers: readonly DenseLayer[], scratch: Scratch): Float64Array {
  let source = scratch.one;
  let target = scratch.other;
  for (const layer of layers) {
    applyLayer(layer, source, target);
    const free = source;
    source = target;
    target = free;
  }
  return source;
}

// hot: half the time of a simulated decision (test/bench/placement-inference.bench.ts)
function applyLayer(
  { inputs, outputs, weight, bias, isLast }: DenseLayer,
  source: Float64Array,
  target: Float64Array,
): void {
  const floor = isLast ? Number.NEGATIVE_INFINITY : 0;
  let at = 0;
  for (let o = 0; o < outputs; o++) {
    let a = bias[o] as number;
    let b = a;
    let c = a;
    let d = a;
    for (let i = 0, from = 0; i < inputs; i++, from += BLOCK) {
      const w = weight[at++] as number;
      a += w * (source[from] as number);
      b += w * (source[from + 1] as number);
      c += w * (source[from + 2] as number);
      d += w * (source[from + 3] as number);
    }
    const to = o * BLOCK;
    target[to] = a > floor ? a : floor;
    target[to + 1] = b > floor ? b : floor;
    target[to + 2] = c > floor ? c : floor;
    target[to + 3] = d > floor ? d : floor;
  }
}
