/** First bytes of MessagePack (as Redis' cmsgpack writes strings and what is not there). */
const SHORT_ARRAY = 0x90;
const ARRAY_16 = 0xdc;
const SHORT_STRING = 0xa0;
const STRING_8 = 0xd9;
const STRING_16 = 0xda;

/**
 * Walks an array of strings; anything else in it counts as absent.
 *
 * @param visit - Told the place of each string in the buffer; `from` is -1 for one that is absent.
 * @remarks Only what the read script can answer: at most 65,535 strings of at most 65,535 bytes.
 */
export function eachString(packed: Buffer, visit: (index: number, from: number, end: number) => void): void {
  const first = packed[0] ?? 0;
  const isLong = first === ARRAY_16;
  const count = isLong ? packed.readUInt16BE(1) : first - SHORT_ARRAY;
  let at = isLong ? 3 : 1;
  for (let i = 0; i < count; i++) {
    const kind = packed[at] as number;
    const head = headOf(packed, at, kind);
    if (head === undefined) {
      visit(i, -1, -1);
      at += 1;
      continue;
    }
    const from = at + head.bytes;
    visit(i, from, from + head.length);
    at = from + head.length;
  }
}

// hot: once a value that is read; short strings, which numbers are, allocate nothing
const shortHead = { bytes: 1, length: 0 };

function headOf(packed: Buffer, at: number, kind: number): { bytes: number; length: number } | undefined {
  if (kind >= SHORT_STRING && kind < SHORT_STRING + 32) {
    shortHead.length = kind - SHORT_STRING;
    return shortHead;
  }
  if (kind === STRING_8) return { bytes: 2, length: packed.readUInt8(at + 1) };
  return kind === STRING_16 ? { bytes: 3, length: packed.readUInt16BE(at + 1) } : undefined;
}
