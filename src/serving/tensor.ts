import { shapeInvalid } from './errors.ts';

/** Data types of the Open Inference Protocol that we read and write. */
export const DATATYPES = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP32',
  'FP64',
  'BYTES',
] as const;
export type Datatype = (typeof DATATYPES)[number];

export type NumberArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** A named array, row-major. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Texts for `BYTES`, numbers otherwise (`BOOL` as 0 and 1). */
  readonly data: NumberArray | readonly string[];
}

/** What a model takes or gives; -1 in the shape is any size. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * The tensor's values as 32-bit floats, converted when they come in another numeric type.
 *
 * @throws MlschedError `MLS_SERVING_SHAPE` for text.
 */
export function toFloats(tensor: Tensor): Float32Array {
  const { data } = tensor;
  if (data instanceof Float32Array) return data;
  if (tensor.datatype === 'BYTES') throw shapeInvalid(tensor.name, 'holds text, numbers are wanted');
  return Float32Array.from(data as ArrayLike<number | bigint>, Number);
}

export function floats(name: string, data: Float32Array, shape: readonly number[]): Tensor {
  return { name, datatype: 'FP32', shape, data };
}

/** @throws MlschedError `MLS_SERVING_SHAPE` when a tensor does not fit what the model takes. */
export function checkShape(tensor: Tensor, spec: TensorSpec): void {
  const fits =
    tensor.shape.length === spec.shape.length &&
    spec.shape.every((size, axis) => size === -1 || size === tensor.shape[axis]);
  if (!fits)
    throw shapeInvalid(
      tensor.name,
      `has shape [${tensor.shape.join(',')}], wanted [${spec.shape.join(',')}]`,
    );
}
