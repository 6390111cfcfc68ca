import { modelCorrupt } from '../errors.ts';

/** A UBJSON value: typed arrays stay typed, so a model of many trees costs no boxed numbers. */
export type UbjValue = string | number | boolean | null | UbjArray | UbjObject;
type UbjArray =
  readonly UbjValue[] | Float32Array | Float64Array | Int32Array | Int16Array | Int8Array | Uint8Array;
interface UbjObject {
  readonly [key: string]: UbjValue;
}

/** Deeper nesting than any model has: guards the stack against crafted bytes. */
const DEEPEST = 64;

/**
 * Decodes the dialect of UBJSON (draft 12) that XGBoost writes: big-endian, strongly typed arrays.
 *
 * @throws MlschedError `MLS_NATIVE_MODEL_CORRUPT` for truncated bytes, an unknown marker or trailing bytes.
 */
export function decodeUbj(bytes: Uint8Array): UbjValue {
  const reader = new UbjReader(bytes);
  const value = reader.readValue(reader.readMarker(), 0);
  reader.expectEnd();
  return value;
}

class UbjReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #text = new TextDecoder('utf-8', { fatal: true });
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  readMarker(): string {
    return String.fromCharCode(this.#bytes[this.#take(1)] as number);
  }

  expectEnd(): void {
    if (this.#at !== this.#bytes.length) throw modelCorrupt(`bytes follow the end at ${this.#at}`);
  }

  readValue(marker: string, depth: number): UbjValue {
    if (depth > DEEPEST) throw modelCorrupt(`nested deeper than ${DEEPEST}`);
    switch (marker) {
      case '{':
        return this.#readObject(depth);
      case '[':
        return this.#readArray(depth);
      case 'S':
        return this.#readText();
      case 'C':
        return this.readMarker();
      case 'Z':
        return null;
      case 'T':
        return true;
      case 'F':
        return false;
      default:
        return this.#readNumber(marker);
    }
  }

  #readNumber(marker: string): number {
    const view = this.#view;
    switch (marker) {
      case 'i':
        return view.getInt8(this.#take(1));
      case 'U':
        return view.getUint8(this.#take(1));
      case 'I':
        return view.getInt16(this.#take(2));
      case 'l':
        return view.getInt32(this.#take(4));
      case 'L':
        return Number(view.getBigInt64(this.#take(8)));
      case 'd':
        return view.getFloat32(this.#take(4));
      case 'D':
        return view.getFloat64(this.#take(8));
      default:
        throw modelCorrupt(`unknown marker at byte ${this.#at - 1}`);
    }
  }

  #readLength(): number {
    const length = this.#readNumber(this.readMarker());
    if (!Number.isInteger(length) || length < 0) throw modelCorrupt(`a length of ${length}`);
    return length;
  }

  #readText(): string {
    const length = this.#readLength();
    const from = this.#take(length);
    try {
      return this.#text.decode(this.#bytes.subarray(from, from + length));
    } catch {
      throw modelCorrupt(`text at byte ${from} is not UTF-8`);
    }
  }

  #readObject(depth: number): UbjObject {
    const entries: [string, UbjValue][] = [];
    while (this.#peek() !== '}') {
      const key = this.#readText();
      entries.push([key, this.readValue(this.readMarker(), depth + 1)]);
    }
    this.#take(1);
    return Object.fromEntries(entries);
  }

  #readArray(depth: number): UbjArray {
    const type = this.#peek() === '$' ? this.#readElementType() : undefined;
    if (this.#peek() === '#') {
      this.#take(1);
      const length = this.#readLength();
      return type === undefined ? this.#readCounted(length, depth) : this.#readTyped(type, length);
    }
    const items: UbjValue[] = [];
    while (this.#peek() !== ']') items.push(this.readValue(this.readMarker(), depth + 1));
    this.#take(1);
    return items;
  }

  #readElementType(): string {
    this.#take(1);
    return this.readMarker();
  }

  #readCounted(length: number, depth: number): UbjValue[] {
    // Each item takes a byte or more: a larger length is refused before memory is asked for.
    if (length > this.#bytes.length - this.#at) throw modelCorrupt('an array is longer than the file');
    return Array.from({ length }, () => this.readValue(this.readMarker(), depth + 1));
  }

  #readTyped(type: string, length: number): UbjArray {
    switch (type) {
      case 'i':
        return new Int8Array(this.#copyNative(length, 1));
      case 'U':
        return new Uint8Array(this.#copyNative(length, 1));
      case 'I':
        return new Int16Array(this.#copyNative(length, 2));
      case 'l':
        return new Int32Array(this.#copyNative(length, 4));
      case 'L':
        return Float64Array.from(new BigInt64Array(this.#copyNative(length, 8)), Number);
      case 'd':
        return new Float32Array(this.#copyNative(length, 4));
      case 'D':
        return new Float64Array(this.#copyNative(length, 8));
      default:
        throw modelCorrupt(`an array of unknown type at byte ${this.#at}`);
    }
  }

  /** Copies numbers and turns big-endian into this machine's little-endian. */
  #copyNative(length: number, size: 1 | 2 | 4 | 8): ArrayBuffer {
    const from = this.#take(length * size);
    const copy = new ArrayBuffer(length * size);
    new Uint8Array(copy).set(this.#bytes.subarray(from, from + length * size));
    const swapped = Buffer.from(copy);
    if (size === 2) swapped.swap16();
    else if (size === 4) swapped.swap32();
    else if (size === 8) swapped.swap64();
    return copy;
  }

  #peek(): string {
    if (this.#at >= this.#bytes.length) throw modelCorrupt(`it ends after ${this.#at} bytes`);
    return String.fromCharCode(this.#bytes[this.#at] as number);
  }

  /** Moves on by `count` bytes and returns where they begin. */
  #take(count: number): number {
    const from = this.#at;
    if (from + count > this.#bytes.length) throw modelCorrupt(`it ends after ${this.#bytes.length} bytes`);
    this.#at = from + count;
    return from;
  }
}
