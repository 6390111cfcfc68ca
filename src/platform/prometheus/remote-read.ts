import { crc32c } from './crc32c.ts';
import { brokenStream, unsupportedChunk } from './errors.ts';
import { createTransport } from './http.ts';
import type { Transport } from './http.ts';
import { MessageWriter, readFields } from './protobuf.ts';
import { sortSamples } from './samples.ts';
import { encodeSnappy } from './snappy.ts';
import type {
  LabelMatcher,
  PrometheusOptions,
  PrometheusReader,
  PrometheusSeries,
  SampleSelection,
} from './types.ts';
import { decodeXorChunk, SampleBuffer } from './xor-chunk.ts';

const MATCHER_TYPE: Readonly<Record<LabelMatcher['type'], number>> = { '=': 0, '!=': 1, '=~': 2, '!~': 3 };
const STREAMED_XOR_CHUNKS = 1;
const XOR_ENCODING = 1;
const STREAMED_TYPE = 'application/x-streamed-protobuf';

/**
 * Reads raw samples by the remote read protocol with streamed XOR chunks: the server sends its stored blocks
 * as they are, so a month of 9 M samples takes about a second.
 *
 * Each frame's CRC-32C is checked, and an answer that stops inside a frame is an error.
 */
export function createRemoteReader(options: PrometheusOptions): PrometheusReader {
  const transport = createTransport(options);
  return {
    protocol: 'remote-read',
    read: (selection) => readRemote(options.url, transport, selection),
    clockSkewMs: () => transport.clockSkewMs(),
  };
}

/** What reading one answer needs to know. */
interface Reading {
  readonly url: string;
  readonly selection: SampleSelection;
  /** Samples of the series that is open; one buffer for all series of an answer. */
  readonly samples: SampleBuffer;
}

async function* readRemote(
  url: string,
  transport: Transport,
  selection: SampleSelection,
): AsyncGenerator<PrometheusSeries> {
  const answer = await transport.post('/api/v1/read', {
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-read-version': '0.1.0',
    },
    body: encodeSnappy(encodeRequest(selection)),
  });
  if (answer.headers['content-type']?.startsWith(STREAMED_TYPE) !== true) {
    throw brokenStream(url, 'not the streamed form of remote read');
  }
  const reading: Reading = { url, selection, samples: new SampleBuffer() };
  let open: OpenSeries | undefined;
  for await (const part of readParts(url, answer.body)) {
    // A long series goes on in the next frame under the same labels.
    if (open === undefined || !part.labels.equals(open.labels)) {
      if (open !== undefined) yield finish(open, reading.samples);
      const named = guard(url, () => readLabels(part.labelMessages));
      open = { labels: Buffer.from(part.labels), named };
      reading.samples.length = 0;
    }
    for (const chunk of part.chunks) guard(url, () => readChunk(reading, chunk, open?.named));
  }
  if (open !== undefined) yield finish(open, reading.samples);
}

async function* readParts(url: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<SeriesPart> {
  for await (const frame of readFrames(url, body)) yield* listSeries(url, frame);
}

/** A series or a piece of one, still encoded. */
interface SeriesPart {
  /** All label messages, as sent: the cheapest way to tell series apart. */
  readonly labels: Buffer;
  readonly labelMessages: readonly Uint8Array[];
  readonly chunks: readonly Uint8Array[];
}

interface OpenSeries {
  readonly labels: Buffer;
  readonly named: Readonly<Record<string, string>>;
}

function finish({ named }: OpenSeries, samples: SampleBuffer): PrometheusSeries {
  return { labels: named, ...sortSamples(samples) };
}

/** Numbers that lead outside their message mean that the stream is damaged. */
function guard<T>(url: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw brokenStream(url, error.message);
    throw error;
  }
}

function encodeRequest({ matchers, startMs, endMs }: SampleSelection): Uint8Array {
  const query = new MessageWriter().number(1, startMs).number(2, endMs - 1);
  for (const { type, name, value } of matchers) {
    query.bytes(3, new MessageWriter().number(1, MATCHER_TYPE[type]).text(2, name).text(3, value).finish());
  }
  return new MessageWriter().bytes(1, query.finish()).number(2, STREAMED_XOR_CHUNKS).finish();
}

/** Frames: length as a varint, CRC-32C big-endian, message. */
async function* readFrames(url: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array = new Uint8Array();
  for await (const piece of body) {
    pending = pending.length === 0 ? piece : concatenate(pending, piece);
    let frame = takeFrame(url, pending);
    while (frame !== undefined) {
      yield frame.message;
      pending = pending.subarray(frame.end);
      frame = takeFrame(url, pending);
    }
  }
  if (pending.length > 0) throw brokenStream(url, 'it ends inside a frame');
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function takeFrame(
  url: string,
  pending: Uint8Array,
): { readonly message: Uint8Array; readonly end: number } | undefined {
  let length = 0;
  let at = 0;
  for (let scale = 1; ; scale *= 128) {
    if (at >= pending.length) return undefined;
    const byte = pending[at++] as number;
    length += (byte & 127) * scale;
    if (byte < 128) break;
  }
  const end = at + 4 + length;
  if (end > pending.length) return undefined;
  const expected = new DataView(pending.buffer, pending.byteOffset + at).getUint32(0);
  const message = pending.subarray(at + 4, end);
  if (crc32c(message) !== expected) throw brokenStream(url, 'a frame has a wrong checksum');
  return { message, end };
}

function listSeries(url: string, frame: Uint8Array): SeriesPart[] {
  return guard(url, () =>
    [...readFields(frame)].filter(({ field }) => field === 1).map(({ bytes }) => splitSeries(bytes)),
  );
}

function splitSeries(message: Uint8Array): SeriesPart {
  const labelMessages: Uint8Array[] = [];
  const chunks: Uint8Array[] = [];
  for (const { field, bytes } of readFields(message)) {
    if (field === 1) labelMessages.push(bytes);
    else if (field === 2) chunks.push(bytes);
  }
  // Labels stand together, sorted by name.
  const first = labelMessages[0];
  const last = labelMessages.at(-1);
  const labels =
    first === undefined || last === undefined
      ? Buffer.alloc(0)
      : Buffer.from(first.buffer, first.byteOffset, last.byteOffset + last.length - first.byteOffset);
  return { labels, labelMessages, chunks };
}

const decoder = new TextDecoder();

function readLabels(messages: readonly Uint8Array[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const message of messages) {
    let name = '';
    let value = '';
    for (const { field, bytes } of readFields(message)) {
      if (field === 1) name = decoder.decode(bytes);
      else value = decoder.decode(bytes);
    }
    labels[name] = value;
  }
  return labels;
}

function readChunk(
  { url, selection, samples }: Reading,
  message: Uint8Array,
  labels: Readonly<Record<string, string>> | undefined,
): void {
  let encoding = 0;
  let data: Uint8Array = new Uint8Array();
  for (const { field, number, bytes } of readFields(message)) {
    if (field === 3) encoding = number;
    else if (field === 4) data = bytes;
  }
  if (encoding !== XOR_ENCODING) throw unsupportedChunk(url, labels?.['__name__'] ?? '?', encoding);
  decodeXorChunk(data, samples, selection.startMs, selection.endMs);
}
