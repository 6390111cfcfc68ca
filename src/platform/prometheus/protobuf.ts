/** One field of a message: a number (wire type 0) or bytes (wire type 2). */
export interface WireField {
  readonly field: number;
  readonly number: number;
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array();

/**
 * Walks the fields of a protobuf message, as far as the remote read messages need it: variable integers up to
 * 2^53 and length-delimited bytes.
 *
 * @throws RangeError when the message ends inside a field or uses another wire type.
 */
export function* readFields(message: Uint8Array): Generator<WireField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= message.length) throw new RangeError('message ends inside a number');
      const byte = message[at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const value = varint();
    if ((tag & 7) === 0) {
      yield { field: tag >>> 3, number: value, bytes: NO_BYTES };
    } else if ((tag & 7) === 2 && at + value <= message.length) {
      yield { field: tag >>> 3, number: 0, bytes: message.subarray(at, at + value) };
      at += value;
    } else {
      throw new RangeError(`field ${tag >>> 3} cannot be read`);
    }
  }
}

/** Bytes of a protobuf message under construction. */
export class MessageWriter {
  readonly #bytes: number[] = [];

  number(field: number, value: number): this {
    this.#varint(field << 3);
    this.#varint(value);
    return this;
  }

  bytes(field: number, content: Uint8Array): this {
    this.#varint((field << 3) | 2);
    this.#varint(content.length);
    this.#bytes.push(...content);
    return this;
  }

  text(field: number, content: string): this {
    return this.bytes(field, new TextEncoder().encode(content));
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#bytes.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    this.#bytes.push(rest);
  }
}
