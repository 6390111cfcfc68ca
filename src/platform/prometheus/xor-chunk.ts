/** Samples read so far; the arrays grow as needed. */
export class SampleBuffer {
  timesMs = new Float64Array(1024);
  values = new Float64Array(1024);
  length = 0;

  reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.timesMs.length) return;
    const capacity = Math.max(needed, this.timesMs.length * 2);
    const timesMs = new Float64Array(capacity);
    const values = new Float64Array(capacity);
    timesMs.set(this.timesMs.subarray(0, this.length));
    values.set(this.values.subarray(0, this.length));
    this.timesMs = timesMs;
    this.values = values;
  }
}

/** Reads bits from the most significant end. Past the end it reads zeros and `isExhausted` turns true. */
class BitReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, startByte: number) {
    this.#bytes = bytes;
    this.#at = startByte * 8;
  }

  get isExhausted(): boolean {
    return this.#at > this.#bytes.length * 8;
  }

  bit(): number {
    const value = ((this.#bytes[this.#at >> 3] ?? 0) >> (7 - (this.#at & 7))) & 1;
    this.#at++;
    return value;
  }

  /** @param count - 0..32. */
  bits(count: number): number {
    let value = 0;
    for (let rest = count; rest > 0;) {
      const offset = this.#at & 7;
      const take = Math.min(8 - offset, rest);
      const byte = this.#bytes[this.#at >> 3] ?? 0;
      value = value * (1 << take) + ((byte >> (8 - offset - take)) & ((1 << take) - 1));
      this.#at += take;
      rest -= take;
    }
    return value;
  }

  uvarint(): number {
    let value = 0;
    for (let scale = 1; !this.isExhausted; scale *= 128) {
      const byte = this.bits(8);
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  }

  varint(): number {
    const value = this.uvarint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
/** The NaN by which Prometheus says that a series ended (value.StaleNaN). */
const STALE_HIGH = 0x7ff00000;
const STALE_LOW = 2;

/** State of the value stream: the last value's bits and the window of the last difference. */
interface ValueState {
  high: number;
  low: number;
  leading: number;
  trailing: number;
}

/**
 * Decodes one XOR chunk (Pelkonen et al. 2015, "Gorilla", in Prometheus' bit layout) and appends its samples
 * with times in `[startMs, endMs)`, stale markers left out.
 *
 * @throws RangeError when the chunk ends before its last sample.
 */
export function decodeXorChunk(
  chunk: Uint8Array,
  target: SampleBuffer,
  startMs: number,
  endMs: number,
): void {
  if (chunk.length < 2) throw new RangeError('chunk without a header');
  const count = ((chunk[0] as number) << 8) | (chunk[1] as number);
  const reader = new BitReader(chunk, 2);
  const state: ValueState = { high: 0, low: 0, leading: 0, trailing: 0 };
  target.reserve(count);
  let timeMs = 0;
  let deltaMs = 0;
  for (let i = 0; i < count; i++) {
    if (i === 0) {
      timeMs = reader.varint();
      state.high = reader.bits(32);
      state.low = reader.bits(32);
    } else {
      deltaMs = i === 1 ? reader.uvarint() : deltaMs + readDeltaOfDelta(reader);
      timeMs += deltaMs;
      readValue(reader, state);
    }
    if (reader.isExhausted) throw new RangeError(`chunk ends in sample ${i} of ${count}`);
    if (timeMs < startMs || timeMs >= endMs) continue;
    if (state.high === STALE_HIGH && state.low === STALE_LOW) continue;
    words[0] = state.low;
    words[1] = state.high;
    target.timesMs[target.length] = timeMs;
    target.values[target.length] = double[0] as number;
    target.length++;
  }
}

function readDeltaOfDelta(reader: BitReader): number {
  if (reader.bit() === 0) return 0;
  if (reader.bit() === 0) return signed(reader.bits(14), 14);
  if (reader.bit() === 0) return signed(reader.bits(17), 17);
  if (reader.bit() === 0) return signed(reader.bits(20), 20);
  const high = reader.bits(32) | 0;
  return high * 2 ** 32 + reader.bits(32);
}

/** Prometheus counts the highest code as positive, unlike two's complement. */
function signed(code: number, width: number): number {
  return code > 2 ** (width - 1) ? code - 2 ** width : code;
}

function readValue(reader: BitReader, state: ValueState): void {
  if (reader.bit() === 0) return;
  if (reader.bit() === 1) {
    state.leading = reader.bits(5);
    const meaningful = reader.bits(6) || 64;
    state.trailing = 64 - state.leading - meaningful;
  }
  const meaningful = 64 - state.leading - state.trailing;
  const highBits = Math.max(0, meaningful - 32);
  const high = reader.bits(highBits);
  const low = reader.bits(meaningful - highBits);
  const { trailing } = state;
  // A 64-bit left shift by `trailing`, on two 32-bit words.
  if (trailing >= 32) {
    state.high = (state.high ^ (low << (trailing - 32))) >>> 0;
  } else if (trailing === 0) {
    state.high = (state.high ^ high) >>> 0;
    state.low = (state.low ^ low) >>> 0;
  } else {
    state.high = (state.high ^ ((high << trailing) | (low >>> (32 - trailing)))) >>> 0;
    state.low = (state.low ^ (low << trailing)) >>> 0;
  }
}
