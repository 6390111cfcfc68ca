import { crc32c } from './crc32c.ts';
import { brokenStream, unsupportedChunk } from './errors.ts';
import { post, translateFetch } from './http.ts';
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
  return { protocol: 'remote-read', read: (selection) => readRemote(options, selection) };
}

async function* readRemote(
  options: PrometheusOptions,
  selection: SampleSelection,
): AsyncGenerator<PrometheusSeries> {
  const response = await post(options, '/api/v1/read', {
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-read-version': '0.1.0',
    },
    body: encodeSnappy(encodeRequest(selection)),
  });
  if (response.headers.get('content-type')?.startsWith(STREAMED_TYPE) !== true || response.body === null) {
    throw brokenStream(options.url, 'not the streamed form of remote read');
  }
  let open: OpenSeries | undefined;
  for await (const frame of readFrames(options, response.body)) {
    for (const part of guardFrame(options, frame, selection)) {
      // A long series goes on in the next frame under the same labels.
      if (open !== undefined && open.key !== part.key) {
        yield finish(open);
        open = undefined;
      }
      open = open === undefined ? part : join(open, part);
    }
  }
  if (open !== undefined) yield finish(open);
}

interface OpenSeries {
  readonly key: string;
  readonly labels: Record<string, string>;
  readonly samples: SampleBuffer;
}

function join(open: OpenSeries, part: OpenSeries): OpenSeries {
  const { samples } = part;
  open.samples.reserve(samples.length);
  open.samples.timesMs.set(samples.timesMs.subarray(0, samples.length), open.samples.length);
  open.samples.values.set(samples.values.subarray(0, samples.length), open.samples.length);
  open.samples.length += samples.length;
  return open;
}

function finish({ labels, samples }: OpenSeries): PrometheusSeries {
  return { labels, ...sortSamples(samples) };
}

function encodeRequest({ matchers, startMs, endMs }: SampleSelection): Uint8Array {
  const query = new MessageWriter().number(1, startMs).number(2, endMs - 1);
  for (const { type, name, value } of matchers) {
    query.bytes(3, new MessageWriter().number(1, MATCHER_TYPE[type]).text(2, name).text(3, value).finish());
  }
  return new MessageWriter().bytes(1, query.finish()).number(2, STREAMED_XOR_CHUNKS).finish();
}

/** Frames: length as a varint, CRC-32C big-endian, message. */
async function* readFrames(
  options: PrometheusOptions,
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let pending = new Uint8Array();
  try {
    for await (const piece of body) {
      pending = concatenate(pending, piece);
      let frame = takeFrame(options, pending);
      while (frame !== undefined) {
        yield frame.message;
        pending = pending.subarray(frame.end);
        frame = takeFrame(options, pending);
      }
    }
  } catch (error) {
    throw translateFetch(options, error);
  }
  if (pending.length > 0) throw brokenStream(options.url, 'it ends inside a frame');
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function takeFrame(
  options: PrometheusOptions,
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
  if (crc32c(message) !== expected) throw brokenStream(options.url, 'a frame has a wrong checksum');
  return { message, end };
}

function guardFrame(options: PrometheusOptions, frame: Uint8Array, selection: SampleSelection): OpenSeries[] {
  try {
    const series: OpenSeries[] = [];
    for (const { field, bytes } of readFields(frame)) {
      if (field === 1) series.push(readSeries(options, bytes, selection));
    }
    return series;
  } catch (error) {
    if (error instanceof RangeError) throw brokenStream(options.url, error.message);
    throw error;
  }
}

function readSeries(options: PrometheusOptions, message: Uint8Array, selection: SampleSelection): OpenSeries {
  const labels: Record<string, string> = {};
  const samples = new SampleBuffer();
  for (const { field, bytes } of readFields(message)) {
    if (field === 1) readLabel(bytes, labels);
    else if (field === 2) readChunk(options, bytes, { labels, samples, selection });
  }
  return { key: JSON.stringify(labels), labels, samples };
}

const decoder = new TextDecoder();

function readLabel(message: Uint8Array, labels: Record<string, string>): void {
  let name = '';
  let value = '';
  for (const { field, bytes } of readFields(message)) {
    if (field === 1) name = decoder.decode(bytes);
    else value = decoder.decode(bytes);
  }
  labels[name] = value;
}

function readChunk(
  options: PrometheusOptions,
  message: Uint8Array,
  into: { labels: Readonly<Record<string, string>>; samples: SampleBuffer; selection: SampleSelection },
): void {
  let encoding = 0;
  let data = new Uint8Array();
  for (const { field, number, bytes } of readFields(message)) {
    if (field === 3) encoding = number;
    else if (field === 4) data = bytes as Uint8Array<ArrayBuffer>;
  }
  if (encoding !== XOR_ENCODING)
    throw unsupportedChunk(options.url, into.labels['__name__'] ?? '?', encoding);
  decodeXorChunk(data, into.samples, into.selection.startMs, into.selection.endMs);
}
