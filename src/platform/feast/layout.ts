/**
 * The bytes in which Feast keeps online features in Redis (`entity_key_serialization_version: 3`), as Feast's own
 * "online store format" describes them. One hash an entity; a field a feature; one more field for a view's event time.
 */

/** Numbers that `feast.types.ValueType` gives its types. */
const STRING_TYPE = 2;
/** Field numbers of `feast.types.Value`, with protobuf's wire type in the low bits. */
const TAGS = { int32: 0x18, int64: 0x20, double: 0x29, float: 0x35, bool: 0x38 } as const;
/** Field 1 (seconds) and 2 (nanos) of `google.protobuf.Timestamp`. */
const SECONDS_TAG = 0x08;
const NANOS_TAG = 0x10;

/**
 * Key of an entity's hash.
 *
 * @param joinKeys - Names of the columns that name an entity, in any order.
 * @param values - Their values, in the same order.
 */
export function entityKey(joinKeys: readonly string[], values: readonly string[], project: string): Buffer {
  // By code point, as Python sorts; JavaScript's own order is by UTF-16 unit and differs past the basic plane.
  const order = joinKeys
    .map((name, i) => ({ name: Buffer.from(name), value: Buffer.from(values[i] as string) }))
    .sort((a, b) => Buffer.compare(a.name, b.name));
  const parts: Buffer[] = [words(order.length)];
  for (const { name } of order) parts.push(words(STRING_TYPE, name.length), name);
  for (const { value } of order) parts.push(words(STRING_TYPE, value.length), value);
  parts.push(Buffer.from(project));
  return Buffer.concat(parts);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value, i * 4);
  return bytes;
}

/** Field of a feature: murmur3 of `view:feature`, little endian. */
export function featureField(view: string, feature: string): Buffer {
  return words(murmur3(Buffer.from(`${view}:${feature}`)));
}

/** Field of a view's event time. */
export function timeField(view: string): Buffer {
  return Buffer.from(`_ts:${view}`);
}

/** MurmurHash3 x86, 32 bits, seed 0 (Appleby 2008, public domain). */
function murmur3(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const blocks = data.length & ~3;
  let hash = 0;
  for (let i = 0; i < blocks; i += 4) {
    hash ^= mixBlock(view.getInt32(i, true));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = data.length - 1; i >= blocks; i--) tail = (tail << 8) | (data[i] as number);
  if (data.length > blocks) hash ^= mixBlock(tail);
  hash ^= data.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixBlock(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

const UNKNOWN_VALUE = Buffer.alloc(0);

/** A feature of type Float32; unknown is the empty value, which Feast serves as null. */
export function encodeFloat(value: number): Buffer {
  if (Number.isNaN(value)) return UNKNOWN_VALUE;
  const bytes = Buffer.allocUnsafe(5);
  bytes[0] = TAGS.float;
  bytes.writeFloatLE(value, 1);
  return bytes;
}

/**
 * A numeric or boolean feature as Feast writes it, in the bytes from `from` to `end` (exclusive).
 *
 * @returns NaN for null and for types that are no numbers.
 */
export function decodeNumber(bytes: Buffer, from = 0, end = bytes.length): number {
  const size = end - from;
  if (size < 2) return Number.NaN;
  const tag = bytes[from] as number;
  switch (tag) {
    case TAGS.float:
      return size < 5 ? Number.NaN : bytes.readFloatLE(from + 1);
    case TAGS.double:
      return size < 9 ? Number.NaN : bytes.readDoubleLE(from + 1);
    case TAGS.int32:
    case TAGS.int64:
    case TAGS.bool:
      return Number(BigInt.asIntN(64, readVarint(bytes, from + 1).value));
    default:
      return Number.NaN;
  }
}

/** A moment as `google.protobuf.Timestamp`. */
export function encodeTime(timeMs: number): Buffer {
  const seconds = Math.floor(timeMs / 1000);
  const nanos = Math.round(timeMs - seconds * 1000) * 1_000_000;
  return Buffer.from([
    ...(seconds === 0 ? [] : [SECONDS_TAG, ...varint(BigInt(seconds))]),
    ...(nanos === 0 ? [] : [NANOS_TAG, ...varint(BigInt(nanos))]),
  ]);
}

/** @returns NaN for what is no timestamp. */
export function decodeTime(bytes: Buffer): number {
  let timeMs = 0;
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at];
    const { value, next } = readVarint(bytes, at + 1);
    if (tag !== SECONDS_TAG && tag !== NANOS_TAG) return Number.NaN;
    const amount = Number(BigInt.asIntN(64, value));
    timeMs += tag === SECONDS_TAG ? amount * 1000 : Math.floor(amount / 1e6);
    at = next;
  }
  return timeMs;
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

function readVarint(bytes: Buffer, from: number): { value: bigint; next: number } {
  let value = 0n;
  let at = from;
  for (let shift = 0n; at < bytes.length && shift < 64n; shift += 7n) {
    const byte = bytes[at++] as number;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) break;
  }
  return { value, next: Math.max(at, from + 1) };
}
