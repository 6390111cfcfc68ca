/** Longest literal that a tag of one length byte can announce. */
const LITERAL_BYTES = 256;
const TAG_ONE_LENGTH_BYTE = 60 << 2;

/**
 * Wraps bytes in the snappy block format without compressing them: a length, then literals only. Any snappy
 * reader takes it; requests are some hundred bytes, so there is nothing to gain.
 */
export function encodeSnappy(content: Uint8Array): Uint8Array {
  const parts: number[] = [];
  let length = content.length;
  while (length >= 128) {
    parts.push((length & 127) | 128);
    length >>>= 7;
  }
  parts.push(length);
  for (let start = 0; start < content.length; start += LITERAL_BYTES) {
    const literal = content.subarray(start, start + LITERAL_BYTES);
    parts.push(TAG_ONE_LENGTH_BYTE, literal.length - 1, ...literal);
  }
  return Uint8Array.from(parts);
}
