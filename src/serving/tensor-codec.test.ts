import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeRequest, encodeAnswer } from './tensor-codec.ts';
import { DATATYPES } from './tensor.ts';
import type { Datatype, Tensor } from './tensor.ts';

function jsonBody(request: unknown): Buffer {
  return Buffer.from(JSON.stringify(request));
}

/** A tensor of any type with values that its type can hold. */
const anyTensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom(...DATATYPES), fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 3 }))
  .chain(([datatype, rows, width]) =>
    fc
      .array(valueOf(datatype), { minLength: rows * width, maxLength: rows * width })
      .map((values) => ({ name: 'x', datatype, shape: [rows, width], data: pack(datatype, values) })),
  );

function valueOf(datatype: Datatype): fc.Arbitrary<number | string> {
  if (datatype === 'BYTES') return fc.string({ unit: 'grapheme', maxLength: 20 });
  if (datatype === 'BOOL') return fc.integer({ min: 0, max: 1 });
  if (datatype === 'FP32') return fc.float({ noDefaultInfinity: true, noNaN: true });
  if (datatype === 'FP64') return fc.double({ noDefaultInfinity: true, noNaN: true });
  return fc.integer({ min: 0, max: 100 });
}

function pack(datatype: Datatype, values: (number | string)[]): Tensor['data'] {
  if (datatype === 'BYTES') return values as string[];
  const data = values.map((value) => (datatype === 'BOOL' ? value === 1 : value));
  const request = { inputs: [{ name: 'x', datatype, shape: [values.length], data }] };
  const [tensor] = decodeRequest(jsonBody(request), undefined).inputs;
  return tensor?.data ?? [];
}

function plain(tensor: Tensor | undefined): unknown {
  return tensor && { ...tensor, data: Array.from(tensor.data as ArrayLike<unknown>, String) };
}

test('what goes out in binary or in JSON comes back the same, for every type', () => {
  fc.assert(
    fc.property(fc.array(anyTensor, { minLength: 1, maxLength: 3 }), fc.boolean(), (tensors, isBinary) => {
      const outputs = tensors.map((tensor, i) => ({ ...tensor, name: `t${i}` }));
      const wanted = {
        id: 'a',
        inputs: [],
        parameters: {},
        outputs: undefined,
        isBinaryOutput: () => isBinary,
      };
      const { body, jsonLength } = encodeAnswer({ model: 'm', version: '1', outputs }, wanted);
      const head = JSON.parse(body.subarray(0, jsonLength ?? body.length).toString()) as {
        outputs: unknown[];
      };
      const request = Buffer.concat([
        jsonBody({ inputs: head.outputs }),
        body.subarray(jsonLength ?? body.length),
      ]);
      const length = jsonBody({ inputs: head.outputs }).length;
      const { inputs } = decodeRequest(request, isBinary ? length : undefined);
      assert.deepEqual(inputs.map(plain), outputs.map(plain));
    }),
  );
});

test('null is NaN in floating-point tensors only, and NaN goes out as null', () => {
  const input = { name: 'x', datatype: 'FP32', shape: [2], data: [1, null] };
  const request = decodeRequest(jsonBody({ inputs: [input] }), undefined);
  assert.deepEqual(Array.from((request.inputs[0] as Tensor).data as Float32Array), [1, Number.NaN]);
  const { body } = encodeAnswer({ model: 'm', version: '1', outputs: request.inputs }, request);
  assert.deepEqual((JSON.parse(body.toString()) as { outputs: { data: unknown }[] }).outputs[0]?.data, [
    1,
    null,
  ]);
  assert.throws(() => decodeRequest(jsonBody({ inputs: [{ ...input, datatype: 'INT32' }] }), undefined), {
    code: 'MLS_SERVING_SHAPE',
  });
});

test('nested and flat lists are the same tensor', () => {
  const read = (data: unknown[]) =>
    decodeRequest(jsonBody({ inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 2], data }] }), undefined);
  assert.deepEqual(
    plain(
      read([
        [1, 2],
        [3, 4],
      ]).inputs[0],
    ),
    plain(read([1, 2, 3, 4]).inputs[0]),
  );
});

test('a request that is cut, too long or of another form is refused, and says why', () => {
  const binary = { name: 'x', datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 } };
  const head = jsonBody({ inputs: [binary] });
  const cases: [Buffer, number | undefined, RegExp][] = [
    [Buffer.concat([head, Buffer.alloc(7)]), head.length, /wants 8 bytes, 7 are left/],
    [Buffer.concat([head, Buffer.alloc(9)]), head.length, /1 bytes follow the last tensor/],
    [head, head.length + 1, /longer than the body/],
    [Buffer.from('{"inputs":'), undefined, /not JSON/],
    [jsonBody({ inputs: [] }), undefined, /inputs/],
    [jsonBody({ inputs: [{ ...binary, datatype: 'FP99' }] }), undefined, /datatype/],
    [jsonBody({ inputs: [{ ...binary, shape: [3] }] }), undefined, /wants 8 bytes|has 8 bytes/],
    [
      jsonBody({ inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1] }] }),
      undefined,
      /has 1 values/,
    ],
    [
      jsonBody({ inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 'a'] }] }),
      undefined,
      /numbers/,
    ],
    [jsonBody({ inputs: [{ name: 'x', datatype: 'FP32', shape: [2] }] }), undefined, /no data/],
    [jsonBody({ inputs: [{ ...binary, shape: [1e9, 1e9, 1e9] }] }), undefined, /too large/],
  ];
  for (const [body, length, message] of cases)
    assert.throws(() => decodeRequest(body, length), message, body.toString().slice(0, 80));
});

test('any bytes at all are either read or refused with one of our errors', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.option(fc.integer({ min: 0, max: 250 })),
      (bytes, length) => {
        try {
          decodeRequest(Buffer.from(bytes), length ?? undefined);
        } catch (error) {
          assert.match(String((error as { code?: unknown }).code), /^MLS_SERVING_/);
        }
      },
    ),
  );
});
