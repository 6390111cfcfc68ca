import { z } from 'zod';
import { requestInvalid, shapeInvalid } from './errors.ts';
import { DATATYPES, elementCount } from './tensor.ts';
import type { Datatype, NumberArray, Tensor } from './tensor.ts';

const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const;

const parameters = z.record(z.string(), z.unknown()).optional();

const RequestForm = z.object({
  id: z.string().max(256).optional(),
  parameters,
  inputs: z
    .array(
      z.object({
        name: z.string().max(256),
        shape: z.array(z.int().nonnegative()).max(8),
        datatype: z.enum(DATATYPES),
        parameters,
        data: z.array(z.unknown()).optional(),
      }),
    )
    .min(1)
    .max(64),
  outputs: z.array(z.object({ name: z.string(), parameters })).optional(),
});

type InputForm = z.output<typeof RequestForm>['inputs'][number];

/** A request as the model sees it, and how the answer is wanted. */
export interface InferRequest {
  readonly id: string | undefined;
  readonly inputs: readonly Tensor[];
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Names of the wanted outputs; all when undefined. */
  readonly outputs: readonly string[] | undefined;
  isBinaryOutput(name: string): boolean;
}

/**
 * Reads the body of a v2 inference request.
 *
 * @param body - JSON, followed by raw tensors (little-endian, row-major) when `jsonLength` says where the JSON ends.
 * @param jsonLength - Value of the header `inference-header-content-length`; undefined when all of it is JSON.
 * @throws MlschedError `MLS_SERVING_REQUEST`, `MLS_SERVING_SHAPE`.
 */
export function decodeRequest(body: Buffer, jsonLength: number | undefined): InferRequest {
  const headerLength = jsonLength ?? body.length;
  if (headerLength > body.length) throw requestInvalid('the JSON part is longer than the body');
  const form = parseForm(body.subarray(0, headerLength));
  const raw = new RawReader(body.subarray(headerLength));
  const inputs = form.inputs.map((input) => decodeInput(input, raw));
  raw.end();
  const byDefault = form.parameters?.['binary_data_output'] === true;
  return {
    id: form.id,
    inputs,
    parameters: form.parameters ?? {},
    outputs: form.outputs?.map(({ name }) => name),
    isBinaryOutput: (name) => {
      const own = form.outputs?.find((output) => output.name === name)?.parameters?.['binary_data'];
      return typeof own === 'boolean' ? own : byDefault;
    },
  };
}

function parseForm(json: Buffer): z.output<typeof RequestForm> {
  let value: unknown;
  try {
    value = JSON.parse(json.toString('utf8'));
  } catch {
    throw requestInvalid('it is not JSON');
  }
  const checked = RequestForm.safeParse(value);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  throw requestInvalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown form'}`);
}

/** Hands out the raw bytes behind the JSON, in order. */
class RawReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(tensor: string, size: number): Buffer {
    const end = this.#at + size;
    if (end > this.#bytes.length) {
      throw requestInvalid(`tensor ${tensor} wants ${size} bytes, ${this.#bytes.length - this.#at} are left`);
    }
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw requestInvalid(`${left} bytes follow the last tensor`);
  }
}

function decodeInput(input: InputForm, raw: RawReader): Tensor {
  const { name, datatype, shape } = input;
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count)) throw shapeInvalid(name, 'is too large');
  const size = input.parameters?.['binary_data_size'];
  if (size !== undefined) {
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0)
      throw requestInvalid(`binary_data_size of ${name} is no size`);
    return { name, datatype, shape, data: decodeBytes(name, datatype, count, raw.take(name, size)) };
  }
  if (input.data === undefined) throw requestInvalid(`tensor ${name} has no data`);
  const flat = flatten(name, input.data, count);
  if (flat.length !== count) throw shapeInvalid(name, `has ${flat.length} values, its shape wants ${count}`);
  return { name, datatype, shape, data: decodeValues(name, datatype, flat) };
}

/** Nested or flat lists, as the protocol allows both; never longer than the shape says. */
function flatten(name: string, data: readonly unknown[], count: number): unknown[] {
  const flat = data.flat(8);
  if (flat.length > count) throw shapeInvalid(name, `has ${flat.length} values, its shape wants ${count}`);
  return flat;
}

function decodeValues(name: string, datatype: Datatype, values: readonly unknown[]): Tensor['data'] {
  if (datatype === 'BYTES') {
    if (values.every((value) => typeof value === 'string')) return values;
    throw shapeInvalid(name, 'holds something that is no text');
  }
  const array: NumberArray = new ARRAYS[datatype](values.length);
  const isBig = array instanceof BigInt64Array || array instanceof BigUint64Array;
  for (let i = 0; i < values.length; i++) {
    const value = toNumber(name, datatype, values[i]);
    array[i] = isBig ? toBig(name, value) : value;
  }
  return array;
}

function toNumber(name: string, datatype: Datatype, value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean' && datatype === 'BOOL') return Number(value);
  // JSON has no NaN: null is the unknown of floating-point tensors.
  if (value === null && (datatype === 'FP32' || datatype === 'FP64')) return Number.NaN;
  throw shapeInvalid(name, `holds ${JSON.stringify(value)}, numbers are wanted`);
}

function toBig(name: string, value: number): bigint {
  if (!Number.isInteger(value)) throw shapeInvalid(name, `holds ${value}, whole numbers are wanted`);
  return BigInt(value);
}

function decodeBytes(name: string, datatype: Datatype, count: number, bytes: Buffer): Tensor['data'] {
  if (datatype === 'BYTES') return decodeTexts(name, count, bytes);
  const Kind = ARRAYS[datatype];
  const wanted = count * Kind.BYTES_PER_ELEMENT;
  if (bytes.length !== wanted)
    throw shapeInvalid(name, `has ${bytes.length} bytes, its shape wants ${wanted}`);
  // Copied: a typed array must begin at a multiple of its element size.
  return new Kind(Uint8Array.from(bytes).buffer);
}

/** Each text is its length in 4 bytes, little-endian, and its bytes. */
function decodeTexts(name: string, count: number, bytes: Buffer): string[] {
  const found: string[] = [];
  let at = 0;
  while (at < bytes.length && found.length < count) {
    const end = at + 4 <= bytes.length ? at + 4 + bytes.readUInt32LE(at) : Infinity;
    if (end > bytes.length) break;
    found.push(bytes.toString('utf8', at + 4, end));
    at = end;
  }
  if (found.length !== count || at !== bytes.length) throw shapeInvalid(name, `does not hold ${count} texts`);
  return found;
}

/** Body of an answer; `jsonLength` is undefined when all of it is JSON. */
export interface EncodedAnswer {
  readonly body: Buffer;
  readonly jsonLength: number | undefined;
}

/**
 * Writes the answer of a v2 inference request, outputs in binary where that is wanted.
 *
 * @remarks NaN has no form in JSON and becomes `null` there; in binary it stays NaN.
 */
export function encodeAnswer(
  answer: { readonly model: string; readonly version: string; readonly outputs: readonly Tensor[] },
  request: InferRequest,
): EncodedAnswer {
  const raw: Buffer[] = [];
  const outputs = answer.outputs.map((tensor) => {
    const { name, datatype, shape } = tensor;
    if (!request.isBinaryOutput(name)) return { name, datatype, shape, data: toJsonValues(tensor) };
    const bytes = encodeBytes(tensor);
    raw.push(bytes);
    return { name, datatype, shape, parameters: { binary_data_size: bytes.length } };
  });
  const json = Buffer.from(
    JSON.stringify({
      ...(request.id === undefined ? {} : { id: request.id }),
      model_name: answer.model,
      model_version: answer.version,
      outputs,
    }),
  );
  return raw.length === 0
    ? { body: json, jsonLength: undefined }
    : { body: Buffer.concat([json, ...raw]), jsonLength: json.length };
}

function toJsonValues({ data, datatype }: Tensor): unknown[] {
  if (datatype === 'BOOL') return Array.from(data as Uint8Array, Boolean);
  // JSON.stringify writes NaN as null; a bigint it refuses.
  return Array.from(data as ArrayLike<unknown>, (value) =>
    typeof value === 'bigint' ? Number(value) : value,
  );
}

function encodeBytes({ data, datatype }: Tensor): Buffer {
  if (datatype === 'BYTES') return Buffer.concat((data as readonly string[]).map(encodeText));
  const array = data as NumberArray;
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}
