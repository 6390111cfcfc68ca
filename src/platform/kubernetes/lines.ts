import { StringDecoder } from 'node:string_decoder';
import { MIB } from '#kernel/units';

/** Longer than any object that etcd holds by far. */
const MAX_LINE_CHARACTERS = 16 * MIB;

/**
 * Splits a stream of bytes into lines: what arrived together is one batch, empty lines are left out, a last line
 * without an end is dropped, since it was cut.
 *
 * @throws RangeError for a line without bound.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  const decoder = new StringDecoder('utf8');
  let pending: string[] = [];
  let pendingLength = 0;
  for await (const chunk of chunks) {
    const text = decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    const end = text.lastIndexOf('\n');
    if (end < 0) {
      pending.push(text);
      pendingLength += text.length;
      if (pendingLength > MAX_LINE_CHARACTERS) throw new RangeError('a line has no end');
      continue;
    }
    pending.push(text.slice(0, end));
    const lines = pending
      .join('')
      .split('\n')
      .filter((line) => line !== '');
    pending = [text.slice(end + 1)];
    pendingLength = text.length - end - 1;
    if (lines.length > 0) yield lines;
  }
}
