import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { crc32c } from './crc32c.ts';
import { MessageWriter, readFields } from './protobuf.ts';
import { sortSamples } from './samples.ts';
import { encodeSnappy } from './snappy.ts';
import { decodeXorChunk, SampleBuffer } from './xor-chunk.ts';

test('CRC-32C gives the published values', () => {
  assert.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(new Uint8Array()), 0);
});

test('a flipped bit always changes the CRC', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), (bytes, at) => {
      const flipped = Uint8Array.from(bytes);
      const index = at % bytes.length;
      flipped[index] = (flipped[index] ?? 0) ^ (1 << (at & 7));

      assert.notEqual(crc32c(flipped), crc32c(bytes));
    }),
    { seed: 1 },
  );
});

test('a message is read as it was written', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 15 }), fc.maxSafeNat(), fc.uint8Array())),
      (fields) => {
        const writer = new MessageWriter();
        for (const [field, number, bytes] of fields) writer.number(field, number).bytes(field, bytes);

        const read = [...readFields(writer.finish())];

        assert.deepEqual(
          read.map(({ field, number, bytes }) => [field, number, [...bytes]]),
          fields.flatMap(([field, number, bytes]) => [
            [field, number, []],
            [field, 0, [...bytes]],
          ]),
        );
      },
    ),
    { seed: 1 },
  );
});

test('a message cut anywhere inside a field is refused', () => {
  const message = new MessageWriter().bytes(1, new Uint8Array(200)).finish();
  for (let length = 1; length < message.length; length++) {
    assert.throws(() => [...readFields(message.subarray(0, length))], RangeError);
  }
});

test('snappy form: length first, then literals of at most 256 bytes', () => {
  const content = Uint8Array.from({ length: 300 }, (_, i) => i & 255);

  const encoded = encodeSnappy(content);

  assert.deepEqual([...encoded.subarray(0, 4)], [(300 & 127) | 128, 300 >> 7, 60 << 2, 255]);
  assert.deepEqual(encoded.subarray(4, 260), content.subarray(0, 256));
  assert.deepEqual([...encoded.subarray(260, 262)], [60 << 2, 43]);
  assert.deepEqual(encoded.subarray(262), content.subarray(256));
});

/** A chunk of one sample at 1 ms with these 64 bits. */
function chunkOf(high: number, low: number): Uint8Array {
  const chunk = new Uint8Array(11);
  const view = new DataView(chunk.buffer);
  view.setUint16(0, 1);
  view.setUint8(2, 2);
  view.setUint32(3, high);
  view.setUint32(7, low);
  return chunk;
}

test('a stale marker is no sample, another NaN is an unknown one', () => {
  const samples = new SampleBuffer();

  decodeXorChunk(chunkOf(0x7ff00000, 2), samples, 0, 10);
  assert.equal(samples.length, 0);

  decodeXorChunk(chunkOf(0x7ff80000, 1), samples, 0, 10);
  assert.equal(samples.length, 1);
  assert.equal(samples.timesMs[0], 1);
  assert.ok(Number.isNaN(samples.values[0]));
});

test('a chunk that ends too early or is noise never hangs and never invents samples', () => {
  assert.throws(() => decodeXorChunk(chunkOf(0, 0).subarray(0, 6), new SampleBuffer(), 0, 10), RangeError);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      const samples = new SampleBuffer();
      try {
        decodeXorChunk(noise, samples, -Infinity, Infinity);
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
      assert.ok(samples.length <= noise.length * 8);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('overlapping chunks: times come once, in order, the later copy wins', () => {
  const samples = new SampleBuffer();
  samples.timesMs.set([1, 2, 3, 2, 4]);
  samples.values.set([10, 20, 30, 21, 40]);
  samples.length = 5;

  assert.deepEqual(sortSamples(samples), {
    timesMs: Float64Array.of(1, 2, 3, 4),
    values: Float64Array.of(10, 21, 30, 40),
  });
});
