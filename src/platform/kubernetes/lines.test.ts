import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { splitLines } from './lines.ts';

test('lines are the same however the bytes were cut, and one that was cut off is dropped', async () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
  await fc.assert(
    fc.asyncProperty(
      fc.array(line),
      line,
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      async (lines, cutOff, sizes) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join('') + cutOff);
        async function* chunks(): AsyncGenerator<Uint8Array> {
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1;
            yield bytes.subarray(at, at + size);
            at += size;
          }
        }
        const found: string[] = [];
        for await (const batch of splitLines(chunks())) found.push(...batch);
        assert.deepEqual(found, lines);
      },
    ),
  );
});
