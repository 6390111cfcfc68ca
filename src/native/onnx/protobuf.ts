/**
 * Writes protobuf wire format: as much of it as an ONNX file needs.
 *
 * @remarks The one npm package of ONNX's messages, onnx-proto 8.0.1, pins protobufjs 6, which is out of support;
 *   the wire format is four small functions.
 */

const text = new TextEncoder();

const VARINT = 0;
const BYTES = 2;
const FIXED_32 = 5;

/** A whole number; negative ones take ten bytes, as the format wants it. */
export function integerField(field: number, value: number | bigint): Uint8Array {
  return join([varint(tag(field, VARINT)), varint(BigInt(value))]);
}

export function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return join([varint(tag(field, FIXED_32)), bytes]);
}

/** Raw bytes or a message that is encoded already. */
export function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  return join([varint(tag(field, BYTES)), varint(BigInt(bytes.length)), bytes]);
}

export function textField(field: number, value: string): Uint8Array {
  return bytesField(field, text.encode(value));
}

export function messageField(field: number, parts: readonly Uint8Array[]): Uint8Array {
  return bytesField(field, join(parts));
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function tag(field: number, wireType: number): bigint {
  return BigInt((field << 3) | wireType);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}
