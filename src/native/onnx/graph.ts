import { MlschedError } from '#kernel/errors';

import { bytesField, floatField, integerField, join, messageField, textField } from './protobuf.ts';

/** Element types that the writer knows. */
export type OnnxElementType = 'float32' | 'int64';

/** A dimension: a length, or a name for one that each run may choose (`batch`). */
export type OnnxDimension = number | string;

declare const onnxValue: unique symbol;
/** A value inside one graph: what an operation gives and takes. */
export type OnnxValue = string & { readonly [onnxValue]: true };

export interface GemmOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Factor of the product. @defaultValue 1 */
  readonly alpha?: number;
  /** Factor of the addend. @defaultValue 1 */
  readonly beta?: number;
}

export interface ReduceOptions {
  /** Axes to reduce; all when left out. */
  readonly axes?: readonly number[];
  /** Keeps reduced axes with length 1. @defaultValue false */
  readonly keepDimensions?: boolean;
}

/**
 * Builds an ONNX model operation by operation. Shapes follow the ONNX specification; ONNX Runtime checks them
 * when the model is loaded. All operations return a new value and change nothing.
 */
export interface OnnxGraph {
  /** A named input. A name may be used once in a graph, over inputs, constants and outputs. */
  input(name: string, dimensions: readonly OnnxDimension[], type?: OnnxElementType): OnnxValue;
  /** Numbers that are part of the model; float32 or int64 by the array's type. */
  constant(name: string, data: Float32Array | BigInt64Array, dimensions: readonly number[]): OnnxValue;
  /** A float32 number of no dimension; the same number is stored once. */
  scalar(value: number): OnnxValue;
  /** Makes a value an output under `name`. */
  output(name: string, value: OnnxValue, dimensions: readonly OnnxDimension[], type?: OnnxElementType): void;

  /** `alpha * A B + beta * C`, with A `[m, k]`, B `[k, n]` and C broadcast to `[m, n]`. */
  gemm(a: OnnxValue, b: OnnxValue, c?: OnnxValue, options?: GemmOptions): OnnxValue;
  relu(x: OnnxValue): OnnxValue;
  add(a: OnnxValue, b: OnnxValue): OnnxValue;
  sub(a: OnnxValue, b: OnnxValue): OnnxValue;
  mul(a: OnnxValue, b: OnnxValue): OnnxValue;
  div(a: OnnxValue, b: OnnxValue): OnnxValue;
  sqrt(x: OnnxValue): OnnxValue;
  abs(x: OnnxValue): OnnxValue;
  /** -1, 0 or 1 an element. */
  sign(x: OnnxValue): OnnxValue;
  clip(x: OnnxValue, low: number, high: number): OnnxValue;
  /** Elementwise over all arguments, broadcast. */
  min(...values: readonly OnnxValue[]): OnnxValue;
  max(...values: readonly OnnxValue[]): OnnxValue;
  sum(...values: readonly OnnxValue[]): OnnxValue;
  reduceSum(x: OnnxValue, options?: ReduceOptions): OnnxValue;
  reduceMean(x: OnnxValue, options?: ReduceOptions): OnnxValue;
  reduceSumSquare(x: OnnxValue, options?: ReduceOptions): OnnxValue;
  /** Index of the largest element along `axis`, int64; the first of equals. */
  argMax(x: OnnxValue, axis: number, keepDimensions?: boolean): OnnxValue;
  /** `x[..., indices[...], ...]` along `axis`; `indices` int64 of the rank of `x`. */
  gatherElements(x: OnnxValue, indices: OnnxValue, axis: number): OnnxValue;
  /** One length may be -1 (what is left), 0 keeps a length. */
  reshape(x: OnnxValue, dimensions: readonly number[]): OnnxValue;
  /** Broadcasts to a larger shape. */
  expand(x: OnnxValue, dimensions: readonly number[]): OnnxValue;
  concat(values: readonly OnnxValue[], axis: number): OnnxValue;
  /** Any other operation of the opset with one output; attributes are integers. */
  node(
    operation: string,
    inputs: readonly OnnxValue[],
    integers?: Readonly<Record<string, number>>,
  ): OnnxValue;

  /** The `.onnx` file: IR version 8, opset 18. */
  toBytes(): Uint8Array;
}

const IR_VERSION = 8;
const OPSET = 18;
const ELEMENT_TYPES: Readonly<Record<OnnxElementType, number>> = { float32: 1, int64: 7 };

/**
 * Starts an empty graph.
 *
 * @param name - Stands in the file, for people.
 * @param metadata - Free key-value pairs in the file, for example the schema version.
 */
export function createOnnxGraph(name: string, metadata: Readonly<Record<string, string>> = {}): OnnxGraph {
  return new GraphBuilder(name, metadata);
}

interface Attributes {
  readonly integers?: Readonly<Record<string, number>>;
  readonly floats?: Readonly<Record<string, number>>;
}

class GraphBuilder implements OnnxGraph {
  readonly #name: string;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #nodes: Uint8Array[] = [];
  readonly #constants: Uint8Array[] = [];
  readonly #inputs: Uint8Array[] = [];
  readonly #outputs: Uint8Array[] = [];
  readonly #names = new Set<string>();
  readonly #shared = new Map<string, OnnxValue>();

  constructor(name: string, metadata: Readonly<Record<string, string>>) {
    this.#name = name;
    this.#metadata = metadata;
  }

  input(name: string, dimensions: readonly OnnxDimension[], type: OnnxElementType = 'float32'): OnnxValue {
    this.#inputs.push(describeValue(11, name, dimensions, type));
    return this.#claim(name);
  }

  constant(name: string, data: Float32Array | BigInt64Array, dimensions: readonly number[]): OnnxValue {
    const count = dimensions.reduce((product, length) => product * length, 1);
    if (count !== data.length)
      throw graphInvalid(`constant ${name} has ${data.length} numbers for shape [${dimensions.join(', ')}]`);
    const type = data instanceof BigInt64Array ? 'int64' : 'float32';
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#constants.push(
      messageField(5, [
        ...dimensions.map((length) => integerField(1, length)),
        integerField(2, ELEMENT_TYPES[type]),
        textField(8, name),
        bytesField(9, raw),
      ]),
    );
    return this.#claim(name);
  }

  scalar(value: number): OnnxValue {
    return this.#share(`scalar ${value}`, (name) => this.constant(name, Float32Array.of(value), []));
  }

  output(
    name: string,
    value: OnnxValue,
    dimensions: readonly OnnxDimension[],
    type: OnnxElementType = 'float32',
  ): void {
    this.#claim(name);
    // The copy lets one value be several outputs, and an input be one; the runtime takes it out where it can.
    this.#emit('Identity', [value], {}, name as OnnxValue);
    this.#outputs.push(describeValue(12, name, dimensions, type));
  }

  gemm(a: OnnxValue, b: OnnxValue, c?: OnnxValue, options: GemmOptions = {}): OnnxValue {
    const { transposeA = false, transposeB = false, alpha = 1, beta = 1 } = options;
    return this.#emit('Gemm', c === undefined ? [a, b] : [a, b, c], {
      integers: { transA: Number(transposeA), transB: Number(transposeB) },
      floats: { alpha, beta },
    });
  }

  relu(x: OnnxValue): OnnxValue {
    return this.#emit('Relu', [x]);
  }

  add(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#emit('Add', [a, b]);
  }

  sub(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#emit('Sub', [a, b]);
  }

  mul(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#emit('Mul', [a, b]);
  }

  div(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#emit('Div', [a, b]);
  }

  sqrt(x: OnnxValue): OnnxValue {
    return this.#emit('Sqrt', [x]);
  }

  abs(x: OnnxValue): OnnxValue {
    return this.#emit('Abs', [x]);
  }

  sign(x: OnnxValue): OnnxValue {
    return this.#emit('Sign', [x]);
  }

  clip(x: OnnxValue, low: number, high: number): OnnxValue {
    return this.#emit('Clip', [x, this.scalar(low), this.scalar(high)]);
  }

  min(...values: readonly OnnxValue[]): OnnxValue {
    return this.#emit('Min', values);
  }

  max(...values: readonly OnnxValue[]): OnnxValue {
    return this.#emit('Max', values);
  }

  sum(...values: readonly OnnxValue[]): OnnxValue {
    return this.#emit('Sum', values);
  }

  reduceSum(x: OnnxValue, options: ReduceOptions = {}): OnnxValue {
    return this.#reduce('ReduceSum', x, options);
  }

  reduceMean(x: OnnxValue, options: ReduceOptions = {}): OnnxValue {
    return this.#reduce('ReduceMean', x, options);
  }

  reduceSumSquare(x: OnnxValue, options: ReduceOptions = {}): OnnxValue {
    return this.#reduce('ReduceSumSquare', x, options);
  }

  argMax(x: OnnxValue, axis: number, keepDimensions = false): OnnxValue {
    return this.#emit('ArgMax', [x], { integers: { axis, keepdims: Number(keepDimensions) } });
  }

  gatherElements(x: OnnxValue, indices: OnnxValue, axis: number): OnnxValue {
    return this.#emit('GatherElements', [x, indices], { integers: { axis } });
  }

  reshape(x: OnnxValue, dimensions: readonly number[]): OnnxValue {
    return this.#emit('Reshape', [x, this.#integers(dimensions)]);
  }

  expand(x: OnnxValue, dimensions: readonly number[]): OnnxValue {
    return this.#emit('Expand', [x, this.#integers(dimensions)]);
  }

  concat(values: readonly OnnxValue[], axis: number): OnnxValue {
    return this.#emit('Concat', values, { integers: { axis } });
  }

  node(
    operation: string,
    inputs: readonly OnnxValue[],
    integers: Readonly<Record<string, number>> = {},
  ): OnnxValue {
    return this.#emit(operation, inputs, { integers });
  }

  toBytes(): Uint8Array {
    if (this.#outputs.length === 0) throw graphInvalid(`graph ${this.#name} has no output`);
    const metadata = Object.entries(this.#metadata).map(([key, value]) =>
      messageField(14, [textField(1, key), textField(2, value)]),
    );
    return join([
      integerField(1, IR_VERSION),
      textField(2, 'mlsched'),
      messageField(7, [
        ...this.#nodes,
        textField(2, this.#name),
        ...this.#constants,
        ...this.#inputs,
        ...this.#outputs,
      ]),
      messageField(8, [textField(1, ''), integerField(2, OPSET)]),
      ...metadata,
    ]);
  }

  #reduce(operation: string, x: OnnxValue, options: ReduceOptions): OnnxValue {
    const inputs = options.axes === undefined ? [x] : [x, this.#integers(options.axes)];
    return this.#emit(operation, inputs, {
      integers: { keepdims: Number(options.keepDimensions ?? false) },
    });
  }

  #integers(values: readonly number[]): OnnxValue {
    return this.#share(`integers ${values.join(' ')}`, (name) =>
      this.constant(name, BigInt64Array.from(values, BigInt), [values.length]),
    );
  }

  #share(key: string, create: (name: string) => OnnxValue): OnnxValue {
    const existing = this.#shared.get(key);
    if (existing !== undefined) return existing;
    const created = create(key);
    this.#shared.set(key, created);
    return created;
  }

  #emit(
    operation: string,
    inputs: readonly OnnxValue[],
    attributes: Attributes = {},
    output = this.#claim(`${operation} ${this.#nodes.length}`),
  ): OnnxValue {
    for (const input of inputs)
      if (!this.#names.has(input))
        throw graphInvalid(`${operation} takes ${input}, which is not in this graph`);
    this.#nodes.push(
      messageField(1, [
        ...inputs.map((input) => textField(1, input)),
        textField(2, output),
        textField(4, operation),
        ...describeAttributes(attributes),
      ]),
    );
    return output;
  }

  /** ONNX has one name space for inputs, constants and results: a second use would quietly mean the first. */
  #claim(name: string): OnnxValue {
    if (this.#names.has(name)) throw graphInvalid(`the name ${name} is taken in graph ${this.#name}`);
    this.#names.add(name);
    return name as OnnxValue;
  }
}

function describeAttributes(attributes: Attributes): Uint8Array[] {
  const integers = Object.entries(attributes.integers ?? {}).map(([name, value]) =>
    messageField(5, [textField(1, name), integerField(3, value), integerField(20, 2)]),
  );
  const floats = Object.entries(attributes.floats ?? {}).map(([name, value]) =>
    messageField(5, [textField(1, name), floatField(2, value), integerField(20, 1)]),
  );
  return [...integers, ...floats];
}

/** A `ValueInfoProto`: name, element type and shape. */
function describeValue(
  field: number,
  name: string,
  dimensions: readonly OnnxDimension[],
  type: OnnxElementType,
): Uint8Array {
  const shape = dimensions.map((length) =>
    messageField(1, [typeof length === 'string' ? textField(2, length) : integerField(1, length)]),
  );
  const tensor = messageField(1, [integerField(1, ELEMENT_TYPES[type]), messageField(2, shape)]);
  return messageField(field, [textField(1, name), messageField(2, [tensor])]);
}

function graphInvalid(reason: string): MlschedError {
  return new MlschedError('MLS_NATIVE_ONNX_GRAPH', `cannot build this ONNX graph: ${reason}`, {
    kind: 'internal',
    hint: 'Names are unique in a graph, and values belong to the graph that made them.',
  });
}
